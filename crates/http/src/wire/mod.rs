//! The JSON that goes over the wire; apart from domain types, because clients fix its shape.

pub mod account;
pub mod commit;
pub mod discovery;
pub mod info;
pub mod lfs;
pub mod likes;
pub mod oauth;
pub mod refs;
pub mod repo;
pub mod tree;
pub mod xet;

use schemars::JsonSchema;

/// An answer that says only that it went well: `{}`.
#[derive(Debug, JsonSchema)]
pub struct EmptyResponse {}

/// The body of an error of the JSON interface; THE error mapping writes it.
#[derive(Debug, JsonSchema)]
pub struct ErrorResponse {
    /// What went wrong, and what to do.
    pub error: String,
    /// The field whose rule is broken.
    pub field: Option<String>,
    /// The address of the repository that exists already.
    pub url: Option<String>,
}
