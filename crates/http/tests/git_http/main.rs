//! git itself against a hub: clone, fetch and push over HTTP.

mod errors;
mod faults;
mod fetch;
mod policy;
mod push;
mod replicas;
mod world;
