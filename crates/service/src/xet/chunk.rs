//! The job `lfs.chunk`: a large file that arrived as plain bytes is put into xorbs.
//!
//! The raw object stays the content's home until the transaction that registers the file; from then on it is left over and
//! goes two hours later. So readers never see a difference, and whatever dies in between leaves xorbs that no file
//! uses. A second run finds those again by their hashes.
//!
//! Work comes in batches of some MiB: cutting and hashing on a thread for blocking work, then one look into the index of
//! known chunks, then packing, again on such a thread. Xorbs are stored while the next batch is cut.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256 as Sha256Hasher};
use steelyard_blob::Key;
use steelyard_core::fault::crash_point;
use steelyard_core::{Sha256, XetHash};
use steelyard_db::xet::{self, NewFile, XorbState};
use steelyard_db::{Tx, job, lfs};
use steelyard_xet::dedup::{FileDeduper, Step};
use steelyard_xet::{
    BuiltXorb, ChunkTable, Chunker, Compression, XorbBuilder, chunk_hash, is_dedup_eligible,
};
use tokio::task::JoinHandle;

use super::store::{OwnXorb, as_stored};
use crate::{Error, Hub, Result};

/// Bytes of one batch; a chunk that spans two is copied once more.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Contents per look for ones that wait.
const ROUND: i64 = 500;

/// A chunk whose fate is open.
struct Chunk {
    hash: XetHash,
    data: Bytes,
}

/// Cuts, hashes, and remembers: the part of the work that needs no store.
struct Cutter {
    chunker: Chunker,
    sha256: Sha256Hasher,
    bytes: u64,
}

/// Decides and packs.
struct Packer {
    deduper: FileDeduper,
    builder: XorbBuilder,
    /// Chunks that were pushed into the deduper and are not decided.
    open: VecDeque<Chunk>,
    steps: Vec<Step>,
    /// Xorbs that are complete and not stored.
    full: Vec<BuiltXorb>,
}

/// A xorb of the file that the hub had before, as it was when its table was read.
type Known = HashMap<i64, u32>;

impl Hub {
    /// Puts a content into xorbs, unless that was done. May be repeated.
    pub(crate) async fn chunk_content(&self, sha256: Sha256) -> Result<()> {
        let mut conn = self.db().read().await?;
        let content = lfs::find_content(&mut conn, sha256).await?;
        drop(conn);
        let Some(content) = content.filter(|content| content.has_raw && content.xet.is_none())
        else {
            return Ok(());
        };
        if content.size_bytes == 0 {
            return Ok(());
        }
        let mut known = Known::new();
        let mut stored = Vec::new();
        let packer = self.pack_content(sha256, &mut known, &mut stored).await?;
        let file =
            packer.deduper.finish(|number| stored[number as usize].id).map_err(Error::internal)?;
        if file.terms.total_raw() != content.size_bytes {
            return Err(Error::internal(format!(
                "content {sha256} is not as long as its row says"
            )));
        }
        crash_point("xet.chunk.stored");
        let terms = as_stored(&file.terms, &stored)?;
        let xorb_ids = terms.xorb_ids();
        let mut tx = self.db().write().await?;
        self.hold_xorbs(&mut tx, &xorb_ids, &known, &stored).await?;
        let now = self.now();
        let new = NewFile {
            hash: file.hash,
            size_bytes: content.size_bytes,
            n_terms: u32::try_from(terms.len()).map_err(Error::internal)?,
            terms: terms.packed(),
            xorb_ids: &xorb_ids,
        };
        let (file_id, is_new) = xet::insert_file(&mut tx, &new, now).await?;
        if is_new {
            let chunks = findable_chunks(&stored, file.first_chunk, &terms);
            xet::insert_dedup(&mut tx, &chunks).await?;
        }
        xet::confirm_claims(&mut tx, file_id, sha256, now).await?;
        lfs::set_xet_home(&mut tx, sha256, file_id, now).await?;
        crash_point("xet.chunk.before_commit");
        tx.commit().await?;
        crash_point("xet.chunk.after_commit");
        metrics::counter!("steelyard_xet_chunked_bytes_total").increment(content.size_bytes);
        Ok(())
    }

