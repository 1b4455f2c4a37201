//! One module for each subcommand.

use std::io::{self, Write as _};

use anyhow::Result;

use crate::cli::{Cli, Command};

pub mod config;

/// Runs the command that the command line names.
pub fn run(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Config(action) => config::run(&cli.settings, action),
    }
}

/// Writes a command's result to standard output; a reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
