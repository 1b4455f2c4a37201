//! Changes a folder: a list of operations on a base tree becomes a new tree.
//!
//! Operations take effect one after another, as in `git fast-import`; only folders that change are written, as a
//! delta against their former state where that is smaller.

mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use steelyard_core::{Oid, RepoPath};

use crate::GitError;
use crate::object::ObjectKind;
use crate::pack::PackBuilder;
use crate::read::get_tree;
use crate::store::ObjectSource;
use crate::tree::{EMPTY_TREE, EntryMode, Tree};

/// One change of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeOp {
    /// Makes `path` an entry; a folder of that name is replaced, as is a file where a folder is needed.
    Put {
        /// Where.
        path: RepoPath,
        /// What the entry is; with [`EntryMode::Tree`], a whole folder is put there.
        mode: EntryMode,
        /// The object.
        oid: Oid,
    },
    /// Removes a file, which must exist.
    DeleteFile(RepoPath),
    /// Removes a folder and all it holds; it must exist.
    DeleteFolder(RepoPath),
}

/// Why operations could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// An operation removes what is not there.
    #[error("\"{0}\" does not exist")]
    Missing(RepoPath),
    /// The base tree could not be read, or the result not be written.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Applies operations in order to a base tree (none: the empty tree) and adds the changed folders to `builder`.
///
/// Says the id of the new tree: that of the base when nothing changed, [`EMPTY_TREE`] when nothing is left.
pub fn apply_ops(
    source: &dyn ObjectSource,
    base: Option<Oid>,
    ops: &[TreeOp],
    builder: &mut PackBuilder,
) -> Result<Oid, EditError> {
    let mut root = match base {
        Some(base) => Folder::load(source, base)?,
        None => Folder::default(),
    };
    for op in ops {
        let (path, done) = match op {
            TreeOp::Put { path, mode, oid } => {
                root.put(source, path.as_str().as_bytes(), *mode, *oid)?;
                continue;
            }
            TreeOp::DeleteFile(path) => {
                (path, root.delete(source, path.as_str().as_bytes(), Wanted::File)?)
            }
            TreeOp::DeleteFolder(path) => {
                (path, root.delete(source, path.as_str().as_bytes(), Wanted::Folder)?)
            }
        };
        if !done {
            return Err(EditError::Missing(path.clone()));
        }
    }
    let oid = root.write(source, builder)?;
    if oid == EMPTY_TREE {
        // Git knows this object without storing it; other implementations may not.
        builder.add(ObjectKind::Tree, b"")?;
    }
    Ok(oid)
}

/// A folder as it was, and what has changed in it since.
#[derive(Default)]
struct Folder {
    base: Option<(Oid, Arc<Tree>)>,
    changes: BTreeMap<Box<[u8]>, Change>,
    /// Entries it has now.
    live: usize,
}

/// What became of a name.
enum Change {
    Entry { mode: EntryMode, oid: Oid },
    Folder(Box<Folder>),
    Removed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    File,
    Folder,
}

impl Folder {
    fn load(source: &dyn ObjectSource, oid: Oid) -> Result<Self, GitError> {
        let tree = get_tree(source, &oid)?;
        let live = tree.len();
        Ok(Self { base: Some((oid, tree)), changes: BTreeMap::new(), live })
    }

    /// The entry `name` has now, unless it is a folder that has been opened.
    fn entry(&self, name: &[u8]) -> Option<(EntryMode, Oid)> {
        match self.changes.get(name) {
            Some(Change::Entry { mode, oid }) => Some((*mode, *oid)),
            Some(Change::Folder(_) | Change::Removed) => None,
            None => {
                let entry = self.base.as_ref()?.1.find(name)?;
                Some((entry.mode, entry.oid))
            }
        }
    }

    /// True when `name` is something now.
    fn has(&self, name: &[u8]) -> bool {
        matches!(self.changes.get(name), Some(Change::Folder(_))) || self.entry(name).is_some()
    }

    fn set(&mut self, name: &[u8], change: Change) {
        let removed = matches!(change, Change::Removed);
        match (self.has(name), removed) {
            (true, true) => self.live -= 1,
            (false, false) => self.live += 1,
            _ => {}
        }
        self.changes.insert(name.into(), change);
    }

    /// Opens the folder `name`; `None` when it is no folder.
    fn open(
        &mut self,
        source: &dyn ObjectSource,
        name: &[u8],
    ) -> Result<Option<&mut Self>, GitError> {
        if let Some((mode, oid)) = self.entry(name) {
            if !mode.is_tree() {
                return Ok(None);
            }
            let folder = Self::load(source, oid)?;
            self.set(name, Change::Folder(Box::new(folder)));
        }
        Ok(match self.changes.get_mut(name) {
            Some(Change::Folder(folder)) => Some(folder),
            _ => None,
        })
    }

    fn put(
        &mut self,
        source: &dyn ObjectSource,
        path: &[u8],
        mode: EntryMode,
        oid: Oid,
    ) -> Result<(), GitError> {
        let (name, rest) = split(path);
        let Some(rest) = rest else {
            self.set(name, Change::Entry { mode, oid });
            return Ok(());
        };
        if self.open(source, name)?.is_none() {
            self.set(name, Change::Folder(Box::default()));
        }
        let folder = self.open(source, name)?.expect("it was opened or made just now");
        folder.put(source, rest, mode, oid)
    }

    /// Removes what is at `path`; false when nothing of that sort is there. Folders left empty vanish.
    fn delete(
        &mut self,
        source: &dyn ObjectSource,
        path: &[u8],
        wanted: Wanted,
    ) -> Result<bool, GitError> {
        let (name, rest) = split(path);
        let Some(rest) = rest else {
            let is_folder = match self.changes.get(name) {
                Some(Change::Folder(_)) => true,
                _ => match self.entry(name) {
                    Some((mode, _)) => mode.is_tree(),
                    None => return Ok(false),
                },
            };
            if is_folder != (wanted == Wanted::Folder) {
                return Ok(false);
            }
            self.set(name, Change::Removed);
            return Ok(true);
        };
        let Some(folder) = self.open(source, name)? else { return Ok(false) };
        let done = folder.delete(source, rest, wanted)?;
        if done && folder.live == 0 {
            self.set(name, Change::Removed);
        }
        Ok(done)
    }
}

fn split(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'/', path) {
        Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
        None => (path, None),
    }
}

#[cfg(test)]
mod tests;
