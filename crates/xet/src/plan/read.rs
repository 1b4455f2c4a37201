//! What the hub reads and decodes to serve a range itself.

use std::ops::Range;

use super::{Cut, PlanError, trim};
use crate::table::ChunkTable;
use crate::terms::Term;

/// Most stored bytes of one [`Piece`].
pub const PIECE_STORED_BYTES_MAX: u32 = 4 << 20;
/// Most bytes of one [`Piece`]'s chunks, uncompressed: what compresses well takes little to store and much to decode.
pub const PIECE_RAW_BYTES_MAX: u32 = 8 << 20;

/// How long a [`Piece`] may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceLimits {
    /// Most stored bytes; a longer chunk is a piece of its own.
    pub stored_bytes: u32,
    /// Most bytes of its chunks, uncompressed; a longer chunk is a piece of its own.
    pub raw_bytes: u32,
}

impl Default for PieceLimits {
    fn default() -> Self {
        Self { stored_bytes: PIECE_STORED_BYTES_MAX, raw_bytes: PIECE_RAW_BYTES_MAX }
    }
}

impl PieceLimits {
    /// True when one piece may have these stored bytes and so many raw bytes.
    fn fit(&self, stored: &Range<u32>, raw_len: u32) -> bool {
        stored.end - stored.start <= self.stored_bytes && raw_len <= self.raw_bytes
    }
}

/// A term and the part of its raw bytes that a range takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    term: Term,
    /// Never empty, and within the term.
    part: Range<u32>,
}

/// One read from a xorb: whole chunks, of which a part is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The xorb.
    pub xorb_id: i64,
    /// Where the chunks lie in the stored xorb.
    pub stored: Range<u32>,
    /// Bytes to leave out of the decoded chunks at their start.
    pub skip: u32,
    /// Bytes to take behind those.
    pub take: u32,
    /// Bytes of the decoded chunks together.
    pub raw_len: u32,
}

impl Cut<'_> {
    /// The terms of the range in order, so that a long file can be planned by and by: a few spans are taken, the tables that
    /// they need are loaded, and [`pieces`] says what to read.
    pub fn spans(&self) -> impl Iterator<Item = Span> + '_ {
        self.parts().map(|(term, part)| Span { term, part })
    }
}

impl Span {
    /// A part of a term; `None` when it is empty or not within the term.
    pub fn new(term: Term, part: Range<u32>) -> Option<Self> {
        (part.start < part.end && part.end <= term.raw_len).then_some(Self { term, part })
    }

    /// The xorb of the term.
    pub fn xorb_id(&self) -> i64 {
        self.term.xorb_id
    }

    /// True when [`pieces`] needs the chunk table of the term's xorb, because not the whole term is wanted or because it is too
    /// long for one piece.
    pub fn needs_table(&self) -> bool {
        self.needs_table_within(&PieceLimits::default())
    }

    /// As [`Self::needs_table`], for [`pieces_within`].
    pub fn needs_table_within(&self, limits: &PieceLimits) -> bool {
        self.part != (0..self.term.raw_len) || !limits.fit(&self.term.stored, self.term.raw_len)
    }
}

/// Plans the reading of spans that follow each other. The bytes that the pieces take, one after the other, are the spans'.
///
/// `table` must know the xorbs of the spans that [need it](Span::needs_table). What lies side by side in a xorb is read
/// together.
pub fn pieces<'t>(
    spans: impl IntoIterator<Item = Span>,
    table: impl Fn(i64) -> Option<&'t ChunkTable>,
) -> Result<Vec<Piece>, PlanError> {
    pieces_within(spans, &PieceLimits::default(), table)
}

/// As [`pieces`], in pieces of the caller's choice.
pub fn pieces_within<'t>(
    spans: impl IntoIterator<Item = Span>,
    limits: &PieceLimits,
    table: impl Fn(i64) -> Option<&'t ChunkTable>,
) -> Result<Vec<Piece>, PlanError> {
    let mut pieces = Vec::new();
    for span in spans {
        let Span { term, part } = &span;
        if span.needs_table_within(limits) {
            let table = table(term.xorb_id).ok_or(PlanError::NoTable(term.xorb_id))?;
            split(term, part, table, limits, &mut pieces)?;
        } else {
            let piece = Piece {
                xorb_id: term.xorb_id,
                stored: term.stored.clone(),
                skip: 0,
                take: term.raw_len,
                raw_len: term.raw_len,
            };
            add(limits, &mut pieces, piece);
        }
    }
    Ok(pieces)
}

/// Adds a part of a term in pieces that are not too long.
fn split(
    term: &Term,
    part: &Range<u32>,
    table: &ChunkTable,
    limits: &PieceLimits,
    pieces: &mut Vec<Piece>,
) -> Result<(), PlanError> {
    let unfit = PlanError::Table(term.xorb_id);
    let mut part = part.clone();
    while part.start < part.end {
        let rest = trim(term, &part, table)?;
        let start = rest.chunks.start;
        let upto = |end: u32| {
            let raw = table.raw_range(start..end)?;
            Some((table.stored_range(start..end)?, raw.end - raw.start))
        };
        // The last end with which the piece is not too long; one chunk always fits.
        let (mut low, mut high) = (start + 1, rest.chunks.end);
        while low < high {
            let middle = high - (high - low) / 2;
            let (stored, raw_len) = upto(middle).ok_or(unfit)?;
            if limits.fit(&stored, raw_len) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        let (stored, raw_len) = upto(low).ok_or(unfit)?;
        let take = (raw_len - rest.skip).min(part.end - part.start);
        let piece = Piece { xorb_id: term.xorb_id, stored, skip: rest.skip, take, raw_len };
        add(limits, pieces, piece);
        part.start += take;
    }
    Ok(())
}

/// Adds a piece, to the one before if they lie side by side and are not too long together.
fn add(limits: &PieceLimits, pieces: &mut Vec<Piece>, piece: Piece) {
    if let Some(last) = pieces.last_mut() {
        let continues = last.xorb_id == piece.xorb_id
            && last.stored.end == piece.stored.start
            && last.skip + last.take == last.raw_len
            && piece.skip == 0;
        let joint = last.stored.start..piece.stored.end;
        let raw_len = last.raw_len.saturating_add(piece.raw_len);
        if continues && limits.fit(&joint, raw_len) {
            last.stored = joint;
            last.take += piece.take;
            last.raw_len = raw_len;
            return;
        }
    }
    pieces.push(piece);
}
