//! A client: cuts files, packs their chunks, uploads xorbs, registers files. And one that does it wrong.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use steelyard_core::{RepoId, Sha256, XetHash};
use steelyard_db::lfs::{self, LinkRow};
use steelyard_service::xet::{Registered, XetBody, XetPermit, XetToken};
use steelyard_service::{Error, Hub};
use steelyard_testkit::TestRng;
use steelyard_xet::{
    BuiltXorb, Chunker, Compression, XorbBuilder, chunk_hash, file_hash, range_hash,
};

use crate::planted::{gather, sha256};
use crate::world::World;

/// A file as a shard tells it.
#[derive(Debug, Clone)]
pub struct Recipe {
    pub hash: XetHash,
    pub terms: Vec<RecipeTerm>,
    pub sha256: Option<Sha256>,
}

/// A run of chunks of one xorb.
#[derive(Debug, Clone)]
pub struct RecipeTerm {
    pub xorb: XetHash,
    pub chunks: Range<u32>,
    pub raw_len: u32,
    pub range_hash: XetHash,
}

/// Files ready for upload.
#[derive(Debug, Clone)]
pub struct Packed {
    pub xorbs: Vec<BuiltXorb>,
    pub recipes: Vec<Recipe>,
}

impl Packed {
    /// SHA-256 of the file at that place.
    pub fn sha256(&self, index: usize) -> Sha256 {
        self.recipes[index].sha256.unwrap()
    }
}

/// Bytes that no compression makes smaller.
pub fn random(seed: u64, count: usize) -> Vec<u8> {
    TestRng::seeded(seed).bytes(count)
}

/// Cuts files and packs them, each chunk once, so many into one xorb.
pub fn pack(files: &[&[u8]], chunks_per_xorb: u32) -> Packed {
    pack_with(files, chunks_per_xorb, Compression::Off)
}

/// As [`pack`], with or without compression.
pub fn pack_with(files: &[&[u8]], chunks_per_xorb: u32, compression: Compression) -> Packed {
    let mut builder = XorbBuilder::new(compression);
    let mut xorbs = Vec::new();
    let mut places: HashMap<XetHash, (usize, u32)> = HashMap::new();
    let mut cut_files = Vec::new();
    for file in files {
        let mut chunks = Vec::new();
        let mut each = |chunk: &[u8]| chunks.push((chunk_hash(chunk), chunk.to_vec()));
        let mut chunker = Chunker::new();
        chunker.push(file, &mut each);
        chunker.finish(&mut each);
        for (hash, chunk) in &chunks {
            places.entry(*hash).or_insert_with(|| {
                if builder.len() == chunks_per_xorb {
                    xorbs.extend(builder.finish());
                }
                (xorbs.len(), builder.push(*hash, chunk).unwrap())
            });
        }
        let sizes = chunks.iter().map(|(hash, chunk)| (*hash, chunk.len() as u64));
        cut_files.push((sha256(file), sizes.collect::<Vec<_>>()));
    }
    xorbs.extend(builder.finish());
    let recipe = |(sha256, chunks): (Sha256, Vec<(XetHash, u64)>)| Recipe {
        hash: file_hash(&chunks),
        terms: terms(&chunks, &places, &xorbs),
        sha256: Some(sha256),
    };
    let recipes = cut_files.into_iter().map(recipe).collect();
    Packed { xorbs, recipes }
}

fn terms(
    chunks: &[(XetHash, u64)],
    places: &HashMap<XetHash, (usize, u32)>,
    xorbs: &[BuiltXorb],
) -> Vec<RecipeTerm> {
    let mut runs: Vec<(usize, Range<u32>)> = Vec::new();
    for (hash, _) in chunks {
        let (xorb, index) = places[hash];
        match runs.last_mut() {
            Some((last, run)) if *last == xorb && run.end == index => run.end += 1,
            _ => runs.push((xorb, index..index + 1)),
        }
    }
    runs.into_iter().map(|(xorb, run)| term(&xorbs[xorb], run)).collect()
}

/// A run of chunks of a xorb, told as it is.
pub fn term(xorb: &BuiltXorb, chunks: Range<u32>) -> RecipeTerm {
    let raw = xorb.table.raw_range(chunks.clone()).unwrap();
    let hashes: Vec<_> = xorb.table.hashes(chunks.clone()).unwrap().collect();
    RecipeTerm {
        xorb: xorb.hash,
        chunks,
        raw_len: raw.end - raw.start,
        range_hash: range_hash(&hashes),
    }
}

const TAG: &[u8; 32] = b"HFRepoMetaData\0Ui\x67Ej{\x81W\x83\xa5\xbd\xd9\x5c\xcd\xd1J\xa9";
const WITH_VERIFICATION: u32 = 1 << 31;
const WITH_METADATA: u32 = 1 << 30;

