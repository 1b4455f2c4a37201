//! Shards: how a client tells which files it has uploaded and of which chunks they consist, and how the hub tells which
//! chunks it has.
//!
//! A shard (`MDBShardFile*` in `xet-core-structures`) is a header, a section of files, a section of xorbs, and in some
//! shards lookup tables and a footer. Everything but the tables comes in records of 48 bytes, all numbers little endian;
//! a record whose hash is all ones ends a section. The hub reads the files of an uploaded shard ([`parse_shard`]) and
//! believes nothing it says of xorbs, because it has tables of its own. What it writes ([`write_dedup_shard`]) has xorbs
//! and no files.

mod parse;
mod write;

use std::fmt;
use std::ops::Range;

use steelyard_core::{Sha256, XetHash};

pub use parse::parse_shard;
pub use write::{DedupAnswer, DedupChunk, DedupXorb, write_dedup_shard};

/// First bytes of every shard (`MDB_SHARD_HEADER_TAG`).
const TAG: [u8; 32] = [
    b'H', b'F', b'R', b'e', b'p', b'o', b'M', b'e', b't', b'a', b'D', b'a', b't', b'a', 0, 85, 105,
    103, 69, 106, 123, 129, 87, 131, 165, 189, 217, 92, 205, 209, 74, 169,
];
/// The only version of the header there is (`MDB_SHARD_HEADER_VERSION`).
const HEADER_VERSION: u64 = 2;
/// The only version of the footer there is (`MDB_SHARD_FOOTER_VERSION`).
const FOOTER_VERSION: u64 = 1;
/// Bytes of the header and of every record of both sections.
const RECORD_LEN: usize = 48;
/// Bytes of the footer.
const FOOTER_LEN: usize = 200;
/// Bytes of an entry in the lookup tables of files and of xorbs.
const LOOKUP_LEN: usize = 12;
/// Bytes of an entry in the lookup table of chunks.
const CHUNK_LOOKUP_LEN: usize = 16;
/// The hash of the record that ends a section.
const END_OF_SECTION: XetHash = XetHash::new([0xff; 32]);

/// What an uploaded shard may hold.
#[derive(Debug, Clone, Copy)]
pub struct ShardLimits {
    /// Bytes of the shard.
    pub bytes: usize,
    /// Files in the shard.
    pub files: usize,
    /// Terms of one file.
    pub file_terms: usize,
    /// Terms of all files together.
    pub terms: usize,
    /// Chunks that all terms together refer to: checking them is what a shard costs, and a term of 96 bytes can name
    /// thousands.
    pub chunks: u64,
}

impl Default for ShardLimits {
    /// 64 MiB, 100 000 files, 2^20 terms, and 2^26 chunks, which is 4 TiB in chunks of usual size.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            files: 100_000,
            file_terms: 1 << 20,
            terms: 1 << 20,
            chunks: 1 << 26,
        }
    }
}

/// The files of an uploaded shard, as the client tells them: nothing is checked yet against the xorbs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The files in the order of the shard, each hash once.
    pub files: Vec<ShardFile>,
}

/// One file of an uploaded shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardFile {
    /// Hash of the file.
    pub hash: XetHash,
    /// The runs of chunks that make the file, in order.
    pub terms: Vec<ShardTerm>,
    /// For each term the [`range_hash`](crate::range_hash) of its chunks.
    pub range_hashes: Vec<XetHash>,
    /// SHA-256 of the content, as the client claims it. Clients leave it out where no git repository is written to.
    pub sha256: Option<Sha256>,
}

/// One run of chunks within a xorb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardTerm {
    /// The xorb.
    pub xorb: XetHash,
    /// The chunks by their position in the xorb; never an empty range.
    pub chunks: Range<u32>,
    /// Bytes of the run, uncompressed.
    pub raw_len: u32,
}

/// Why bytes are not an acceptable shard: the entry, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed shard, {entry}: {fault}")]
pub struct ShardError {
    /// The entry with the fault.
    pub entry: ShardEntry,
    /// What is wrong with it.
    pub fault: ShardFault,
}

/// A part of a shard. Files, terms and xorbs are counted from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardEntry {
    /// The shard as a whole.
    Shard,
    /// The header.
    Header,
    /// The record of a file.
    File {
        /// Position in the shard.
        index: usize,
        /// The file's hash as the record has it.
        hash: XetHash,
    },
    /// A term of a file.
    Term {
        /// Position of the file in the shard.
        file: usize,
        /// Position of the term in the file.
        index: usize,
    },
    /// What follows the last file.
    FileSection,
    /// The record of a xorb.
    Xorb {
        /// Position in the shard.
        index: usize,
    },
    /// What follows the last xorb.
    XorbSection,
    /// The lookup tables and the footer.
    Footer,
}

impl fmt::Display for ShardEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shard => f.write_str("the whole"),
            Self::Header => f.write_str("header"),
            Self::File { index, hash } => write!(f, "file {index} ({hash})"),
            Self::Term { file, index } => write!(f, "term {index} of file {file}"),
            Self::FileSection => f.write_str("section of files"),
            Self::Xorb { index } => write!(f, "xorb {index}"),
            Self::XorbSection => f.write_str("section of xorbs"),
            Self::Footer => f.write_str("footer"),
        }
    }
}

/// What is wrong with an entry of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShardFault {
    /// More than the limits allow.
    #[error("{found} {what}, the limit is {limit}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// How many there are, or at least as many.
        found: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// Not the first bytes of a shard.
    #[error("not the tag of a shard")]
    Tag,
    /// A version that nobody has defined.
    #[error("version {found}, not {expected}")]
    Version {
        /// The version in the shard.
        found: u64,
        /// The version there is.
        expected: u64,
    },
    /// The header announces a footer of another length than a footer has.
    #[error("announces a footer of {0} bytes, not 0 or 200")]
    FooterLen(u64),
    /// The bytes end within the entry, or before what it announces.
    #[error("needs {needed} bytes, {left} are left")]
    Truncated {
        /// Bytes it takes.
        needed: u64,
        /// Bytes there are.
        left: u64,
    },
    /// Flags without a meaning; the layout of the entry is then unknown.
    #[error("unknown flags {0:#010x}")]
    Flags(u32),
    /// The file has no verification entries.
    #[error("has no verification entries")]
    NoVerification,
    /// The range of chunks is empty or inverted.
    #[error("chunk range {start}..{end} is empty")]
    EmptyRange {
        /// First chunk.
        start: u32,
        /// Behind the last chunk.
        end: u32,
    },
    /// The same file comes twice with different claims of its SHA-256.
    #[error("comes twice, with different SHA-256")]
    Contradiction,
    /// Bytes behind the end.
    #[error("{0} bytes too many")]
    Trailing(u64),
    /// An offset in the footer is not where the part is.
    #[error("the offset of the {part} is {found}, not {expected}")]
    Offset {
        /// The part of the shard.
        part: &'static str,
        /// What the footer says.
        found: u64,
        /// Where the part is.
        expected: u64,
    },
}
