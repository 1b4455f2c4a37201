//! The bare repositories of this replica: filled on demand, leased while a git process works in them, removed when
//! they are old or the cache is full.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use steelyard_blob::Key;
use steelyard_db::refs::GitRow;
use steelyard_git::cache_dir;
use steelyard_git::protocol::RefRecord;

use super::bare::BareDir;
use super::fill::{Incoming, install};
use crate::history::History;
use crate::{Error, Hub, Result};

/// Bytes that all bare repositories together may take before idle ones are removed.
const CACHE_BYTES_MAX: u64 = 10 * 1024 * 1024 * 1024;
/// Pack files in one directory; beyond it, a new one is built with the small packs joined.
const FILES_MAX: usize = 32;

/// A directory in use: it stays as it is, packs only being added, until the lease is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Lease(Arc<BareDir>);

impl Lease {
    /// The bare repository.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// The bare repositories of this replica.
#[derive(Debug)]
pub(crate) struct Hydrations {
    root: PathBuf,
    bytes_max: u64,
    slots: Mutex<HashMap<i64, Arc<Slot>>>,
    ticks: AtomicU64,
}

/// One repository's place.
#[derive(Debug, Default)]
struct Slot {
    /// Held while packs or refs are written, so that many clients of a cold repository wait for one hydration.
    filling: tokio::sync::Mutex<()>,
    current: Mutex<Option<Arc<BareDir>>>,
}

impl Hydrations {
    /// No directories yet; they will lie below `cache_dir`.
    pub(crate) fn new(cache_dir: &Path) -> Self {
        Self {
            root: cache_dir.join("git"),
            bytes_max: CACHE_BYTES_MAX,
            slots: Mutex::default(),
            ticks: AtomicU64::new(0),
        }
    }

    /// Drops what is there of a repository; git processes at work keep their directory until they end.
    pub(crate) fn forget(&self, repo_id: i64) {
        self.slots.lock().remove(&repo_id);
    }

    fn slot(&self, repo_id: i64) -> Arc<Slot> {
        Arc::clone(self.slots.lock().entry(repo_id).or_default())
    }

    /// Makes `dir` the directory of its repository.
    fn publish(&self, slot: &Slot, dir: Arc<BareDir>) -> Lease {
        dir.touch(self.ticks.fetch_add(1, Ordering::Relaxed));
        *slot.current.lock() = Some(Arc::clone(&dir));
        let lease = Lease(dir);
        self.evict();
        lease
    }

