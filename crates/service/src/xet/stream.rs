//! The bytes of a content on their way out, and how they are read from xorbs.
//!
//! A range of a file becomes *pieces*, each one read from one xorb. A few pieces are fetched ahead of the one that is sent.
//! Chunks that are stored as they are go out as slices of what was read; compressed ones are inflated on a blocking thread.
//! What is in memory at a time is bounded for each stream, and for all of them together it shrinks to one small piece each
//! when receivers are slow.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use steelyard_blob::{BlobError, BlobStream, Key};
use steelyard_core::XetHash;
use steelyard_xet::plan::{Piece, PieceLimits, Span, pieces_within};
use steelyard_xet::xorb::{StoredChunk, StoredChunks};
use steelyard_xet::{ChunkTable, Decompressor, Scheme, XorbError};
use tokio_util::task::AbortOnDropHandle;

use super::views::{FileView, StoredXorb, broken};
use crate::{Error, Hub, Result};

/// Most bytes of one piece from a server: requests are few and large.
const REMOTE_PIECE_BYTES: u32 = 4 * 1024 * 1024;
/// Most bytes of one piece from a directory: what was read stays in the processor's cache until it is sent.
const LOCAL_PIECE_BYTES: u32 = 512 * 1024;
/// While memory is short, pieces are smaller by this factor.
const SMALLER: u32 = 4;
/// Pieces in work at a time for one stream, if they are small, ...
const PIECES_MAX: usize = 16;
/// ... and for how many pieces of the full size there is room.
const FULL_PIECES_MAX: u64 = 3;
/// Terms that are planned at a time, ...
const SPANS_MAX: usize = 16;
/// ... and bytes of them.
const PLANNED_BYTES: u32 = 32 * 1024 * 1024;

/// The bytes of a content, in order.
pub struct ContentStream(BoxStream<'static, Result<Bytes>>);

impl ContentStream {
    fn new(stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self(stream.boxed())
    }

    /// Everything that is left, in memory. For ranges that are known to be small.
    pub(crate) async fn collect(mut self) -> Result<Bytes> {
        let Some(first) = self.0.try_next().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.0.try_next().await? else { return Ok(first) };
        let mut all = BytesMut::from(first);
        all.extend_from_slice(&second);
        while let Some(bytes) = self.0.try_next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all.freeze())
    }
}

impl From<BlobStream> for ContentStream {
    fn from(stream: BlobStream) -> Self {
        Self::new(stream.map_err(Error::from))
    }
}

impl Stream for ContentStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl std::fmt::Debug for ContentStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentStream")
    }
}

/// Streams a range of a file, which must lie within it. `file_id` names the file's row, if it has one.
pub(super) fn read_file(
    hub: Hub,
    file_id: Option<i64>,
    view: Arc<FileView>,
    range: Range<u64>,
) -> Result<ContentStream> {
    let total = view.terms().total_raw();
    if range.start > range.end || range.end > total {
        let (start, end) = (range.start, range.end);
        return Err(broken(format!("bytes {start}..{end} of a file of {total} bytes")));
    }
    if range.is_empty() {
        return Ok(ContentStream::new(stream::empty()));
    }
    let any = Key::xorb(&XetHash::ZERO, 0);
    let is_local = hub.blobs().local_path(&any).is_some();
    let mut reading = Reading {
        hub,
        file_id,
        view,
        next: Position { offset: 0, index: 0, skip: 0 },
        end: range.end,
        full: if is_local { LOCAL_PIECE_BYTES } else { REMOTE_PIECE_BYTES },
        planned: VecDeque::new(),
        working: VecDeque::new(),
        ready: VecDeque::new(),
    };
    reading.seek(range.start)?;
    let bytes = stream::try_unfold(reading, |mut reading| async move {
        Ok(reading.next_bytes().await?.map(|bytes| (bytes, reading)))
    });
    Ok(ContentStream::new(bytes))
}

/// How far the planning has come.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// In the file.
    offset: u64,
    /// The term that holds it.
    index: usize,
    /// In the term.
    skip: u32,
}

struct Reading {
    hub: Hub,
    file_id: Option<i64>,
    view: Arc<FileView>,
    next: Position,
    end: u64,
    /// Most bytes of one piece while memory is ample.
    full: u32,
    /// Pieces that nobody works on yet, and where in the file they begin.
    planned: VecDeque<(u64, Piece)>,
    working: VecDeque<Work>,
    ready: VecDeque<Bytes>,
}

/// A piece that is being read.
struct Work {
    /// Where in the file it begins.
    offset: u64,
    /// What it takes of the memory for pieces.
    bytes: u64,
    job: AbortOnDropHandle<Result<Vec<Bytes>, PieceError>>,
}

