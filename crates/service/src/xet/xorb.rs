//! Taking xorbs in.

use bytes::Bytes;
use steelyard_blob::Key;
use steelyard_core::XetHash;
use steelyard_core::fault::crash_point;
use steelyard_core::limits::XORB_BODY_BYTES_MAX;
use steelyard_db::xet::{self, NewXorb, XorbInsert, XorbRow, XorbState};
use steelyard_xet::{CheckedXorb, ChunkTable, check_xorb};

use super::{XetBody, XetRepo, XetScope, XetToken};
use crate::{Error, Hub, Missing, Result};

impl Hub {
    /// True when a xorb is here and the user may refer to it; then they may for some more weeks.
    pub(super) async fn keep_if_stored(&self, repo: &XetRepo, hash: &XetHash) -> Result<bool> {
        match self.find_live_xorb(repo, hash).await? {
            Some((row, true)) => {
                Ok(self.is_intact(&row).await? && self.keep_xorb(repo, &row).await?)
            }
            _ => Ok(false),
        }
    }

    /// Takes a xorb in: when this returns it is checked and durable, and the user may refer to it. True when the user could
    /// not before, whether the hub had it or not. May be repeated.
    pub async fn upload_xorb(
        &self,
        token: &XetToken,
        hash: &XetHash,
        body: XetBody,
    ) -> Result<bool> {
        let XetBody { bytes, permit: _permit } = body;
        if bytes.len() > XORB_BODY_BYTES_MAX {
            return Err(too_large());
        }
        let repo = self.xet_repo(token, XetScope::Write).await?;
        let known = self.find_live_xorb(&repo, hash).await?;
        if known.is_none() {
            self.check_unused_quota(repo.user_id()?, bytes.len() as u64).await?;
        }
        let (expected, body) = (*hash, bytes.clone());
        let checked = tokio::task::spawn_blocking(move || check_xorb(&body, &expected)).await;
        let checked = checked
            .map_err(Error::internal)?
            .map_err(|error| Error::invalid("xorb", error.to_string()))?;
        let stored = bytes.slice(..checked.stored_len);
        if let Some((row, may_refer)) = known {
            if !self.is_intact(&row).await? {
                self.restore_object(&row, &checked.table, stored.clone()).await?;
            }
            if self.keep_xorb(&repo, &row).await? {
                return Ok(!may_refer);
            }
        }
        self.store_xorb(&repo, *hash, &checked, stored).await
    }

    /// The stored size of a xorb that the user may refer to.
    pub async fn xorb_size(&self, token: &XetToken, hash: &XetHash) -> Result<u64> {
        let repo = self.xet_repo(token, XetScope::Read).await?;
        match self.find_live_xorb(&repo, hash).await? {
            Some((row, true)) => Ok(row.stored_bytes),
            _ => Err(Error::NotFound(Missing::Other("xorb"))),
        }
    }

    /// A xorb that is live, and whether the user may refer to it.
    async fn find_live_xorb(
        &self,
        repo: &XetRepo,
        hash: &XetHash,
    ) -> Result<Option<(XorbRow, bool)>> {
        let mut conn = self.db().read().await?;
        let found = xet::find_xorbs(&mut conn, &[*hash]).await?;
        let live = found.into_iter().find(|row| row.state == XorbState::Live);
        let Some(row) = live else { return Ok(None) };
        let may_refer = self.referable_xorbs(&mut conn, repo, &[row.id]).await?.contains(&row.id);
        Ok(Some((row, may_refer)))
    }

    /// True when the object of a xorb is there and whole, as far as its length tells.
    async fn is_intact(&self, row: &XorbRow) -> Result<bool> {
        let info = self.blobs().head(&Key::xorb(&row.hash, row.generation)).await?;
        Ok(info.is_some_and(|info| info.size == row.stored_bytes))
    }

    /// Lets the user refer to a xorb; false when it is being deleted.
    async fn keep_xorb(&self, repo: &XetRepo, row: &XorbRow) -> Result<bool> {
        let until = self.now().plus_secs(self.settings().xet.unreferenced_keep_secs);
        let mut tx = self.db().write().await?;
        let kept = xet::touch_use(&mut tx, repo.user_id()?, &[row.id], until).await?;
        tx.commit().await?;
        Ok(kept.contains(&row.id))
    }

    /// Puts the lost object of a live xorb back. Files know where its chunks lie, so they must lie there again.
    async fn restore_object(&self, row: &XorbRow, table: &ChunkTable, bytes: Bytes) -> Result<()> {
        let mut conn = self.db().read().await?;
        let packed = xet::xorb_tables(&mut conn, &[row.id]).await?.pop();
        drop(conn);
        if packed.is_none_or(|(_, packed)| packed != *table.packed()) {
            let hash = row.hash;
            return Err(Error::internal(format!(
                "the object of xorb {hash} is lost, and the one that was uploaded is packed in another way"
            )));
        }
        tracing::warn!(xorb = %row.hash, "the lost object of a xorb was uploaded again");
        Ok(self.blobs().put(&Key::xorb(&row.hash, row.generation), bytes).await?)
    }

    async fn store_xorb(
        &self,
        repo: &XetRepo,
        hash: XetHash,
        checked: &CheckedXorb,
        bytes: Bytes,
    ) -> Result<bool> {
        let user_id = repo.user_id()?;
        let generation = self.fresh_generation();
        let key = Key::xorb(&hash, generation);
        let stored_bytes = bytes.len() as u64;
        self.blobs().put(&key, bytes).await?;
        crash_point("xet.xorb.durable");
        let now = self.now();
        let new = NewXorb {
            hash,
            generation,
            uploader_id: Some(user_id),
            n_chunks: checked.table.len(),
            raw_bytes: u64::from(checked.raw_len),
            stored_bytes,
            packed: checked.table.packed(),
        };
        let until = now.plus_secs(self.settings().xet.unreferenced_keep_secs);
        let mut tx = self.db().write().await?;
        let inserted = xet::insert_xorb(&mut tx, &new, now).await?;
        let id = match &inserted {
            XorbInsert::Inserted(id) | XorbInsert::Revived(id) => *id,
            XorbInsert::Exists(row) => row.id,
        };
        let kept = xet::touch_use(&mut tx, user_id, &[id], until).await?;
        if !kept.contains(&id) {
            return Err(Error::internal(format!("xorb {hash} was inserted and is not there")));
        }
        crash_point("xet.xorb.before_commit");
        tx.commit().await?;
        crash_point("xet.xorb.after_commit");
        if let XorbInsert::Exists(_) = inserted {
            // Somebody else was faster. That they were is for them to know. What stays here is swept as an orphan.
            if let Err(error) = self.blobs().delete(&key).await {
                tracing::warn!(%key, %error, "a duplicate xorb stays until it is swept");
            }
        }
        Ok(true)
    }

    /// Fails when a user has too much stored that no file uses.
    pub(super) async fn check_unused_quota(&self, user_id: i64, more: u64) -> Result<()> {
        let limit = self.settings().xet.unreferenced_bytes_max;
        let mut conn = self.db().read().await?;
        let unused = xet::unused_bytes(&mut conn, user_id).await?;
        if unused.saturating_add(more) <= limit {
            return Ok(());
        }
        Err(Error::TooLarge {
            what: "what you have uploaded in chunks and not used in a file yet".to_owned(),
            limit: format!("{limit} bytes; commit these files, or wait until the chunks expire"),
        })
    }
}

/// Larger than any xorb.
pub(super) fn too_large() -> Error {
    Error::TooLarge { what: "the xorb".to_owned(), limit: format!("{XORB_BODY_BYTES_MAX} bytes") }
}
