//! git as the other side's client.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use steelyard_testkit::tools;

/// git without anybody's configuration.
pub(super) fn command(dir: &Path) -> Result<Command> {
    let mut command = Command::new(tools::git()?);
    command
        .current_dir(dir)
        .env("HOME", dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Bench")
        .env("GIT_AUTHOR_EMAIL", "bench@example.org")
        .env("GIT_COMMITTER_NAME", "Bench")
        .env("GIT_COMMITTER_EMAIL", "bench@example.org");
    Ok(command)
}

/// Runs git and returns what it printed.
pub(super) fn run(dir: &Path, args: &[&str]) -> Result<String> {
    run_with(dir, args, b"")
}

/// As [`run`], with this as its input.
pub(super) fn run_with(dir: &Path, args: &[&str], input: &[u8]) -> Result<String> {
    let mut command = command(dir)?;
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start git")?;
    child.stdin.take().context("git takes input")?.write_all(input)?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("git {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Makes an empty bare repository that takes pushes.
pub(super) fn init_bare(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    run(dir, &["init", "--quiet", "--bare", "--initial-branch=main", "."])?;
    run(dir, &["config", "http.receivepack", "true"])?;
    Ok(())
}

/// A stream for `git fast-import`.
#[derive(Default)]
pub(super) struct Import(String);

impl Import {
    /// Starts a commit on a branch; `from` is what it is based on when the branch is new to the stream.
    pub(super) fn commit(&mut self, branch: &str, from: Option<&str>, second: usize) {
        self.0.push_str(&format!(
            "commit refs/heads/{branch}\ncommitter Bench <bench@example.org> {} +0000\ndata 8\nA commit\n",
            1_700_000_000 + second
        ));
        if let Some(from) = from {
            self.0.push_str(&format!("from {from}\n"));
        }
    }

    /// Puts a file into the commit.
    pub(super) fn file(&mut self, path: &str, text: &str) {
        self.0.push_str(&format!("M 100644 inline {path}\ndata {}\n{text}\n", text.len()));
    }

    /// Writes everything into a repository.
    pub(super) fn run(self, dir: &Path) -> Result<()> {
        run_with(dir, &["fast-import", "--quiet"], self.0.as_bytes()).map(drop)
    }
}
