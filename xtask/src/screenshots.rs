//! `cargo xtask screenshots`: the main pages as pictures, for whoever changes them, and the few that the documentation shows.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use tempfile::TempDir;

use crate::bench::hub::Hub;
use crate::browser;
use crate::shell::{cargo, claim_target_dir, root, run as execute, target_dir};

/// Repositories of the catalogue beside the one real model.
const REPOS: &str = "3000";
/// Whose the real model is.
const OWNER: &str = "sentence-transformers";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the pictures go; `screenshots` in cargo's target folder unless it is said.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also replaces the pictures in docs/screenshots that README and the documentation show.
    #[arg(long)]
    keep: bool,
    /// Looks at this server instead of a fresh build.
    #[arg(long)]
    bin: Option<PathBuf>,
}

/// Starts a hub with a catalogue and a real model, and takes the pictures.
pub(crate) fn run(options: &Options) -> Result<()> {
    let bin = options.bin.clone().map_or_else(build, Ok)?;
    let out = options.out.clone().unwrap_or_else(|| target_dir().join("screenshots"));
    let dir = TempDir::new()?;
    let hub = Hub::start_in(&bin, &dir.path().join("hub"), OWNER)?;
    hub.run(&["dev", "seed", "--repos", REPOS, "--into-existing"])?;
    let repo = format!("{OWNER}/all-MiniLM-L6-v2");
    browser::upload_model(&hub.address, &hub.token, &repo, &dir.path().join("home"))?;
    let code = hub.run(&["admin", "user", "reset", "operator"])?;
    let mut script = browser::script("screenshots.mjs", &hub.address)?;
    script.env("STEELYARD_CODE", code.trim()).arg(&out);
    if options.keep {
        script.arg(root().join("docs/screenshots"));
    } else {
        script.arg("-");
    }
    execute(&mut script)?;
    eprintln!("pictures are in {}", out.display());
    Ok(())
}

fn build() -> Result<PathBuf> {
    claim_target_dir()?;
    execute(cargo().args(["build", "--package", "steelyard"]))?;
    Ok(target_dir().join("debug/steelyard"))
}