impl Reading {
    async fn next_bytes(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Ok(Some(bytes));
            }
            self.start_work().await?;
            let Some(work) = self.working.pop_front() else { return Ok(None) };
            match work.job.await.map_err(Error::internal)? {
                Ok(slices) => self.ready.extend(slices),
                Err(PieceError::Gone(_)) if self.reload(work.offset).await? => {}
                Err(PieceError::Store(error)) => return Err(error.into()),
                Err(error) => return Err(broken(error)),
            }
        }
    }

    /// Starts work on pieces as far as there is room.
    async fn start_work(&mut self) -> Result<()> {
        let is_ample = self.hub.xet().views.gauge.is_ample();
        let most = if is_ample { self.full } else { self.full / SMALLER };
        loop {
            if self.planned.is_empty() {
                self.plan(most).await?;
            }
            let Some((_, piece)) = self.planned.front() else { return Ok(()) };
            let bytes = u64::from((piece.stored.end - piece.stored.start).max(piece.raw_len));
            let taken: u64 = self.working.iter().map(|work| work.bytes).sum();
            let is_room = is_ample
                && self.working.len() < PIECES_MAX
                && taken + bytes <= FULL_PIECES_MAX * u64::from(self.full);
            if !is_room && !self.working.is_empty() {
                return Ok(());
            }
            let Some((offset, piece)) = self.planned.pop_front() else { return Ok(()) };
            let xorb = self.view.known_xorb(piece.xorb_id);
            let job = tokio::spawn(read_piece(self.hub.clone(), xorb, piece));
            self.working.push_back(Work { offset, bytes, job: AbortOnDropHandle::new(job) });
        }
    }

    /// Plans the next terms.
    async fn plan(&mut self, most: u32) -> Result<()> {
        let mut start = self.next.offset;
        let spans = self.next_spans()?;
        let limits = PieceLimits { stored_bytes: most, raw_bytes: most };
        let needing = spans.iter().filter(|span| span.needs_table_within(&limits));
        let mut wanted: Vec<StoredXorb> =
            needing.map(|span| self.view.known_xorb(span.xorb_id())).collect();
        wanted.sort_unstable_by_key(|xorb| xorb.id);
        wanted.dedup();
        let tables = self.tables(&wanted).await?;
        let table = |id: i64| {
            let at = wanted.binary_search_by_key(&id, |xorb| xorb.id).ok()?;
            tables.get(at)
        };
        for piece in pieces_within(spans, &limits, table).map_err(broken)? {
            let offset = start;
            start += u64::from(piece.take);
            self.planned.push_back((offset, piece));
        }
        Ok(())
    }

    /// Takes the next terms, or parts of them.
    fn next_spans(&mut self) -> Result<Vec<Span>> {
        let (mut spans, mut room) = (Vec::with_capacity(SPANS_MAX), PLANNED_BYTES);
        while spans.len() < SPANS_MAX && room > 0 && self.next.offset < self.end {
            let Position { offset, index, skip } = self.next;
            let term = self.view.terms().get(index);
            let term = term.ok_or_else(|| broken("a file ends before its size"))?;
            let left = u32::try_from(self.end - offset).unwrap_or(u32::MAX);
            let take = (term.raw_len - skip).min(left).min(room);
            let offset = offset + u64::from(take);
            self.next = match skip + take == term.raw_len {
                true => Position { offset, index: index + 1, skip: 0 },
                false => Position { offset, index, skip: skip + take },
            };
            let span = Span::new(term, skip..skip + take);
            spans.push(span.ok_or_else(|| broken("a file has an empty term"))?);
            room -= take;
        }
        Ok(spans)
    }

    async fn tables(&self, xorbs: &[StoredXorb]) -> Result<Vec<ChunkTable>> {
        if let Some(tables) = self.hub.known_tables(xorbs) {
            return Ok(tables);
        }
        let mut conn = self.hub.db().read().await?;
        self.hub.chunk_tables(&mut conn, xorbs).await
    }

    /// Goes on at another place of the file.
    fn seek(&mut self, offset: u64) -> Result<()> {
        let found = self.view.terms().locate(offset);
        let (index, start) = found.ok_or_else(|| broken("a file ends before its size"))?;
        let skip = u32::try_from(offset - start).map_err(broken)?;
        self.next = Position { offset, index, skip };
        self.planned.clear();
        self.working.clear();
        Ok(())
    }

    /// Goes on with the terms as they are now, if they are other ones: a xorb was missing, and the file may have been put
    /// together anew since it was looked at.
    async fn reload(&mut self, offset: u64) -> Result<bool> {
        let Some(file_id) = self.file_id else { return Ok(false) };
        self.hub.forget_file(file_id);
        let mut conn = self.hub.db().read().await?;
        let view = self.hub.file_view(&mut conn, file_id).await?;
        drop(conn);
        let Some(view) = view.filter(|view| **view != *self.view) else { return Ok(false) };
        self.view = view;
        self.seek(offset)?;
        Ok(true)
    }
}