    /// Reads a raw content and stores its new chunks.
    async fn pack_content(
        &self,
        sha256: Sha256,
        known: &mut Known,
        stored: &mut Vec<OwnXorb>,
    ) -> Result<Packer> {
        let opened = self.blobs().open_whole(&Key::lfs(&sha256)).await?;
        let (_, mut stream) = opened
            .ok_or_else(|| Error::internal(format!("content {sha256} has a row and no bytes")))?;
        let mut cutter = Cutter { chunker: Chunker::new(), sha256: Sha256Hasher::new(), bytes: 0 };
        let mut packer = Packer {
            deduper: FileDeduper::default(),
            builder: XorbBuilder::new(Compression::Sampled),
            open: VecDeque::new(),
            steps: Vec::new(),
            full: Vec::new(),
        };
        let mut storing: Option<JoinHandle<Result<Vec<OwnXorb>>>> = None;
        let (mut position, mut ended) = (0, false);
        while !ended {
            let (mut pieces, mut length) = (Vec::new(), 0);
            while length < BATCH_BYTES {
                let Some(piece) = stream.next().await.transpose()? else {
                    ended = true;
                    break;
                };
                length += piece.len();
                pieces.push(piece);
            }
            let chunks;
            (cutter, chunks) = blocking(move || cutter.cut(&pieces, ended)).await?;
            self.look_up(&mut packer.deduper, &chunks, &mut position, known).await?;
            packer = blocking(move || packer.pack(chunks, ended)).await??;
            // One group of xorbs at a time is on its way to the store, so memory stays bounded.
            if let Some(group) = storing.take() {
                stored.extend(group.await.map_err(Error::internal)??);
            }
            let full = std::mem::take(&mut packer.full);
            if !full.is_empty() {
                let hub = self.clone();
                storing = Some(tokio::spawn(async move { hub.store_built(full).await }));
            }
        }
        if let Some(group) = storing {
            stored.extend(group.await.map_err(Error::internal)??);
        }
        if Sha256::new(cutter.sha256.finalize().into()) != sha256 {
            return Err(Error::internal(format!(
                "the stored bytes of content {sha256} are damaged"
            )));
        }
        Ok(packer)
    }

