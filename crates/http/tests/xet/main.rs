//! The content store over HTTP, in process: on SQLite with a directory, and with a real S3 server where there is one.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod access;
mod client;
mod downloads;
mod duplicates;
mod fetches;
mod files;
mod limits;
mod tokens;
mod uploads;
mod windows;
mod world;
