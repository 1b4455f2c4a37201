//! Repositories: finding them for somebody, creating, moving, configuring, duplicating, deleting, listing.

mod create;
mod delete;
mod duplicate;
mod find;
mod list;
mod moving;
mod settings;

pub(crate) use find::may_read;

pub use create::{CreateRepo, CreatedRepo};
pub use duplicate::DuplicateRepo;
pub use find::Rights;
pub use list::{ListQuery, StorageEntry};
pub use settings::{Gating, UpdateSettings};
pub use steelyard_db::repo::{RepoRow, RepoSort};
