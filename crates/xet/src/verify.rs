//! Checks a file of an uploaded shard against the hub's own chunk tables.
//!
//! A shard is a claim. What is registered is what follows from the tables of xorbs that the hub has read itself: each term
//! must name chunks that exist, have the length they have, and carry the hash that only who knows the chunks' hashes can
//! compute; and all chunks together must hash to the name of the file.

use std::borrow::Borrow;
use std::ops::Range;

use steelyard_core::XetHash;

use crate::hash::{FileHasher, range_hash};
use crate::shard::{ShardFile, ShardTerm};
use crate::table::ChunkTable;
use crate::terms::{Term, Terms, TermsError};

/// A file whose recipe gives what its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFile {
    /// Size of the file in bytes.
    pub size: u64,
    /// The runs of chunks, as many as in the shard.
    pub terms: Vec<VerifiedTerm>,
    /// Hash of the file's first chunk, by which clients ask for the file; `None` for the empty file. The chunk is where the
    /// first term starts.
    pub first_chunk: Option<XetHash>,
}

/// A run of chunks of a [`VerifiedFile`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTerm {
    /// The xorb.
    pub xorb: XetHash,
    /// The chunks by their position in the xorb.
    pub chunks: Range<u32>,
    /// Bytes of the run, uncompressed.
    pub raw_len: u32,
    /// Where the run lies in the stored xorb, chunk headers included.
    pub stored: Range<u32>,
}

/// Why a file of a shard cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("file {file}: {fault}")]
pub struct FileError {
    /// Hash of the file, as the shard has it.
    pub file: XetHash,
    /// What is wrong with it.
    pub fault: FileFault,
}

/// What is wrong with a file of a shard. Terms are counted from zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Not one verification entry for each term.
    #[error("{terms} terms, but {entries} verification entries")]
    VerificationCount {
        /// Terms of the file.
        terms: usize,
        /// Verification entries of the file.
        entries: usize,
    },
    /// A term names a xorb that is not there.
    #[error("term {term}: xorb {xorb} does not exist")]
    UnknownXorb {
        /// Position of the term.
        term: usize,
        /// The xorb it names.
        xorb: XetHash,
    },
    /// A term names chunks that its xorb does not have.
    #[error("term {term}: chunks {start}..{end} of xorb {xorb}, which has {count} chunks")]
    OutOfBounds {
        /// Position of the term.
        term: usize,
        /// The xorb it names.
        xorb: XetHash,
        /// First chunk.
        start: u32,
        /// Behind the last chunk.
        end: u32,
        /// Chunks of the xorb.
        count: u32,
    },
    /// A term claims another length than its chunks have.
    #[error("term {term}: {claimed} bytes, but its chunks have {actual}")]
    Length {
        /// Position of the term.
        term: usize,
        /// Bytes as the shard claims.
        claimed: u32,
        /// Bytes of the chunks.
        actual: u32,
    },
    /// A term's verification entry is not the hash of its chunks.
    #[error("term {term}: the verification hash does not match the chunks")]
    RangeHash {
        /// Position of the term.
        term: usize,
    },
    /// The chunks do not give the file.
    #[error("its chunks give another file, {computed}")]
    FileHash {
        /// The file that the chunks give.
        computed: XetHash,
    },
}

/// Checks a file of a shard against the tables of the xorbs it refers to.
///
/// Costs time for each chunk that the terms name ([`ShardLimits::chunks`](crate::ShardLimits) bounds them) and memory for
/// each term.
pub fn verify_file<'a>(
    file: &ShardFile,
    table: impl Fn(&XetHash) -> Option<&'a ChunkTable>,
) -> Result<VerifiedFile, FileError> {
    let mut check = FileCheck::new(file)?;
    while let Some(term) = check.next_term() {
        let table = table(&term.xorb).ok_or_else(|| check.unknown_xorb())?;
        check.add(table)?;
    }
    check.finish()
}

/// The check of [`verify_file`], one term at a time: only the table of the xorb at hand must be in memory.
#[derive(Debug)]
pub struct FileCheck<F = ShardFile> {
    file: F,
    check: Check,
}

