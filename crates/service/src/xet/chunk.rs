//! The job `lfs.chunk`: a large file that arrived as plain bytes is put into xorbs.
//!
//! The raw object stays the content's home until the transaction that registers the file; from then on it is left over and
//! goes two hours later. So readers never see a difference, and whatever dies in between leaves xorbs that no file
//! uses. A second run finds those again by their hashes.
//!
//! Work comes in batches of some MiB: cutting and hashing on a thread for blocking work, then one look into the index of
//! known chunks, then packing, again on such a thread. Meanwhile the next batch is read, and what came of the last one is
//! written to its xorb. All of this goes on in the same few buffers, which take some 20 MiB, because fetching memory from
//! the system takes longer than hashing what is in it. An S3 server wants a xorb whole, so there one more waits in memory.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use sha2::{Digest as _, Sha256 as Sha256Hasher};
use steelyard_blob::{BlobReader, BlobWriter, Key};
use steelyard_core::fault::crash_point;
use steelyard_core::{Sha256, XetHash};
use steelyard_db::xet::{self, NewFile, XorbState};
use steelyard_db::{Tx, job, lfs};
use steelyard_xet::dedup::{FileDeduper, Step};
use steelyard_xet::{
    BuiltXorb, CHUNK_BYTES_MAX, ChunkTable, Compression, XorbBuilder, chunk_hash, first_cut,
    is_dedup_eligible,
};
use tokio::task::JoinHandle;

use super::store::{OwnXorb, as_stored};
use crate::jobs::progress;
use crate::{Error, Hub, Result};

/// New bytes of one batch. In front of them comes what was left of the batch before: the start of a chunk.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Room for that start.
const START_BYTES: usize = CHUNK_BYTES_MAX;
/// Buffers that are kept for the output of batches.
const ROOMS_MAX: usize = 2;
/// Room for what packing a batch gives: with the chunks that waited, and the headers of all.
const ROOM_BYTES: usize = BATCH_BYTES + 2 * 1024 * 1024;
/// Contents per look for ones that wait.
const ROUND: i64 = 500;

/// A chunk whose fate is open.
struct Chunk {
    hash: XetHash,
    /// A piece of its batch.
    data: Bytes,
}

/// Reads batches, in buffers that come back.
struct Batches {
    reader: BlobReader,
    spare: Vec<u8>,
}

/// Cuts and hashes: the part of the work that needs no store.
#[derive(Default)]
struct Cutter {
    sha256: Sha256Hasher,
    /// The start of the chunk that has not ended.
    start: Vec<u8>,
}

/// A batch that was cut.
struct Cut {
    bytes: Bytes,
    chunks: Vec<Chunk>,
    is_last: bool,
}

/// What packing gives.
enum Output {
    /// Bytes of the xorb under construction.
    Bytes(Bytes),
    /// Its last ones.
    End(BuiltXorb),
}

/// Brings xorbs to the store, the output of one batch at a time, so that memory stays bounded.
struct Storing {
    hub: Hub,
    state: State,
}

enum State {
    Idle(Option<BlobWriter>),
    Busy(JoinHandle<Result<Stored>>),
}

/// What storing the output of a batch gives.
#[derive(Default)]
struct Stored {
    /// The object of a xorb that has not ended.
    begun: Option<BlobWriter>,
    xorbs: Vec<OwnXorb>,
    rooms: Vec<Vec<u8>>,
}

/// Decides and packs.
struct Packer {
    deduper: FileDeduper,
    builder: XorbBuilder,
    /// Chunks that were pushed into the deduper and are not decided.
    open: VecDeque<Chunk>,
    steps: Vec<Step>,
    /// What is to be stored, in order.
    output: Vec<Output>,
    /// Buffers for that.
    rooms: Vec<Vec<u8>>,
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
        progress::begin("bytes", Some(content.size_bytes));
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
        let reader = self.blobs().open_reader(&Key::lfs(&sha256)).await?;
        let reader = reader
            .ok_or_else(|| Error::internal(format!("content {sha256} has a row and no bytes")))?;
        let mut batches = Batches { reader, spare: Vec::new() };
        let mut cutter = Cutter::default();
        let mut packer = Packer {
            deduper: FileDeduper::default(),
            builder: XorbBuilder::new(Compression::Sampled),
            open: VecDeque::new(),
            steps: Vec::new(),
            output: Vec::new(),
            rooms: Vec::new(),
        };
        let mut storing = Storing { hub: self.clone(), state: State::Idle(None) };
        let (mut position, mut is_last) = (0, false);
        let mut batch = batches.next().await?;
        while !is_last {
            is_last = batch.len() < START_BYTES + BATCH_BYTES;
            let new_bytes = batch.len() - START_BYTES;
            let cutting = blocking(move || cutter.cut(batch, is_last));
            let reading = async { if is_last { Ok(Vec::new()) } else { batches.next().await } };
            let (cut, next) = tokio::join!(cutting, reading);
            let cut_batch;
            (cutter, cut_batch) = cut?;
            batch = next?;
            self.look_up(&mut packer.deduper, &cut_batch.chunks, &mut position, known).await?;
            (packer, batches.spare) = blocking(move || packer.pack(cut_batch)).await??;
            let begun = storing.settle(stored, &mut packer.rooms).await?;
            storing.start(begun, std::mem::take(&mut packer.output));
            progress::advance(new_bytes as u64);
        }
        storing.settle(stored, &mut packer.rooms).await?;
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

