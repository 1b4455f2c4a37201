//! Clearing away: retired packs, stored packs without a row, deleted repositories, ended jobs.

use steelyard_blob::{Family, Key};
use steelyard_core::Timestamp;
use steelyard_core::fault::crash_point;
use steelyard_db::{job, pack, repo};
use uuid::Uuid;

use super::progress;
use crate::{Hub, Result};

/// How long a retired pack of the database stays: longer than a request that read the manifest before.
const INLINE_KEEP_SECS: i64 = 3600;
/// How long a retired pack of the object store stays: longer than a clone, and than a backup takes between its copy of
/// the database and its copy of the objects.
const STORED_KEEP_SECS: i64 = 24 * 3600;
/// How old a stored pack without a row must be: much longer than between storing it and its transaction.
const ORPHAN_AGE_SECS: i64 = 7 * 24 * 3600;
/// How long a deleted repository can still be brought back by hand.
const UNDELETE_SECS: i64 = 7 * 24 * 3600;
/// How long jobs that succeeded are shown.
const DONE_KEEP_SECS: i64 = 3600;
/// How long jobs that failed are shown.
const FAILED_KEEP_SECS: i64 = 7 * 24 * 3600;
/// Rows per round.
const ROUND: i64 = 200;
/// Objects per listing.
const LISTING: usize = 1000;

/// What a sweep of packs cleared away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PacksSwept {
    /// Packs detached from repositories that had replaced them.
    pub detached: u64,
    /// Packs deleted from the object store.
    pub deleted: u64,
}

impl Hub {
    /// Deletes packs that were replaced long enough ago. Idempotent; any number of replicas may run it at once.
    pub async fn sweep_packs(&self, now: Timestamp) -> Result<PacksSwept> {
        let (inline_before, stored_before) =
            (now.plus_secs(-INLINE_KEEP_SECS), now.plus_secs(-STORED_KEEP_SECS));
        progress::begin("packs", None);
        let mut swept = PacksSwept::default();
        loop {
            let mut conn = self.db().read().await?;
            let retired =
                pack::list_retired(&mut conn, inline_before, stored_before, ROUND).await?;
            drop(conn);
            if retired.is_empty() {
                return Ok(swept);
            }
            let mut tx = self.db().write().await?;
            let mut garbage = Vec::new();
            for (repo_id, pack_id) in &retired {
                pack::detach_pack(&mut tx, *repo_id, pack_id).await?;
                // Counted in the same transaction, so a repository that shares the pack keeps it.
                if pack::delete_unnamed(&mut tx, pack_id).await? {
                    garbage.push(pack_id.clone());
                }
            }
            crash_point("sweep.before_commit");
            tx.commit().await?;
            crash_point("sweep.rows_gone");
            swept.detached += retired.len() as u64;
            progress::advance(retired.len() as u64);
            swept.deleted += self.delete_stored_packs(&garbage).await?;
        }
    }

    /// Deletes the bytes of packs whose rows are gone. What a crash leaves behind is an orphan and swept as such.
    async fn delete_stored_packs(&self, pack_ids: &[String]) -> Result<u64> {
        let mut deleted = 0;
        for uuid in pack_ids.iter().filter_map(|id| Uuid::parse_str(id).ok()) {
            self.blobs().delete(&Key::pack(uuid)).await?;
            self.blobs().delete(&Key::pack_toc(uuid)).await?;
            deleted += 1;
        }
        Ok(deleted)
    }

    /// Deletes stored packs that are old and have no row: their transaction never came, or deleting them was cut short.
    pub async fn sweep_orphan_packs(&self, now: Timestamp) -> Result<u64> {
        let before = now.plus_secs(-ORPHAN_AGE_SECS);
        progress::begin("objects", None);
        let (mut after, mut deleted) = (None, 0);
        loop {
            let listed = self.blobs().list(Family::Packs, after, LISTING).await?;
            let Some((last, _)) = listed.last() else { return Ok(deleted) };
            after = Some(*last);
            for (key, info) in &listed {
                let Some(uuid) = key.pack_id().filter(|_| info.modified < before) else { continue };
                let mut conn = self.db().read().await?;
                let is_known = pack::pack_exists(&mut conn, &uuid.to_string()).await?;
                drop(conn);
                if !is_known {
                    self.blobs().delete(key).await?;
                    crash_point("sweep.orphan_gone");
                    deleted += 1;
                }
            }
            progress::advance(listed.len() as u64);
        }
    }

    /// Removes what is left of repositories that were deleted long enough ago. Large files go with their own sweep.
    pub async fn purge_repos(&self, now: Timestamp) -> Result<u64> {
        progress::begin("repositories", None);
        let mut purged = 0;
        loop {
            let mut conn = self.db().read().await?;
            let deleted =
                repo::list_deleted_repos(&mut conn, now.plus_secs(-UNDELETE_SECS), ROUND).await?;
            drop(conn);
            if deleted.is_empty() {
                return Ok(purged);
            }
            for repo_id in deleted {
                self.purge_repo(repo_id).await?;
                purged += 1;
                progress::advance(1);
            }
        }
    }

    async fn purge_repo(&self, repo_id: i64) -> Result<()> {
        let mut tx = self.db().write().await?;
        let mut garbage = Vec::new();
        for pack_id in pack::detach_all(&mut tx, repo_id).await? {
            if pack::delete_unnamed(&mut tx, &pack_id).await? {
                garbage.push(pack_id);
            }
        }
        repo::purge_repo(&mut tx, repo_id).await?;
        tx.commit().await?;
        crash_point("sweep.rows_gone");
        self.histories().forget(repo_id);
        self.delete_stored_packs(&garbage).await?;
        Ok(())
    }

    /// Deletes the rows of jobs that ended long enough ago.
    pub(super) async fn trim_jobs(&self, now: Timestamp) -> Result<u64> {
        let (done_before, failed_before) =
            (now.plus_secs(-DONE_KEEP_SECS), now.plus_secs(-FAILED_KEEP_SECS));
        let mut tx = self.db().write().await?;
        let trimmed = job::delete_ended(&mut tx, done_before, failed_before).await?;
        tx.commit().await?;
        Ok(trimmed)
    }
}
