//! Branches, tags and what else points to commits.

mod branch;
mod list;
mod squash;
mod tag;

pub use list::RefList;
