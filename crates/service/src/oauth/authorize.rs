//! Web apps: a person is sent here, says yes, and is sent back with a code (RFC 6749, 4.1).

use serde_json::json;
use steelyard_core::Timestamp;
use steelyard_db::event;
use steelyard_db::oauth::{self, AuthCode, NewGrant};

use super::{Client, OAuthError, Scopes};
use crate::access::{hash_secret, in_session};
use crate::{Actor, Error, Hub, Result};

/// How long a code is good: an app exchanges it at once.
const CODE_SECS: i64 = 120;
/// How long access tokens of web apps live.
const ACCESS_SECS: i64 = 8 * 3600;
/// Longest `state` and `nonce`, in bytes.
const TEXT_BYTES_MAX: usize = 2000;

/// What an app asks for, as its address says it.
#[derive(Debug, Clone, Default)]
pub struct AuthorizeRequest {
    /// `client_id`.
    pub client_id: String,
    /// `redirect_uri`.
    pub redirect_uri: String,
    /// `response_type`.
    pub response_type: String,
    /// `scope`.
    pub scope: String,
    /// `state`.
    pub state: String,
    /// `nonce`.
    pub nonce: String,
    /// `code_challenge`.
    pub code_challenge: String,
    /// `code_challenge_method`.
    pub code_challenge_method: String,
    /// `prompt`.
    pub prompt: String,
    /// `max_age`: seconds since the person signed in.
    pub max_age: String,
}

/// What a person is asked.
#[derive(Debug, Clone)]
pub struct Consent {
    /// Who asks.
    pub client: Client,
    /// For what.
    pub scopes: Scopes,
}

/// Why a request leads nowhere.
#[derive(Debug)]
pub enum Refused {
    /// The app or the way back to it is not known: the person stays here.
    Here(Error),
    /// The app is told, at this address.
    Back(String),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

/// Values of `prompt` (OpenID Connect Core, 3.1.2.1). Whoever is sent here is asked each time, so `consent` changes nothing.
const PROMPTS: [&str; 3] = ["none", "login", "consent"];

impl AuthorizeRequest {
    /// Whether the app wants an answer without anybody being asked.
    pub fn is_silent(&self) -> bool {
        self.prompt == "none"
    }

    /// The answer to that: somebody has to be asked.
    pub fn refuse_silently(&self, is_signed_in: bool, issuer: &str) -> Refused {
        let error = match is_signed_in {
            true => OAuthError::ConsentRequired,
            false => OAuthError::LoginRequired,
        };
        self.back(&error, issuer)
    }

    /// Whether the app wants to be sure that the person has just proved who they are, and these have signed in too long ago.
    pub fn wants_sign_in(&self, signed_in_at: Timestamp, now: Timestamp) -> bool {
        let age = now.secs() - signed_in_at.secs();
        self.prompts().any(|prompt| prompt == "login")
            || self.max_age.parse().is_ok_and(|max_age: i64| age > max_age)
    }

    fn prompts(&self) -> impl Iterator<Item = &str> {
        self.prompt.split_ascii_whitespace()
    }

    fn check_prompt(&self) -> Result<(), &'static str> {
        if !self.prompts().all(|prompt| PROMPTS.contains(&prompt)) {
            return Err("prompt must be none, login or consent");
        }
        if self.prompts().any(|prompt| prompt == "none") && !self.is_silent() {
            return Err("prompt=none goes with no other prompt");
        }
        match self.max_age.parse::<u32>() {
            Err(_) if !self.max_age.is_empty() => Err("max_age must be a number of seconds"),
            _ => Ok(()),
        }
    }

    /// The way back, with an error.
    fn back(&self, error: &OAuthError, issuer: &str) -> Refused {
        let pairs = [("error", error.code()), ("error_description", &*error.to_string())];
        Refused::Back(self.way_back(&pairs, issuer))
    }

