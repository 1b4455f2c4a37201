//! Rewrites histories as if some large files had never been in them.
//!
//! Every commit keeps its message, its people and its times. Entries that are pointers to one of the large files go,
//! in whatever folder and under whatever name; folders that become empty go with them. What does not change keeps its
//! id: commits before the first pointer, and folders without one. A commit that did nothing but add such a file stays,
//! as an empty one, so that its message is not lost. Parents that become the same commit are named once, as git does.
//!
//! Signatures of rewritten commits and tags are left out: they would be wrong.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use steelyard_core::{Oid, Sha256};

use crate::GitError;
use crate::commit::Commit;
use crate::delta::tree_delta;
use crate::lfs_pointer::{self, POINTER_BYTES_MAX};
use crate::object::{ObjectKind, hash_object};
use crate::pack::{BuiltPack, DELTA_DEPTH_WRITTEN_MAX, PackBuilder};
use crate::read::{FOLDER_DEPTH_MAX, TAGS_PEELED_MAX, get_blob, get_commit, get_tree};
use crate::store::ObjectSource;
use crate::tag::Tag;
use crate::tree::{EMPTY_TREE, EntryMode};

/// Most commits that are rewritten.
pub const COMMITS_MAX: usize = 100_000;
/// Most folders, and most files, that are looked at.
const OBJECTS_MAX: usize = 4_000_000;
/// Most bytes of new objects in one pack, which is made in memory.
const PACK_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Bytes of new folders that are kept as bases of deltas.
const BASES_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How the lines of commits and tags start that vouch for what is rewritten.
const VOUCHERS: [&[u8]; 3] = [b"gpgsig ", b"gpgsig-sha256 ", b"mergetag "];
/// How the signature at the end of a tag starts.
const SIGNATURES: [&[u8]; 4] = [
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
];

/// Where a ref points after the rewrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewritten {
    /// The commit or annotated tag.
    pub oid: Oid,
    /// The commit behind it, when that is an annotated tag.
    pub peeled: Option<Oid>,
}

/// Rewrites the history behind one ref after another, and collects the new objects.
///
/// What it found out is kept between calls, so a source may be replaced by a newer one of the same repository, as long
/// as nothing was dropped and [`Self::fits`] holds.
pub struct Rewriter {
    deleted: HashSet<Sha256>,
    commits: HashMap<Oid, Oid>,
    trees: HashMap<Oid, Oid>,
    /// True for a pointer to something deleted.
    blobs: HashMap<Oid, bool>,
    bases: Bases,
    made: HashSet<Oid>,
    deltas: Vec<Oid>,
    pack: PackBuilder,
}

impl Rewriter {
    /// Leaves out the pointers to these large files.
    pub fn new(deleted: impl IntoIterator<Item = Sha256>) -> Self {
        Self {
            deleted: deleted.into_iter().collect(),
            commits: HashMap::new(),
            trees: HashMap::new(),
            blobs: HashMap::new(),
            bases: Bases::default(),
            made: HashSet::new(),
            deltas: Vec::new(),
            pack: PackBuilder::new(),
        }
    }

