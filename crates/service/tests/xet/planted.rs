//! Xorbs, files and links put straight into the stores, so that reading is tested against something that no code for
//! uploads had a hand in.

use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sha2::Digest as _;
use steelyard_blob::Key;
use steelyard_core::{RepoId, Sha256, XetHash};
use steelyard_db::lfs::{self, LinkRow};
use steelyard_db::xet::{self, NewFile, NewXorb, XorbInsert};
use steelyard_service::Error;
use steelyard_service::xet::ContentStream;
use steelyard_testkit::TestRng;
use steelyard_xet::{
    BuiltXorb, ChunkTable, Compression, Term, Terms, XorbBuilder, chunk_hash, file_hash,
    is_dedup_eligible,
};

use crate::world::World;

/// A stored xorb and what is in it.
pub struct PlantedXorb {
    pub id: i64,
    pub hash: XetHash,
    pub generation: u32,
    pub table: ChunkTable,
    pub chunks: Vec<Vec<u8>>,
}

impl PlantedXorb {
    pub fn key(&self) -> Key {
        Key::xorb(&self.hash, self.generation)
    }

    pub fn chunk_hash(&self, index: u32) -> XetHash {
        self.table.hash(index).unwrap()
    }

    /// A run of its chunks, as a file's recipe has it.
    pub fn term(&self, chunks: Range<u32>) -> Term {
        let raw = self.table.raw_range(chunks.clone()).unwrap();
        let stored = self.table.stored_range(chunks.clone()).unwrap();
        Term { xorb_id: self.id, chunks, raw_len: raw.end - raw.start, stored }
    }
}

/// A registered file and what it holds.
pub struct PlantedFile {
    pub id: i64,
    pub hash: XetHash,
    pub sha256: Sha256,
    pub bytes: Vec<u8>,
}

impl PlantedFile {
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// What the chunks of a xorb are like, and so how they are stored.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// As they are.
    Random,
    /// As LZ4.
    Text,
    /// As LZ4 of byte planes.
    Weights,
}

/// Chunks of that kind, of lengths that real chunks have.
pub fn chunks(kind: Kind, seed: u64, count: usize) -> Vec<Vec<u8>> {
    let rng = TestRng::seeded(seed);
    let chunk = |_| {
        let length = 8 * 1024 + usize::try_from(rng.below(120 * 1024)).unwrap();
        match kind {
            Kind::Random => rng.bytes(length),
            Kind::Text => {
                let words = ["steel ", "yard ", "weighs ", "what ", "it ", "is ", "given\n"];
                let mut text = Vec::with_capacity(length + 8);
                while text.len() < length {
                    text.extend_from_slice(
                        words[usize::try_from(rng.below(7)).unwrap()].as_bytes(),
                    );
                }
                text.truncate(length);
                text
            }
            Kind::Weights => {
                let weight = |_| [rng.bytes(2)[0], rng.bytes(2)[0], 0x7a, 0x3c];
                (0..length / 4).flat_map(weight).collect()
            }
        }
    };
    (0..count).map(chunk).collect()
}

impl World {
    /// Stores chunks as a xorb.
    pub async fn plant_xorb(&self, chunks: Vec<Vec<u8>>, generation: u32) -> PlantedXorb {
        let built = build(&chunks, Compression::Sampled);
        self.blobs.put(&Key::xorb(&built.hash, generation), built.bytes.clone()).await.unwrap();
        let new = NewXorb {
            hash: built.hash,
            generation,
            uploader_id: None,
            n_chunks: built.table.len(),
            raw_bytes: built.table.raw_bytes().into(),
            stored_bytes: built.bytes.len() as u64,
            packed: built.table.packed(),
        };
        let mut tx = self.db.write().await.unwrap();
        let inserted = xet::insert_xorb(&mut tx, &new, self.hub.now()).await.unwrap();
        let XorbInsert::Inserted(id) = inserted else { panic!("{inserted:?}") };
        let eligible = built
            .table
            .entries()
            .enumerate()
            .filter(|(index, entry)| *index == 0 || is_dedup_eligible(&entry.hash));
        let dedup: Vec<_> = eligible
            .map(|(index, entry)| (entry.hash, id, u32::try_from(index).unwrap()))
            .collect();
        xet::insert_dedup(&mut tx, &dedup).await.unwrap();
        tx.commit().await.unwrap();
        PlantedXorb { id, hash: built.hash, generation, table: built.table, chunks }
    }

