//! A commit that was asked for and may be made: what waits for its turn.

use steelyard_core::{RefName, RepoPath, Sha256};
use steelyard_db::repo::RepoRow;
use steelyard_git::lfs_pointer;

use super::build::Authorship;
use super::operation::Operation;
use super::pull_request::PullRequest;

/// One commit to make. Permission, limits and large files have been looked at; where its branch stands has not.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) repo: RepoRow,
    pub(super) actor_id: i64,
    pub(super) target: RefName,
    /// The commit the client believes to be the head, or to base a pull request on.
    pub(super) parent: Option<String>,
    /// Each with the size of the large file it names.
    pub(super) operations: Vec<(Operation, Option<u64>)>,
    /// The epoch before the large files were looked up; `None` when none is named.
    pub(super) lfs_epoch: Option<i64>,
    pub(super) authorship: Authorship,
    pub(super) pull_request: Option<PullRequest>,
}

impl Plan {
    /// About how many bytes it takes to build.
    pub(super) fn weight(&self) -> usize {
        self.operations.iter().map(|(operation, _)| weight(operation)).sum()
    }

    /// The large files it names, with their paths and the sizes that are claimed.
    pub(super) fn contents(&self) -> impl Iterator<Item = (&RepoPath, Sha256, Option<u64>)> {
        self.operations.iter().filter_map(|(operation, _)| named_content(operation))
    }
}

/// The large file an operation names, with its size if that is said: pointers may also come as the text they are, and
/// one that leads nowhere would be a file that nobody can read.
pub(super) fn named_content(operation: &Operation) -> Option<(&RepoPath, Sha256, Option<u64>)> {
    match operation {
        Operation::LfsFile { path, sha256, size } => Some((path, *sha256, *size)),
        Operation::File { path, content } if content.len() < lfs_pointer::POINTER_BYTES_MAX => {
            lfs_pointer::parse(content).map(|(sha256, size)| (path, sha256, Some(size)))
        }
        _ => None,
    }
}

fn weight(operation: &Operation) -> usize {
    if let Operation::File { content, .. } = operation { content.len() } else { 200 }
}
