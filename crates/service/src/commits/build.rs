//! From operations to objects, in memory.

use bytes::Bytes;
use steelyard_core::{Oid, RepoPath, Sha256, Timestamp};
use steelyard_git::{
    BuiltPack, Commit, EditError, EntryMode, ObjectKind, ObjectSource, PackBuilder, Signature,
    TreeOp, apply_ops, lfs_pointer, read,
};

use super::operation::Operation;
use crate::history::{History, broken};
use crate::{Error, Result};

/// A commit that is ready to land.
pub(super) struct Built {
    pub(super) commit: Oid,
    pub(super) tree: Oid,
    pub(super) pack: BuiltPack,
}

/// Who makes a commit, when and why.
#[derive(Debug, Clone)]
pub(super) struct Authorship {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) now: Timestamp,
    pub(super) message: String,
}

/// The git signature of a user's API commits: the author's name is the user's, as clients expect.
pub(crate) fn signature(name: &str, email: &str, now: Timestamp) -> Signature {
    Signature::new(name, email, now)
}

/// Builds the commit that applies `operations` to `base`; `None` when nothing would change.
pub(super) fn build(
    history: &History,
    base: Option<(Oid, Oid)>,
    operations: &[(Operation, Option<u64>)],
    authorship: &Authorship,
) -> Result<Option<Built>> {
    let mut pack = PackBuilder::new();
    let base_tree = base.map(|(_, tree)| tree);
    let mut ops = Vec::with_capacity(operations.len());
    for (operation, lfs_size) in operations {
        ops.push(tree_op(history, base_tree, operation, *lfs_size, &mut pack)?);
    }
    let tree = match apply_ops(history, base_tree, &ops, &mut pack) {
        Ok(tree) => tree,
        Err(EditError::Missing(path)) => {
            return Err(Error::NotFound(crate::Missing::Entry {
                path: path.to_string(),
                commit: base.map(|(commit, _)| commit),
            }));
        }
        Err(EditError::Git(error)) => return Err(broken(error)),
    };
    if base_tree == Some(tree) {
        return Ok(None);
    }
    let who = signature(&authorship.name, &authorship.email, authorship.now);
    let commit = Commit {
        tree,
        parents: base.iter().map(|(commit, _)| *commit).collect(),
        author: who.clone(),
        committer: who,
        extra: Vec::new(),
        message: Bytes::from(authorship.message.clone()),
    };
    let commit = pack.add(ObjectKind::Commit, &commit.encode()).map_err(broken)?;
    let pack = pack.finish().map_err(broken)?;
    Ok(Some(Built { commit, tree, pack }))
}

fn tree_op(
    history: &History,
    base: Option<Oid>,
    operation: &Operation,
    lfs_size: Option<u64>,
    pack: &mut PackBuilder,
) -> Result<TreeOp> {
    let content = match operation {
        Operation::DeleteFile(path) => return Ok(TreeOp::DeleteFile(path.clone())),
        Operation::DeleteFolder(path) => return Ok(TreeOp::DeleteFolder(path.clone())),
        Operation::File { content, .. } => content.clone(),
        Operation::LfsFile { sha256, .. } => pointer(*sha256, lfs_size.unwrap_or(0)),
    };
    let path = operation.path();
    let oid = pack.add(ObjectKind::Blob, &content).map_err(broken)?;
    Ok(TreeOp::Put { path: path.clone(), mode: mode_at(history, base, path)?, oid })
}

fn pointer(sha256: Sha256, size: u64) -> Bytes {
    Bytes::from(lfs_pointer::format(&sha256, size))
}

/// A script that was executable stays so when its text changes.
fn mode_at(history: &impl ObjectSource, base: Option<Oid>, path: &RepoPath) -> Result<EntryMode> {
    let Some(base) = base else { return Ok(EntryMode::File) };
    let existing = read::lookup_path(history, &base, path.as_str()).map_err(broken)?;
    Ok(existing
        .map(|entry| entry.mode)
        .filter(|mode| *mode == EntryMode::Executable)
        .unwrap_or(EntryMode::File))
}
