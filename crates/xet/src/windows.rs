//! What a client needs of a file to edit parts of it without reading the rest: the answer to
//! `GET /v2/file-chunk-hashes/{file}` (`ChunkWindowBuilder` in `xet-client`).
//!
//! The client names the ranges it will overwrite. Around each it must cut the file into chunks anew, until the cuts are those
//! of the old file again: such a *window* starts with the chunk that holds the range's first byte, and goes on behind its last
//! until two chunks in a row have lengths that prove it. The *gaps* between windows keep their chunks, of which the client
//! gets no hashes but a [`Subtree`].

#[cfg(test)]
mod tests;

use std::ops::Range;

use steelyard_core::XetHash;

use crate::subtree::{Node, Subtree};
use crate::{CHUNK_BYTES_MAX, CHUNK_BYTES_MIN};

/// Chunks of a gap that are held before they are made into a subtree.
const BATCH_CHUNKS: usize = 1 << 16;
/// Most nodes of a gap. Real ones have hundreds; only equal or chosen chunks make more.
pub const GAP_NODES_MAX: usize = 1 << 18;
/// Most ranges in one request.
pub const DIRTY_RANGES_MAX: usize = 10_000;

/// The windows of a file and what lies between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileWindows {
    /// Chunks of the file.
    pub chunks: u64,
    /// The bytes to cut anew, in order; they start and end with chunks.
    pub windows: Vec<Range<u64>>,
    /// The chunks before, between and behind the windows, one more than there are windows; `None` where there are none.
    pub gaps: Vec<Option<Subtree>>,
}

/// Ranges that cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DirtyError {
    /// No byte of the file is in the ranges.
    #[error("no range holds a byte of the file")]
    Outside,
    /// The ranges are not in order, or overlap.
    #[error("range {0} starts before the one before it ends")]
    Order(usize),
    /// More ranges than are answered.
    #[error("{0} ranges, the limit is 10000")]
    TooMany(usize),
    /// The hashes of the file's chunks leave so much undecided that the answer would be about as long as all of them.
    #[error("the file's chunks cannot be summed up")]
    Undecided,
}

/// Finds the windows of a file while its chunks come.
#[derive(Debug)]
pub struct WindowFinder {
    dirty: Vec<Range<u64>>,
    /// The dirty range that the open window or the next one is for.
    current: usize,
    /// The windows; the last one may be open.
    windows: Vec<Range<u64>>,
    tail: Option<Tail>,
    /// Where the next chunk starts in the file.
    offset: u64,
    chunks: u64,
    gaps: Vec<Option<Subtree>>,
    gap: Gap,
}

/// The end of an open window.
#[derive(Debug, Clone, Copy, Default)]
struct Tail {
    /// The last chunk was clean and had a length from which the cuts can be the old ones again.
    is_last_stable: bool,
}

/// The chunks since the last window.
#[derive(Debug, Default)]
struct Gap {
    chunks: Vec<Node>,
    before: Option<Subtree>,
    /// There was a window before the gap.
    is_behind_window: bool,
}

impl FileWindows {
    /// True when these bytes of the file are not in any window. Of a term that is untouched the client wants the hash that
    /// verifies it (`gapVerification`).
    pub fn leaves_alone(&self, bytes: &Range<u64>) -> bool {
        let first = self.windows.partition_point(|window| window.end <= bytes.start);
        self.windows.get(first).is_none_or(|window| window.start >= bytes.end)
    }
}

impl WindowFinder {
    /// Takes the ranges to be overwritten in a file of so many bytes. What is beyond its end is left out.
    pub fn new(dirty: &[Range<u64>], size: u64) -> Result<Self, DirtyError> {
        if dirty.len() > DIRTY_RANGES_MAX {
            return Err(DirtyError::TooMany(dirty.len()));
        }
        let disorder = dirty.windows(2).position(|pair| pair[1].start < pair[0].end);
        if let Some(index) = disorder {
            return Err(DirtyError::Order(index + 1));
        }
        let dirty: Vec<_> = dirty
            .iter()
            .map(|range| range.start..range.end.min(size))
            .filter(|range| range.start < range.end)
            .collect();
        if dirty.is_empty() {
            return Err(DirtyError::Outside);
        }
        Ok(Self {
            dirty,
            current: 0,
            windows: Vec::new(),
            tail: None,
            offset: 0,
            chunks: 0,
            gaps: Vec::new(),
            gap: Gap::default(),
        })
    }

