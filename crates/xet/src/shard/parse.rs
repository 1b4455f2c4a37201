//! Reads the files of an uploaded shard.
//!
//! Counts in a shard are claims. Each is compared with the bytes that are left before anything is allocated for it, so that
//! a shard never costs more memory than its own length justifies.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use steelyard_core::{Sha256, XetHash};

use super::{
    CHUNK_LOOKUP_LEN, END_OF_SECTION, FOOTER_LEN, FOOTER_VERSION, HEADER_VERSION, LOOKUP_LEN,
    RECORD_LEN, Shard, ShardEntry, ShardError, ShardFault, ShardFile, ShardLimits, ShardTerm, TAG,
};

/// Flag of a file with a verification entry for each term (`MDB_FILE_FLAG_WITH_VERIFICATION`).
const WITH_VERIFICATION: u32 = 1 << 31;
/// Flag of a file with a metadata entry, which holds its SHA-256 (`MDB_FILE_FLAG_WITH_METADATA_EXT`).
const WITH_METADATA: u32 = 1 << 30;

/// Reads an uploaded shard: its files with their terms, within limits.
///
/// The section of xorbs is walked through but not read, and a footer may be there or not: the Python client sends none,
/// huggingface.js sends one without lookup tables, old clients one with them. A file that comes twice is one file, because
/// equal hashes are equal contents; the first recipe is kept.
pub fn parse_shard(bytes: &[u8], limits: &ShardLimits) -> Result<Shard, ShardError> {
    if bytes.len() > limits.bytes {
        let fault = too_many("bytes", bytes.len() as u64, limits.bytes as u64);
        return Err(ShardError { entry: ShardEntry::Shard, fault });
    }
    let mut reader = Reader { bytes, position: 0 };
    let has_footer = read_header(&mut reader)?;
    let mut files = Files { limits, terms: 0, chunks: 0, files: Vec::new(), known: HashMap::new() };
    while files.read_next(&mut reader)? {}
    let xorbs_offset = reader.position;
    skip_xorbs(&mut reader)?;
    if has_footer {
        check_footer(&mut reader, xorbs_offset)?;
    } else if !reader.left().is_empty() {
        return Err(ShardEntry::XorbSection.with(ShardFault::Trailing(reader.left().len() as u64)));
    }
    Ok(Shard { files: files.files })
}

impl ShardEntry {
    fn with(self, fault: ShardFault) -> ShardError {
        ShardError { entry: self, fault }
    }
}

fn too_many(what: &'static str, found: u64, limit: u64) -> ShardFault {
    ShardFault::TooMany { what, found, limit }
}

/// The bytes of a shard and how far they were read.
struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn left(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    /// Takes that many bytes for an entry.
    fn take(&mut self, len: u64, entry: ShardEntry) -> Result<&'a [u8], ShardError> {
        let left = self.left();
        let taken = usize::try_from(len).ok().and_then(|len| left.get(..len));
        let Some(taken) = taken else {
            let left = left.len() as u64;
            return Err(entry.with(ShardFault::Truncated { needed: len, left }));
        };
        self.position += taken.len();
        Ok(taken)
    }

    /// Takes that many records for an entry.
    fn take_records(&mut self, count: u64, entry: ShardEntry) -> Result<&'a [u8], ShardError> {
        // Counts are of 32 bits, sometimes doubled; the product does not overflow.
        self.take(count * RECORD_LEN as u64, entry)
    }

    fn take_record(&mut self, entry: ShardEntry) -> Result<Record<'a>, ShardError> {
        self.take_records(1, entry).map(Record)
    }
}

/// A record of 48 bytes: a hash and four numbers.
struct Record<'a>(&'a [u8]);

impl Record<'_> {
    fn hash(&self) -> XetHash {
        XetHash::from_slice(&self.0[..XetHash::LEN]).expect("the slice has 32 bytes")
    }

    fn number(&self, index: usize) -> u32 {
        let at = XetHash::LEN + 4 * index;
        u32::from_le_bytes(self.0[at..at + 4].try_into().expect("the slice has four bytes"))
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("the slice has eight bytes"))
}

