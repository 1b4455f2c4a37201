//! Clearing away: grants that ended, and contents that no repository links to.

use steelyard_blob::{Family, Key};
use steelyard_core::fault::crash_point;
use steelyard_core::{Sha256, Timestamp};
use steelyard_db::lfs;
use uuid::Uuid;

use super::blob_error;
use crate::jobs::progress;
use crate::{Hub, Result};

/// How old a content must be before it can be condemned.
const UNLINKED_AGE_SECS: i64 = 7 * 24 * 3600;
/// How long a condemned content waits. Much longer than a finished grant lives and than publishing bytes takes.
const CONDEMNED_SECS: i64 = 24 * 3600;
/// How long the object of a content that moved into xorbs is kept, for readers who have its address.
const LEFT_OVER_SECS: i64 = 2 * 3600;
/// How long bytes without a row are left alone: longer than any grant.
const ORPHAN_AGE_SECS: i64 = 2 * 24 * 3600;
const ORPHANS_PAGE: usize = 1000;
/// Rows per round.
const ROUND: i64 = 500;

/// What a sweep cleared away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LfsSwept {
    /// Grants that had ended.
    pub uploads: u64,
    /// Contents condemned now; they go in a day unless somebody uploads them again.
    pub condemned: u64,
    /// Contents deleted.
    pub deleted: u64,
    /// Objects deleted whose content is in xorbs.
    pub left_over: u64,
}

impl Hub {
    /// Clears away what ended before `now`. Idempotent; any number of replicas may run it at once.
    pub async fn sweep_lfs(&self, now: Timestamp) -> Result<LfsSwept> {
        progress::begin("uploads and contents", None);
        let uploads = self.sweep_uploads(now).await?;
        let condemned = self.condemn_unlinked(now).await?;
        let deleted = self.sweep_condemned(now.plus_secs(-CONDEMNED_SECS)).await?;
        let left_over = self.sweep_left_over(now.plus_secs(-LEFT_OVER_SECS)).await?;
        Ok(LfsSwept { uploads, condemned, deleted, left_over })
    }

    /// Condemns in many short transactions, so that nobody waits for a sweep of millions.
    async fn condemn_unlinked(&self, now: Timestamp) -> Result<u64> {
        let before = now.plus_secs(-UNLINKED_AGE_SECS);
        let (mut after, mut condemned) = (Vec::new(), 0);
        loop {
            let mut conn = self.db().read().await?;
            let found = lfs::list_unlinked(&mut conn, before, &after, ROUND).await?;
            drop(conn);
            let Some(last) = found.last() else { return Ok(condemned) };
            after = last.as_bytes().to_vec();
            let mut tx = self.db().write().await?;
            let count = lfs::condemn_unlinked(&mut tx, &found, before, now).await?;
            tx.commit().await?;
            condemned += count;
            progress::advance(count);
        }
    }

    /// Looks through the whole object store for what no row names: staged bytes of forgotten uploads go at once,
    /// contents whose record a crash prevented are condemned. Slow with many objects; once a day is enough.
    pub async fn sweep_lfs_orphans(&self, now: Timestamp) -> Result<LfsSwept> {
        progress::begin("objects", None);
        let mut swept = LfsSwept::default();
        let before = now.plus_secs(-ORPHAN_AGE_SECS);
        for family in [Family::Uploads, Family::Lfs] {
            let mut after = None;
            loop {
                let page =
                    self.blobs().list(family, after, ORPHANS_PAGE).await.map_err(blob_error)?;
                let Some((last, _)) = page.last() else { break };
                after = Some(*last);
                progress::advance(page.len() as u64);
                for (key, info) in page.iter().filter(|(_, info)| info.modified < before) {
                    if let Some(sha256) = key.lfs_sha256() {
                        swept.condemned +=
                            u64::from(self.condemn_orphan(sha256, info.size, now).await?);
                    } else if let Some(id) = key.upload_id() {
                        swept.uploads += u64::from(self.delete_staged_orphan(key, id).await?);
                    }
                }
            }
        }
        Ok(swept)
    }

