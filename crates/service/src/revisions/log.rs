//! The history of a commit.

use std::collections::HashSet;

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
        let skip = cursor.map(skipped).transpose()?.unwrap_or(0);
        let mut found =
            walk::log(&*self.history, &self.commit, None, skip, limit + 1).map_err(broken)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let items = found.iter().map(|(oid, commit)| CommitInfo::new(*oid, commit)).collect();
        let next = more.then(|| Cursor::after((skip + limit).to_string()));
        Ok(Page { items, next })
    }

    /// One page of the commits that changed a path, newest first. Only a bounded part of the history is looked at for a page:
    /// it may hold fewer commits than `limit`, even none, and still have a next one.
    pub fn list_commits_of(
        &self,
        path: &str,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<CommitInfo>> {
        let path = RepoPath::parse(path)?;
        let at = |tree: &Oid| -> Result<Option<Oid>> {
            let found = steelyard_git::read::lookup_path(&*self.history, tree, path.as_str());
            Ok(found.map_err(broken)?.map(|entry| entry.oid))
        };
        let mut items = Vec::new();
        let mut commits = walk::History::new(&*self.history, &self.commit).map_err(broken)?;
        let skip = cursor.map(skipped).transpose()?.unwrap_or(0);
        // `nth` reads what it passes over, but compares nothing.
        if let Some(Err(error)) = skip.checked_sub(1).and_then(|last| commits.nth(last)) {
            return Err(broken(error));
        }
        for walked in 0..LAST_COMMIT_WALK_MAX {
            let Some(step) = commits.next() else { return Ok(Page { items, next: None }) };
            let (oid, commit) = step.map_err(broken)?;
            let before = match commit.parents.first() {
                Some(parent) => at(&read_tree_of(&self.history, *parent)?)?,
                None => None,
            };
            if at(&commit.tree)? != before {
                items.push(CommitInfo::new(oid, &commit));
            }
            if items.len() == limit {
                let next = Cursor::after((skip + walked + 1).to_string());
                return Ok(Page { items, next: Some(next) });
            }
        }
        let next = Cursor::after((skip + LAST_COMMIT_WALK_MAX).to_string());
        Ok(Page { items, next: Some(next) })
    }

    /// The newest commits of this history that are not in that of `other`, up to `limit`, and whether there may be more.
    /// Of both only a bounded part is looked at.
    pub fn commits_beyond(&self, other: &Self, limit: usize) -> Result<(Vec<CommitInfo>, bool)> {
        let budget = LAST_COMMIT_WALK_MAX;
        let theirs = walk::log(&*self.history, &other.commit, None, 0, budget).map_err(broken)?;
        // Beyond the part that was looked at, nothing can be said.
        let since = theirs.last().filter(|_| theirs.len() == budget);
        let since = since.map(|(_, commit)| commit.committer.time);
        let theirs: HashSet<Oid> = theirs.into_iter().map(|(oid, _)| oid).collect();
        let mut found = Vec::new();
        let mut walked = 0;
        for step in walk::History::new(&*self.history, &self.commit).map_err(broken)? {
            let (oid, commit) = step.map_err(broken)?;
            let is_unknown = since.is_some_and(|since| commit.committer.time < since);
            walked += 1;
            if found.len() == limit || walked > budget || is_unknown {
                return Ok((found, true));
            }
            if !theirs.contains(&oid) {
                found.push(CommitInfo::new(oid, &commit));
            }
        }
        Ok((found, false))
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

/// How many commits of a history the pages before a cursor went past.
fn skipped(cursor: &Cursor) -> Result<usize> {
    let parsed = cursor.as_text()?.parse().ok().filter(|skip| *skip <= 10_000_000);
    parsed
        .ok_or_else(|| Error::invalid("cursor", "must be taken from a Link header of this server"))
}
