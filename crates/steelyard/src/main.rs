//! The `steelyard` command.

use std::process::ExitCode;

use clap::Parser as _;
use steelyard::cli::Cli;
use steelyard::commands;

/// Many threads make and drop small buffers; mimalloc gives the memory back sooner than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
