//! The `steelyard` command.

use std::process::ExitCode;

use clap::Parser as _;
use steelyard::cli::Cli;
use steelyard::commands;

fn main() -> ExitCode {
    match commands::run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
