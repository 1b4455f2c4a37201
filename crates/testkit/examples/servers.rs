//! Starts PostgreSQL and Garage for the tests of an afternoon, prints what to export, and waits.
//!
//! `cargo run -p steelyard-testkit --example servers`, then, in another shell, `source` the file it names.

use std::process::ExitCode;

use steelyard_testkit::{Durability, Garage, Postgres, tools};

fn main() -> ExitCode {
    let started =
        Postgres::start(Durability::Fast).and_then(|postgres| Ok((postgres, Garage::start()?)));
    let (postgres, garage) = match started {
        Ok(started) => started,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let text = format!(
        "export STEELYARD_TEST_POSTGRES_URL='{}'\nexport STEELYARD_TEST_S3='{}'\n",
        postgres.url(),
        garage.env_value()
    );
    let path = tools::cache_dir().join("servers.env");
    match std::fs::write(&path, &text) {
        Ok(()) => eprintln!("source {}", path.display()),
        Err(error) => eprintln!("cannot write {}: {error}\n{text}", path.display()),
    }
    loop {
        std::thread::park();
    }
}