    async fn store_output(
        &self,
        mut begun: Option<BlobWriter>,
        output: Vec<Output>,
    ) -> Result<Stored> {
        let mut stored = Stored::default();
        for part in output {
            let (bytes, ended) = match part {
                Output::Bytes(bytes) => (bytes, None),
                Output::End(mut xorb) => (std::mem::take(&mut xorb.bytes), Some(xorb)),
            };
            let mut writer = match begun.take() {
                Some(writer) => writer,
                None => self.blobs().begin_object().await?,
            };
            writer.write(bytes.clone()).await?;
            stored.rooms.extend(room_of(bytes));
            match ended {
                Some(xorb) => stored.xorbs.push(self.finish_own_xorb(writer, &xorb).await?),
                None => begun = Some(writer),
            }
        }
        Ok(Stored { begun, ..stored })
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
        progress::begin("contents", None);
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
            progress::advance(found.len() as u64);
        }
    }
}

impl Batches {
    /// The next batch, behind room for the start of its first chunk.
    async fn next(&mut self) -> Result<Vec<u8>> {
        let mut buffer = std::mem::take(&mut self.spare);
        buffer.reserve_exact(START_BYTES + BATCH_BYTES);
        buffer.resize(START_BYTES, 0);
        Ok(self.reader.read(buffer, BATCH_BYTES).await?)
    }
}

impl Cutter {
    fn cut(mut self, mut batch: Vec<u8>, is_last: bool) -> (Self, Cut) {
        let mut at = START_BYTES - self.start.len();
        batch[at..START_BYTES].copy_from_slice(&self.start);
        let bytes = Bytes::from(batch);
        let mut chunks = Vec::new();
        while at < bytes.len() {
            let rest = &bytes[at..];
            let length = match first_cut(rest) {
                Some(length) => length,
                None if is_last => rest.len(),
                None => break,
            };
            // All that reads a chunk reads it at once, while it is near.
            let data = bytes.slice(at..at + length);
            self.sha256.update(&data);
            chunks.push(Chunk { hash: chunk_hash(&data), data });
            at += length;
        }
        self.start.clear();
        self.start.extend_from_slice(&bytes[at..]);
        (self, Cut { bytes, chunks, is_last })
    }
}

impl Storing {
    fn start(&mut self, begun: Option<BlobWriter>, output: Vec<Output>) {
        let hub = self.hub.clone();
        let task = async move { hub.store_output(begun, output).await };
        self.state = State::Busy(tokio::spawn(task));
    }

    /// Waits for what is on its way; returns the object that is begun, if one is.
    async fn settle(
        &mut self,
        stored: &mut Vec<OwnXorb>,
        rooms: &mut Vec<Vec<u8>>,
    ) -> Result<Option<BlobWriter>> {
        match std::mem::replace(&mut self.state, State::Idle(None)) {
            State::Idle(begun) => Ok(begun),
            State::Busy(task) => {
                let done = task.await.map_err(Error::internal)??;
                stored.extend(done.xorbs);
                rooms.extend(done.rooms);
                // Where a xorb ended there were two.
                rooms.truncate(ROOMS_MAX);
                Ok(done.begun)
            }
        }
    }
}

impl Packer {
    fn room(&mut self) -> Vec<u8> {
        self.rooms.pop().unwrap_or_else(|| Vec::with_capacity(ROOM_BYTES))
    }

    /// Packs the chunks of a batch; returns its buffer if nobody holds on to it.
    fn pack(mut self, batch: Cut) -> Result<(Self, Vec<u8>)> {
        let Cut { bytes, chunks, is_last } = batch;
        for chunk in chunks {
            let length = u32::try_from(chunk.data.len()).map_err(Error::internal)?;
            self.deduper.push(&chunk.hash, length, &mut self.steps);
            self.open.push_back(chunk);
            self.follow()?;
        }
        if is_last {
            self.deduper.end(&mut self.steps);
            self.follow()?;
            self.cut_xorb()?;
        }
        // A few may wait for the next batch.
        for chunk in &mut self.open {
            chunk.data = Bytes::copy_from_slice(&chunk.data);
        }
        if !self.builder.is_empty() {
            let room = self.room();
            self.output.push(Output::Bytes(self.builder.take_bytes(room)));
        }
        let spare = room_of(bytes).unwrap_or_default();
        Ok((self, spare))
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
            self.output.push(Output::End(xorb));
            let room = self.room();
            self.builder.take_bytes(room);
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

/// The memory of bytes that nobody else holds.
fn room_of(bytes: Bytes) -> Option<Vec<u8>> {
    let mut bytes = bytes.try_into_mut().ok()?;
    bytes.clear();
    Some(bytes.into())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}
