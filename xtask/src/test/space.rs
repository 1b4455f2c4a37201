//! Whether there is room for what the tests write: a full disk fails them one by one, each with another message.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::shell::target_dir;

/// What a full run needs beside a finished build, in bytes: databases, object stores, copies of a model of 90 MB.
const NEEDED_BYTES: u64 = 6_000_000_000;

/// Fails where there is too little room, and says what could go.
pub(super) fn check() -> Result<()> {
    for place in [target_dir(), std::env::temp_dir()] {
        std::fs::create_dir_all(&place)?;
        let free = free_bytes(&place)?;
        if free < NEEDED_BYTES {
            bail!(
                "only {:.1} GB are free where {} is, and the tests need {:.0}; \
                 {} holds builds and may be deleted",
                free as f64 / 1e9,
                place.display(),
                NEEDED_BYTES as f64 / 1e9,
                target_dir().display(),
            );
        }
    }
    Ok(())
}

fn free_bytes(place: &Path) -> Result<u64> {
    let output =
        Command::new("df").args(["--output=avail", "--block-size=1"]).arg(place).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figure = text.lines().last().unwrap_or_default().trim();
    figure.parse().with_context(|| format!("df says {text:?} of {}", place.display()))
}
