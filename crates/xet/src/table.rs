//! Where the chunks of a xorb lie: their hashes and both their ends, packed as the database keeps them.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use steelyard_core::XetHash;

use crate::{CHUNK_BYTES_MAX, XORB_CHUNKS_MAX, XORB_RAW_BYTES_MAX};

/// The chunk table of one xorb. Cloning it copies no entry.
///
/// Packed it has 40 bytes for each chunk: hash (32), end of the stored chunk with its header (u32, little endian), end of
/// the raw chunk (u32, little endian). Both ends count from the start of the xorb.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChunkTable {
    packed: Bytes,
}

/// One chunk as a [`ChunkTable`] tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEntry {
    /// Hash of the raw bytes.
    pub hash: XetHash,
    /// Where the chunk lies in the stored xorb, its header included.
    pub stored: Range<u32>,
    /// Where its bytes lie in the xorb's raw bytes.
    pub raw: Range<u32>,
}

/// Bytes that are no chunk table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Not a whole number of entries.
    #[error("a chunk table of {0} bytes is not a whole number of entries of 40 bytes")]
    Length(usize),
    /// More entries than a xorb may have chunks.
    #[error("a chunk table of {0} entries: a xorb has at most 8192 chunks")]
    Count(usize),
    /// An entry whose ends do not fit the one before, or whose length no chunk has.
    #[error("entry {0} of a chunk table has impossible offsets")]
    Offsets(u32),
}

impl ChunkTable {
    /// Bytes of one packed entry.
    pub const ENTRY_LEN: usize = 40;

    /// Takes a packed table, after checking every entry against the limits of a xorb.
    pub fn from_packed(packed: Bytes) -> Result<Self, TableError> {
        if !packed.len().is_multiple_of(Self::ENTRY_LEN) {
            return Err(TableError::Length(packed.len()));
        }
        let count = packed.len() / Self::ENTRY_LEN;
        if count > XORB_CHUNKS_MAX {
            return Err(TableError::Count(count));
        }
        let table = Self { packed };
        match (0..table.len()).find(|index| !table.is_possible(*index)) {
            Some(index) => Err(TableError::Offsets(index)),
            None => Ok(table),
        }
    }

    fn is_possible(&self, index: u32) -> bool {
        let (stored_start, raw_start) = self.ends_before(index);
        let (stored_end, raw_end) = self.ends_before(index + 1);
        let raw_len = raw_end.saturating_sub(raw_start);
        (1..=CHUNK_BYTES_MAX as u32).contains(&raw_len)
            && stored_end > stored_start
            && raw_end <= XORB_RAW_BYTES_MAX as u32
    }

    /// The table as the database keeps it.
    pub fn packed(&self) -> &Bytes {
        &self.packed
    }

    /// Number of chunks.
    pub fn len(&self) -> u32 {
        (self.packed.len() / Self::ENTRY_LEN) as u32
    }

    /// True when the table has no chunk, which no table of a xorb is.
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Bytes of all chunks together, uncompressed.
    pub fn raw_bytes(&self) -> u32 {
        self.ends_before(self.len()).1
    }

    /// Bytes of all chunks together as stored, headers included: the length of the xorb.
    pub fn stored_bytes(&self) -> u32 {
        self.ends_before(self.len()).0
    }

    /// Hash of a chunk; `None` beyond the last.
    pub fn hash(&self, index: u32) -> Option<XetHash> {
        (index < self.len()).then(|| self.hash_at(index))
    }

    /// Uncompressed length of a chunk in bytes; `None` beyond the last.
    pub fn raw_len(&self, index: u32) -> Option<u32> {
        let raw = self.raw_range(index..index.checked_add(1)?)?;
        Some(raw.end - raw.start)
    }

    /// Everything about a chunk; `None` beyond the last.
    pub fn entry(&self, index: u32) -> Option<TableEntry> {
        let one = index..index.checked_add(1)?;
        let (stored, raw) = (self.stored_range(one.clone())?, self.raw_range(one)?);
        Some(TableEntry { hash: self.hash_at(index), stored, raw })
    }

