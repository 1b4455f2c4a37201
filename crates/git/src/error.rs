//! What can go wrong with git data.

use steelyard_core::Oid;

use crate::object::ObjectKind;

/// A fault in git data, or a limit it breaks.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The bytes do not follow the format.
    #[error("malformed {what}: {rule}")]
    Malformed {
        /// What was being read (`tree`, `pack entry`, ...).
        what: &'static str,
        /// What is wrong with it.
        rule: String,
    },
    /// An object that must exist does not.
    #[error("object {0} is missing")]
    Missing(Oid),
    /// An object is of another kind than its place demands.
    #[error("object {oid} is a {found}, not a {expected}")]
    WrongKind {
        /// The object.
        oid: Oid,
        /// The kind its place demands.
        expected: ObjectKind,
        /// The kind it has.
        found: ObjectKind,
    },
    /// The bytes carry the marks of a SHA-1 collision attack.
    #[error("the content is part of a SHA-1 collision attack")]
    Collision,
    /// Something is larger than what is allowed.
    #[error("{what} is larger than the allowed {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in the unit of `what`.
        limit: u64,
    },
    /// A file could not be read.
    #[error("cannot read the pack file")]
    Io(#[from] std::io::Error),
}

impl GitError {
    /// Says that `what` breaks `rule`.
    pub(crate) fn malformed(what: &'static str, rule: impl Into<String>) -> Self {
        Self::Malformed { what, rule: rule.into() }
    }
}
