//! A repository's packs with their bytes, as a job looks at them.

use std::sync::Arc;

use steelyard_blob::Key;
use steelyard_db::pack::{self, PackKind, PackRow};
use steelyard_db::refs::{self, GitRow, RefRow};
use steelyard_git::{BuiltPack, Pack};

use crate::history::{History, PreparedPack};
use crate::{Error, Hub, Result};

/// Times the manifest is read again when packs are replaced meanwhile.
const RELOADS_MAX: usize = 10;

/// Refs, packs and where the history stands, all of one moment; the history may know more.
pub(super) struct Manifest {
    pub(super) state: GitRow,
    pub(super) refs: Vec<RefRow>,
    pub(super) rows: Vec<PackRow>,
    pub(super) history: Arc<History>,
}

impl Manifest {
    /// The bytes of a pack.
    pub(super) fn pack(&self, pack_id: &str) -> Result<Arc<Pack>> {
        let found = self.history.packs().get(pack_id).cloned();
        found.ok_or_else(|| Error::internal(format!("pack {pack_id} is not in the history")))
    }
}

impl Hub {
    /// Reads a repository's manifest; `None` when there is no such repository.
    pub(super) async fn manifest(&self, repo_id: i64) -> Result<Option<Manifest>> {
        for _ in 0..RELOADS_MAX {
            let mut conn = self.db().read().await?;
            // Refs before packs: whatever a ref reaches is then in one of the packs.
            let Some((state, refs)) = refs::list_refs_with_git(&mut conn, repo_id).await? else {
                return Ok(None);
            };
            let mut rows = pack::list_packs(&mut conn, repo_id, 0).await?;
            drop(conn);
            rows.retain(|row| row.seq <= state.seq);
            let history = self.history(repo_id, &state).await?;
            if history.gc_epoch() == state.gc_epoch
                && rows.iter().all(|row| history.packs().contains_key(&row.pack_id))
            {
                return Ok(Some(Manifest { state, refs, rows, history }));
            }
        }
        Err(Error::Unavailable("the repository's packs keep changing".into()))
    }

    /// Removes a prepared pack that surely did not land.
    pub(crate) async fn discard_prepared(&self, prepared: &PreparedPack) {
        let row = prepared.row();
        let Ok(uuid) = uuid::Uuid::parse_str(&row.pack_id) else { return };
        let mut keys = Vec::new();
        if row.inline.is_none() {
            keys.push(Key::pack(uuid));
        }
        if row.toc.is_none() {
            keys.push(Key::pack_toc(uuid));
        }
        for key in keys {
            // Left behind, it is swept as an orphan.
            if let Err(error) = self.blobs().delete(&key).await {
                tracing::debug!(%key, %error, "a pack that did not land stays behind for the sweep");
            }
        }
    }
}

/// The bytes of packs, summed up.
pub(super) fn size_of<'a>(rows: impl IntoIterator<Item = &'a PackRow>) -> u64 {
    rows.into_iter().map(|row| row.size_bytes.unsigned_abs()).sum()
}

/// The rows of one kind.
pub(super) fn of_kind(rows: &[PackRow], kind: PackKind) -> impl Iterator<Item = &PackRow> {
    rows.iter().filter(move |row| row.kind == kind)
}

/// Makes sure that a pack which replaces others holds everything they hold.
pub(super) fn check_complete(built: &[BuiltPack], sources: &[Arc<Pack>]) -> Result<()> {
    for source in sources {
        for entry in source.toc().iter() {
            if !built.iter().any(|pack| pack.toc.find(&entry.oid).is_some()) {
                return Err(Error::internal(format!(
                    "object {} is missing from the new pack",
                    entry.oid
                )));
            }
        }
    }
    Ok(())
}
