//! Who may push at all; what exactly is decided per ref.

use std::collections::HashMap;

use steelyard_core::{RefName, RepoId, RepoKind};
use steelyard_db::Conn;
use steelyard_db::discussion::{self, DiscussionRow};
use steelyard_db::refs;
use steelyard_db::repo::RepoRow;
use steelyard_git::protocol::RefRecord;

use crate::{Action, Actor, Error, Hub, Result};

/// Pull requests looked at to find out whether somebody without write access has one to push to.
const PULL_REQUESTS_MAX: usize = 1000;

/// The right to push something to a repository.
#[derive(Debug, Clone)]
pub struct PushAccess {
    pub(super) repo: RepoRow,
    pub(super) actor: Actor,
    /// False: only to the actor's own pull requests.
    pub(super) may_write: bool,
}

impl Hub {
    /// Checks that `actor` may push to some ref of the repository: those who may write to it, and authors of its pull
    /// requests.
    pub async fn authorize_push(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
    ) -> Result<PushAccess> {
        let mut conn = self.db().read().await?;
        let refusal = match self.repo_on(&mut conn, actor, kind, id, Action::WriteContent).await {
            Ok(repo) => return Ok(PushAccess { repo, actor: actor.clone(), may_write: true }),
            Err(error @ Error::Forbidden(_)) => error,
            Err(error) => return Err(error),
        };
        let Ok(repo) = self.repo_on(&mut conn, actor, kind, id, Action::ProposeChange).await else {
            return Err(refusal);
        };
        if has_own_pull_request(&mut conn, repo.id, actor).await? {
            return Ok(PushAccess { repo, actor: actor.clone(), may_write: false });
        }
        Err(refusal)
    }

    /// The refs of a repository for a client that wants to push.
    pub async fn pushable_refs(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
    ) -> Result<Vec<RefRecord>> {
        let access = self.authorize_push(actor, kind, id).await?;
        Ok(self.git_refs_of(&access.repo).await?.refs)
    }
}

async fn has_own_pull_request(conn: &mut Conn, repo_id: i64, actor: &Actor) -> Result<bool> {
    let rows = refs::list_refs(conn, repo_id, "refs/pr/").await?;
    let numbers =
        rows.iter().filter_map(|row| RefName::parse(&row.name).ok()?.pull_request_number());
    for number in numbers.take(PULL_REQUESTS_MAX) {
        let found = discussion::find_discussion(conn, repo_id, number).await?;
        if found.is_some_and(|row| Some(row.author_id) == actor.id()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The pull requests of these numbers that exist.
pub(super) async fn find_pull_requests(
    conn: &mut Conn,
    repo_id: i64,
    numbers: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, DiscussionRow>> {
    let mut found = HashMap::new();
    for number in numbers {
        if let Some(row) = discussion::find_discussion(conn, repo_id, number).await?
            && row.is_pull_request
        {
            found.insert(number, row);
        }
    }
    Ok(found)
}
