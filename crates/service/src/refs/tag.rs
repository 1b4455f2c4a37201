//! Creating and deleting tags over HTTP.

use bytes::Bytes;
use steelyard_core::limits::COMMIT_MESSAGE_BYTES_MAX;
use steelyard_core::{Oid, RefName, RepoId, RepoKind, Revision};
use steelyard_db::pack::PackKind;
use steelyard_db::refs;
use steelyard_git::{ObjectKind, PackBuilder, Tag};

use crate::access::UserActor;
use crate::commits::signature;
use crate::history::{Change, Landed, LogEntry, broken};
use crate::{Action, Actor, Error, Hub, Result};

impl Hub {
    /// Tags a revision; with a message the tag is annotated.
    pub async fn create_tag(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        target: &Revision,
        tag: &str,
        message: Option<&str>,
    ) -> Result<()> {
        let name = RefName::tag(tag)?;
        let snapshot = self.snapshot(actor, kind, id, target, Action::WriteContent).await?;
        let Some(user) = actor.user() else {
            return Err(Error::LoginRequired("tagging".to_owned()));
        };
        let (mut new, mut prepared) = (snapshot.commit, None);
        if let Some(message) = message.filter(|message| !message.is_empty()) {
            let (oid, pack) = self.annotated(user, tag, snapshot.commit, message)?;
            prepared = Some(self.prepare_pack(pack, PackKind::Tail).await?);
            new = oid;
        }
        let peeled = prepared.as_ref().map(|_| snapshot.commit);
        let change = Change { name: name.clone(), old: None, new: Some(new), peeled };
        let changes = std::slice::from_ref(&change);
        let epoch = snapshot.history.gc_epoch();
        let log = LogEntry { actor_id: actor.id(), cause: "tag", now: self.now() };
        let mut tx = self.db().write().await?;
        if self.land(&mut tx, snapshot.repo.id, epoch, prepared.as_ref(), changes, log).await?
            == Landed::Lost
        {
            return Err(Error::conflict(format!("Tag reference {name} already exists")));
        }
        self.record_refs(&mut tx, actor, &snapshot.repo, changes).await?;
        Ok(tx.commit().await?)
    }

    fn annotated(
        &self,
        user: &UserActor,
        name: &str,
        target: Oid,
        message: &str,
    ) -> Result<(Oid, steelyard_git::BuiltPack)> {
        if message.len() > COMMIT_MESSAGE_BYTES_MAX {
            return Err(Error::invalid(
                "message",
                format!("must have at most {COMMIT_MESSAGE_BYTES_MAX} bytes"),
            ));
        }
        let email = format!("{}@users.noreply.{}", user.name, self.mail_domain());
        let tagger = signature(&user.name, &email, self.now());
        let tag = Tag {
            target,
            target_kind: ObjectKind::Commit,
            name: Bytes::copy_from_slice(name.as_bytes()),
            tagger: Some(tagger),
            extra: Vec::new(),
            message: Bytes::from(format!("{message}\n")),
        };
        let mut pack = PackBuilder::new();
        let oid = pack.add(ObjectKind::Tag, &tag.encode()).map_err(broken)?;
        Ok((oid, pack.finish().map_err(broken)?))
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
        let change = Change { name, old: Some(row.oid), new: None, peeled: None };
        self.change_refs(actor, &repo, state.gc_epoch, &[change], "tag", || Error::Stale).await
    }
}