    /// True when what was made so far may be added to that source: a delta whose object is there already could close
    /// a circle.
    pub fn fits(&self, source: &dyn ObjectSource) -> Result<bool, GitError> {
        for oid in &self.deltas {
            if source.contains(oid)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Rewrites the history of a commit, or of the commit an annotated tag leads to, and that tag.
    pub fn rewrite(&mut self, source: &dyn ObjectSource, tip: &Oid) -> Result<Rewritten, GitError> {
        let (tags, commit) = peel(source, tip)?;
        for oid in self.open_commits(source, &commit)? {
            self.rewrite_commit(source, oid)?;
        }
        let commit = self.new_commit(&commit)?;
        let mut oid = commit;
        for tag in tags.iter().rev() {
            oid = self.rewrite_tag(source, tag, oid)?;
        }
        Ok(Rewritten { oid, peeled: (!tags.is_empty()).then_some(commit) })
    }

    /// The objects made since the last call; `None` when there are none.
    pub fn take_pack(&mut self) -> Result<Option<BuiltPack>, GitError> {
        let pack = std::mem::take(&mut self.pack);
        if pack.is_empty() { Ok(None) } else { pack.finish().map(Some) }
    }

    /// The commits of a history that were not rewritten yet, parents first.
    fn open_commits(&self, source: &dyn ObjectSource, tip: &Oid) -> Result<Vec<Oid>, GitError> {
        let (mut order, mut seen) = (Vec::new(), HashSet::new());
        let mut open = vec![(*tip, false)];
        while let Some((oid, parents_are_done)) = open.pop() {
            if parents_are_done {
                order.push(oid);
                continue;
            }
            if self.commits.contains_key(&oid) || !seen.insert(oid) {
                continue;
            }
            if self.commits.len() + seen.len() > COMMITS_MAX {
                return Err(too_large("number of commits", COMMITS_MAX));
            }
            open.push((oid, true));
            let commit = get_commit(source, &oid)?;
            open.extend(commit.parents.iter().rev().map(|parent| (*parent, false)));
        }
        Ok(order)
    }

    fn rewrite_commit(&mut self, source: &dyn ObjectSource, oid: Oid) -> Result<(), GitError> {
        let object = source.read(&oid)?.ok_or(GitError::Missing(oid))?;
        let data = object.expect_kind(&oid, ObjectKind::Commit)?;
        let commit = Commit::parse(&data)?;
        let tree = self.rewrite_tree(source, &commit.tree, &mut Vec::new(), 0)?;
        let parents: Result<Vec<Oid>, _> =
            commit.parents.iter().map(|parent| self.new_commit(parent)).collect();
        let parents = parents?;
        if tree == EMPTY_TREE && commit.tree != EMPTY_TREE {
            // Git reads it without, but `git fsck` wants to see it.
            self.add(source, ObjectKind::Tree, b"")?;
        }
        let mut new = oid;
        if tree != commit.tree || parents != commit.parents {
            let mut head = format!("tree {tree}\n");
            let mut named = HashSet::new();
            for parent in parents.iter().filter(|parent| named.insert(**parent)) {
                head.push_str(&format!("parent {parent}\n"));
            }
            const LINE: usize = 2 * Oid::LEN + 1;
            let old_head = "tree ".len() + LINE + parents.len() * ("parent ".len() + LINE);
            let data = without_vouchers(head, &data[old_head..]);
            new = self.add(source, ObjectKind::Commit, &data)?;
        }
        self.commits.insert(oid, new);
        Ok(())
    }

    fn new_commit(&self, old: &Oid) -> Result<Oid, GitError> {
        self.commits.get(old).copied().ok_or(GitError::Missing(*old))
    }

    fn rewrite_tag(
        &mut self,
        source: &dyn ObjectSource,
        tag: &OpenTag,
        target: Oid,
    ) -> Result<Oid, GitError> {
        if tag.target == target {
            return Ok(tag.oid);
        }
        let old_head = "object ".len() + 2 * Oid::LEN + 1;
        let data = without_vouchers(format!("object {target}\n"), &tag.data[old_head..]);
        self.add(source, ObjectKind::Tag, without_signature(&data))
    }

    /// The folder without the pointers; `path` is where it lies, for finding a base for its delta.
    fn rewrite_tree(
        &mut self,
        source: &dyn ObjectSource,
        oid: &Oid,
        path: &mut Vec<u8>,
        depth: usize,
    ) -> Result<Oid, GitError> {
        if let Some(new) = self.trees.get(oid) {
            return Ok(*new);
        }
        if depth > FOLDER_DEPTH_MAX {
            return Err(too_large("nesting of folders", FOLDER_DEPTH_MAX));
        }
        if self.trees.len() >= OBJECTS_MAX {
            return Err(too_large("number of folders", OBJECTS_MAX));
        }
        let tree = get_tree(source, oid)?;
        let (mut data, mut done) = (Vec::new(), 0);
        for index in 0..tree.len() {
            let entry = tree.entry(index);
            let new = match entry.mode {
                EntryMode::Tree => {
                    let parent = path.len();
                    path.push(b'/');
                    path.extend_from_slice(entry.name);
                    let new = self.rewrite_tree(source, &entry.oid, path, depth + 1)?;
                    path.truncate(parent);
                    if new == entry.oid {
                        continue;
                    }
                    Some(new).filter(|new| *new != EMPTY_TREE)
                }
                mode if mode.is_file() && self.is_deleted(source, &entry.oid)? => None,
                _ => continue,
            };
            let range = tree.range(index);
            data.extend_from_slice(&tree.data()[done..range.start]);
            if let Some(new) = new {
                data.extend_from_slice(&tree.data()[range.start..range.end - Oid::LEN]);
                data.extend_from_slice(new.as_bytes());
            }
            done = range.end;
        }
        let mut new = *oid;
        if done > 0 {
            data.extend_from_slice(&tree.data()[done..]);
            new = self.add_tree(source, path, data)?;
        }
        self.trees.insert(*oid, new);
        Ok(new)
    }

    fn is_deleted(&mut self, source: &dyn ObjectSource, oid: &Oid) -> Result<bool, GitError> {
        if let Some(known) = self.blobs.get(oid) {
            return Ok(*known);
        }
        if self.blobs.len() >= OBJECTS_MAX {
            return Err(too_large("number of files", OBJECTS_MAX));
        }
        let (_, size) = source.header(oid)?.ok_or(GitError::Missing(*oid))?;
        let mut is_deleted = false;
        if size < POINTER_BYTES_MAX as u64 {
            let pointer = lfs_pointer::parse(&get_blob(source, oid)?);
            is_deleted = pointer.is_some_and(|(sha256, _)| self.deleted.contains(&sha256));
        }
        self.blobs.insert(*oid, is_deleted);
        Ok(is_deleted)
    }

    fn add_tree(
        &mut self,
        source: &dyn ObjectSource,
        path: &[u8],
        data: Vec<u8>,
    ) -> Result<Oid, GitError> {
        if data.is_empty() {
            return Ok(EMPTY_TREE);
        }
        let oid = hash_object(ObjectKind::Tree, &data)?;
        if self.exists(source, &oid)? {
            return Ok(oid);
        }
        let delta = self.bases.get(path).and_then(|base| {
            let delta = tree_delta(&base.data, &data);
            (delta.len() + 2 * Oid::LEN < data.len() / 2).then_some((base, delta))
        });
        let mut depth = 0;
        if let Some((base, delta)) = delta {
            depth = base.depth + 1;
            self.pack.add_ref_delta_hashed(oid, base.oid, &delta)?;
            self.deltas.push(oid);
        } else {
            self.pack.add_hashed(oid, ObjectKind::Tree, &data)?;
        }
        self.note_made(oid)?;
        self.bases.set(path, Base { oid, data: data.into(), depth });
        Ok(oid)
    }

    fn add(
        &mut self,
        source: &dyn ObjectSource,
        kind: ObjectKind,
        data: &[u8],
    ) -> Result<Oid, GitError> {
        let oid = hash_object(kind, data)?;
        if !self.exists(source, &oid)? {
            self.pack.add_hashed(oid, kind, data)?;
            self.note_made(oid)?;
        }
        Ok(oid)
    }

    fn exists(&self, source: &dyn ObjectSource, oid: &Oid) -> Result<bool, GitError> {
        Ok(self.made.contains(oid) || source.contains(oid)?)
    }

    fn note_made(&mut self, oid: Oid) -> Result<(), GitError> {
        self.made.insert(oid);
        if self.pack.bytes_len() > PACK_BYTES_MAX {
            return Err(too_large("rewritten history", PACK_BYTES_MAX));
        }
        Ok(())
    }
}

/// An annotated tag between a ref and its commit.
struct OpenTag {
    oid: Oid,
    target: Oid,
    data: Bytes,
}

/// The tags between `tip` and a commit, outermost first, and that commit.
fn peel(source: &dyn ObjectSource, tip: &Oid) -> Result<(Vec<OpenTag>, Oid), GitError> {
    let (mut tags, mut oid) = (Vec::new(), *tip);
    loop {
        let object = source.read(&oid)?.ok_or(GitError::Missing(oid))?;
        if object.kind != ObjectKind::Tag {
            object.expect_kind(&oid, ObjectKind::Commit)?;
            return Ok((tags, oid));
        }
        if tags.len() == TAGS_PEELED_MAX {
            return Err(too_large("chain of tags", TAGS_PEELED_MAX));
        }
        let target = Tag::parse(&object.data)?.target;
        tags.push(OpenTag { oid, target, data: object.data });
        oid = target;
    }
}

/// A new head and the rest of a commit or tag, without the lines in the rest that vouch for the old one.
fn without_vouchers(head: String, rest: &[u8]) -> Vec<u8> {
    let mut out = head.into_bytes();
    let (mut rest, mut skips) = (rest, false);
    while !rest.is_empty() && rest[0] != b'\n' {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at(end);
        // A line that starts with a space goes on with the value of the one before.
        skips =
            if line[0] == b' ' { skips } else { VOUCHERS.iter().any(|key| line.starts_with(key)) };
        if !skips {
            out.extend_from_slice(line);
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

/// A tag up to the signature that ends it; like git, it takes the last line that looks like the start of one.
fn without_signature(data: &[u8]) -> &[u8] {
    let starts = memchr::memchr_iter(b'\n', data).map(|end| end + 1);
    let signature =
        starts.rev().find(|start| SIGNATURES.iter().any(|line| data[*start..].starts_with(line)));
    &data[..signature.unwrap_or(data.len())]
}

/// A new folder that the next version of it may be a delta of.
struct Base {
    oid: Oid,
    data: Bytes,
    depth: u32,
}

/// The newest folder made at each path.
#[derive(Default)]
struct Bases {
    by_path: HashMap<Box<[u8]>, Base>,
    bytes: usize,
}

impl Bases {
    /// The folder at that path, unless its chain of deltas is full.
    fn get(&self, path: &[u8]) -> Option<&Base> {
        self.by_path.get(path).filter(|base| base.depth < DELTA_DEPTH_WRITTEN_MAX)
    }

    fn set(&mut self, path: &[u8], base: Base) {
        let size = |path: &[u8], base: &Base| path.len() + base.data.len() + size_of::<Base>();
        if self.bytes > BASES_BYTES_MAX {
            self.by_path.clear();
            self.bytes = 0;
        }
        self.bytes += size(path, &base);
        if let Some(old) = self.by_path.insert(path.into(), base) {
            self.bytes -= size(path, &old);
        }
    }
}

fn too_large(what: &'static str, limit: usize) -> GitError {
    GitError::TooLarge { what, limit: limit as u64 }
}

#[cfg(test)]
mod tests;
