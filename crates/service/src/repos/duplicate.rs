//! Duplicating a repository: rows are copied, bytes are shared.

use serde_json::json;
use steelyard_core::{RefName, RepoId, RepoKind, Visibility};
use steelyard_db::repo::NewRepo;
use steelyard_db::{DbError, Tx, catalogue, event, lfs, pack, refs, repo};

use super::create::{CreatedRepo, exists};
use crate::{Action, Actor, Error, Hub, Missing, Result};

/// A copy somebody wants of a repository.
#[derive(Debug, Clone)]
pub struct DuplicateRepo {
    /// Kind of both.
    pub kind: RepoKind,
    /// The original.
    pub from: RepoId,
    /// The copy.
    pub to: RepoId,
    /// The original's when absent.
    pub visibility: Option<Visibility>,
}

impl Hub {
    /// Copies branches, tags and links to large files; pull requests stay with the original.
    ///
    /// Packs are immutable and shared. They may hold objects no copied ref reaches, so an original that waits for
    /// such objects to be dropped (deleted branches, squashed history) is cleaned first.
    pub async fn duplicate_repo(
        &self,
        actor: &Actor,
        wanted: &DuplicateRepo,
    ) -> Result<CreatedRepo> {
        if wanted.kind == RepoKind::Kernel {
            return Err(Error::NotImplemented("kernels cannot be duplicated".to_owned()));
        }
        let original = self.repo(actor, wanted.kind, &wanted.from, Action::ReadContent).await?;
        if !original.gated.is_empty() {
            return Err(Error::Forbidden(format!(
                "{} is gated and cannot be duplicated",
                original.repo
            )));
        }
        self.drop_before_sharing(original.id).await?;
        let mut tx = self.db().write().await?;
        let owner = self.namespace_for_new_repo(&mut tx, actor, Some(&wanted.to.namespace)).await?;
        if let Some(existing) = repo::find_repo(&mut tx, wanted.kind, &wanted.to).await? {
            return Err(exists(existing.kind, existing.repo));
        }
        let gone = || Error::NotFound(Missing::Repo { anonymous: false });
        let source = refs::lock_git(&mut tx, original.id).await?.ok_or_else(gone)?;
        let new = NewRepo {
            public_id: self.fresh_id(),
            kind: wanted.kind,
            owner_id: owner.id,
            name: &wanted.to.name,
            creator_id: actor.id().unwrap_or(owner.id),
            visibility: wanted.visibility.unwrap_or(original.visibility),
            settings: &original.settings,
            facts: &original.facts,
            now: self.now(),
        };
        let repo_id = match repo::create_repo(&mut tx, &wanted.to.namespace, &new).await {
            Err(DbError::Conflict { .. }) => return Err(exists(wanted.kind, wanted.to.clone())),
            other => other?,
        };
        refs::create_git(&mut tx, repo_id, &RefName::parse(&source.head_ref)?).await?;
        let seq = refs::advance(&mut tx, repo_id, 0).await?.ok_or_else(gone)?;
        pack::share_packs(&mut tx, original.id, repo_id, seq).await?;
        copy_refs(&mut tx, original.id, repo_id, seq).await?;
        // What no copied ref reaches must not outlive the original in the copy.
        let all = refs::list_refs(&mut tx, original.id, "refs/").await?;
        let is_copied =
            |name: &str| name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        if source.drop_wanted || all.iter().any(|row| !is_copied(&row.name)) {
            refs::want_drop(&mut tx, repo_id).await?;
        }
        lfs::share_links(&mut tx, original.id, repo_id, &self.fresh_id()[8..16], self.now())
            .await?;
        catalogue::copy_derived(&mut tx, original.id, repo_id).await?;
        let payload = json!({"kind": wanted.kind.as_str(), "repo": wanted.to.to_string(), "from": original.repo.to_string()});
        event::append_event(
            &mut tx,
            "repo.create",
            actor.id(),
            Some(repo_id),
            &payload,
            self.now(),
        )
        .await?;
        tx.commit().await?;
        Ok(CreatedRepo { public_id: new.public_id, kind: wanted.kind, repo: wanted.to.clone() })
    }
}

/// Gives the copy the original's branches and tags.
async fn copy_refs(tx: &mut Tx, from: i64, to: i64, seq: i64) -> Result<()> {
    for prefix in ["refs/heads/", "refs/tags/"] {
        for row in refs::list_refs(tx, from, prefix).await? {
            let name = RefName::parse(&row.name)?;
            let change =
                refs::RefChange { name: &name, old: None, new: Some(row.oid), peeled: row.peeled };
            refs::change_ref(tx, to, seq, &change).await?;
        }
    }
    Ok(())
}
