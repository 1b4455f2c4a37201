//! Landing objects and ref changes: objects durable first, then one transaction.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use steelyard_blob::Key;
use steelyard_core::fault::crash_point;
use steelyard_core::{Oid, RefName, Timestamp};
use steelyard_db::Tx;
use steelyard_db::pack::{self, NewPack, PackKind};
use steelyard_db::refs::{self, LoggedChange, RefChange};
use steelyard_git::{BuiltPack, Pack, PackData};

use super::{History, broken};
use crate::{Error, Hub, Result};

/// Packs up to this size live in the database, in the same transaction as the ref they serve.
pub(crate) const INLINE_BYTES_MAX: usize = 64 * 1024;
/// Tables of contents up to this size live in the database.
const TOC_BYTES_MAX: usize = 1024 * 1024;

/// A pack that is durable, or will be with the transaction that inserts it.
pub(crate) struct PreparedPack {
    row: NewPack,
    pack: Arc<Pack>,
}

impl PreparedPack {
    /// Its row.
    pub(crate) fn row(&self) -> &NewPack {
        &self.row
    }

    /// Its objects.
    pub(super) fn pack(&self) -> &Arc<Pack> {
        &self.pack
    }
}

/// A change of one ref; `None` stands for "no such ref".
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) name: RefName,
    pub(crate) old: Option<Oid>,
    pub(crate) new: Option<Oid>,
    /// The commit behind `new`, when that is an annotated tag.
    pub(crate) peeled: Option<Oid>,
}

impl Change {
    fn row(&self) -> RefChange<'_> {
        RefChange { name: &self.name, old: self.old, new: self.new, peeled: self.peeled }
    }
}

/// The outcome of [`Hub::land`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landed {
    /// Everything is in the transaction under this sequence number.
    At(i64),
    /// A ref or the epoch moved: roll back, read again, try again.
    Lost,
}

impl Hub {
    /// Makes a pack ready for its transaction; a large one is written to the object store now.
    pub(crate) async fn prepare_pack(
        &self,
        built: BuiltPack,
        kind: PackKind,
    ) -> Result<PreparedPack> {
        let uuid = self.fresh_uuid();
        let toc = built.toc.encode().clone();
        let is_inline = built.bytes.len() <= INLINE_BYTES_MAX && toc.len() <= TOC_BYTES_MAX;
        let mut row = NewPack {
            pack_id: uuid.to_string(),
            kind,
            n_objects: i64::try_from(built.toc.len()).unwrap_or(i64::MAX),
            size_bytes: i64::try_from(built.bytes.len()).unwrap_or(i64::MAX),
            trailer: built.trailer,
            toc: None,
            inline: None,
        };
        if is_inline {
            row.inline = Some(built.bytes.to_vec());
        } else {
            self.blobs().put(&Key::pack(uuid), built.bytes.clone()).await?;
            crash_point("pack.stored");
        }
        if toc.len() <= TOC_BYTES_MAX {
            row.toc = Some(toc.to_vec());
        } else {
            self.blobs().put(&Key::pack_toc(uuid), toc).await?;
        }
        Ok(PreparedPack { row, pack: Arc::new(built.into_pack()) })
    }

    /// Makes a pack that git wrote to `file` ready for its transaction. The file may be removed afterwards.
    pub(crate) async fn prepare_pack_file(
        &self,
        pack: &Arc<Pack>,
        file: &Path,
        kind: PackKind,
    ) -> Result<PreparedPack> {
        let bytes = pack.data().bytes();
        if bytes.len() <= INLINE_BYTES_MAX {
            let (bytes, trailer) = (Bytes::copy_from_slice(bytes), pack.data().trailer());
            return self
                .prepare_pack(BuiltPack { bytes, toc: pack.toc().clone(), trailer }, kind)
                .await;
        }
        let built = BuiltPack {
            bytes: bytes.clone(),
            toc: pack.toc().clone(),
            trailer: pack.data().trailer(),
        };
        let mut prepared = self.prepare_pack(built, kind).await?;
        // The view must not rest on the file, whose space is wanted back.
        let (toc, path) =
            (pack.toc().clone(), self.keep_pack_file(&prepared.row.pack_id, file).await?);
        let open = move || Pack::new(PackData::open(&path)?, toc);
        let kept = tokio::task::spawn_blocking(open).await.map_err(Error::internal)?;
        prepared.pack = Arc::new(kept.map_err(broken)?);
        Ok(prepared)
    }

    /// Puts objects and ref changes into the transaction. All changes or none: on [`Landed::Lost`] the caller drops
    /// the transaction.
    pub(crate) async fn land(
        &self,
        tx: &mut Tx,
        repo_id: i64,
        gc_epoch: i64,
        pack: Option<&PreparedPack>,
        changes: &[Change],
        log: LogEntry<'_>,
    ) -> Result<Landed> {
        let steps: Vec<Step<'_>> = changes.iter().map(|change| Step { change, log }).collect();
        self.land_steps(tx, repo_id, gc_epoch, pack, changes, &steps).await
    }

    /// As [`Hub::land`], where a ref may take several steps at once: `changes` has each ref once, from what it must point
    /// to now to where it ends, and `steps` are what the log tells of the way.
    pub(crate) async fn land_steps<'a>(
        &self,
        tx: &mut Tx,
        repo_id: i64,
        gc_epoch: i64,
        packs: impl IntoIterator<Item = &'a PreparedPack>,
        changes: &[Change],
        steps: &[Step<'_>],
    ) -> Result<Landed> {
        let Some(seq) = refs::advance(tx, repo_id, gc_epoch).await? else {
            return Ok(Landed::Lost);
        };
        let now = steps.last().map_or_else(|| self.now(), |step| step.log.now);
        for prepared in packs {
            pack::insert_pack(tx, repo_id, seq, prepared.row.clone(), now).await?;
        }
        for change in changes {
            if !refs::change_ref(tx, repo_id, seq, &change.row()).await? {
                return Ok(Landed::Lost);
            }
        }
        let lines: Vec<LoggedChange<'_>> = steps.iter().map(Step::line).collect();
        refs::log_ref_changes(tx, repo_id, seq, &lines).await?;
        Ok(Landed::At(seq))
    }

    /// After the transaction: adds the packs to this replica's view if nothing came between.
    pub(crate) fn note_landed<'a>(
        &self,
        repo_id: i64,
        base: &History,
        seq: i64,
        packs: impl IntoIterator<Item = &'a PreparedPack>,
    ) {
        if seq != base.seq + 1 {
            return;
        }
        let slot = self.histories().slot(repo_id);
        let mut current = slot.current.write();
        let is_base =
            current.as_ref().is_some_and(|history| std::ptr::eq(Arc::as_ptr(history), base));
        if !is_base {
            return;
        }
        let mut next = base.at(seq);
        for prepared in packs {
            let id = prepared.row.pack_id.clone();
            next = next.with_pack(Some(id), Arc::clone(&prepared.pack));
        }
        *current = Some(Arc::new(next));
        drop(current);
        self.histories().weigh(repo_id, slot);
    }
}

/// One of the changes that lead a ref to where it ends, for the log of ref changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) change: &'a Change,
    pub(crate) log: LogEntry<'a>,
}

impl Step<'_> {
    fn line(&self) -> LoggedChange<'_> {
        let LogEntry { actor_id, cause, now } = self.log;
        LoggedChange { change: self.change.row(), actor_id, cause, now }
    }
}

/// Who changed refs, how and when; for the log of ref changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogEntry<'a> {
    pub(crate) actor_id: Option<i64>,
    pub(crate) cause: &'a str,
    pub(crate) now: Timestamp,
}