impl<F: Borrow<ShardFile>> FileCheck<F> {
    /// Begins with the first term.
    pub fn new(file: F) -> Result<Self, FileError> {
        let ShardFile { hash, terms, range_hashes, .. } = file.borrow();
        if terms.len() != range_hashes.len() {
            let (terms, entries) = (terms.len(), range_hashes.len());
            let fault = FileFault::VerificationCount { terms, entries };
            return Err(FileError { file: *hash, fault });
        }
        let check = Check {
            size: 0,
            terms: Vec::with_capacity(terms.len()),
            first_chunk: None,
            hasher: FileHasher::new(),
            hashes: Vec::new(),
        };
        Ok(Self { file, check })
    }

    /// The file, as the shard has it.
    pub fn file(&self) -> &ShardFile {
        self.file.borrow()
    }

    /// The terms that are still to be checked.
    pub fn open_terms(&self) -> &[ShardTerm] {
        &self.file().terms[self.check.terms.len()..]
    }

    /// The term that is to be checked next.
    pub fn next_term(&self) -> Option<&ShardTerm> {
        self.open_terms().first()
    }

    /// Checks the next term against the table of its xorb. After the last term there is nothing to check.
    pub fn add(&mut self, table: &ChunkTable) -> Result<(), FileError> {
        let index = self.check.terms.len();
        let file = self.file.borrow();
        let (Some(term), Some(claimed)) = (file.terms.get(index), file.range_hashes.get(index))
        else {
            return Ok(());
        };
        let added = self.check.add(index, term, claimed, table);
        added.map_err(|fault| FileError { file: file.hash, fault })
    }

    /// What is wrong when the next term's xorb does not exist.
    pub fn unknown_xorb(&self) -> FileError {
        let term = self.check.terms.len();
        let xorb = self.next_term().map_or(XetHash::ZERO, |term| term.xorb);
        FileError { file: self.file().hash, fault: FileFault::UnknownXorb { term, xorb } }
    }

    /// Checks that all terms together give the file; all of them must have been added.
    pub fn finish(self) -> Result<VerifiedFile, FileError> {
        let Self { file, check } = self;
        let file = file.borrow();
        let computed = check.hasher.finish();
        if computed != file.hash || check.terms.len() != file.terms.len() {
            return Err(FileError { file: file.hash, fault: FileFault::FileHash { computed } });
        }
        Ok(VerifiedFile { size: check.size, terms: check.terms, first_chunk: check.first_chunk })
    }
}

#[derive(Debug)]
struct Check {
    size: u64,
    terms: Vec<VerifiedTerm>,
    first_chunk: Option<XetHash>,
    hasher: FileHasher,
    /// The hashes of one term's chunks; kept for its memory.
    hashes: Vec<XetHash>,
}

impl Check {
    fn add(
        &mut self,
        index: usize,
        term: &ShardTerm,
        claimed: &XetHash,
        table: &ChunkTable,
    ) -> Result<(), FileFault> {
        let chunks = term.chunks.clone();
        let (Some(raw), Some(stored), Some(hashes)) = (
            table.raw_range(chunks.clone()),
            table.stored_range(chunks.clone()),
            table.hashes(chunks.clone()),
        ) else {
            let Range { start, end } = chunks;
            let count = table.len();
            return Err(FileFault::OutOfBounds { term: index, xorb: term.xorb, start, end, count });
        };
        let raw_len = raw.end - raw.start;
        if raw_len != term.raw_len {
            let (claimed, actual) = (term.raw_len, raw_len);
            return Err(FileFault::Length { term: index, claimed, actual });
        }
        self.hashes.clear();
        self.hashes.extend(hashes);
        if range_hash(&self.hashes) != *claimed {
            return Err(FileFault::RangeHash { term: index });
        }
        for (chunk, hash) in chunks.clone().zip(&self.hashes) {
            let len = table.raw_len(chunk).expect("the range lies within the table");
            self.hasher.push(*hash, u64::from(len));
        }
        self.first_chunk = self.first_chunk.or_else(|| self.hashes.first().copied());
        // A term has fewer than 2^32 bytes, and memory does not hold 2^32 terms.
        self.size += u64::from(raw_len);
        self.terms.push(VerifiedTerm { xorb: term.xorb, chunks, raw_len, stored });
        Ok(())
    }
}

impl VerifiedFile {
    /// The terms as the database keeps them, given the id of each xorb.
    pub fn pack(&self, id: impl Fn(&XetHash) -> i64) -> Result<Terms, TermsError> {
        Terms::pack(self.terms.iter().map(|term| Term {
            xorb_id: id(&term.xorb),
            chunks: term.chunks.clone(),
            raw_len: term.raw_len,
            stored: term.stored.clone(),
        }))
    }
}
