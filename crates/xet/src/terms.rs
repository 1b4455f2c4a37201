//! The recipe of a registered file: its runs of chunks, packed as the database keeps them.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::XORB_CHUNKS_MAX;

/// One run of chunks of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The database's id of the xorb.
    pub xorb_id: i64,
    /// The chunks by their position in the xorb; never an empty range.
    pub chunks: Range<u32>,
    /// Bytes of the run, uncompressed.
    pub raw_len: u32,
    /// Where the run lies in the stored xorb, chunk headers included.
    pub stored: Range<u32>,
}

/// The terms of a file in order. Cloning it copies no term.
///
/// Packed a term has 28 bytes: xorb id (u64), first chunk, end of the chunks, raw bytes, start and end of the stored bytes
/// (u32 each), all little endian.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    packed: Bytes,
    total_raw: u64,
}

/// Terms that no file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Not a whole number of terms.
    #[error("terms of {0} bytes are not a whole number of terms of 28 bytes")]
    Length(usize),
    /// A term whose xorb has no id, or whose ranges or length no run of chunks has.
    #[error("term {index} has an impossible {field}")]
    Impossible {
        /// The term, counted from zero.
        index: usize,
        /// What is wrong with it.
        field: &'static str,
    },
}

impl Term {
    /// The name of the field with a value that no run of chunks has.
    fn impossible(&self) -> Option<&'static str> {
        // A chunk has one raw byte and its header of eight bytes at least.
        let count = self.chunks.end.saturating_sub(self.chunks.start);
        let stored_len = self.stored.end.saturating_sub(self.stored.start);
        let is_run = count > 0 && self.chunks.end as usize <= XORB_CHUNKS_MAX;
        [
            (self.xorb_id > 0, "xorb id"),
            (is_run, "range of chunks"),
            (self.raw_len >= count, "length"),
            (u64::from(stored_len) > 8 * u64::from(count), "range of stored bytes"),
        ]
        .into_iter()
        .find_map(|(holds, field)| (!holds).then_some(field))
    }

    fn unpack(packed: &[u8]) -> Self {
        let number = |at: usize| {
            let bytes = packed[at..at + 4].try_into().expect("the slice has four bytes");
            u32::from_le_bytes(bytes)
        };
        let id = packed[..8].try_into().expect("the slice has eight bytes");
        Self {
            xorb_id: i64::from_le_bytes(id),
            chunks: number(8)..number(12),
            raw_len: number(16),
            stored: number(20)..number(24),
        }
    }
}

impl Terms {
    /// Bytes of one packed term.
    pub const TERM_LEN: usize = 28;

    /// Packs terms, after checking each. The sum of their lengths fits 64 bits, because each fits 32.
    pub fn pack(terms: impl IntoIterator<Item = Term>) -> Result<Self, TermsError> {
        let terms = terms.into_iter();
        let mut packed = BytesMut::with_capacity(terms.size_hint().0 * Self::TERM_LEN);
        for term in terms {
            packed.put_i64_le(term.xorb_id);
            for number in [
                term.chunks.start,
                term.chunks.end,
                term.raw_len,
                term.stored.start,
                term.stored.end,
            ] {
                packed.put_u32_le(number);
            }
        }
        Self::from_packed(packed.freeze())
    }

    /// Takes packed terms, after checking each.
    pub fn from_packed(packed: Bytes) -> Result<Self, TermsError> {
        if !packed.len().is_multiple_of(Self::TERM_LEN) {
            return Err(TermsError::Length(packed.len()));
        }
        let mut terms = Self { packed, total_raw: 0 };
        let mut total_raw = 0;
        for (index, term) in terms.iter().enumerate() {
            if let Some(field) = term.impossible() {
                return Err(TermsError::Impossible { index, field });
            }
            total_raw += u64::from(term.raw_len);
        }
        terms.total_raw = total_raw;
        Ok(terms)
    }

    /// The terms as the database keeps them.
    pub fn packed(&self) -> &Bytes {
        &self.packed
    }

    /// Number of terms.
    pub fn len(&self) -> usize {
        self.packed.len() / Self::TERM_LEN
    }

