//! The search index: documents in, hits and facets out.
//!
//! Everything here is derived from the database and can be thrown away at any moment. The crate knows who may see a
//! repository only as a set of owners; it knows nothing of SQL, HTTP or git.

mod arena;
mod bitset;
mod complete;
mod cursor;
mod document;
mod evals;
mod facets;
mod history;
mod index;
mod keys;
mod lineage;
mod names;
mod orders;
mod postings;
pub mod query;
pub mod rank;
mod request;
mod search;
mod slots;
mod state;
mod terms;
pub mod text;
mod tree;

pub use complete::Vocabulary;
pub use document::{Counters, Document, EvalPoint, Facet};
pub use evals::{is_bounded as is_bounded_metric, normalize as normalize_metric};
pub use index::{Change, Index, Loader};
pub use lineage::ANCESTORS_MAX;
pub use request::{
    Direction, FacetCount, Hit, IndexError, Linked, SearchPage, SearchRequest, Sort, TextHit,
    Viewer,
};
pub use search::Matching;
pub use tree::Ancestor;
