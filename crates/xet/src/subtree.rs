//! What the hash of a file needs of a run of its chunks, in few nodes: so a client that edits a large file can compute the
//! hash of the new one without the hashes of all chunks it leaves alone (`MerkleHashSubtree` in `xet-core-structures`).
//!
//! The tree over a file's chunks is built by groups, and where groups end is decided by the hashes of their members. Of a run
//! in the middle of a file most groups are known, whatever comes before and behind: only near its ends they depend on the
//! neighbors. So a run is kept as its groups' nodes of the highest level they reach, and on each level the few nodes at the
//! left and at the right end that are still undecided. Two runs that follow each other are [joined](Subtree::join) by
//! deciding what was undecided between them.

#[cfg(test)]
pub(crate) mod tests;

use steelyard_core::XetHash;

use crate::hash::{GROUP_MAX, GROUP_MIN, group_hash, keyed, may_end_group};

/// A node of the tree: its hash, and the bytes below it.
pub type Node = (XetHash, u64);

/// A run of a file's chunks, as far as the tree over it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtree {
    /// From the chunks upward.
    levels: Vec<Level>,
    /// The run starts with the file.
    is_at_start: bool,
    /// The run ends with the file.
    is_at_end: bool,
}

/// The undecided nodes of one level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Level {
    left: Vec<Node>,
    right: Vec<Node>,
}

/// Runs that do not follow each other: the left one ends the file, or the right one starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the runs of chunks do not follow each other")]
pub struct NotAdjacent;

impl Subtree {
    /// The run of these chunks: their hashes and lengths in order, and whether the file starts and ends with them.
    pub fn new(is_at_start: bool, chunks: Vec<Node>, is_at_end: bool) -> Self {
        let levels = vec![Level { left: chunks, right: Vec::new() }];
        Self { levels, is_at_start, is_at_end }.decided()
    }

    /// The run of `self` and the one that follows it.
    pub fn join(self, next: Self) -> Result<Self, NotAdjacent> {
        if self.is_at_end || next.is_at_start {
            return Err(NotAdjacent);
        }
        // What is grouped between the two on one level lies between them on the level above.
        let count = self.levels.len().max(next.levels.len());
        let mut levels = Vec::with_capacity(count);
        let (mut own, mut theirs) = (self.levels.into_iter(), next.levels.into_iter());
        for _ in 0..count {
            let (own, theirs) = (own.next().unwrap_or_default(), theirs.next().unwrap_or_default());
            levels.push(Level { left: own.into_nodes(), right: theirs.into_nodes() });
        }
        let joined = Self { levels, is_at_start: self.is_at_start, is_at_end: next.is_at_end };
        Ok(joined.decided())
    }

    /// Groups what can be grouped, from the chunks upward. On entry, what comes up from the level below belongs between the
    /// `left` and the `right` of a level; on return these are what is undecided.
    fn decided(self) -> Self {
        let mut levels: Vec<Level> = Vec::with_capacity(self.levels.len() + 1);
        let mut below = self.levels.into_iter();
        let mut carried = Vec::new();
        loop {
            let nodes = match below.next() {
                Some(Level { left, right }) => [left, carried, right].concat(),
                None if carried.is_empty() => break,
                None => carried,
            };
            // What is undecided below may still become the first or the last node of this level.
            let is_at_start = self.is_at_start && levels.iter().all(|level| level.left.is_empty());
            let is_at_end = self.is_at_end && levels.iter().all(|level| level.right.is_empty());
            let (level, grouped) = split(nodes, is_at_start, is_at_end);
            levels.push(level);
            carried = grouped;
        }
        while levels.len() > 1 && levels.last().is_some_and(|level| level.len() == 0) {
            levels.pop();
        }
        Self { levels, ..self }
    }

    /// True when the run has no chunk.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of nodes: few for each level, unless the hashes were made to prevent it.
    pub fn len(&self) -> usize {
        self.levels.iter().map(Level::len).sum()
    }

