//! The query language: one small grammar for pages, the API and the command line.
//!
//! A text is free words and terms (`field:value`), all of which must hold. [`Query::parse`] reads it within limits and
//! says of an error where it is; [`Query::to_text`] writes it back in one spelling, so that a query can live in an
//! address, an API call or a shell. Nothing here knows how a query is answered. The language is described for its users
//! in `docs/search.md`.

mod ast;
mod error;
mod fields;
mod numbers;
mod parse;
mod scan;
mod suggest;
#[cfg(test)]
mod tests;
mod text;
mod values;
mod vocabulary;

pub use ast::{Bounds, Condition, End, LineageWanted, Number, Query, Term};
pub use error::QueryError;
pub use fields::{Field, fields};
pub use parse::{ALTERNATIVES_MAX, QUERY_BYTES_MAX, QUERY_TERMS_MAX};
pub use suggest::{Open, Suggestion, Suggestions, suggest};
