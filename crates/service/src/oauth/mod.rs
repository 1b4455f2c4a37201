//! The hub as OAuth 2 and OpenID Connect provider: programs come to an account without its password.
//!
//! | grant | for | standard |
//! |---|---|---|
//! | device code | `hf auth login` and other programs without a browser of their own | RFC 8628 |
//! | authorization code | web apps, with PKCE where they can keep no secret | RFC 6749, RFC 7636 |
//! | refresh token | both, later on; each is good once | RFC 6749, RFC 9700 |
//!
//! An access token is a row of `token` like one that a person made, so every route takes it. Where an app was allowed to
//! know who somebody is and nothing else, the token opens [`Hub::user_info`] alone. Of every code and token only a hash is
//! stored. What came of one consent is one grant: whoever comes with a code or a refresh token a second time has stolen it, or
//! somebody stole it from them, and the whole grant ends.

mod apps;
mod authorize;
mod client;
mod device;
mod error;
mod identity;
mod keys;
mod scope;
mod tokens;

pub use apps::{NewApp, RegisteredApp};
pub use authorize::{AuthorizeRequest, Consent, Refused};
pub use client::{Client, Credentials, HF_CLIENT_ID};
pub use device::{DeviceCodes, PendingDevice};
pub use error::OAuthError;
pub use identity::UserInfo;
pub use scope::Scopes;
pub use steelyard_db::oauth::{AppRow, GrantRow};
pub use tokens::Tokens;

pub(crate) use keys::OAuthKeys;

use steelyard_core::{Secret, Timestamp};
use steelyard_db::oauth;

use crate::{Hub, Result};

/// How long codes and used tokens are kept after their end, to tell what is too old from what never was.
const KEEP_SECS: i64 = 24 * 3600;

impl Hub {
    /// A code or token that begins so that scanners know it.
    fn oauth_secret(&self, prefix: &str) -> Secret {
        Secret::new(format!("{prefix}{}", self.fresh_secret().expose()))
    }

    /// Deletes what ended a day ago.
    pub(crate) async fn trim_oauth(&self, now: Timestamp) -> Result<u64> {
        let mut tx = self.db().write().await?;
        let trimmed = oauth::trim_oauth(&mut tx, now.plus_secs(-KEEP_SECS)).await?;
        tx.commit().await?;
        Ok(trimmed)
    }
}
