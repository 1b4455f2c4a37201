//! The real servers that one test run shares.

use std::process::Command;

use anyhow::Result;
use steelyard_testkit::{Durability, Garage, Postgres};

const POSTGRES: &str = "STEELYARD_TEST_POSTGRES_URL";
const S3: &str = "STEELYARD_TEST_S3";

/// One PostgreSQL cluster and one S3 server; they end with this value.
pub(super) struct Servers {
    postgres: Postgres,
    garage: Garage,
}

impl Servers {
    pub(super) fn start() -> Result<Self> {
        Ok(Self { postgres: Postgres::start(Durability::Fast)?, garage: Garage::start()? })
    }

    /// Tells the tests where the servers are.
    pub(super) fn export(&self, command: &mut Command) {
        command.env(POSTGRES, self.postgres.url()).env(S3, self.garage.env_value());
    }

    /// Hides servers that the caller's environment names.
    pub(super) fn hide(command: &mut Command) {
        command.env_remove(POSTGRES).env_remove(S3);
    }
}
