//! Slots sorted by each value, kept up to date the way log-structured trees are.
//!
//! An [`Order`] is a sorted list of slots as they once were, the set of those that changed since, and a small tree of
//! their present values. Reading merges the two; when the tree is large, both are merged into a new list.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::bitset::BitSet;
use crate::request::Sort;
use crate::slots::Slots;

/// How many orders there are.
pub(crate) const LANES: usize = 6;
/// A tree of so many changes is not merged yet, however short the list is.
const CHANGES_MIN: u32 = 64;

/// The number of a sort's order.
pub(crate) fn lane(sort: Sort) -> usize {
    match sort {
        Sort::CreatedAt => 0,
        Sort::LastModified => 1,
        Sort::Downloads => 2,
        Sort::Likes => 3,
        Sort::Trending => 4,
        Sort::Relevance => 5,
    }
}

/// The order in which small `i64` come before large ones.
fn signed(value: i64) -> u64 {
    (value as u64) ^ (1 << 63)
}

fn double(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 { bits | (1 << 63) } else { !bits }
}

/// A number that is ordered as the `f32` is.
pub(crate) fn float(value: f32) -> u64 {
    double(f64::from(value))
}

/// A slot's value in an order, as a number that is ordered as the values are.
pub(crate) fn key(slots: &Slots, lane: usize, slot: u32) -> u64 {
    let index = slot as usize;
    match lane {
        0 => signed(slots.created[index]),
        1 => signed(slots.modified[index]),
        2 => slots.downloads[index],
        3 => u64::from(slots.likes[index]),
        4 => double(slots.trends[index]),
        _ => float(slots.ranks[index]),
    }
}

/// All keys of a slot.
pub(crate) fn keys(slots: &Slots, slot: u32) -> [u64; LANES] {
    std::array::from_fn(|lane| key(slots, lane, slot))
}

/// A value with what decides between equal ones: key, `repo_id`, slot.
pub(crate) type Entry = (u64, i64, u32);

/// One sorted list and what changed since.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Ascending by key and `repo_id`, as they were.
    pub(crate) base: Vec<u32>,
    /// Slots whose place in `base`, if they have any, no longer holds.
    pub(crate) dirty: BitSet,
    dirty_len: u32,
    /// What dirty slots in `base` were sorted by.
    old: HashMap<u32, (u64, i64)>,
    /// The present values of dirty slots.
    pub(crate) fresh: BTreeSet<Entry>,
}

impl Order {
    pub(crate) fn build(slots: &Slots, lane: usize) -> Self {
        let entry = |slot: u32| (key(slots, lane, slot), slots.repo_ids[slot as usize], slot);
        let mut entries: Vec<Entry> = slots.live.iter().map(entry).collect();
        entries.sort_unstable();
        Self { base: entries.into_iter().map(|(_, _, slot)| slot).collect(), ..Self::default() }
    }

    /// Adds a slot that was free.
    pub(crate) fn create(&mut self, slot: u32, repo_id: i64, key: u64) {
        self.dirty_len += u32::from(self.dirty.insert(slot));
        self.fresh.insert((key, repo_id, slot));
    }

    pub(crate) fn change(&mut self, slot: u32, repo_id: i64, from: u64, to: u64) {
        self.remove(slot, repo_id, from);
        self.fresh.insert((to, repo_id, slot));
    }

    pub(crate) fn remove(&mut self, slot: u32, repo_id: i64, key: u64) {
        if self.dirty.insert(slot) {
            self.dirty_len += 1;
            self.old.insert(slot, (key, repo_id));
        } else {
            self.fresh.remove(&(key, repo_id, slot));
        }
    }

    pub(crate) fn needs_merge(&self) -> bool {
        self.dirty_len > CHANGES_MIN.max(self.base.len() as u32 / 64)
    }

    /// Makes one list of the list and its changes.
    pub(crate) fn merge(&mut self, slots: &Slots, lane: usize) {
        let mut merged = Vec::with_capacity(slots.len() as usize);
        let mut fresh = std::mem::take(&mut self.fresh).into_iter().peekable();
        for slot in self.base.iter().copied().filter(|slot| !self.dirty.contains(*slot)) {
            if fresh.peek().is_some() {
                let here = (key(slots, lane, slot), slots.repo_ids[slot as usize], slot);
                while let Some((_, _, earlier)) = fresh.next_if(|entry| *entry < here) {
                    merged.push(earlier);
                }
            }
            merged.push(slot);
        }
        merged.extend(fresh.map(|(_, _, slot)| slot));
        *self = Self { base: merged, ..Self::default() };
    }

    /// How many entries of the list stand before a value.
    pub(crate) fn position(
        &self,
        slots: &Slots,
        lane: usize,
        is_before: impl Fn((u64, i64)) -> bool,
    ) -> usize {
        self.base.partition_point(|slot| {
            let was = if self.dirty.contains(*slot) { self.old.get(slot).copied() } else { None };
            is_before(
                was.unwrap_or_else(|| (key(slots, lane, *slot), slots.repo_ids[*slot as usize])),
            )
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        let tree = self.fresh.len() * size_of::<Entry>() * 3 / 2;
        self.base.capacity() * 4 + self.dirty.bytes() + self.old.capacity() * 33 + tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_as_values_are() {
        let numbers = [i64::MIN, -5, -1, 0, 1, 1_700_000_000_000, i64::MAX];
        assert!(numbers.windows(2).all(|pair| signed(pair[0]) < signed(pair[1])));
        let floats = [f64::NEG_INFINITY, -2.5, -0.1, 0.0, 1e-300, 0.5, 3.0, 1e300, f64::INFINITY];
        assert!(floats.windows(2).all(|pair| double(pair[0]) < double(pair[1])));
    }
}
