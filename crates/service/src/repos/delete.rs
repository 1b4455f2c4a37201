//! Deleting a repository.

use serde_json::json;
use steelyard_core::{RepoId, RepoKind};
use steelyard_db::{event, repo};

use crate::{Action, Actor, Hub, Result};

impl Hub {
    /// Deletes a repository: gone for everybody at once, its name is free; a job removes its rows and bytes later.
    pub async fn delete_repo(&self, actor: &Actor, kind: RepoKind, id: &RepoId) -> Result<()> {
        let mut tx = self.db().write().await?;
        let row = self.repo_on(&mut tx, actor, kind, id, Action::AdministerRepo).await?;
        repo::delete_repo(&mut tx, row.id, self.now()).await?;
        let payload = json!({"kind": kind.as_str(), "repo": row.repo.to_string()});
        event::append_event(&mut tx, "repo.delete", actor.id(), Some(row.id), &payload, self.now())
            .await?;
        tx.commit().await?;
        self.histories().forget(row.id);
        self.hydrations().forget(row.id);
        Ok(())
    }
}
