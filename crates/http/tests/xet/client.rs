//! What a client does to a file before it uploads it, and after it has downloaded it.

use std::ops::Range;
use std::slice;

use bytes::Bytes;
use serde_json::Value;
use sha2::Digest;
use steelyard_core::{Sha256, XetHash};
use steelyard_testkit::TestRng;
use steelyard_xet::{
    BuiltXorb, Chunker, Compression, XorbBuilder, chunk_hash, decode_chunks, file_hash, range_hash,
};

/// A file cut, packed into one xorb, and described.
pub struct Packed {
    pub data: Vec<u8>,
    pub file: XetHash,
    pub sha256: Sha256,
    pub xorb: BuiltXorb,
}

impl Packed {
    /// Packs a file of at most one xorb.
    pub fn new(data: Vec<u8>) -> Self {
        let mut chunker = Chunker::new();
        let mut builder = XorbBuilder::new(Compression::Sampled);
        let mut chunks = Vec::new();
        let mut each = |chunk: &[u8]| {
            let hash = chunk_hash(chunk);
            chunks.push((hash, chunk.len() as u64));
            builder.push(hash, chunk).unwrap();
        };
        chunker.push(&data, &mut each);
        chunker.finish(&mut each);
        let sha256 = Sha256::new(sha2::Sha256::digest(&data).into());
        let xorb = builder.finish().unwrap();
        Self { file: file_hash(&chunks), sha256, xorb, data }
    }

    /// So many bytes that cannot be compressed.
    pub fn noise(seed: u64, count: usize) -> Self {
        Self::new(TestRng::seeded(seed).bytes(count))
    }

    /// The shard that registers it, as the client sends it: without a footer.
    pub fn shard(&self) -> Bytes {
        self.shard_of(slice::from_ref(&(0..self.xorb.table.len())), self.file)
    }

    /// The file that consists of these runs of the chunks.
    pub fn file_of(&self, runs: &[Range<u32>]) -> XetHash {
        let chunks = runs.iter().cloned().flatten();
        let chunks = chunks.map(|at| self.xorb.table.entry(at).unwrap());
        let chunks: Vec<_> = chunks.map(|chunk| (chunk.hash, chunk.raw.len() as u64)).collect();
        file_hash(&chunks)
    }

    /// The bytes of these runs of the chunks.
    pub fn data_of(&self, runs: &[Range<u32>]) -> Vec<u8> {
        let raw = runs.iter().map(|run| self.xorb.table.raw_range(run.clone()).unwrap());
        raw.flat_map(|raw| self.data[raw.start as usize..raw.end as usize].to_vec()).collect()
    }

    /// The shard that registers these runs of the chunks as a file.
    pub fn shard_of(&self, runs: &[Range<u32>], file: XetHash) -> Bytes {
        let table = &self.xorb.table;
        let mut shard = Vec::new();
        shard.extend_from_slice(b"HFRepoMetaData\0");
        shard.extend_from_slice(&[
            85, 105, 103, 69, 106, 123, 129, 87, 131, 165, 189, 217, 92, 205, 209, 74, 169,
        ]);
        shard.extend_from_slice(&2_u64.to_le_bytes());
        shard.extend_from_slice(&0_u64.to_le_bytes());
        let with_verification_and_sha256: u32 = 0b11 << 30;
        record(
            &mut shard,
            file.as_bytes(),
            [with_verification_and_sha256, runs.len() as u32, 0, 0],
        );
        for run in runs {
            let raw = table.raw_range(run.clone()).unwrap();
            let numbers = [0, raw.end - raw.start, run.start, run.end];
            record(&mut shard, self.xorb.hash.as_bytes(), numbers);
        }
        for run in runs {
            let hashes: Vec<_> = table.hashes(run.clone()).unwrap().collect();
            record(&mut shard, range_hash(&hashes).as_bytes(), [0; 4]);
        }
        let sha256 = Sha256::new(sha2::Sha256::digest(self.data_of(runs)).into());
        record(&mut shard, stored_sha256(&sha256).as_bytes(), [0; 4]);
        record(&mut shard, &[0xff; 32], [0; 4]);
        // No xorbs: the hub does not read that section.
        record(&mut shard, &[0xff; 32], [0; 4]);
        shard.into()
    }
}

