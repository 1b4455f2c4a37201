//! The JavaScript packages of the tests, every version pinned by a lock file: huggingface.js as a client of the hub,
//! playwright-core to drive Debian's Chromium (it brings no browser of its own), axe-core to look for what keeps people out.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use steelyard_testkit::tools;

use super::stamp;
use crate::shell::run;

const STEP: &str = "js";
const PACKAGE: &str = include_str!("../../requirements/js/package.json");
const LOCK: &str = include_str!("../../requirements/js/package-lock.json");

/// Installs the packages unless they were installed from this very lock file.
pub(super) fn ensure() -> Result<()> {
    if tools::javascript().is_ok() && stamp::is_fresh(STEP, LOCK) {
        return Ok(());
    }
    let folder = tools::root().join("js");
    eprintln!(
        "huggingface.js, Playwright and axe: a client of the tests and what drives the browser, into {}",
        folder.display()
    );
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, text) in [("package.json", PACKAGE), ("package-lock.json", LOCK)] {
        let file = folder.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    run(Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder))?;
    stamp::write(STEP, LOCK)
}
