//! Creating a repository: its record and its first commit, in one transaction.

use bytes::Bytes;
use serde_json::{Value, json};
use steelyard_card::default_gitattributes;
use steelyard_core::{Namespace, Oid, RefName, RepoId, RepoKind, RepoName, Visibility};
use steelyard_db::pack::PackKind;
use steelyard_db::repo::NewRepo;
use steelyard_db::{DbError, event, refs, repo};
use steelyard_git::{BuiltPack, Commit, EntryMode, ObjectKind, PackBuilder, Tree, TreeEntry};

use crate::access::UserActor;
use crate::commits::{check_card, signature};
use crate::history::{Change, Landed, LogEntry, broken};
use crate::revisions::{facts_of_card, record_head};
use crate::{Actor, Error, Hub, Result};

/// A repository somebody wants to create.
#[derive(Debug, Clone)]
pub struct CreateRepo {
    /// Model, dataset, space or kernel.
    pub kind: RepoKind,
    /// Its owner; the actor when absent.
    pub namespace: Option<Namespace>,
    /// Its name.
    pub name: RepoName,
    /// The owner's default when absent.
    pub visibility: Option<Visibility>,
    /// What the client sets and the hub keeps, such as a space's SDK; a JSON object.
    pub settings: Value,
}

/// A repository that was created.
#[derive(Debug, Clone)]
pub struct CreatedRepo {
    /// Its public id.
    pub public_id: String,
    /// Its kind.
    pub kind: RepoKind,
    /// Its name.
    pub repo: RepoId,
}

impl Hub {
    /// Creates a repository with one commit that holds its `.gitattributes`.
    pub async fn create_repo(&self, actor: &Actor, wanted: &CreateRepo) -> Result<CreatedRepo> {
        self.create_repo_with(actor, wanted, None).await
    }

    /// As [`Hub::create_repo`], with a card in the same commit.
    pub async fn create_repo_with(
        &self,
        actor: &Actor,
        wanted: &CreateRepo,
        readme: Option<&str>,
    ) -> Result<CreatedRepo> {
        let Some(user) = actor.user() else {
            return Err(Error::LoginRequired("creating a repository".to_owned()));
        };
        if let Some(readme) = readme {
            check_card(wanted.kind, readme.as_bytes())?;
        }
        let (commit, pack) = self.initial_commit(user, wanted.kind, readme)?;
        let prepared = self.prepare_pack(pack, PackKind::Tail).await?;
        let mut tx = self.db().write().await?;
        let owner = self.namespace_for_new_repo(&mut tx, actor, wanted.namespace.as_ref()).await?;
        let namespace = Namespace::parse(&owner.name)?;
        let id = RepoId::new(namespace.clone(), wanted.name.clone());
        if let Some(existing) = repo::find_repo(&mut tx, wanted.kind, &id).await? {
            return Err(exists(existing.kind, existing.repo));
        }
        let new = NewRepo {
            public_id: self.fresh_id(),
            kind: wanted.kind,
            owner_id: owner.id,
            name: &wanted.name,
            creator_id: user.id,
            visibility: wanted.visibility.unwrap_or(owner.default_visibility),
            settings: &wanted.settings,
            facts: &json!({}),
            now: self.now(),
        };
        let repo_id = match repo::create_repo(&mut tx, &namespace, &new).await {
            Err(DbError::Conflict { .. }) => return Err(exists(wanted.kind, id)),
            other => other?,
        };
        let head = RefName::branch("main")?;
        refs::create_git(&mut tx, repo_id, &head).await?;
        let change = Change { name: head, old: None, new: Some(commit), peeled: None };
        let log = LogEntry { actor_id: Some(user.id), cause: "create", now: self.now() };
        let landed = self.land(&mut tx, repo_id, 0, Some(&prepared), &[change], log).await?;
        if landed == Landed::Lost {
            return Err(Error::internal("a new repository changed before it existed"));
        }
        if let Some(readme) = readme {
            let facts = facts_of_card(wanted.kind, &id.namespace, readme)?;
            record_head(&mut tx, repo_id, self.now(), Some(&facts)).await?;
        }
        let payload = json!({"kind": wanted.kind.as_str(), "repo": id.to_string()});
        event::append_event(
            &mut tx,
            "repo.create",
            Some(user.id),
            Some(repo_id),
            &payload,
            self.now(),
        )
        .await?;
        tx.commit().await?;
        Ok(CreatedRepo { public_id: new.public_id, kind: wanted.kind, repo: id })
    }

    fn initial_commit(
        &self,
        user: &UserActor,
        kind: RepoKind,
        readme: Option<&str>,
    ) -> Result<(Oid, BuiltPack)> {
        let mut pack = PackBuilder::new();
        let mut entries = Vec::new();
        let files = [(".gitattributes", Some(default_gitattributes(kind))), ("README.md", readme)];
        for (name, text) in files {
            let Some(text) = text else { continue };
            let oid = pack.add(ObjectKind::Blob, text.as_bytes()).map_err(broken)?;
            let name = Bytes::from_static(name.as_bytes());
            entries.push(TreeEntry { mode: EntryMode::File, name, oid });
        }
        let tree = Tree::from_entries(entries).map_err(broken)?;
        let tree = pack.add(ObjectKind::Tree, tree.data()).map_err(broken)?;
        let email = format!("{}@users.noreply.{}", user.name, self.mail_domain());
        let who = signature(&user.name, &email, self.now());
        let commit = Commit {
            tree,
            parents: Vec::new(),
            author: who.clone(),
            committer: who,
            extra: Vec::new(),
            message: Bytes::from_static(b"initial commit"),
        };
        let commit = pack.add(ObjectKind::Commit, &commit.encode()).map_err(broken)?;
        Ok((commit, pack.finish().map_err(broken)?))
    }
}

pub(super) fn exists(kind: RepoKind, id: RepoId) -> Error {
    Error::Conflict {
        message: format!("You already created this {kind} repo"),
        existing: Some((kind, id)),
    }
}
