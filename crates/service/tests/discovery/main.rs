//! The search index: what headers of weights say, and what faults leave of it.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod faults;
mod headers;
mod world;