    /// All chunks in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = TableEntry> + '_ {
        (0..self.len()).map(|index| self.entry(index).expect("the index is below the length"))
    }

    /// Hashes of a run of chunks; `None` when the run is empty or not within the xorb.
    pub fn hashes(
        &self,
        chunks: Range<u32>,
    ) -> Option<impl ExactSizeIterator<Item = XetHash> + '_> {
        let chunks = self.checked(chunks)?;
        Some(chunks.map(|index| self.hash_at(index)))
    }

    /// Where a run of chunks lies in the stored xorb, headers included; `None` when the run is empty or not within the
    /// xorb.
    pub fn stored_range(&self, chunks: Range<u32>) -> Option<Range<u32>> {
        let chunks = self.checked(chunks)?;
        Some(self.ends_before(chunks.start).0..self.ends_before(chunks.end).0)
    }

    /// Where the bytes of a run of chunks lie in the xorb's raw bytes; `None` when the run is empty or not within the
    /// xorb.
    pub fn raw_range(&self, chunks: Range<u32>) -> Option<Range<u32>> {
        let chunks = self.checked(chunks)?;
        Some(self.ends_before(chunks.start).1..self.ends_before(chunks.end).1)
    }

    /// The chunk that holds the byte at this raw offset; `None` beyond the last byte.
    pub fn chunk_at_raw(&self, offset: u32) -> Option<u32> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.ends_before(middle + 1).1 <= offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < self.len()).then_some(low)
    }

    fn checked(&self, chunks: Range<u32>) -> Option<Range<u32>> {
        (chunks.start < chunks.end && chunks.end <= self.len()).then_some(chunks)
    }

    fn hash_at(&self, index: u32) -> XetHash {
        let at = index as usize * Self::ENTRY_LEN;
        XetHash::from_slice(&self.packed[at..at + XetHash::LEN]).expect("the slice has 32 bytes")
    }

    /// Where the chunks before this index end: stored, raw.
    fn ends_before(&self, index: u32) -> (u32, u32) {
        let Some(last) = index.checked_sub(1) else {
            return (0, 0);
        };
        let at = last as usize * Self::ENTRY_LEN + XetHash::LEN;
        let word = |at: usize| {
            let bytes = self.packed[at..at + 4].try_into().expect("the slice has four bytes");
            u32::from_le_bytes(bytes)
        };
        (word(at), word(at + 4))
    }
}

/// Makes a [`ChunkTable`], chunk by chunk.
#[derive(Debug, Clone, Default)]
pub struct TableBuilder {
    packed: BytesMut,
    stored_end: u32,
    raw_end: u32,
}

impl TableBuilder {
    /// Starts with no chunk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk: its hash, its stored length with the header, its raw length, both in bytes. An error, and nothing
    /// added, when the chunk or the sum is more than a xorb can have.
    pub fn push(
        &mut self,
        hash: &XetHash,
        stored_len: u32,
        raw_len: u32,
    ) -> Result<(), TableError> {
        let index = self.len();
        if index as usize >= XORB_CHUNKS_MAX {
            return Err(TableError::Count(index as usize + 1));
        }
        let stored_end = self.stored_end.checked_add(stored_len);
        let raw_end = self.raw_end.checked_add(raw_len);
        let (Some(stored_end), Some(raw_end)) = (stored_end, raw_end) else {
            return Err(TableError::Offsets(index));
        };
        let is_chunk = stored_len > 0 && (1..=CHUNK_BYTES_MAX as u32).contains(&raw_len);
        if !is_chunk || raw_end > XORB_RAW_BYTES_MAX as u32 {
            return Err(TableError::Offsets(index));
        }
        self.packed.put_slice(hash.as_bytes());
        self.packed.put_u32_le(stored_end);
        self.packed.put_u32_le(raw_end);
        (self.stored_end, self.raw_end) = (stored_end, raw_end);
        Ok(())
    }

    /// Number of chunks so far.
    pub fn len(&self) -> u32 {
        (self.packed.len() / ChunkTable::ENTRY_LEN) as u32
    }

    /// True while there is no chunk.
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Raw bytes so far.
    pub fn raw_bytes(&self) -> u32 {
        self.raw_end
    }

    /// Stored bytes so far.
    pub fn stored_bytes(&self) -> u32 {
        self.stored_end
    }

