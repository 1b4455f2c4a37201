//! Renaming a repository or giving it to another namespace.

use serde_json::json;
use steelyard_core::{RepoId, RepoKind};
use steelyard_db::event::{self, NewEvent};
use steelyard_db::{DbError, lineage, repo};

use crate::{Action, Actor, Error, Hub, Result};

impl Hub {
    /// Moves a repository; its old name redirects until somebody takes it.
    pub async fn move_repo(
        &self,
        actor: &Actor,
        kind: RepoKind,
        from: &RepoId,
        to: &RepoId,
    ) -> Result<()> {
        let mut tx = self.db().write().await?;
        let row = self.repo_on(&mut tx, actor, kind, from, Action::AdministerRepo).await?;
        let owner = self.namespace_for_new_repo(&mut tx, actor, Some(&to.namespace)).await?;
        if let Some(other) = repo::find_repo(&mut tx, kind, to).await?
            && other.id != row.id
        {
            return Err(taken(kind, to));
        }
        match repo::move_repo(&mut tx, &row, owner.id, to).await {
            Err(DbError::Conflict { .. }) => return Err(taken(kind, to)),
            other => other?,
        }
        let payload = json!({"from": row.repo.to_string(), "to": to.to_string()});
        event::append_event(&mut tx, "repo.move", actor.id(), Some(row.id), &payload, self.now())
            .await?;
        if kind == RepoKind::Model {
            let children = lineage::rename_base(&mut tx, &row.repo, to).await?;
            let events = children.into_iter().map(|child| NewEvent {
                kind: "repo.base",
                actor_id: actor.id(),
                repo_id: Some(child),
                payload: payload.clone(),
                now: self.now(),
            });
            event::append_events(&mut tx, &events.collect::<Vec<_>>()).await?;
        }
        Ok(tx.commit().await?)
    }
}

fn taken(kind: RepoKind, to: &RepoId) -> Error {
    // The client's test suite matches this text.
    Error::conflict(format!("A {kind} repository called {to} already exists"))
}
