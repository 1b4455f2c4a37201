//! Words interned to numbers, which slots have them, and which words a slot has.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::arena::Arena;
use crate::document::Facet;
use crate::postings::{Postings, View};

/// Longer words are left out: nothing anybody would type or pick.
pub(crate) const WORD_BYTES_MAX: usize = 1024;
/// A repository's words beyond so many are left out; a card of honest size stays far below.
pub(crate) const TERMS_MAX: usize = 8192;

/// A namespace of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space(u8);

impl Space {
    pub(crate) const TAG: Self = Self(0);
    pub(crate) const AUTHOR: Self = Self(1);
    pub(crate) const LINKED_MODEL: Self = Self(2);
    pub(crate) const LINKED_DATASET: Self = Self(3);
    pub(crate) const BITS: Self = Self(4);
    /// Ids of base models; the postings are the children.
    pub(crate) const BASE: Self = Self(5);
    /// `dataset` and `metric` of evaluations, with a line feed between.
    pub(crate) const EVAL: Self = Self(6);
    /// Words that say one thing about a repository, such as [`HAS_LINKS`].
    pub(crate) const FLAG: Self = Self(7);
    const UNUSED: Self = Self(255);
    /// How many numbers there are.
    pub(crate) const NUMBERS: usize = 256;

    pub(crate) fn facet(facet: Facet) -> Self {
        Self(16 + facet as u8)
    }

    pub(crate) fn number(self) -> usize {
        usize::from(self.0)
    }
}

/// The flag of those with any linked model or dataset.
pub(crate) const HAS_LINKS: &str = "links";

/// Every word, and both directions between words and slots. Words are told apart without regard to ASCII case;
/// the spelling that came first is shown.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    words: Arena,
    spaces: Vec<Space>,
    postings: Vec<Postings>,
    by_word: HashTable<u32>,
    unused: Vec<u32>,
    /// By slot: ascending term numbers as differences.
    forward: Arena,
    hasher: DefaultHashBuilder,
    /// Terms that appeared since somebody last asked with [`Self::take_new`].
    new_terms: Vec<u32>,
}

impl Terms {
    pub(crate) fn find(&self, space: Space, word: &str) -> Option<u32> {
        let hash = hash_folded(&self.hasher, space.0, word.as_bytes());
        self.by_word.find(hash, |term| self.is(*term, space, word)).copied()
    }

    /// The slots of a word; none when nobody ever used it.
    pub(crate) fn slots_of(&self, space: Space, word: &str) -> View<'_> {
        self.find(space, word).map_or(View::Slice(&[]), |term| self.postings[term as usize].view())
    }

    pub(crate) fn slots_of_term(&self, term: u32) -> View<'_> {
        self.postings[term as usize].view()
    }

    pub(crate) fn intern(&mut self, space: Space, word: &str) -> u32 {
        let hash = hash_folded(&self.hasher, space.0, word.as_bytes());
        if let Some(term) = self.by_word.find(hash, |term| self.is(*term, space, word)) {
            return *term;
        }
        let term = self.unused.pop().unwrap_or(self.spaces.len() as u32);
        self.words.set(term, word.as_bytes());
        if term as usize == self.spaces.len() {
            self.spaces.push(space);
            self.postings.push(Postings::default());
        } else {
            self.spaces[term as usize] = space;
        }
        let (words, spaces, hasher) = (&self.words, &self.spaces, &self.hasher);
        self.by_word.insert_unique(hash, term, |term| {
            hash_folded(hasher, spaces[*term as usize].0, words.get(*term))
        });
        self.new_terms.push(term);
        term
    }

    pub(crate) fn word(&self, term: u32) -> &str {
        self.words.text(term)
    }

    pub(crate) fn space(&self, term: u32) -> Space {
        self.spaces[term as usize]
    }

    /// Every term of a namespace.
    pub(crate) fn in_space(&self, space: Space) -> impl Iterator<Item = u32> + '_ {
        self.spaces
            .iter()
            .enumerate()
            .filter(move |(_, found)| **found == space)
            .map(|(term, _)| term as u32)
    }

    pub(crate) fn of_slot(&self, slot: u32) -> TermsOfSlot<'_> {
        TermsOfSlot { bytes: self.forward.get(slot), last: 0 }
    }

    /// Makes `terms` the terms of a slot; gives those it had and has no longer.
    pub(crate) fn replace(&mut self, slot: u32, mut terms: Vec<u32>, universe: u32) -> Vec<u32> {
        terms.sort_unstable();
        terms.dedup();
        let before: Vec<u32> = self.of_slot(slot).collect();
        if before == terms {
            return Vec::new();
        }
        let removed: Vec<u32> =
            before.iter().copied().filter(|term| terms.binary_search(term).is_err()).collect();
        for term in terms.iter().filter(|term| before.binary_search(term).is_err()) {
            self.postings[*term as usize].insert(slot, universe);
        }
        for term in &removed {
            self.postings[*term as usize].remove(slot);
        }
        self.forward.set(slot, &encode(&terms));
        removed
    }

    /// Forgets those of `terms` that no slot has.
    pub(crate) fn release_unused(&mut self, terms: &[u32]) {
        for term in terms.iter().copied() {
            let index = term as usize;
            if self.postings[index].len() != 0 || self.spaces[index] == Space::UNUSED {
                continue;
            }
            let hash = hash_folded(&self.hasher, self.spaces[index].0, self.words.get(term));
            if let Ok(entry) = self.by_word.find_entry(hash, |other| *other == term) {
                entry.remove();
            }
            self.postings[index] = Postings::default();
            self.spaces[index] = Space::UNUSED;
            self.words.set(term, b"");
            self.unused.push(term);
        }
    }

    /// The terms interned since the last call.
    pub(crate) fn take_new(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.new_terms)
    }

    /// The terms interned since [`Self::take_new`] was called last.
    pub(crate) fn new_terms(&self) -> &[u32] {
        &self.new_terms
    }

    pub(crate) fn settle(&mut self, universe: u32) {
        for postings in &mut self.postings {
            postings.settle(universe);
        }
        self.words.shrink();
        self.forward.shrink();
        self.spaces.shrink_to_fit();
        self.postings.shrink_to_fit();
    }

    pub(crate) fn bytes(&self) -> usize {
        let heap: usize = self.postings.iter().map(Postings::bytes).sum();
        let enums = self.postings.capacity() * size_of::<Postings>();
        let table =
            self.by_word.capacity() * 5 + self.spaces.capacity() + self.unused.capacity() * 4;
        heap + enums + table + self.words.bytes() + self.forward.bytes()
    }

    fn is(&self, term: u32, space: Space, word: &str) -> bool {
        self.spaces[term as usize] == space
            && self.words.get(term).eq_ignore_ascii_case(word.as_bytes())
    }
}

