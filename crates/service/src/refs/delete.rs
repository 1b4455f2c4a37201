//! Deleting branches and tags over HTTP.

use steelyard_core::{Oid, RefName, RepoId, RepoKind};
use steelyard_db::refs;
use steelyard_db::repo::RepoRow;

use super::protection::refuse_if_protected;
use crate::history::{Change, Landed, LogEntry};
use crate::{Action, Actor, Error, Hub, Result};

impl Hub {
    /// Deletes a branch.
    pub async fn delete_branch(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        branch: &str,
    ) -> Result<()> {
        let repo = self.repo(actor, kind, id, Action::WriteContent).await?;
        let missing = || Error::no_revision(branch);
        let name = RefName::branch(branch).map_err(|_| missing())?;
        let mut conn = self.db().read().await?;
        let found = refs::find_ref_with_git(&mut conn, repo.id, &name).await?;
        drop(conn);
        let (state, row) =
            found.ok_or_else(|| Error::internal("the repository has no history record"))?;
        if state.head_ref == name.as_str() {
            return Err(Error::Forbidden(format!(
                "Cannot delete {name}: it is the default branch"
            )));
        }
        let row = row.ok_or_else(missing)?;
        refuse_if_protected(&repo, &name, "delete")?;
        self.delete_ref(actor, &repo, state.gc_epoch, (name, row.oid), "branch").await
    }

    /// Deletes a tag.
    pub async fn delete_tag(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        tag: &str,
    ) -> Result<()> {
        let repo = self.repo(actor, kind, id, Action::WriteContent).await?;
        let missing = || Error::no_revision(tag);
        let name = RefName::tag(tag).map_err(|_| missing())?;
        let mut conn = self.db().read().await?;
        let found = refs::find_ref_with_git(&mut conn, repo.id, &name).await?;
        drop(conn);
        let (state, row) =
            found.ok_or_else(|| Error::internal("the repository has no history record"))?;
        let row = row.ok_or_else(missing)?;
        self.delete_ref(actor, &repo, state.gc_epoch, (name, row.oid), "tag").await
    }

    async fn delete_ref(
        &self,
        actor: &Actor,
        repo: &RepoRow,
        gc_epoch: i64,
        (name, old): (RefName, Oid),
        cause: &str,
    ) -> Result<()> {
        let changes = [Change { name, old: Some(old), new: None, peeled: None }];
        let log = LogEntry { actor_id: actor.id(), cause, now: self.now() };
        let mut tx = self.db().write().await?;
        if self.land(&mut tx, repo.id, gc_epoch, None, &changes, log).await? == Landed::Lost {
            return Err(Error::Stale);
        }
        self.record_refs(&mut tx, actor, repo, &changes).await?;
        Ok(tx.commit().await?)
    }
}
