//! What a use case can answer instead of a result. No status codes: `steelyard-http` maps these, in one place.

use steelyard_blob::BlobError;
use steelyard_core::{Invalid, Oid, RepoId, RepoKind};
use steelyard_db::DbError;

/// What was not found, as far as clients tell things apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// A repository: missing, or private to somebody else. Nobody can tell which.
    Repo {
        /// True when nobody is logged in: logging in may help.
        anonymous: bool,
    },
    /// A branch, tag or commit.
    Revision(String),
    /// A path.
    Entry {
        /// The path asked for.
        path: String,
        /// The commit that does not have it.
        commit: Option<Oid>,
    },
    /// The content of a large file: what was uploaded for it is something else, and is not given out.
    Quarantined {
        /// The path asked for.
        path: String,
    },
    /// Anything else, by what it is called: `user`, `organization`, `lock`, ...
    Other(&'static str),
}

/// A use case that did not end in a result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The thing asked for does not exist, or not for this actor.
    #[error("{}", missing_text(.0))]
    NotFound(Missing),
    /// The repository has another name now.
    #[error("the repository moved to {to}")]
    Moved {
        /// Its kind.
        kind: RepoKind,
        /// The name by which it was asked for.
        from: RepoId,
        /// Its current name.
        to: RepoId,
    },
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A structured query that cannot be read.
    #[error("invalid query: {0}")]
    Query(steelyard_index::query::QueryError),
    /// It exists already, or somebody else changed it.
    #[error("{message}")]
    Conflict {
        /// What stands in the way.
        message: String,
        /// The repository that exists, when that is what stands in the way.
        existing: Option<(RepoKind, RepoId)>,
    },
    /// The branch is not where the caller believes.
    #[error("The branch was updated since you opened this page. Please refresh and try again.")]
    Stale,
    /// The token or password is wrong.
    #[error("Invalid credentials in Authorization header")]
    BadCredentials,
    /// Somebody must log in first.
    #[error("this needs an access token: {0}")]
    LoginRequired(String),
    /// The actor is known and may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// The files are given out only to people on the repository's list.
    #[error(
        "Access to {kind} {repo} is restricted and you are not in the authorized list. Its files are given to those who may write to it; asking for access is not there yet. See {url}"
    )]
    Gated {
        /// Its kind.
        kind: RepoKind,
        /// Its name.
        repo: RepoId,
        /// Its page.
        url: String,
        /// True when nobody is logged in.
        anonymous: bool,
    },
    /// An administrator took the repository out of service.
    #[error("Access to this resource is disabled.")]
    Disabled,
    /// Something is larger than the limit.
    #[error("{what} is larger than the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit with its unit.
        limit: String,
    },
    /// Too many calls.
    #[error("too many failed attempts; try again in {}", wait(*retry_after_secs))]
    RateLimited {
        /// When to try again.
        retry_after_secs: u64,
    },
    /// The hub has too much to do at the moment; the same call may succeed later.
    #[error("{what}; try again in {retry_after_secs} s")]
    Busy {
        /// What there is not enough of.
        what: &'static str,
        /// When to try again.
        retry_after_secs: u64,
    },
    /// The hub does not do this.
    #[error("{0}")]
    NotImplemented(String),
    /// A store cannot answer now; the same call may succeed later.
    #[error("a store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault of the hub.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How long to wait, in words.
fn wait(secs: u64) -> String {
    match secs {
        0..120 => format!("{secs} s"),
        _ => format!("{} minutes", secs.div_ceil(60)),
    }
}

impl Error {
    /// The stable name of the case, for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::Moved { .. } => "moved",
            Self::Invalid(_) => "invalid",
            Self::Query(_) => "invalid_query",
            Self::Conflict { .. } => "conflict",
            Self::Stale => "stale",
            Self::BadCredentials => "bad_credentials",
            Self::LoginRequired(_) => "login_required",
            Self::Forbidden(_) => "forbidden",
            Self::Gated { .. } => "gated",
            Self::Disabled => "disabled",
            Self::TooLarge { .. } => "too_large",
            Self::RateLimited { .. } => "rate_limited",
            Self::Busy { .. } => "busy",
            Self::NotImplemented(_) => "not_implemented",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// A path that a commit does not have.
    pub fn no_entry(path: impl Into<String>, commit: Oid) -> Self {
        Self::NotFound(Missing::Entry { path: path.into(), commit: Some(commit) })
    }

    /// A revision that does not exist.
    pub fn no_revision(revision: impl Into<String>) -> Self {
        Self::NotFound(Missing::Revision(revision.into()))
    }

    /// Something exists already or changed meanwhile.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict { message: message.into(), existing: None }
    }

    /// A value that breaks a rule.
    pub fn invalid(field: &'static str, rule: impl Into<String>) -> Self {
        Self::Invalid(Invalid::new(field, rule))
    }

    /// A fault of the hub, from any error.
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) => Self::Unavailable(Box::new(error)),
            _ => Self::Internal(Box::new(error)),
        }
    }
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Unavailable { .. } => Self::Unavailable(Box::new(error)),
            _ => Self::Internal(Box::new(error)),
        }
    }
}

fn missing_text(missing: &Missing) -> String {
    match missing {
        Missing::Repo { .. } => "Repository not found".to_owned(),
        Missing::Revision(revision) => format!("Invalid rev id: {revision}"),
        Missing::Entry { path, .. } => format!("A file with this name doesn't exist: {path}"),
        Missing::Quarantined { path } => format!(
            "The content of {path} is in quarantine: what was uploaded is not what the commit names. Upload the file again."
        ),
        Missing::Other(what) => format!("{what} not found"),
    }
}