    /// The table.
    pub fn finish(self) -> ChunkTable {
        ChunkTable { packed: self.packed.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(byte: u8) -> XetHash {
        XetHash::new([byte; 32])
    }

    fn three() -> ChunkTable {
        let mut builder = TableBuilder::new();
        builder.push(&hash(1), 18, 10).unwrap();
        builder.push(&hash(2), 30, 100).unwrap();
        builder.push(&hash(3), 9, 1).unwrap();
        builder.finish()
    }

    #[test]
    fn ranges_and_lookups_follow_the_ends() {
        let table = three();
        assert_eq!((table.len(), table.raw_bytes(), table.stored_bytes()), (3, 111, 57));
        assert_eq!(table.stored_range(1..3), Some(18..57));
        assert_eq!(table.raw_range(0..2), Some(0..110));
        assert_eq!(table.raw_len(1), Some(100));
        assert_eq!(table.hash(2), Some(hash(3)));
        assert_eq!(table.hashes(0..2).unwrap().collect::<Vec<_>>(), [hash(1), hash(2)]);
        let found: Vec<_> = [0, 9, 10, 109, 110, 111].map(|at| table.chunk_at_raw(at)).into();
        assert_eq!(found, [Some(0), Some(0), Some(1), Some(1), Some(2), None]);
        let entry = TableEntry { hash: hash(2), stored: 18..48, raw: 10..110 };
        assert_eq!(table.entries().nth(1), Some(entry));
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "hostile shards hold such ranges")]
    fn what_is_outside_is_none() {
        let table = three();
        for bad in [0..0, 2..1, 0..4, 3..4, 0..u32::MAX] {
            assert_eq!(table.stored_range(bad.clone()), None);
            assert_eq!(table.raw_range(bad.clone()), None);
            assert!(table.hashes(bad).is_none());
        }
        assert_eq!((table.hash(3), table.raw_len(3), table.entry(u32::MAX)), (None, None, None));
        assert_eq!(ChunkTable::default().chunk_at_raw(0), None);
    }

    #[test]
    fn packed_tables_come_back_and_damaged_ones_are_refused() {
        let table = three();
        let packed = table.packed().clone();
        assert_eq!(packed.len(), 120);
        assert_eq!(packed[32..40], [18, 0, 0, 0, 10, 0, 0, 0]);
        assert_eq!(ChunkTable::from_packed(packed.clone()), Ok(table));
        let refused = |bytes: Vec<u8>| ChunkTable::from_packed(bytes.into()).unwrap_err();
        assert_eq!(refused(packed[..119].to_vec()), TableError::Length(119));
        assert_eq!(refused(vec![0; 8193 * 40]), TableError::Count(8193));
        let damaged = |at: usize, word: u32| {
            let mut bytes = packed.to_vec();
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
            refused(bytes)
        };
        assert_eq!(damaged(40 + 32, 18), TableError::Offsets(1));
        assert_eq!(damaged(40 + 36, 9), TableError::Offsets(1));
        assert_eq!(damaged(40 + 36, 11 + 131_072), TableError::Offsets(1));
        assert_eq!(damaged(80 + 36, u32::MAX), TableError::Offsets(2));
    }

    #[test]
    fn a_builder_refuses_what_no_xorb_has() {
        let mut builder = TableBuilder::new();
        assert_eq!(builder.push(&hash(1), 9, 0), Err(TableError::Offsets(0)));
        assert_eq!(builder.push(&hash(1), 9, 131_073), Err(TableError::Offsets(0)));
        for _ in 0..8192 {
            builder.push(&hash(1), 9, 131_072).unwrap();
        }
        assert_eq!((builder.len(), builder.raw_bytes()), (8192, 1 << 30));
        let mut builder = TableBuilder::new();
        builder.push(&hash(1), u32::MAX, 1).unwrap();
        assert_eq!(builder.push(&hash(1), 1, 1), Err(TableError::Offsets(1)), "the sum wraps");
        let mut builder = TableBuilder::new();
        (0..8192).for_each(|_| builder.push(&hash(1), 9, 1).unwrap());
        assert_eq!(builder.push(&hash(1), 9, 1), Err(TableError::Count(8193)));
    }
}
