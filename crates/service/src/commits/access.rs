//! Who may commit where.

use steelyard_core::{RefName, RepoId, RepoKind, Revision};
use steelyard_db::discussion;
use steelyard_db::repo::RepoRow;

use crate::{Action, Actor, Error, Hub, Result};

impl Hub {
    /// Checks that `actor` may commit to `revision`, or open a pull request with a commit: those who may write, and
    /// on the ref of a pull request also its author.
    pub async fn authorize_commit(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        revision: &str,
        create_pr: bool,
    ) -> Result<RepoRow> {
        if create_pr {
            return self.repo(actor, kind, id, Action::ProposeChange).await;
        }
        let refusal = match self.repo(actor, kind, id, Action::WriteContent).await {
            Err(error @ Error::Forbidden(_)) => error,
            other => return other,
        };
        let name = commit_target(revision).ok();
        let Some(number) = name.as_ref().and_then(RefName::pull_request_number) else {
            return Err(refusal);
        };
        let mut conn = self.db().read().await?;
        let Ok(repo) = self.repo_on(&mut conn, actor, kind, id, Action::ProposeChange).await else {
            return Err(refusal);
        };
        let found = discussion::find_discussion(&mut conn, repo.id, number).await?;
        let is_author =
            found.is_some_and(|row| row.is_pull_request && Some(row.author_id) == actor.id());
        if is_author { Ok(repo) } else { Err(refusal) }
    }
}

/// The ref a commit goes to: a branch, or the ref of a pull request.
pub(crate) fn commit_target(revision: &str) -> Result<RefName> {
    match Revision::parse(revision)? {
        Revision::Commit(_) => Err(Error::invalid("revision", "must be a branch to commit to")),
        Revision::Named { .. } if revision.starts_with("refs/") => {
            let name = RefName::parse(revision)?;
            let allowed = name.branch_name().is_some() || name.pull_request_number().is_some();
            if allowed {
                Ok(name)
            } else {
                Err(Error::invalid("revision", "must be a branch or refs/pr/N"))
            }
        }
        Revision::Named { .. } => Ok(RefName::branch(revision)?),
    }
}
