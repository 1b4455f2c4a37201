//! Writes what was counted.

use std::time::Duration;

use steelyard_db::downloads::{self, Counting, DownloadBatch, Who};
use tokio_util::sync::CancellationToken;

use super::trend;
use crate::jobs::chain;
use crate::{Hub, Result};

/// How often the tally is written.
const FLUSH_EVERY: Duration = Duration::from_secs(3);
/// Pause after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Batches that wait to be written; while there are so many, the tally itself fills up, which has its own bound.
const BATCHES_MAX: usize = 200;

/// Writes the tally every few seconds until told to stop. Requests may still end after that: whoever stops the process
/// calls [`Hub::flush_downloads`] when they have.
pub async fn run(hub: Hub, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(FLUSH_EVERY) => {}
            () = hub.counters().full.notified() => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = hub.flush_token_uses().await {
            tracing::warn!(
                error = chain(&error),
                "writing when tokens were used failed; it is kept"
            );
        }
        if let Err(error) = hub.flush_downloads().await {
            tracing::warn!(error = chain(&error), "writing the counters failed; they are kept");
            tokio::select! {
                () = tokio::time::sleep(RETRY_AFTER) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

impl Hub {
    /// Writes what was counted; what cannot be written is kept and tried again by the next call.
    pub async fn flush_downloads(&self) -> Result<()> {
        let mut batches = self.counters().batches.lock().await;
        if batches.len() < BATCHES_MAX {
            batches.extend(self.counters().take().into_iter().map(|batch| self.named(batch)));
        }
        while let Some(batch) = batches.front() {
            let recorded = self.record_downloads(batch).await;
            if recorded.is_err() {
                // Not the first one again, in case that one cannot be written at all.
                batches.rotate_left(1);
                return recorded;
            }
            batches.pop_front();
        }
        Ok(())
    }

    /// The name makes it safe to write a batch again of which nobody knows whether it was written.
    fn named(&self, batch: DownloadBatch) -> DownloadBatch {
        let mut id = Who::default();
        self.rng().fill(&mut id);
        DownloadBatch { id, ..batch }
    }

    async fn record_downloads(&self, batch: &DownloadBatch) -> Result<()> {
        let now = self.now();
        let counting = Counting { person_trend: trend::PERSON * trend::growth(now), now };
        let mut tx = self.db().write().await?;
        downloads::record_batch(&mut tx, batch, &counting).await?;
        Ok(tx.commit().await?)
    }
}
