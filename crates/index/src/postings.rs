//! Which slots have a term: a few inline, many as a sorted list, very many as a bit set.

use crate::bitset::BitSet;

/// How many slots lie inside the enum itself; most authors have no more repositories.
const FEW_MAX: usize = 5;
/// Shorter lists are never worth a bit set.
const DENSE_MIN: u32 = 1024;

/// A set of slots of any density.
#[derive(Debug, Clone)]
pub(crate) enum Postings {
    Few { len: u8, slots: [u32; FEW_MAX] },
    Many(Vec<u32>),
    Dense { set: BitSet, len: u32 },
}

/// Postings to read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'a> {
    /// Ascending.
    Slice(&'a [u32]),
    Dense(&'a BitSet, u32),
}

impl Default for Postings {
    fn default() -> Self {
        Self::Few { len: 0, slots: [0; FEW_MAX] }
    }
}

impl Postings {
    pub(crate) fn view(&self) -> View<'_> {
        match self {
            Self::Few { len, slots } => View::Slice(&slots[..usize::from(*len)]),
            Self::Many(slots) => View::Slice(slots),
            Self::Dense { set, len } => View::Dense(set, *len),
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.view().len()
    }

    pub(crate) fn contains(&self, slot: u32) -> bool {
        self.view().contains(slot)
    }

    /// Adds a slot; `universe` is how many slots there are, which decides the form.
    pub(crate) fn insert(&mut self, slot: u32, universe: u32) {
        match self {
            Self::Few { len, slots } => {
                let used = usize::from(*len);
                let Err(at) = slots[..used].binary_search(&slot) else { return };
                if used < FEW_MAX {
                    slots.copy_within(at..used, at + 1);
                    slots[at] = slot;
                    *len += 1;
                } else {
                    let mut many = Vec::with_capacity(FEW_MAX + 3);
                    many.extend_from_slice(slots);
                    many.insert(at, slot);
                    *self = Self::Many(many);
                }
            }
            Self::Many(slots) => {
                if slots.last().is_none_or(|last| *last < slot) {
                    slots.push(slot);
                } else if let Err(at) = slots.binary_search(&slot) {
                    slots.insert(at, slot);
                }
                if is_dense(slots.len() as u32, universe) {
                    let len = slots.len() as u32;
                    *self = Self::Dense { set: slots.iter().copied().collect(), len };
                }
            }
            Self::Dense { set, len } => *len += u32::from(set.insert(slot)),
        }
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        match self {
            Self::Few { len, slots } => {
                let used = usize::from(*len);
                if let Ok(at) = slots[..used].binary_search(&slot) {
                    slots.copy_within(at + 1..used, at);
                    *len -= 1;
                }
            }
            Self::Many(slots) => {
                if let Ok(at) = slots.binary_search(&slot) {
                    slots.remove(at);
                }
            }
            Self::Dense { set, len } => *len -= u32::from(set.remove(slot)),
        }
    }

    /// Takes the form that fits `universe` best, without room to spare.
    pub(crate) fn settle(&mut self, universe: u32) {
        match self {
            Self::Dense { set, len } if !is_dense(*len, universe) => {
                *self = Self::Many(set.iter().collect());
            }
            Self::Dense { set, .. } => set.shrink(),
            Self::Many(slots) => slots.shrink_to_fit(),
            Self::Few { .. } => {}
        }
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Few { .. } => 0,
            Self::Many(slots) => slots.capacity() * 4 + 16,
            Self::Dense { set, .. } => set.bytes() + 16,
        }
    }
}

fn is_dense(len: u32, universe: u32) -> bool {
    len >= DENSE_MIN && u64::from(len) * 32 > u64::from(universe)
}

impl View<'_> {
    pub(crate) fn len(self) -> u32 {
        match self {
            Self::Slice(slots) => slots.len() as u32,
            Self::Dense(_, len) => len,
        }
    }

    pub(crate) fn contains(self, slot: u32) -> bool {
        match self {
            Self::Slice(slots) => slots.binary_search(&slot).is_ok(),
            Self::Dense(set, _) => set.contains(slot),
        }
    }

    /// Calls `visit` with every slot, in ascending order.
    pub(crate) fn for_each(self, visit: impl FnMut(u32)) {
        match self {
            Self::Slice(slots) => slots.iter().copied().for_each(visit),
            Self::Dense(set, _) => set.iter().for_each(visit),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_form_holds_what_was_put_in() {
        let mut postings = Postings::default();
        let mut model = BTreeSet::new();
        let mut seed = 7_u32;
        for step in 0..20_000_u32 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let slot = (seed >> 8) % 6000;
            if step % 5 == 4 || (step > 12_000 && step % 5 != 0) {
                postings.remove(slot);
                model.remove(&slot);
            } else {
                postings.insert(slot, 6000);
                model.insert(slot);
            }
            if step % 1000 == 0 {
                postings.settle(6000);
                let mut all = Vec::new();
                postings.view().for_each(|slot| all.push(slot));
                assert_eq!(all, model.iter().copied().collect::<Vec<_>>());
                assert_eq!(postings.len(), model.len() as u32);
            }
        }
    }
}
