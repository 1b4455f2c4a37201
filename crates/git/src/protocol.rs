//! The parts of the git protocol that the hub answers itself: capability adverts, protocol v2 `ls-refs`, and
//! the front and back of a push.
//!
//! Refs arrive as plain records; where they are stored is not this crate's business.

pub mod advert;
pub mod ls_refs;
pub mod receive;

use steelyard_core::Oid;

/// A ref as the protocol shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefRecord {
    /// The full name, such as `refs/heads/main`.
    pub name: String,
    /// The object that the ref names.
    pub oid: Oid,
    /// What the object peels to, when it is an annotated tag.
    pub peeled: Option<Oid>,
}

/// A request that breaks the git protocol.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The four digits of a packet are no length.
    #[error("bad pkt-line length \"{found}\" at byte {offset}")]
    BadLength {
        /// Where the packet starts.
        offset: u64,
        /// The four bytes, escaped.
        found: String,
    },
    /// The input ends before the request does.
    #[error("the request ends too early, after byte {offset}")]
    Incomplete {
        /// Where the unfinished part starts.
        offset: u64,
    },
    /// A packet says something that has no place here.
    #[error("{field}: {rule}")]
    Unexpected {
        /// The part of the request.
        field: &'static str,
        /// The rule it breaks.
        rule: String,
    },
    /// The request exceeds a limit.
    #[error("{field}: at most {limit} are accepted")]
    TooMany {
        /// What there is too much of, with its unit.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The bytes of the request could not be read.
    #[error("reading the request")]
    Read(#[source] std::io::Error),
}

impl ProtocolError {
    pub(crate) fn unexpected(field: &'static str, rule: impl Into<String>) -> Self {
        Self::Unexpected { field, rule: rule.into() }
    }
}
