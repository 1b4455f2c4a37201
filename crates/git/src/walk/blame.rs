//! Which commit each line of a file comes from.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};
use steelyard_core::Oid;

use crate::GitError;
use crate::commit::Commit;
use crate::read::{get_blob, get_commit, lookup_path};
use crate::store::ObjectSource;

/// How much work one question may make.
#[derive(Debug, Clone, Copy)]
pub struct BlameLimits {
    /// Commits that are looked at.
    pub commits: usize,
    /// Bytes of versions of the file that are compared.
    pub compared_bytes: usize,
    /// When it must be over.
    pub deadline: Instant,
}

/// Where a file's lines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// For each line the commit that brought it in its present form; none where a limit ended the search before.
    pub lines: Vec<Option<Oid>>,
    /// Whether no limit was met.
    pub is_complete: bool,
}

/// For each line of the file at `path` the commit that `git blame` shows; renames are not followed. `None` when the commit
/// has no such file.
///
/// Each commit passes the lines that it has in common with a parent on to that parent, the first one first, and keeps what no
/// parent had. Commits are taken newest first, so that what reaches one on several ways is compared once.
pub fn blame(
    source: &dyn ObjectSource,
    commit: &Oid,
    path: &str,
    limits: BlameLimits,
) -> Result<Option<Blame>, GitError> {
    let start = Arc::new(get_commit(source, commit)?);
    let mut walk = Walk {
        source,
        path,
        limits,
        waiting: HashMap::new(),
        queue: BinaryHeap::new(),
        last_read: None,
        answers: Vec::new(),
    };
    let Some(blob) = walk.file_in(&start)? else { return Ok(None) };
    let count = lines(&walk.read(&blob)?).len();
    walk.answers = vec![None; count];
    let all = (0..count).map(|line| Passed { in_answer: line, here: line }).collect();
    walk.pass_on(*commit, start, blob, all);
    let is_complete = walk.run()?;
    Ok(Some(Blame { lines: walk.answers, is_complete }))
}

/// A line of the answer, and which line it is in the version at hand.
#[derive(Debug, Clone, Copy)]
struct Passed {
    in_answer: usize,
    here: usize,
}

struct Waiting {
    commit: Arc<Commit>,
    /// The file in it.
    blob: Oid,
    lines: Vec<Passed>,
}

struct Walk<'a> {
    source: &'a dyn ObjectSource,
    path: &'a str,
    limits: BlameLimits,
    waiting: HashMap<Oid, Waiting>,
    queue: BinaryHeap<(i64, Reverse<Oid>)>,
    /// A version is first compared as the old one and then, mostly at once, as the new one.
    last_read: Option<(Oid, Bytes)>,
    answers: Vec<Option<Oid>>,
}

impl Walk<'_> {
    fn pass_on(&mut self, oid: Oid, commit: Arc<Commit>, blob: Oid, lines: Vec<Passed>) {
        if lines.is_empty() {
            return;
        }
        if let Some(waiting) = self.waiting.get_mut(&oid) {
            waiting.lines.extend(lines);
            return;
        }
        self.queue.push((commit.committer.time.secs(), Reverse(oid)));
        self.waiting.insert(oid, Waiting { commit, blob, lines });
    }

    /// Works until no line waits, or a limit is met; says which.
    fn run(&mut self) -> Result<bool, GitError> {
        for _ in 0..self.limits.commits {
            let Some((_, Reverse(oid))) = self.queue.pop() else { return Ok(true) };
            if Instant::now() > self.limits.deadline {
                return Ok(false);
            }
            let waiting = self.waiting.remove(&oid).expect("what is queued is waiting");
            if !self.step(oid, waiting)? {
                return Ok(false);
            }
        }
        Ok(self.queue.is_empty())
    }

    /// Asks the parents of one commit; false when there is no budget left to compare.
    fn step(&mut self, oid: Oid, waiting: Waiting) -> Result<bool, GitError> {
        let Waiting { commit, blob, lines: mut left } = waiting;
        for parent_oid in &commit.parents {
            if left.is_empty() {
                break;
            }
            let parent = match self.waiting.get(parent_oid) {
                Some(waiting) => Arc::clone(&waiting.commit),
                None => Arc::new(get_commit(self.source, parent_oid)?),
            };
            let Some(before) = self.file_in(&parent)? else { continue };
            if before == blob {
                self.pass_on(*parent_oid, parent, before, std::mem::take(&mut left));
                break;
            }
            let Some(passed) = self.in_common(&before, &blob, &mut left)? else {
                return Ok(false);
            };
            self.pass_on(*parent_oid, parent, before, passed);
        }
        for line in left {
            self.answers[line.in_answer] = Some(oid);
        }
        Ok(true)
    }

    /// Takes the lines that the older version has out of `left`; none when there is no budget to find out.
    fn in_common(
        &mut self,
        old: &Oid,
        new: &Oid,
        left: &mut Vec<Passed>,
    ) -> Result<Option<Vec<Passed>>, GitError> {
        let (new, old) = (self.read(new)?, self.read(old)?);
        let bytes = old.len() + new.len();
        if bytes > self.limits.compared_bytes {
            return Ok(None);
        }
        self.limits.compared_bytes -= bytes;
        let (old_lines, new_lines) = (lines(&old), lines(&new));
        // Of each line of the new version, which one it was.
        let mut was: Vec<Option<usize>> = vec![None; new_lines.len()];
        let deadline = Some(self.limits.deadline);
        for op in capture_diff_slices_deadline(Algorithm::Myers, &old_lines, &new_lines, deadline) {
            if let DiffOp::Equal { old_index, new_index, len } = op {
                (0..len).for_each(|step| was[new_index + step] = Some(old_index + step));
            }
        }
        if Instant::now() > self.limits.deadline {
            // What the comparison said may be coarse, and would blame the wrong commit.
            return Ok(None);
        }
        let mut passed = Vec::new();
        left.retain(|line| match was.get(line.here).copied().flatten() {
            Some(here) => {
                passed.push(Passed { here, ..*line });
                false
            }
            None => true,
        });
        Ok(Some(passed))
    }

    fn file_in(&self, commit: &Commit) -> Result<Option<Oid>, GitError> {
        let found = lookup_path(self.source, &commit.tree, self.path)?;
        Ok(found.filter(|entry| entry.mode.is_file()).map(|entry| entry.oid))
    }

    fn read(&mut self, oid: &Oid) -> Result<Bytes, GitError> {
        if let Some((known, bytes)) = &self.last_read
            && known == oid
        {
            return Ok(bytes.clone());
        }
        let bytes = get_blob(self.source, oid)?;
        self.last_read = Some((*oid, bytes.clone()));
        Ok(bytes)
    }
}

/// The lines of a text, without what ends them.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // What follows the last line's end is none.
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

#[cfg(test)]
mod tests;
