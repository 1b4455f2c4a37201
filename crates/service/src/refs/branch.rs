//! Creating and deleting branches over HTTP.

use serde_json::json;
use steelyard_core::{RefName, RepoId, RepoKind, Revision};
use steelyard_db::repo::RepoRow;
use steelyard_db::{Tx, event, refs};

use super::protection::refuse_if_protected;
use crate::history::{Change, Landed, LogEntry};
use crate::{Action, Actor, Error, Hub, Result};

impl Hub {
    /// Creates a branch at `start`, or at the head of the default branch.
    pub async fn create_branch(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        branch: &str,
        start: Option<&Revision>,
    ) -> Result<()> {
        let name = RefName::branch(branch)?;
        let head =
            Revision::Named { text: "HEAD".to_owned(), refs: Vec::new(), abbreviation: None };
        let snapshot =
            self.snapshot(actor, kind, id, start.unwrap_or(&head), Action::WriteContent).await?;
        let change =
            Change { name: name.clone(), old: None, new: Some(snapshot.commit), peeled: None };
        let exists = || Error::conflict(format!("Reference {name} already exists"));
        self.change_refs(
            actor,
            &snapshot.repo,
            snapshot.history.gc_epoch(),
            &[change],
            "branch",
            exists,
        )
        .await
    }

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
        let change = Change { name, old: Some(row.oid), new: None, peeled: None };
        self.change_refs(actor, &repo, state.gc_epoch, &[change], "branch", || Error::Stale).await
    }

    /// Changes refs without new objects, in a transaction of its own.
    pub(crate) async fn change_refs(
        &self,
        actor: &Actor,
        repo: &RepoRow,
        gc_epoch: i64,
        changes: &[Change],
        cause: &str,
        lost: impl Fn() -> Error,
    ) -> Result<()> {
        let mut tx = self.db().write().await?;
        let log = LogEntry { actor_id: actor.id(), cause, now: self.now() };
        if self.land(&mut tx, repo.id, gc_epoch, None, changes, log).await? == Landed::Lost {
            return Err(lost());
        }
        self.record_refs(&mut tx, actor, repo, changes).await?;
        Ok(tx.commit().await?)
    }

    /// Writes the event of changed refs, and asks for a clean-up where history was cut off.
    pub(crate) async fn record_refs(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        repo: &RepoRow,
        changes: &[Change],
    ) -> Result<()> {
        let text = |oid: Option<steelyard_core::Oid>| oid.map(|oid| oid.to_string());
        let updated: Vec<_> = changes
            .iter()
            .map(|change| json!({"ref": change.name.as_str(), "oldSha": text(change.old), "newSha": text(change.new)}))
            .collect();
        if changes.iter().any(|change| change.old.is_some() && change.new.is_none()) {
            refs::want_drop(tx, repo.id).await?;
        }
        let payload = json!({"updatedRefs": updated});
        event::append_event(tx, "repo.content", actor.id(), Some(repo.id), &payload, self.now())
            .await?;
        Ok(())
    }
}
