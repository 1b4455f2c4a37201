//! What differs between two trees.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use steelyard_core::Oid;

use crate::GitError;
use crate::delta::{common_prefix, common_prefix_rev};
use crate::read::{FOLDER_DEPTH_MAX, get_tree};
use crate::store::ObjectSource;
use crate::tree::{EntryMode, EntryRef, Tree, order};

/// A path that differs. What replaced a folder by a file shows as its removed files and the new file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeChange {
    /// The full path. Bytes, because git does not demand UTF-8.
    pub path: Vec<u8>,
    /// The entry in the first tree.
    pub old: Option<(EntryMode, Oid)>,
    /// The entry in the second tree.
    pub new: Option<(EntryMode, Oid)>,
}

impl TreeChange {
    /// The path as text; bytes that are not UTF-8 are replaced.
    pub fn path_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.path)
    }
}

/// The differences of two trees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeDiff {
    /// Files, links and submodules that differ, in git's order.
    pub changes: Vec<TreeChange>,
    /// True when the limit cut the list short.
    pub truncated: bool,
}

/// Compares two trees (none: the empty tree), folders included, up to `limit` changed paths.
pub fn diff_trees(
    source: &dyn ObjectSource,
    old: Option<&Oid>,
    new: Option<&Oid>,
    limit: usize,
) -> Result<TreeDiff, GitError> {
    let mut walk = Walk { source, limit, diff: TreeDiff::default(), path: Vec::new() };
    walk.folders(old, new, 0)?;
    Ok(walk.diff)
}

struct Walk<'a> {
    source: &'a dyn ObjectSource,
    limit: usize,
    diff: TreeDiff,
    path: Vec<u8>,
}

impl Walk<'_> {
    fn folders(
        &mut self,
        old: Option<&Oid>,
        new: Option<&Oid>,
        depth: usize,
    ) -> Result<(), GitError> {
        if depth == FOLDER_DEPTH_MAX {
            let limit = FOLDER_DEPTH_MAX as u64;
            return Err(GitError::TooLarge { what: "depth of folders", limit });
        }
        let load = |oid: Option<&Oid>| match oid {
            Some(oid) => get_tree(self.source, oid),
            None => Ok(Arc::default()),
        };
        let (old, new) = (load(old)?, load(new)?);
        changed_entries(&old, &new, &mut |old, new| self.entries(old, new, depth))
    }

    fn entries(
        &mut self,
        old: Option<EntryRef<'_>>,
        new: Option<EntryRef<'_>>,
        depth: usize,
    ) -> Result<(), GitError> {
        if self.diff.truncated {
            return Ok(());
        }
        let Some(either) = old.or(new) else { return Ok(()) };
        let start = self.path.len();
        self.path.extend_from_slice(either.name);
        // Entries are paired by name and sort place, so both are folders or neither is.
        if either.mode.is_tree() {
            self.path.push(b'/');
            let oid = |entry: Option<EntryRef<'_>>| entry.map(|entry| entry.oid);
            self.folders(oid(old).as_ref(), oid(new).as_ref(), depth + 1)?;
        } else if self.diff.changes.len() == self.limit {
            self.diff.truncated = true;
        } else {
            let side = |entry: Option<EntryRef<'_>>| entry.map(|entry| (entry.mode, entry.oid));
            let (path, old, new) = (self.path.clone(), side(old), side(new));
            self.diff.changes.push(TreeChange { path, old, new });
        }
        self.path.truncate(start);
        Ok(())
    }
}

/// Calls `found` for each entry that is not the same in both folders; a file and a folder of one name are two.
pub(super) fn changed_entries(
    old: &Tree,
    new: &Tree,
    found: &mut impl FnMut(Option<EntryRef<'_>>, Option<EntryRef<'_>>) -> Result<(), GitError>,
) -> Result<(), GitError> {
    let (mut left, mut right) = differing(old, new);
    loop {
        let pair = (left.clone().next(), right.clone().next());
        let order = match pair {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(i), Some(j)) => {
                let (a, b) = (old.entry(i), new.entry(j));
                order((a.name, a.mode.is_tree()), (b.name, b.mode.is_tree()))
            }
        };
        let a = if order == Ordering::Greater { None } else { left.next() };
        let b = if order == Ordering::Less { None } else { right.next() };
        let (a, b) = (a.map(|index| old.entry(index)), b.map(|index| new.entry(index)));
        if a.map(|entry| (entry.mode, entry.oid)) != b.map(|entry| (entry.mode, entry.oid)) {
            found(a, b)?;
        }
    }
}

/// The entries between the common head and the common tail of two folders; found by comparing bytes, which is far
/// quicker than comparing entries.
fn differing(old: &Tree, new: &Tree) -> (Range<usize>, Range<usize>) {
    let (a, b) = (old.data().as_ref(), new.data().as_ref());
    let head = common_prefix(a, b);
    if head == a.len() && head == b.len() {
        return (0..0, 0..0);
    }
    // The entry that holds the first difference begins before it, in both folders at the same place.
    let from = old.starts().partition_point(|start| *start as usize <= head).saturating_sub(1);
    let start = old.start(from);
    let tail = common_prefix_rev(&a[start..], &b[start..]);
    let end = old.starts().partition_point(|at| (*at as usize) < a.len() - tail);
    let place = b.len() - (a.len() - old.start(end));
    if place == b.len() {
        return (from..end, from..new.len());
    }
    match new.starts().binary_search_by(|at| (*at as usize).cmp(&place)) {
        Ok(twin) => (from..end, from..twin),
        // Bytes that agree by chance need not begin an entry in both folders.
        Err(_) => (from..old.len(), from..new.len()),
    }
}
