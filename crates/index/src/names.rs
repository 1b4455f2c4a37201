//! Substrings of ids: which slots have which three bytes in a row, and the check of the few that are left.

use hashbrown::HashMap;
use memchr::memmem::Finder;

use crate::postings::{Postings, View};
use crate::search::set::Set;

/// More lists than this do not make the candidates fewer by enough.
const GRAMS_JOINED_MAX: usize = 8;
/// Ids are shorter; longer ones are folded on the heap.
const ID_BYTES: usize = 256;

/// Three-byte pieces of all ids, folded to lower case, with a zero byte after the end.
#[derive(Debug, Default)]
pub(crate) struct Names {
    grams: HashMap<[u8; 3], Postings>,
}

/// Where a pattern may occur.
pub(crate) enum Candidates {
    /// In every id.
    Everywhere,
    /// In any id; each must be looked at.
    Unknown,
    /// In exactly these.
    Exact(Set),
    /// In some of these.
    Among(Set),
}

impl Names {
    pub(crate) fn insert(&mut self, slot: u32, id: &str, universe: u32) {
        for gram in grams_of(&terminated(id)) {
            self.grams.entry(gram).or_default().insert(slot, universe);
        }
    }

    pub(crate) fn remove(&mut self, slot: u32, id: &str) {
        for gram in grams_of(&terminated(id)) {
            if let Some(postings) = self.grams.get_mut(&gram) {
                postings.remove(slot);
                if postings.len() == 0 {
                    self.grams.remove(&gram);
                }
            }
        }
    }

    /// Where `pattern` may occur.
    pub(crate) fn candidates(&self, pattern: &str) -> Candidates {
        let pattern = pattern.to_ascii_lowercase().into_bytes();
        if pattern.contains(&0) || pattern.len() > ID_BYTES {
            return Candidates::Exact(Set::empty());
        }
        match pattern.len() {
            0 => Candidates::Everywhere,
            1 => Candidates::Unknown,
            2 => {
                let views: Vec<View<'_>> = (0..=u8::MAX)
                    .filter_map(|third| self.grams.get(&[pattern[0], pattern[1], third]))
                    .map(Postings::view)
                    .collect();
                Candidates::Exact(Set::union(views.into_iter()))
            }
            3 => Candidates::Exact(self.all_of(&pattern)),
            _ => Candidates::Among(self.all_of(&pattern)),
        }
    }

    fn all_of(&self, pattern: &[u8]) -> Set {
        let mut views = Vec::new();
        for gram in grams_of(pattern) {
            match self.grams.get(&gram) {
                Some(postings) => views.push(postings.view()),
                None => return Set::empty(),
            }
        }
        views.sort_by_key(|view| view.len());
        let Some((first, rest)) = views.split_first() else { return Set::empty() };
        let mut set = Set::of(*first);
        for view in rest.iter().take(GRAMS_JOINED_MAX) {
            set.and(*view);
        }
        set
    }

    pub(crate) fn settle(&mut self, universe: u32) {
        for postings in self.grams.values_mut() {
            postings.settle(universe);
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let heap: usize = self.grams.values().map(Postings::bytes).sum();
        heap + self.grams.capacity() * (size_of::<Postings>() + 4)
    }
}

fn terminated(id: &str) -> Vec<u8> {
    let mut bytes = id.as_bytes().to_ascii_lowercase();
    bytes.push(0);
    bytes
}

fn grams_of(bytes: &[u8]) -> impl Iterator<Item = [u8; 3]> + '_ {
    bytes.windows(3).map(|window| [window[0], window[1], window[2]])
}

/// Looks for a pattern in ids, in any case.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    finder: Finder<'static>,
}

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Self {
        Self { finder: Finder::new(pattern.to_ascii_lowercase().as_bytes()).into_owned() }
    }

    pub(crate) fn is_in(&self, id: &[u8]) -> bool {
        // Most ids have it as it is asked for, and need no copy in lower case.
        if self.finder.find(id).is_some() {
            return true;
        }
        id.iter().any(u8::is_ascii_uppercase)
            && with_folded(id, |folded| self.finder.find(folded).is_some())
    }
}

/// Calls `look` with the id in lower case.
pub(crate) fn with_folded<T>(id: &[u8], look: impl FnOnce(&[u8]) -> T) -> T {
    if id.len() > ID_BYTES {
        return look(&id.to_ascii_lowercase());
    }
    let mut buffer = [0; ID_BYTES];
    let folded = &mut buffer[..id.len()];
    folded.copy_from_slice(id);
    folded.make_ascii_lowercase();
    look(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 5] = ["google/BERT-base", "me/bert", "me/robertb", "x/t5", "be/ab"];

    fn names() -> Names {
        let mut names = Names::default();
        for (slot, id) in IDS.iter().enumerate() {
            names.insert(slot as u32, id, 5);
        }
        names
    }

    fn find(names: &Names, pattern: &str) -> Vec<u32> {
        let check = Pattern::new(pattern);
        let holds = |slot: &u32| check.is_in(IDS[*slot as usize].as_bytes());
        let mut slots: Vec<u32> = match names.candidates(pattern) {
            Candidates::Everywhere => return (0..5).collect(),
            Candidates::Unknown => return (0..5).filter(holds).collect(),
            Candidates::Exact(set) => {
                let mut all = Vec::new();
                set.for_each(|slot| all.push(slot));
                assert!(all.iter().all(holds), "{pattern}: exact means exact");
                return all;
            }
            Candidates::Among(set) => {
                let mut all = Vec::new();
                set.for_each(|slot| all.push(slot));
                all
            }
        };
        slots.retain(holds);
        slots
    }

    #[test]
    fn patterns_of_every_length_are_found_in_any_case() {
        let mut names = names();
        let naive = |pattern: &str| -> Vec<u32> {
            (0..5)
                .filter(|n| IDS[*n as usize].to_lowercase().contains(&pattern.to_lowercase()))
                .collect()
        };
        for pattern in
            ["", "b", "RT", "tb", "ab", "t5", "/t5", "bert", "Bert-", "oogle/b", "nope", "zz", "q"]
        {
            assert_eq!(find(&names, pattern), naive(pattern), "{pattern:?}");
        }
        assert!(find(&names, "t5\0").is_empty());
        names.remove(0, IDS[0]);
        assert_eq!(find(&names, "bert"), [1, 2]);
    }
}
