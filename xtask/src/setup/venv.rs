//! Python environments with the Hub clients that the tests drive, every version pinned.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use steelyard_testkit::{HfVersion, tools};

use super::stamp;
use crate::shell::run;

fn step(version: HfVersion) -> String {
    format!("hf-{}", version.number())
}

fn requirements(version: HfVersion) -> &'static str {
    match version {
        HfVersion::V2_4_0 => include_str!("../../requirements/hf-2.4.0.txt"),
        HfVersion::V1_33_0 => include_str!("../../requirements/hf-1.33.0.txt"),
        HfVersion::V1_10_2 => include_str!("../../requirements/hf-1.10.2.txt"),
        HfVersion::V0_36_2 => include_str!("../../requirements/hf-0.36.2.txt"),
    }
}

/// True if no environment is to be made.
pub(super) fn all_fresh() -> bool {
    HfVersion::ALL.into_iter().all(is_fresh)
}

fn is_fresh(version: HfVersion) -> bool {
    version.venv().is_ok() && stamp::is_fresh(&step(version), requirements(version))
}

/// Makes the environments that are missing or were made from other pins.
pub(super) fn ensure() -> Result<()> {
    HfVersion::ALL.into_iter().filter(|version| !is_fresh(*version)).try_for_each(make)
}

fn make(version: HfVersion) -> Result<()> {
    let folder: PathBuf = tools::root().join("venv").join(step(version));
    eprintln!(
        "huggingface_hub {}: a client of the tests, into {}",
        version.number(),
        folder.display()
    );
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let list = folder.join("requirements.txt");
    fs::write(&list, requirements(version))
        .with_context(|| format!("cannot write {}", list.display()))?;
    // The lists are complete, so pip has nothing to resolve and cannot bring in a newer release of anything.
    run(Command::new(folder.join("bin/pip"))
        .args(["install", "--quiet", "--no-deps", "--disable-pip-version-check", "--requirement"])
        .arg(&list))?;
    stamp::write(&step(version), requirements(version))
}
