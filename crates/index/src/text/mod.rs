//! Full-text search over cards: ids, titles, tags and card bodies in one inverted index on disk.
//!
//! The index is derived and belongs to one process: [`TextIndex::open`] takes whatever lies in its directory, and begins
//! anew when that is broken or was made by another version. Each commit carries the position in the event log that it
//! reflects, so whoever feeds the index goes on from there after a restart, or from the beginning when there is none.
//!
//! What users type are literal words: they are cut into tokens in the same way as cards are ([`tokens`]) and never read
//! as a query syntax. Permission is a question asked of every candidate before it can take a place among the hits.

mod highlight;
mod index;
mod search;
#[cfg(test)]
mod tests;
mod tokens;

pub use crate::request::TextHit;
pub use highlight::{Snippet, highlight};
pub use index::{CARD_TEXT_BYTES_MAX, TextDocument, TextIndex};
pub use search::{Matched, TextPage, Total, WORDS_MAX};

/// Why the text index cannot do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The directory cannot be written, or what lies there is broken.
    #[error("the text index failed")]
    Index(#[from] tantivy::TantivyError),
    /// The directory cannot be made or emptied.
    #[error("the directory of the text index cannot be used")]
    Directory(#[from] std::io::Error),
}
