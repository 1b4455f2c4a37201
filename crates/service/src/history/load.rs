//! Bringing a history up to date.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use steelyard_blob::Key;
use steelyard_db::pack::{self, PackBytes, PackRow};
use steelyard_db::refs::{self, GitRow};
use steelyard_git::{Pack, PackData, Toc};

use super::{History, broken};
use crate::{Error, Hub, Result};

/// Times the manifest is read again when packs are replaced under our eyes.
const RELOADS_MAX: usize = 10;

impl Hub {
    /// The repository's objects, at least as far as `state`.
    pub(crate) async fn history(&self, repo_id: i64, state: &GitRow) -> Result<Arc<History>> {
        let slot = self.histories().slot(repo_id);
        if let Some(history) = slot.current.read().as_ref().filter(|history| history.covers(state))
        {
            return Ok(Arc::clone(history));
        }
        let _loading = slot.loading.lock().await;
        let known = slot.current.read().clone();
        if let Some(history) = known.as_ref().filter(|history| history.covers(state)) {
            return Ok(Arc::clone(history));
        }
        let history = Arc::new(self.load_history(repo_id, known.as_deref()).await?);
        *slot.current.write() = Some(Arc::clone(&history));
        self.histories().weigh(repo_id, Arc::clone(&slot));
        Ok(history)
    }

    async fn load_history(&self, repo_id: i64, known: Option<&History>) -> Result<History> {
        let gone = || Error::internal("the repository has no history record");
        for _ in 0..RELOADS_MAX {
            let mut conn = self.db().read().await?;
            let before = refs::find_git(&mut conn, repo_id).await?.ok_or_else(gone)?;
            let same = known.filter(|known| {
                known.generation == before.generation && known.gc_epoch == before.gc_epoch
            });
            let after_seq = same.map_or(0, |known| known.seq);
            let rows = pack::list_packs(&mut conn, repo_id, after_seq).await?;
            let inline = pack::list_inline_bytes(&mut conn, repo_id, after_seq).await?;
            let state = refs::find_git(&mut conn, repo_id).await?.ok_or_else(gone)?;
            drop(conn);
            // Each statement saw its own state. Packs that came meanwhile do no harm; packs that went do.
            if state.generation != before.generation || state.gc_epoch != before.gc_epoch {
                continue;
            }
            return self.add_packs(repo_id, &before, same, known, rows, inline).await;
        }
        Err(Error::Unavailable("the repository's packs keep changing".into()))
    }

    async fn add_packs(
        &self,
        repo_id: i64,
        state: &GitRow,
        same: Option<&History>,
        known: Option<&History>,
        rows: Vec<PackRow>,
        inline: Vec<PackBytes>,
    ) -> Result<History> {
        let mut inline: HashMap<String, PackBytes> =
            inline.into_iter().map(|bytes| (bytes.pack_id.clone(), bytes)).collect();
        let mut history = self.histories().empty(repo_id, state);
        if let Some(same) = same {
            history.source = same.source.clone();
            history.by_id = same.by_id.clone();
            history.inline_bytes = same.inline_bytes;
        }
        history.seq = state.seq;
        let mut packs = history.source.packs().clone();
        for row in rows {
            if history.by_id.contains_key(&row.pack_id) {
                continue;
            }
            let reused = known.and_then(|known| known.by_id.get(&row.pack_id).cloned());
            let pack = match (reused, inline.remove(&row.pack_id)) {
                (Some(pack), _) => pack,
                (None, Some(bytes)) => Arc::new(inline_pack(bytes)?),
                (None, None) => Arc::new(self.open_stored_pack(&row.pack_id).await?),
            };
            if row.is_inline {
                history.inline_bytes += row.size_bytes.unsigned_abs();
            }
            packs = packs.with_pack(Arc::clone(&pack));
            history.by_id.insert(row.pack_id, pack);
        }
        history.source = history.source_of(packs);
        Ok(history)
    }

    /// Opens a pack of the object store: mapped where it lies, or from a copy in the cache directory.
    async fn open_stored_pack(&self, pack_id: &str) -> Result<Pack> {
        let uuid = uuid::Uuid::parse_str(pack_id).map_err(Error::internal)?;
        let mut conn = self.db().read().await?;
        let row = pack::find_pack_bytes(&mut conn, pack_id).await?;
        drop(conn);
        let toc = match row.and_then(|row| row.toc) {
            Some(toc) => toc.into(),
            None => self.get_blob(&Key::pack_toc(uuid)).await?,
        };
        let path = match self.blobs().local_path(&Key::pack(uuid)) {
            Some(path) => path,
            None => self.copy_pack_to_cache(uuid).await?,
        };
        let open = move || -> Result<Pack> {
            let toc = Toc::decode(toc).map_err(broken)?;
            Pack::new(PackData::open(&path).map_err(broken)?, toc).map_err(broken)
        };
        tokio::task::spawn_blocking(open).await.map_err(Error::internal)?
    }

    async fn copy_pack_to_cache(&self, uuid: uuid::Uuid) -> Result<PathBuf> {
        let folder = self.settings().cache_dir.join("packs");
        let path = folder.join(format!("{uuid}.pack"));
        if tokio::fs::try_exists(&path).await.unwrap_or(false) {
            return Ok(path);
        }
        let bytes = self.get_blob(&Key::pack(uuid)).await?;
        // Disposable: no fsync. The rename keeps half-written copies out of sight.
        let part = folder.join(format!("{uuid}.{}.part", self.fresh_uuid()));
        tokio::fs::create_dir_all(&folder).await.map_err(Error::internal)?;
        tokio::fs::write(&part, &bytes).await.map_err(Error::internal)?;
        tokio::fs::rename(&part, &path).await.map_err(Error::internal)?;
        Ok(path)
    }

    /// The file to read a pack from that was just stored: the store's own, else a copy of `file` in the cache.
    pub(super) async fn keep_pack_file(&self, pack_id: &str, file: &Path) -> Result<PathBuf> {
        let uuid = uuid::Uuid::parse_str(pack_id).map_err(Error::internal)?;
        if let Some(path) = self.blobs().local_path(&Key::pack(uuid)) {
            return Ok(path);
        }
        let folder = self.settings().cache_dir.join("packs");
        let path = folder.join(format!("{uuid}.pack"));
        tokio::fs::create_dir_all(&folder).await.map_err(Error::internal)?;
        // Both lie in the cache directory, most often on one file system; then the copy costs nothing.
        if tokio::fs::hard_link(file, &path).await.is_ok() {
            return Ok(path);
        }
        let part = folder.join(format!("{uuid}.{}.part", self.fresh_uuid()));
        tokio::fs::copy(file, &part).await.map_err(Error::internal)?;
        tokio::fs::rename(&part, &path).await.map_err(Error::internal)?;
        Ok(path)
    }

    async fn get_blob(&self, key: &Key) -> Result<bytes::Bytes> {
        let found = self.blobs().get(key).await?;
        found.ok_or_else(|| Error::internal(format!("object {key} is missing from the store")))
    }
}

fn inline_pack(bytes: PackBytes) -> Result<Pack> {
    let missing = || Error::internal(format!("inline pack {} has no bytes", bytes.pack_id));
    let toc = Toc::decode(bytes.toc.ok_or_else(missing)?.into()).map_err(broken)?;
    let data = PackData::new(bytes.inline.ok_or_else(missing)?.into()).map_err(broken)?;
    Pack::new(data, toc).map_err(broken)
}
