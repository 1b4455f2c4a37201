//! What must hold when stores fail, processes die, and anybody asks for anything: on SQLite with a directory, and on
//! PostgreSQL with S3.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod crashes;
mod fast_import;
mod faults;
mod groups;
mod invariants;
mod isolation;
#[path = "../xet/stores.rs"]
mod stores;
mod world;
