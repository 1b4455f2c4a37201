//! Black-box suites: the built `steelyard` binary, driven by the clients people use.
//!
//! [`Hub`] starts one server or several on real stores; `clients/` holds the scripts that run inside the pinned
//! Python environments; `tests/` holds one file per client and feature.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot be set up must fail loudly")]

mod balancer;
mod client;
mod hub;

pub use client::{Client, Ran};
pub use hub::{Hub, HubBuilder, Stores};
