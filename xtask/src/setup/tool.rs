//! Programs that cargo builds from crates.io.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use steelyard_testkit::tools;

use super::stamp;
use crate::shell::{cargo, probe, run};

struct Tool {
    name: &'static str,
    version: &'static str,
    why: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "garage",
        version: "2.5.0",
        why: "a real S3 store for the tests (about 10 minutes on two cores)",
    },
    Tool {
        name: "cargo-deny",
        version: "0.20.2",
        why: "licences, sources and banned crates (about 3 minutes)",
    },
];

/// Builds the programs that are missing or of another version.
pub(super) fn ensure() -> Result<()> {
    TOOLS.iter().try_for_each(|tool| {
        let binary = tools::root().join("bin").join(tool.name);
        if binary.exists() && stamp::is_fresh(tool.name, tool.version) {
            return Ok(());
        }
        if !is_installed(tool) {
            build(tool)?;
        }
        stamp::write(tool.name, tool.version)
    })
}

/// Asks the program itself, for one that was installed without a stamp.
fn is_installed(tool: &Tool) -> bool {
    let binary = tools::root().join("bin").join(tool.name);
    let said = probe(Command::new(binary).arg("--version")).unwrap_or_default();
    said.split([' ', ':']).any(|word| word == tool.version)
}

fn build(tool: &Tool) -> Result<()> {
    eprintln!("{} {}: {}", tool.name, tool.version, tool.why);
    // A folder of its own: its release build shares nothing with ours, and goes away at once.
    let target = tools::root().join("build").join(tool.name);
    let built = run(cargo()
        .env("CARGO_TARGET_DIR", &target)
        .args(["install", tool.name, "--version", tool.version, "--locked", "--force", "--root"])
        .arg(tools::root()));
    if target.exists() {
        fs::remove_dir_all(&target)
            .with_context(|| format!("cannot remove {}", target.display()))?;
    }
    built?;
    if !is_installed(tool) {
        bail!("{} was built, but does not say that it is version {}", tool.name, tool.version);
    }
    Ok(())
}
