//! Background jobs and fsck, on the embedded stores, and on PostgreSQL and S3 where they are.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod downloads;
mod dropping;
mod faults;
mod fsck;
mod joining;
mod runner;
mod sweeping;
mod world;
