//! The answer to a reconstruction query.

use std::collections::HashMap;
use std::ops::Range;

use super::{Cut, PlanError, trim};
use crate::table::ChunkTable;

/// What a client fetches and puts together to get a range of a file (`QueryReconstructionResponseV2`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconstruction {
    /// The runs of chunks whose bytes, one after the other, hold the range.
    pub terms: Vec<ReconstructionTerm>,
    /// What to fetch, one entry for each xorb, in the order of first use. Each term lies within one of the ranges of its
    /// xorb.
    pub fetches: Vec<XorbFetch>,
    /// Bytes of the first term before the range starts. What the last term has behind the range's end is for the client to
    /// cut off.
    pub offset_into_first_range: u64,
}

/// One run of chunks of a [`Reconstruction`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconstructionTerm {
    /// The xorb.
    pub xorb_id: i64,
    /// The chunks by their position in the xorb.
    pub chunks: Range<u32>,
    /// Bytes of the run, uncompressed.
    pub raw_len: u32,
}

/// The parts of one xorb that a [`Reconstruction`] needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XorbFetch {
    /// The xorb.
    pub xorb_id: i64,
    /// The parts in the order of the xorb; between any two there are chunks that are not needed.
    pub ranges: Vec<FetchRange>,
}

/// A run of chunks to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRange {
    /// The chunks by their position in the xorb.
    pub chunks: Range<u32>,
    /// Where they lie in the stored xorb, chunk headers included.
    pub stored: Range<u32>,
}

impl Cut<'_> {
    /// Plans the fetching of the range, without the chunks of the first and the last term that the range does not need.
    ///
    /// `table` must know the xorbs of [`Self::xorbs_to_open`]. Terms are never joined or split, because clients that edit a
    /// file match them with the terms they registered.
    pub fn reconstruction<'t>(
        &self,
        table: impl Fn(i64) -> Option<&'t ChunkTable>,
    ) -> Result<Reconstruction, PlanError> {
        let mut plan = Reconstruction::default();
        let mut places: HashMap<i64, usize> = HashMap::new();
        for (index, (term, part)) in self.parts().enumerate() {
            let xorb_id = term.xorb_id;
            let (chunks, stored, raw_len) = if part == (0..term.raw_len) {
                (term.chunks, term.stored, term.raw_len)
            } else {
                let table = table(xorb_id).ok_or(PlanError::NoTable(xorb_id))?;
                let trimmed = trim(&term, &part, table)?;
                if index == 0 {
                    plan.offset_into_first_range = u64::from(trimmed.skip);
                }
                (trimmed.chunks, trimmed.stored, trimmed.raw_len)
            };
            let place = *places.entry(xorb_id).or_insert_with(|| {
                plan.fetches.push(XorbFetch { xorb_id, ranges: Vec::new() });
                plan.fetches.len() - 1
            });
            plan.fetches[place].ranges.push(FetchRange { chunks: chunks.clone(), stored });
            plan.terms.push(ReconstructionTerm { xorb_id, chunks, raw_len });
        }
        plan.fetches.iter_mut().for_each(|fetch| merge(&mut fetch.ranges));
        Ok(plan)
    }
}

/// Sorts ranges and joins those that touch or overlap.
fn merge(ranges: &mut Vec<FetchRange>) {
    ranges.sort_unstable_by_key(|range| (range.chunks.start, range.chunks.end));
    ranges.dedup_by(|next, merged| {
        let joins = next.chunks.start <= merged.chunks.end;
        if joins && next.chunks.end > merged.chunks.end {
            merged.chunks.end = next.chunks.end;
            merged.stored.end = next.stored.end;
        }
        joins
    });
}
