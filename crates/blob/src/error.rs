use std::io;
use std::ops::Range;

use steelyard_core::{Invalid, Sha256};

use crate::Key;

/// Why the object store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no object under this key.
    #[error("there is no object {key}")]
    NotFound {
        /// The key that was asked for.
        key: Key,
    },
    /// A key, part number or list of parts breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The range does not lie inside the object.
    #[error("bytes {}..{} are not all inside {key}", range.start, range.end)]
    BadRange {
        /// The object.
        key: Key,
        /// The range that was asked for.
        range: Range<u64>,
    },
    /// The uploaded bytes have another hash than promised.
    #[error("the content's sha256 is {actual}, not {expected}")]
    HashMismatch {
        /// What was promised.
        expected: Sha256,
        /// What arrived.
        actual: Sha256,
    },
    /// The uploaded bytes are fewer or more than promised.
    #[error("the content's size is {actual} bytes, not {expected}")]
    SizeMismatch {
        /// What was promised.
        expected: u64,
        /// What arrived, or how much of it was read before giving up.
        actual: u64,
    },
    /// The upload is larger than allowed.
    #[error("the content is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// A part of a part upload is missing, or is not the one that was named.
    #[error("part {number} {rule}")]
    BadPart {
        /// Its number.
        number: u32,
        /// What is wrong, to be read after "part N".
        rule: &'static str,
    },
    /// The store did not answer, or not as it should; the same call may succeed later.
    #[error("the object store is unavailable")]
    Unavailable {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The disk or the server refused; trying again will not help.
    #[error("the object store failed to {action}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl BlobError {
    /// True when the same call may succeed later without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// A failed system call; a few kinds pass by themselves.
    pub(crate) fn io(action: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => {
                Self::unavailable(source)
            }
            _ => Self::Io { action, source },
        }
    }

    pub(crate) fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable { source: source.into() }
    }
}

pub(crate) type Result<T, E = BlobError> = std::result::Result<T, E>;
