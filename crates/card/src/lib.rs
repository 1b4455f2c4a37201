//! What a repository says of itself: its card, its configuration and the headers of its weights.
//!
//! Everything here is pure computation over text and bytes the caller read: front matter is split and parsed
//! ([`front_matter`]), checked ([`mod@validate`]), and turned into the tags and fields by which the hub lists and
//! filters repositories ([`mod@facts`]). [`safetensors`] and [`gguf`] read the headers of weight files. From the facts
//! follow the licences of a lineage compared ([`license`]), a report on the card with its fixes ([`mod@report`],
//! [`patch`]), code to begin with ([`mod@snippets`]), and which requests count as downloads ([`counting`]). The crate
//! knows nothing of storage, users or HTTP, and every parser is bounded: hostile input costs at most a small
//! multiple of its own size.

mod arxiv;
pub mod counting;
pub mod eval;
pub mod facts;
pub mod front_matter;
pub mod gguf;
pub mod gitattributes;
pub mod license;
pub mod patch;
pub mod report;
pub mod safetensors;
pub mod snippets;
pub mod validate;
mod values;
pub mod vocab;
mod yaml;

pub use facts::{CardInput, Facts, derive};
pub use front_matter::{Card, FrontMatterError};
pub use gitattributes::default_gitattributes;
pub use validate::{Issue, Report, validate, validate_bytes, validate_repo};
