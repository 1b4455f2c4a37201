//! Super-squash: one commit instead of a history.

use bytes::Bytes;
use steelyard_core::{RefName, RepoId, RepoKind, Revision};
use steelyard_db::pack::PackKind;
use steelyard_db::{refs, repo};
use steelyard_git::{Commit, ObjectKind, PackBuilder};

use super::protection::refuse_if_protected;
use crate::commits::signature;
use crate::history::{Change, Landed, LogEntry, broken};
use crate::{Action, Actor, Error, Hub, Result};

impl Hub {
    /// Replaces the history of a branch (or `refs/pr/N`, `refs/convert/x`) by one commit without parents that has
    /// the same tree.
    pub async fn super_squash(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        revision: &str,
        message: Option<&str>,
    ) -> Result<()> {
        let name = if revision.starts_with("refs/") {
            RefName::parse(revision)
        } else {
            RefName::branch(revision)
        }?;
        let wanted = Revision::Named {
            text: revision.to_owned(),
            refs: vec![name.clone()],
            abbreviation: None,
        };
        let snapshot = self.snapshot(actor, kind, id, &wanted, Action::WriteContent).await?;
        if kind == RepoKind::Kernel {
            return Err(Error::NotImplemented(
                "kernels keep their history; they cannot be squashed".to_owned(),
            ));
        }
        refuse_if_protected(&snapshot.repo, &name, "squash")?;
        let Some(user) = actor.user() else {
            return Err(Error::LoginRequired("squashing".to_owned()));
        };
        let short = name.branch_name().unwrap_or(name.as_str());
        let default = format!("Super-squash branch '{short}'");
        let email = format!("{}@users.noreply.{}", user.name, self.mail_domain());
        let who = signature(&user.name, &email, self.now());
        let commit = Commit {
            tree: snapshot.tree,
            parents: Vec::new(),
            author: who.clone(),
            committer: who,
            extra: Vec::new(),
            message: Bytes::from(message.map_or(default, str::to_owned)),
        };
        let mut pack = PackBuilder::new();
        let oid = pack.add(ObjectKind::Commit, &commit.encode()).map_err(broken)?;
        let prepared = self.prepare_pack(pack.finish().map_err(broken)?, PackKind::Tail).await?;
        let change =
            Change { name: name.clone(), old: Some(snapshot.commit), new: Some(oid), peeled: None };
        let changes = std::slice::from_ref(&change);
        let epoch = snapshot.history.gc_epoch();
        let log = LogEntry { actor_id: actor.id(), cause: "super-squash", now: self.now() };
        let mut tx = self.db().write().await?;
        if self.land(&mut tx, snapshot.repo.id, epoch, Some(&prepared), changes, log).await?
            == Landed::Lost
        {
            return Err(Error::Stale);
        }
        refs::want_drop(&mut tx, snapshot.repo.id).await?;
        let is_head = refs::find_git(&mut tx, snapshot.repo.id)
            .await?
            .is_some_and(|git| git.head_ref == name.as_str());
        if is_head {
            repo::touch_repo(&mut tx, snapshot.repo.id, self.now(), None).await?;
        }
        self.record_refs(&mut tx, actor, &snapshot.repo, changes).await?;
        Ok(tx.commit().await?)
    }
}
