//! Claims jobs, keeps their leases and records how they end.

use std::time::{Duration, Instant};

use steelyard_core::Timestamp;
use steelyard_db::job::{self, JobProgress, JobRow};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::JobKind;
use super::progress::Progress;
use crate::{Error, Hub, Result};

/// Jobs one process works on at a time.
const WORKERS: usize = 2;
/// How long a lease lasts without being renewed.
const LEASE_SECS: i64 = 60;
/// How often it is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(20);
/// How often it is told how far a job has come, where that changed.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// How often work is looked for.
const SCAN_EVERY: Duration = Duration::from_secs(5);
/// How often a worker without work asks for some.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// Runs of a job before it counts as failed for good.
const ATTEMPTS_MAX: i64 = 5;
/// Pause before the second run; every later one is four times as long.
const RETRY_SECS: i64 = 10;
/// How long recording that a job was stopped may hold up the end of the process.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// States a job can be in.
const STATES: [&str; 4] = ["waiting", "running", "done", "failed"];

/// How many jobs a call of [`Hub::run_jobs_until_idle`] worked on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobTally {
    /// Runs that succeeded.
    pub done: u64,
    /// Runs that failed; they may be tried again later.
    pub failed: u64,
}

/// How a run ended.
enum Outcome {
    Done,
    Failed(Error),
    /// The process is stopping.
    Stopped,
    /// Another replica has taken the job over.
    Lost,
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
        }
    }
}

/// Looks for work and does it until told to stop.
pub async fn run(hub: Hub, stop: CancellationToken) {
    let wake = Notify::new();
    let workers = (0..WORKERS).map(|_| work(&hub, &stop, &wake));
    tokio::join!(scan(&hub, &stop, &wake), futures_util::future::join_all(workers));
}

