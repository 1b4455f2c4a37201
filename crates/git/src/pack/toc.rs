//! The table of contents of a pack: which object starts where.
//!
//! Stored as 28 bytes per object (id, CRC-32 of the entry, offset; big-endian, sorted by id); git's own `.idx` is
//! made from it when a pack is written to a cache, and read when git made the pack.

use bytes::Bytes;
use steelyard_core::Oid;

use super::HEADER_LEN;
use crate::GitError;
use crate::object::checksum;

/// Length of one record.
const RECORD_LEN: usize = Oid::LEN + 8;
/// Length of an idx file's header and fan-out table.
const IDX_HEAD_LEN: usize = 8 + 256 * 4;
/// Offsets from here on live in the second offset table of an idx file.
const IDX_SMALL_OFFSET_MAX: u32 = 0x7fff_ffff;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TocEntry {
    /// The object.
    pub oid: Oid,
    /// CRC-32 of the entry's bytes, header included.
    pub crc32: u32,
    /// Where the entry starts.
    pub offset: u32,
}

/// The table of contents of a pack, sorted by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toc {
    records: Bytes,
}

impl Toc {
    /// Sorts the entries; no id may occur twice.
    pub fn new(mut entries: Vec<TocEntry>) -> Result<Self, GitError> {
        entries.sort_unstable();
        let mut records = Vec::with_capacity(entries.len() * RECORD_LEN);
        for entry in &entries {
            records.extend_from_slice(entry.oid.as_bytes());
            records.extend_from_slice(&entry.crc32.to_be_bytes());
            records.extend_from_slice(&entry.offset.to_be_bytes());
        }
        Self::decode(records.into())
    }

    /// Reads the stored form.
    pub fn decode(records: Bytes) -> Result<Self, GitError> {
        if !records.len().is_multiple_of(RECORD_LEN) {
            return Err(malformed("is cut short"));
        }
        let toc = Self { records };
        let ids = (0..toc.len()).map(|index| toc.oid_bytes(index));
        if !ids.is_sorted_by(|a, b| a < b) {
            return Err(malformed("must be sorted by id, without duplicates"));
        }
        if toc.iter().any(|entry| (entry.offset as usize) < HEADER_LEN) {
            return Err(malformed("names an entry inside the header"));
        }
        Ok(toc)
    }

    /// The stored form.
    pub fn encode(&self) -> &Bytes {
        &self.records
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.records.len() / RECORD_LEN
    }

