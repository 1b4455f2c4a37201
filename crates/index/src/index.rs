//! The index as its users see it: one value, shared by all who read and the one who writes.

use parking_lot::RwLock;
use steelyard_core::{RepoKind, Timestamp};

use crate::document::{Counters, Document};
use crate::query::Number;
use crate::request::{IndexError, SearchPage, SearchRequest};
use crate::state::State;

/// So many changes are made before readers get their turn.
const BATCH: usize = 32;

/// A change to be made.
#[derive(Debug, Clone)]
pub enum Change {
    /// A repository is there, and this is what it is like now.
    Put(Box<Document>),
    /// A repository is gone.
    Remove(i64),
}

/// The index: filters, orders, facets, names and lineages of all repositories.
///
/// Titles and card texts belong to the full-text side and are not kept here. Of a document, words longer than a
/// kilobyte and all beyond 8192 are left out.
#[derive(Debug, Default)]
pub struct Index {
    pub(crate) state: RwLock<State>,
}

impl Index {
    /// An index of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes changes that happened at `at`, which replicas must agree on: listings that are being read show what is
    /// older than their first page.
    pub fn apply(&self, changes: Vec<Change>, at: Timestamp) {
        let mut changes = changes.into_iter();
        while changes.len() > 0 {
            let mut state = self.state.write();
            state.history.advance(at.millis());
            for change in changes.by_ref().take(BATCH) {
                match change {
                    Change::Put(document) => state.put(&document),
                    Change::Remove(repo_id) => state.remove(repo_id),
                }
            }
        }
    }

    /// Sets the counters of repositories, as of `at`; those that are not here are passed over.
    pub fn set_counters(&self, counters: &[(i64, Counters)], at: Timestamp) {
        for batch in counters.chunks(BATCH * 8) {
            let mut state = self.state.write();
            state.history.advance(at.millis());
            for (repo_id, counters) in batch {
                state.set_counters(*repo_id, counters);
            }
        }
    }

    /// Replaces everything by what was loaded. Listings that are being read go on by present values.
    pub fn replace(&self, loader: Loader, at: Timestamp) {
        let mut loaded = loader.state;
        let now = self.state.read().history.now();
        loaded.finish_loading(at.millis().saturating_mul(1000).max(now.saturating_add(1)));
        let before = std::mem::replace(&mut *self.state.write(), loaded);
        drop(before);
    }

    /// Answers a search.
    pub fn search(&self, request: &SearchRequest) -> Result<SearchPage, IndexError> {
        self.state.read().search(request)
    }

    /// How many repositories it holds.
    pub fn len(&self) -> u64 {
        u64::from(self.state.read().slots.len())
    }

    /// True when it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> u64 {
        self.bytes_of_parts().iter().map(|(_, bytes)| bytes).sum()
    }

    /// About how many bytes of memory each part takes.
    pub fn bytes_of_parts(&self) -> [(&'static str, u64); 7] {
        self.state.read().bytes().map(|(part, bytes)| (part, bytes as u64))
    }

    /// Whether it holds the repository with that key.
    pub fn contains(&self, repo_id: i64) -> bool {
        self.state.read().slots.find(repo_id).is_some()
    }

    /// The key of the repository of that kind and id, in any case. Says nothing of who may see it.
    pub fn find(&self, kind: RepoKind, id: &str) -> Option<i64> {
        let state = self.state.read();
        let slot = state.slots.find_id(kind, id)?;
        Some(state.slots.repo_ids[slot as usize])
    }

    /// One number of each of these repositories, where it is known. Says nothing of who may see them.
    pub fn numbers(&self, number: Number, repo_ids: &[i64]) -> Vec<Option<f64>> {
        let state = self.state.read();
        let of = |id: &i64| state.slots.number(number, state.slots.find(*id)?);
        repo_ids.iter().map(of).collect()
    }
}

/// Takes many documents while nobody reads, which is faster than changing an index that is in use.
#[derive(Debug, Default)]
pub struct Loader {
    state: State,
}

impl Loader {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a repository.
    pub fn push(&mut self, document: &Document, counters: &Counters) {
        self.state.load(document, counters);
    }
}
