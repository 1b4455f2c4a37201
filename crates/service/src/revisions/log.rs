//! The history of a commit.

use steelyard_core::limits::{COMMITS_PAGE, LAST_COMMIT_WALK_MAX};
use steelyard_core::page::{Cursor, Page};
use steelyard_core::{Oid, RepoPath, Timestamp};
use steelyard_git::{Commit, walk};

use super::snapshot::{Snapshot, read_commit, read_tree_of};
use crate::history::broken;
use crate::{Error, Result};

/// A commit, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its id.
    pub oid: Oid,
    /// First line of the message.
    pub title: String,
    /// The rest of the message.
    pub message: String,
    /// Name of its author, which for commits made through the API is the user's name.
    pub author: String,
    /// When it was committed.
    pub date: Timestamp,
}

impl CommitInfo {
    pub(super) fn new(oid: Oid, commit: &Commit) -> Self {
        Self {
            oid,
            title: commit.title().to_string(),
            message: commit.body().to_string(),
            author: commit.author.name_text().into_owned(),
            date: commit.committer.time,
        }
    }
}

impl Snapshot {
    /// One page of the history, newest first.
    pub fn list_commits(
        &self,
        cursor: Option<&Cursor>,
        limit: Option<usize>,
    ) -> Result<Page<CommitInfo>> {
        let limit = limit.unwrap_or(COMMITS_PAGE).clamp(1, 1000);
        let skip: usize = match cursor {
            None => 0,
            Some(cursor) => {
                let parsed = cursor.as_text()?.parse().ok().filter(|skip| *skip <= 10_000_000);
                parsed.ok_or_else(|| {
                    Error::invalid("cursor", "must be taken from a Link header of this server")
                })?
            }
        };
        let mut found =
            walk::log(&*self.history, &self.commit, None, skip, limit + 1).map_err(broken)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let items = found.iter().map(|(oid, commit)| CommitInfo::new(*oid, commit)).collect();
        let next = more.then(|| Cursor::after((skip + limit).to_string()));
        Ok(Page { items, next })
    }

    /// The newest commits that changed a path, at most `limit`, newest first; looked for in a bounded part of the history.
    pub fn list_commits_of(&self, path: &str, limit: usize) -> Result<Vec<CommitInfo>> {
        let path = RepoPath::parse(path)?;
        let at = |tree: &Oid| -> Result<Option<Oid>> {
            let found = steelyard_git::read::lookup_path(&*self.history, tree, path.as_str());
            Ok(found.map_err(broken)?.map(|entry| entry.oid))
        };
        let mut found = Vec::new();
        let commits = walk::log(&*self.history, &self.commit, None, 0, LAST_COMMIT_WALK_MAX);
        for (oid, commit) in commits.map_err(broken)? {
            let before = match commit.parents.first() {
                Some(parent) => at(&read_tree_of(&self.history, *parent)?)?,
                None => None,
            };
            if at(&commit.tree)? != before {
                found.push(CommitInfo::new(oid, &commit));
            }
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }

    /// The commit of this snapshot.
    pub fn commit_info(&self) -> Result<CommitInfo> {
        Ok(CommitInfo::new(self.commit, &read_commit(&self.history, self.commit)?))
    }

    /// Number of commits in the history, at most `limit`.
    pub fn count_commits(&self, limit: usize) -> Result<usize> {
        Ok(walk::log(&*self.history, &self.commit, None, 0, limit).map_err(broken)?.len())
    }
}
