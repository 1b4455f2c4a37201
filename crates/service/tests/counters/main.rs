//! Downloads and likes: what counts, what counts once, and that nothing is lost.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod downloads;
mod faults;
mod likes;
mod world;
