//! Pages as browsers get them, on every pair of stores this machine has.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail loudly")]

mod accounts;
mod admin;
mod browser;
mod cards;
mod change;
mod facts;
mod files;
mod fresh;
mod help;
mod history;
mod hostile;
mod lists;
mod oauth;
mod permissions;
mod world;
