//! Searching: what an actor may see of what the index finds, as it is in the database now.

use std::collections::HashMap;

use steelyard_core::OrgRole;
use steelyard_core::page::Cursor;
use steelyard_db::account;
use steelyard_db::repo::RepoRow;
use steelyard_db::stats::{self, StatsRow};
use steelyard_index::{Facet, FacetCount, IndexError, SearchPage, SearchRequest, Viewer};

use crate::repos::may_read;
use crate::{Actor, Error, Hub, Result};

/// A repository that was found.
#[derive(Debug)]
pub struct FoundRepo {
    /// Its record.
    pub row: RepoRow,
    /// Its counters.
    pub stats: StatsRow,
    /// How well it fits, when words were asked for and no other order.
    pub score: Option<f32>,
}

/// One page of what was found.
#[derive(Debug)]
pub struct Found {
    /// The repositories, in order.
    pub repos: Vec<FoundRepo>,
    /// Whether they have all the words that were asked for: where none has, those with some are found.
    pub all_words: bool,
    /// All that fit, on all pages, when it was asked for.
    pub total: Option<u64>,
    /// How many of them have which words, when it was asked for.
    pub facets: Vec<(Facet, Vec<FacetCount>)>,
    /// Where the next page starts.
    pub next: Option<Cursor>,
}

/// Who an actor is to other people's private repositories.
pub(super) struct Sight {
    pub(super) viewer: Viewer,
    roles: HashMap<i64, OrgRole>,
}

impl Hub {
    /// Searches for `actor`; whom the request names as its viewer is not looked at.
    pub async fn search(&self, actor: &Actor, mut request: SearchRequest) -> Result<Found> {
        self.catch_up().await?;
        let sight = self.sight(actor).await?;
        request.viewer = sight.viewer.clone();
        request.now = self.now();
        let page = self.ask_index(request).await?;
        let ids: Vec<i64> = page.hits.iter().map(|hit| hit.repo_id).collect();
        let mut rows = self.rows_in_sight(actor, &sight, &ids).await?;
        let take = |hit: &steelyard_index::Hit| {
            let (row, stats) = rows.remove(&hit.repo_id)?;
            Some(FoundRepo { row, stats, score: hit.score })
        };
        let repos = page.hits.iter().filter_map(take).collect();
        let (total, facets, next) = (page.total, page.facets, page.next);
        Ok(Found { repos, all_words: true, total, facets, next })
    }

    /// What the actor may see.
    pub(super) async fn sight(&self, actor: &Actor) -> Result<Sight> {
        let Some(user) = actor.user() else {
            return Ok(Sight { viewer: Viewer::Everyone, roles: HashMap::new() });
        };
        let mut conn = self.db().read().await?;
        let orgs = account::list_memberships(&mut conn, user.id).await?;
        let roles: HashMap<i64, OrgRole> =
            orgs.into_iter().map(|(org, role)| (org.id, role)).collect();
        let viewer = if user.is_admin {
            Viewer::All
        } else {
            Viewer::Sees(roles.keys().copied().chain([user.id]).collect())
        };
        Ok(Sight { viewer, roles })
    }

    /// A search takes a millisecond or a few, which other requests on this thread can wait for; one that counts or walks
    /// through much does not hold them up.
    async fn ask_index(&self, request: SearchRequest) -> Result<SearchPage> {
        let is_long = request.with_total
            || !request.facets.is_empty()
            || !request.query.terms.is_empty()
            || !request.query.words.is_empty();
        let answer = if is_long {
            let hub = self.clone();
            let search = move || hub.discovery().index().search(&request);
            tokio::task::spawn_blocking(search).await.map_err(Error::internal)?
        } else {
            self.discovery().index().search(&request)
        };
        answer.map_err(|IndexError::Cursor| {
            Error::invalid("cursor", "must be taken from a Link header of this listing")
        })
    }

    /// Those of the repositories that the actor may see now, with their counters.
    pub(super) async fn rows_in_sight(
        &self,
        actor: &Actor,
        sight: &Sight,
        ids: &[i64],
    ) -> Result<HashMap<i64, (RepoRow, StatsRow)>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut conn = self.db().read().await?;
        let mut rows = stats::find_repos_with_stats(&mut conn, ids).await?;
        rows.retain(|(row, _)| may_read(actor, row, sight.roles.get(&row.owner_id).copied()));
        Ok(rows.into_iter().map(|(row, stats)| (row.id, (row, stats))).collect())
    }
}
