//! A repository's objects as this replica sees them.
//!
//! The truth is in the stores: refs and the pack manifest in the database, packs inline beside them or in the object
//! store. A [`History`] is an immutable view of one repository's packs at one sequence number; [`Histories`] keeps
//! the recent ones and brings them up to date. All of it can be dropped at any moment.

mod index;
mod load;
mod write;

use std::sync::Arc;

use moka::sync::Cache;
use parking_lot::RwLock;
use steelyard_core::Oid;
use steelyard_db::refs::GitRow;
use steelyard_git::store::DeltaChain;
use steelyard_git::{
    BuiltPack, CachedSource, GitError, Object, ObjectCache, ObjectKind, ObjectSource, Pack,
    PackSet, Tree,
};

pub(crate) use write::{Change, INLINE_BYTES_MAX, Landed, LogEntry, PreparedPack, Step};

use index::PackIndex;

use crate::commits::CommitQueue;
use crate::{Error, Result};

/// Bytes of inline packs that all histories together may keep in memory.
const HISTORIES_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of decoded objects that all repositories together may keep in memory.
const OBJECT_CACHE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The packs of one repository at one sequence number.
pub struct History {
    repo_id: i64,
    seq: i64,
    generation: i64,
    gc_epoch: i64,
    source: CachedSource,
    by_id: PackIndex,
    inline_bytes: u64,
    cache: ObjectCache,
}

impl History {
    /// The value a transaction based on this view must still find.
    pub(crate) fn gc_epoch(&self) -> i64 {
        self.gc_epoch
    }

    /// Number of the last change this view contains.
    pub(crate) fn seq(&self) -> i64 {
        self.seq
    }

    /// Which set of packs this view is of; rises when packs are replaced.
    pub(crate) fn generation(&self) -> i64 {
        self.generation
    }

    /// The packs by id.
    pub(crate) fn packs(&self) -> &PackIndex {
        &self.by_id
    }

    /// The packs as one set of objects.
    pub(crate) fn pack_set(&self) -> &PackSet {
        self.source.packs()
    }

    /// Commits, trees, blobs and tags whose id starts with these hexadecimal digits.
    pub(crate) fn complete(&self, prefix: &str) -> Vec<Oid> {
        self.source.packs().lookup_prefix(prefix)
    }

    /// This view with a pack that has not landed yet, to look at what it would bring.
    pub(crate) fn with_built(&self, built: &BuiltPack) -> Self {
        let pack = Arc::new(built.clone().into_pack());
        self.with_pack(None, pack)
    }

    /// This view with a pushed pack that has not landed yet.
    pub(crate) fn with_quarantined(&self, pack: Arc<Pack>) -> Self {
        self.with_pack(None, pack)
    }

    /// This view with a prepared pack that has not landed yet.
    pub(crate) fn with_prepared(&self, prepared: &PreparedPack) -> Self {
        self.with_pack(None, Arc::clone(prepared.pack()))
    }

    /// This view and one more pack; `id` is absent when the pack has not landed.
    fn with_pack(&self, id: Option<String>, pack: Arc<Pack>) -> Self {
        let mut by_id = self.by_id.clone();
        let bytes = pack.data().bytes().len() as u64;
        let source = self.source_of(self.source.packs().with_pack(Arc::clone(&pack)));
        if let Some(id) = id {
            by_id.insert(id, pack);
        }
        let cache = self.cache.clone();
        Self { source, by_id, inline_bytes: self.inline_bytes + bytes, cache, ..*self }
    }

    /// This view under a later number, under which no pack came.
    fn at(&self, seq: i64) -> Self {
        let (source, by_id) = (self.source.clone(), self.by_id.clone());
        Self { seq, source, by_id, cache: self.cache.clone(), ..*self }
    }

    fn source_of(&self, packs: PackSet) -> CachedSource {
        CachedSource::new(packs, self.cache.clone(), cache_key(self.repo_id, self.gc_epoch))
    }

