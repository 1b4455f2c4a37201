//! Free words: what they find, and how well it fits.

use hashbrown::HashMap;

use crate::orders::{Entry, float, key};
use crate::rank::{name_relevance, score};
use crate::request::SearchRequest;
use crate::search::page::{Window, is_after, take_first};
use crate::search::set::Set;
use crate::state::State;

use crate::names::{Candidates, Pattern};

/// So many of the words are looked for in names.
const WORDS_MAX: usize = 16;

fn lower(words: &[String]) -> Vec<String> {
    words.iter().take(WORDS_MAX).map(|word| word.to_ascii_lowercase()).collect()
}

impl State {
    /// What the full-text side found, and what has every word in its id.
    pub(super) fn word_hits(&self, request: &SearchRequest) -> Set {
        let mut text: Vec<u32> =
            request.text.iter().flatten().filter_map(|hit| self.slots.find(hit.repo_id)).collect();
        text.sort_unstable();
        text.dedup();
        let text = Set::Sparse(text);
        let names = self.named(&lower(&request.query.words));
        Set::union([text.view(), names.view()].into_iter())
    }

    fn named(&self, words: &[String]) -> Set {
        let mut set: Option<Set> = None;
        let mut looks = Vec::new();
        for word in words {
            let candidates = match self.names.candidates(word) {
                Candidates::Everywhere => continue,
                Candidates::Exact(found) => Some(found),
                Candidates::Among(found) => {
                    looks.push(Pattern::new(word));
                    Some(found)
                }
                Candidates::Unknown => {
                    looks.push(Pattern::new(word));
                    None
                }
            };
            set = match (set, candidates) {
                (Some(mut set), Some(found)) => {
                    set.and(found.view());
                    Some(set)
                }
                (set, found) => set.or(found),
            };
        }
        let mut set = set.unwrap_or_else(|| Set::Dense(self.slots.live.clone()));
        if !looks.is_empty() {
            set.retain(|slot| looks.iter().all(|pattern| pattern.is_in(self.slots.id_bytes(slot))));
        }
        set
    }

    /// The page by score, and one more hit if there is any.
    pub(super) fn page_by_score(
        &self,
        set: &Set,
        request: &SearchRequest,
        window: &Window,
    ) -> Vec<Entry> {
        let overrides = self.overrides_at(window);
        let words = lower(&request.query.words);
        let mut text: HashMap<i64, f32> = HashMap::new();
        for hit in request.text.iter().flatten() {
            let best = text.entry(hit.repo_id).or_insert(hit.score);
            *best = best.max(hit.score);
        }
        let mut found = Vec::new();
        set.for_each(|slot| {
            let rank = match overrides.get(&slot) {
                Some(None) => return,
                Some(Some(was)) => *was,
                None => key(&self.slots, window.lane, slot),
            };
            let repo_id = self.slots.repo_ids[slot as usize];
            let name = name_relevance(&words, self.slots.id(slot));
            let score = score(name, text.get(&repo_id).copied(), score_of_key(rank));
            let entry = (float(score), repo_id, slot);
            found.extend(Some(entry).filter(|_| is_after(window, (entry.0, repo_id))));
        });
        take_first(found, window)
    }
}

/// The number that [`float`] made a key of.
pub(super) fn score_of_key(key: u64) -> f32 {
    let bits = if key >> 63 == 1 { key & !(1 << 63) } else { !key };
    f64::from_bits(bits) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_come_back_from_their_keys() {
        for score in [-3.5_f32, 0.0, 0.25, 17.125, f32::MAX] {
            assert_eq!(score_of_key(float(score)).to_bits(), score.to_bits());
        }
    }
}
