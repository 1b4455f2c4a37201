//! What would become reachable if refs were set to some tips: the commits and files behind these, without what is
//! behind the refs that are there.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use steelyard_core::Oid;

use super::diff::changed_entries;
use crate::GitError;
use crate::read::{FOLDER_DEPTH_MAX, get_commit, get_tree};
use crate::store::ObjectSource;
use crate::tree::{EntryRef, Tree};

/// A commit behind the tips that is not behind the refs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshCommit {
    /// Its id.
    pub oid: Oid,
    /// Its root tree.
    pub tree: Oid,
    /// Its parents.
    pub parents: Vec<Oid>,
}

/// The commits behind `tips` that are not behind `known`, parents first. Both are ids of commits.
///
/// Walks by date and ends where only known history is left, so it reads little more than what is fresh. Where clocks
/// were wrong, known commits may be among the answer; none that is fresh is ever left out.
pub fn fresh_commits(
    source: &dyn ObjectSource,
    tips: &[Oid],
    known: &[Oid],
) -> Result<Vec<FreshCommit>, GitError> {
    let known_tips: HashSet<&Oid> = known.iter().collect();
    if tips.iter().all(|tip| known_tips.contains(tip)) {
        return Ok(Vec::new());
    }
    let mut painter =
        Painter { source, seen: HashMap::new(), queue: BinaryHeap::new(), fresh_queued: 0 };
    for (tips, is_known) in [(known, true), (tips, false)] {
        for tip in tips {
            painter.note(tip, is_known)?;
        }
    }
    painter.run()?;
    Ok(painter.into_parents_first(tips))
}

/// What the painter knows of a commit.
struct Seen {
    is_known: bool,
    is_queued: bool,
    tree: Oid,
    parents: Vec<Oid>,
}

struct Painter<'a> {
    source: &'a dyn ObjectSource,
    seen: HashMap<Oid, Seen>,
    /// Newest first.
    queue: BinaryHeap<(i64, Oid)>,
    /// How many in the queue are not known.
    fresh_queued: usize,
}

impl Painter<'_> {
    fn note(&mut self, oid: &Oid, is_known: bool) -> Result<(), GitError> {
        if self.seen.contains_key(oid) {
            if is_known {
                self.paint(*oid);
            }
            return Ok(());
        }
        let commit = get_commit(self.source, oid)?;
        self.queue.push((commit.committer.time.secs(), *oid));
        self.fresh_queued += usize::from(!is_known);
        let seen = Seen { is_known, is_queued: true, tree: commit.tree, parents: commit.parents };
        self.seen.insert(*oid, seen);
        Ok(())
    }

    /// Marks a commit as known that may have passed for fresh, and its history as far as it was seen.
    fn paint(&mut self, oid: Oid) {
        let mut open = vec![oid];
        while let Some(oid) = open.pop() {
            let Some(seen) = self.seen.get_mut(&oid).filter(|seen| !seen.is_known) else {
                continue;
            };
            seen.is_known = true;
            if seen.is_queued {
                // Its parents follow when its turn comes.
                self.fresh_queued -= 1;
            } else {
                open.extend(&seen.parents);
            }
        }
    }

    fn run(&mut self) -> Result<(), GitError> {
        while self.fresh_queued > 0 {
            let (_, oid) = self.queue.pop().expect("what is counted is in the queue");
            let seen = self.seen.get_mut(&oid).expect("what is in the queue was seen");
            seen.is_queued = false;
            let (is_known, parents) = (seen.is_known, seen.parents.clone());
            self.fresh_queued -= usize::from(!is_known);
            for parent in &parents {
                self.note(parent, is_known)?;
            }
        }
        Ok(())
    }

    /// Everything that is not known. Each of them was entered, so their parents were seen.
    fn into_parents_first(mut self, tips: &[Oid]) -> Vec<FreshCommit> {
        self.seen.retain(|_, seen| !seen.is_known);
        let mut order = Vec::with_capacity(self.seen.len());
        let mut left: HashMap<Oid, FreshCommit> = HashMap::new();
        let mut open: Vec<(Oid, bool)> = tips.iter().map(|tip| (*tip, false)).collect();
        while let Some((oid, parents_are_done)) = open.pop() {
            if parents_are_done {
                order.extend(left.remove(&oid));
            } else if let Some(Seen { tree, parents, .. }) = self.seen.remove(&oid) {
                open.push((oid, true));
                open.extend(parents.iter().map(|parent| (*parent, false)));
                left.insert(oid, FreshCommit { oid, tree, parents });
            }
        }
        order
    }
}