    /// True when there is no object.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The record at `index`, which must be below [`Self::len`].
    pub fn entry(&self, index: usize) -> TocEntry {
        let record = &self.records[index * RECORD_LEN..(index + 1) * RECORD_LEN];
        let word = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|byte| record[at + byte]));
        let oid = Oid::from_slice(&record[..Oid::LEN]).expect("the slice has the length of an id");
        TocEntry { oid, crc32: word(Oid::LEN), offset: word(Oid::LEN + 4) }
    }

    /// The records, sorted by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = TocEntry> + '_ {
        (0..self.len()).map(|index| self.entry(index))
    }

    /// The record of an object.
    pub fn find(&self, oid: &Oid) -> Option<TocEntry> {
        let index = self.lower_bound(oid.as_bytes());
        (index < self.len()).then(|| self.entry(index)).filter(|entry| entry.oid == *oid)
    }

    /// The ids that start with a hexadecimal prefix, in order.
    pub fn lookup_prefix(&self, prefix: &str) -> Vec<Oid> {
        let valid = prefix.len() <= 2 * Oid::LEN && prefix.bytes().all(|b| b.is_ascii_hexdigit());
        let Ok(low) = Oid::parse(&format!("{prefix:0<40}")) else { return Vec::new() };
        let Ok(high) = Oid::parse(&format!("{prefix:f<40}")) else { return Vec::new() };
        if !valid {
            return Vec::new();
        }
        let from = self.lower_bound(low.as_bytes());
        let ids = (from..self.len()).map(|index| self.entry(index).oid);
        ids.take_while(|oid| *oid <= high).collect()
    }

    /// Indices of the records in the order of their offsets.
    pub(crate) fn by_offset(&self) -> Vec<u32> {
        let count = u32::try_from(self.len()).expect("the header of a pack counts in u32");
        let mut order: Vec<u32> = (0..count).collect();
        order.sort_unstable_by_key(|index| self.entry(*index as usize).offset);
        order
    }

    /// Writes git's index file, version 2.
    pub fn to_idx_v2(&self, pack_trailer: &Oid) -> Vec<u8> {
        let mut out = Vec::with_capacity(IDX_HEAD_LEN + self.records.len() + 2 * Oid::LEN);
        out.extend_from_slice(b"\xfftOc\0\0\0\x02");
        let mut below = 0u32;
        for first in 0..=255u8 {
            while (below as usize) < self.len() && self.oid_bytes(below as usize)[0] <= first {
                below += 1;
            }
            out.extend_from_slice(&below.to_be_bytes());
        }
        for index in 0..self.len() {
            out.extend_from_slice(self.oid_bytes(index));
        }
        for entry in self.iter() {
            out.extend_from_slice(&entry.crc32.to_be_bytes());
        }
        let mut large: Vec<u32> = Vec::new();
        for entry in self.iter() {
            let word = if entry.offset <= IDX_SMALL_OFFSET_MAX {
                entry.offset
            } else {
                large.push(entry.offset);
                let place = large.len() - 1;
                u32::try_from(place).expect("as many as objects") | (IDX_SMALL_OFFSET_MAX + 1)
            };
            out.extend_from_slice(&word.to_be_bytes());
        }
        for offset in large {
            out.extend_from_slice(&u64::from(offset).to_be_bytes());
        }
        out.extend_from_slice(pack_trailer.as_bytes());
        let checksum = checksum(&out);
        out.extend_from_slice(checksum.as_bytes());
        out
    }

    /// Reads git's index file, version 2; also says the trailer of its pack.
    pub fn from_idx_v2(idx: &[u8]) -> Result<(Self, Oid), GitError> {
        let bad = |rule| GitError::malformed("idx", rule);
        let tail = idx
            .len()
            .checked_sub(2 * Oid::LEN)
            .filter(|tail| *tail >= IDX_HEAD_LEN && idx.starts_with(b"\xfftOc\0\0\0\x02"))
            .ok_or_else(|| bad("must be of version 2"))?;
        let trailer = Oid::from_slice(&idx[tail..tail + Oid::LEN]).expect("twice an id remains");
        if checksum(&idx[..tail + Oid::LEN]).as_bytes() != &idx[tail + Oid::LEN..] {
            return Err(bad("does not match its checksum"));
        }
        let word = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|byte| idx[at + byte]));
        let count = word(IDX_HEAD_LEN - 4) as usize;
        let large_start = IDX_HEAD_LEN + count * RECORD_LEN;
        if large_start > tail || !(tail - large_start).is_multiple_of(8) {
            return Err(bad("has another length than its number of objects demands"));
        }
        let (crcs, offsets) =
            (IDX_HEAD_LEN + count * Oid::LEN, IDX_HEAD_LEN + count * (Oid::LEN + 4));
        let entry = |index: usize| {
            let oid = &idx[IDX_HEAD_LEN + index * Oid::LEN..][..Oid::LEN];
            let mut offset = word(offsets + index * 4);
            if offset > IDX_SMALL_OFFSET_MAX {
                let place = large_start + (offset & IDX_SMALL_OFFSET_MAX) as usize * 8;
                if place + 8 > tail {
                    return Err(bad("names an offset that it does not hold"));
                }
                if word(place) != 0 {
                    return Err(GitError::TooLarge { what: "pack", limit: u32::MAX.into() });
                }
                offset = word(place + 4);
            }
            let oid = Oid::from_slice(oid).expect("the slice has the length of an id");
            Ok(TocEntry { oid, crc32: word(crcs + index * 4), offset })
        };
        let entries = (0..count).map(entry).collect::<Result<_, _>>()?;
        Ok((Self::new(entries)?, trailer))
    }

    fn oid_bytes(&self, index: usize) -> &[u8] {
        &self.records[index * RECORD_LEN..index * RECORD_LEN + Oid::LEN]
    }

    /// The index of the first record whose id is not below `bound`.
    fn lower_bound(&self, bound: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.oid_bytes(middle) < bound {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

fn malformed(rule: &str) -> GitError {
    GitError::malformed("table of contents", rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toc(offsets: &[u32]) -> Toc {
        let entry = |(index, offset): (usize, &u32)| {
            let oid = Oid::new([(index * 37 % 256) as u8; 20]);
            TocEntry { oid, crc32: index as u32, offset: *offset }
        };
        Toc::new(offsets.iter().enumerate().map(entry).collect()).unwrap()
    }

    #[test]
    fn both_forms_round_trip_even_with_offsets_above_2_gib() {
        let toc = toc(&[12, 0x7fff_ffff, 0x8000_0000, 40, u32::MAX]);
        assert_eq!(Toc::decode(toc.encode().clone()).unwrap(), toc);
        let trailer = Oid::new([5; 20]);
        let idx = toc.to_idx_v2(&trailer);
        assert_eq!(Toc::from_idx_v2(&idx).unwrap(), (toc.clone(), trailer));
        for (end, _) in idx.iter().enumerate() {
            assert!(Toc::from_idx_v2(&idx[..end]).is_err());
        }
        for entry in toc.iter() {
            assert_eq!(toc.find(&entry.oid), Some(entry));
        }
        assert_eq!(toc.find(&Oid::new([1; 20])), None);
    }

    #[test]
    fn prefixes_find_every_id_that_starts_so() {
        let toc = toc(&[12; 64]);
        for prefix in ["", "0", "2", "25", "252", "2525252525252525252525252525252525252525", "ff"]
        {
            let expected: Vec<_> = toc
                .iter()
                .map(|entry| entry.oid)
                .filter(|oid| oid.to_string().starts_with(prefix))
                .collect();
            assert_eq!(toc.lookup_prefix(prefix), expected, "{prefix}");
        }
        assert!(toc.lookup_prefix("xy").is_empty());
        assert!(toc.lookup_prefix(&"0".repeat(41)).is_empty());
    }

    #[test]
    fn disorder_and_stumps_are_refused() {
        let good = toc(&[12, 40]).encode().clone();
        assert!(Toc::decode(good.slice(..27)).is_err());
        let mut swapped = good.slice(28..).to_vec();
        swapped.extend_from_slice(&good[..28]);
        assert!(Toc::decode(swapped.into()).is_err());
        assert!(Toc::decode([&good[..28], &good[..28]].concat().into()).is_err());
        let mut inside = good.to_vec();
        inside[27] = 3;
        assert!(Toc::decode(inside.into()).is_err());
    }
}
