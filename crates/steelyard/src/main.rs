//! The `steelyard` command.

use std::process::ExitCode;

use clap::Parser as _;
use steelyard::cli::Cli;
use steelyard::commands;

/// Many threads make and drop small buffers; mimalloc gives the memory back sooner than the system's allocator. Huge pages
/// are off (`no_thp`): each of the allocator's regions would take 2 MiB at once, which doubles what an idle hub holds.
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
