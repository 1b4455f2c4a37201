//! The binary's parts: what the command line and the configuration say, and the commands that act on it.
//!
//! This is the only crate that reads configuration; every other one gets plain values.

mod admin_server;
pub mod cli;
pub mod commands;
pub mod config;
mod mail;
pub mod open;
pub mod system;
