//! Makes a small pack in memory.

use std::collections::HashSet;

use bytes::Bytes;
use steelyard_core::Oid;

use super::entry::{self, EntryKind};
use super::toc::{Toc, TocEntry};
use super::zlib::deflate;
use super::{HEADER_LEN, Pack, PackData};
use crate::GitError;
use crate::object::{ObjectKind, checksum, hash_object};

/// A finished pack.
#[derive(Debug, Clone)]
pub struct BuiltPack {
    /// The bytes, trailer included.
    pub bytes: Bytes,
    /// Its table of contents.
    pub toc: Toc,
    /// SHA-1 of everything before the trailer; git names pack files after it.
    pub trailer: Oid,
}

impl BuiltPack {
    /// The pack, ready to be read.
    pub fn into_pack(self) -> Pack {
        let data = PackData::new(self.bytes).expect("the writer wrote the header");
        Pack::new(data, self.toc).expect("the writer counted the objects")
    }
}

/// Collects objects into a pack; each object is stored once.
#[derive(Debug)]
pub struct PackBuilder {
    writer: PackWriter,
    known: HashSet<Oid>,
}

impl Default for PackBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl PackBuilder {
    /// An empty pack.
    pub fn new() -> Self {
        Self { writer: PackWriter::with_capacity(4096), known: HashSet::new() }
    }

    /// Adds an object whole; says its id.
    pub fn add(&mut self, kind: ObjectKind, data: &[u8]) -> Result<Oid, GitError> {
        let oid = hash_object(kind, data)?;
        self.add_hashed(oid, kind, data)?;
        Ok(oid)
    }

    /// Adds an object whose id the caller has computed.
    pub(crate) fn add_hashed(
        &mut self,
        oid: Oid,
        kind: ObjectKind,
        data: &[u8],
    ) -> Result<(), GitError> {
        if !self.known.insert(oid) {
            return Ok(());
        }
        self.writer.push(oid, EntryKind::Whole(kind), data)
    }

    /// Adds an object as a delta against `base`, an object of the same repository; `content` is what the delta
    /// yields and is only hashed.
    pub fn add_ref_delta(
        &mut self,
        base: Oid,
        delta: &[u8],
        kind: ObjectKind,
        content: &[u8],
    ) -> Result<Oid, GitError> {
        let oid = hash_object(kind, content)?;
        self.add_ref_delta_hashed(oid, base, delta)?;
        Ok(oid)
    }

    /// Adds a delta whose result's id the caller has computed.
    pub(crate) fn add_ref_delta_hashed(
        &mut self,
        oid: Oid,
        base: Oid,
        delta: &[u8],
    ) -> Result<(), GitError> {
        if oid == base {
            return Err(GitError::malformed("delta", "an object cannot be its own base"));
        }
        if !self.known.insert(oid) {
            return Ok(());
        }
        self.writer.push(oid, EntryKind::RefDelta { base }, delta)
    }

    /// True when the object was added.
    pub fn contains(&self, oid: &Oid) -> bool {
        self.known.contains(oid)
    }

    /// Number of objects so far.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// True when nothing was added.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Bytes so far.
    pub fn bytes_len(&self) -> usize {
        self.writer.position()
    }

    /// Writes header and trailer.
    pub fn finish(self) -> Result<BuiltPack, GitError> {
        self.writer.finish()
    }
}

/// Writes entries one after another.
#[derive(Debug)]
pub(crate) struct PackWriter {
    out: Vec<u8>,
    entries: Vec<TocEntry>,
}

impl PackWriter {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut out = Vec::with_capacity(bytes);
        out.extend_from_slice(b"PACK\0\0\0\x02\0\0\0\0");
        debug_assert_eq!(out.len(), HEADER_LEN);
        Self { out, entries: Vec::new() }
    }

    /// Where the next entry will start.
    pub(crate) fn position(&self) -> usize {
        self.out.len()
    }

    /// Appends an entry, deflating its data; an offset base is given as absolute.
    pub(crate) fn push(&mut self, oid: Oid, kind: EntryKind, data: &[u8]) -> Result<(), GitError> {
        let start = self.out.len();
        entry::write(kind, data.len() as u64, &mut self.out);
        deflate(data, &mut self.out);
        let crc32 = crc32fast::hash(&self.out[start..]);
        self.note(oid, start, crc32)
    }

    /// Appends an entry whose zlib stream is at hand.
    pub(crate) fn push_raw(
        &mut self,
        oid: Oid,
        kind: EntryKind,
        size: u64,
        stream: &[u8],
    ) -> Result<(), GitError> {
        let start = self.out.len();
        entry::write(kind, size, &mut self.out);
        self.out.extend_from_slice(stream);
        let crc32 = crc32fast::hash(&self.out[start..]);
        self.note(oid, start, crc32)
    }

    /// Appends the bytes of a whole entry, header and stream, whose CRC-32 is known. It must not be a delta against an
    /// offset.
    pub(crate) fn push_entry(
        &mut self,
        oid: Oid,
        crc32: u32,
        bytes: &[u8],
    ) -> Result<(), GitError> {
        let start = self.out.len();
        self.out.extend_from_slice(bytes);
        self.note(oid, start, crc32)
    }

    fn note(&mut self, oid: Oid, start: usize, crc32: u32) -> Result<(), GitError> {
        if self.out.len() > u32::MAX as usize - Oid::LEN {
            return Err(GitError::TooLarge { what: "pack", limit: u32::MAX.into() });
        }
        let offset = u32::try_from(start).expect("the end fits u32");
        self.entries.push(TocEntry { oid, crc32, offset });
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<BuiltPack, GitError> {
        let Self { mut out, entries } = self;
        let count = u32::try_from(entries.len()).expect("every entry takes bytes, which fit u32");
        out[8..HEADER_LEN].copy_from_slice(&count.to_be_bytes());
        let trailer = checksum(&out);
        out.extend_from_slice(trailer.as_bytes());
        Ok(BuiltPack { bytes: out.into(), toc: Toc::new(entries)?, trailer })
    }
}
