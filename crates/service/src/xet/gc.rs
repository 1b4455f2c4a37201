//! Clearing away: files that nothing names, xorbs that no file uses, objects without a row.
//!
//! Everything goes in two steps, with another look before the second:
//!
//! | what | is condemned when | goes |
//! |---|---|---|
//! | file | no content, claim or grant names it | 30 days later, if still nothing does |
//! | xorb | no file uses it and nobody may refer to it any more | a day later, if still so |
//!
//! Clients refer to xorbs from a cache of their own for 21 days without asking; whoever uploaded, used or was told of a
//! xorb may refer to it for longer than that (`xorb_use`), and so long it is not even condemned. A registration that
//! names a condemned xorb takes it back in its own transaction. Once a xorb's row says "deleting", that is final for
//! this generation: the row is committed before the object goes, and the object before the row.

use steelyard_blob::{Family, Key};
use steelyard_core::fault::crash_point;
use steelyard_core::{Timestamp, XetHash};
use steelyard_db::xet::{self, XorbRow};

use crate::jobs::progress;
use crate::{Hub, Result};

/// How long a condemned file is kept: its uploader may commit it late, and a rewritten history may be wanted back.
pub(super) const FILE_KEEP_SECS: i64 = 30 * 24 * 3600;
/// How long a condemned xorb waits.
pub(super) const XORB_KEEP_SECS: i64 = 24 * 3600;
/// How long leave to refer to a xorb is remembered after its end.
const ENDED_USE_SECS: i64 = 24 * 3600;
/// How old an object without a row must be: much longer than between storing it and recording it.
const ORPHAN_AGE_SECS: i64 = 7 * 24 * 3600;
/// Rows per transaction.
const ROUND: i64 = 500;
/// Objects per listing.
const LISTING: usize = 1000;

/// What a sweep of Xet cleared away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct XetSwept {
    /// Files condemned now.
    pub files_condemned: u64,
    /// Files deleted; their xorbs follow when no other file uses them.
    pub files_deleted: u64,
    /// Xorbs condemned now.
    pub xorbs_condemned: u64,
    /// Xorbs deleted.
    pub xorbs_deleted: u64,
    /// Stored bytes of those.
    pub bytes_deleted: u64,
}

impl Hub {
    /// Clears away what ended before `now`. Idempotent; any number of replicas may run it at once, beside uploads.
    pub async fn sweep_xet(&self, now: Timestamp) -> Result<XetSwept> {
        progress::begin("files and xorbs", None);
        let mut swept = XetSwept::default();
        self.spare_files().await?;
        self.condemn_files(now, &mut swept).await?;
        self.delete_files(now, &mut swept).await?;
        self.condemn_xorbs(now, &mut swept).await?;
        self.delete_xorbs(now.plus_secs(-XORB_KEEP_SECS), &mut swept).await?;
        self.forget_ended_uses(now.plus_secs(-ENDED_USE_SECS)).await?;
        metrics::counter!("steelyard_xet_gc_deleted_bytes_total").increment(swept.bytes_deleted);
        Ok(swept)
    }

    async fn spare_files(&self) -> Result<()> {
        let mut after = 0;
        loop {
            let mut conn = self.db().read().await?;
            let found = xet::list_sparable_files(&mut conn, after, ROUND).await?;
            drop(conn);
            let Some(last) = found.last() else { return Ok(()) };
            after = *last;
            let mut tx = self.db().write().await?;
            xet::spare_files(&mut tx, &found).await?;
            tx.commit().await?;
        }
    }

    async fn condemn_files(&self, now: Timestamp, swept: &mut XetSwept) -> Result<()> {
        let mut after = 0;
        loop {
            let mut conn = self.db().read().await?;
            let found = xet::list_condemnable_files(&mut conn, after, ROUND).await?;
            drop(conn);
            let Some(last) = found.last() else { return Ok(()) };
            after = last.id;
            let ids: Vec<i64> = found.iter().map(|file| file.id).collect();
            let mut tx = self.db().write().await?;
            let condemned = xet::condemn_files(&mut tx, &ids, now).await?;
            tx.commit().await?;
            swept.files_condemned += condemned;
            progress::advance(condemned);
        }
    }

