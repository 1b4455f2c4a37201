//! What is asked of the index, and what it answers.

use steelyard_core::page::Cursor;
use steelyard_core::{RepoKind, Timestamp};

use crate::document::Facet;
use crate::query::{Condition, Query};

/// Who asks: which private repositories are part of the answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Viewer {
    /// Nobody in particular: public repositories.
    #[default]
    Everyone,
    /// Also the private repositories of these owners.
    Sees(Vec<i64>),
    /// An administrator: everything.
    All,
}

/// The order of hits. Equal values are ordered by `repo_id`, in the same direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// When it was created.
    CreatedAt,
    /// When its default branch last changed.
    LastModified,
    /// Downloads of the last 30 days.
    Downloads,
    /// Likes.
    Likes,
    /// The trend weight.
    Trending,
    /// The default ranking: see [`crate::rank`].
    #[default]
    Relevance,
}

/// Which end of the order comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// The greatest value first.
    #[default]
    Descending,
    /// The least value first, for old clients.
    Ascending,
}

/// A restriction by what a repository names in its card.
#[derive(Debug, Clone, PartialEq)]
pub enum Linked {
    /// Names any of these models.
    Models(Vec<String>),
    /// Names any of these data sets.
    Datasets(Vec<String>),
    /// Names any model or data set.
    Any,
}

/// A hit of the full-text side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextHit {
    /// The repository.
    pub repo_id: i64,
    /// The score (BM25).
    pub score: f32,
}

/// A search: everything in it must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// Who asks.
    pub viewer: Viewer,
    /// Any of these kinds; all when empty.
    pub kinds: Vec<RepoKind>,
    /// The parsed query. Its words are found in names and by `text`.
    pub query: Query,
    /// What the full-text side found for the query's words.
    pub text: Option<Vec<TextHit>>,
    /// Literal tags, each of which must be there (`filter=`).
    pub tags: Vec<String>,
    /// The namespace.
    pub author: Option<String>,
    /// Substrings of the id, in any case, each of which must be there (`search=`).
    pub name_contains: Vec<String>,
    /// Further conditions (`gated=`, `num_parameters=`, `apps=`).
    pub conditions: Vec<Condition>,
    /// Restrictions by linked repositories.
    pub linked: Vec<Linked>,
    /// The order.
    pub sort: Sort,
    /// Which end comes first.
    pub direction: Direction,
    /// How many hits; at most [`SearchRequest::LIMIT_MAX`] are given.
    pub limit: usize,
    /// Where the page starts.
    pub cursor: Option<Cursor>,
    /// Vocabularies to be counted, each with how many words to give.
    pub facets: Vec<(Facet, usize)>,
    /// Whether to count all hits. Without, and without facets, a page costs only what it shows.
    pub with_total: bool,
    /// The current time, for conditions that speak of it.
    pub now: Timestamp,
}

impl Default for SearchRequest {
    /// Twenty public repositories of any kind, in the default order.
    fn default() -> Self {
        Self {
            viewer: Viewer::Everyone,
            kinds: Vec::new(),
            query: Query::default(),
            text: None,
            tags: Vec::new(),
            author: None,
            name_contains: Vec::new(),
            conditions: Vec::new(),
            linked: Vec::new(),
            sort: Sort::default(),
            direction: Direction::default(),
            limit: 20,
            cursor: None,
            facets: Vec::new(),
            with_total: false,
            now: Timestamp::from_millis(0),
        }
    }
}

impl SearchRequest {
    /// The most hits on a page.
    pub const LIMIT_MAX: usize = 1000;
    /// The most words given for a facet.
    pub const FACET_WORDS_MAX: usize = 200;
}

/// A repository found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its key.
    pub repo_id: i64,
    /// How well it fits, when the order is [`Sort::Relevance`] and words were asked for.
    pub score: Option<f32>,
}

/// A word of a vocabulary, and how many hits have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCount {
    /// The word.
    pub word: String,
    /// Hits with it.
    pub count: u64,
}

/// One page of a search.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchPage {
    /// The hits in order.
    pub hits: Vec<Hit>,
    /// All hits on all pages as of now, when they were counted.
    pub total: Option<u64>,
    /// The counts, most frequent first, in the order in which the facets were asked for.
    pub facets: Vec<(Facet, Vec<FacetCount>)>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<Cursor>,
}

/// What the index refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The cursor is not one of this order, or not a cursor at all.
    #[error("the cursor does not belong to this listing")]
    Cursor,
}
