//! The real servers that one test run shares.

use std::process::Command;

use anyhow::Result;
use steelyard_testkit::{Durability, Postgres};

const POSTGRES: &str = "STEELYARD_TEST_POSTGRES_URL";
const S3: &str = "STEELYARD_TEST_S3";

/// One PostgreSQL cluster; it ends with this value.
pub(super) struct Servers {
    postgres: Postgres,
}

impl Servers {
    pub(super) fn start() -> Result<Self> {
        Ok(Self { postgres: Postgres::start(Durability::Fast)? })
    }

    /// Tells the tests where the servers are.
    pub(super) fn export(&self, command: &mut Command) {
        command.env(POSTGRES, self.postgres.url());
    }

    /// Hides servers that the caller's environment names.
    pub(super) fn hide(command: &mut Command) {
        command.env_remove(POSTGRES).env_remove(S3);
    }
}