    async fn delete_files(&self, now: Timestamp, swept: &mut XetSwept) -> Result<()> {
        let before = now.plus_secs(-FILE_KEEP_SECS);
        loop {
            let mut tx = self.db().write().await?;
            let deleted = xet::delete_files(&mut tx, before, ROUND, now).await?;
            tx.commit().await?;
            crash_point("xet.gc.files_gone");
            if deleted.is_empty() {
                return Ok(());
            }
            swept.files_deleted += deleted.len() as u64;
            progress::advance(deleted.len() as u64);
        }
    }

    async fn condemn_xorbs(&self, now: Timestamp, swept: &mut XetSwept) -> Result<()> {
        let mut after = 0;
        loop {
            let mut conn = self.db().read().await?;
            let found = xet::list_condemnable_xorbs(&mut conn, now, after, ROUND).await?;
            drop(conn);
            let Some(last) = found.last() else { return Ok(()) };
            after = last.id;
            let ids: Vec<i64> = found.iter().map(|xorb| xorb.id).collect();
            let mut tx = self.db().write().await?;
            let condemned = xet::condemn_xorbs(&mut tx, &ids, now).await?;
            tx.commit().await?;
            crash_point("xet.gc.condemned");
            swept.xorbs_condemned += condemned.len() as u64;
            progress::advance(condemned.len() as u64);
        }
    }

    async fn delete_xorbs(&self, before: Timestamp, swept: &mut XetSwept) -> Result<()> {
        loop {
            let mut tx = self.db().write().await?;
            let doomed = xet::claim_xorbs_to_delete(&mut tx, before, ROUND).await?;
            tx.commit().await?;
            crash_point("xet.gc.claimed");
            if doomed.is_empty() {
                return Ok(());
            }
            for xorb in doomed {
                self.delete_xorb(&xorb).await?;
                swept.xorbs_deleted += 1;
                progress::advance(1);
                swept.bytes_deleted += xorb.stored_bytes;
            }
        }
    }

    /// Deletes the object and then the row of a xorb that says "deleting". Others may do the same at the same time.
    async fn delete_xorb(&self, xorb: &XorbRow) -> Result<()> {
        self.blobs().delete(&Key::xorb(&xorb.hash, xorb.generation)).await?;
        crash_point("xet.gc.object_gone");
        let mut tx = self.db().write().await?;
        xet::delete_xorb(&mut tx, xorb.id, xorb.generation).await?;
        Ok(tx.commit().await?)
    }

    async fn forget_ended_uses(&self, before: Timestamp) -> Result<()> {
        loop {
            let mut tx = self.db().write().await?;
            let count = xet::delete_ended_uses(&mut tx, before, ROUND).await?;
            tx.commit().await?;
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Looks through all stored xorbs for objects that no row names: their record never came, a duplicate could not be
    /// removed, or their row names a newer object. Returns how many it deleted. Slow; once a day is enough.
    pub async fn sweep_xet_orphans(&self, now: Timestamp) -> Result<u64> {
        let before = now.plus_secs(-ORPHAN_AGE_SECS);
        progress::begin("objects", None);
        let (mut after, mut deleted) = (None, 0);
        loop {
            let page = self.blobs().list(Family::Xorbs, after, LISTING).await?;
            let Some((last, _)) = page.last() else { return Ok(deleted) };
            after = Some(*last);
            let old: Vec<(Key, XetHash, u32)> = page
                .iter()
                .filter(|(_, info)| info.modified < before)
                .filter_map(|(key, _)| {
                    key.xorb_parts().map(|(hash, generation)| (*key, hash, generation))
                })
                .collect();
            let hashes: Vec<XetHash> = old.iter().map(|(_, hash, _)| *hash).collect();
            let mut conn = self.db().read().await?;
            let rows = xet::find_xorbs(&mut conn, &hashes).await?;
            drop(conn);
            for (key, hash, generation) in old {
                let is_named =
                    rows.iter().any(|row| row.hash == hash && row.generation == generation);
                if !is_named {
                    // A generation is used once, and it is old: nobody will name it any more.
                    self.blobs().delete(&key).await?;
                    crash_point("xet.gc.orphan_gone");
                    deleted += 1;
                }
            }
            progress::advance(page.len() as u64);
        }
    }
}
