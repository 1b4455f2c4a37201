//! From a name in a request to a repository the actor may act on.

use steelyard_core::{OrgRole, RefName, RepoId, RepoKind, Visibility};
use steelyard_db::Conn;
use steelyard_db::account::{self, AccountKind, AccountRow};
use steelyard_db::likes;
use steelyard_db::repo::{self, RepoAt, RepoRow};

use crate::access::{Standing, Verdict, authorize};
use crate::{Action, Actor, Error, Hub, Missing, Result};

impl Hub {
    /// The repository of that name, if `actor` may do `action` with it.
    ///
    /// A repository the actor may not see is [`Missing::Repo`], exactly as one that does not exist; one that was
    /// renamed is [`Error::Moved`], for those who may see it.
    pub async fn repo(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        action: Action,
    ) -> Result<RepoRow> {
        let mut conn = self.db().read().await?;
        self.repo_on(&mut conn, actor, kind, id, action).await
    }

    /// As [`Hub::repo`], on a connection or in a transaction of the caller.
    pub(crate) async fn repo_on(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        action: Action,
    ) -> Result<RepoRow> {
        Ok(self.repo_at(conn, actor, kind, id, action, None).await?.repo)
    }

    /// As [`Hub::repo_on`], with the history and one ref, all as of one moment.
    pub(crate) async fn repo_at(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        action: Action,
        reference: Option<&RefName>,
    ) -> Result<RepoAt> {
        let hidden = Error::NotFound(Missing::Repo { anonymous: actor.is_anonymous() });
        if let Some(found) = repo::find_repo_at(conn, kind, id, actor.id(), reference).await? {
            self.decide(actor, &found.repo, found.org_role, action)?;
            return Ok(found);
        }
        let Some(row) = repo::find_moved_repo(conn, kind, id).await? else { return Err(hidden) };
        self.check_repo(conn, actor, &row, Action::ReadRepo).await?;
        Err(Error::Moved { kind, from: id.clone(), to: row.repo })
    }

    /// Fails unless `actor` may do `action` with the repository.
    pub(crate) async fn check_repo(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        row: &RepoRow,
        action: Action,
    ) -> Result<()> {
        let org_role = match (actor.id(), row.owner_kind) {
            (Some(user_id), AccountKind::Org) => {
                account::find_role(conn, row.owner_id, user_id).await?
            }
            _ => None,
        };
        self.decide(actor, row, org_role, action)
    }

    fn decide(
        &self,
        actor: &Actor,
        row: &RepoRow,
        org_role: Option<OrgRole>,
        action: Action,
    ) -> Result<()> {
        let verdict = authorize(actor, action, &standing(actor, row, org_role));
        if verdict == Verdict::Hide {
            return Err(Error::NotFound(Missing::Repo { anonymous: actor.is_anonymous() }));
        }
        let is_admin = actor.user().is_some_and(|user| user.is_admin);
        if row.disabled && !is_admin {
            return Err(Error::Disabled);
        }
        match verdict {
            Verdict::Allow | Verdict::Hide => Ok(()),
            Verdict::Gate => Err(Error::Gated {
                kind: row.kind,
                repo: row.repo.clone(),
                url: format!(
                    "{}/{}{}",
                    self.settings().public_url.as_deref().unwrap_or_default(),
                    row.kind.url_prefix(),
                    row.repo
                ),
                anonymous: actor.is_anonymous(),
            }),
            Verdict::Forbid => Err(refusal(actor, action, row)),
        }
    }

    /// The namespace in which `actor` may create repositories; their own when none is named.
    pub(crate) async fn namespace_for_new_repo(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        namespace: Option<&steelyard_core::Namespace>,
    ) -> Result<AccountRow> {
        let Some(user) = actor.user() else {
            return Err(Error::LoginRequired("creating a repository".to_owned()));
        };
        let account = match namespace {
            Some(name) => account::find_account(conn, name).await?,
            None => account::find_account_by_id(conn, user.id).await?,
        };
        // Whether a foreign namespace exists is nobody's secret, but its answer is the same either way.
        let refused = || {
            let name = namespace.map_or_else(|| user.name.clone(), ToString::to_string);
            Error::Forbidden(format!(
                "You don't have the rights to create a repository under the namespace \"{name}\". \
                 A write token and at least the role contributor are needed."
            ))
        };
        let account = account.ok_or_else(refused)?;
        let org_role = match account.kind {
            AccountKind::Org => account::find_role(conn, account.id, user.id).await?,
            AccountKind::User => None,
        };
        let standing = Standing {
            visibility: Visibility::Public,
            gated_out: false,
            is_owner: account.id == user.id,
            org_role,
            is_creator: false,
        };
        match authorize(actor, Action::CreateRepo, &standing) {
            Verdict::Allow => Ok(account),
            _ => Err(refused()),
        }
    }
}

