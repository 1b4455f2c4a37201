//! Which parts of which xorbs give a range of a file.
//!
//! A [`Cut`] is the part of a file's terms that a range touches. From it follow the two kinds of plan: what a client of the
//! CAS protocol is told to fetch and put together ([`Cut::reconstruction`]), and what the hub itself reads and decodes when
//! it serves plain HTTP ([`Cut::spans`], [`pieces`]).
//!
//! The terms themselves say where they lie, so that whole terms need no more. Only to cut through a term it takes the chunk
//! table of its xorb, which the caller loads beforehand: [`Cut::xorbs_to_open`] says which.

mod fetch;
mod read;

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::table::ChunkTable;
use crate::terms::{Term, Terms};

pub use fetch::{FetchRange, Reconstruction, ReconstructionTerm, XorbFetch};
pub use read::{
    PIECE_RAW_BYTES_MAX, PIECE_STORED_BYTES_MAX, Piece, PieceLimits, Span, pieces, pieces_within,
};

/// The terms of a file that a range of it touches.
#[derive(Debug, Clone)]
pub struct Cut<'a> {
    terms: &'a Terms,
    /// The terms that hold a byte of the range.
    touched: Range<usize>,
    /// Bytes of the first of them that the range leaves out.
    skip: u32,
    /// Bytes of the last of them that the range leaves out.
    drop: u32,
}

/// Why a plan could not be made; the tables and the file do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The table of a xorb is needed and was not given.
    #[error("the chunk table of xorb {0} is missing")]
    NoTable(i64),
    /// The table does not have the chunks that the file takes from the xorb.
    #[error("the chunk table of xorb {0} does not fit the file")]
    Table(i64),
}

impl<'a> Cut<'a> {
    /// The whole file, which may be empty.
    pub fn whole(terms: &'a Terms) -> Self {
        Self { terms, touched: 0..terms.len(), skip: 0, drop: 0 }
    }

    /// The part of the file in this range of its bytes; `None` when the range has no byte of the file. What is beyond the
    /// file's end is left out.
    pub fn range(terms: &'a Terms, range: Range<u64>) -> Option<Self> {
        let last = range.end.min(terms.total_raw()).checked_sub(1)?;
        if range.start > last {
            return None;
        }
        let (first_term, first_start) = terms.locate(range.start)?;
        let (last_term, last_start) = terms.locate(last)?;
        let last_len = u64::from(terms.get(last_term)?.raw_len);
        // Both are less than the length of a term, which is a u32.
        let skip = u32::try_from(range.start - first_start).ok()?;
        let drop = u32::try_from(last_start + last_len - 1 - last).ok()?;
        Some(Self { terms, touched: first_term..last_term + 1, skip, drop })
    }

    /// Number of terms that the range touches.
    pub fn term_count(&self) -> usize {
        self.touched.len()
    }

    /// The xorbs whose chunk tables [`Self::reconstruction`] needs: of the terms that the range cuts through, two at most.
    pub fn xorbs_to_open(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = [
            (self.skip > 0).then_some(self.touched.start),
            (self.drop > 0).then(|| self.touched.end - 1),
        ]
        .into_iter()
        .flatten()
        .filter_map(|index| self.terms.get(index))
        .map(|term| term.xorb_id)
        .collect();
        ids.dedup();
        ids
    }

    /// The touched terms in order, each with the part of its raw bytes that the range takes.
    fn parts(&self) -> impl Iterator<Item = (Term, Range<u32>)> + '_ {
        let last = self.touched.end.saturating_sub(1);
        self.touched.clone().map(move |index| {
            let term = self.terms.get(index).expect("the cut lies within the terms");
            let start = if index == self.touched.start { self.skip } else { 0 };
            let end = if index == last { term.raw_len - self.drop } else { term.raw_len };
            (term, start..end)
        })
    }
}

/// The chunks of a term that hold a part of its raw bytes.
struct Trimmed {
    chunks: Range<u32>,
    stored: Range<u32>,
    raw_len: u32,
    /// Bytes before the part in the first of the chunks.
    skip: u32,
}

/// Leaves out the chunks of a term before and behind a part of its raw bytes.
fn trim(term: &Term, part: &Range<u32>, table: &ChunkTable) -> Result<Trimmed, PlanError> {
    let unfit = PlanError::Table(term.xorb_id);
    let whole = table.raw_range(term.chunks.clone()).ok_or(unfit)?;
    let is_part = part.start < part.end && part.end <= term.raw_len;
    if whole.end - whole.start != term.raw_len || !is_part {
        return Err(unfit);
    }
    let first = table.chunk_at_raw(whole.start + part.start).ok_or(unfit)?;
    let last = table.chunk_at_raw(whole.start + (part.end - 1)).ok_or(unfit)?;
    let chunks = first..last + 1;
    let raw = table.raw_range(chunks.clone()).ok_or(unfit)?;
    let stored = table.stored_range(chunks.clone()).ok_or(unfit)?;
    let skip = whole.start + part.start - raw.start;
    Ok(Trimmed { chunks, stored, raw_len: raw.end - raw.start, skip })
}
