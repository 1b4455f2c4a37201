//! Building xorbs out of chunks.

use bytes::Bytes;
use steelyard_core::XetHash;

use super::ChunkHeader;
use crate::compress::{Compressor, Scheme};
use crate::hash::Tree;
use crate::table::{ChunkTable, TableBuilder};
use crate::{CHUNK_BYTES_MAX, XORB_CHUNKS_MAX, XORB_FILL_BYTES};

/// Every so many chunks all schemes are tried; the chunks between take the one that won.
const SAMPLE_EVERY: u32 = 32;
/// Compression that saves less than this is not worth the time of every reader: percent of the raw bytes.
const SAVING_PERCENT_MIN: usize = 3;

/// Whether chunks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Never.
    Off,
    /// Where it saves at least three percent, in the scheme that saved most on the last sample.
    #[default]
    Sampled,
}

/// A finished xorb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltXorb {
    /// Its hash, by which it is stored.
    pub hash: XetHash,
    /// Its chunks with their headers, without a footer; of a xorb of which the start was [taken](XorbBuilder::take_bytes),
    /// the rest.
    pub bytes: Bytes,
    /// Where the chunks lie in it.
    pub table: ChunkTable,
}

/// Why a chunk was not added to a xorb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The xorb has no room for it.
    #[error("the xorb is full")]
    Full,
    /// No chunk has this length.
    #[error("a chunk has 1 to 131072 bytes, not {0}")]
    Length(usize),
}

/// Packs chunks into one xorb after the other.
#[derive(Debug, Default)]
pub struct XorbBuilder {
    compression: Compression,
    compressor: Compressor,
    /// What the last sample said.
    scheme: Scheme,
    /// Chunks until the next sample.
    until_sample: u32,
    body: Vec<u8>,
    table: TableBuilder,
    tree: Tree,
}

impl XorbBuilder {
    /// Starts with an empty xorb.
    pub fn new(compression: Compression) -> Self {
        Self { compression, ..Self::default() }
    }

    /// True when a chunk of `len` raw bytes does not fit any more.
    pub fn is_full_for(&self, len: usize) -> bool {
        self.table.len() as usize >= XORB_CHUNKS_MAX
            || self.table.raw_bytes() as usize + len > XORB_FILL_BYTES
    }

    /// True while the xorb has no chunk.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Chunks in the xorb so far.
    pub fn len(&self) -> u32 {
        self.table.len()
    }

    /// Raw bytes in the xorb so far.
    pub fn raw_bytes(&self) -> u32 {
        self.table.raw_bytes()
    }

    /// Says that the next chunk comes from another file, so that what paid for the one before proves nothing.
    pub fn start_file(&mut self) {
        self.until_sample = 0;
    }

    /// Adds a chunk whose hash the caller has computed, and answers its position in the xorb. An error, and nothing
    /// added, when the xorb is full for it or no chunk has such a length.
    pub fn push(&mut self, hash: XetHash, data: &[u8]) -> Result<u32, PushError> {
        let index = self.table.len();
        if data.is_empty() || data.len() > CHUNK_BYTES_MAX {
            return Err(PushError::Length(data.len()));
        }
        if self.is_full_for(data.len()) {
            return Err(PushError::Full);
        }
        let scheme = self.scheme_for(data);
        let payload = self.compressor.compress(scheme, data);
        let (scheme, payload) = match is_worth_it(payload.len(), data.len()) {
            true => (scheme, payload),
            false => (Scheme::None, data),
        };
        let (payload_len, raw_len) = (payload.len() as u32, data.len() as u32);
        let header = ChunkHeader { scheme, payload_len, raw_len };
        self.table
            .push(&hash, header.stored_len(), raw_len)
            .expect("the xorb has room for the chunk");
        self.body.extend_from_slice(&header.to_bytes());
        self.body.extend_from_slice(payload);
        self.tree.push(hash, u64::from(raw_len));
        Ok(index)
    }

    /// Ends the xorb and starts an empty one; `None` when it has no chunk.
    pub fn finish(&mut self) -> Option<BuiltXorb> {
        if self.is_empty() {
            return None;
        }
        let hash = std::mem::take(&mut self.tree).root();
        let bytes = Bytes::from(std::mem::take(&mut self.body));
        let table = std::mem::take(&mut self.table).finish();
        Some(BuiltXorb { hash, bytes, table })
    }

    /// Takes the bytes that have been built of the xorb so far, for callers that store it piece by piece; more follow in
    /// `room`, which should be as large as what comes until the next call, or it grows.
    pub fn take_bytes(&mut self, mut room: Vec<u8>) -> Bytes {
        room.clear();
        std::mem::replace(&mut self.body, room).into()
    }

    fn scheme_for(&mut self, data: &[u8]) -> Scheme {
        if self.compression == Compression::Off {
            return Scheme::None;
        }
        if self.until_sample == 0 {
            self.until_sample = SAMPLE_EVERY;
            self.scheme = self.sample(data);
        }
        self.until_sample -= 1;
        self.scheme
    }

    /// The scheme that stores this chunk in the fewest bytes, if that is worth it.
    fn sample(&mut self, data: &[u8]) -> Scheme {
        let plain = self.compressor.compress(Scheme::Lz4, data).len();
        let grouped = self.compressor.compress(Scheme::Bg4Lz4, data).len();
        match plain.min(grouped) {
            best if !is_worth_it(best, data.len()) => Scheme::None,
            best if best == plain => Scheme::Lz4,
            _ => Scheme::Bg4Lz4,
        }
    }
}

fn is_worth_it(compressed: usize, raw: usize) -> bool {
    compressed * 100 <= raw * (100 - SAVING_PERCENT_MIN)
}
