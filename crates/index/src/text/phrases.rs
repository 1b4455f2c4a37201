//! Which of some candidates have words side by side.
//!
//! Looking for a phrase in every repository that has its words would read the positions of common words in hundreds of
//! thousands of cards. Here only the best candidates are looked at, so a phrase costs little more than its words.

use tantivy::postings::{Postings, SegmentPostings};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, Searcher, Term};

use super::TextError;
use super::index::Fields;
use super::search::Candidate;

/// Keeps the candidates that have every phrase; their order stays.
pub(super) fn keep_with_phrases(
    searcher: &Searcher,
    fields: Fields,
    phrases: &[&[Term]],
    candidates: &mut Vec<Candidate>,
) -> Result<(), TextError> {
    let mut by_place: Vec<usize> = (0..candidates.len()).collect();
    by_place.sort_unstable_by_key(|at| (candidates[*at].segment, candidates[*at].doc));
    let mut has_all = vec![false; candidates.len()];
    for group in
        by_place.chunk_by(|one, other| candidates[*one].segment == candidates[*other].segment)
    {
        let segment =
            searcher.segment_reader(candidates[group[0]].segment).inverted_index(fields.text)?;
        let mut open = Vec::new();
        for phrase in phrases {
            let postings = phrase.iter().map(|token| {
                segment.read_postings(token, IndexRecordOption::WithFreqsAndPositions)
            });
            open.push(postings.collect::<Result<Option<Vec<_>>, _>>()?);
        }
        // A token that the segment lacks is in none of its documents.
        let Some(mut open) = open.into_iter().collect::<Option<Vec<Vec<SegmentPostings>>>>() else {
            continue;
        };
        for at in group {
            has_all[*at] = open.iter_mut().all(|phrase| has_phrase(phrase, candidates[*at].doc));
        }
    }
    let mut has_all = has_all.into_iter();
    candidates.retain(|_| has_all.next().unwrap_or(false));
    Ok(())
}

/// True when the tokens stand side by side in `doc`, which is not before any that was asked for.
fn has_phrase(tokens: &mut [SegmentPostings], doc: u32) -> bool {
    let (mut begins, mut positions) = (Vec::new(), Vec::new());
    for (distance, token) in (0..).zip(tokens.iter_mut()) {
        if token.doc() < doc {
            token.seek(doc);
        }
        if token.doc() != doc {
            return false;
        }
        token.positions(&mut positions);
        if distance == 0 {
            begins.clone_from(&positions);
        } else {
            begins.retain(|begin| positions.binary_search(&(begin + distance)).is_ok());
        }
        if begins.is_empty() {
            return false;
        }
    }
    true
}