    /// Removes idle directories, least recently used first, until the rest fits.
    fn evict(&self) {
        let mut idle = Vec::new();
        let mut total = 0;
        let mut slots = self.slots.lock();
        for (repo_id, slot) in slots.iter() {
            let Some(dir) = slot.current.lock().clone() else { continue };
            let bytes = dir.contents.lock().bytes;
            total += bytes;
            // Two: the slot's own and the one just cloned.
            if Arc::strong_count(&dir) == 2 {
                idle.push((dir.last_used(), *repo_id, bytes));
            }
        }
        if total <= self.bytes_max {
            return;
        }
        idle.sort_unstable();
        for (_, repo_id, bytes) in idle {
            // Whoever holds the slot already will fill a directory that nobody finds: a waste, not a fault.
            slots.remove(&repo_id);
            total -= bytes;
            if total <= self.bytes_max {
                return;
            }
        }
    }
}

impl Hub {
    /// Empties the caches of packs and of git transport. To be called once, before requests are served: what an
    /// earlier process left was never synced to the disk, so it is not trusted.
    pub async fn prepare_cache(&self) -> Result<()> {
        for name in ["git", "push", "packs"] {
            match tokio::fs::remove_dir_all(self.settings().cache_dir.join(name)).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::internal(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A bare repository with everything in `history`, and `refs` as of `state`, which `history` must cover.
    pub(crate) async fn hydrate(
        &self,
        repo_id: i64,
        history: &Arc<History>,
        state: &GitRow,
        refs: Vec<RefRecord>,
    ) -> Result<Lease> {
        let slot = self.hydrations().slot(repo_id);
        let _filling = slot.filling.lock().await;
        let current = slot.current.lock().clone().filter(|dir| serves(dir, history));
        let dir = match current {
            Some(dir) => dir,
            None => {
                let parent = self.hydrations().root.join(repo_id.to_string());
                let (generation, gc_epoch) = (history.generation(), history.gc_epoch());
                let create =
                    move || BareDir::create(&parent, generation, gc_epoch).map_err(Error::internal);
                Arc::new(blocking(create).await?)
            }
        };
        let job = Filling {
            dir: Arc::clone(&dir),
            history: Arc::clone(history),
            incoming: self.incoming(&dir, history),
            refs,
            refs_seq: state.seq,
            head_ref: state.head_ref.clone(),
        };
        blocking(move || job.run()).await?;
        Ok(self.hydrations().publish(&slot, dir))
    }

    /// The packs of `history` that the directory lacks, in a fixed order.
    fn incoming(&self, dir: &BareDir, history: &History) -> Vec<Incoming> {
        let contents = dir.contents.lock();
        // A directory of a later generation has the same objects in other packs.
        if contents.seq >= history.seq() && contents.refs_seq.is_some() {
            return Vec::new();
        }
        let missing = history.packs().iter().filter(|(id, _)| !contents.installed.contains(*id));
        let mut incoming: Vec<Incoming> = missing
            .map(|(id, pack)| Incoming {
                id: id.clone(),
                pack: Arc::clone(pack),
                file: self.pack_file(id),
            })
            .collect();
        incoming.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        incoming
    }

    fn pack_file(&self, pack_id: &str) -> Option<PathBuf> {
        let uuid = uuid::Uuid::parse_str(pack_id).ok()?;
        let cached = || self.settings().cache_dir.join("packs").join(format!("{uuid}.pack"));
        Some(self.blobs().local_path(&Key::pack(uuid)).unwrap_or_else(cached))
    }
}

/// True when the directory has, or can be given, everything that a reader of `history` may ask for, and nothing that
/// was dropped since.
fn serves(dir: &BareDir, history: &History) -> bool {
    let (ours, wanted) =
        ((dir.gc_epoch, dir.generation), (history.gc_epoch(), history.generation()));
    let contents = dir.contents.lock();
    if ours == wanted {
        return contents.seq >= history.seq() || contents.files < FILES_MAX;
    }
    ours > wanted && contents.seq >= history.seq()
}

struct Filling {
    dir: Arc<BareDir>,
    history: Arc<History>,
    incoming: Vec<Incoming>,
    refs: Vec<RefRecord>,
    refs_seq: i64,
    head_ref: String,
}

impl Filling {
    /// Objects first, then the refs that need them.
    fn run(self) -> Result<()> {
        let added = install(self.dir.path(), &self.incoming, self.history.pack_set())?;
        let mut contents = self.dir.contents.lock();
        contents.files += added.files;
        contents.bytes += added.bytes;
        contents.installed.extend(self.incoming.into_iter().map(|pack| pack.id));
        contents.seq = contents.seq.max(self.history.seq());
        // Newer refs may be there: their objects are, too, and nobody needs the older ones.
        if contents.refs_seq.is_none_or(|written| written < self.refs_seq) {
            cache_dir::write_packed_refs(self.dir.path(), &self.refs, &self.head_ref)
                .map_err(Error::internal)?;
            contents.refs_seq = Some(self.refs_seq);
        }
        Ok(())
    }
}

/// Runs file work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(hydrations: &Hydrations, repo_id: i64, bytes: u64) -> Lease {
        let dir = BareDir::create(&hydrations.root.join(repo_id.to_string()), 0, 0).unwrap();
        dir.contents.lock().bytes = bytes;
        let slot = hydrations.slot(repo_id);
        hydrations.publish(&slot, Arc::new(dir))
    }

    #[test]
    fn a_full_cache_loses_what_was_idle_longest() {
        let root = tempfile::tempdir().unwrap();
        let hydrations = Hydrations { bytes_max: 100, ..Hydrations::new(root.path()) };
        let kept = add(&hydrations, 1, 40);
        let paths: Vec<PathBuf> =
            (2..5).map(|id| add(&hydrations, id, 25).path().to_owned()).collect();
        // 1 is leased and older; 2 is the oldest idle one.
        assert!(kept.path().is_dir() && !paths[0].exists());
        assert!(paths[1].is_dir() && paths[2].is_dir());
        let slots: Vec<i64> = hydrations.slots.lock().keys().copied().collect();
        assert_eq!(slots.len(), 3);
        let path = kept.path().to_owned();
        hydrations.forget(1);
        assert!(path.is_dir());
        drop(kept);
        assert!(!path.exists());
    }
}
