//! The search index: documents in, hits and facets out.
//!
//! Everything here is derived from the database and can be thrown away at any moment. The crate knows who may see a
//! repository only as a set of owners; it knows nothing of SQL, HTTP or git.

mod document;
pub mod query;

pub use document::{Counters, Document, EvalPoint, Facet};
