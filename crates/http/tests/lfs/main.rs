//! Large files over HTTP, in process: on SQLite with a directory, and with a real S3 server where there is one.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod access;
mod faults;
mod locks;
mod purge;
mod sweep;
mod transfers;
mod world;
