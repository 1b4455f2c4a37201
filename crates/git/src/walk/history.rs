//! Commits, newest first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use steelyard_core::Oid;

use crate::GitError;
use crate::commit::Commit;
use crate::read::get_commit;
use crate::store::ObjectSource;

/// Walks a history in the order of `git log`: newest commit date first, of equal dates the one seen first.
pub struct History<'a> {
    source: &'a dyn ObjectSource,
    queue: BinaryHeap<Queued>,
    seen: HashSet<Oid>,
}

struct Queued {
    key: (i64, Reverse<usize>),
    oid: Oid,
    commit: Commit,
}

impl<'a> History<'a> {
    /// The history that ends in `start`.
    pub fn new(source: &'a dyn ObjectSource, start: &Oid) -> Result<Self, GitError> {
        let mut history = Self { source, queue: BinaryHeap::new(), seen: HashSet::new() };
        history.push(start)?;
        Ok(history)
    }

    fn push(&mut self, oid: &Oid) -> Result<(), GitError> {
        if self.seen.insert(*oid) {
            let commit = get_commit(self.source, oid)?;
            let key = (commit.committer.time.secs(), Reverse(self.seen.len()));
            self.queue.push(Queued { key, oid: *oid, commit });
        }
        Ok(())
    }
}

impl Iterator for History<'_> {
    type Item = Result<(Oid, Commit), GitError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Queued { oid, commit, .. } = self.queue.pop()?;
        for parent in &commit.parents {
            if let Err(error) = self.push(parent) {
                self.queue.clear();
                return Some(Err(error));
            }
        }
        Some(Ok((oid, commit)))
    }
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// A page of a history: `limit` commits after skipping up to and including `after`, then `skip` more.
///
/// A commit `after` that is not in the history yields an empty page.
pub fn log(
    source: &dyn ObjectSource,
    start: &Oid,
    after: Option<&Oid>,
    skip: usize,
    limit: usize,
) -> Result<Vec<(Oid, Commit)>, GitError> {
    let mut history = History::new(source, start)?;
    if let Some(after) = after {
        for step in history.by_ref() {
            if step?.0 == *after {
                break;
            }
        }
    }
    history.skip(skip).take(limit).collect()
}

/// True when `ancestor` is `descendant` or in its history; what a fast-forward demands.
pub fn is_ancestor(
    source: &dyn ObjectSource,
    ancestor: &Oid,
    descendant: &Oid,
) -> Result<bool, GitError> {
    for step in History::new(source, descendant)? {
        if step?.0 == *ancestor {
            return Ok(true);
        }
    }
    Ok(false)
}
