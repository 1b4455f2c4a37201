//! What is looked at with a browser outside the tests: pictures of pages, and how soon they are painted.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use steelyard_testkit::{HfVersion, tools};

use crate::shell::root;

/// A script of `tests/clients/browser/`, which drives Chromium in front of the hub at `address` (`host:port`).
pub(crate) fn script(name: &str, address: &str) -> Result<Command> {
    let mut command = Command::new(tools::node()?);
    command
        .arg(root().join("tests/clients/browser").join(name))
        .env("HF_ENDPOINT", format!("http://{address}"))
        .env("STEELYARD_CHROMIUM", tools::chromium()?)
        .env("STEELYARD_JAVASCRIPT", tools::javascript()?);
    Ok(command)
}

/// Uploads all-MiniLM-L6-v2, card and weights, as `repo`, with the client that users have. `home` is the client's own folder.
pub(crate) fn upload_model(address: &str, token: &str, repo: &str, home: &Path) -> Result<()> {
    let output = Command::new(HfVersion::V2_4_0.venv()?.hf())
        .args(["upload", repo])
        .arg(tools::real_model()?)
        .args([".", "--exclude", "*.py", "--exclude", "__pycache__/*"])
        .args(["--commit-message", "Add all-MiniLM-L6-v2"])
        .env("HF_ENDPOINT", format!("http://{address}"))
        .env("HF_TOKEN", token)
        .env("HF_HOME", home)
        .env("HF_HUB_DISABLE_UPDATE_CHECK", "1")
        .output()?;
    if !output.status.success() {
        bail!("hf upload {repo}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
