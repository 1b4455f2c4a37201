//! The transport parts against real git programs: each case runs with every git found on this machine.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, though clippy sees no test attribute on what they share"
)]

mod advert;
mod fetch;
mod fixture;
mod hub;
mod maintenance;
mod push;
mod quarantine;
