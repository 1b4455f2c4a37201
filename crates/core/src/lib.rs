//! The ground floor: names, ids, hashes, roles, limits, time and randomness.
//!
//! Everything that arrives from outside is parsed into one of these types at the edge and travels inward as
//! that type. This crate does no I/O, is not async, and knows nothing of HTTP, SQL or git transport.

pub mod access;
pub mod fault;
pub mod hash;
pub mod id;
pub mod license;
pub mod limits;
pub mod name;
pub mod page;
pub mod path;
pub mod random;
pub mod refs;
pub mod repo;
pub mod secret;
pub mod size;
pub mod time;

pub use access::{OrgRole, TokenRole, Visibility};
pub use hash::{Oid, Sha256, XetHash};
pub use id::PublicId;
pub use license::LicenseTraits;
pub use name::{Namespace, RepoId, RepoName};
pub use path::RepoPath;
pub use random::Rng;
pub use refs::{RefName, Revision};
pub use repo::RepoKind;
pub use secret::Secret;
pub use time::{Clock, Timestamp};

/// A value that came from outside and breaks a rule: which field, and what the rule is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {field}: {rule}")]
pub struct Invalid {
    /// The field as the client named it (`name`, `path`, `revision`, ...).
    pub field: &'static str,
    /// The rule in words, fit to be shown to the user.
    pub rule: String,
}

impl Invalid {
    /// Says that `field` breaks `rule`.
    pub fn new(field: &'static str, rule: impl Into<String>) -> Self {
        Self { field, rule: rule.into() }
    }
}
