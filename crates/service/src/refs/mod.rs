//! Branches, tags and what else points to commits.

mod branch;
mod list;
pub(crate) mod protection;
mod squash;
mod tag;

pub use list::RefList;