    fn way_back(&self, pairs: &[(&str, &str)], issuer: &str) -> String {
        let mut address = self.redirect_uri.clone();
        address.push(if address.contains('?') { '&' } else { '?' });
        let state = ("state", &*self.state);
        let all = pairs.iter().chain((!self.state.is_empty()).then_some(&state));
        let mut all: Vec<String> =
            all.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        // RFC 9207: an app that knows several providers sees which one answers.
        all.push(format!("iss={}", encode(issuer)));
        address.push_str(&all.join("&"));
        address
    }
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

impl Hub {
    /// Checks what an app asks for, before anybody is asked.
    pub async fn check_authorize(
        &self,
        request: &AuthorizeRequest,
        issuer: &str,
    ) -> Result<Consent, Refused> {
        let client = self.find_client(&request.client_id).await?;
        let client = client
            .ok_or_else(|| Error::invalid("client_id", "names no app of this hub"))
            .map_err(Refused::Here)?;
        // Exactly as registered: whatever else is taken for the same can be made to lead elsewhere.
        if !client.redirect_uris.contains(&request.redirect_uri) {
            let rule = "is not one of those that the app was registered with";
            return Err(Refused::Here(Error::invalid("redirect_uri", rule)));
        }
        let back = |error| Err(request.back(&error, issuer));
        let invalid = |text: &str| back(OAuthError::InvalidRequest(text.to_owned()));
        if request.state.len() > TEXT_BYTES_MAX || request.nonce.len() > TEXT_BYTES_MAX {
            return Err(Error::invalid("state", "must have at most 2,000 bytes").into());
        }
        if request.response_type != "code" {
            return invalid("response_type must be code");
        }
        if let Err(rule) = request.check_prompt() {
            return invalid(rule);
        }
        match (&*request.code_challenge, &*request.code_challenge_method) {
            ("", _) if client.is_public() => {
                return invalid("an app without a secret must send code_challenge");
            }
            ("", _) => {}
            (challenge, "S256") if is_challenge(challenge) => {}
            (_, "S256") => return invalid("code_challenge must be 43 letters of base64url"),
            _ => return invalid("code_challenge_method must be S256"),
        }
        let scope = match request.scope.trim() {
            "" => client.default_scope(),
            scope => scope,
        };
        match Scopes::parse(scope) {
            Ok(scopes) => Ok(Consent { client, scopes }),
            Err(error) => back(error),
        }
    }

    /// Sends the actor, who signed in at that time, back with a code, or with word that they refused. The address is the
    /// app's.
    pub async fn decide_authorize(
        &self,
        actor: &Actor,
        signed_in_at: Option<Timestamp>,
        request: &AuthorizeRequest,
        allows: bool,
        issuer: &str,
    ) -> Result<String, Refused> {
        let user = in_session(actor)?;
        let consent = self.check_authorize(request, issuer).await?;
        if !allows {
            return Err(request.back(&OAuthError::AccessDenied, issuer));
        }
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (code, now) = (self.oauth_secret("hf_ac_"), self.now());
        let mut tx = self.db().write().await.map_err(Error::from)?;
        let stored = async {
            let scope = consent.scopes.text();
            let new = NewGrant {
                public_id: &self.fresh_id(),
                user_id: user.id,
                client_id: &consent.client.client_id,
                app_name: &consent.client.name,
                scope: &scope,
                address: "",
                access_secs: ACCESS_SECS,
                created_at: now,
            };
            let grant_id = oauth::create_grant(&mut tx, &new).await?;
            let row = AuthCode {
                grant_id,
                redirect_uri: request.redirect_uri.clone(),
                nonce: given(&request.nonce),
                challenge: given(&request.code_challenge),
                auth_time: signed_in_at,
                expires_at: now.plus_secs(CODE_SECS),
            };
            oauth::create_auth_code(&mut tx, hash_secret(code.expose()), &row).await?;
            let payload = json!({"grant_id": grant_id, "app": consent.client.name, "scope": scope});
            event::append_event(&mut tx, "oauth.grant", Some(user.id), None, &payload, now).await?;
            Ok::<_, Error>(tx.commit().await?)
        };
        stored.await?;
        Ok(request.way_back(&[("code", code.expose())], issuer))
    }
}

/// A SHA-256 in base64url without padding.
fn is_challenge(text: &str) -> bool {
    text.len() == 43
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