fn record(shard: &mut Vec<u8>, hash: &[u8; 32], numbers: [u32; 4]) {
    shard.extend_from_slice(hash);
    numbers.iter().for_each(|number| shard.extend_from_slice(&number.to_le_bytes()));
}

/// A shard holds a SHA-256 so that it prints as usual when it is taken for a hash of Xet.
fn stored_sha256(sha256: &Sha256) -> XetHash {
    XetHash::parse(&sha256.to_string()).unwrap()
}

/// CRC-64/NVME, bit by bit from the polynomial.
pub fn crc64nvme(data: &[u8]) -> u64 {
    let shift =
        |crc: u64, _| if crc & 1 == 1 { (crc >> 1) ^ 0x9A6C_9329_AC4B_C9B5 } else { crc >> 1 };
    !data.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u64::from(*byte), shift))
}

/// One request that a client makes to download: address, bytes (inclusive), the chunks in them.
#[derive(Debug, Clone)]
pub struct Fetch {
    pub url: String,
    pub range: String,
    pub xorb: String,
    pub chunks: Range<u32>,
}

/// What version 2 tells to fetch.
pub fn fetches_of(plan: &Value) -> Vec<Fetch> {
    let mut fetches = Vec::new();
    for (xorb, entries) in plan["xorbs"].as_object().unwrap() {
        for entry in entries.as_array().unwrap() {
            for range in entry["ranges"].as_array().unwrap() {
                let url = entry["url"].as_str().unwrap().to_owned();
                let (range, chunks) = (&range["bytes"], span(&range["chunks"]));
                let range = format!("bytes={}-{}", range["start"], range["end"]);
                fetches.push(Fetch { url, range, xorb: xorb.clone(), chunks });
            }
        }
    }
    fetches
}

/// What version 1 tells to fetch.
pub fn fetches_of_v1(plan: &Value) -> Vec<Fetch> {
    let mut fetches = Vec::new();
    for (xorb, entries) in plan["fetch_info"].as_object().unwrap() {
        for entry in entries.as_array().unwrap() {
            let url = entry["url"].as_str().unwrap().to_owned();
            let range = &entry["url_range"];
            let range = format!("bytes={}-{}", range["start"], range["end"]);
            fetches.push(Fetch { url, range, xorb: xorb.clone(), chunks: span(&entry["range"]) });
        }
    }
    fetches
}

fn span(range: &Value) -> Range<u32> {
    let number = |name: &str| u32::try_from(range[name].as_u64().unwrap()).unwrap();
    number("start")..number("end")
}

/// Puts a file, or a range of it from its start on, together from what was fetched.
pub fn assemble(offset: &Value, terms: &Value, fetched: &[(Fetch, Bytes)]) -> Vec<u8> {
    let mut all = Vec::new();
    for term in terms.as_array().unwrap() {
        let chunks = span(&term["range"]);
        let (fetch, bytes) = fetched
            .iter()
            .find(|(fetch, _)| {
                term["hash"] == fetch.xorb
                    && fetch.chunks.start <= chunks.start
                    && chunks.end <= fetch.chunks.end
            })
            .unwrap_or_else(|| panic!("no range holds {term}"));
        let skip = (chunks.start - fetch.chunks.start) as usize;
        let before = all.len();
        let mut rest = &bytes[..];
        for at in 0..(chunks.end - fetch.chunks.start) as usize {
            // Version, three bytes of stored length, scheme, three bytes of raw length.
            let stored = u32::from_le_bytes([rest[1], rest[2], rest[3], 0]) as usize + 8;
            if at >= skip {
                assert_eq!(decode_chunks(&rest[..stored], &mut all).unwrap(), 1);
            }
            rest = &rest[stored..];
        }
        assert_eq!(
            (all.len() - before) as u64,
            term["unpacked_length"].as_u64().unwrap(),
            "{term}"
        );
    }
    all.split_off(usize::try_from(offset.as_u64().unwrap()).unwrap())
}
