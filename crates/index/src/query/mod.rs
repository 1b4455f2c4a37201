//! The query language: one small grammar for pages, the API and the command line.

mod ast;

pub use ast::{Bounds, Condition, End, LineageWanted, Number, Query, Term};
