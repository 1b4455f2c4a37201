//! Repositories of everybody.

use serde_json::json;
use steelyard_core::{RepoId, RepoKind};
use steelyard_db::repo;

use crate::access::administrator;
use crate::{Action, Actor, Hub, Result};

impl Hub {
    /// Takes a repository out of service, or puts it back. Out of service, nobody but administrators sees what is in it.
    pub async fn set_repo_disabled(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        disabled: bool,
    ) -> Result<()> {
        administrator(actor)?;
        let mut tx = self.db().write().await?;
        let row = self.repo_on(&mut tx, actor, kind, id, Action::AdministerRepo).await?;
        repo::set_repo_disabled(&mut tx, row.id, disabled).await?;
        let payload =
            json!({"kind": kind.as_str(), "repo": row.repo.to_string(), "disabled": disabled});
        self.note_act(&mut tx, "repo.disable", actor, Some(row.id), &payload).await?;
        Ok(tx.commit().await?)
    }
}
