//! Xorbs: up to 8192 chunks and 64 MiB in one object, each chunk behind a header of eight bytes.
//!
//! | bytes of a header | |
//! |---|---|
//! | 1 | version, 0 |
//! | 3 | length of what follows, little endian |
//! | 1 | scheme ([`Scheme`]) |
//! | 3 | length of the raw chunk, little endian |
//!
//! So a run of chunks can be read on its own. A client may send a footer behind the last chunk; it tells nothing that
//! the chunks do not, and is dropped. Every way to read chunks here counts them and their bytes before it inflates
//! anything.

mod build;
mod check;
mod decode;
mod footer;

use crate::compress::{DecompressError, Decompressor, Scheme};
use crate::{CHUNK_BYTES_MAX, XORB_CHUNKS_MAX};

pub use build::{BuiltXorb, Compression, PushError, XorbBuilder};
pub use check::{CheckedXorb, check_xorb};
pub use decode::{Chunks, StoredChunk, StoredChunks, StreamDecoder, decode_chunks};

/// Bytes of the header of a chunk.
pub const CHUNK_HEADER_LEN: usize = 8;
/// Most bytes of a xorb as a client sends it. Real clients fill 64 MiB with raw bytes alone and add eight bytes for each
/// chunk; a footer takes 40 more.
pub const XORB_BODY_BYTES_MAX: usize = 65 * 1024 * 1024;

/// What a chunk's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkHeader {
    /// How the chunk is stored.
    pub scheme: Scheme,
    /// Bytes that follow the header.
    pub payload_len: u32,
    /// Bytes of the raw chunk.
    pub raw_len: u32,
}

/// What is wrong with one chunk of a xorb.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkFault {
    /// The bytes end within the header.
    #[error("has a header of {have} bytes instead of 8")]
    HeaderCut {
        /// Bytes that are there.
        have: usize,
    },
    /// A version nobody has defined.
    #[error("has a header of version {0}; only 0 is known")]
    Version(u8),
    /// A scheme nobody has defined.
    #[error("has the unknown compression scheme {0}")]
    Scheme(u8),
    /// A length that no chunk has.
    #[error("says to have {0} raw bytes; a chunk has 1 to 131072")]
    RawLength(u32),
    /// Not compressed, but with two different lengths.
    #[error("is not compressed, but says to have {raw} raw bytes in {payload} stored ones")]
    LengthsDiffer {
        /// Length of what follows the header.
        payload: u32,
        /// Length of the raw chunk.
        raw: u32,
    },
    /// Compressed to more than it was.
    #[error("is compressed from {raw} bytes to {payload}, which is more")]
    Grown {
        /// Length of what follows the header.
        payload: u32,
        /// Length of the raw chunk.
        raw: u32,
    },
    /// The bytes end within the chunk.
    #[error("is cut off after {have} of {need} stored bytes")]
    PayloadCut {
        /// Bytes the header promises.
        need: u32,
        /// Bytes that are there.
        have: usize,
    },
    /// The stored bytes do not give the raw chunk.
    #[error("{0}")]
    Payload(DecompressError),
}

/// Bytes that are no xorb, or not the one they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XorbError {
    /// No chunk at all.
    #[error("the xorb has no chunk")]
    Empty,
    /// More bytes than a xorb and its footer can have.
    #[error("the xorb has {0} bytes; at most 68157440 are taken")]
    BodyBytes(usize),
    /// More chunks than a xorb may have.
    #[error("the xorb has more than 8192 chunks")]
    ChunkCount,
    /// A faulty chunk.
    #[error("chunk {index} {fault}")]
    Chunk {
        /// Position of the chunk, from zero.
        index: u32,
        /// What is wrong with it.
        fault: ChunkFault,
    },
    /// Behind the last chunk comes a footer that is not the one of these chunks.
    #[error("the footer behind chunk {last} {rule}")]
    Footer {
        /// Position of the last chunk.
        last: u32,
        /// What it should be.
        rule: &'static str,
    },
    /// The chunks are sound, but another xorb.
    #[error("the chunks have the hash {computed}, not {expected}")]
    Hash {
        /// The hash the xorb was said to have.
        expected: steelyard_core::XetHash,
        /// The hash it has.
        computed: steelyard_core::XetHash,
    },
}

impl ChunkHeader {
    /// Reads a header and checks that a sound chunk can follow it.
    pub fn parse(bytes: &[u8; CHUNK_HEADER_LEN]) -> Result<Self, ChunkFault> {
        let [version, p0, p1, p2, scheme, r0, r1, r2] = *bytes;
        if version != 0 {
            return Err(ChunkFault::Version(version));
        }
        let Some(scheme) = Scheme::from_byte(scheme) else {
            return Err(ChunkFault::Scheme(scheme));
        };
        let payload = u32::from_le_bytes([p0, p1, p2, 0]);
        let raw = u32::from_le_bytes([r0, r1, r2, 0]);
        if raw == 0 || raw as usize > CHUNK_BYTES_MAX {
            return Err(ChunkFault::RawLength(raw));
        }
        match scheme {
            Scheme::None if payload != raw => Err(ChunkFault::LengthsDiffer { payload, raw }),
            _ if payload > raw => Err(ChunkFault::Grown { payload, raw }),
            _ => Ok(Self { scheme, payload_len: payload, raw_len: raw }),
        }
    }

    /// The header's bytes.
    pub fn to_bytes(self) -> [u8; CHUNK_HEADER_LEN] {
        let [p0, p1, p2, _] = self.payload_len.to_le_bytes();
        let [r0, r1, r2, _] = self.raw_len.to_le_bytes();
        [0, p0, p1, p2, self.scheme.byte(), r0, r1, r2]
    }

    /// Bytes of the header and what follows it.
    pub fn stored_len(self) -> u32 {
        self.payload_len + CHUNK_HEADER_LEN as u32
    }

    fn raw<'s>(
        self,
        payload: &'s [u8],
        decompressor: &'s mut Decompressor,
    ) -> Result<&'s [u8], ChunkFault> {
        decompressor
            .decompress(self.scheme, payload, self.raw_len as usize)
            .map_err(ChunkFault::Payload)
    }
}

/// Counts chunks and bytes, so that no more are read than a xorb may have.
#[derive(Debug, Clone, Default)]
struct Tally {
    chunks: u32,
    raw_bytes: u32,
}

impl Tally {
    /// Reads the next chunk's header, and counts the chunk if the xorb may have it.
    fn admit(&mut self, bytes: &[u8; CHUNK_HEADER_LEN]) -> Result<ChunkHeader, XorbError> {
        if self.chunks as usize == XORB_CHUNKS_MAX {
            return Err(XorbError::ChunkCount);
        }
        let index = self.chunks;
        let header =
            ChunkHeader::parse(bytes).map_err(|fault| XorbError::Chunk { index, fault })?;
        let raw_bytes = self.raw_bytes + header.raw_len;
        (self.chunks, self.raw_bytes) = (index + 1, raw_bytes);
        Ok(header)
    }

    /// A fault of the chunk that was admitted last.
    fn fault(&self, fault: ChunkFault) -> XorbError {
        XorbError::Chunk { index: self.chunks.saturating_sub(1), fault }
    }
}
