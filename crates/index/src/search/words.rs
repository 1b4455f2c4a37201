//! Free words: what they find, and how well it fits.

use hashbrown::HashMap;

use crate::names::{Candidates, Pattern};
use crate::orders::{Entry, float, key};
use crate::rank::{name_relevance, score};
use crate::request::SearchRequest;
use crate::search::check::Test;
use crate::search::page::{Window, is_after, take_first};
use crate::search::plan::Plan;
use crate::search::set::Set;
use crate::state::State;

/// So many of the words are looked for in names.
const WORDS_MAX: usize = 16;

fn lower(words: &[String]) -> Vec<String> {
    words.iter().take(WORDS_MAX).map(|word| word.to_ascii_lowercase()).collect()
}

impl State {
    /// What the full-text side found, and what has every word in its id. Ids that may have them are looked into last,
    /// where all else holds: a common word may be in hundreds of thousands.
    pub(super) fn plan_words(&self, plan: &mut Plan<'_>, request: &SearchRequest) {
        let mut text: Vec<u32> =
            request.text.iter().flatten().filter_map(|hit| self.slots.find(hit.repo_id)).collect();
        text.sort_unstable();
        text.dedup();
        let text = Set::Sparse(text);
        let (named, looks) = self.named(&lower(&request.query.words));
        if let Some(named) = named {
            plan.owned(Set::union([text.view(), named.view()].into_iter()), false);
        }
        if !looks.is_empty() {
            plan.check(Test::Words(text, looks), false);
        }
    }

    /// Whose id may have all the words, unless it may be any, and what is left to look for in it.
    fn named(&self, words: &[String]) -> (Option<Set>, Vec<Pattern>) {
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
        (set, looks)
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
