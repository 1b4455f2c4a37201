//! The last commit that changed each entry of a folder.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use steelyard_core::Oid;

use super::diff::changed_entries;
use crate::GitError;
use crate::commit::Commit;
use crate::read::{get_commit, get_tree, lookup_path};
use crate::store::ObjectSource;
use crate::tree::EMPTY_TREE;

/// For each of `names` in the folder `dir` of `commit`, the commit that `git log -1 -- dir/name` shows.
///
/// Like git, a merge passes a path on to the first parent that has the same entry, and is the answer itself when
/// none has. After `budget` commits the rest is answered with `None`; so are names that never existed.
pub fn last_commits(
    source: &dyn ObjectSource,
    commit: &Oid,
    dir: &str,
    names: &[&[u8]],
    budget: usize,
) -> Result<Vec<Option<Oid>>, GitError> {
    let mut walk = Walk {
        source,
        dir,
        waiting: HashMap::new(),
        queue: BinaryHeap::new(),
        answers: HashMap::new(),
    };
    let start = walk.state(commit)?;
    walk.pass_on(commit, start, names.iter().copied().collect());
    for _ in 0..budget {
        if !walk.step()? {
            break;
        }
    }
    Ok(names.iter().map(|name| walk.answers.get(name).copied()).collect())
}

/// Names whose answer is still sought.
type Names<'n> = HashSet<&'n [u8]>;

struct Walk<'a, 'n> {
    source: &'a dyn ObjectSource,
    dir: &'a str,
    /// The commits that names have been passed on to.
    waiting: HashMap<Oid, Waiting<'n>>,
    queue: BinaryHeap<(i64, Reverse<Oid>)>,
    answers: HashMap<&'n [u8], Oid>,
}

struct Waiting<'n> {
    state: State,
    names: Names<'n>,
}

/// A commit and the id of the folder in it; the empty tree when it has no such folder.
#[derive(Clone)]
struct State {
    commit: Arc<Commit>,
    folder: Oid,
}

impl<'n> Walk<'_, 'n> {
    fn pass_on(&mut self, oid: &Oid, state: State, names: Names<'n>) {
        if names.is_empty() {
            return;
        }
        if let Some(waiting) = self.waiting.get_mut(oid) {
            waiting.names.extend(names);
            return;
        }
        self.queue.push((state.commit.committer.time.secs(), Reverse(*oid)));
        self.waiting.insert(*oid, Waiting { state, names });
    }

    /// Works off the newest commit; false when no name waits any more.
    fn step(&mut self) -> Result<bool, GitError> {
        let Some((_, Reverse(oid))) = self.queue.pop() else { return Ok(false) };
        let Waiting { state, mut names } =
            self.waiting.remove(&oid).expect("what is queued is waiting");
        let parents = &state.commit.parents;
        if parents.is_empty() {
            let found = self.changed(&state.folder, &EMPTY_TREE, &names)?;
            self.answer(&oid, &found);
        }
        for (number, parent) in parents.iter().enumerate() {
            let other = self.state(parent)?;
            let differing = self.changed(&state.folder, &other.folder, &names)?;
            if number + 1 == parents.len() {
                self.answer(&oid, &differing);
            }
            // What is equal goes on to this parent, what differs is tried with the next.
            for name in &differing {
                names.remove(name);
            }
            self.pass_on(parent, other, std::mem::replace(&mut names, differing));
            if names.is_empty() {
                break;
            }
        }
        Ok(true)
    }

    fn answer(&mut self, oid: &Oid, names: &Names<'n>) {
        self.answers.extend(names.iter().map(|name| (*name, *oid)));
    }

    fn state(&self, oid: &Oid) -> Result<State, GitError> {
        if let Some(waiting) = self.waiting.get(oid) {
            return Ok(waiting.state.clone());
        }
        let commit = Arc::new(get_commit(self.source, oid)?);
        let folder = lookup_path(self.source, &commit.tree, self.dir)?;
        let folder = folder.filter(|entry| entry.mode.is_tree()).map(|entry| entry.oid);
        Ok(State { commit, folder: folder.unwrap_or(EMPTY_TREE) })
    }

    /// Those of `names` whose entry is not the same in both folders.
    fn changed(&self, a: &Oid, b: &Oid, names: &Names<'n>) -> Result<Names<'n>, GitError> {
        let mut found = Names::new();
        if a == b {
            return Ok(found);
        }
        let (a, b) = (get_tree(self.source, a)?, get_tree(self.source, b)?);
        changed_entries(&a, &b, &mut |old, new| {
            let name = old.or(new).map(|entry| entry.name).unwrap_or_default();
            found.extend(names.get(name));
            Ok(())
        })?;
        Ok(found)
    }
}
