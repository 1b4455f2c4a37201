//! What an app is told instead of tokens: the words are the standards'.

use steelyard_db::DbError;

use crate::Error;

/// Why an app gets nothing.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// Something is missing or malformed.
    #[error("{0}")]
    InvalidRequest(String),
    /// There is no such app, or its secret is wrong.
    #[error("there is no app with this client_id and secret")]
    InvalidClient,
    /// The code or token is unknown, used, too old, or somebody else's.
    #[error("{0}")]
    InvalidGrant(&'static str),
    /// This app may not come this way.
    #[error("{0}")]
    UnauthorizedClient(&'static str),
    /// This hub knows no such grant.
    #[error("grant_type must be authorization_code, refresh_token or the device code's")]
    UnsupportedGrantType,
    /// The grant exists elsewhere: tokens of other providers are not taken here.
    #[error(
        "this hub does not exchange tokens of other providers; give the program an access token of the hub"
    )]
    NoTokenExchange,
    /// Nothing of what was asked for exists.
    #[error("none of these scopes exists here")]
    InvalidScope,
    /// Nobody decided yet.
    #[error("nobody has entered the code yet")]
    AuthorizationPending,
    /// The app asks too often.
    #[error("ask every five seconds at most")]
    SlowDown,
    /// Nobody decided in time.
    #[error("the code was good for 15 minutes; begin again")]
    ExpiredToken,
    /// Somebody said no.
    #[error("the request was denied")]
    AccessDenied,
    /// The app wanted no question, and nobody is signed in.
    #[error("nobody is signed in")]
    LoginRequired,
    /// The app wanted no question, and there is one.
    #[error("this hub asks each time")]
    ConsentRequired,
    /// Anything else.
    #[error(transparent)]
    Hub(#[from] Error),
}

impl OAuthError {
    /// The standard's word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnauthorizedClient(_) => "unauthorized_client",
            Self::UnsupportedGrantType | Self::NoTokenExchange => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::Hub(_) => "server_error",
        }
    }
}

impl From<DbError> for OAuthError {
    fn from(error: DbError) -> Self {
        Self::Hub(error.into())
    }
}
