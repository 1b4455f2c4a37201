//! Running programs with their output in sight.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};
use steelyard_testkit::tools;

/// The root of the work tree that `cargo xtask` was called in: checkouts share one target folder, so this program may have
/// been built from another one.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let manifest =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Path::new(&manifest).parent().expect("xtask is a folder of the work tree").to_owned()
    })
}

/// Where cargo builds: `CARGO_TARGET_DIR`, or one folder shared by every checkout on this machine.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| tools::cache_dir().join("target"), PathBuf::from)
}

/// Makes cargo build this checkout's crates anew if another one used the target folder last. Cargo tells a fresh crate by the
/// time of its files alone, and takes the same crate of two checkouts for one.
pub(crate) fn claim_target_dir() -> Result<()> {
    let (target, owner) = (target_dir(), root().to_string_lossy());
    let mark = target.join("steelyard-checkout");
    if fs::read_to_string(&mark).is_ok_and(|last| last == owner) {
        return Ok(());
    }
    let profiles = ["debug", "release"].map(|profile| target.join(profile).join(".fingerprint"));
    let crates = profiles.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    for crate_of in crates.flatten() {
        let name = crate_of.file_name();
        let ours = name.to_string_lossy().starts_with("steelyard");
        if ours {
            fs::remove_dir_all(crate_of.path())
                .with_context(|| format!("cannot remove {}", crate_of.path().display()))?;
        }
    }
    fs::create_dir_all(&target)
        .and_then(|()| fs::write(&mark, owner.as_bytes()))
        .with_context(|| format!("cannot write {}", mark.display()))
}

/// The cargo that runs this, in the root and with the target folder set.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).env("CARGO_TARGET_DIR", target_dir());
    cargo
}

/// Shows the command, runs it with this terminal's output and no input, and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    eprintln!("$ {line}");
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs it silently and returns what it printed, or nothing if it failed or is not there.
pub(crate) fn probe(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as one would type it, without its environment.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
