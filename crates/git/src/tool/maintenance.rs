//! Work on private copies of repositories: repacking and checking.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{GitBinary, ToolError, Work};

const FSCK_BYTES_MAX: usize = 1024 * 1024;

/// What a repack does with objects that no ref reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// They stay, in the same pack.
    Keep,
    /// They are left out.
    Drop,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsckReport {
    /// True when there is nothing wrong; there may be warnings.
    pub is_clean: bool,
    /// What git said, line by line, at most 1 MiB.
    pub lines: Vec<String>,
}

impl GitBinary {
    /// Rewrites all packs of the repository `dir` into new ones with fresh deltas and deletes the old ones, so `dir`
    /// must be a copy that nobody else uses. Returns the packs that are there afterwards.
    pub async fn repack(
        &self,
        dir: &Path,
        unreachable: Unreachable,
        idle: Duration,
    ) -> Result<Vec<PathBuf>, ToolError> {
        let operation = "repack";
        let failed = |source| ToolError::Io { operation, source };
        let dir = std::path::absolute(dir).map_err(failed)?;
        let mut invocation = self.invoke(Work::Maintenance, operation, &dir).args([
            "-a",
            "-d",
            "-f",
            "-n",
            "-q",
            "--window=10",
        ]);
        if unreachable == Unreachable::Keep {
            invocation = invocation.arg("--keep-unreachable");
        }
        let captured = self.capture(invocation, tokio::io::empty(), 0, idle).await?;
        if !captured.exit.status.success() {
            return Err(captured.exit.into_error(&[]));
        }
        let mut packs = Vec::new();
        let mut entries = tokio::fs::read_dir(dir.join("objects/pack")).await.map_err(failed)?;
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "pack") {
                packs.push(path);
            }
        }
        packs.sort();
        Ok(packs)
    }

    /// Checks every object of the repository `dir` and that all refs are complete.
    pub async fn fsck(&self, dir: &Path, idle: Duration) -> Result<FsckReport, ToolError> {
        let operation = "fsck";
        let dir = std::path::absolute(dir).map_err(|source| ToolError::Io { operation, source })?;
        let invocation = self.invoke(Work::Maintenance, operation, &dir).args([
            "--full",
            "--strict",
            "--no-dangling",
            "--no-progress",
        ]);
        let captured = self.capture(invocation, tokio::io::empty(), FSCK_BYTES_MAX, idle).await?;
        // Killed by a signal: the check is not done.
        if captured.exit.status.code().is_none() {
            return Err(captured.exit.into_error(&[]));
        }
        let said = [captured.stdout.as_slice(), &captured.exit.stderr].concat();
        let lines = String::from_utf8_lossy(&said)
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        Ok(FsckReport { is_clean: captured.exit.status.success(), lines })
    }
}
