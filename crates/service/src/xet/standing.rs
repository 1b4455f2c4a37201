//! What the user of a token may do now.

use std::collections::HashSet;
use std::sync::Arc;

use steelyard_core::TokenRole;
use steelyard_db::repo::{self, RepoRow};
use steelyard_db::xet::{self, Reader};
use steelyard_db::{Conn, account};

use super::{XetScope, XetToken};
use crate::access::UserActor;
use crate::{Action, Actor, Error, Hub, Missing, Result};

/// How long an answer is good for, in milliseconds.
const FRESH_MILLIS: i64 = 10_000;

/// Repository, user and what is asked.
pub(super) type StandingKey = (i64, Option<i64>, Action);

/// A repository as the user of a token may use it now.
#[derive(Debug)]
pub(crate) struct XetRepo {
    /// The repository.
    pub(crate) repo: RepoRow,
    /// The user, or nobody.
    pub(crate) actor: Actor,
}

impl XetRepo {
    /// The user of a token that writes.
    pub(super) fn user_id(&self) -> Result<i64> {
        self.actor.id().ok_or(Error::BadCredentials)
    }

    /// Who asks, as far as reading is concerned.
    pub(super) fn reader(&self) -> Reader {
        let user = self.actor.user();
        Reader { user_id: self.actor.id(), is_admin: user.is_some_and(|user| user.is_admin) }
    }
}

impl Hub {
    /// The repository of a token, if its user may still do with it what `needs` says. An answer may be ten seconds old:
    /// one upload asks hundreds of times.
    pub(crate) async fn xet_repo(&self, token: &XetToken, needs: XetScope) -> Result<Arc<XetRepo>> {
        let action = match needs {
            _ if token.scope < needs => {
                return Err(Error::Forbidden("this token may only read".to_owned()));
            }
            XetScope::Read => Action::ReadContent,
            XetScope::Write if token.proposes => Action::ProposeChange,
            XetScope::Write => Action::WriteContent,
        };
        let key = (token.repo_id, token.user_id, action);
        let now = self.now().millis();
        let cache = &self.xet().standings;
        if let Some((then, known)) = cache.get(&key)
            && (0..FRESH_MILLIS).contains(&(now - then.millis()))
        {
            return Ok(known);
        }
        let mut conn = self.db().read().await?;
        let found = Arc::new(self.xet_repo_on(&mut conn, token, action).await?);
        cache.insert(key, (self.now(), Arc::clone(&found)));
        Ok(found)
    }

    /// As [`Hub::xet_repo`], as of this moment.
    pub(super) async fn xet_repo_on(
        &self,
        conn: &mut Conn,
        token: &XetToken,
        action: Action,
    ) -> Result<XetRepo> {
        let actor = match token.user_id {
            None => Actor::Anonymous,
            Some(id) => {
                let user = account::find_account_by_id(conn, id).await?;
                let user = user.ok_or(Error::BadCredentials)?;
                Actor::User(UserActor {
                    id: user.id,
                    name: user.name,
                    is_admin: user.is_admin,
                    token_role: match token.scope {
                        XetScope::Read => TokenRole::Read,
                        XetScope::Write => TokenRole::Write,
                    },
                    token_name: "xet".to_owned(),
                    session: None,
                })
            }
        };
        let gone = || Error::NotFound(Missing::Repo { anonymous: actor.is_anonymous() });
        let repo = repo::find_repo_by_id(conn, token.repo_id).await?.ok_or_else(gone)?;
        self.check_repo(conn, &actor, &repo, action).await?;
        Ok(XetRepo { repo, actor })
    }

    /// Those of these xorbs that a user may refer to: they uploaded it, were told of it, or can read a file that uses it.
    pub(super) async fn referable_xorbs(
        &self,
        conn: &mut Conn,
        repo: &XetRepo,
        ids: &[i64],
    ) -> Result<HashSet<i64>> {
        let mut found = match repo.actor.id() {
            Some(user_id) => xet::usable_xorbs(conn, user_id, ids, self.now()).await?,
            None => HashSet::new(),
        };
        let rest: Vec<i64> = ids.iter().copied().filter(|id| !found.contains(id)).collect();
        if !rest.is_empty() {
            found.extend(xet::readable_xorbs(conn, &repo.reader(), &rest).await?);
        }
        Ok(found)
    }
}
