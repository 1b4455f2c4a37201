//! Xet: what is stored in xorbs, read back and described to clients, on both pairs of stores.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod claims;
mod clearing;
mod client;
mod crashes;
mod dedup;
mod duplicating;
mod faults;
mod planted;
mod racing;
mod reading;
mod reconstructing;
mod shards;
mod stores;
mod tokens;
mod world;
mod xorbs;
