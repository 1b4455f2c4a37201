//! Reads one thing: a folder, a commit, the entry at a path, a page of a listing.

mod list;

use std::sync::Arc;

use bytes::Bytes;
use steelyard_core::Oid;

use crate::GitError;
use crate::commit::Commit;
use crate::object::ObjectKind;
use crate::store::ObjectSource;
use crate::tag::Tag;
use crate::tree::{EntryMode, Tree, TreeEntry};

pub use list::{ListOptions, ListedEntry, Listing, list_tree};

/// Most tags that may stand between a ref and its commit.
pub(crate) const TAGS_PEELED_MAX: usize = 16;
/// Deepest nesting of folders that is walked; paths made here are less deep, pushed ones may not be.
pub(crate) const FOLDER_DEPTH_MAX: usize = 256;

/// The folder with that id, which must exist.
pub fn get_tree(source: &(impl ObjectSource + ?Sized), oid: &Oid) -> Result<Arc<Tree>, GitError> {
    source.find_tree(oid)?.ok_or(GitError::Missing(*oid))
}

/// The commit with that id, which must exist.
pub fn get_commit(source: &(impl ObjectSource + ?Sized), oid: &Oid) -> Result<Commit, GitError> {
    let object = source.read(oid)?.ok_or(GitError::Missing(*oid))?;
    Commit::parse(&object.expect_kind(oid, ObjectKind::Commit)?)
}

/// The content of the file with that id, which must exist.
pub fn get_blob(source: &(impl ObjectSource + ?Sized), oid: &Oid) -> Result<Bytes, GitError> {
    let object = source.read(oid)?.ok_or(GitError::Missing(*oid))?;
    object.expect_kind(oid, ObjectKind::Blob)
}

/// The commit that an id stands for: itself, or what the tag of that id points to in the end.
pub fn resolve_commit(
    source: &(impl ObjectSource + ?Sized),
    oid: &Oid,
) -> Result<(Oid, Commit), GitError> {
    let mut oid = *oid;
    for _ in 0..TAGS_PEELED_MAX {
        let object = source.read(&oid)?.ok_or(GitError::Missing(oid))?;
        if object.kind != ObjectKind::Tag {
            let commit = Commit::parse(&object.expect_kind(&oid, ObjectKind::Commit)?)?;
            return Ok((oid, commit));
        }
        oid = Tag::parse(&object.data)?.target;
    }
    Err(GitError::TooLarge { what: "chain of tags", limit: TAGS_PEELED_MAX as u64 })
}

/// The entry at `path` below the folder `tree`; the empty path is the folder itself.
pub fn lookup_path(
    source: &(impl ObjectSource + ?Sized),
    tree: &Oid,
    path: impl AsRef<[u8]>,
) -> Result<Option<TreeEntry>, GitError> {
    let mut found = TreeEntry { mode: EntryMode::Tree, name: Bytes::new(), oid: *tree };
    let path = path.as_ref();
    if path.is_empty() {
        return Ok(Some(found));
    }
    for name in path.split(|byte| *byte == b'/') {
        if !found.mode.is_tree() {
            return Ok(None);
        }
        let folder = get_tree(source, &found.oid)?;
        let Some(entry) = folder.find(name) else { return Ok(None) };
        found = entry.to_entry();
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests;