    /// Lets a chunk be found again.
    pub async fn index_chunk(&self, xorb: &PlantedXorb, index: u32) {
        let mut tx = self.db.write().await.unwrap();
        xet::insert_dedup(&mut tx, &[(xorb.chunk_hash(index), xorb.id, index)]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Registers a file of runs of chunks.
    pub async fn plant_file(&self, runs: &[(&PlantedXorb, Range<u32>)]) -> PlantedFile {
        let terms = Terms::pack(runs.iter().map(|(xorb, run)| xorb.term(run.clone()))).unwrap();
        let run = |(xorb, run): &(&PlantedXorb, Range<u32>)| {
            xorb.chunks[run.start as usize..run.end as usize].to_vec()
        };
        let chunks: Vec<Vec<u8>> = runs.iter().flat_map(run).collect();
        let hashes: Vec<_> =
            chunks.iter().map(|chunk| (chunk_hash(chunk), chunk.len() as u64)).collect();
        let bytes = chunks.concat();
        let new = NewFile {
            hash: file_hash(&hashes),
            size_bytes: bytes.len() as u64,
            n_terms: u32::try_from(terms.len()).unwrap(),
            terms: terms.packed(),
            xorb_ids: &terms.xorb_ids(),
        };
        let mut tx = self.db.write().await.unwrap();
        let (id, _) = xet::insert_file(&mut tx, &new, self.hub.now()).await.unwrap();
        tx.commit().await.unwrap();
        PlantedFile { id, hash: new.hash, sha256: sha256(&bytes), bytes }
    }

    /// Links a file whose SHA-256 the hub knows.
    pub async fn link(&self, repo: &RepoId, file: &PlantedFile) {
        let (key, now) = (self.key(repo).await, self.hub.now());
        let mut tx = self.db.write().await.unwrap();
        xet::set_file_sha256(&mut tx, file.id, file.sha256).await.unwrap();
        lfs::ensure_xet_object(&mut tx, file.sha256, file.size(), file.id, now).await.unwrap();
        let public_id = self.hub.fresh_request_id();
        lfs::ensure_link(&mut tx, key, file.sha256, &public_id, now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Links a file as the content that its uploader says it is.
    pub async fn claim(&self, repo: &RepoId, file: &PlantedFile, sha256: Sha256) {
        let (key, now) = (self.key(repo).await, self.hub.now());
        let mut tx = self.db.write().await.unwrap();
        let public_id = self.hub.fresh_request_id();
        xet::claim_link(&mut tx, key, sha256, &public_id, file.id, now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Finds out which SHA-256 a file has, as the job does.
    pub async fn verify(&self, file: &PlantedFile) {
        let mut tx = self.db.write().await.unwrap();
        let now = self.hub.now();
        xet::confirm_claims(&mut tx, file.id, file.sha256, now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Stores a content as an object of its own, and links it.
    pub async fn plant_raw(&self, repo: &RepoId, bytes: &[u8]) {
        let (key, now, sha256) = (self.key(repo).await, self.hub.now(), sha256(bytes));
        self.blobs.put(&Key::lfs(&sha256), Bytes::copy_from_slice(bytes)).await.unwrap();
        let mut tx = self.db.write().await.unwrap();
        lfs::ensure_object(&mut tx, sha256, bytes.len() as u64, now).await.unwrap();
        let public_id = self.hub.fresh_request_id();
        lfs::ensure_link(&mut tx, key, sha256, &public_id, now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Moves a content from its object into a file, as the job does; the object is deleted at once.
    pub async fn move_to(&self, file: &PlantedFile) {
        let mut tx = self.db.write().await.unwrap();
        xet::set_file_sha256(&mut tx, file.id, file.sha256).await.unwrap();
        let now = self.hub.now();
        assert!(lfs::set_xet_home(&mut tx, file.sha256, file.id, now).await.unwrap());
        tx.commit().await.unwrap();
        self.blobs.delete(&Key::lfs(&file.sha256)).await.unwrap();
    }

    /// The repository's link to a content.
    pub async fn get_link(&self, repo: &RepoId, sha256: Sha256) -> LinkRow {
        let key = self.key(repo).await;
        let mut conn = self.db.read().await.unwrap();
        lfs::find_link(&mut conn, key, sha256).await.unwrap().expect("there is a link")
    }

    /// Bytes of a content.
    pub async fn read(
        &self,
        repo: &RepoId,
        sha256: Sha256,
        range: Range<u64>,
    ) -> Result<Vec<u8>, Error> {
        let link = self.get_link(repo, sha256).await;
        gather(self.hub.open_content(&link, range).await?).await
    }
}

/// Packs chunks into one xorb.
pub fn build(chunks: &[Vec<u8>], compression: Compression) -> BuiltXorb {
    let mut builder = XorbBuilder::new(compression);
    for chunk in chunks {
        builder.push(chunk_hash(chunk), chunk).unwrap();
    }
    builder.finish().unwrap()
}

pub async fn gather(stream: ContentStream) -> Result<Vec<u8>, Error> {
    let parts: Vec<Bytes> = stream.try_collect().await?;
    Ok(parts.concat())
}

pub fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256::new(sha2::Sha256::digest(bytes).into())
}

pub fn slice(bytes: &[u8], range: &Range<u64>) -> Vec<u8> {
    bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].to_vec()
}

/// Ranges of a file of that size: its ends, and anything between.
pub fn ranges(size: u64, seed: u64, count: usize) -> Vec<Range<u64>> {
    let rng = TestRng::seeded(seed);
    let mut ranges = vec![0..size, 0..0, size..size, 0..1, size - 1..size, 1..size - 1];
    ranges.extend((0..count).map(|n| {
        let start = rng.below(size);
        // Long ones and short ones.
        let most = if n % 2 == 0 { size - start } else { (size - start).min(100_000) };
        start..start + 1 + rng.below(most)
    }));
    ranges
}
