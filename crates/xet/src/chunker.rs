//! Cutting a stream of bytes into chunks, at places its content decides.
//!
//! A rolling hash over the last 64 bytes (gear hash, with the table of the `gearhash` crate) runs over the stream. A
//! chunk ends where the 16 highest bits of the hash are zero, which happens once in 64 KiB, but not before 8 KiB and
//! at the latest at 128 KiB. The hash starts anew with each chunk, so the cuts after any point depend on
//! the bytes from the chunk's start on alone. The cuts equal those of `xet_data::deduplication::Chunker`; a file hash
//! is only the same for everybody because they do.

use crate::{CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, CHUNK_BYTES_TARGET};

/// Bytes that have a part in the rolling hash: each one moves it by one of its 64 bits.
const WINDOW: usize = 64;
/// A chunk ends where these bits of the hash are zero.
const MASK: u64 = {
    let ones = CHUNK_BYTES_TARGET as u64 - 1;
    ones << ones.leading_zeros()
};

/// The length of the chunk with which `data` begins, when it ends in there: a chunk's end depends on its own bytes alone.
/// `None` when `data` is shorter than [`CHUNK_BYTES_MAX`] and has no cut. For callers that hold the stream in buffers of
/// their own and need no copy of a chunk that spans two pieces, as [`Chunker`] makes.
pub fn first_cut(data: &[u8]) -> Option<usize> {
    Chunker::new().next_end(data)
}

/// Cuts a stream into chunks, whatever pieces it comes in.
#[derive(Debug, Clone, Default)]
pub struct Chunker {
    hash: gearhash::Hasher<'static>,
    /// The start of the chunk that has not ended, always shorter than [`CHUNK_BYTES_MAX`].
    open: Vec<u8>,
}

impl Chunker {
    /// Starts a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece of the stream and gives out every chunk that ends in it. A chunk that lies within the piece
    /// is not copied, so pieces of some MiB are best.
    pub fn push(&mut self, mut piece: &[u8], each: &mut impl FnMut(&[u8])) {
        while let Some(end) = self.next_end(piece) {
            let (last, rest) = piece.split_at(end);
            if self.open.is_empty() {
                each(last);
            } else {
                self.open.extend_from_slice(last);
                each(&self.open);
                self.open.clear();
            }
            piece = rest;
        }
        self.open.extend_from_slice(piece);
    }

    /// Ends the stream and gives out what is left as the last chunk; nothing when the stream was empty or its end was a
    /// cut. The chunker is then ready for another stream.
    pub fn finish(&mut self, each: &mut impl FnMut(&[u8])) {
        if !self.open.is_empty() {
            each(&self.open);
            self.open.clear();
        }
        self.hash.set_hash(0);
    }

    /// Where in `piece` the open chunk ends, if it does.
    fn next_end(&mut self, piece: &[u8]) -> Option<usize> {
        let before = self.open.len();
        let limit = piece.len().min(CHUNK_BYTES_MAX - before);
        // What is out of the window at the first place that may be a cut need not be hashed.
        let mut at = (CHUNK_BYTES_MIN - WINDOW - 1).saturating_sub(before).min(limit);
        while let Some(matched) = self.hash.next_match(&piece[at..limit], MASK) {
            at += matched;
            if before + at >= CHUNK_BYTES_MIN {
                self.hash.set_hash(0);
                return Some(at);
            }
        }
        if before + limit < CHUNK_BYTES_MAX {
            return None;
        }
        self.hash.set_hash(0);
        Some(limit)
    }
}
