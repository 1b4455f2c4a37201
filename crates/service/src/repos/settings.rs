//! What the people who administer a repository can set.

use serde_json::json;
use steelyard_core::{RepoId, RepoKind, Visibility};
use steelyard_db::{event, repo};

use crate::{Action, Actor, Hub, Result};

/// How access to file contents is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gating {
    /// Everybody who sees the repository reads its files.
    Open,
    /// People ask and are let in at once.
    Auto,
    /// People ask and somebody decides.
    Manual,
}

impl Gating {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::Auto => "auto",
            Self::Manual => "manual",
        }
    }
}

/// Settings to change; what is absent stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct UpdateSettings {
    /// Public or private.
    pub visibility: Option<Visibility>,
    /// How access to file contents is granted.
    pub gating: Option<Gating>,
}

impl Hub {
    /// Changes settings of a repository.
    pub async fn update_settings(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        wanted: UpdateSettings,
    ) -> Result<()> {
        let mut tx = self.db().write().await?;
        let row = self.repo_on(&mut tx, actor, kind, id, Action::AdministerRepo).await?;
        let gated = wanted.gating.map(Gating::as_str);
        repo::update_repo(&mut tx, row.id, wanted.visibility, gated, None).await?;
        let payload = json!({"visibility": wanted.visibility.map(Visibility::as_str), "gated": gated});
        event::append_event(&mut tx, "repo.settings", actor.id(), Some(row.id), &payload, self.now()).await?;
        Ok(tx.commit().await?)
    }
}
