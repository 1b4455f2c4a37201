//! Background jobs and fsck, on the embedded stores and on PostgreSQL where there is one.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod dropping;
mod faults;
mod fsck;
mod joining;
mod runner;
mod sweeping;
mod world;
