//! Programs that cargo builds from crates.io.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use steelyard_testkit::tools;

use super::stamp;
use crate::shell::{cargo, probe, run};

struct Tool {
    /// The program, and the crate unless `of` names another.
    name: &'static str,
    version: &'static str,
    why: &'static str,
    /// The crate it comes with and the features that it needs.
    of: Option<(&'static str, &'static str)>,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "garage",
        version: "2.5.0",
        why: "a real S3 store for the tests (about 10 minutes on two cores)",
        of: None,
    },
    Tool {
        name: "cargo-deny",
        version: "0.20.2",
        why: "licences, sources and banned crates (about 3 minutes)",
        of: None,
    },
];

/// Only benchmarks need it, so only they build it.
const REFERENCE_SERVER: Tool = Tool {
    name: "local_cas_server",
    version: "1.8.0",
    why: "the reference server of the Xet protocol, for benchmarks (about 8 minutes)",
    of: Some(("xet-client", "simulation")),
};

/// Builds the programs that are missing or of another version.
pub(super) fn ensure() -> Result<()> {
    TOOLS.iter().try_for_each(ensure_tool)
}

/// The reference server of the Xet protocol; builds it the first time.
pub(crate) fn reference_server() -> Result<PathBuf> {
    ensure_tool(&REFERENCE_SERVER)?;
    Ok(tools::root().join("bin").join(REFERENCE_SERVER.name))
}

fn ensure_tool(tool: &Tool) -> Result<()> {
    let binary = tools::root().join("bin").join(tool.name);
    if binary.exists() && stamp::is_fresh(tool.name, tool.version) {
        return Ok(());
    }
    if !is_installed(tool) {
        build(tool)?;
    }
    stamp::write(tool.name, tool.version)
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
    let mut install = cargo();
    install.env("CARGO_TARGET_DIR", &target).arg("install");
    match tool.of {
        None => install.arg(tool.name),
        Some((of, features)) => install.args([of, "--features", features, "--bin", tool.name]),
    };
    install.args(["--version", tool.version, "--locked", "--force", "--root"]).arg(tools::root());
    let built = run(&mut install);
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