    /// Learns what the hub has of these chunks.
    async fn look_up(
        &self,
        deduper: &mut FileDeduper,
        chunks: &[Chunk],
        position: &mut u64,
        known: &mut Known,
    ) -> Result<()> {
        let mut wanted = Vec::new();
        for chunk in chunks {
            if deduper.wants_lookup(*position, &chunk.hash) {
                wanted.push(chunk.hash);
            }
            *position += 1;
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let mut conn = self.db().read().await?;
        let mut ids: Vec<i64> =
            xet::find_dedup(&mut conn, &wanted).await?.into_iter().map(|(_, id, _)| id).collect();
        ids.retain(|id| !deduper.knows_xorb(*id));
        ids.sort_unstable();
        ids.dedup();
        let mut rows = xet::find_xorbs_by_id(&mut conn, &ids).await?;
        rows.retain(|row| row.state != XorbState::Deleting);
        for row in rows {
            for (id, packed) in xet::xorb_tables(&mut conn, &[row.id]).await? {
                let table = ChunkTable::from_packed(packed.into()).map_err(Error::internal)?;
                known.insert(id, row.generation);
                deduper.learn(id, table);
            }
        }
        Ok(())
    }

    async fn store_built(&self, built: Vec<BuiltXorb>) -> Result<Vec<OwnXorb>> {
        let mut stored = Vec::with_capacity(built.len());
        for xorb in built {
            stored.push(self.store_own_xorb(xorb).await?);
        }
        Ok(stored)
    }

    /// Locks the xorbs of a file that is about to be registered, and takes condemned ones back.
    async fn hold_xorbs(
        &self,
        tx: &mut Tx,
        ids: &[i64],
        known: &Known,
        stored: &[OwnXorb],
    ) -> Result<()> {
        let rows = xet::lock_xorbs(tx, ids).await?;
        let generation_of = |id: i64| {
            let own = stored.iter().find(|xorb| xorb.id == id).map(|xorb| xorb.generation);
            own.or_else(|| known.get(&id).copied())
        };
        let is_sound = rows.len() == ids.len()
            && rows.iter().all(|row| {
                row.state != XorbState::Deleting && generation_of(row.id) == Some(row.generation)
            });
        if !is_sound {
            // Rare, and the next run will not find it again.
            return Err(Error::Unavailable("a xorb of the file went meanwhile".into()));
        }
        xet::revive_xorbs(tx, ids).await?;
        Ok(xet::mark_used(tx, ids, self.now()).await?)
    }

    /// Puts in line every content that waits to be put into xorbs, however it came to wait.
    pub(crate) async fn enqueue_unchunked(&self, kind: &str) -> Result<u64> {
        let (mut after, mut count) = (Vec::new(), 0);
        loop {
            let mut conn = self.db().read().await?;
            let found = lfs::list_raw_only(&mut conn, &after, ROUND).await?;
            drop(conn);
            let Some((last, _)) = found.last() else { return Ok(count) };
            after = last.as_bytes().to_vec();
            let now = self.now();
            let mut tx = self.db().write().await?;
            for (sha256, _) in &found {
                // One that failed for good is tried again with every round: its bytes may have been restored.
                let subject = sha256.to_string();
                count += u64::from(job::ensure(&mut tx, kind, &subject, now, now, now).await?);
            }
            tx.commit().await?;
        }
    }
}

impl Cutter {
    fn cut(mut self, pieces: &[Bytes], ended: bool) -> (Self, Vec<Chunk>) {
        let mut chunks = Vec::new();
        let mut each = |data: &[u8]| {
            chunks.push(Chunk { hash: chunk_hash(data), data: Bytes::copy_from_slice(data) });
        };
        for piece in pieces {
            self.sha256.update(piece);
            self.bytes += piece.len() as u64;
            self.chunker.push(piece, &mut each);
        }
        if ended {
            self.chunker.finish(&mut each);
        }
        (self, chunks)
    }
}

impl Packer {
    fn pack(mut self, chunks: Vec<Chunk>, ended: bool) -> Result<Self> {
        for chunk in chunks {
            let length = u32::try_from(chunk.data.len()).map_err(Error::internal)?;
            self.deduper.push(&chunk.hash, length, &mut self.steps);
            self.open.push_back(chunk);
            self.follow()?;
        }
        if ended {
            self.deduper.end(&mut self.steps);
            self.follow()?;
            self.cut_xorb()?;
        }
        Ok(self)
    }

    /// Does what the deduper has decided.
    fn follow(&mut self) -> Result<()> {
        for step in std::mem::take(&mut self.steps) {
            let (count, is_new) = match step {
                Step::Known(count) => (count, false),
                Step::New(count) => (count, true),
            };
            for _ in 0..count {
                let chunk = self.open.pop_front().ok_or_else(|| {
                    Error::internal("more chunks were decided on than were pushed")
                })?;
                if is_new {
                    self.place(&chunk)?;
                }
            }
        }
        Ok(())
    }

    fn place(&mut self, chunk: &Chunk) -> Result<()> {
        if self.builder.is_full_for(chunk.data.len()) {
            self.cut_xorb()?;
        }
        self.builder.push(chunk.hash, &chunk.data).map_err(Error::internal)?;
        let length = u32::try_from(chunk.data.len()).map_err(Error::internal)?;
        self.deduper.placed(&chunk.hash, length).map_err(Error::internal)
    }

    fn cut_xorb(&mut self) -> Result<()> {
        if let Some(xorb) = self.builder.finish() {
            self.deduper.cut(&xorb.table).map_err(Error::internal)?;
            self.full.push(xorb);
        }
        Ok(())
    }
}

/// The chunks by which others will find the file's content: its first, and the eligible ones of its new xorbs.
fn findable_chunks(
    stored: &[OwnXorb],
    first_chunk: Option<XetHash>,
    terms: &steelyard_xet::Terms,
) -> Vec<(XetHash, i64, u32)> {
    let mut chunks = Vec::new();
    for xorb in stored {
        for index in 0..xorb.table.len() {
            let hash = xorb.table.hash(index).filter(is_dedup_eligible);
            chunks.extend(hash.map(|hash| (hash, xorb.id, index)));
        }
    }
    if let (Some(hash), Some(term)) = (first_chunk, terms.get(0)) {
        chunks.push((hash, term.xorb_id, term.chunks.start));
    }
    chunks
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}
