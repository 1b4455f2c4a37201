//! The answer that tells how far a registration has come: lines of JSON, the last of which says how it ended.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use steelyard_service::Error;
use steelyard_service::xet::ShardProgress;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error;
use crate::wire::xet::ShardFrame;

/// Clients and proxies give up on a connection without traffic, the client after 20 seconds or more.
pub(super) const PACE: Pace =
    Pace { look: Duration::from_millis(500), silence: Duration::from_secs(15) };

/// How often something is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How often it is looked whether there is something new.
    look: Duration,
    /// After how much silence the last line is sent again.
    silence: Duration,
}

/// The lines for `work`, which answers whether there was something new. It runs on when nobody listens any more: what it
/// does is bounded, and whoever asks again finds it done.
pub(super) fn frames(
    mut work: JoinHandle<Result<bool, Error>>,
    mut progress: watch::Receiver<ShardProgress>,
    pace: Pace,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    async_stream::stream! {
        let mut silent = Duration::ZERO;
        let mut line = line_of(&mut progress);
        yield Ok(line.clone());
        loop {
            match tokio::time::timeout(pace.look, &mut work).await {
                Ok(done) => {
                    yield Ok(terminal(done.unwrap_or_else(|died| Err(Error::internal(died)))));
                    break;
                }
                Err(_) => silent += pace.look,
            }
            let is_news = progress.has_changed().unwrap_or(false);
            if is_news {
                line = line_of(&mut progress);
            }
            if is_news || silent >= pace.silence {
                silent = Duration::ZERO;
                yield Ok(line.clone());
            }
        }
    }
}

fn line_of(progress: &mut watch::Receiver<ShardProgress>) -> Bytes {
    ShardFrame::progress(*progress.borrow_and_update()).line().into()
}

/// The last line. The status is out, so the log hears of a fault of the hub here.
fn terminal(done: Result<bool, Error>) -> Bytes {
    let frame = match done {
        Ok(is_new) => ShardFrame::done(is_new),
        Err(error) => {
            let record = error::ErrorRecord::of(&error);
            error::log(&error, &record);
            let is_passing = record.status.is_server_error()
                && record.status != axum::http::StatusCode::NOT_IMPLEMENTED;
            ShardFrame::failed(&record.message, is_passing)
        }
    };
    frame.line().into()
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::time::{Instant, sleep};

    use super::*;

    const START: ShardProgress = ShardProgress::Validating { verified: 0, total: 0 };
    const QUICK: Pace =
        Pace { look: Duration::from_millis(2), silence: Duration::from_millis(100) };

    async fn collect(
        stream: impl Stream<Item = Result<Bytes, Infallible>>,
    ) -> Vec<(Instant, String)> {
        let told = stream.map(|line| {
            let text = String::from_utf8(line.unwrap().to_vec()).unwrap();
            (Instant::now(), text.trim_end().to_owned())
        });
        told.collect().await
    }

    #[tokio::test]
    async fn what_takes_long_is_not_silent() {
        let (sender, receiver) = watch::channel(START);
        let work = tokio::spawn(async move {
            sleep(QUICK.silence * 3).await;
            for verified in 1..=1000 {
                sender.send_replace(ShardProgress::Validating { verified, total: 1000 });
            }
            sleep(QUICK.silence * 2).await;
            sender.send_replace(ShardProgress::Committing);
            sleep(QUICK.silence / 2).await;
            Ok(true)
        });
        let told = collect(frames(work, receiver, QUICK)).await;
        let mut texts: Vec<_> = told.iter().map(|(_, text)| &**text).collect();
        let (zero, all) = (
            r#"{"type":"validating","verified":0,"total":0}"#,
            r#"{"type":"validating","verified":1000,"total":1000}"#,
        );
        let repeated = |line| texts.iter().filter(|text| **text == line).count();
        assert!(repeated(zero) >= 2 && repeated(all) >= 2, "{texts:?}");
        texts.dedup();
        let committing = r#"{"type":"committing","stage":"syncing"}"#;
        assert_eq!(texts, [zero, all, committing, r#"{"type":"result","result":1}"#]);
        let silences = told.windows(2).map(|pair| pair[1].0 - pair[0].0);
        // As far as a busy machine keeps time.
        assert!(silences.max().unwrap() < QUICK.silence * 5, "{told:?}");
    }

    #[tokio::test]
    async fn every_stream_says_how_it_ended() {
        let ends = [
            (Ok(false), r#"{"type":"result","result":0}"#),
            (
                Err(Error::invalid("shard", "is broken")),
                r#"{"type":"error","message":"invalid shard: is broken","retryable":false}"#,
            ),
            (
                Err(Error::Busy { what: "no memory", retry_after_secs: 1 }),
                r#"{"type":"error","message":"no memory; try again in 1 s","retryable":true}"#,
            ),
            (
                Err(Error::internal("a secret")),
                r#"{"type":"error","message":"internal error","retryable":true}"#,
            ),
            (
                Err(Error::Forbidden("not any more".to_owned())),
                r#"{"type":"error","message":"not any more","retryable":false}"#,
            ),
        ];
        for (end, line) in ends {
            let (_sender, receiver) = watch::channel(START);
            let told = collect(frames(tokio::spawn(async { end }), receiver, PACE)).await;
            assert_eq!(told.last().unwrap().1, line);
        }
        let (_sender, receiver) = watch::channel(START);
        let killed = tokio::spawn(std::future::pending());
        killed.abort();
        let told = collect(frames(killed, receiver, PACE)).await;
        assert!(told.last().unwrap().1.contains(r#""message":"internal error""#), "{told:?}");
    }

    #[tokio::test]
    async fn the_work_goes_on_when_nobody_listens() {
        let (sender, receiver) = watch::channel(START);
        let work = tokio::spawn(async move {
            sleep(QUICK.silence).await;
            sender.send_replace(ShardProgress::Committing);
            Ok(true)
        });
        let mut seen = receiver.clone();
        let mut stream = Box::pin(frames(work, receiver, QUICK));
        stream.next().await.unwrap().unwrap();
        drop(stream);
        let told = seen.wait_for(|progress| matches!(progress, ShardProgress::Committing)).await;
        assert!(told.is_ok());
    }
}