    /// True for the empty file, which has no terms.
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Size of the file in bytes.
    pub fn total_raw(&self) -> u64 {
        self.total_raw
    }

    /// A term; `None` beyond the last.
    pub fn get(&self, index: usize) -> Option<Term> {
        (index < self.len()).then(|| {
            let at = index * Self::TERM_LEN;
            Term::unpack(&self.packed[at..at + Self::TERM_LEN])
        })
    }

    /// All terms in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Term> + '_ {
        self.packed.chunks_exact(Self::TERM_LEN).map(Term::unpack)
    }

    /// The term that holds the byte at this offset of the file, and where in the file that term starts; `None` beyond the
    /// last byte. Reads the terms before it: a million of them take about a millisecond.
    pub fn locate(&self, offset: u64) -> Option<(usize, u64)> {
        let mut start = 0;
        for (index, term) in self.iter().enumerate() {
            let end = start + u64::from(term.raw_len);
            if offset < end {
                return Some((index, start));
            }
            start = end;
        }
        None
    }

    /// The ids of the xorbs the file uses, sorted, each once.
    pub fn xorb_ids(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self.iter().map(|term| term.xorb_id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(xorb_id: i64, chunks: Range<u32>, raw_len: u32, stored: Range<u32>) -> Term {
        Term { xorb_id, chunks, raw_len, stored }
    }

    fn three() -> Terms {
        Terms::pack([
            term(7, 0..2, 100, 0..50),
            term(i64::MAX, 8191..8192, 1, 1..u32::MAX),
            term(7, 1..2, 40, 20..50),
        ])
        .unwrap()
    }

    #[test]
    fn packed_terms_come_back() {
        let terms = three();
        assert_eq!((terms.len(), terms.total_raw(), terms.is_empty()), (3, 141, false));
        assert_eq!(terms.packed().len(), 84);
        assert_eq!(terms.packed()[..12], [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(terms.packed()[12..28], [2, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 50, 0, 0, 0]);
        assert_eq!(terms.get(1), Some(term(i64::MAX, 8191..8192, 1, 1..u32::MAX)));
        assert_eq!(terms.get(3), None);
        assert_eq!(terms.xorb_ids(), [7, i64::MAX]);
        assert_eq!(Terms::from_packed(terms.packed().clone()), Ok(terms.clone()));
        assert_eq!(Terms::pack(terms.iter()), Ok(terms));
    }

    #[test]
    fn every_byte_is_found_in_its_term() {
        let terms = three();
        let found = [0, 99, 100, 101, 140, 141, u64::MAX].map(|offset| terms.locate(offset));
        let expected = [
            Some((0, 0)),
            Some((0, 0)),
            Some((1, 100)),
            Some((2, 101)),
            Some((2, 101)),
            None,
            None,
        ];
        assert_eq!(found, expected);
        let empty = Terms::default();
        assert_eq!((empty.locate(0), empty.total_raw(), empty.len()), (None, 0, 0));
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "damaged terms hold such ranges")]
    fn damaged_terms_are_refused() {
        let packed = three().packed().clone();
        assert_eq!(Terms::from_packed(packed.slice(..83)), Err(TermsError::Length(83)));
        let sound = term(1, 3..5, 2, 9..26);
        Terms::pack([sound.clone()]).unwrap();
        for (damaged, field) in [
            (Term { xorb_id: 0, ..sound.clone() }, "xorb id"),
            (Term { xorb_id: -1, ..sound.clone() }, "xorb id"),
            (Term { chunks: 3..3, ..sound.clone() }, "range of chunks"),
            (Term { chunks: 5..3, ..sound.clone() }, "range of chunks"),
            (Term { chunks: 8191..8193, ..sound.clone() }, "range of chunks"),
            (Term { raw_len: 1, ..sound.clone() }, "length"),
            (Term { stored: 9..25, ..sound.clone() }, "range of stored bytes"),
            (Term { stored: 26..9, ..sound.clone() }, "range of stored bytes"),
        ] {
            let refused = Terms::pack([sound.clone(), damaged]);
            assert_eq!(refused, Err(TermsError::Impossible { index: 1, field }));
        }
    }
}
