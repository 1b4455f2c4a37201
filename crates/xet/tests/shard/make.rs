//! Makes shards and chunk tables, sound and otherwise.

use std::collections::HashMap;
use std::ops::Range;

use steelyard_core::XetHash;
use steelyard_xet::{ChunkTable, TableBuilder, chunk_hash, file_hash, range_hash, xorb_hash};

/// The first 40 bytes of a shard; the length of the footer follows.
pub const START: [u8; 40] = [
    b'H', b'F', b'R', b'e', b'p', b'o', b'M', b'e', b't', b'a', b'D', b'a', b't', b'a', 0, 85, 105,
    103, 69, 106, 123, 129, 87, 131, 165, 189, 217, 92, 205, 209, 74, 169, 2, 0, 0, 0, 0, 0, 0, 0,
];
pub const WITH_VERIFICATION: u32 = 1 << 31;
pub const WITH_METADATA: u32 = 1 << 30;
const END: XetHash = XetHash::new([0xff; 32]);

/// Xorbs by their hash.
pub type Tables = HashMap<XetHash, ChunkTable>;

/// A file: its hash, and for each term the xorb, the chunks, the raw bytes and the verification hash.
#[derive(Clone)]
pub struct File {
    pub hash: XetHash,
    pub terms: Vec<(XetHash, Range<u32>, u32, XetHash)>,
}

/// The chunk numbered so: its hash and its length in bytes.
pub fn chunk(number: u32) -> (XetHash, u32) {
    (chunk_hash(&number.to_le_bytes()), 8192 + (number * 7919) % 100_000)
}

/// A xorb of these chunks, not compressed.
pub fn xorb(chunks: &[(XetHash, u32)]) -> (XetHash, ChunkTable) {
    let mut table = TableBuilder::new();
    chunks.iter().for_each(|(hash, len)| table.push(hash, len + 8, *len).unwrap());
    let pairs: Vec<_> = chunks.iter().map(|(hash, len)| (*hash, u64::from(*len))).collect();
    (xorb_hash(&pairs), table.finish())
}

/// The file that these runs of chunks make.
pub fn file(tables: &Tables, runs: &[(XetHash, Range<u32>)]) -> File {
    let mut chunks = Vec::new();
    let mut terms = Vec::new();
    for (xorb, run) in runs {
        let table = &tables[xorb];
        let hashes: Vec<_> = table.hashes(run.clone()).unwrap().collect();
        chunks.extend(
            run.clone().map(|index| {
                (table.hash(index).unwrap(), u64::from(table.raw_len(index).unwrap()))
            }),
        );
        let raw = table.raw_range(run.clone()).unwrap();
        terms.push((*xorb, run.clone(), raw.end - raw.start, range_hash(&hashes)));
    }
    File { hash: file_hash(&chunks), terms }
}

pub fn header(footer_len: u64) -> Vec<u8> {
    [START.as_slice(), &footer_len.to_le_bytes()].concat()
}

pub fn record(hash: &XetHash, numbers: [u32; 4]) -> Vec<u8> {
    let mut bytes = hash.as_bytes().to_vec();
    numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes
}

pub fn end() -> Vec<u8> {
    record(&END, [0; 4])
}

/// The record of a file, its terms and its verification entries.
pub fn file_records(file: &File) -> Vec<u8> {
    let mut bytes = record(&file.hash, [WITH_VERIFICATION, file.terms.len() as u32, 0, 0]);
    for (xorb, run, raw_len, _) in &file.terms {
        bytes.extend(record(xorb, [0, *raw_len, run.start, run.end]));
    }
    file.terms.iter().for_each(|(.., hash)| bytes.extend(record(hash, [0; 4])));
    bytes
}

/// A shard of these files, with an empty section of xorbs and no footer.
pub fn shard(files: &[File]) -> Vec<u8> {
    let files: Vec<u8> = files.iter().flat_map(file_records).collect();
    [header(0), files, end(), end()].concat()
}
