//! What the people who administer a repository can set.

use serde_json::json;
use steelyard_core::{RepoId, RepoKind, Visibility};
use steelyard_db::{event, repo};

use crate::refs::protection::{SETTING, check_branches, list_protected};
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
#[derive(Debug, Clone, Default)]
pub struct UpdateSettings {
    /// Public or private.
    pub visibility: Option<Visibility>,
    /// How access to file contents is granted.
    pub gating: Option<Gating>,
    /// Branches whose history only grows; replaces the list that is there.
    pub protected_branches: Option<Vec<String>>,
}

impl Hub {
    /// Protects a branch, or no longer; the others stay as they are.
    pub async fn set_protection(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        branch: &str,
        is_protected: bool,
    ) -> Result<()> {
        let row = self.repo(actor, kind, id, Action::AdministerRepo).await?;
        let mut branches = list_protected(&row);
        branches.retain(|name| name != branch);
        if is_protected {
            branches.push(branch.to_owned());
        }
        let wanted = UpdateSettings { protected_branches: Some(branches), ..Default::default() };
        self.update_settings(actor, kind, id, wanted).await
    }

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
        let mut settings = None;
        if let Some(branches) = &wanted.protected_branches {
            check_branches(branches)?;
            let mut changed = row.settings.clone();
            changed[SETTING] = json!(branches);
            settings = Some(changed);
        }
        repo::update_repo(&mut tx, row.id, wanted.visibility, gated, settings.as_ref()).await?;
        let payload = json!({
            "visibility": wanted.visibility.map(Visibility::as_str),
            "gated": gated,
            "protectedBranches": wanted.protected_branches,
        });
        event::append_event(
            &mut tx,
            "repo.settings",
            actor.id(),
            Some(row.id),
            &payload,
            self.now(),
        )
        .await?;
        Ok(tx.commit().await?)
    }
}
