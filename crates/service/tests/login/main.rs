//! Signing in: passwords, sessions, second factors, invitations, codes for new passwords.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod accounts;
mod faults;
mod resets;
mod second_factor;
mod signing_in;
mod world;
