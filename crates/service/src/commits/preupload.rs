//! `POST /api/{T}/{id}/preupload/{rev}`: which files go into git, which into LFS, and which are there already.

use steelyard_core::limits::REGULAR_FILE_BYTES_MAX;
use steelyard_core::{Oid, RepoId, RepoKind, Revision};
use steelyard_git::attributes::Attributes;
use steelyard_git::ignore::Ignore;

use crate::revisions::{Content, EntryKind, Snapshot};
use crate::{Actor, Error, Hub, Result};

/// Files up to this size may be stored in git although their bytes look binary.
const BINARY_BYTES_MAX: u64 = 100 * 1024;

/// A file the client wants to upload.
#[derive(Debug, Clone)]
pub struct PreuploadFile {
    /// Where.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its first 512 bytes.
    pub sample: Vec<u8>,
}

/// How a file must be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadMode {
    /// Inside the commit.
    Regular,
    /// As a large file, before the commit.
    Lfs,
}

/// The answer for one file.
#[derive(Debug, Clone)]
pub struct PreuploadAnswer {
    /// As asked.
    pub path: String,
    /// How to upload it.
    pub mode: UploadMode,
    /// Ignore rules say it should not be uploaded.
    pub should_ignore: bool,
    /// What is at this path now: git's id of a regular file, the SHA-256 of a large one.
    pub current: Option<String>,
}

/// A question about files.
#[derive(Debug, Clone, Copy)]
pub struct PreuploadQuery<'a> {
    /// The branch they shall go to.
    pub revision: &'a str,
    /// They shall become a pull request.
    pub create_pr: bool,
    /// The files.
    pub files: &'a [PreuploadFile],
    /// Ignore rules to use instead of the repository's.
    pub git_ignore: Option<&'a str>,
    /// Attributes to use instead of the repository's.
    pub git_attributes: Option<&'a str>,
}

impl Hub {
    /// Answers for each file how it must be uploaded, and for which commit that holds.
    pub async fn preupload(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        query: PreuploadQuery<'_>,
    ) -> Result<(Vec<PreuploadAnswer>, Oid)> {
        let repo = self.authorize_commit(actor, kind, id, query.revision, query.create_pr).await?;
        let conn = self.db().read().await?;
        let snapshot = self.snapshot_of(conn, repo, &Revision::parse(query.revision)?).await?;
        let attributes = match query.git_attributes {
            Some(text) => Attributes::parse(text.as_bytes()),
            None => Attributes::parse(&text_at(&snapshot, ".gitattributes")?.unwrap_or_default()),
        };
        let ignore = match query.git_ignore {
            Some(text) => Ignore::parse(text.as_bytes()),
            None => Ignore::parse(&text_at(&snapshot, ".gitignore")?.unwrap_or_default()),
        };
        let mut answers = Vec::with_capacity(query.files.len());
        for file in query.files {
            let current = snapshot.find_entry(&file.path)?.and_then(|entry| match entry.kind {
                EntryKind::File { lfs: Some(lfs), .. } => Some(lfs.sha256.to_string()),
                EntryKind::File { lfs: None, .. } => Some(entry.oid.to_string()),
                _ => None,
            });
            answers.push(PreuploadAnswer {
                path: file.path.clone(),
                mode: mode_of(file, &attributes),
                should_ignore: ignore.should_ignore(&file.path),
                current,
            });
        }
        Ok((answers, snapshot.commit))
    }
}

fn mode_of(file: &PreuploadFile, attributes: &Attributes) -> UploadMode {
    let looks_binary =
        file.sample.contains(&0) || std::str::from_utf8(trim_partial(&file.sample)).is_err();
    let is_large =
        file.size > REGULAR_FILE_BYTES_MAX || (looks_binary && file.size > BINARY_BYTES_MAX);
    if is_large || attributes.is_lfs(&file.path) { UploadMode::Lfs } else { UploadMode::Regular }
}

/// A sample may end within a character; up to three bytes of it do not make it binary.
fn trim_partial(sample: &[u8]) -> &[u8] {
    match std::str::from_utf8(sample) {
        Err(error) if error.error_len().is_none() => &sample[..error.valid_up_to()],
        _ => sample,
    }
}

fn text_at(snapshot: &Snapshot, path: &str) -> Result<Option<bytes::Bytes>, Error> {
    let Some(entry) = snapshot.find_entry(path)? else { return Ok(None) };
    if !matches!(entry.kind, EntryKind::File { lfs: None, .. }) {
        return Ok(None);
    }
    match snapshot.content(&entry)? {
        Content::Regular(bytes) => Ok(Some(bytes)),
        Content::Large(_) => Ok(None),
    }
}
