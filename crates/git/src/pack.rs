//! Packs: version 2 of git's pack format, and the table of contents that stands in for its index.
//!
//! A [`PackBuilder`] makes small packs in memory, [`gather`] and [`concat`] put packs together without recompressing,
//! [`verify`] reads a pack of unknown origin object by object.

mod builder;
mod concat;
pub(crate) mod entry;
mod gather;
mod toc;
mod verify;
pub(crate) mod zlib;

use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use steelyard_core::Oid;

use crate::GitError;

pub use builder::{BuiltPack, PackBuilder};
pub use concat::{concat, concat_kept};
pub use entry::{EntryHeader, EntryKind};
pub use gather::gather;
pub use toc::{Toc, TocEntry};
pub use verify::{VerifyLimits, verify};

/// Length of a pack's header: `PACK`, version, number of objects.
pub(crate) const HEADER_LEN: usize = 12;
/// Longest chain of deltas that is followed; git never makes chains longer than 4,095.
pub const DELTA_DEPTH_MAX: u32 = 4096;
/// Deepest chain of deltas that packs made here may have (docs: "Storage of repositories").
pub const DELTA_DEPTH_WRITTEN_MAX: u32 = 20;

/// The bytes of a pack, on the heap or mapped from a file.
#[derive(Debug, Clone)]
pub struct PackData {
    bytes: Bytes,
    count: u32,
}

impl PackData {
    /// Wraps the bytes of a pack; checks its header and length, not its trailer.
    pub fn new(bytes: Bytes) -> Result<Self, GitError> {
        let malformed = |rule| GitError::malformed("pack", rule);
        if bytes.len() < HEADER_LEN + Oid::LEN {
            return Err(malformed("is too short"));
        }
        if bytes.len() > u32::MAX as usize {
            return Err(GitError::TooLarge { what: "pack", limit: u32::MAX.into() });
        }
        let word = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|index| bytes[at + index]));
        if &bytes[..4] != b"PACK" || !matches!(word(4), 2 | 3) {
            return Err(malformed("must start with PACK and version 2"));
        }
        let count = word(8);
        // The shortest entry has a header of one byte and a zlib stream of eight.
        if count as usize > (bytes.len() - HEADER_LEN - Oid::LEN) / 9 {
            return Err(malformed("is too short for the number of its objects"));
        }
        Ok(Self { bytes, count })
    }

    /// Maps a pack file into memory.
    ///
    /// The file must stay as it is for as long as the pack is in use: cache files are written under another name,
    /// renamed, and never changed afterwards.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let file = std::fs::File::open(path)?;
        #[expect(unsafe_code, reason = "pack files are immutable once they have their name")]
        // SAFETY: nobody writes to or truncates a pack file after its rename; deletion leaves the mapping intact.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Self::new(Bytes::from_owner(map))
    }

    /// All bytes, trailer included.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Number of objects, as the header says.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The trailer as stored: SHA-1 of everything before it.
    pub fn trailer(&self) -> Oid {
        let start = self.bytes.len() - Oid::LEN;
        Oid::from_slice(&self.bytes[start..]).expect("the slice has the length of an id")
    }

    /// Computes the trailer anew and compares.
    pub fn check_trailer(&self) -> Result<(), GitError> {
        if crate::object::checksum(self.body()) == self.trailer() {
            Ok(())
        } else {
            Err(GitError::malformed("pack", "does not match its checksum"))
        }
    }

    /// Everything before the trailer.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - Oid::LEN]
    }

    /// Parses the header of the entry at `offset`.
    pub fn entry(&self, offset: u32) -> Result<EntryHeader, GitError> {
        entry::parse(self.body(), offset)
    }

    /// Inflates what the entry holds: content or delta.
    pub fn inflate(&self, header: &EntryHeader, limit: u64) -> Result<Vec<u8>, GitError> {
        Ok(self.inflate_counted(header, limit)?.0)
    }

    /// Inflates, and says where the entry ends.
    pub(crate) fn inflate_counted(
        &self,
        header: &EntryHeader,
        limit: u64,
    ) -> Result<(Vec<u8>, usize), GitError> {
        if header.size > limit {
            return Err(GitError::TooLarge { what: "object", limit });
        }
        let (data, used) = zlib::inflate(&self.body()[header.data_offset..], header.size)?;
        Ok((data, header.data_offset + used))
    }
}

/// A pack together with its table of contents.
#[derive(Debug)]
pub struct Pack {
    data: PackData,
    toc: Toc,
    by_offset: OnceLock<Vec<u32>>,
}

impl Pack {
    /// Joins a pack with its table of contents; both must tell of the same number of objects.
    pub fn new(data: PackData, toc: Toc) -> Result<Self, GitError> {
        if data.count() as usize != toc.len() {
            return Err(GitError::malformed("table of contents", "is of another pack"));
        }
        Ok(Self { data, toc, by_offset: OnceLock::new() })
    }

    /// The bytes.
    pub fn data(&self) -> &PackData {
        &self.data
    }

    /// The table of contents.
    pub fn toc(&self) -> &Toc {
        &self.toc
    }

    /// The objects outside the pack that its deltas rest on, in order; a pack with none can stand alone.
    pub fn foreign_bases(&self) -> Result<Vec<Oid>, GitError> {
        let mut bases = Vec::new();
        for record in self.toc.iter() {
            if let EntryKind::RefDelta { base } = self.data.entry(record.offset)?.kind
                && self.toc.find(&base).is_none()
            {
                bases.push(base);
            }
        }
        bases.sort_unstable();
        bases.dedup();
        Ok(bases)
    }

    /// The id of the object whose entry starts at `offset`.
    pub(crate) fn oid_at(&self, offset: u32) -> Option<Oid> {
        let order = self.by_offset.get_or_init(|| self.toc.by_offset());
        let at = |index: &u32| self.toc.entry(*index as usize).offset;
        let place = order.binary_search_by_key(&offset, at).ok()?;
        Some(self.toc.entry(order[place] as usize).oid)
    }
}

#[cfg(test)]
mod tests;
