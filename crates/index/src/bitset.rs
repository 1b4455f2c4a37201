//! A plain set of slots, one bit each.

/// A set of slots; what lies beyond its words is not in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct BitSet {
    words: Vec<u64>,
}

fn place(slot: u32) -> (usize, u64) {
    ((slot / 64) as usize, 1 << (slot % 64))
}

impl BitSet {
    pub(crate) fn contains(&self, slot: u32) -> bool {
        let (word, bit) = place(slot);
        self.words.get(word).is_some_and(|found| found & bit != 0)
    }

    /// True when the slot was not in the set before.
    pub(crate) fn insert(&mut self, slot: u32) -> bool {
        let (word, bit) = place(slot);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let before = self.words[word];
        self.words[word] |= bit;
        before & bit == 0
    }

    /// True when the slot was in the set.
    pub(crate) fn remove(&mut self, slot: u32) -> bool {
        let (word, bit) = place(slot);
        let Some(found) = self.words.get_mut(word) else { return false };
        let before = *found;
        *found &= !bit;
        before & bit != 0
    }

    pub(crate) fn set(&mut self, slot: u32, is_in: bool) {
        if is_in {
            self.insert(slot);
        } else {
            self.remove(slot);
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    pub(crate) fn and(&mut self, other: &Self) {
        self.words.truncate(other.words.len());
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine &= theirs;
        }
    }

    pub(crate) fn and_not(&mut self, other: &Self) {
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine &= !theirs;
        }
    }

    pub(crate) fn or(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    /// How many slots are in both sets.
    pub(crate) fn and_len(&self, other: &Self) -> u32 {
        self.words.iter().zip(&other.words).map(|(mine, theirs)| (mine & theirs).count_ones()).sum()
    }

    /// Keeps the slots for which `keep` holds.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u32) -> bool) {
        for (index, word) in self.words.iter_mut().enumerate() {
            let mut left = *word;
            while left != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                if !keep(index as u32 * 64 + bit) {
                    *word &= !(1 << bit);
                }
            }
        }
    }

    /// The slots in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words
            .iter()
            .enumerate()
            .flat_map(|(index, word)| Bits { base: index as u32 * 64, left: *word })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * 8
    }

    pub(crate) fn shrink(&mut self) {
        self.words.shrink_to_fit();
    }
}

impl FromIterator<u32> for BitSet {
    fn from_iter<I: IntoIterator<Item = u32>>(slots: I) -> Self {
        let mut set = Self::default();
        for slot in slots {
            set.insert(slot);
        }
        set
    }
}

struct Bits {
    base: u32,
    left: u64,
}

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.left == 0 {
            return None;
        }
        let bit = self.left.trailing_zeros();
        self.left &= self.left - 1;
        Some(self.base + bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_different_lengths_behave_as_sets() {
        let short: BitSet = [1, 5, 63].into_iter().collect();
        let long: BitSet = [5, 63, 64, 1000].into_iter().collect();
        let mut both = long.clone();
        both.and(&short);
        assert_eq!(both.iter().collect::<Vec<_>>(), [5, 63]);
        let mut either = short.clone();
        either.or(&long);
        assert_eq!(either.iter().collect::<Vec<_>>(), [1, 5, 63, 64, 1000]);
        let mut rest = long.clone();
        rest.and_not(&short);
        assert_eq!(rest.iter().collect::<Vec<_>>(), [64, 1000]);
        assert_eq!((short.and_len(&long), long.len()), (2, 4));
        rest.retain(|slot| slot > 64);
        assert_eq!(rest.iter().collect::<Vec<_>>(), [1000]);
        assert!(!rest.contains(5000) && !rest.remove(5000) && rest.remove(1000) && rest.len() == 0);
    }
}
