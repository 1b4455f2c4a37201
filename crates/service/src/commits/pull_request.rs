//! Pull requests, as far as commits open them: a numbered row and a ref. Threads and merging come later.

use steelyard_core::{Oid, RefName, Revision, Sha256};
use steelyard_db::discussion::{self, DiscussionRow, NewDiscussion};
use steelyard_db::{Tx, refs};
use steelyard_git::read;

use super::commit::Committed;
use crate::history::History;
use crate::{Error, Hub, Result};

/// A pull request to open.
#[derive(Debug, Clone)]
pub(super) struct PullRequest {
    pub(super) title: String,
    pub(super) description: String,
    /// The hash of the form that asks for it.
    pub(super) form: Option<Sha256>,
}

/// How long ago the same form may have been sent, in seconds.
const FORM_SECS: i64 = 600;

impl Hub {
    /// The pull request of that number of a repository that the caller may read.
    pub async fn pull_request(&self, repo_id: i64, number: i64) -> Result<Option<DiscussionRow>> {
        let mut conn = self.db().read().await?;
        let found = discussion::find_discussion(&mut conn, repo_id, number).await?;
        Ok(found.filter(|found| found.is_pull_request))
    }

    /// Writes the row of a pull request that already has a commit, so it is open at once; returns its number.
    pub(super) async fn open_pull_request(
        &self,
        tx: &mut Tx,
        repo_id: i64,
        author_id: i64,
        wanted: &PullRequest,
        base: &RefName,
    ) -> Result<i64> {
        let new = NewDiscussion {
            public_id: self.fresh_id(),
            is_pull_request: true,
            title: wanted.title.trim(),
            description: &wanted.description,
            status: "open",
            base_ref: Some(base.as_str()),
            author_id,
            form_hash: wanted.form.as_ref().map(|form| &form.as_bytes()[..]),
            now: self.now(),
        };
        Ok(discussion::create_discussion(tx, repo_id, &new).await?)
    }

    /// What the same form has opened a moment ago, on this replica or another.
    pub(super) async fn find_opened(
        &self,
        tx: &mut Tx,
        repo_id: i64,
        author_id: i64,
        wanted: &PullRequest,
    ) -> Result<Option<Committed>> {
        let Some(form) = &wanted.form else { return Ok(None) };
        let since = self.now().plus_secs(-FORM_SECS);
        let found =
            discussion::find_by_form(tx, repo_id, author_id, form.as_bytes(), since).await?;
        let Some(number) = found else { return Ok(None) };
        let row = refs::find_ref(tx, repo_id, &RefName::pull_request(number)).await?;
        Ok(row.map(|row| Committed { oid: row.oid, pull_request: Some(number) }))
    }
}

/// The commit a pull request shall be based on.
pub(super) fn find_parent(history: &History, parent: &str) -> Result<Oid> {
    let candidates = match Revision::parse(parent)? {
        Revision::Commit(oid) => vec![oid],
        Revision::Named { .. } => history.complete(parent),
    };
    let mut commits =
        candidates.into_iter().filter_map(|oid| Some(read::resolve_commit(history, &oid).ok()?.0));
    match (commits.next(), commits.next()) {
        (Some(commit), None) => Ok(commit),
        _ => Err(Error::no_revision(parent)),
    }
}
