//! What meets a request, words aside: the full-text side looks among these.

use crate::bitset::BitSet;
use crate::index::Index;
use crate::query::Query;
use crate::request::SearchRequest;
use crate::search::check::narrow;

/// Up to so many repositories are given as a list: finding one in the full text by its key takes as long as looking at a
/// thousand that have the words.
const FEW_MAX: u32 = 100;
/// Up to so many are looked at one by one to see whether they are few: it takes a millisecond or two, and saves the
/// full-text side from looking at everything that has the words.
const CHECKED_MAX: u32 = 150_000;

/// Keys may lie over so many times as many numbers as there are repositories.
const SPAN_MAX: u32 = 16;

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

/// Keys of repositories, one bit each: the full-text side asks for each of hundreds of thousands that have a common word.
struct KeySet {
    least: i64,
    set: BitSet,
}

impl KeySet {
    /// None when the keys lie so far apart that the bits between them would take too long to clear.
    fn new(ids: &[i64], universe: u32) -> Option<Self> {
        let (least, greatest) = (*ids.iter().min()?, *ids.iter().max()?);
        let span_max = universe.saturating_mul(SPAN_MAX);
        u32::try_from(greatest.checked_sub(least)?).ok().filter(|span| *span <= span_max)?;
        let set = ids.iter().map(|id| (id - least) as u32).collect();
        Some(Self { least, set })
    }

    fn contains(&self, repo_id: i64) -> bool {
        let place = repo_id.checked_sub(self.least).and_then(|place| u32::try_from(place).ok());
        place.is_some_and(|place| self.set.contains(place))
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
        if set.len() <= CHECKED_MAX {
            narrow(&mut set, &mut checks, &state.slots);
            let id = |slot: u32| state.slots.repo_ids[slot as usize];
            let ids: Vec<i64> = set.iter().map(id).collect();
            if set.len() <= FEW_MAX {
                return look(Matching::Few(ids));
            }
            if let Some(keys) = KeySet::new(&ids, state.slots.universe()) {
                return look(Matching::Many(&|repo_id| keys.contains(repo_id)));
            }
        }
        let meets = |repo_id: i64| {
            state.slots.find(repo_id).is_some_and(|slot| {
                set.contains(slot) && checks.iter().all(|check| check.holds(&state.slots, slot))
            })
        };
        look(Matching::Many(&meets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_from_any_others() {
        for ids in
            [vec![7], vec![-70, -3, 0, 1, 64, 90], vec![i64::MAX - 64, i64::MAX], vec![i64::MIN]]
        {
            let keys = KeySet::new(&ids, 10).unwrap();
            let near = ids.iter().flat_map(|id| [-65, -1, 0, 1, 64].map(|by| id.wrapping_add(by)));
            for id in near.chain([i64::MIN, 0, 1 << 32, i64::MAX]) {
                assert_eq!(keys.contains(id), ids.contains(&id), "{id} in {ids:?}");
            }
        }
    }

    #[test]
    fn keys_far_apart_are_not_put_into_one_set() {
        for ids in [vec![0, 161], vec![i64::MIN, i64::MAX], vec![0, 1 << 32], vec![]] {
            assert!(KeySet::new(&ids, 10).is_none(), "{ids:?}");
        }
        assert!(KeySet::new(&[0, 160], 10).is_some());
    }
}
