//! Codes and refresh tokens become access tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256 as Hasher};
use steelyard_core::Secret;
use steelyard_db::oauth::{self, AuthCode, GrantRow, NewGrantedToken};
use steelyard_db::{Tx, event};
use subtle::ConstantTimeEq as _;

use super::{Client, OAuthError, Scopes};
use crate::access::hash_secret;
use crate::access::token::generate_token;
use crate::{Error, Hub};

/// How long a refresh token is good when it is not used.
const REFRESH_SECS: i64 = 90 * 24 * 3600;
/// Tokens of one app and user that get a name with a number; later ones are named by their id.
const NUMBERED_MAX: u32 = 50;

/// What an app gets.
#[derive(Debug)]
pub struct Tokens {
    /// What it comes with from now on.
    pub access_token: Secret,
    /// What it gets the next one for.
    pub refresh_token: Secret,
    /// How long the access token lives, in seconds.
    pub expires_in: i64,
    /// What it may do.
    pub scope: String,
    /// Who allowed it, where the app asked for that.
    pub id_token: Option<String>,
}

impl Hub {
    /// Tokens for a code that somebody brought back to a web app.
    pub async fn exchange_code(
        &self,
        client: &Client,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
        issuer: &str,
    ) -> Result<Tokens, OAuthError> {
        let refuse = OAuthError::InvalidGrant("the code is not known, or was used, or is too old");
        self.oauth_key().await?;
        let mut tx = self.db().write().await?;
        let Some((row, used)) = oauth::use_auth_code(&mut tx, hash_secret(code)).await? else {
            return Err(refuse);
        };
        // A code that comes to the wrong app, address or hands is used up all the same.
        if used > 0 {
            self.end_stolen_grant(tx, row.grant_id, "code").await?;
            return Err(refuse);
        }
        let grant = oauth::find_grant(&mut tx, row.grant_id).await?;
        let Some(grant) = grant.filter(|grant| grant.client_id == client.client_id) else {
            tx.commit().await?;
            return Err(refuse);
        };
        let problem = if row.expires_at <= self.now() {
            Some(refuse)
        } else if row.redirect_uri != redirect_uri {
            Some(OAuthError::InvalidGrant("redirect_uri is not the one that the code was sent to"))
        } else if !is_verified(row.challenge.as_deref(), verifier) {
            Some(OAuthError::InvalidGrant("code_verifier does not fit the code_challenge"))
        } else {
            None
        };
        if let Some(problem) = problem {
            tx.commit().await?;
            return Err(problem);
        }
        let tokens = self.issue_tokens(&mut tx, grant.id, Some(&row), issuer).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Fresh tokens for a refresh token, which is good once.
    pub async fn refresh_tokens(
        &self,
        client: &Client,
        refresh_token: &str,
        issuer: &str,
    ) -> Result<Tokens, OAuthError> {
        let refuse = || {
            OAuthError::InvalidGrant("the refresh token is not known, or was used, or is too old")
        };
        self.oauth_key().await?;
        let mut tx = self.db().write().await?;
        let Some(row) = oauth::use_refresh(&mut tx, hash_secret(refresh_token)).await? else {
            return Err(refuse());
        };
        let grant = oauth::find_grant(&mut tx, row.grant_id).await?;
        // Another app's token: dropping the transaction leaves it as it was.
        if grant.is_none_or(|grant| grant.client_id != client.client_id) {
            return Err(refuse());
        }
        if row.used > 0 {
            self.end_stolen_grant(tx, row.grant_id, "refresh token").await?;
            return Err(refuse());
        }
        if row.expires_at <= self.now() {
            return Err(refuse());
        }
        let tokens = self.issue_tokens(&mut tx, row.grant_id, None, issuer).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// What was good once came twice: somebody has it who should not, and nobody can tell which of the two. All ends.
    async fn end_stolen_grant(&self, mut tx: Tx, id: i64, what: &str) -> Result<(), OAuthError> {
        let now = self.now();
        oauth::revoke_grant(&mut tx, id, now).await?;
        let payload = json!({"grant_id": id, "what": what});
        event::append_event(&mut tx, "oauth.replay", None, None, &payload, now).await?;
        tracing::warn!(grant_id = id, "an OAuth {what} was used twice; its grant is revoked");
        Ok(tx.commit().await?)
    }

    /// Makes the tokens of a grant; those before them end. The caller has asked for the hub's key before: a transaction
    /// that made one would wait for this one.
    pub(super) async fn issue_tokens(
        &self,
        tx: &mut Tx,
        grant_id: i64,
        code: Option<&AuthCode>,
        issuer: &str,
    ) -> Result<Tokens, OAuthError> {
        let grant = oauth::find_grant(tx, grant_id).await?;
        let grant = grant.ok_or(OAuthError::InvalidGrant("what was allowed was taken back"))?;
        let scopes = Scopes::parse(&grant.scope)?;
        let now = self.now();
        oauth::revoke_granted_tokens(tx, grant.id, now).await?;
        let access = generate_token(self.rng());
        let name = self.token_name(tx, &grant).await?;
        let new = NewGrantedToken {
            public_id: &self.fresh_id(),
            user_id: grant.user_id,
            grant_id: grant.id,
            name: &name,
            role: scopes.role(),
            hash: hash_secret(access.expose()),
            created_at: now,
            expires_at: now.plus_secs(grant.access_secs),
        };
        oauth::create_granted_token(tx, &new).await?;
        let refresh = self.oauth_secret("hf_rt_");
        let until = now.plus_secs(REFRESH_SECS);
        oauth::create_refresh(tx, hash_secret(refresh.expose()), grant.id, until).await?;
        let id_token = match scopes.has("openid") {
            true => Some(self.id_token(tx, &grant, &scopes, code, issuer).await?),
            false => None,
        };
        Ok(Tokens {
            access_token: access,
            refresh_token: refresh,
            expires_in: grant.access_secs,
            scope: grant.scope,
            id_token,
        })
    }

    /// The app's name, with a number where the user has a token of that name.
    async fn token_name(&self, tx: &mut Tx, grant: &GrantRow) -> Result<String, OAuthError> {
        let app = &grant.app_name;
        for number in 1..=NUMBERED_MAX {
            let name = if number == 1 { app.clone() } else { format!("{app} {number}") };
            if !oauth::is_token_name_taken(tx, grant.user_id, &name).await? {
                return Ok(name);
            }
        }
        Ok(format!("{app} {}", self.fresh_id()))
    }

    /// Ends what an app holds, as it asks itself (RFC 7009); unknown tokens are no error.
    pub async fn revoke_oauth(&self, client: &Client, token: &str) -> Result<(), OAuthError> {
        let mut tx = self.db().write().await?;
        let now = self.now();
        let of_refresh =
            oauth::find_refresh(&mut tx, hash_secret(token)).await?.map(|row| row.grant_id);
        let grant_id = match of_refresh {
            Some(grant_id) => Some(grant_id),
            None => {
                let bearer = oauth::find_bearer(&mut tx, hash_secret(token), now).await?;
                bearer.and_then(|(_, grant_id)| grant_id)
            }
        };
        let Some(grant_id) = grant_id else { return Ok(()) };
        let grant = oauth::find_grant(&mut tx, grant_id).await?;
        let Some(grant) = grant.filter(|grant| grant.client_id == client.client_id) else {
            return Ok(());
        };
        oauth::revoke_grant(&mut tx, grant.id, now).await?;
        let payload = json!({"grant_id": grant.id, "app": grant.app_name});
        let actor = Some(grant.user_id);
        event::append_event(&mut tx, "oauth.revoke", actor, None, &payload, now).await?;
        tx.commit().await.map_err(|error| OAuthError::Hub(Error::from(error)))
    }
}

/// PKCE with S256 (RFC 7636, 4.6).
fn is_verified(challenge: Option<&str>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, None) => true,
        // A verifier for a code that was asked for without one: somebody may have taken the challenge out (RFC 9700, 4.8.2).
        (None, Some(_)) | (Some(_), None) => false,
        (Some(challenge), Some(verifier)) => {
            let digest = URL_SAFE_NO_PAD.encode(Hasher::digest(verifier.as_bytes()));
            bool::from(digest.as_bytes().ct_eq(challenge.as_bytes()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_of_the_standard_fits() {
        // RFC 7636, appendix B.
        let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let verifier = Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert!(is_verified(challenge, verifier));
        assert!(is_verified(None, None));
        assert!(!is_verified(challenge, Some("dBjftJeZ4CVP")));
        assert!(!is_verified(challenge, None) && !is_verified(None, verifier));
    }
}
