//! git itself against a hub: clone, fetch and push over HTTP.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod cut_off;
mod errors;
mod faults;
mod fetch;
mod policy;
mod push;
mod replicas;
mod world;
