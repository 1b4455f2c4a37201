//! Reading chunks: from bytes in memory, or from a stream in pieces of any size.

use std::borrow::Cow;

use super::{CHUNK_HEADER_LEN, ChunkFault, ChunkHeader, Tally, XorbError};
use crate::compress::{Decompressor, Scheme};

/// One chunk as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredChunk<'a> {
    /// Position in the run, from zero.
    pub index: u32,
    /// What its header says.
    pub header: ChunkHeader,
    /// What follows the header.
    pub payload: &'a [u8],
}

impl<'a> StoredChunk<'a> {
    /// The raw bytes: borrowed from the stored ones when those are not compressed, else in the decompressor's buffer.
    pub fn raw<'s>(self, decompressor: &'s mut Decompressor) -> Result<&'s [u8], XorbError>
    where
        'a: 's,
    {
        let index = self.index;
        let raw = self.header.raw(self.payload, decompressor);
        raw.map_err(|fault| XorbError::Chunk { index, fault })
    }
}

/// Walks over a run of stored chunks without inflating them. Ends after the first error.
#[derive(Debug, Clone)]
pub struct StoredChunks<'a> {
    rest: &'a [u8],
    tally: Tally,
}

impl<'a> StoredChunks<'a> {
    /// Walks over `stored`: whole chunks with their headers, and nothing else.
    pub fn new(stored: &'a [u8]) -> Self {
        Self { rest: stored, tally: Tally::default() }
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn read(&mut self) -> Result<StoredChunk<'a>, XorbError> {
        let Some((header, rest)) = self.rest.split_first_chunk::<CHUNK_HEADER_LEN>() else {
            let fault = ChunkFault::HeaderCut { have: self.rest.len() };
            return Err(XorbError::Chunk { index: self.tally.chunks, fault });
        };
        let header = self.tally.admit(header)?;
        let Some((payload, rest)) = rest.split_at_checked(header.payload_len as usize) else {
            let fault = ChunkFault::PayloadCut { need: header.payload_len, have: rest.len() };
            return Err(self.tally.fault(fault));
        };
        self.rest = rest;
        Ok(StoredChunk { index: self.tally.chunks - 1, header, payload })
    }
}

impl<'a> Iterator for StoredChunks<'a> {
    type Item = Result<StoredChunk<'a>, XorbError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let result = self.read();
        if result.is_err() {
            self.rest = &[];
        }
        Some(result)
    }
}

/// The raw bytes of a run of stored chunks, one chunk at a time; those that are not compressed are borrowed.
#[derive(Debug)]
pub struct Chunks<'a> {
    stored: StoredChunks<'a>,
    decompressor: Decompressor,
}

impl<'a> Chunks<'a> {
    /// Reads `stored`: whole chunks with their headers, and nothing else.
    pub fn new(stored: &'a [u8]) -> Self {
        Self { stored: StoredChunks::new(stored), decompressor: Decompressor::new() }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Cow<'a, [u8]>, XorbError>;

    fn next(&mut self) -> Option<Self::Item> {
        let raw = self.stored.next()?.and_then(|chunk| {
            if chunk.header.scheme == Scheme::None {
                return Ok(Cow::Borrowed(chunk.payload));
            }
            Ok(Cow::Owned(chunk.raw(&mut self.decompressor)?.to_vec()))
        });
        if raw.is_err() {
            self.stored.rest = &[];
        }
        Some(raw)
    }
}

/// Appends the raw bytes of a run of stored chunks to `out`, and says how many chunks there were. A run of more than a
/// xorb may have is an error. After an error `out` holds the chunks before the faulty one.
pub fn decode_chunks(stored: &[u8], out: &mut Vec<u8>) -> Result<u32, XorbError> {
    let mut decoder = StreamDecoder::new();
    decoder.push(stored, out)?;
    decoder.finish()?;
    Ok(decoder.chunks())
}

/// Decodes a run of stored chunks that arrives in pieces.
///
/// At most one compressed chunk (128 KiB) is held back; bytes of chunks that are not compressed go out as they come.
/// A decoder that has answered an error is of no further use.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    tally: Tally,
    /// The header of the chunk whose payload is being read.
    open: Option<ChunkHeader>,
    /// Payload bytes of a raw chunk that went out already.
    passed: usize,
    /// The part of a header or of a compressed payload that has come.
    held: Vec<u8>,
    decompressor: Decompressor,
}

