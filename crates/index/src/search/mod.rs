//! Answers searches: conditions become sets, sets become a page.

mod check;
mod matching;
mod page;
mod plan;
pub(crate) mod set;
mod words;

use crate::cursor::{Place, WORDS};
use crate::orders::lane;
use crate::request::{Hit, IndexError, SearchPage, SearchRequest, Sort};
use crate::state::State;

use check::narrow;
pub use matching::Matching;
use page::Window;

/// Results up to here are checked to the last before the page is chosen.
const EAGER_MAX: u32 = 2000;

impl State {
    /// Answers a search.
    pub(crate) fn search(&self, request: &SearchRequest) -> Result<SearchPage, IndexError> {
        let by_score = request.sort == Sort::Relevance && !request.query.words.is_empty();
        let order = if by_score { WORDS } else { lane(request.sort) as u8 };
        let after = request
            .cursor
            .as_ref()
            .map(|cursor| Place::decode(cursor, order, request.direction))
            .transpose()?;
        let plan = self.plan(request);
        let (mut set, mut checks) = plan.resolve(&self.slots);
        let counts_all = request.with_total || !request.facets.is_empty();
        if counts_all || by_score || set.len() <= EAGER_MAX {
            narrow(&mut set, &mut checks, &self.slots);
        }
        let window = Window {
            lane: lane(request.sort),
            direction: request.direction,
            after: after.map(|place| (place.key, place.repo_id)),
            moment: after.map_or(self.history.now(), |place| place.moment),
            limit: request.limit.min(SearchRequest::LIMIT_MAX),
        };
        let found = if by_score {
            self.page_by_score(&set, request, &window)
        } else {
            self.page_by_order(&mut set, &mut checks, &window)
        };
        let next = found.last().filter(|_| found.len() > window.limit).and_then(|_| {
            let (key, repo_id, _) = *found.get(window.limit.checked_sub(1)?)?;
            let place =
                Place { order, direction: request.direction, key, repo_id, moment: window.moment };
            Some(place.encode())
        });
        let hit = |(key, repo_id, _): &(u64, i64, u32)| Hit {
            repo_id: *repo_id,
            score: by_score.then(|| words::score_of_key(*key)),
        };
        Ok(SearchPage {
            hits: found.iter().take(window.limit).map(hit).collect(),
            total: request.with_total.then(|| u64::from(set.len())),
            facets: self.count_facets(&set, &request.facets),
            next,
        })
    }
}
