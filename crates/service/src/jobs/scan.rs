//! Looks for work and puts it in line.

use steelyard_core::Timestamp;
use steelyard_db::job;
use steelyard_db::pack::{self, JoinThreshold};

use super::JobKind;
use crate::{Hub, Result};

/// A tail of that many packs is joined,
const JOIN_PACKS: i64 = 32;
/// or of that many bytes,
const JOIN_BYTES: i64 = 1024 * 1024;
/// or one that nothing was added to for that long.
const JOIN_IDLE_SECS: i64 = 600;
/// Work that failed for good is not tried again for that long.
const FAILED_PAUSE_SECS: i64 = 3600;
/// Repositories put in line by one scan.
const SCAN_REPOS_MAX: i64 = 200;

impl Hub {
    /// Puts in line what is to be done now; returns how many jobs that were.
    pub(super) async fn scan_for_jobs(&self) -> Result<usize> {
        let now = self.now();
        let failed_since = now.plus_secs(-FAILED_PAUSE_SECS);
        let threshold = JoinThreshold {
            packs: JOIN_PACKS,
            bytes: JOIN_BYTES,
            idle_before: now.plus_secs(-JOIN_IDLE_SECS),
        };
        let mut conn = self.db().read().await?;
        let mut wanted = Vec::new();
        for repo in
            pack::list_wanting_join(&mut conn, &threshold, failed_since, SCAN_REPOS_MAX).await?
        {
            wanted.push((JobKind::GitJoin, repo.to_string()));
        }
        for repo in pack::list_wanting_drop(&mut conn, now, failed_since, SCAN_REPOS_MAX).await? {
            wanted.push((JobKind::GitDrop, repo.to_string()));
        }
        for kind in JobKind::ALL {
            if kind.interval_secs().is_some()
                && !job::is_pending(&mut conn, kind.as_str(), "").await?
            {
                wanted.push((kind, String::new()));
            }
        }
        drop(conn);
        self.enqueue_jobs(&wanted, failed_since, now).await
    }

    /// Puts one job about a repository in line.
    pub(super) async fn enqueue_repo_job(&self, kind: JobKind, repo_id: i64) -> Result<()> {
        let now = self.now();
        self.enqueue_jobs(&[(kind, repo_id.to_string())], now.plus_secs(-FAILED_PAUSE_SECS), now)
            .await?;
        Ok(())
    }

    async fn enqueue_jobs(
        &self,
        wanted: &[(JobKind, String)],
        failed_since: Timestamp,
        now: Timestamp,
    ) -> Result<usize> {
        if wanted.is_empty() {
            return Ok(0);
        }
        let mut tx = self.db().write().await?;
        let mut count = 0;
        for (kind, subject) in wanted {
            count += usize::from(
                job::ensure(&mut tx, kind.as_str(), subject, now, failed_since, now).await?,
            );
        }
        tx.commit().await?;
        Ok(count)
    }
}
