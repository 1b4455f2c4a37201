//! The formats against what the protocol's own crates made, against themselves, and against hostile bytes.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod data;
mod hostile;
mod properties;
mod upstream;

use steelyard_core::XetHash;

fn hash(text: &str) -> XetHash {
    XetHash::parse(text).unwrap()
}
