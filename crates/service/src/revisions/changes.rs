//! What a commit changed.

use steelyard_core::Oid;
use steelyard_git::walk;

use super::snapshot::{Snapshot, read_commit, read_tree_of};
use crate::Result;
use crate::history::broken;

/// A file that a commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From the root of the repository.
    pub path: String,
    /// What it was before; absent for a new file.
    pub old: Option<Oid>,
    /// What it is now; absent for a deleted file.
    pub new: Option<Oid>,
    /// Whether either is a commit of another repository, whose contents are not here.
    pub is_submodule: bool,
}

/// What a commit changed against its first parent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The parents, the first one being what it is compared with.
    pub parents: Vec<Oid>,
    /// The files, in git's order.
    pub files: Vec<Change>,
    /// True when there are more than were asked for.
    pub is_truncated: bool,
}

impl Snapshot {
    /// What this commit changed, up to `limit` files.
    pub fn changes(&self, limit: usize) -> Result<Changes> {
        let parents = read_commit(&self.history, self.commit)?.parents;
        let old = match parents.first() {
            Some(parent) => Some(read_tree_of(&self.history, *parent)?),
            None => None,
        };
        let (files, is_truncated) = self.changed_files(old, limit)?;
        Ok(Changes { parents, files, is_truncated })
    }

    /// What differs in this commit from another one of the same repository, up to `limit` files. Nothing of the other is
    /// in `parents`.
    pub fn changes_since(&self, other: &Self, limit: usize) -> Result<Changes> {
        let (files, is_truncated) = self.changed_files(Some(other.tree), limit)?;
        Ok(Changes { parents: Vec::new(), files, is_truncated })
    }

    fn changed_files(&self, old: Option<Oid>, limit: usize) -> Result<(Vec<Change>, bool)> {
        let diff = walk::diff_trees(&*self.history, old.as_ref(), Some(&self.tree), limit)
            .map_err(broken)?;
        let files = diff.changes.iter().map(|change| Change {
            path: change.path_text().into_owned(),
            old: change.old.map(|(_, oid)| oid),
            new: change.new.map(|(_, oid)| oid),
            is_submodule: [change.old, change.new]
                .into_iter()
                .flatten()
                .any(|(mode, _)| mode.object_kind().is_none()),
        });
        Ok((files.collect(), diff.truncated))
    }
}
