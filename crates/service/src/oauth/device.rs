//! Programs without a browser of their own (RFC 8628): they show a code, and somebody types it into a page of the hub.

use serde_json::json;
use steelyard_core::Secret;
use steelyard_db::event;
use steelyard_db::oauth::{self, DeviceRow, NewDevice, NewGrant};

use super::tokens::Tokens;
use super::{Client, OAuthError, Scopes};
use crate::access::{hash_secret, in_session};
use crate::login::{FailureSubject, Visitor};
use crate::{Actor, Error, Hub, Result};

/// How long the codes are good.
const LIVES_SECS: i64 = 15 * 60;
/// How often a program may ask.
const INTERVAL_SECS: i64 = 5;
/// Timers and networks are not exact: a program that asks this much too early does nothing wrong.
const SLACK_MILLIS: i64 = 1000;
/// Programs at one address that may wait at a time.
const WAITING_MAX: i64 = 50;
/// Letters of the code that people type: 38 bits, for 15 minutes and few guesses.
const CODE_LETTERS: usize = 8;
/// How long access tokens of such programs live: `huggingface_hub` asks for a fresh one when less than a day is left.
const ACCESS_SECS: i64 = 30 * 24 * 3600;
/// Longest name of a program that is kept, in characters.
const USER_AGENT_MAX: usize = 200;

/// What a program is told to begin with.
#[derive(Debug)]
pub struct DeviceCodes {
    /// What it comes back with.
    pub device_code: Secret,
    /// What it shows.
    pub user_code: String,
    /// How long both are good, in seconds.
    pub expires_in: i64,
    /// How often it may ask, in seconds.
    pub interval: i64,
}

/// A program that waits for somebody.
#[derive(Debug, Clone)]
pub struct PendingDevice {
    /// What people know it by.
    pub app: String,
    /// Who registered it; `None` for what the hub knows by itself.
    pub owner: Option<String>,
    /// What it asks for.
    pub scopes: Scopes,
    /// Where it runs and when it asked.
    pub row: DeviceRow,
}

/// The hash of a code as people type it: the hyphen, blanks and capitals do not matter.
fn hash_user_code(code: &str) -> steelyard_core::Sha256 {
    let letters: String = code.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    hash_secret(&letters.to_ascii_uppercase())
}

impl Hub {
    /// Gives a program two codes: one to show, one to come back with.
    pub async fn begin_device(
        &self,
        client: &Client,
        scope: Option<&str>,
        visitor: &Visitor,
    ) -> Result<DeviceCodes, OAuthError> {
        let scope = scope.filter(|scope| !scope.trim().is_empty());
        let scopes = Scopes::parse(scope.unwrap_or_else(|| client.default_scope()))?;
        let letters = self.fresh_code().expose().replace('-', "").to_ascii_uppercase();
        let user_code = format!(
            "{}-{}",
            &letters[..CODE_LETTERS / 2],
            &letters[CODE_LETTERS / 2..CODE_LETTERS]
        );
        let device_code = self.oauth_secret("hf_dc_");
        let now = self.now();
        let mut tx = self.db().write().await?;
        if oauth::count_devices(&mut tx, &visitor.address, now).await? >= WAITING_MAX {
            return Err(Error::RateLimited { retry_after_secs: 60 }.into());
        }
        let new = NewDevice {
            device_hash: hash_secret(device_code.expose()),
            user_code_hash: hash_user_code(&user_code),
            client_id: &client.client_id,
            scope: &scopes.text(),
            address: &visitor.address,
            user_agent: &visitor.user_agent.chars().take(USER_AGENT_MAX).collect::<String>(),
            created_at: now,
            expires_at: now.plus_secs(LIVES_SECS),
        };
        oauth::create_device(&mut tx, &new).await?;
        tx.commit().await?;
        Ok(DeviceCodes { device_code, user_code, expires_in: LIVES_SECS, interval: INTERVAL_SECS })
    }

    /// The program that shows this code. Wrong codes are counted, so that nobody finds what others are about to allow.
    pub async fn pending_device(
        &self,
        actor: &Actor,
        user_code: &str,
        address: &str,
    ) -> Result<PendingDevice> {
        let user = in_session(actor)?;
        let subject = FailureSubject::Device(user.id);
        self.check_failures(Some(&subject), address).await?;
        let mut conn = self.db().read().await?;
        let found = oauth::find_device(&mut conn, hash_user_code(user_code), self.now()).await?;
        drop(conn);
        let client = match &found {
            Some(row) => self.find_client(&row.client_id).await?,
            None => None,
        };
        let (Some(row), Some(client)) = (found, client) else {
            self.count_failure(Some(&subject), address).await?;
            return Err(Error::invalid(
                "code",
                "is not known, was used, or is older than 15 minutes",
            ));
        };
        let scopes = Scopes::parse(&row.scope).map_err(Error::internal)?;
        Ok(PendingDevice { app: client.name, owner: client.owner, scopes, row })
    }

    /// Lets the program that shows this code act for the actor, or refuses it.
    pub async fn decide_device(
        &self,
        actor: &Actor,
        user_code: &str,
        allows: bool,
        address: &str,
    ) -> Result<()> {
        let user = in_session(actor)?;
        let pending = self.pending_device(actor, user_code, address).await?;
        let now = self.now();
        let mut tx = self.db().write().await?;
        let grant = match allows {
            false => None,
            true => {
                let new = NewGrant {
                    public_id: &self.fresh_id(),
                    user_id: user.id,
                    client_id: &pending.row.client_id,
                    app_name: &pending.app,
                    scope: &pending.row.scope,
                    address: &pending.row.address,
                    access_secs: ACCESS_SECS,
                    created_at: now,
                };
                Some(oauth::create_grant(&mut tx, &new).await?)
            }
        };
        if !oauth::decide_device(&mut tx, pending.row.id, grant, now).await? {
            return Err(Error::conflict("this code was used a moment ago"));
        }
        if let Some(grant) = grant {
            let payload =
                json!({"grant_id": grant, "app": pending.app, "scope": pending.row.scope});
            event::append_event(&mut tx, "oauth.grant", Some(user.id), None, &payload, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// What a program gets that comes back with its code.
    pub async fn exchange_device(
        &self,
        client: &Client,
        device_code: &str,
        issuer: &str,
    ) -> Result<Tokens, OAuthError> {
        self.oauth_key().await?;
        let now = self.now();
        let mut tx = self.db().write().await?;
        let row = oauth::poll_device(&mut tx, hash_secret(device_code), now).await?;
        let Some(row) = row.filter(|row| row.client_id == client.client_id) else {
            return Err(OAuthError::InvalidGrant("the device code is not known, or was used"));
        };
        if row.expires_at <= now {
            return Err(OAuthError::ExpiredToken);
        }
        let grant_id = match (&*row.state, row.grant_id) {
            ("allowed", Some(grant_id)) => grant_id,
            ("denied", _) => return Err(OAuthError::AccessDenied),
            _ => {
                // That it asked counts also when it asks too early: else the pause would never end.
                tx.commit().await?;
                let is_early = row.polled_before.is_some_and(|before| {
                    now.millis() - before.millis() < INTERVAL_SECS * 1000 - SLACK_MILLIS
                });
                return Err(match is_early {
                    true => OAuthError::SlowDown,
                    false => OAuthError::AuthorizationPending,
                });
            }
        };
        oauth::delete_device(&mut tx, row.id).await?;
        let tokens = self.issue_tokens(&mut tx, grant_id, None, issuer).await?;
        tx.commit().await?;
        Ok(tokens)
    }
}
