//! The sum of 30 days moves on.

use steelyard_db::downloads::{self, DAYS_KEPT, day_of};

use crate::jobs::progress;
use crate::{Hub, Result};

/// Repositories whose days are taken out in one transaction.
const ROLL_REPOS: i64 = 500;
/// Rows forgotten in one transaction.
const FORGET_ROWS: i64 = 5000;
/// How long it is remembered who was seen: longer than a day and any window.
const SEEN_KEEP_SECS: i64 = 2 * 24 * 3600;

impl Hub {
    /// Takes the days out of the sums that are older than 30 days, and forgets who was seen.
    pub async fn roll_counters(&self) -> Result<()> {
        let now = self.now();
        progress::begin("repositories", None);
        let last = day_of(now) - DAYS_KEPT;
        loop {
            let mut tx = self.db().write().await?;
            let repos = downloads::roll_days(&mut tx, last, ROLL_REPOS, now).await?;
            tx.commit().await?;
            if repos == 0 {
                break;
            }
            progress::advance(repos as u64);
        }
        loop {
            let mut tx = self.db().write().await?;
            let before = now.plus_secs(-SEEN_KEEP_SECS);
            let gone = downloads::delete_seen(&mut tx, before, FORGET_ROWS).await?;
            tx.commit().await?;
            if gone < FORGET_ROWS.unsigned_abs() {
                return Ok(());
            }
        }
    }
}
