//! What somebody may mean who has typed a part of a name, or a word nobody uses.

use steelyard_core::{RepoKind, Timestamp};

use crate::document::Facet;
use crate::index::Index;
use crate::request::{FacetCount, Hit, SearchRequest, Sort, Viewer};
use crate::state::State;
use crate::terms::Space;

/// Words further from what was typed than this are not meant.
const DISTANCE_MAX: usize = 3;

/// Where a word is looked for that nobody uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vocabulary {
    /// Literal tags.
    Tags,
    /// The words of a facet.
    Facet(Facet),
    /// Namespaces.
    Authors,
}

impl Index {
    /// Repositories whose name begins with what was typed, then those that have it anywhere in their id; each group in
    /// the default ranking, which puts what is in use first.
    pub fn complete(
        &self,
        typed: &str,
        kinds: &[RepoKind],
        viewer: &Viewer,
        limit: usize,
    ) -> Vec<i64> {
        let state = self.state.read();
        let typed = typed.trim();
        let begins = if typed.contains('/') { typed.to_owned() } else { format!("/{typed}") };
        let mut found = state.named_like(&begins, kinds, viewer, limit);
        if found.len() < limit {
            let more = state.named_like(typed, kinds, viewer, limit * 2);
            let new: Vec<i64> =
                more.into_iter().filter(|repo_id| !found.contains(repo_id)).collect();
            found.extend(new.into_iter().take(limit - found.len()));
        }
        found
    }

    /// The words most like one that gives nothing, with how many repositories the viewer would find; at most `limit`.
    pub fn suggest(
        &self,
        vocabulary: Vocabulary,
        word: &str,
        viewer: &Viewer,
        limit: usize,
    ) -> Vec<FacetCount> {
        let space = match vocabulary {
            Vocabulary::Tags => Space::TAG,
            Vocabulary::Facet(facet) => Space::facet(facet),
            Vocabulary::Authors => Space::AUTHOR,
        };
        self.state.read().nearest_words(space, word, viewer, limit)
    }
}

impl State {
    fn named_like(
        &self,
        pattern: &str,
        kinds: &[RepoKind],
        viewer: &Viewer,
        limit: usize,
    ) -> Vec<i64> {
        let request = SearchRequest {
            viewer: viewer.clone(),
            kinds: kinds.to_vec(),
            name_contains: vec![pattern.to_owned()],
            sort: Sort::Relevance,
            limit,
            now: Timestamp::from_millis(0),
            ..SearchRequest::default()
        };
        let page = self.search(&request).unwrap_or_default();
        page.hits.iter().map(|Hit { repo_id, .. }| *repo_id).collect()
    }

    fn nearest_words(
        &self,
        space: Space,
        word: &str,
        viewer: &Viewer,
        limit: usize,
    ) -> Vec<FacetCount> {
        let word = word.to_lowercase();
        if word.len() > 64 || word.is_empty() {
            return Vec::new();
        }
        let mut near: Vec<(usize, std::cmp::Reverse<u32>, u32)> = Vec::new();
        for term in self.terms.in_space(space) {
            let other = self.terms.word(term);
            let is_prefix = other.len() > word.len()
                && other.as_bytes()[..word.len()].eq_ignore_ascii_case(word.as_bytes());
            let distance = if is_prefix {
                1
            } else if other.len().abs_diff(word.len()) > DISTANCE_MAX {
                continue;
            } else {
                strsim::osa_distance(&word, &other.to_lowercase())
            };
            if distance > 0 && distance <= DISTANCE_MAX.min(1 + word.len() / 4) {
                near.push((
                    distance,
                    std::cmp::Reverse(self.terms.slots_of_term(term).len()),
                    term,
                ));
            }
        }
        near.sort_unstable();
        let count = |term: u32| {
            let mut count = 0;
            self.terms
                .slots_of_term(term)
                .for_each(|slot| count += u64::from(self.may_see(viewer, slot)));
            FacetCount { word: self.terms.word(term).to_owned(), count }
        };
        let seen = near.into_iter().map(|(_, _, term)| count(term)).filter(|found| found.count > 0);
        seen.take(limit).collect()
    }
}