/// A shard of these files, as the Python client writes it: without a footer.
pub fn shard_of(recipes: &[Recipe]) -> Bytes {
    let mut bytes = TAG.to_vec();
    bytes.extend(2_u64.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    for recipe in recipes {
        let metadata = if recipe.sha256.is_some() { WITH_METADATA } else { 0 };
        let count = recipe.terms.len() as u32;
        record(&mut bytes, recipe.hash.as_bytes(), [WITH_VERIFICATION | metadata, count, 0, 0]);
        for term in &recipe.terms {
            let numbers = [0, term.raw_len, term.chunks.start, term.chunks.end];
            record(&mut bytes, term.xorb.as_bytes(), numbers);
        }
        for term in &recipe.terms {
            record(&mut bytes, term.range_hash.as_bytes(), [0; 4]);
        }
        if let Some(sha256) = recipe.sha256 {
            let mut words = *sha256.as_bytes();
            words.chunks_exact_mut(8).for_each(<[u8]>::reverse);
            record(&mut bytes, &words, [0; 4]);
        }
    }
    for _section in ["files", "xorbs"] {
        record(&mut bytes, &[0xff; 32], [0; 4]);
    }
    bytes.into()
}

fn record(bytes: &mut Vec<u8>, hash: &[u8; 32], numbers: [u32; 4]) {
    bytes.extend(hash);
    numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
}

/// Uploads a xorb through a hub.
pub async fn send_xorb(hub: &Hub, token: &XetToken, xorb: &BuiltXorb) -> Result<bool, Error> {
    send_body(hub, token, &xorb.hash, xorb.bytes.clone()).await
}

/// Uploads bytes as the xorb of that hash.
pub async fn send_body(
    hub: &Hub,
    token: &XetToken,
    hash: &XetHash,
    bytes: Bytes,
) -> Result<bool, Error> {
    let permit = hub.xet_memory(XetPermit::xorb_cost(bytes.len() as u64)).await?;
    hub.upload_xorb(token, hash, XetBody { bytes, permit }).await
}

/// Registers files through a hub.
pub async fn send_shard(
    hub: &Hub,
    token: &XetToken,
    recipes: &[Recipe],
) -> Result<Registered, Error> {
    let bytes = shard_of(recipes);
    let permit = hub.xet_memory(XetPermit::shard_cost(bytes.len() as u64)).await?;
    hub.register_shard(token, XetBody { bytes, permit }, &|_| {}).await
}

/// Uploads and registers everything through a hub.
pub async fn send(hub: &Hub, token: &XetToken, packed: &Packed) -> Result<Registered, Error> {
    for xorb in &packed.xorbs {
        send_xorb(hub, token, xorb).await?;
    }
    send_shard(hub, token, &packed.recipes).await
}

impl World {
    /// A repository's link, of whichever kind.
    pub async fn link_of(&self, repo: &RepoId, sha256: Sha256) -> Option<LinkRow> {
        let key = self.key(repo).await;
        let mut conn = self.db.read().await.unwrap();
        lfs::find_link(&mut conn, key, sha256).await.unwrap()
    }

    /// The content behind a repository's link, read to the end.
    pub async fn content(&self, repo: &RepoId, sha256: Sha256) -> Result<Vec<u8>, Error> {
        let link = self.hub.signed_download(self.key(repo).await, sha256).await?;
        let stream = self.hub.open_content(&link, 0..link.size_bytes).await?;
        gather(stream).await
    }

    /// Checks that a repository has exactly these bytes.
    pub async fn assert_content(&self, repo: &RepoId, bytes: &[u8]) {
        let found = self.content(repo, sha256(bytes)).await.unwrap();
        assert!(found == bytes, "{repo} has other bytes");
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        let sql = match table {
            "xorb" => "SELECT COUNT(*) AS n FROM xorb",
            "xet_file" => "SELECT COUNT(*) AS n FROM xet_file",
            "lfs_link" => "SELECT COUNT(*) AS n FROM lfs_link",
            "lfs_upload" => "SELECT COUNT(*) AS n FROM lfs_upload",
            "xorb_use" => "SELECT COUNT(*) AS n FROM xorb_use",
            "xet_dedup" => "SELECT COUNT(*) AS n FROM xet_dedup",
            other => panic!("no table {other}"),
        };
        let mut conn = self.db.read().await.unwrap();
        conn.fetch_one(sql, Vec::new()).await.unwrap().int("n").unwrap()
    }

    /// Changes rows behind the hub's back.
    pub async fn execute(&self, sql: &'static str, args: Vec<steelyard_db::Value>) {
        let mut tx = self.db.write().await.unwrap();
        tx.execute(sql, args).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// The message of a refusal.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Invalid(invalid)) => invalid.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}
