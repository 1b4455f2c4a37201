//! Which repositories have the words, best first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use tantivy::query::{
    BooleanQuery, ConstScoreQuery, EnableScoring, Occur, PhraseQuery, Query, TermQuery,
    TermSetQuery,
};
use tantivy::schema::IndexRecordOption;
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DocSet, Searcher, SegmentReader, Term};

use super::TextError;
use super::index::TextIndex;
use super::tokens::each_token;
use crate::request::TextHit;

/// Words of a search that count; the rest is left out.
pub const WORDS_MAX: usize = 16;
/// Tokens of one word that count: of a quoted phrase, or of an id.
const WORD_TOKENS_MAX: usize = 8;
/// Hits are counted up to here.
const COUNT_MAX: u64 = 10_000;
/// Candidates that are looked at for the sake of the count.
const COUNT_VISITS_MAX: u64 = 100_000;
/// Last hit that can be asked for.
const HITS_MAX: usize = 10_000;

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// The number, or a number that is surely reached.
    pub count: u64,
    /// Whether there are no more than these.
    pub is_exact: bool,
}

/// Which repositories were taken as hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched {
    /// Those that have all the words.
    AllWords,
    /// None has all, so those that have some of them.
    SomeWords,
}

/// A page of hits.
#[derive(Debug, Clone, PartialEq)]
pub struct TextPage {
    /// The hits, best first.
    pub hits: Vec<TextHit>,
    /// How many hits there are on all pages.
    pub total: Total,
    /// Whether they have all the words.
    pub matched: Matched,
}

