//! Black-box suites: the built `steelyard` binary, driven by the clients people use.
//!
//! [`Hub`] starts one server or several on real stores; `clients/` holds the scripts that run inside the pinned
//! Python environments; `tests/` holds one file per client and feature.

mod balancer;
mod client;
mod http;
mod hub;
mod model;

pub use client::{Client, Ran};
pub use http::{Answer, Http};
pub use hub::{Hub, HubBuilder, Stores};
pub use model::{assert_same, copy_model};