/// Reads the header; true when a footer is announced.
fn read_header(reader: &mut Reader<'_>) -> Result<bool, ShardError> {
    let entry = ShardEntry::Header;
    let header = reader.take_records(1, entry)?;
    if header[..TAG.len()] != TAG {
        return Err(entry.with(ShardFault::Tag));
    }
    let version = word(header, 32);
    if version != HEADER_VERSION {
        return Err(entry.with(ShardFault::Version { found: version, expected: HEADER_VERSION }));
    }
    match word(header, 40) {
        0 => Ok(false),
        len if len == FOOTER_LEN as u64 => Ok(true),
        len => Err(entry.with(ShardFault::FooterLen(len))),
    }
}

/// The files read so far, and what they count to.
struct Files<'a> {
    limits: &'a ShardLimits,
    terms: u64,
    chunks: u64,
    files: Vec<ShardFile>,
    known: HashMap<XetHash, usize>,
}

impl Files<'_> {
    /// Reads the next file; false at the end of the section.
    fn read_next(&mut self, reader: &mut Reader<'_>) -> Result<bool, ShardError> {
        let header = reader.take_record(ShardEntry::FileSection)?;
        let hash = header.hash();
        if hash == END_OF_SECTION {
            return Ok(false);
        }
        let index = self.files.len();
        let entry = ShardEntry::File { index, hash };
        let (flags, count) = (header.number(0), u64::from(header.number(1)));
        if flags & !(WITH_VERIFICATION | WITH_METADATA) != 0 {
            return Err(entry.with(ShardFault::Flags(flags)));
        }
        if flags & WITH_VERIFICATION == 0 {
            return Err(entry.with(ShardFault::NoVerification));
        }
        self.count(count).map_err(|fault| entry.with(fault))?;
        let has_sha256 = flags & WITH_METADATA != 0;
        let body = reader.take_records(2 * count + u64::from(has_sha256), entry)?;
        // The body is in memory, so what its length says fits in a usize.
        let (terms, rest) = body.split_at(count as usize * RECORD_LEN);
        let (range_hashes, metadata) = rest.split_at(count as usize * RECORD_LEN);
        let terms = self.read_terms(index, terms)?;
        let range_hashes = records(range_hashes).map(|record| record.hash()).collect();
        let sha256 = has_sha256.then(|| read_sha256(metadata));
        self.add(ShardFile { hash, terms, range_hashes, sha256 })?;
        Ok(true)
    }

    /// Counts one more file and its terms against the limits.
    fn count(&mut self, terms: u64) -> Result<(), ShardFault> {
        let limits = self.limits;
        let files = self.files.len() as u64 + 1;
        self.terms += terms;
        for (what, found, limit) in [
            ("files", files, limits.files),
            ("terms in one file", terms, limits.file_terms),
            ("terms in all files", self.terms, limits.terms),
        ] {
            if found > limit as u64 {
                return Err(too_many(what, found, limit as u64));
            }
        }
        Ok(())
    }

    fn read_terms(&mut self, file: usize, bytes: &[u8]) -> Result<Vec<ShardTerm>, ShardError> {
        let mut terms = Vec::with_capacity(bytes.len() / RECORD_LEN);
        for (index, record) in records(bytes).enumerate() {
            // The first number, flags of the xorb, is reserved and has never been anything but zero.
            let (start, end) = (record.number(2), record.number(3));
            let entry = ShardEntry::Term { file, index };
            if start >= end {
                return Err(entry.with(ShardFault::EmptyRange { start, end }));
            }
            // Fewer than 2^32 terms of fewer than 2^32 chunks: the sum does not overflow.
            self.chunks += u64::from(end - start);
            if self.chunks > self.limits.chunks {
                let fault = too_many("chunks in all files", self.chunks, self.limits.chunks);
                return Err(entry.with(fault));
            }
            let raw_len = record.number(1);
            terms.push(ShardTerm { xorb: record.hash(), chunks: start..end, raw_len });
        }
        Ok(terms)
    }

    fn add(&mut self, file: ShardFile) -> Result<(), ShardError> {
        let index = self.files.len();
        match self.known.entry(file.hash) {
            Entry::Vacant(place) => {
                place.insert(index);
                self.files.push(file);
            }
            Entry::Occupied(place) => {
                let first = &mut self.files[*place.get()];
                if first.sha256.is_some() && file.sha256.is_some() && first.sha256 != file.sha256 {
                    let entry = ShardEntry::File { index, hash: file.hash };
                    return Err(entry.with(ShardFault::Contradiction));
                }
                first.sha256 = first.sha256.or(file.sha256);
            }
        }
        Ok(())
    }
}

fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    bytes.chunks_exact(RECORD_LEN).map(Record)
}

/// The SHA-256 in a metadata entry. Clients write it as they write a Xet hash that prints like the SHA-256, which reverses
/// the bytes of each group of eight.
fn read_sha256(metadata: &[u8]) -> Sha256 {
    let mut bytes = [0; Sha256::LEN];
    bytes.copy_from_slice(&metadata[..Sha256::LEN]);
    bytes.chunks_exact_mut(8).for_each(<[u8]>::reverse);
    Sha256::new(bytes)
}

/// Walks through the section of xorbs.
fn skip_xorbs(reader: &mut Reader<'_>) -> Result<(), ShardError> {
    for index in 0.. {
        let header = reader.take_record(ShardEntry::XorbSection)?;
        if header.hash() == END_OF_SECTION {
            break;
        }
        let chunks = u64::from(header.number(1));
        reader.take_records(chunks, ShardEntry::Xorb { index })?;
    }
    Ok(())
}

/// Checks that the rest is lookup tables and a footer that agrees with what was read.
fn check_footer(reader: &mut Reader<'_>, xorbs_offset: usize) -> Result<(), ShardError> {
    let entry = ShardEntry::Footer;
    let tables_offset = reader.position as u64;
    let Some(tables_len) = reader.left().len().checked_sub(FOOTER_LEN) else {
        let left = reader.left().len() as u64;
        return Err(entry.with(ShardFault::Truncated { needed: FOOTER_LEN as u64, left }));
    };
    let tables_len = tables_len as u64;
    reader.take(tables_len, entry)?;
    let footer_offset = reader.position as u64;
    let footer = reader.take(FOOTER_LEN as u64, entry)?;
    let version = word(footer, 0);
    if version != FOOTER_VERSION {
        return Err(entry.with(ShardFault::Version { found: version, expected: FOOTER_VERSION }));
    }
    let at = |at: usize| word(footer, at);
    let mut offsets = vec![
        ("files", at(8), RECORD_LEN as u64),
        ("xorbs", at(16), xorbs_offset as u64),
        ("footer", at(192), footer_offset),
    ];
    // A footer without lookup tables may leave all six numbers zero (huggingface.js does).
    if (24..72).step_by(8).any(|offset| at(offset) != 0) {
        let table_len = |count: usize, len: usize| at(count).saturating_mul(len as u64);
        let xorb_table = tables_offset.saturating_add(table_len(32, LOOKUP_LEN));
        let chunk_table = xorb_table.saturating_add(table_len(48, LOOKUP_LEN));
        let end = chunk_table.saturating_add(table_len(64, CHUNK_LOOKUP_LEN));
        offsets.push(("file lookup table", at(24), tables_offset));
        offsets.push(("xorb lookup table", at(40), xorb_table));
        offsets.push(("chunk lookup table", at(56), chunk_table));
        offsets.push(("end of the lookup tables", end, footer_offset));
    } else if tables_len > 0 {
        return Err(entry.with(ShardFault::Trailing(tables_len)));
    }
    match offsets.into_iter().find(|(_, found, expected)| found != expected) {
        Some((part, found, expected)) => {
            Err(entry.with(ShardFault::Offset { part, found, expected }))
        }
        None => Ok(()),
    }
}