impl StreamDecoder {
    /// Starts before the first chunk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes all of `piece` and appends the raw bytes to `out`. A piece can inflate to some 250 times its length; who
    /// cannot hold that takes [`Self::next_chunk`].
    pub fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) -> Result<(), XorbError> {
        while self.next_chunk(&mut piece, out)? {}
        Ok(())
    }

    /// Decodes to the end of one chunk at most, takes what it read from the front of `piece`, and appends the raw bytes
    /// to `out`. `false` when the piece was used up before the chunk's end.
    pub fn next_chunk(&mut self, piece: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, XorbError> {
        let Some(header) = self.header(piece)? else {
            return Ok(false);
        };
        let is_done = match header.scheme {
            Scheme::None => self.pass(header, piece, out),
            _ => self.inflate(header, piece, out)?,
        };
        if is_done {
            self.open = None;
            self.held.clear();
            self.passed = 0;
        }
        Ok(is_done)
    }

    /// Chunks whose header has come.
    pub fn chunks(&self) -> u32 {
        self.tally.chunks
    }

    /// Raw bytes of the chunks whose header has come.
    pub fn raw_bytes(&self) -> u32 {
        self.tally.raw_bytes
    }

    /// Says that the stream has ended, which is an error within a chunk.
    pub fn finish(&self) -> Result<(), XorbError> {
        if let Some(header) = self.open {
            let have = self.passed + self.held.len();
            let fault = ChunkFault::PayloadCut { need: header.payload_len, have };
            return Err(self.tally.fault(fault));
        }
        if self.held.is_empty() {
            return Ok(());
        }
        let fault = ChunkFault::HeaderCut { have: self.held.len() };
        Err(XorbError::Chunk { index: self.tally.chunks, fault })
    }

    fn header(&mut self, piece: &mut &[u8]) -> Result<Option<ChunkHeader>, XorbError> {
        if self.open.is_some() {
            return Ok(self.open);
        }
        let Some(bytes) = gather(&mut self.held, piece, CHUNK_HEADER_LEN) else {
            return Ok(None);
        };
        let bytes = bytes.try_into().expect("as many bytes were gathered as a header has");
        self.open = Some(self.tally.admit(bytes)?);
        self.held.clear();
        Ok(self.open)
    }

    fn pass(&mut self, header: ChunkHeader, piece: &mut &[u8], out: &mut Vec<u8>) -> bool {
        let missing = header.payload_len as usize - self.passed;
        let (bytes, rest) = piece.split_at(missing.min(piece.len()));
        out.extend_from_slice(bytes);
        *piece = rest;
        self.passed += bytes.len();
        bytes.len() == missing
    }

    fn inflate(
        &mut self,
        header: ChunkHeader,
        piece: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, XorbError> {
        let Some(payload) = gather(&mut self.held, piece, header.payload_len as usize) else {
            return Ok(false);
        };
        let raw_len = header.raw_len as usize;
        self.decompressor
            .decompress_into(header.scheme, payload, raw_len, out)
            .map_err(|error| self.tally.fault(ChunkFault::Payload(error)))?;
        Ok(true)
    }
}

/// `len` bytes in one piece: from the front of `piece` alone when nothing is held, else held and filled up from it.
fn gather<'h, 'p: 'h>(held: &'h mut Vec<u8>, piece: &mut &'p [u8], len: usize) -> Option<&'h [u8]> {
    if held.is_empty()
        && let Some((bytes, rest)) = piece.split_at_checked(len)
    {
        *piece = rest;
        return Some(bytes);
    }
    let (bytes, rest) = piece.split_at((len - held.len()).min(piece.len()));
    held.extend_from_slice(bytes);
    *piece = rest;
    (held.len() == len).then_some(held)
}
