//! One path of a commit: a file in git, a large file behind a pointer, or a folder.

use bytes::Bytes;
use steelyard_core::{Oid, RepoPath, Sha256};
use steelyard_git::{EntryMode, GitError, ObjectSource, lfs_pointer};

use super::Snapshot;
use crate::history::{History, broken};
use crate::revisions::log::CommitInfo;
use crate::{Error, Result};

/// A large file, as its pointer in git tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LfsInfo {
    /// The content.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
    /// The size of the pointer in bytes.
    pub pointer_size: u64,
}

/// What a path holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File {
        /// Its real size in bytes, also for large files.
        size: u64,
        /// Set when git holds a pointer only.
        lfs: Option<LfsInfo>,
    },
    /// A folder.
    Directory,
    /// Another repository's commit; clients see a folder they cannot enter.
    Submodule,
}

/// A path of a commit.
#[derive(Debug, Clone)]
pub struct Entry {
    /// From the root of the repository.
    pub path: String,
    /// Git's object id.
    pub oid: Oid,
    /// What it holds.
    pub kind: EntryKind,
    /// The last commit that changed it, when asked for and found within the limit.
    pub last_commit: Option<CommitInfo>,
}

/// The bytes of a file.
#[derive(Debug, Clone)]
pub enum Content {
    /// From git.
    Regular(Bytes),
    /// From the object store.
    Large(LfsInfo),
}

impl Snapshot {
    /// The entry at `path`; `None` when the commit has none.
    pub fn find_entry(&self, path: &str) -> Result<Option<Entry>> {
        // A path that breaks the rules can have been written by git only in ways we refuse: it is just not there.
        let Ok(path) = RepoPath::parse(path) else { return Ok(None) };
        let found = steelyard_git::read::lookup_path(&*self.history, &self.tree, path.as_str())
            .map_err(broken)?;
        found
            .map(|entry| describe(&self.history, path.as_str().to_owned(), entry.mode, entry.oid))
            .transpose()
    }

    /// The file at `path`.
    pub fn get_file(&self, path: &str) -> Result<Entry> {
        let entry =
            self.find_entry(path)?.filter(|entry| matches!(entry.kind, EntryKind::File { .. }));
        entry.ok_or_else(|| Error::no_entry(path, self.commit))
    }

    /// The bytes of a file, or where they are.
    pub fn content(&self, entry: &Entry) -> Result<Content> {
        match entry.kind {
            EntryKind::File { lfs: Some(lfs), .. } => Ok(Content::Large(lfs)),
            _ => self.blob(entry.oid).map(Content::Regular),
        }
    }

    /// The bytes git holds: for a large file, its pointer.
    pub fn blob(&self, oid: Oid) -> Result<Bytes> {
        let object = self.history.read(&oid).map_err(broken)?;
        Ok(object.ok_or_else(|| broken(GitError::Missing(oid)))?.data)
    }
}

/// Looks behind a tree's entry: its size, and whether it is a pointer.
pub(super) fn describe(
    history: &History,
    path: String,
    mode: EntryMode,
    oid: Oid,
) -> Result<Entry> {
    let kind = match mode {
        EntryMode::Tree => EntryKind::Directory,
        EntryMode::Gitlink => EntryKind::Submodule,
        _ => file_kind(history, oid)?,
    };
    Ok(Entry { path, oid, kind, last_commit: None })
}

fn file_kind(history: &History, oid: Oid) -> Result<EntryKind> {
    let missing = || broken(GitError::Missing(oid));
    let (_, size) = history.header(&oid).map_err(broken)?.ok_or_else(missing)?;
    if size >= lfs_pointer::POINTER_BYTES_MAX as u64 {
        return Ok(EntryKind::File { size, lfs: None });
    }
    let object = history.read(&oid).map_err(broken)?.ok_or_else(missing)?;
    Ok(match lfs_pointer::parse(&object.data) {
        Some((sha256, real)) => EntryKind::File {
            size: real,
            lfs: Some(LfsInfo { sha256, size: real, pointer_size: size }),
        },
        None => EntryKind::File { size, lfs: None },
    })
}