    /// The nodes as the protocol lists them: the left ones from the lowest level upward, then the right ones downward.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        let left = self.levels.iter().flat_map(|level| &level.left);
        left.chain(self.levels.iter().rev().flat_map(|level| &level.right))
    }

    /// How many left and right nodes each level has, from the lowest upward.
    pub fn levels(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.levels.iter().map(|level| (level.left.len(), level.right.len()))
    }

    /// True when the file starts with the run.
    pub fn is_at_start(&self) -> bool {
        self.is_at_start
    }

    /// True when the file ends with the run.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Hash of the file, when the run is all of it.
    pub fn file_hash(&self) -> Option<XetHash> {
        if !self.is_at_start || !self.is_at_end {
            return None;
        }
        // Nothing is undecided, so that one node is left at the top.
        match self.levels.last()?.left.as_slice() {
            [] => Some(XetHash::ZERO),
            [(root, _)] => Some(keyed(root, &[0; 32])),
            _ => None,
        }
    }
}

impl Level {
    fn len(&self) -> usize {
        self.left.len() + self.right.len()
    }

    fn into_nodes(mut self) -> Vec<Node> {
        self.left.append(&mut self.right);
        self.left
    }
}

/// Parts a level's nodes into the undecided ones and those in groups that nothing can change any more; the latter become nodes
/// of the level above.
fn split(mut nodes: Vec<Node>, is_at_start: bool, is_at_end: bool) -> (Level, Vec<Node>) {
    let decided =
        if nodes.len() > 1 { decided_range(&nodes, is_at_start, is_at_end) } else { None };
    let Some((start, end)) = decided else {
        return (Level { left: nodes, right: Vec::new() }, Vec::new());
    };
    let right = nodes.split_off(end);
    let mut grouped = Vec::new();
    let mut rest = &nodes[start..];
    while !rest.is_empty() {
        let (group, behind) = rest.split_at(first_group(rest));
        grouped.push(group_hash(group));
        rest = behind;
    }
    nodes.truncate(start);
    (Level { left: nodes, right }, grouped)
}

fn decided_range(nodes: &[Node], is_at_start: bool, is_at_end: bool) -> Option<(usize, usize)> {
    let start = if is_at_start { 0 } else { sure_start(nodes)? };
    let rest = &nodes[start..];
    let end = start + if is_at_end { rest.len() } else { sure_end(rest)? };
    (start < end).then_some((start, end))
}

/// Length of the first group of nodes that are all there are.
fn first_group(nodes: &[Node]) -> usize {
    let longest = nodes.len().min(GROUP_MAX);
    (GROUP_MIN..longest).find(|len| may_end_group(&nodes[len - 1].0)).unwrap_or(longest)
}

/// Where the first group starts that starts there whatever nodes come before.
fn sure_start(nodes: &[Node]) -> Option<usize> {
    let ends = (0..nodes.len()).filter(|index| may_end_group(&nodes[*index].0));
    middle_of_three(ends).map(|middle| middle + 1)
}

/// Where the last group ends that ends there whatever nodes follow.
fn sure_end(nodes: &[Node]) -> Option<usize> {
    let ends = (0..nodes.len()).rev().filter(|index| may_end_group(&nodes[*index].0));
    middle_of_three(ends).map(|middle| middle + 1)
}

/// The middle one of the first three possible ends of groups whose distances are those of whole groups: any grouping ends a
/// group at the first or between the first two, so that the second is neither too near for an end nor too far.
fn middle_of_three(mut ends: impl Iterator<Item = usize>) -> Option<usize> {
    let is_group =
        |one: usize, other: usize| (GROUP_MIN..GROUP_MAX - 1).contains(&one.abs_diff(other));
    let (mut first, mut middle) = (ends.next()?, ends.next()?);
    for last in ends {
        if is_group(first, middle) && is_group(middle, last) {
            return Some(middle);
        }
        (first, middle) = (middle, last);
    }
    None
}
