//! Writes the answer to a dedup query: a shard without files, whose chunk hashes are hidden under a key.

use steelyard_core::XetHash;

use super::{
    CHUNK_LOOKUP_LEN, END_OF_SECTION, FOOTER_LEN, FOOTER_VERSION, HEADER_VERSION, LOOKUP_LEN,
    RECORD_LEN, TAG,
};
use crate::hash::keyed;

/// What a client is told when it asks for a chunk.
#[derive(Debug, Clone)]
pub struct DedupAnswer {
    /// The xorbs it may refer to, each hash once.
    pub xorbs: Vec<DedupXorb>,
    /// The key that hides the chunk hashes: who has a chunk finds it, who has none learns nothing. Not all zero, which
    /// means "not hidden" to clients.
    pub key: [u8; 32],
    /// Now, in seconds since 1970. Clients forget the oldest answers first.
    pub created_secs: u64,
    /// Until when the client may refer to the xorbs, in seconds since 1970.
    pub expires_secs: u64,
}

/// A xorb in a [`DedupAnswer`], with all its chunks: their positions count.
#[derive(Debug, Clone)]
pub struct DedupXorb {
    /// Hash of the xorb.
    pub hash: XetHash,
    /// Its chunks from the first to the last; those the client must not know are replaced by others, not left out.
    pub chunks: Vec<DedupChunk>,
}

/// A chunk in a [`DedupAnswer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DedupChunk {
    /// Hash of the chunk, as it is: writing puts it under the answer's key.
    pub hash: XetHash,
    /// Bytes of the chunk, uncompressed.
    pub raw_len: u32,
}

/// Writes the answer to a dedup query as clients import it: without files, with the lookup tables of xorbs and chunks, and
/// with a footer.
pub fn write_dedup_shard(answer: &DedupAnswer) -> Vec<u8> {
    let chunks: usize = answer.xorbs.iter().map(|xorb| xorb.chunks.len()).sum();
    let records = 3 + answer.xorbs.len() + chunks;
    let tables = answer.xorbs.len() * LOOKUP_LEN + chunks * CHUNK_LOOKUP_LEN;
    let mut shard =
        Writer { bytes: Vec::with_capacity(records * RECORD_LEN + tables + FOOTER_LEN) };
    shard.bytes.extend_from_slice(&TAG);
    shard.words(&[HEADER_VERSION, FOOTER_LEN as u64]);
    let files_offset = shard.offset();
    shard.record(&END_OF_SECTION, [0; 4]);
    let xorbs_offset = shard.offset();
    let lookups = shard.xorbs(answer);
    let tables_offset = shard.offset();
    lookups.xorbs.iter().for_each(|(key, position)| {
        shard.words(&[*key]);
        shard.numbers(&[*position]);
    });
    let chunk_table_offset = shard.offset();
    lookups.chunks.iter().for_each(|(key, position, index)| {
        shard.words(&[*key]);
        shard.numbers(&[*position, *index]);
    });
    let footer_offset = shard.offset();
    shard.words(&[FOOTER_VERSION, files_offset, xorbs_offset]);
    shard.words(&[tables_offset, 0]);
    shard.words(&[tables_offset, lookups.xorbs.len() as u64]);
    shard.words(&[chunk_table_offset, lookups.chunks.len() as u64]);
    shard.bytes.extend_from_slice(&answer.key);
    shard.words(&[answer.created_secs, answer.expires_secs]);
    shard.words(&[0; 6]);
    // Sizes for statistics: stored bytes, which the answer does not tell; bytes of files, of which it has none.
    shard.words(&[0, 0, lookups.raw_bytes, footer_offset]);
    shard.bytes
}

struct Writer {
    bytes: Vec<u8>,
}

/// The entries of the lookup tables, sorted by the first word of the hash: where the xorb's record is, counted in records
/// from the start of the section, and which of its chunks it is.
#[derive(Default)]
struct Lookups {
    xorbs: Vec<(u64, u32)>,
    chunks: Vec<(u64, u32, u32)>,
    raw_bytes: u64,
}

impl Writer {
    fn offset(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn words(&mut self, words: &[u64]) {
        words.iter().for_each(|word| self.bytes.extend_from_slice(&word.to_le_bytes()));
    }

    fn numbers(&mut self, numbers: &[u32]) {
        numbers.iter().for_each(|number| self.bytes.extend_from_slice(&number.to_le_bytes()));
    }

    fn record(&mut self, hash: &XetHash, numbers: [u32; 4]) {
        self.bytes.extend_from_slice(hash.as_bytes());
        self.numbers(&numbers);
    }

    /// Writes the section of xorbs.
    fn xorbs(&mut self, answer: &DedupAnswer) -> Lookups {
        let mut lookups = Lookups::default();
        let mut position = 0;
        for xorb in &answer.xorbs {
            let count = u32::try_from(xorb.chunks.len()).expect("a xorb has at most 8192 chunks");
            let raw_len = xorb.chunks.iter().fold(0, |sum: u32, chunk| {
                sum.checked_add(chunk.raw_len).expect("8192 chunks of 128 KiB are 1 GiB")
            });
            self.record(&xorb.hash, [0, count, raw_len, 0]);
            lookups.xorbs.push((first_word(&xorb.hash), position));
            lookups.raw_bytes += u64::from(raw_len);
            let mut raw_start = 0;
            for (index, chunk) in (0..count).zip(&xorb.chunks) {
                let hash = keyed(&chunk.hash, &answer.key);
                self.record(&hash, [raw_start, chunk.raw_len, 0, 0]);
                lookups.chunks.push((first_word(&hash), position, index));
                raw_start += chunk.raw_len;
            }
            position += 1 + count;
        }
        self.record(&END_OF_SECTION, [0; 4]);
        lookups.xorbs.sort_unstable();
        lookups.chunks.sort_unstable();
        lookups
    }
}

/// By which the tables are sorted.
fn first_word(hash: &XetHash) -> u64 {
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
}
