//! What a commit consists of.

use bytes::Bytes;
use steelyard_core::limits::{COMMIT_OPERATIONS_MAX, REGULAR_FILE_BYTES_MAX};
use steelyard_core::{RepoKind, RepoPath, Sha256};

use crate::{Error, Result};

/// One change of a path. Order matters: a deletion followed by an addition leaves the addition.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Puts a file into git.
    File {
        /// Where.
        path: RepoPath,
        /// Its bytes.
        content: Bytes,
    },
    /// Puts a pointer to a large file into git.
    LfsFile {
        /// Where.
        path: RepoPath,
        /// The content; this repository must have a link to it.
        sha256: Sha256,
        /// Its size, when the client says it (copies do not).
        size: Option<u64>,
    },
    /// Deletes a file.
    DeleteFile(RepoPath),
    /// Deletes a folder and everything in it.
    DeleteFolder(RepoPath),
}

impl Operation {
    /// The path it changes.
    pub fn path(&self) -> &RepoPath {
        match self {
            Self::File { path, .. } | Self::LfsFile { path, .. } => path,
            Self::DeleteFile(path) | Self::DeleteFolder(path) => path,
        }
    }
}

/// Checks the operations of one commit against the limits.
pub(super) fn check(kind: RepoKind, operations: &[Operation]) -> Result<()> {
    if operations.len() > COMMIT_OPERATIONS_MAX {
        let limit = format!("{COMMIT_OPERATIONS_MAX} operations; split it into several commits");
        return Err(Error::TooLarge { what: "the commit".to_owned(), limit });
    }
    for operation in operations {
        if let Operation::File { path, content } = operation
            && content.len() as u64 > REGULAR_FILE_BYTES_MAX
        {
            let limit = "10 MiB for files outside LFS; upload it as an LFS file".to_owned();
            return Err(Error::TooLarge { what: format!("file \"{path}\""), limit });
        }
        if let Operation::File { path, content } = operation
            && path.as_str() == "README.md"
        {
            check_card(kind, content)?;
        }
    }
    Ok(())
}

/// Errors of a card that are told at once.
const ISSUES_SHOWN_MAX: usize = 10;

/// A card whose front matter is wrong is refused, as `git push` refuses it; warnings pass.
pub(crate) fn check_card(kind: RepoKind, content: &[u8]) -> Result<()> {
    let report = steelyard_card::validate_bytes(kind, None, content);
    let shown = |issue: &steelyard_card::Issue| {
        let line = issue.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        format!("{}{line}", issue.message)
    };
    let errors: Vec<String> = report.errors.iter().take(ISSUES_SHOWN_MAX).map(shown).collect();
    if errors.is_empty() { Ok(()) } else { Err(Error::invalid("README.md", errors.join("; "))) }
}
