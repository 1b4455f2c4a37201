//! What the tests need and cargo does not bring, installed where it can be removed again.

mod debian;
mod javascript;
mod oldest_git;
mod stamp;
mod tool;
mod venv;

pub(crate) use tool::reference_server;

use anyhow::{Context as _, Result};
use steelyard_testkit::tools;

/// Installs everything that is missing; a second run finds everything and takes a moment.
pub(crate) fn run() -> Result<()> {
    debian::ensure()?;
    std::fs::create_dir_all(tools::root())
        .with_context(|| format!("cannot make {} (STEELYARD_TOOLS)", tools::root().display()))?;
    venv::ensure()?;
    javascript::ensure()?;
    oldest_git::ensure();
    tool::ensure()
}
