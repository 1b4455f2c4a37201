//! Which repositories have the words, best first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use tantivy::query::{
    BooleanQuery, ConstScoreQuery, EnableScoring, Occur, Query, TermQuery, TermSetQuery,
};
use tantivy::schema::IndexRecordOption;
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DocSet, Searcher, SegmentReader, Term};

use super::TextError;
use super::index::TextIndex;
use super::phrases::keep_with_phrases;
use super::tokens::each_token;
use crate::request::TextHit;

/// Words of a search that count; the rest is left out.
pub const WORDS_MAX: usize = 16;
/// Tokens of one word that count: of a quoted phrase, or of an id.
const WORD_TOKENS_MAX: usize = 8;
/// Candidates with all the words that are looked at for phrases.
const PHRASE_CANDIDATES_MAX: usize = 2000;
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
    /// A word of several tokens (a quoted phrase, an id) asks for these side by side, and is looked for in the best two
    /// thousand that have the tokens. Words are literal: nothing in
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
        let words = self.words(words);
        let mut tokens: Vec<&Term> = Vec::new();
        for token in words.iter().flatten() {
            if !tokens.contains(&token) {
                tokens.push(token);
            }
        }
        let phrases: Vec<&[Term]> =
            words.iter().map(Vec::as_slice).filter(|word| word.len() > 1).collect();
        let search = Search { index: self, searcher: self.reader.searcher(), scope, limit, offset };
        let page = search.page(&tokens, &phrases, Matched::AllWords)?;
        if page.total.count == 0 && tokens.len() > 1 {
            return search.page(&tokens, &[], Matched::SomeWords);
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
}

/// One search of one state of the index.
struct Search<'a> {
    index: &'a TextIndex,
    searcher: Searcher,
    scope: &'a Scope<'a>,
    limit: usize,
    offset: usize,
}

impl Search<'_> {
    fn page(
        &self,
        tokens: &[&Term],
        phrases: &[&[Term]],
        matched: Matched,
    ) -> Result<TextPage, TextError> {
        let nothing = Total { count: 0, is_exact: true };
        if tokens.is_empty() {
            return Ok(TextPage { hits: Vec::new(), total: nothing, matched });
        }
        let everything = |_| true;
        let filter: &dyn Fn(i64) -> bool = match self.scope {
            Scope::Where(filter) => filter,
            Scope::Among(_) => &everything,
        };
        let query = self.query(tokens, matched);
        let wanted = self.offset.saturating_add(self.limit).min(HITS_MAX);
        let looked_at = if phrases.is_empty() { wanted } else { wanted.max(PHRASE_CANDIDATES_MAX) };
        let mut best = best(&self.searcher, query.as_ref(), filter, looked_at)?;
        let total = if phrases.is_empty() && !best.are_all {
            count(&self.searcher, query.as_ref(), filter)?
        } else {
            keep_with_phrases(&self.searcher, self.index.fields, phrases, &mut best.candidates)?;
            Total { count: best.candidates.len() as u64, is_exact: best.are_all }
        };
        let hits = best.candidates.into_iter().skip(self.offset).take(self.limit);
        Ok(TextPage { hits: hits.map(|candidate| candidate.hit).collect(), total, matched })
    }

    /// Documents with all or some of the tokens, in the shape for which tantivy skips what cannot be among the best.
    fn query(&self, tokens: &[&Term], matched: Matched) -> Box<dyn Query> {
        let occur = match matched {
            Matched::AllWords => Occur::Must,
            Matched::SomeWords => Occur::Should,
        };
        let query: Box<dyn Query> = match tokens {
            [token] => term_query(token),
            _ => Box::new(BooleanQuery::new(
                tokens.iter().map(|token| (occur, term_query(token))).collect(),
            )),
        };
        let Scope::Among(repo_ids) = self.scope else {
            return query;
        };
        let ids = repo_ids.iter().map(|id| Term::from_field_i64(self.index.fields.repo_id, *id));
        let among = ConstScoreQuery::new(Box::new(TermSetQuery::new(ids)), 0.0);
        Box::new(BooleanQuery::new(vec![(Occur::Must, query), (Occur::Must, Box::new(among))]))
    }
}

fn term_query(token: &Term) -> Box<dyn Query> {
    Box::new(TermQuery::new(token.clone(), IndexRecordOption::WithFreqs))
}

/// A hit and where it lies.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub hit: TextHit,
    pub segment: u32,
    pub doc: u32,
}

/// A candidate among the best so far; the worst is the greatest.
#[derive(PartialEq)]
struct Place(Candidate);

impl Eq for Place {}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mine, theirs) = (&self.0.hit, &other.0.hit);
        theirs.score.total_cmp(&mine.score).then(mine.repo_id.cmp(&theirs.repo_id))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

struct Best {
    /// Best first.
    candidates: Vec<Candidate>,
    /// There are no others.
    are_all: bool,
}

/// The best `wanted` candidates. Whole blocks are skipped once nothing in them can be one.
fn best(
    searcher: &Searcher,
    query: &dyn Query,
    filter: &dyn Fn(i64) -> bool,
    wanted: usize,
) -> Result<Best, TextError> {
    let weight = query.weight(EnableScoring::enabled_from_searcher(searcher))?;
    let mut places: BinaryHeap<Place> = BinaryHeap::new();
    let mut threshold = f32::MIN;
    for (number, segment) in (0..).zip(searcher.segment_readers()).filter(|_| wanted > 0) {
        let ids = repo_ids(segment)?;
        let deleted = segment.alive_bitset();
        weight.for_each_pruning(threshold, segment, &mut |doc, score| {
            let repo_id = ids.get_val(doc);
            if deleted.is_none_or(|alive| alive.is_alive(doc)) && filter(repo_id) {
                places.push(Place(Candidate {
                    hit: TextHit { repo_id, score },
                    segment: number,
                    doc,
                }));
                if places.len() > wanted {
                    places.pop();
                }
                if places.len() == wanted {
                    threshold = places.peek().map_or(threshold, |worst| worst.0.hit.score);
                }
            }
            threshold
        })?;
    }
    // Once every place was taken, worse ones and equal ones were no longer told of.
    let are_all = places.len() < wanted;
    let candidates = places.into_sorted_vec().into_iter().map(|place| place.0).collect();
    Ok(Best { candidates, are_all })
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
