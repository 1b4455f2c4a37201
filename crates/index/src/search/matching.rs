//! What meets a request, words aside: the full-text side looks among these.

use crate::index::Index;
use crate::query::Query;
use crate::request::SearchRequest;

/// Up to so many repositories are given as a list: finding one in the full text by its key takes as long as looking at a
/// thousand that have the words.
const FEW_MAX: u32 = 100;
/// Up to so many are looked at one by one to see whether they are few: it takes a millisecond or two, and saves the
/// full-text side from looking at everything that has the words.
const CHECKED_MAX: u32 = 150_000;

/// The repositories that meet a request.
pub enum Matching<'a> {
    /// These.
    Few(Vec<i64>),
    /// Those for which it says so.
    Many(&'a dyn Fn(i64) -> bool),
}

impl std::fmt::Debug for Matching<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Few(ids) => f.debug_tuple("Few").field(ids).finish(),
            Self::Many(_) => f.write_str("Many"),
        }
    }
}

impl Index {
    /// Calls `look` with the repositories that meet everything in the request but its words. The index does not change
    /// meanwhile, so `look` should not take long.
    pub fn with_matching<T>(
        &self,
        request: &SearchRequest,
        look: impl FnOnce(Matching<'_>) -> T,
    ) -> T {
        let query = Query { words: Vec::new(), terms: request.query.terms.clone() };
        let request = SearchRequest { query, text: None, cursor: None, ..request.clone() };
        let state = self.state.read();
        let (mut set, mut checks) = state.plan(&request).resolve(&state.slots);
        if set.len() <= CHECKED_MAX && !checks.is_empty() {
            set.retain(|slot| checks.iter().all(|check| check.holds(&state.slots, slot)));
            checks.clear();
        }
        if set.len() <= FEW_MAX {
            let ids = set.iter().map(|slot| state.slots.repo_ids[slot as usize]).collect();
            return look(Matching::Few(ids));
        }
        let meets = |repo_id: i64| {
            state.slots.find(repo_id).is_some_and(|slot| {
                set.contains(slot) && checks.iter().all(|check| check.holds(&state.slots, slot))
            })
        };
        look(Matching::Many(&meets))
    }
}
