//! Who somebody is, for apps that may know: the id token and its longer form.

use serde_json::{Value, json};
use steelyard_core::OrgRole;
use steelyard_db::account::{self, AccountRow};
use steelyard_db::oauth::{self, AuthCode, GrantRow};
use steelyard_db::{Conn, Tx};

use super::{OAuthError, Scopes};
use crate::access::hash_secret;
use crate::{Error, Hub, Result};

/// How long an id token is good: it says who somebody is now.
const ID_TOKEN_SECS: i64 = 3600;

/// What an app may know of a user.
#[derive(Debug, Clone)]
pub struct UserInfo {
    /// The user.
    pub user: AccountRow,
    /// Their organisations and roles; none without the scope `profile`.
    pub orgs: Vec<(AccountRow, OrgRole)>,
    /// Whether the name may be told.
    pub has_profile: bool,
    /// Whether the mail address may be told.
    pub has_email: bool,
}

impl Hub {
    /// What whoever comes with this access token may know of its user. Tokens that people made themselves tell everything.
    pub async fn user_info(&self, token: &str, address: &str) -> Result<UserInfo> {
        self.check_oauth_address(address)?;
        let mut conn = self.db().read().await?;
        let found = oauth::find_bearer(&mut conn, hash_secret(token), self.now()).await?;
        let Some((user_id, grant_id)) = found else {
            self.throttle().record_failure(address, self.now());
            return Err(Error::BadCredentials);
        };
        let scopes = match grant_id {
            None => Scopes::parse("openid profile email"),
            Some(id) => {
                let grant = oauth::find_grant(&mut conn, id).await?.ok_or(Error::BadCredentials)?;
                Scopes::parse(&grant.scope)
            }
        };
        let scopes = scopes.map_err(Error::internal)?;
        if !scopes.has("openid") {
            let text = "the app was not allowed to know who you are: it lacks the scope openid";
            return Err(Error::Forbidden(text.to_owned()));
        }
        user_info(&mut conn, user_id, &scopes).await
    }

    /// A signed word for an app on who allowed it.
    pub(super) async fn id_token(
        &self,
        tx: &mut Tx,
        grant: &GrantRow,
        scopes: &Scopes,
        code: Option<&AuthCode>,
        issuer: &str,
    ) -> Result<String, OAuthError> {
        let info = user_info(tx, grant.user_id, scopes).await?;
        let now = self.now().secs();
        let mut claims = json!({
            "iss": issuer, "sub": info.user.public_id, "aud": grant.client_id,
            "iat": now, "exp": now + ID_TOKEN_SECS,
        });
        if let Some(nonce) = code.and_then(|code| code.nonce.as_deref()) {
            claims["nonce"] = json!(nonce);
        }
        if let Some(at) = code.and_then(|code| code.auth_time) {
            claims["auth_time"] = json!(at.secs());
        }
        if info.has_profile {
            claims["name"] = json!(info.user.full_name);
            claims["preferred_username"] = json!(info.user.name);
            claims["profile"] = json!(format!("{issuer}/{}", info.user.name));
        }
        if let Some(email) = info.user.email.as_ref().filter(|_| info.has_email) {
            claims["email"] = Value::from(email.clone());
            claims["email_verified"] = Value::from(false);
        }
        Ok(self.oauth_key().await?.sign(&claims)?)
    }
}

async fn user_info(conn: &mut Conn, user_id: i64, scopes: &Scopes) -> Result<UserInfo> {
    let user = account::find_account_by_id(conn, user_id).await?.ok_or(Error::BadCredentials)?;
    let has_profile = scopes.has("profile");
    let orgs = match has_profile {
        true => account::list_memberships(conn, user_id).await?,
        false => Vec::new(),
    };
    Ok(UserInfo { user, orgs, has_profile, has_email: scopes.has("email") })
}
