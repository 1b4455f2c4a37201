//! From the credentials of a request to an actor, and what the actor may know about themselves.

use steelyard_core::{OrgRole, TokenRole};
use steelyard_db::account::{self, AccountRow};
use steelyard_db::token;

use crate::access::{Throttle, UserActor, hash_secret};
use crate::{Actor, Error, Hub, Result};

/// What `whoami-v2` tells.
#[derive(Debug)]
pub struct WhoAmI {
    /// The user.
    pub user: AccountRow,
    /// Their organisations and roles.
    pub orgs: Vec<(AccountRow, OrgRole)>,
    /// The name of the token they came with.
    pub token_name: String,
    /// What it may do.
    pub token_role: TokenRole,
}

impl Hub {
    /// The actor behind an access token. Failures are counted per client `address`, whatever name was tried with
    /// the token, so that they tell nothing about which names exist.
    pub async fn authenticate(&self, token: &str, address: &str) -> Result<Actor> {
        let throttle: &Throttle = self.throttle();
        if let Some(retry_after_secs) = throttle.blocked_secs(address, self.now()) {
            return Err(Error::RateLimited { retry_after_secs });
        }
        let mut conn = self.db().read().await?;
        let Some(row) = token::find_token(&mut conn, hash_secret(token), self.now()).await? else {
            throttle.record_failure(address, self.now());
            return Err(Error::BadCredentials);
        };
        self.token_uses().note(row.id, self.now());
        Ok(Actor::User(UserActor {
            id: row.user_id,
            name: row.user_name,
            is_admin: row.user_is_admin,
            token_role: row.role,
            token_name: row.name,
            session: None,
        }))
    }

    /// Who the actor is.
    pub async fn who_am_i(&self, actor: &Actor) -> Result<WhoAmI> {
        let Some(user) = actor.user() else { return Err(Error::BadCredentials) };
        let mut conn = self.db().read().await?;
        let row =
            account::find_account_by_id(&mut conn, user.id).await?.ok_or(Error::BadCredentials)?;
        let orgs = account::list_memberships(&mut conn, user.id).await?;
        Ok(WhoAmI {
            user: row,
            orgs,
            token_name: user.token_name.clone(),
            token_role: user.token_role,
        })
    }
}
