//! `cargo xtask`: everything a developer and CI run, in one place.

mod bench;
mod browser;
mod floors;
mod fuzz;
mod openapi;
mod screenshots;
mod setup;
mod shell;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Sets up, checks and tests the project.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Installs what the tests need: Debian packages, pinned Python and JavaScript clients, Garage, cargo-deny.
    ///
    /// Says what it is about to install and why, reuses what is there, and does nothing the second time.
    Setup,
    /// Runs every check and every test, after the set-up.
    Test(test::Options),
    /// Runs a command beside a real PostgreSQL and S3 server, which end with it: `cargo xtask servers cargo test -p steelyard-db`.
    Servers {
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Measures the hub beside nginx, git http-backend and openssl, and prints medians and ratios.
    Bench(bench::Options),
    /// Throws made-up input at everything that parses what comes from outside, led by what the code covers.
    Fuzz(fuzz::Options),
    /// Takes pictures of the main pages: three widths, light and dark.
    Screenshots(screenshots::Options),
    /// Checks that crates import downwards only.
    Floors,
    /// Writes docs/openapi.json from the running code.
    Openapi {
        /// Changes nothing; fails if the file is not up to date.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Setup => setup::run(),
        Task::Test(options) => test::run(&options),
        Task::Servers { command } => test::with_servers(&command),
        Task::Bench(options) => bench::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Screenshots(options) => screenshots::run(&options),
        Task::Floors => floors::run(),
        Task::Openapi { check } => openapi::run(check),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
