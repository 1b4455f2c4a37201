//! How people prove who they are to a browser: passwords, sessions, second factors, invitations.
//!
//! Programs come with tokens ([`crate::accounts`]); a person signs in with a password, and with a code where they have a
//! second factor, and the browser keeps the secret of a session in a cookie. Passwords are stored as Argon2id hashes,
//! secrets of sessions and codes as SHA-256 hashes. A session is good for what a write token is good for, and for changing the account
//! itself, which no token is.

mod failures;
pub mod mail;
mod password;
mod reset;
mod second_factor;
mod session;
mod sign_in;
mod sign_up;

pub use second_factor::{RecoveryCodes, SecondFactor};
pub use session::{BrowserSession, Visitor};
pub use sign_in::{Attempt, SignIn};
pub use sign_up::{Invitation, SignUp, SignUpRule};
pub use steelyard_db::session::SessionRow;

pub(crate) use failures::Subject as FailureSubject;
pub(crate) use password::Passwords;

use std::sync::Arc;

use mail::Mailer;

/// What an operator can set about signing in.
#[derive(Clone)]
pub struct LoginSettings {
    /// Who may make an account.
    pub sign_up: SignUpRule,
    /// How long a session lives after it was last used, in seconds.
    pub session_idle_secs: i64,
    /// What sends mail; without it, an administrator hands out codes.
    pub mailer: Option<Arc<dyn Mailer>>,
}

impl Default for LoginSettings {
    fn default() -> Self {
        Self { sign_up: SignUpRule::Closed, session_idle_secs: 30 * 24 * 3600, mailer: None }
    }
}

impl std::fmt::Debug for LoginSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginSettings")
            .field("sign_up", &self.sign_up)
            .field("session_idle_secs", &self.session_idle_secs)
            .field("has_mailer", &self.mailer.is_some())
            .finish()
    }
}