    fn covers(&self, state: &GitRow) -> bool {
        self.generation == state.generation
            && self.gc_epoch == state.gc_epoch
            && self.seq >= state.seq
    }
}

/// The epoch is part of the key: what was dropped from a repository must not live on in the cache.
fn cache_key(repo_id: i64, gc_epoch: i64) -> u64 {
    repo_id.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ gc_epoch.unsigned_abs()
}

impl ObjectSource for History {
    fn read(&self, oid: &Oid) -> Result<Option<Object>, GitError> {
        self.source.read(oid)
    }

    fn header(&self, oid: &Oid) -> Result<Option<(ObjectKind, u64)>, GitError> {
        self.source.header(oid)
    }

    fn contains(&self, oid: &Oid) -> Result<bool, GitError> {
        self.source.contains(oid)
    }

    fn find_tree(&self, oid: &Oid) -> Result<Option<Arc<Tree>>, GitError> {
        self.source.find_tree(oid)
    }

    fn delta_chain(&self, oid: &Oid) -> Result<Option<DeltaChain>, GitError> {
        self.source.delta_chain(oid)
    }

    fn offer_tree(&self, oid: &Oid, tree: Tree) {
        self.source.offer_tree(oid, tree);
    }
}

/// What one repository has in memory on this replica.
struct Slot {
    current: RwLock<Option<Arc<History>>>,
    /// Held while packs are loaded, so that a cold repository is loaded once and not once per request.
    loading: tokio::sync::Mutex<()>,
    /// Held while a commit is made, so that writers of one replica do not lose races against each other.
    writing: Arc<tokio::sync::Mutex<()>>,
    /// Commits that wait for it.
    commits: Arc<CommitQueue>,
}

/// The histories this replica has seen lately.
pub(crate) struct Histories {
    slots: Cache<i64, Arc<Slot>>,
    objects: ObjectCache,
}

impl Histories {
    pub(crate) fn new() -> Self {
        let slots =
            Cache::builder().max_capacity(HISTORIES_BYTES_MAX).weigher(|_, slot: &Arc<Slot>| {
                let bytes = slot.current.read().as_ref().map_or(0, |history| history.inline_bytes);
                u32::try_from(bytes).unwrap_or(u32::MAX).saturating_add(4096)
            });
        Self { slots: slots.build(), objects: ObjectCache::new(OBJECT_CACHE_BYTES_MAX) }
    }

    fn slot(&self, repo_id: i64) -> Arc<Slot> {
        self.slots.get_with(repo_id, || {
            Arc::new(Slot {
                current: RwLock::new(None),
                loading: tokio::sync::Mutex::new(()),
                writing: Arc::default(),
                commits: Arc::default(),
            })
        })
    }

    /// Puts the slot in again, because the cache weighs what it keeps only then.
    fn weigh(&self, repo_id: i64, slot: Arc<Slot>) {
        self.slots.insert(repo_id, slot);
    }

    /// The lock that lines up this replica's writers of a repository.
    pub(crate) fn writer(&self, repo_id: i64) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(&self.slot(repo_id).writing)
    }

    /// The commits that wait for that lock.
    pub(crate) fn commits(&self, repo_id: i64) -> Arc<CommitQueue> {
        Arc::clone(&self.slot(repo_id).commits)
    }

    /// Drops what is known of a repository.
    pub(crate) fn forget(&self, repo_id: i64) {
        self.slots.invalidate(&repo_id);
    }

    pub(crate) fn empty(&self, repo_id: i64, state: &GitRow) -> History {
        History {
            repo_id,
            seq: 0,
            generation: state.generation,
            gc_epoch: state.gc_epoch,
            source: CachedSource::new(
                PackSet::empty(),
                self.objects.clone(),
                cache_key(repo_id, state.gc_epoch),
            ),
            by_id: PackIndex::default(),
            inline_bytes: 0,
            cache: self.objects.clone(),
        }
    }
}

/// Git data that came from our own stores and is broken is a fault of the hub.
pub(crate) fn broken(error: GitError) -> Error {
    Error::internal(error)
}