/// Is told path and id of a file; an error ends the walk.
pub type OnFile<'a> = dyn FnMut(&[u8], &Oid) -> Result<(), GitError> + 'a;

/// Calls `found` with path and id of each file in the trees of `commits` that is in no tree of the commits before
/// them; once for each content. `commits` is what [`fresh_commits`] answered.
///
/// Folders are compared with the parents' and each is entered once, so the effort is that of what changed. A file that
/// was deleted and came back is found; symbolic links and submodules are left out.
pub fn fresh_files(
    source: &dyn ObjectSource,
    commits: &[FreshCommit],
    found: &mut OnFile<'_>,
) -> Result<(), GitError> {
    let trees: HashMap<&Oid, &Oid> =
        commits.iter().map(|commit| (&commit.oid, &commit.tree)).collect();
    let mut walk = Files { source, found, entered: HashSet::new(), path: Vec::new() };
    for commit in commits {
        let tree_of = |parent: &Oid| match trees.get(parent) {
            Some(tree) => Ok(**tree),
            None => Ok(get_commit(source, parent)?.tree),
        };
        let before: Result<Vec<Oid>, GitError> = commit.parents.iter().map(tree_of).collect();
        walk.folder(&commit.tree, &before?, 0)?;
    }
    Ok(())
}

struct Files<'a> {
    source: &'a dyn ObjectSource,
    found: &'a mut OnFile<'a>,
    /// Folders that were entered and files that were found.
    ///
    /// A folder need not be entered again although it was compared with other parents then: what was left out is in
    /// the tree of a parent, and as parents come first, it was found there or lies behind the refs.
    entered: HashSet<Oid>,
    path: Vec<u8>,
}

impl Files<'_> {
    /// Looks at a folder that was `before` in the parents.
    fn folder(&mut self, oid: &Oid, before: &[Oid], depth: usize) -> Result<(), GitError> {
        if before.contains(oid) || !self.entered.insert(*oid) {
            return Ok(());
        }
        if depth == FOLDER_DEPTH_MAX {
            let limit = FOLDER_DEPTH_MAX as u64;
            return Err(GitError::TooLarge { what: "depth of folders", limit });
        }
        let tree = get_tree(self.source, oid)?;
        let before: Result<Vec<Arc<Tree>>, GitError> =
            before.iter().map(|oid| get_tree(self.source, oid)).collect();
        let before = before?;
        let first = before.first().cloned().unwrap_or_default();
        changed_entries(&first, &tree, &mut |_, entry| match entry {
            Some(entry) => self.entry(entry, &before, depth),
            None => Ok(()),
        })
    }

    fn entry(
        &mut self,
        entry: EntryRef<'_>,
        before: &[Arc<Tree>],
        depth: usize,
    ) -> Result<(), GitError> {
        let is_tree = entry.mode.is_tree();
        if !is_tree && !entry.mode.is_file() {
            return Ok(());
        }
        let find = |tree: &Arc<Tree>| {
            let index = tree.position(entry.name, is_tree).ok()?;
            Some(tree.entry(index)).filter(|old| is_tree || old.mode.is_file()).map(|old| old.oid)
        };
        let before: Vec<Oid> = before.iter().filter_map(find).collect();
        let start = self.path.len();
        self.path.extend_from_slice(entry.name);
        if is_tree {
            self.path.push(b'/');
            self.folder(&entry.oid, &before, depth + 1)?;
        } else if !before.contains(&entry.oid) && self.entered.insert(entry.oid) {
            (self.found)(&self.path, &entry.oid)?;
        }
        self.path.truncate(start);
        Ok(())
    }
}
