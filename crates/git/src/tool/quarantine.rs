//! Checking what a client pushes, before anything of it can be seen.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use steelyard_core::Oid;
use tokio::io::AsyncRead;

use super::error::{explain, is_local_fault};
use super::process::{Exit, Invocation};
use super::{GitBinary, ToolError, Work};

/// What git must refuse and what it must let pass, apart from its defaults under `--strict`.
///
/// Refused is whatever could write outside a checkout, run code on the client, or split the opinions of readers about
/// a tree. Let pass are the faults that old tools left in histories which people still want to import.
const FSCK_LEVELS: &str = "--strict=\
    hasDot=error,hasDotdot=error,hasDotgit=error,fullPathname=error,emptyName=error,\
    duplicateEntries=error,treeNotSorted=error,badTree=error,badFilemode=error,nullSha1=error,\
    gitmodulesBlob=error,gitmodulesLarge=error,gitmodulesMissing=error,gitmodulesName=error,\
    gitmodulesPath=error,gitmodulesSymlink=error,gitmodulesUpdate=error,gitmodulesUrl=error,\
    zeroPaddedFilemode=warn,badTimezone=warn,missingSpaceBeforeDate=warn";

/// A place for a push that is not accepted yet.
#[derive(Debug, Clone, Copy)]
pub struct Quarantine<'a> {
    /// The directory that takes the new objects; it lies outside of any repository, and the caller deletes it.
    pub objects: &'a Path,
    /// The repository that the push is for: its objects may be referred to, and it is not changed.
    pub git_dir: &'a Path,
}

/// A pack that passed the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedPack {
    /// The pack, completed with the bases of its deltas.
    pub pack_path: PathBuf,
    /// Its index.
    pub idx_path: PathBuf,
    /// The SHA-1 at its end.
    pub checksum: Oid,
    /// How many objects it holds, added bases included.
    pub n_objects: u32,
    /// Its length.
    pub pack_bytes: u64,
}

impl GitBinary {
    /// Reads a pack from `pack`, checks every object and that all they refer to exists, and leaves pack and index in
    /// `quarantine.objects`. `idle` bounds each wait for input, and the work after the last byte.
    pub async fn index_pack<R: AsyncRead + Unpin>(
        &self,
        quarantine: Quarantine<'_>,
        pack: R,
        max_input_bytes: u64,
        idle: Duration,
    ) -> Result<IndexedPack, ToolError> {
        let operation = "index-pack";
        let failed = |source| ToolError::Io { operation, source };
        let objects = std::path::absolute(quarantine.objects).map_err(failed)?;
        tokio::fs::create_dir_all(objects.join("pack")).await.map_err(failed)?;
        let invocation = self
            .invoke_quarantined(operation, quarantine)
            .map_err(failed)?
            .args(["--stdin", "--fix-thin", FSCK_LEVELS])
            .arg(format!("--max-input-size={max_input_bytes}"));
        let captured = self.capture(invocation, pack, 1024, idle).await?;
        if !captured.exit.status.success() {
            return Err(refusal(captured.exit, quarantine, max_input_bytes));
        }
        // Bytes that follow the pack come out behind this line.
        let line = captured.stdout.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let answer = String::from_utf8_lossy(line);
        let checksum = answer.strip_prefix("pack\t").and_then(|hex| Oid::parse(hex).ok());
        let checksum = checksum.ok_or_else(|| ToolError::Answer {
            operation,
            answer: crate::pktline::one_line(&answer, 100),
        })?;
        let pack_path = objects.join(format!("pack/pack-{checksum}.pack"));
        let idx_path = pack_path.with_extension("idx");
        let (n_objects, pack_bytes) = read_header(pack_path.clone()).await.map_err(failed)?;
        Ok(IndexedPack { pack_path, idx_path, checksum, n_objects, pack_bytes })
    }

    /// Checks that everything reachable from `tips` is in quarantine or reachable from the refs of the repository,
    /// which must have been written as of the state that the push is checked against.
    pub async fn connectivity(
        &self,
        quarantine: Quarantine<'_>,
        tips: &[Oid],
        idle: Duration,
    ) -> Result<(), ToolError> {
        if tips.is_empty() {
            return Ok(());
        }
        let operation = "rev-list";
        let failed = |source| ToolError::Io { operation, source };
        tokio::fs::create_dir_all(quarantine.objects).await.map_err(failed)?;
        let mut stdin = String::with_capacity(tips.len() * 41);
        for tip in tips {
            // Writing to a String cannot fail.
            let _ = writeln!(stdin, "{tip}");
        }
        let invocation = self.invoke_quarantined(operation, quarantine).map_err(failed)?.args([
            "--objects",
            "--stdin",
            "--not",
            "--all",
            "--quiet",
        ]);
        let captured = self.capture(invocation, stdin.as_bytes(), 0, idle).await?;
        if captured.exit.status.success() {
            return Ok(());
        }
        Err(refusal(captured.exit, quarantine, 0))
    }

    fn invoke_quarantined(
        &self,
        operation: &'static str,
        quarantine: Quarantine<'_>,
    ) -> std::io::Result<Invocation> {
        let git_dir = std::path::absolute(quarantine.git_dir)?;
        let objects = std::path::absolute(quarantine.objects)?;
        let alternate = quoted(git_dir.join("objects").as_os_str());
        Ok(self
            .invoke(Work::Push, operation, &git_dir)
            .env("GIT_OBJECT_DIRECTORY", objects)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", alternate))
    }
}

/// Tells the client's faults from ours.
fn refusal(exit: Exit, quarantine: Quarantine<'_>, limit: u64) -> ToolError {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (objects, git_dir) = (absolute(quarantine.objects), absolute(quarantine.git_dir));
    let hidden = [objects.as_path(), git_dir.as_path()];
    // 128 is how git gives up; anything else is a signal or a usage error, which no client can cause.
    if exit.status.code() != Some(128) || is_local_fault(&exit.stderr) {
        return exit.into_error(&hidden);
    }
    let reason = explain(&exit.stderr, &hidden);
    if reason.contains("pack exceeds maximum allowed size") {
        return ToolError::PackTooLarge { limit };
    }
    ToolError::Refused { reason }
}

/// Git splits the variable at colons unless an entry is quoted as in C.
fn quoted(path: &OsStr) -> OsString {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    let bytes = path.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b':' | b'"' | b'\n')) {
        return path.to_owned();
    }
    let mut out = vec![b'"'];
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
    OsString::from_vec(out)
}

async fn read_header(path: PathBuf) -> std::io::Result<(u32, u64)> {
    let read = move || {
        let mut file = std::fs::File::open(path)?;
        let mut header = [0; 12];
        file.read_exact(&mut header)?;
        let [.., a, b, c, d] = header;
        Ok((u32::from_be_bytes([a, b, c, d]), file.metadata()?.len()))
    };
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternates_with_colons_are_quoted() {
        assert_eq!(quoted(OsStr::new("/a/b c\\d")), "/a/b c\\d");
        assert_eq!(quoted(OsStr::new("/a:b\"c\\d\ne")), "\"/a:b\\\"c\\\\d\\ne\"");
    }
}
