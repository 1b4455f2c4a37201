//! How many hits have which word of a vocabulary.
//!
//! For small results the words of each hit are counted. For large ones the words of the vocabulary are taken, the
//! most used first, and each one's postings are intersected with the result, until no word left can be frequent enough.

use hashbrown::HashMap;

use crate::bitset::BitSet;
use crate::document::Facet;
use crate::postings::View;
use crate::request::{FacetCount, SearchRequest};
use crate::search::set::Set;
use crate::state::State;
use crate::terms::{Space, Terms};

/// Results up to here are counted hit by hit,
const SMALL_MAX: u32 = 8000;
/// and so are those of one in so many repositories: what a word's postings cost grows with these.
const SMALL_PART: u32 = 40;
/// Words of more hits than this are counted in a list.
const LISTED_MIN: u32 = 200;
/// So many words have a place in the list: those interned first are the common ones.
const LISTED_WORDS: usize = 1 << 16;

/// How often words were seen.
#[derive(Default)]
struct Tally {
    listed: Vec<u32>,
    others: HashMap<u32, u32>,
}

impl Tally {
    fn for_hits(hits: u32) -> Self {
        let listed = if hits > LISTED_MIN { vec![0; LISTED_WORDS] } else { Vec::new() };
        Self { listed, others: HashMap::new() }
    }

    fn add(&mut self, term: u32) {
        match self.listed.get_mut(term as usize) {
            Some(count) => *count += 1,
            None => *self.others.entry(term).or_insert(0) += 1,
        }
    }

    /// The words that were seen, with how often.
    fn counts(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let listed =
            (0..).zip(&self.listed).chain(self.others.iter().map(|(term, count)| (*term, count)));
        listed.map(|(term, count)| (term, *count)).filter(|(_, count)| *count > 0)
    }
}

/// The words of each vocabulary, the most used first, as of some time ago.
#[derive(Debug, Default)]
pub(crate) struct FacetLists {
    /// Terms with how many slots they had.
    lists: HashMap<Facet, Vec<(u32, u32)>>,
    /// How many repositories changed since: by so many may a word have become more used.
    drift: u32,
}

impl FacetLists {
    /// Notes a change; true when it is time to [`Self::refresh`].
    pub(crate) fn changed(&mut self, slots: u32) -> bool {
        self.drift += 1;
        self.drift > 1000.max(slots / 100)
    }

    pub(crate) fn refresh(&mut self, terms: &mut Terms) {
        terms.take_new();
        self.drift = 0;
        for facet in Facet::ALL {
            let counted = |term| (term, terms.slots_of_term(term).len());
            let mut list: Vec<(u32, u32)> =
                terms.in_space(Space::facet(facet)).map(counted).collect();
            list.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
            self.lists.insert(facet, list);
        }
    }
}

impl State {
    /// Counts the words of a vocabulary among `hits`.
    pub(crate) fn count_facets(
        &self,
        hits: &Set,
        wanted: &[(Facet, usize)],
    ) -> Vec<(Facet, Vec<FacetCount>)> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let capped = |limit: usize| limit.min(SearchRequest::FACET_WORDS_MAX);
        if hits.len() <= SMALL_MAX.max(self.slots.universe() / SMALL_PART) {
            let counts = self.count_each(hits, wanted);
            let top = |(facet, limit): &(Facet, usize)| {
                (*facet, self.top_words(counts[*facet as usize].clone(), capped(*limit)))
            };
            return wanted.iter().map(top).collect();
        }
        let dense = match hits {
            Set::Dense(set) => set,
            Set::Sparse(slots) => &slots.iter().copied().collect(),
        };
        wanted
            .iter()
            .map(|(facet, limit)| (*facet, self.count_large(dense, *facet, capped(*limit))))
            .collect()
    }

    /// The words of each vocabulary, by its place among all of them.
    fn count_each(
        &self,
        hits: &Set,
        wanted: &[(Facet, usize)],
    ) -> [Vec<(u32, u32)>; Facet::ALL.len()] {
        let mut vocabularies: [Option<Facet>; Space::NUMBERS] = [None; Space::NUMBERS];
        for (facet, _) in wanted {
            vocabularies[Space::facet(*facet).number()] = Some(*facet);
        }
        let vocabulary = |term: u32| vocabularies[self.terms.space(term).number()];
        let mut tally = Tally::for_hits(hits.len());
        hits.for_each(|slot| {
            self.terms
                .of_slot(slot)
                .filter(|term| vocabulary(*term).is_some())
                .for_each(|term| tally.add(term));
        });
        let mut counts: [Vec<(u32, u32)>; Facet::ALL.len()] = Default::default();
        for (term, count) in tally.counts() {
            if let Some(facet) = vocabulary(term) {
                counts[facet as usize].push((term, count));
            }
        }
        counts
    }

    fn count_large(&self, hits: &BitSet, facet: Facet, limit: usize) -> Vec<FacetCount> {
        let space = Space::facet(facet);
        let mut counts: Vec<(u32, u32)> = Vec::new();
        // The counts of the best so far, least first: what a word must reach to be shown.
        let mut best: std::collections::BinaryHeap<std::cmp::Reverse<u32>> = Default::default();
        let mut take = |term: u32| {
            let count = match self.terms.slots_of_term(term) {
                View::Dense(set, _) => hits.and_len(set),
                View::Slice(slots) => {
                    slots.iter().filter(|slot| hits.contains(**slot)).count() as u32
                }
            };
            if count > 0 {
                counts.push((term, count));
                best.push(std::cmp::Reverse(count));
                if best.len() > limit {
                    best.pop();
                }
            }
            if best.len() < limit { 0 } else { best.peek().map_or(0, |least| least.0) }
        };
        let is_ours = |term: &u32| self.terms.space(*term) == space;
        let mut new: Vec<u32> = self.terms.new_terms().iter().copied().filter(is_ours).collect();
        new.sort_unstable();
        new.dedup();
        new.iter().for_each(|term| {
            take(*term);
        });
        let list = self.facets.lists.get(&facet).map_or(&[][..], Vec::as_slice);
        let mut enough = 0;
        for (term, once) in list {
            if *once + self.facets.drift < enough {
                break;
            }
            if is_ours(term) && new.binary_search(term).is_err() {
                enough = take(*term);
            }
        }
        self.top_words(counts, limit)
    }

    /// The most frequent, equal ones by name.
    fn top_words(&self, mut counts: Vec<(u32, u32)>, limit: usize) -> Vec<FacetCount> {
        let order = |left: &(u32, u32), right: &(u32, u32)| {
            right.1.cmp(&left.1).then_with(|| self.terms.word(left.0).cmp(self.terms.word(right.0)))
        };
        if counts.len() > limit && limit > 0 {
            counts.select_nth_unstable_by(limit - 1, order);
        }
        counts.truncate(limit);
        counts.sort_unstable_by(order);
        let count = |(term, count): (u32, u32)| FacetCount {
            word: self.terms.word(term).to_owned(),
            count: u64::from(count),
        };
        counts.into_iter().map(count).collect()
    }
}
