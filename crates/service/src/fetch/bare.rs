//! One directory of the cache, from its creation to its removal.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use steelyard_git::cache_dir::{self, CacheDirError};

/// Names tried for a new directory; another process may work in the same cache.
const NAMES_MAX: u32 = 1000;

/// A bare repository on this replica. Dropping it removes the directory.
#[derive(Debug)]
pub(super) struct BareDir {
    path: PathBuf,
    pub(super) generation: i64,
    pub(super) gc_epoch: i64,
    pub(super) contents: Mutex<Contents>,
    last_used: AtomicU64,
}

/// What lies in the directory.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Every change up to this one is there.
    pub(super) seq: i64,
    /// The change as of which the refs were written.
    pub(super) refs_seq: Option<i64>,
    /// Ids of the packs whose objects are there.
    pub(super) installed: HashSet<String>,
    /// Pack files; fewer than ids, because small packs are joined.
    pub(super) files: usize,
    /// Bytes of pack files and their indexes.
    pub(super) bytes: u64,
}

impl BareDir {
    /// Creates an empty bare repository below `parent` under a name that nobody uses.
    pub(super) fn create(
        parent: &Path,
        generation: i64,
        gc_epoch: i64,
    ) -> Result<Self, CacheDirError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let failed = |source| CacheDirError::Io { path: parent.to_owned(), source };
        for _ in 0..NAMES_MAX {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{generation}-{gc_epoch}-{number}"));
            fs::create_dir_all(parent).map_err(failed)?;
            match fs::create_dir(&path) {
                Ok(()) => {}
                // Taken, or the parent was just removed as empty.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
                    ) =>
                {
                    continue;
                }
                Err(source) => return Err(CacheDirError::Io { path, source }),
            }
            let dir = Self {
                path,
                generation,
                gc_epoch,
                contents: Mutex::default(),
                last_used: AtomicU64::new(0),
            };
            cache_dir::write_skeleton(&dir.path)?;
            return Ok(dir);
        }
        Err(failed(io::ErrorKind::AlreadyExists.into()))
    }

    /// The directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes a use; `tick` grows with every use of any directory.
    pub(super) fn touch(&self, tick: u64) {
        self.last_used.store(tick, Ordering::Relaxed);
    }

    /// When it was last used.
    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }
}

impl Drop for BareDir {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        remove_later(path);
    }
}

/// Removes a directory of disposable files, off the async threads where there are any, and its parent if that is
/// empty then. What cannot be removed now goes at the next start.
pub(crate) fn remove_later(path: PathBuf) {
    let remove = move || {
        if let Err(error) = fs::remove_dir_all(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), "a cache directory could not be removed: {error}");
        }
        if let Some(parent) = path.parent() {
            // Fails while it holds anything, which is the point.
            let _ = fs::remove_dir(parent);
        }
    };
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(remove)),
        Err(_) => remove(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_live_as_long_as_they_are_held() {
        let root = tempfile::tempdir().unwrap();
        let parent = root.path().join("7");
        let one = BareDir::create(&parent, 1, 0).unwrap();
        let two = BareDir::create(&parent, 1, 0).unwrap();
        assert_ne!(one.path(), two.path());
        assert!(one.path().join("objects/pack").is_dir());
        drop(one);
        assert!(two.path().is_dir());
        drop(two);
        assert!(!parent.exists());
        assert!(root.path().exists());
    }
}
