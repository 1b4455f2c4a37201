//! Results while a query is worked out: a short sorted list, or a bit set.

use std::cmp::Ordering;

use crate::bitset::BitSet;
use crate::postings::View;

/// Lists up to here stay lists when they are joined.
const SPARSE_MAX: usize = 20_000;

/// A set of slots.
#[derive(Debug, Clone)]
pub(crate) enum Set {
    /// Ascending.
    Sparse(Vec<u32>),
    Dense(BitSet),
}

impl Set {
    pub(crate) fn empty() -> Self {
        Self::Sparse(Vec::new())
    }

    pub(crate) fn of(view: View<'_>) -> Self {
        match view {
            View::Slice(slots) => Self::Sparse(slots.to_vec()),
            View::Dense(set, _) => Self::Dense(set.clone()),
        }
    }

    /// The union of all.
    pub(crate) fn union<'a>(views: impl Iterator<Item = View<'a>> + Clone) -> Self {
        let total: usize = views.clone().map(|view| view.len() as usize).sum();
        if total > SPARSE_MAX || views.clone().any(|view| matches!(view, View::Dense(..))) {
            let mut set = BitSet::default();
            for view in views {
                match view {
                    View::Dense(other, _) => set.or(other),
                    View::Slice(slots) => slots.iter().for_each(|slot| {
                        set.insert(*slot);
                    }),
                }
            }
            return Self::Dense(set);
        }
        let mut slots = Vec::with_capacity(total);
        views.for_each(|view| view.for_each(|slot| slots.push(slot)));
        slots.sort_unstable();
        slots.dedup();
        Self::Sparse(slots)
    }

    pub(crate) fn into_dense(self) -> BitSet {
        match self {
            Self::Sparse(slots) => slots.into_iter().collect(),
            Self::Dense(set) => set,
        }
    }

    pub(crate) fn view(&self) -> View<'_> {
        match self {
            Self::Sparse(slots) => View::Slice(slots),
            Self::Dense(set) => View::Dense(set, set.len()),
        }
    }

    pub(crate) fn contains(&self, slot: u32) -> bool {
        match self {
            Self::Sparse(slots) => slots.binary_search(&slot).is_ok(),
            Self::Dense(set) => set.contains(slot),
        }
    }

    pub(crate) fn len(&self) -> u32 {
        match self {
            Self::Sparse(slots) => slots.len() as u32,
            Self::Dense(set) => set.len(),
        }
    }

    pub(crate) fn and(&mut self, other: View<'_>) {
        match (&mut *self, other) {
            (Self::Sparse(mine), View::Slice(theirs)) => intersect(mine, theirs),
            (Self::Sparse(mine), View::Dense(theirs, _)) => {
                mine.retain(|slot| theirs.contains(*slot));
            }
            (Self::Dense(mine), View::Dense(theirs, _)) => mine.and(theirs),
            (Self::Dense(mine), View::Slice(theirs)) => {
                let kept = theirs.iter().copied().filter(|slot| mine.contains(*slot)).collect();
                *self = Self::Sparse(kept);
            }
        }
    }

    pub(crate) fn and_not(&mut self, other: View<'_>) {
        match (self, other) {
            (Self::Sparse(mine), other) => mine.retain(|slot| !other.contains(*slot)),
            (Self::Dense(mine), View::Dense(theirs, _)) => mine.and_not(theirs),
            (Self::Dense(mine), View::Slice(theirs)) => theirs.iter().for_each(|slot| {
                mine.remove(*slot);
            }),
        }
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u32) -> bool) {
        match self {
            Self::Sparse(slots) => slots.retain(|slot| keep(*slot)),
            Self::Dense(set) => set.retain(keep),
        }
    }

    /// The slots in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let (slots, set) = match self {
            Self::Sparse(slots) => (slots.as_slice(), None),
            Self::Dense(set) => (&[][..], Some(set)),
        };
        slots.iter().copied().chain(set.into_iter().flat_map(BitSet::iter))
    }

    pub(crate) fn for_each(&self, visit: impl FnMut(u32)) {
        match self {
            Self::Sparse(slots) => slots.iter().copied().for_each(visit),
            Self::Dense(set) => set.iter().for_each(visit),
        }
    }
}

/// Keeps of `mine` what `theirs` has; both ascend.
fn intersect(mine: &mut Vec<u32>, theirs: &[u32]) {
    if theirs.len() > mine.len() * 16 {
        mine.retain(|slot| theirs.binary_search(slot).is_ok());
        return;
    }
    let mut at = 0;
    mine.retain(|slot| {
        while let Some(other) = theirs.get(at) {
            match other.cmp(slot) {
                Ordering::Less => at += 1,
                Ordering::Equal => return true,
                Ordering::Greater => return false,
            }
        }
        false
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both_forms(slots: &[u32]) -> [Set; 2] {
        [Set::Sparse(slots.to_vec()), Set::Dense(slots.iter().copied().collect())]
    }

    fn list(set: &Set) -> Vec<u32> {
        let mut all = Vec::new();
        set.for_each(|slot| all.push(slot));
        assert!(set.iter().eq(all.iter().copied()));
        all
    }

    #[test]
    fn forms_mix_freely() {
        let (left, right) = ([1, 4, 9, 70, 200], [0, 4, 70, 71, 300]);
        for mine in both_forms(&left) {
            for theirs in both_forms(&right) {
                let (mut and, mut not) = (mine.clone(), mine.clone());
                and.and(theirs.view());
                not.and_not(theirs.view());
                assert_eq!(list(&and), [4, 70]);
                assert_eq!(list(&not), [1, 9, 200]);
                let or = Set::union([mine.view(), theirs.view()].into_iter());
                assert_eq!(list(&or), [0, 1, 4, 9, 70, 71, 200, 300]);
            }
        }
    }

    #[test]
    fn a_short_list_meets_a_long_one() {
        let long: Vec<u32> = (0..10_000).map(|n| n * 3).collect();
        let mut short = vec![3, 4, 29_997];
        intersect(&mut short, &long);
        assert_eq!(short, [3, 29_997]);
    }
}
