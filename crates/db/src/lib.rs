//! The database floor: one set of query functions, run on SQLite or PostgreSQL.
//!
//! [`Db`] hands out a [`Conn`] to read and a [`Tx`] to write; the modules hold one aggregate each. Every SQL text
//! is written once, in the subset both engines share: `$1` placeholders, BIGINT numbers, times in milliseconds,
//! names folded in Rust. Where the engines must part, [`dialect`] holds the difference.
//! This floor knows nothing of permissions, HTTP or git formats.

mod batch;
mod conn;
mod error;
mod migrate;
mod row;
mod sqlite;
mod viewer;

pub mod account;
pub mod catalogue;
pub mod check;
pub mod dialect;
pub mod discussion;
pub mod downloads;
pub mod evals;
pub mod event;
pub mod feed;
pub mod job;
pub mod lfs;
pub mod likes;
pub mod lineage;
pub mod login;
pub mod oauth;
pub mod pack;
pub mod refs;
pub mod repo;
pub mod seed;
pub mod session;
pub mod setting;
pub mod ssh_key;
pub mod stats;
pub mod token;
pub mod xet;

pub use conn::{Conn, Db, PoolSizes, Tx};
pub use error::DbError;
pub use row::{Row, Value};
pub use viewer::Viewer;
