//! `docs/openapi.json`: written by the server itself, checked in so that a change of the API shows in review.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::shell::{cargo, root, target_dir};

/// Writes the document, or compares it when `check` is set.
pub(crate) fn run(check: bool) -> Result<()> {
    crate::shell::run(cargo().args(["build", "--package", "steelyard"]))?;
    let binary = target_dir().join("debug/steelyard");
    let output = std::process::Command::new(&binary)
        .arg("openapi")
        .output()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    if !output.status.success() {
        bail!("`steelyard openapi` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let file = root().join("docs/openapi.json");
    if !check {
        return fs::write(&file, &output.stdout)
            .with_context(|| format!("cannot write {}", file.display()));
    }
    let written = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    if written != output.stdout {
        bail!(
            "docs/openapi.json is not what the code says: run `cargo xtask openapi` and commit the change"
        );
    }
    Ok(())
}