/// What somebody may do with a repository they see: which buttons a page shows. What is done asks again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    /// Open a pull request.
    pub propose: bool,
    /// Commit, branch, tag.
    pub write: bool,
    /// Change settings, rename, delete.
    pub administer: bool,
    /// Like it, or no longer.
    pub like: bool,
    /// They like it already.
    pub is_liked: bool,
}

impl Hub {
    /// What `actor` may do with a repository that they were given.
    pub async fn rights(&self, actor: &Actor, row: &RepoRow) -> Result<Rights> {
        let Some(user_id) = actor.id() else { return Ok(Rights::default()) };
        let mut conn = self.db().read().await?;
        let org_role = match row.owner_kind {
            AccountKind::Org => account::find_role(&mut conn, row.owner_id, user_id).await?,
            AccountKind::User => None,
        };
        let may = |action| self.decide(actor, row, org_role, action).is_ok();
        Ok(Rights {
            propose: may(Action::ProposeChange),
            write: may(Action::WriteContent),
            administer: may(Action::AdministerRepo),
            like: may(Action::LikeRepo),
            is_liked: likes::has_like(&mut conn, row.id, user_id).await?,
        })
    }

    /// The accounts under which `actor` may create repositories, their own first.
    pub async fn list_namespaces_for_new_repo(&self, actor: &Actor) -> Result<Vec<AccountRow>> {
        let mut conn = self.db().read().await?;
        let own = self.namespace_for_new_repo(&mut conn, actor, None).await?;
        let orgs = account::list_memberships(&mut conn, own.id).await?;
        let may = |role| {
            let standing = Standing { org_role: Some(role), ..Standing::HUB };
            authorize(actor, Action::CreateRepo, &standing) == Verdict::Allow
        };
        let orgs = orgs.into_iter().filter(|(_, role)| may(*role)).map(|(org, _)| org);
        Ok(std::iter::once(own).chain(orgs).collect())
    }
}

/// Whether `actor`, who has that role in the organisation that owns it, may know of the repository.
pub(crate) fn may_read(actor: &Actor, row: &RepoRow, org_role: Option<OrgRole>) -> bool {
    authorize(actor, Action::ReadRepo, &standing(actor, row, org_role)) == Verdict::Allow
}

fn standing(actor: &Actor, row: &RepoRow, org_role: Option<OrgRole>) -> Standing {
    Standing {
        visibility: row.visibility,
        // Lists of accepted people come with the access-request routes; until then a gate admits writers only.
        gated_out: !row.gated.is_empty(),
        is_owner: actor.id() == Some(row.owner_id),
        org_role,
        is_creator: actor.id() == Some(row.creator_id),
    }
}

fn refusal(actor: &Actor, action: Action, row: &RepoRow) -> Error {
    let what = match action {
        Action::ReadRepo | Action::ReadContent => "read",
        Action::WriteContent => "write to",
        Action::ProposeChange => "open a pull request on",
        Action::LikeRepo => "like",
        Action::AdministerRepo => "administer",
        Action::CreateRepo => "create",
        Action::ChangeAccount | Action::AdministerHub => "act upon",
    };
    match actor.user() {
        None => Error::LoginRequired(format!("to {what} {} {}", row.kind, row.repo)),
        Some(user) if user.token_role == steelyard_core::TokenRole::Read => {
            Error::Forbidden(format!(
                "the token \"{}\" may only read; use a token with the role write to {what} {} {}",
                user.token_name, row.kind, row.repo
            ))
        }
        Some(user) => Error::Forbidden(format!(
            "{} has no permission to {what} {} {}",
            user.name, row.kind, row.repo
        )),
    }
}
