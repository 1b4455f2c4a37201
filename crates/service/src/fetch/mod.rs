//! Serving fetches: refs from the database, objects from disposable bare repositories.
//!
//! A bare repository under `cache/git` holds the accepted packs of one repository and nothing else, because git gives
//! out whatever lies in its directory to whoever knows the id. What a push brings stays outside until it landed.

mod bare;
mod fill;
mod hydrate;
mod serve;

pub use serve::{FetchOutput, GitRefs};

pub(crate) use bare::remove_later;
pub(crate) use hydrate::{Hydrations, Lease, blocking};
pub(crate) use serve::tool_error;
