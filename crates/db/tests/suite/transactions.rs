//! What transactions promise, whatever happens to them.

use std::time::Duration;

use serde_json::json;
use steelyard_core::fault::Moment;
use steelyard_db::{DbError, event, setting};

use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    a_dropped_transaction_leaves_no_trace,
    a_statement_that_fails_takes_the_transaction_with_it,
    a_transaction_that_is_cut_off_leaves_no_trace_and_no_lock,
    injected_faults_are_told_apart,
    bytes_and_texts_come_back_as_they_were,
    closing_is_final,
);

async fn count(base: &Base) -> usize {
    event::list_events(&mut base.read().await, 0, 100_000).await.unwrap().len()
}

async fn a_dropped_transaction_leaves_no_trace(base: Base) {
    let mut tx = base.write().await;
    event::append_event(&mut tx, "lost", None, None, &json!({}), at(1)).await.unwrap();
    assert_eq!(event::list_events(&mut tx, 0, 10).await.unwrap().len(), 1);
    drop(tx);
    let mut tx = base.write().await;
    event::append_event(&mut tx, "kept", None, None, &json!({}), at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let events = event::list_events(&mut base.read().await, 0, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| &*event.kind).collect::<Vec<_>>(), ["kept"]);
}

async fn a_statement_that_fails_takes_the_transaction_with_it(base: Base) {
    let mut tx = base.write().await;
    event::append_event(&mut tx, "before", None, None, &json!({}), at(1)).await.unwrap();
    // No such content: the row would point to nothing.
    let broken = steelyard_db::lfs::ensure_link(&mut tx, 1, sha256(1), "x", at(1)).await;
    let after = event::append_event(&mut tx, "after", None, None, &json!({}), at(1)).await;
    let committed = tx.commit().await;
    assert!(broken.is_err() || after.is_err() || committed.is_err(), "somebody is told");
    if committed.is_err() {
        assert_eq!(count(&base).await, 0);
    }
    // The connection is fit for the next user.
    let mut tx = base.write().await;
    event::append_event(&mut tx, "next", None, None, &json!({}), at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let events = event::list_events(&mut base.read().await, 0, 10).await.unwrap();
    assert_eq!(events.last().unwrap().kind, "next");
    assert_ne!(events.len(), 2, "one statement of the broken transaction without the other");
}

/// Futures are dropped at any await when a client hangs up. Each transaction writes a pair of events.
async fn a_transaction_that_is_cut_off_leaves_no_trace_and_no_lock(base: Base) {
    let mut acknowledged = 0;
    for n in 0..300_u64 {
        let db = base.db.clone();
        let work = async move {
            let mut tx = db.write().await?;
            event::append_event(&mut tx, "pair", None, None, &json!({"n": n}), at(1)).await?;
            setting::ensure_setting(&mut tx, "s", "v").await?;
            event::append_event(&mut tx, "pair", None, None, &json!({"n": n}), at(1)).await?;
            tx.commit().await
        };
        match tokio::time::timeout(Duration::from_micros(n * 10), work).await {
            Ok(done) => {
                done.unwrap();
                acknowledged += 1;
            }
            Err(_cut_off) => {}
        }
    }
    let mut tx =
        tokio::time::timeout(Duration::from_secs(10), base.db.write()).await.unwrap().unwrap();
    event::append_event(&mut tx, "last", None, None, &json!({}), at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let events = event::list_events(&mut base.read().await, 0, 10_000).await.unwrap();
    let pairs: Vec<_> = events.iter().filter(|event| event.kind == "pair").collect();
    assert!(
        pairs.len() / 2 >= acknowledged,
        "{acknowledged} were acknowledged, {} are there",
        pairs.len() / 2
    );
    for pair in pairs.chunks(2) {
        assert_eq!(pair[0].payload, pair[1].payload, "both or none");
    }
}

async fn injected_faults_are_told_apart(base: Base) {
    for moment in [Moment::Before, Moment::After] {
        let mut n = 0;
        loop {
            n += 1;
            let before = count(&base).await;
            base.db.faults().arm(n, moment);
            let result = async {
                let mut tx = base.db.write().await?;
                event::append_event(&mut tx, "e", None, None, &json!({}), at(1)).await?;
                setting::ensure_setting(&mut tx, "s", "v").await?;
                tx.commit().await
            };
            let result = result.await;
            let fired = base.db.faults().disarm();
            let landed = count(&base).await - before;
            match result {
                Ok(()) => assert_eq!(landed, 1),
                Err(DbError::Unavailable(_)) => {
                    assert!(fired && (landed == 0 || moment == Moment::After));
                }
                Err(error) => panic!("{error:?}"),
            }
            if !fired {
                break;
            }
        }
        assert!(n > 2, "{n} calls");
    }
}

async fn bytes_and_texts_come_back_as_they_were(base: Base) {
    let texts = [
        "",
        "'",
        "\"",
        "\\",
        "%_",
        "ünï 中 \u{1F600}",
        "line\nline\ttab",
        "$1 ? :x",
        "{\"a\": [1, null]}",
    ];
    let mut tx = base.write().await;
    for (n, text) in texts.iter().enumerate() {
        assert_eq!(setting::ensure_setting(&mut tx, &n.to_string(), text).await.unwrap(), *text);
        event::append_event(&mut tx, text, None, None, &json!({"t": text}), at(i64::MAX / 2000))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let events = event::list_events(&mut base.read().await, 0, 100).await.unwrap();
    for (text, event) in texts.iter().zip(&events) {
        assert_eq!((&*event.kind, &event.payload["t"]), (*text, &json!(text)));
        assert_eq!(event.at, at(i64::MAX / 2000));
    }
}

async fn closing_is_final(base: Base) {
    base.db.close().await;
    assert!(base.db.read().await.is_err());
    assert!(base.db.write().await.is_err());
}
