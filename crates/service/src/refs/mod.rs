//! Branches, tags and what else points to commits.

mod change;
mod create;
mod delete;
mod list;
pub(crate) mod protection;
mod squash;

pub use list::RefList;
pub use protection::list_protected;
