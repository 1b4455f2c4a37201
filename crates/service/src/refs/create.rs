//! Creating branches and tags over HTTP.

use bytes::Bytes;
use steelyard_core::limits::COMMIT_MESSAGE_BYTES_MAX;
use steelyard_core::{Oid, RefName, RepoId, RepoKind, Revision};
use steelyard_db::pack::PackKind;
use steelyard_db::refs;
use steelyard_git::{BuiltPack, ObjectKind, PackBuilder, Tag};

use crate::access::UserActor;
use crate::commits::signature;
use crate::history::{Change, Landed, LogEntry, broken};
use crate::{Action, Actor, Error, Hub, Result};

/// Attempts while objects are dropped, or large files deleted for good, beside the creation.
const ATTEMPTS_MAX: u32 = 4;

/// A ref somebody wants.
struct NewRef<'a> {
    name: RefName,
    /// Where it shall point.
    start: &'a Revision,
    /// Makes a tag an annotated one: its short name and message.
    annotation: Option<(&'a str, &'a str)>,
    /// For the log of ref changes.
    cause: &'a str,
}

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
        let head =
            Revision::Named { text: "HEAD".to_owned(), refs: Vec::new(), abbreviation: None };
        let wanted = NewRef {
            name: RefName::branch(branch)?,
            start: start.unwrap_or(&head),
            annotation: None,
            cause: "branch",
        };
        self.create_ref(actor, kind, id, &wanted).await
    }

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
        let message = message.filter(|message| !message.is_empty());
        let wanted = NewRef {
            name: RefName::tag(tag)?,
            start: target,
            annotation: message.map(|message| (tag, message)),
            cause: "tag",
        };
        self.create_ref(actor, kind, id, &wanted).await
    }

    async fn create_ref(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        wanted: &NewRef<'_>,
    ) -> Result<()> {
        for _ in 0..ATTEMPTS_MAX {
            match self.try_create_ref(actor, kind, id, wanted).await {
                Err(Error::Stale) => {}
                done => return done,
            }
        }
        Err(Error::Unavailable("the repository's objects keep changing".into()))
    }

    /// One attempt; [`Error::Stale`] when what was looked at is no longer so.
    async fn try_create_ref(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        wanted: &NewRef<'_>,
    ) -> Result<()> {
        let name = &wanted.name;
        let snapshot = self.snapshot(actor, kind, id, wanted.start, Action::WriteContent).await?;
        let repo = &snapshot.repo;
        let history = self.admit_tip(repo, snapshot.commit, snapshot.history.gc_epoch()).await?;
        let (mut new, mut prepared) = (snapshot.commit, None);
        if let Some((tag, message)) = wanted.annotation {
            let user = actor.user().ok_or_else(|| Error::LoginRequired("tagging".to_owned()))?;
            let (oid, pack) = self.annotated(user, tag, snapshot.commit, message)?;
            prepared = Some(self.prepare_pack(pack, PackKind::Tail).await?);
            new = oid;
        }
        let peeled = prepared.as_ref().map(|_| snapshot.commit);
        let change = Change { name: name.clone(), old: None, new: Some(new), peeled };
        let changes = std::slice::from_ref(&change);
        let log = LogEntry { actor_id: actor.id(), cause: wanted.cause, now: self.now() };
        let mut tx = self.db().write().await?;
        let landed = self
            .land(&mut tx, repo.id, history.gc_epoch(), prepared.as_ref(), changes, log)
            .await?;
        if landed == Landed::Lost {
            if refs::find_ref(&mut tx, repo.id, name).await?.is_none() {
                return Err(Error::Stale);
            }
            let what = if name.tag_name().is_some() { "Tag reference" } else { "Reference" };
            return Err(Error::conflict(format!("{what} {name} already exists")));
        }
        self.record_refs(&mut tx, actor, repo, changes).await?;
        Ok(tx.commit().await?)
    }

    fn annotated(
        &self,
        user: &UserActor,
        name: &str,
        target: Oid,
        message: &str,
    ) -> Result<(Oid, BuiltPack)> {
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
}
