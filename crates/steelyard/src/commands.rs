//! One module for each subcommand.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;

use crate::cli::{Cli, Command, SettingFlags};
use crate::config::Loaded;

pub mod admin;
pub mod config;
pub mod fsck;
pub mod migrate;
pub mod openapi;
pub mod serve;

/// Runs the command that the command line names.
pub fn run(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Serve(args) => serve::run(&cli.settings, args),
        Command::Admin(args) => admin::run(&cli.settings, args),
        Command::Config(action) => config::run(&cli.settings, action),
        Command::Fsck(args) => fsck::run(&cli.settings, args),
        Command::Migrate(args) => migrate::run(&cli.settings, args),
        Command::Openapi => openapi::run(),
    }
}

fn load(flags: &SettingFlags) -> Result<Loaded> {
    Ok(crate::config::load(&crate::config::Sources::of_process(
        flags.config.clone(),
        flags.settings(),
    ))?)
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")
}

/// Writes a command's result to standard output; a reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