    /// Takes the next chunk of the file.
    pub fn push(&mut self, hash: XetHash, len: u32) -> Result<(), DirtyError> {
        let chunk = self.offset..self.offset.saturating_add(u64::from(len));
        self.offset = chunk.end;
        self.chunks += 1;
        let is_dirty = self.overlaps(self.current, &chunk);
        match self.tail {
            None if is_dirty => self.open(chunk),
            None => self.gap.push((hash, u64::from(len)))?,
            Some(_) if is_dirty => self.extend_dirty(chunk.end),
            Some(_) if self.overlaps(self.current + 1, &chunk) => {
                self.current += 1;
                self.extend_dirty(chunk.end);
            }
            Some(tail) => self.extend_clean(chunk.end, len, tail),
        }
        Ok(())
    }

    /// The windows, after the last chunk.
    pub fn finish(mut self) -> FileWindows {
        self.gaps.push(self.gap.finish(true));
        FileWindows { chunks: self.chunks, windows: self.windows, gaps: self.gaps }
    }

    fn overlaps(&self, index: usize, chunk: &Range<u64>) -> bool {
        let dirty = self.dirty.get(index);
        dirty.is_some_and(|dirty| dirty.start < chunk.end && chunk.start < dirty.end)
    }

    fn open(&mut self, chunk: Range<u64>) {
        let gap = std::mem::take(&mut self.gap);
        self.gaps.push(gap.finish(false));
        let end = chunk.end;
        self.windows.push(chunk);
        self.extend_dirty(end);
    }

    /// Extends the open window to the end of a chunk that will be overwritten, in part at least.
    fn extend_dirty(&mut self, end: u64) {
        self.extend(end);
        // The chunk may hold the starts of several ranges; what counts is where the last of them ends.
        while self.dirty.get(self.current + 1).is_some_and(|next| next.start < end) {
            self.current += 1;
        }
        self.tail = Some(Tail::default());
    }

    /// Extends the open window over a chunk that stays as it is, and closes it if the cuts are the old ones from here on.
    fn extend_clean(&mut self, end: u64, len: u32, tail: Tail) {
        self.extend(end);
        let is_stable = is_stable(len);
        if tail.is_last_stable && is_stable {
            self.current += 1;
            self.tail = None;
            self.gap.is_behind_window = true;
        } else {
            self.tail = Some(Tail { is_last_stable: is_stable });
        }
    }

    fn extend(&mut self, end: u64) {
        if let Some(window) = self.windows.last_mut() {
            window.end = end;
        }
    }
}

/// True for a chunk of a length that neither the least nor the greatest one has forced: behind two such chunks a chunker that
/// started elsewhere cuts where this one did (`is_stable_chunk_size`).
fn is_stable(len: u32) -> bool {
    (2 * CHUNK_BYTES_MIN..CHUNK_BYTES_MAX - CHUNK_BYTES_MIN).contains(&(len as usize))
}

impl Gap {
    fn push(&mut self, chunk: Node) -> Result<(), DirtyError> {
        if self.chunks.len() == BATCH_CHUNKS {
            let before = self.take(false);
            if before.len() > GAP_NODES_MAX {
                return Err(DirtyError::Undecided);
            }
            self.before = Some(before);
        }
        self.chunks.push(chunk);
        Ok(())
    }

    fn finish(mut self, is_at_end: bool) -> Option<Subtree> {
        let gap = self.take(is_at_end);
        (!gap.is_empty()).then_some(gap)
    }

    /// The gap so far.
    fn take(&mut self, is_at_end: bool) -> Subtree {
        let chunks = std::mem::take(&mut self.chunks);
        match self.before.take() {
            Some(before) => before
                .join(Subtree::new(false, chunks, is_at_end))
                .expect("a gap that goes on neither ends the file nor starts it again"),
            None => Subtree::new(!self.is_behind_window, chunks, is_at_end),
        }
    }
}
