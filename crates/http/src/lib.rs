//! The HTTP floor: routes, wire types, extractors, and the one place that knows status codes.
//!
//! A handler parses a request into names and an actor, makes one call of `steelyard-service`, and shapes the
//! result as the Hub's clients expect it. It never compares roles and never opens a transaction.

pub mod browser;
mod error;
mod extract;
pub mod file;
mod link;
mod middleware;
pub mod openapi;
mod reply;
mod route;
pub mod routes;
pub mod wire;

pub use error::{ApiError, Refusal};
pub use extract::{Caller, ClientAddress, Origin, Params, Target};
pub use link::cursor;
pub use reply::read_body;
pub use route::{Access, Route, build_router, build_router_with};
pub use routes::listing_request;