    async fn condemn_orphan(&self, sha256: Sha256, size: u64, now: Timestamp) -> Result<bool> {
        let mut conn = self.db().read().await?;
        if lfs::find_object(&mut conn, sha256).await?.is_some() {
            return Ok(false);
        }
        drop(conn);
        let mut tx = self.db().write().await?;
        let condemned = lfs::condemn_orphan(&mut tx, sha256, size, now).await?;
        tx.commit().await?;
        Ok(condemned)
    }

    async fn delete_staged_orphan(&self, key: &Key, id: Uuid) -> Result<bool> {
        let mut conn = self.db().read().await?;
        // An id is granted once, and its row is older than its bytes: what has no row now never gets one.
        if lfs::upload_exists(&mut conn, &id.to_string()).await? {
            return Ok(false);
        }
        self.blobs().delete(key).await.map_err(blob_error)?;
        Ok(true)
    }

    async fn sweep_uploads(&self, now: Timestamp) -> Result<u64> {
        let mut swept = 0;
        loop {
            let mut conn = self.db().read().await?;
            let expired = lfs::list_expired_uploads(&mut conn, now, ROUND).await?;
            drop(conn);
            if expired.is_empty() {
                return Ok(swept);
            }
            for id in expired {
                // The bytes go first: without the row nothing would remember them.
                if let Ok(uuid) = Uuid::parse_str(&id) {
                    self.blobs().abort_parts(uuid).await.map_err(blob_error)?;
                }
                crash_point("lfs.sweep.staged_gone");
                let mut tx = self.db().write().await?;
                lfs::delete_upload(&mut tx, &id).await?;
                tx.commit().await?;
                swept += 1;
                progress::advance(1);
            }
        }
    }

    async fn sweep_condemned(&self, before: Timestamp) -> Result<u64> {
        let mut conn = self.db().read().await?;
        let condemned = lfs::list_condemned(&mut conn, before, ROUND).await?;
        drop(conn);
        let mut deleted = 0;
        for sha256 in condemned {
            deleted += u64::from(self.delete_content(sha256, before).await?);
            progress::advance(1);
        }
        Ok(deleted)
    }

    /// Deletes a condemned content, row and bytes in one transaction; the module's documentation says why this is safe.
    async fn delete_content(&self, sha256: Sha256, before: Timestamp) -> Result<bool> {
        let key = Key::lfs(&sha256);
        let mut tx = self.db().write().await?;
        if !lfs::delete_condemned(&mut tx, sha256, before).await? {
            return Ok(false);
        }
        let info = self.blobs().head(&key).await.map_err(blob_error)?;
        if info.is_some_and(|info| info.modified >= before) {
            tracing::info!(%sha256, "a condemned content was written again; it stays");
            return Ok(false);
        }
        self.blobs().delete(&key).await.map_err(blob_error)?;
        crash_point("lfs.sweep.bytes_gone");
        tx.commit().await?;
        Ok(true)
    }

    async fn sweep_left_over(&self, before: Timestamp) -> Result<u64> {
        let mut conn = self.db().read().await?;
        let left_over = lfs::list_retired_raw(&mut conn, before, ROUND).await?;
        drop(conn);
        let mut deleted = 0;
        for sha256 in left_over {
            deleted += u64::from(self.delete_left_over(sha256, before).await?);
            progress::advance(1);
        }
        Ok(deleted)
    }

    /// Deletes the object of a content that is in xorbs, in one transaction with the note that it is gone, for the
    /// reasons for which a condemned content is deleted so.
    async fn delete_left_over(&self, sha256: Sha256, before: Timestamp) -> Result<bool> {
        let key = Key::lfs(&sha256);
        let mut tx = self.db().write().await?;
        if !lfs::forget_retired_raw(&mut tx, sha256, before).await? {
            return Ok(false);
        }
        let info = self.blobs().head(&key).await.map_err(blob_error)?;
        if info.is_some_and(|info| info.modified >= before) {
            // Somebody uploads it once more; the record of that upload starts the time anew.
            return Ok(false);
        }
        self.blobs().delete(&key).await.map_err(blob_error)?;
        crash_point("lfs.sweep.left_over_gone");
        tx.commit().await?;
        Ok(true)
    }
}
