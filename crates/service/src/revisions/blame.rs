//! Which commit each line of a file comes from.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use steelyard_core::Oid;
use steelyard_core::limits::LAST_COMMIT_WALK_MAX;
use steelyard_git::walk::{self, BlameLimits};

use super::log::CommitInfo;
use super::snapshot::{Snapshot, read_commit};
use crate::Result;
use crate::history::broken;

/// Bytes of versions that are compared for one question.
const COMPARED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long one question may take.
const TIME_MAX: Duration = Duration::from_secs(3);

/// Where a file's lines come from.
#[derive(Debug, Clone)]
pub struct Blamed {
    /// For each line the place of its commit in `commits`; none where the search ended before it was found.
    pub lines: Vec<Option<usize>>,
    /// The commits, in the order of the first line of each.
    pub commits: Vec<CommitInfo>,
    /// Whether the search went as far back as it had to.
    pub is_complete: bool,
}

impl Blamed {
    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let text = |commit: &CommitInfo| commit.title.len() + commit.message.len() + 160;
        self.lines.len() * 16 + self.commits.iter().map(text).sum::<usize>()
    }
}

impl Snapshot {
    /// The commit that each line of a text file in git comes from; looked for in a bounded part of the history. `None` when
    /// there is no such file.
    pub fn blame(&self, path: &str) -> Result<Option<Blamed>> {
        let limits = BlameLimits {
            commits: LAST_COMMIT_WALK_MAX,
            compared_bytes: COMPARED_BYTES_MAX,
            deadline: Instant::now() + TIME_MAX,
        };
        let found = walk::blame(&*self.history, &self.commit, path, limits).map_err(broken)?;
        let Some(found) = found else { return Ok(None) };
        let mut places: HashMap<Oid, usize> = HashMap::new();
        let (mut commits, mut lines) = (Vec::new(), Vec::with_capacity(found.lines.len()));
        for oid in found.lines {
            let Some(oid) = oid else {
                lines.push(None);
                continue;
            };
            let place = match places.get(&oid) {
                Some(place) => *place,
                None => {
                    commits.push(CommitInfo::new(oid, &read_commit(&self.history, oid)?));
                    places.insert(oid, commits.len() - 1);
                    commits.len() - 1
                }
            };
            lines.push(Some(place));
        }
        Ok(Some(Blamed { lines, commits, is_complete: found.is_complete }))
    }
}
