//! What every object store must do, on a directory and on a real S3 server.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod crashes;
mod faults;
mod objects;
mod places;
mod presigned;
mod speed;
mod uploads;