/// Among which repositories is searched.
enum Scope<'a> {
    Where(&'a dyn Fn(i64) -> bool),
    Among(&'a [i64]),
}

impl TextIndex {
    /// The repositories for which `filter` holds that have all of `words`, or if there are none, some of them.
    ///
    /// A word of several tokens (a quoted phrase, an id) asks for these side by side. Words are literal: nothing in
    /// them is syntax. The filter is asked before a hit takes a place, so it hides without a trace.
    pub fn search(
        &self,
        words: &[String],
        filter: impl Fn(i64) -> bool,
        limit: usize,
        offset: usize,
    ) -> Result<TextPage, TextError> {
        self.search_in(words, &Scope::Where(&filter), limit, offset)
    }

    /// As [`Self::search`], among few repositories: faster than a filter that refuses almost all.
    pub fn search_among(
        &self,
        words: &[String],
        repo_ids: &[i64],
        limit: usize,
        offset: usize,
    ) -> Result<TextPage, TextError> {
        self.search_in(words, &Scope::Among(repo_ids), limit, offset)
    }

    fn search_in(
        &self,
        words: &[String],
        scope: &Scope<'_>,
        limit: usize,
        offset: usize,
    ) -> Result<TextPage, TextError> {
        let searcher = self.reader.searcher();
        let words = self.words(words);
        let mut page = self.page(&searcher, self.all_of(&words), scope, limit, offset)?;
        let tokens: usize = words.iter().map(Vec::len).sum();
        if page.total.count == 0 && tokens > 1 {
            page = self.page(&searcher, self.some_of(&words), scope, limit, offset)?;
            page.matched = Matched::SomeWords;
        }
        Ok(page)
    }

    /// The tokens of each word, without words that have none or say nothing new.
    fn words(&self, words: &[String]) -> Vec<Vec<Term>> {
        let mut found: Vec<Vec<Term>> = Vec::new();
        for word in words.iter().take(WORDS_MAX) {
            let mut tokens = Vec::new();
            each_token(word, |token| {
                tokens.push(Term::from_field_text(self.fields.text, &token.text));
                tokens.len() < WORD_TOKENS_MAX
            });
            if !tokens.is_empty() && !found.contains(&tokens) {
                found.push(tokens);
            }
        }
        found
    }

    fn all_of(&self, words: &[Vec<Term>]) -> Vec<(Occur, Box<dyn Query>)> {
        let query = |tokens: &Vec<Term>| -> Box<dyn Query> {
            match tokens.as_slice() {
                [token] => term_query(token),
                _ => Box::new(PhraseQuery::new(tokens.clone())),
            }
        };
        words.iter().map(|tokens| (Occur::Must, query(tokens))).collect()
    }

    fn some_of(&self, words: &[Vec<Term>]) -> Vec<(Occur, Box<dyn Query>)> {
        words.iter().flatten().map(|token| (Occur::Should, term_query(token))).collect()
    }

    fn page(
        &self,
        searcher: &Searcher,
        mut clauses: Vec<(Occur, Box<dyn Query>)>,
        scope: &Scope<'_>,
        limit: usize,
        offset: usize,
    ) -> Result<TextPage, TextError> {
        let matched = Matched::AllWords;
        if clauses.is_empty() {
            return Ok(TextPage {
                hits: Vec::new(),
                total: Total { count: 0, is_exact: true },
                matched,
            });
        }
        let everything = |_| true;
        let filter: &dyn Fn(i64) -> bool = match scope {
            Scope::Where(filter) => filter,
            Scope::Among(repo_ids) => {
                let ids = repo_ids.iter().map(|id| Term::from_field_i64(self.fields.repo_id, *id));
                let among = ConstScoreQuery::new(Box::new(TermSetQuery::new(ids)), 0.0);
                clauses = vec![
                    (Occur::Must, Box::new(BooleanQuery::new(clauses))),
                    (Occur::Must, Box::new(among)),
                ];
                &everything
            }
        };
        let query: Box<dyn Query> = match clauses.len() {
            1 => clauses.remove(0).1,
            _ => Box::new(BooleanQuery::new(clauses)),
        };
        let wanted = offset.saturating_add(limit).min(HITS_MAX);
        let best = best(searcher, query.as_ref(), filter, wanted)?;
        let total = match best.are_all {
            true => Total { count: best.hits.len() as u64, is_exact: true },
            false => count(searcher, query.as_ref(), filter)?,
        };
        let hits = best.hits.into_iter().skip(offset).collect();
        Ok(TextPage { hits, total, matched })
    }
}

fn term_query(token: &Term) -> Box<dyn Query> {
    Box::new(TermQuery::new(token.clone(), IndexRecordOption::WithFreqs))
}

/// A hit among the best so far; the worst is the greatest.
#[derive(PartialEq)]
struct Place(TextHit);

impl Eq for Place {}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = other.0.score.total_cmp(&self.0.score);
        by_score.then(self.0.repo_id.cmp(&other.0.repo_id))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

struct Best {
    /// Best first.
    hits: Vec<TextHit>,
    /// There were no others.
    are_all: bool,
}

/// The best `wanted` hits. Whole blocks of candidates are skipped once they cannot be among them.
fn best(
    searcher: &Searcher,
    query: &dyn Query,
    filter: &dyn Fn(i64) -> bool,
    wanted: usize,
) -> Result<Best, TextError> {
    let weight = query.weight(EnableScoring::enabled_from_searcher(searcher))?;
    let mut places: BinaryHeap<Place> = BinaryHeap::new();
    let mut are_all = wanted > 0;
    let mut threshold = f32::MIN;
    for segment in searcher.segment_readers().iter().filter(|_| wanted > 0) {
        let ids = repo_ids(segment)?;
        let deleted = segment.alive_bitset();
        weight.for_each_pruning(threshold, segment, &mut |doc, score| {
            let repo_id = ids.get_val(doc);
            if deleted.is_none_or(|alive| alive.is_alive(doc)) && filter(repo_id) {
                places.push(Place(TextHit { repo_id, score }));
                if places.len() > wanted {
                    places.pop();
                    are_all = false;
                }
                if places.len() == wanted {
                    // From here on equal scores are not told of, so there may be others.
                    are_all = false;
                    threshold = places.peek().map_or(threshold, |worst| worst.0.score);
                }
            }
            threshold
        })?;
    }
    Ok(Best { hits: places.into_sorted_vec().into_iter().map(|place| place.0).collect(), are_all })
}

/// The number of hits, as far as it is worth knowing.
fn count(
    searcher: &Searcher,
    query: &dyn Query,
    filter: &dyn Fn(i64) -> bool,
) -> Result<Total, TextError> {
    let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
    let (mut count, mut visits) = (0, 0);
    for segment in searcher.segment_readers() {
        let ids = repo_ids(segment)?;
        let deleted = segment.alive_bitset();
        let mut scorer = weight.scorer(segment, 1.0)?;
        let mut buffer = [0; COLLECT_BLOCK_BUFFER_LEN];
        loop {
            let filled = scorer.fill_buffer(&mut buffer);
            let is_hit = |doc: &&u32| {
                deleted.is_none_or(|alive| alive.is_alive(**doc)) && filter(ids.get_val(**doc))
            };
            count += buffer[..filled].iter().filter(is_hit).count() as u64;
            visits += filled as u64;
            if count > COUNT_MAX || visits >= COUNT_VISITS_MAX {
                return Ok(Total { count: count.min(COUNT_MAX), is_exact: false });
            }
            if filled < buffer.len() {
                break;
            }
        }
    }
    Ok(Total { count, is_exact: true })
}

fn repo_ids(
    segment: &SegmentReader,
) -> Result<std::sync::Arc<dyn tantivy::columnar::ColumnValues<i64>>, TextError> {
    Ok(segment.fast_fields().i64("repo_id")?.first_or_default_col(0))
}
