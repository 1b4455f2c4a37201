//! Sessions of browsers.

use steelyard_core::{Secret, TokenRole};
use steelyard_db::session::{self, NewSession, SessionRow};
use steelyard_db::{Tx, event};

use crate::access::{UserActor, hash_secret, in_session};
use crate::{Actor, Error, Hub, Missing, Result};

/// How often a session notes that it is in use.
const TOUCH_SECS: i64 = 600;
/// How long somebody has for the second factor.
const CODE_SECS: i64 = 600;
/// Longest name of a browser that is kept, in characters.
const USER_AGENT_MAX: usize = 200;
/// What actors with a session are called where others show the name of a token.
const SESSION_NAME: &str = "browser session";

/// Where a request to sign in comes from.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    /// The client's address.
    pub address: String,
    /// What the browser calls itself.
    pub user_agent: String,
}

/// A session that a browser named by its secret.
#[derive(Debug, Clone)]
pub struct BrowserSession {
    /// Whose it is and how old.
    pub row: SessionRow,
    /// Who acts; [`Actor::Anonymous`] while the second factor is missing.
    pub actor: Actor,
}

impl Hub {
    /// Begins a session and returns its secret, which only the browser keeps.
    pub(super) async fn begin_session(
        &self,
        tx: &mut Tx,
        user_id: i64,
        awaits_code: bool,
        visitor: &Visitor,
    ) -> Result<Secret> {
        let secret = self.fresh_secret();
        let now = self.now();
        let lives = if awaits_code { CODE_SECS } else { self.settings().login.session_idle_secs };
        let new = NewSession {
            public_id: &self.fresh_id(),
            user_id,
            hash: hash_secret(secret.expose()),
            awaits_code,
            address: &visitor.address,
            user_agent: &visitor.user_agent.chars().take(USER_AGENT_MAX).collect::<String>(),
            created_at: now,
            expires_at: now.plus_secs(lives),
        };
        session::create_session(tx, &new).await?;
        Ok(secret)
    }

    /// 256 random bits as text.
    pub fn fresh_secret(&self) -> Secret {
        let mut bytes = [0; 32];
        self.rng().fill(&mut bytes);
        Secret::new(hex::encode(bytes))
    }

    /// The session of that secret, if it is live. Its end moves on while it is in use.
    pub async fn browser_session(&self, secret: &Secret) -> Result<Option<BrowserSession>> {
        let now = self.now();
        let mut conn = self.db().read().await?;
        let found = session::find_session(&mut conn, hash_secret(secret.expose()), now).await?;
        drop(conn);
        let Some(row) = found else { return Ok(None) };
        if !row.awaits_code && row.seen_at.plus_secs(TOUCH_SECS) <= now {
            // A page is shown all the same when this cannot be noted.
            if let Err(error) = self.touch(row.id).await {
                tracing::debug!(error = error.code(), "a session could not be prolonged");
            }
        }
        let actor = match row.awaits_code {
            true => Actor::Anonymous,
            false => Actor::User(UserActor {
                id: row.user_id,
                name: row.user_name.clone(),
                is_admin: row.user_is_admin,
                token_role: TokenRole::Write,
                token_name: SESSION_NAME.to_owned(),
                session: Some(row.id),
            }),
        };
        Ok(Some(BrowserSession { row, actor }))
    }

    async fn touch(&self, id: i64) -> Result<()> {
        let now = self.now();
        let until = now.plus_secs(self.settings().login.session_idle_secs);
        let mut tx = self.db().write().await?;
        session::touch_session(&mut tx, id, now, until).await?;
        Ok(tx.commit().await?)
    }

    /// The live sessions of the actor, newest first.
    pub async fn list_sessions(&self, actor: &Actor) -> Result<Vec<SessionRow>> {
        let user = in_session(actor)?;
        let mut conn = self.db().read().await?;
        Ok(session::list_sessions(&mut conn, user.id, self.now()).await?)
    }

    /// Ends the session a browser came with; whether there was one changes nothing.
    pub async fn sign_out(&self, found: &BrowserSession) -> Result<()> {
        let mut tx = self.db().write().await?;
        session::delete_session(&mut tx, found.row.user_id, &found.row.public_id).await?;
        Ok(tx.commit().await?)
    }

    /// Ends one session of the actor.
    pub async fn revoke_session(&self, actor: &Actor, public_id: &str) -> Result<()> {
        let user = in_session(actor)?;
        let mut tx = self.db().write().await?;
        if !session::delete_session(&mut tx, user.id, public_id).await? {
            return Err(Error::NotFound(Missing::Other("session")));
        }
        Ok(tx.commit().await?)
    }

    /// Ends every session of the actor but the one they are in; returns how many ended.
    pub async fn revoke_other_sessions(&self, actor: &Actor) -> Result<u64> {
        let user = in_session(actor)?;
        let mut tx = self.db().write().await?;
        let ended = session::delete_sessions(&mut tx, user.id, user.session).await?;
        let payload = serde_json::json!({"user_id": user.id, "ended": ended});
        event::append_event(&mut tx, "session.revoke", Some(user.id), None, &payload, self.now())
            .await?;
        tx.commit().await?;
        Ok(ended)
    }
}
