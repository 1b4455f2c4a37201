//! Pull requests, as far as commits open them: a numbered row and a ref. Threads and merging come later.

use steelyard_core::{Oid, RefName, Revision};
use steelyard_db::Tx;
use steelyard_db::discussion::{self, NewDiscussion};
use steelyard_git::read;

use crate::history::History;
use crate::{Error, Hub, Result};

/// A pull request to open.
#[derive(Debug, Clone)]
pub(super) struct PullRequest {
    pub(super) title: String,
    pub(super) description: String,
}

impl Hub {
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
            now: self.now(),
        };
        Ok(discussion::create_discussion(tx, repo_id, &new).await?)
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