/// The terms of one slot, ascending.
pub(crate) struct TermsOfSlot<'a> {
    bytes: &'a [u8],
    last: u32,
}

impl Iterator for TermsOfSlot<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (mut step, mut shift) = (0_u32, 0);
        loop {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            step |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        self.last += step;
        Some(self.last)
    }
}

fn encode(terms: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(terms.len() * 2);
    let mut last = 0;
    for term in terms {
        let mut step = term - last;
        last = *term;
        while step >= 0x80 {
            bytes.push(step as u8 | 0x80);
            step >>= 7;
        }
        bytes.push(step as u8);
    }
    bytes
}

/// A hash that is the same for words that differ in ASCII case alone.
pub(crate) fn hash_folded(hasher: &DefaultHashBuilder, space: u8, word: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u8(space);
    for chunk in word.chunks(64) {
        let mut folded = [0; 64];
        let folded = &mut folded[..chunk.len()];
        folded.copy_from_slice(chunk);
        folded.make_ascii_lowercase();
        state.write(folded);
    }
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case_and_forgotten_when_unused() {
        let mut terms = Terms::default();
        let mit = terms.intern(Space::TAG, "license:MIT");
        assert_eq!(terms.intern(Space::TAG, "license:mit"), mit);
        assert_ne!(terms.intern(Space::AUTHOR, "license:mit"), mit);
        terms.replace(3, vec![mit], 10);
        assert_eq!(terms.slots_of(Space::TAG, "LICENSE:mit").len(), 1);
        assert_eq!(terms.word(mit), "license:MIT");
        let removed = terms.replace(3, vec![], 10);
        assert_eq!(removed, [mit]);
        terms.release_unused(&removed);
        assert_eq!(terms.find(Space::TAG, "license:mit"), None);
        assert_eq!(terms.intern(Space::TAG, "other"), mit, "numbers are used again");
    }

    #[test]
    fn terms_of_a_slot_come_back_as_they_were() {
        let mut terms = Terms::default();
        let all: Vec<u32> = (0..20_000).map(|n| terms.intern(Space::TAG, &n.to_string())).collect();
        let some: Vec<u32> = all.iter().copied().filter(|n| n % 300 == 1 || n % 7000 < 3).collect();
        terms.replace(0, some.iter().rev().copied().collect(), 1);
        assert_eq!(terms.of_slot(0).collect::<Vec<_>>(), some);
        assert_eq!(terms.of_slot(1).count(), 0);
    }
}
