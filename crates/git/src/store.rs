//! Where objects are read from: a snapshot of a repository's packs, with or without a cache of folders.

mod pack_set;

use std::sync::Arc;

use steelyard_core::Oid;

use crate::GitError;
use crate::object::{Object, ObjectKind};
use crate::tree::{EMPTY_TREE, Tree};

pub use pack_set::PackSet;

/// Something that objects can be read from.
pub trait ObjectSource {
    /// The object with that id.
    fn read(&self, oid: &Oid) -> Result<Option<Object>, GitError>;

    /// Kind and size of an object, without its content.
    fn header(&self, oid: &Oid) -> Result<Option<(ObjectKind, u64)>, GitError>;

    /// True when the object exists.
    fn contains(&self, oid: &Oid) -> Result<bool, GitError> {
        Ok(self.header(oid)?.is_some())
    }

    /// The folder with that id, parsed; the empty folder always exists.
    fn find_tree(&self, oid: &Oid) -> Result<Option<Arc<Tree>>, GitError> {
        if *oid == EMPTY_TREE {
            return Ok(Some(Arc::default()));
        }
        let Some(object) = self.read(oid)? else { return Ok(None) };
        let data = object.expect_kind(oid, ObjectKind::Tree)?;
        Ok(Some(Arc::new(Tree::parse(data)?)))
    }

    /// The deltas that an object rests on; `None` when it cannot be the base of a new delta.
    fn delta_chain(&self, oid: &Oid) -> Result<Option<DeltaChain>, GitError> {
        let _ = oid;
        Ok(None)
    }

    /// Tells the source of a folder that was just made and will soon be asked for.
    fn offer_tree(&self, oid: &Oid, tree: Tree) {
        let _ = (oid, tree);
    }
}

/// The deltas between an object and the whole object that they rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeltaChain {
    /// How many there are; 0 for an object that is stored whole.
    pub depth: u32,
    /// The object at the bottom, which is stored whole.
    pub root: Oid,
}

/// A source without objects.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObjects;

impl ObjectSource for NoObjects {
    fn read(&self, _: &Oid) -> Result<Option<Object>, GitError> {
        Ok(None)
    }

    fn header(&self, _: &Oid) -> Result<Option<(ObjectKind, u64)>, GitError> {
        Ok(None)
    }
}

/// Largest object other than a folder that is kept in an [`ObjectCache`].
const CACHED_OBJECT_BYTES_MAX: usize = 16 * 1024;

/// Parsed folders and small objects of many repositories, bounded by the memory they take.
///
/// The key carries the repository, so that no repository ever sees what only another one contains.
#[derive(Debug, Clone)]
pub struct ObjectCache {
    trees: moka::sync::Cache<(u64, Oid), Arc<Tree>>,
    small: moka::sync::Cache<(u64, Oid), Object>,
}

impl ObjectCache {
    /// A cache that takes at most about `bytes_max` bytes.
    pub fn new(bytes_max: u64) -> Self {
        // What an entry of the cache itself takes, about.
        const ENTRY_BYTES: usize = 200;
        let tree_weight = |_: &(u64, Oid), tree: &Arc<Tree>| {
            u32::try_from(tree.memory_bytes() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let small_weight = |_: &(u64, Oid), object: &Object| {
            u32::try_from(object.data.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let small_max = bytes_max / 4;
        let trees = moka::sync::Cache::builder().weigher(tree_weight);
        let small = moka::sync::Cache::builder().weigher(small_weight);
        Self {
            trees: trees.max_capacity(bytes_max - small_max).build(),
            small: small.max_capacity(small_max).build(),
        }
    }

    fn get(&self, repo: u64, oid: &Oid) -> Option<Arc<Tree>> {
        self.trees.get(&(repo, *oid))
    }

    fn insert(&self, repo: u64, oid: &Oid, tree: Arc<Tree>) {
        self.trees.insert((repo, *oid), tree);
    }
}

/// The packs of one repository, read through the process-wide cache of folders.
#[derive(Debug, Clone)]
pub struct CachedSource {
    packs: PackSet,
    cache: ObjectCache,
    repo: u64,
}

impl CachedSource {
    /// Reads `packs` through `cache` under the key of the repository.
    pub fn new(packs: PackSet, cache: ObjectCache, repo: u64) -> Self {
        Self { packs, cache, repo }
    }

    /// The packs.
    pub fn packs(&self) -> &PackSet {
        &self.packs
    }
}

impl ObjectSource for CachedSource {
    fn read(&self, oid: &Oid) -> Result<Option<Object>, GitError> {
        // As for folders: the packs decide what exists.
        if !self.packs.contains(oid)? {
            return Ok(None);
        }
        if let Some(object) = self.cache.small.get(&(self.repo, *oid)) {
            return Ok(Some(object));
        }
        let found = self.packs.read(oid)?;
        if let Some(object) = &found
            && object.kind != ObjectKind::Tree
            && object.data.len() <= CACHED_OBJECT_BYTES_MAX
        {
            self.cache.small.insert((self.repo, *oid), object.clone());
        }
        Ok(found)
    }

    fn header(&self, oid: &Oid) -> Result<Option<(ObjectKind, u64)>, GitError> {
        self.packs.header(oid)
    }

    fn contains(&self, oid: &Oid) -> Result<bool, GitError> {
        self.packs.contains(oid)
    }

    fn find_tree(&self, oid: &Oid) -> Result<Option<Arc<Tree>>, GitError> {
        if *oid == EMPTY_TREE {
            return Ok(Some(Arc::default()));
        }
        // The packs decide what exists: a cached folder may belong to a commit that never came to be.
        if !self.packs.contains(oid)? {
            return Ok(None);
        }
        if let Some(tree) = self.cache.get(self.repo, oid) {
            return Ok(Some(tree));
        }
        let known = |base: &Oid| {
            let tree = self.cache.get(self.repo, base)?;
            Some(Object { kind: ObjectKind::Tree, data: tree.data().clone() })
        };
        let Some(object) = self.packs.read_with(oid, &known)? else { return Ok(None) };
        let tree = Arc::new(Tree::parse(object.expect_kind(oid, ObjectKind::Tree)?)?);
        self.cache.insert(self.repo, oid, tree.clone());
        Ok(Some(tree))
    }

    fn delta_chain(&self, oid: &Oid) -> Result<Option<DeltaChain>, GitError> {
        self.packs.delta_chain(oid)
    }

    fn offer_tree(&self, oid: &Oid, tree: Tree) {
        self.cache.insert(self.repo, oid, Arc::new(tree));
    }
}

#[cfg(test)]
mod tests;