async fn scan(hub: &Hub, stop: &CancellationToken, wake: &Notify) {
    loop {
        match hub.scan_for_jobs().await {
            Ok(0) => {}
            Ok(_) => wake.notify_waiters(),
            Err(error) => {
                tracing::warn!(error = chain(&error), "looking for background work failed");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(SCAN_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn work(hub: &Hub, stop: &CancellationToken, wake: &Notify) {
    while !stop.is_cancelled() {
        match Box::pin(hub.work_one_job(stop)).await {
            Ok(Some(_)) => continue,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(error = chain(&error), "claiming or ending a background job failed");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_EVERY) => {}
            () = wake.notified() => {}
            () = stop.cancelled() => return,
        }
    }
}

impl Hub {
    /// Looks for work and does all that is due, on this task; for tests and tools.
    pub async fn run_jobs_until_idle(&self) -> Result<JobTally> {
        let stop = CancellationToken::new();
        let mut tally = JobTally::default();
        loop {
            self.scan_for_jobs().await?;
            let mut worked = false;
            while let Some(outcome) = Box::pin(self.work_one_job(&stop)).await? {
                worked = true;
                match outcome {
                    Outcome::Done => tally.done += 1,
                    Outcome::Failed(_) | Outcome::Stopped | Outcome::Lost => tally.failed += 1,
                }
            }
            if !worked {
                return Ok(tally);
            }
        }
    }

    /// Sets the gauges that tell how many jobs there are.
    pub async fn record_gauges(&self) -> Result<()> {
        let mut conn = self.db().read().await?;
        let counts = job::count_jobs(&mut conn).await?;
        drop(conn);
        for kind in JobKind::ALL {
            for state in STATES {
                let count = counts.iter().find(|(of, is, _)| of == kind.as_str() && is == state);
                let count = u32::try_from(count.map_or(0, |(_, _, n)| *n)).unwrap_or(u32::MAX);
                metrics::gauge!("steelyard_jobs", "kind" => kind.as_str(), "state" => state)
                    .set(f64::from(count));
            }
        }
        Ok(())
    }

    /// Claims the job that is due longest and runs it; `None` when none is due.
    async fn work_one_job(&self, stop: &CancellationToken) -> Result<Option<Outcome>> {
        let now = self.now();
        let mut tx = self.db().write().await?;
        let Some(job) =
            job::claim(&mut tx, &self.settings().node, now, now.plus_secs(LEASE_SECS)).await?
        else {
            return Ok(None);
        };
        tx.commit().await?;
        let kind = JobKind::parse(&job.kind);
        let span = tracing::info_span!(
            "job",
            kind = job.kind,
            subject = job.subject,
            attempt = job.attempts
        );
        let started = Instant::now();
        let progress = Progress::default();
        let outcome = self.run_claimed(kind, &job, &progress, stop).instrument(span.clone()).await;
        if let Some(kind) = kind {
            let kind = kind.as_str();
            metrics::counter!("steelyard_job_runs_total", "kind" => kind, "outcome" => outcome.word()).increment(1);
            metrics::histogram!("steelyard_job_seconds", "kind" => kind)
                .record(started.elapsed().as_secs_f64());
        }
        self.end_job(kind, &job, &progress, &outcome).instrument(span).await?;
        Ok(Some(outcome))
    }

    async fn run_claimed(
        &self,
        kind: Option<JobKind>,
        job: &JobRow,
        progress: &Progress,
        stop: &CancellationToken,
    ) -> Outcome {
        let Some(kind) = kind else {
            return Outcome::Failed(Error::internal(format!(
                "this release knows no job {:?}",
                job.kind
            )));
        };
        // Its earlier runs ended without a word, so perhaps with the process.
        if job.attempts > ATTEMPTS_MAX {
            return Outcome::Failed(Error::internal(
                "the job was started too often and never ended",
            ));
        }
        tokio::select! {
            result = progress.of(self.perform(kind, job)) => match result {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Failed(error),
            },
            () = self.keep_lease(job, progress) => Outcome::Lost,
            () = stop.cancelled() => Outcome::Stopped,
        }
    }

    /// Renews the lease for as long as it can, and tells how far the job has come; returns when somebody else has it.
    async fn keep_lease(&self, job: &JobRow, progress: &Progress) {
        let (mut renewed, mut told) = (Instant::now(), None);
        loop {
            tokio::time::sleep(TELL_EVERY).await;
            let state = progress.get();
            if state == told && renewed.elapsed() < RENEW_EVERY {
                continue;
            }
            (renewed, told) = (Instant::now(), state);
            match self.renew_lease(job, told.as_ref()).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "renewing the lease of a job failed");
                }
            }
        }
    }

    async fn renew_lease(&self, job: &JobRow, progress: Option<&JobProgress>) -> Result<bool> {
        let (mut tx, owner) = (self.db().write().await?, &self.settings().node);
        let until = self.now().plus_secs(LEASE_SECS);
        let is_ours = job::renew(&mut tx, job.id, owner, until).await?;
        if let Some(progress) = progress {
            job::record_progress(&mut tx, job.id, owner, progress).await?;
        }
        tx.commit().await?;
        Ok(is_ours)
    }

    async fn end_job(
        &self,
        kind: Option<JobKind>,
        job: &JobRow,
        progress: &Progress,
        outcome: &Outcome,
    ) -> Result<()> {
        let (now, told) = (self.now(), progress.get());
        match outcome {
            Outcome::Done => self.record_end(kind, job, told, None, None, now).await,
            Outcome::Failed(error) => {
                let text = chain(error);
                let retry_at = retry_at(job.attempts, now);
                tracing::warn!(
                    error = text,
                    is_final = retry_at.is_none(),
                    "a background job failed"
                );
                self.record_end(kind, job, told, Some(&text), retry_at, now).await
            }
            Outcome::Stopped => {
                let why = Some("the process was stopped");
                let recorded = self.record_end(kind, job, told, why, Some(now), now);
                // Too late is no harm: the lease runs out.
                tokio::time::timeout(STOP_TIMEOUT, recorded).await.unwrap_or(Ok(()))
            }
            Outcome::Lost => {
                tracing::warn!("another replica has taken the job over");
                Ok(())
            }
        }
    }

    async fn record_end(
        &self,
        kind: Option<JobKind>,
        job: &JobRow,
        progress: Option<JobProgress>,
        error: Option<&str>,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        let owner = &self.settings().node;
        let mut tx = self.db().write().await?;
        if let Some(progress) = progress {
            job::record_progress(&mut tx, job.id, owner, &progress).await?;
        }
        match error {
            None => job::finish(&mut tx, job.id, owner, now).await?,
            Some(error) => job::fail(&mut tx, job.id, owner, error, retry_at, now).await?,
        }
        if let Some(secs) = kind.and_then(JobKind::interval_secs).filter(|_| retry_at.is_none()) {
            job::enqueue(&mut tx, &job.kind, &job.subject, now.plus_secs(secs), now).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// When a job that failed is run again; `None` after the last attempt.
fn retry_at(attempts: i64, now: Timestamp) -> Option<Timestamp> {
    let earlier = u32::try_from(attempts.max(1) - 1).unwrap_or(u32::MAX);
    (attempts < ATTEMPTS_MAX).then(|| now.plus_secs(RETRY_SECS * 4_i64.saturating_pow(earlier)))
}

/// An error and its causes on one line; a cause that the line ends with already is not repeated.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let now = Timestamp::from_secs(1000);
        let pauses: Vec<_> = (1..=5).map(|n| retry_at(n, now).map(|at| at.secs() - 1000)).collect();
        assert_eq!(pauses, [Some(10), Some(40), Some(160), Some(640), None]);
    }

    #[test]
    fn causes_are_told_once() {
        let cause = std::io::Error::other("disk full");
        assert_eq!(chain(&Error::internal(cause)), "internal error: disk full");
    }
}
