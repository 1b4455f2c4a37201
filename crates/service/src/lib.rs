//! Use cases: the only floor that opens transactions and the only one that decides who may do what.
//!
//! A request becomes one call here with an [`Actor`] and parsed names, and comes back as data or as an [`Error`]
//! that knows no status codes. `access` holds the permission table; every other folder is one part of the job.

pub mod access;
pub mod accounts;
pub mod admin;
pub mod commits;
pub mod counters;
pub mod discovery;
mod error;
pub mod fetch;
pub mod fsck;
mod history;
mod hub;
pub mod jobs;
pub mod lfs;
pub mod login;
pub mod oauth;
pub mod push;
pub mod refs;
pub mod repos;
pub mod revisions;
pub mod seed;
pub mod xet;

pub use access::{Action, Actor};
pub use error::{Error, Missing};
pub use hub::{Hub, HubLimits, HubParts, HubSettings};

/// What use cases return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