/// Why a piece was not read.
#[derive(Debug, thiserror::Error)]
enum PieceError {
    #[error("{0} is missing from the object store")]
    Gone(Key),
    #[error(transparent)]
    Store(#[from] BlobError),
    #[error("{0} is damaged")]
    Damaged(Key, #[source] DecodeError),
    #[error("the work on {0} was given up")]
    Lost(Key, #[source] tokio::task::JoinError),
}

/// Reads one piece; what it takes, in slices.
async fn read_piece(hub: Hub, xorb: StoredXorb, piece: Piece) -> Result<Vec<Bytes>, PieceError> {
    let key = xorb.key();
    let range = u64::from(piece.stored.start)..u64::from(piece.stored.end);
    let stored = hub.blobs().get_range(&key, range).await?.ok_or(PieceError::Gone(key))?;
    let gauge = &hub.xet().views.gauge;
    let stored = gauge.counted(stored);
    let is_raw = |chunk: Result<StoredChunk<'_>, _>| {
        chunk.is_ok_and(|chunk| chunk.header.scheme == Scheme::None)
    };
    let decoded = if StoredChunks::new(&stored).all(is_raw) {
        decode(&stored, &piece)
    } else {
        let gauge = gauge.clone();
        let inflate = move || {
            let slices = decode(&stored, &piece)?;
            Ok(slices.into_iter().map(|slice| gauge.counted(slice)).collect())
        };
        let inflated = tokio::task::spawn_blocking(inflate).await;
        inflated.map_err(|error| PieceError::Lost(key, error))?
    };
    decoded.map_err(|error| PieceError::Damaged(key, error))
}

#[derive(Debug, thiserror::Error)]
enum DecodeError {
    #[error(transparent)]
    Xorb(#[from] XorbError),
    #[error("its chunks have {actual} bytes where its table says {expected}")]
    Length { actual: u64, expected: u32 },
}

/// Takes the wanted bytes out of a piece: slices of `stored` where chunks are not compressed.
fn decode(stored: &Bytes, piece: &Piece) -> Result<Vec<Bytes>, DecodeError> {
    let mut slices = Slices {
        skip: piece.skip as usize,
        take: piece.take as usize,
        done: Vec::new(),
        inflated: Vec::new(),
    };
    let mut decompressor = Decompressor::new();
    let mut raw_len = 0;
    for chunk in StoredChunks::new(stored) {
        let chunk = chunk?;
        raw_len += u64::from(chunk.header.raw_len);
        if chunk.header.scheme == Scheme::None {
            slices.add_stored(stored, chunk.payload);
        } else {
            slices.add_inflated(chunk.raw(&mut decompressor)?, piece.raw_len);
        }
    }
    if raw_len != u64::from(piece.raw_len) {
        return Err(DecodeError::Length { actual: raw_len, expected: piece.raw_len });
    }
    Ok(slices.finish())
}

struct Slices {
    /// Bytes to leave out before the first one wanted.
    skip: usize,
    /// Bytes still wanted.
    take: usize,
    done: Vec<Bytes>,
    /// Inflated bytes behind those.
    inflated: Vec<u8>,
}

impl Slices {
    /// The wanted part of the next `len` bytes.
    fn wanted(&mut self, len: usize) -> Range<usize> {
        let start = self.skip.min(len);
        let end = start + self.take.min(len - start);
        self.skip -= start;
        self.take -= end - start;
        start..end
    }

    fn add_stored(&mut self, stored: &Bytes, payload: &[u8]) {
        let wanted = self.wanted(payload.len());
        if !wanted.is_empty() {
            self.close();
            self.done.push(stored.slice_ref(&payload[wanted]));
        }
    }

    fn add_inflated(&mut self, raw: &[u8], most: u32) {
        let wanted = self.wanted(raw.len());
        if self.inflated.is_empty() {
            self.inflated.reserve(self.take.saturating_add(wanted.len()).min(most as usize));
        }
        self.inflated.extend_from_slice(&raw[wanted]);
    }

    fn close(&mut self) {
        if !self.inflated.is_empty() {
            self.done.push(std::mem::take(&mut self.inflated).into());
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.close();
        self.done
    }
}
