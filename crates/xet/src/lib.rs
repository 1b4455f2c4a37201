//! The formats of Xet: how a file is cut into chunks, how chunks are hashed, and how they are packed into xorbs.
//!
//! A file is cut where its own bytes say so ([`chunker`]), so that an insertion moves few of the cuts. Each chunk has a
//! keyed BLAKE3 hash; the hashes of a run of chunks aggregate to the hash of a xorb or of a file ([`hash`]). Chunks are
//! stored in *xorbs*, sequences of up to 8192 chunks and 64 MiB, each chunk behind a header of eight bytes ([`xorb`])
//! and compressed where that pays ([`compress`]). A [`ChunkTable`] says where in its xorb each chunk lies.
//!
//! Everything here is synchronous computation over bytes, compatible with `xet-core-structures` 1.8.0 and the clients
//! built on it. The crate knows nothing of stores, repositories or HTTP. Whatever comes from outside is checked with
//! limits before it costs memory.

pub mod chunker;
pub mod compress;
pub mod dedup;
pub mod hash;
pub mod plan;
pub mod shard;
pub mod subtree;
pub mod table;
pub mod terms;
pub mod verify;
pub mod windows;
pub mod xorb;

pub use chunker::{Chunker, first_cut};
pub use compress::{Compressor, DecompressError, Decompressor, Scheme};
pub use dedup::{DedupError, DedupedFile, FileDeduper, Step};
pub use hash::{
    FileHasher, chunk_hash, file_hash, is_dedup_eligible, keyed, range_hash, xorb_hash,
};
pub use plan::{Cut, PlanError, Reconstruction};
pub use shard::{
    DedupAnswer, DedupChunk, DedupXorb, Shard, ShardError, ShardFile, ShardLimits, ShardTerm,
    parse_shard, write_dedup_shard,
};
pub use table::{ChunkTable, TableBuilder, TableEntry, TableError};
pub use terms::{Term, Terms, TermsError};
pub use verify::{FileCheck, FileError, FileFault, VerifiedFile, VerifiedTerm, verify_file};
pub use xorb::{
    BuiltXorb, CheckedXorb, ChunkFault, Chunks, Compression, PushError, StreamDecoder, XorbBuilder,
    XorbError, check_xorb, decode_chunks,
};

/// Most bytes in one chunk, uncompressed; only the last chunk of a file may have fewer than [`CHUNK_BYTES_MIN`].
pub const CHUNK_BYTES_MAX: usize = 128 * 1024;
/// Fewest bytes in a chunk that is not the last of its file.
pub const CHUNK_BYTES_MIN: usize = 8 * 1024;
/// Bytes of a chunk on average, which the cutting aims at.
pub const CHUNK_BYTES_TARGET: usize = 64 * 1024;
/// Most chunks in one xorb.
pub const XORB_CHUNKS_MAX: usize = 8192;
/// Raw bytes with which a xorb that is built here is full. So do most clients; huggingface.js fills xorbs by their
/// compressed bytes, and one of text may have many times more.
pub const XORB_FILL_BYTES: usize = 64 * 1024 * 1024;
/// Most bytes of one xorb's chunks together, uncompressed: what so many chunks can have.
pub const XORB_RAW_BYTES_MAX: usize = XORB_CHUNKS_MAX * CHUNK_BYTES_MAX;
