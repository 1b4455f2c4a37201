//! Shards: those of real clients, those a client must accept, and hostile ones.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod answer;
mod clients;
mod hostile;
mod make;
#[path = "../../../git/tests/fuzz/memory.rs"]
mod memory;
mod targets;
