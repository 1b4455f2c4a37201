//! Deduplication of a file that the hub chunks itself: which of its chunks are stored already, and which of those are worth
//! referring to.
//!
//! The caller cuts the file into chunks and looks up in the hub's index those that [`FileDeduper::wants_lookup`] picks: one in
//! a thousand, and the first. A hit names a xorb, whose chunk table is then [learned](FileDeduper::learn); what follows the
//! hit in the file most likely follows it in the xorb, too. So each chunk turns out to be known or new, and the new ones go
//! into xorbs that the caller builds.
//!
//! Not every known chunk is used. Whoever reads the file later makes a request for each of its runs, and a file of many
//! short runs is slow to read for ever, to save a little once. A run is taken when it has [`RUN_CHUNKS_MIN`] chunks or
//! [`RUN_BYTES_MIN`] bytes. Half of that is enough at the start of the file or right behind another run that was taken,
//! where leaving it out would not spare a request. At the end of the file whatever is left is taken, behind another run or
//! when it is the whole file.

mod known;
mod recipe;

#[cfg(test)]
mod tests;

use std::ops::Range;

use steelyard_core::XetHash;

use crate::hash::{FileHasher, is_dedup_eligible};
use crate::table::ChunkTable;
use crate::terms::{Terms, TermsError};

use known::{KnownChunks, Place};
use recipe::Recipe;

/// Chunks with which a run is worth referring to.
pub const RUN_CHUNKS_MIN: u32 = 8;
/// Bytes with which a run is worth referring to, uncompressed.
pub const RUN_BYTES_MIN: u64 = 512 * 1024;
/// Chunks that are remembered at a time by default; they take about 100 bytes each.
pub const KNOWN_CHUNKS_MAX: usize = 1 << 20;

/// Where chunks lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// In a xorb the hub has, by its id.
    Stored(i64),
    /// In a xorb that is made from this file, counted from zero.
    New(u32),
}

/// What to do with the next chunks of the file, in the order in which they were pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many chunks are stored already: forget their bytes.
    Known(u32),
    /// So many chunks are to be put into the xorb under construction; [`FileDeduper::placed`] is to be told of each.
    New(u32),
}

/// A file whose chunks are all stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupedFile {
    /// Hash of the file.
    pub hash: XetHash,
    /// Where its chunks are.
    pub terms: Terms,
    /// Hash of its first chunk, by which clients ask for the file; `None` for the empty file. The chunk is where the first
    /// term starts.
    pub first_chunk: Option<XetHash>,
}

/// A mistake of the caller: what it reports of the new xorbs and what it was asked to store do not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DedupError {
    /// The table of the xorb is not that of the chunks that were placed in it.
    #[error("the table of new xorb {0} is not that of its chunks")]
    Table(u32),
    /// More chunks were placed than were asked for.
    #[error("a chunk was placed in new xorb {0} that is not new")]
    Unasked(u32),
    /// The file ended while a xorb was under construction, or before all chunks were placed.
    #[error("new xorb {0} is not cut")]
    Uncut(u32),
    /// The terms cannot be packed, because the caller gave an impossible id.
    #[error(transparent)]
    Terms(#[from] TermsError),
}

/// Finds out which chunks of one file are new. See the module for how.
#[derive(Debug)]
pub struct FileDeduper {
    known: KnownChunks,
    recipe: Recipe,
    hasher: FileHasher,
    first_chunk: Option<XetHash>,
    run: Option<Run>,
    /// The chunks before the run were taken from stored ones, or there are none.
    is_behind_known: bool,
}

/// Known chunks that follow each other in the file and in their xorb.
#[derive(Debug)]
struct Run {
    /// Where the next chunk would be.
    next: Place,
    source: Source,
    table: Option<ChunkTable>,
    chunks: Range<u32>,
    bytes: u64,
    /// The run is long enough; its chunks are in the recipe.
    is_taken: bool,
}

impl Default for FileDeduper {
    fn default() -> Self {
        Self::new(KNOWN_CHUNKS_MAX)
    }
}

impl FileDeduper {
    /// Starts a file, with at most so many chunks remembered at a time. What was learned first is forgotten first.
    pub fn new(known_chunks_max: usize) -> Self {
        Self {
            known: KnownChunks::new(known_chunks_max),
            recipe: Recipe::default(),
            hasher: FileHasher::new(),
            first_chunk: None,
            run: None,
            is_behind_known: true,
        }
    }

    /// True for a chunk that should be looked up in the index of all xorbs before it is pushed: `position` is its place among
    /// the chunks of the file, from zero.
    pub fn wants_lookup(&self, position: u64, hash: &XetHash) -> bool {
        (position == 0 || is_dedup_eligible(hash)) && self.known.find(hash).is_none()
    }

    /// True when the xorb's chunks are remembered.
    pub fn knows_xorb(&self, xorb_id: i64) -> bool {
        self.known.has(Source::Stored(xorb_id))
    }

    /// Remembers the chunks of a xorb that the hub has.
    pub fn learn(&mut self, xorb_id: i64, table: ChunkTable) {
        self.known.add(Source::Stored(xorb_id), table);
    }

    /// Takes the next chunk of the file: its hash and its length in bytes. What is decided thereby is appended to `steps`; a
    /// decision may wait for the chunks to come, 8 at most.
    pub fn push(&mut self, hash: &XetHash, len: u32, steps: &mut Vec<Step>) {
        self.first_chunk.get_or_insert(*hash);
        self.hasher.push(*hash, u64::from(len));
        if self.extend(hash, len, steps) {
            return;
        }
        self.end_run(steps);
        let Some(place) = self.known.find(hash) else {
            self.new_chunks(1, steps);
            return;
        };
        let (source, table) = self.known.xorb(place);
        let chunks = place.index..place.index + 1;
        let bytes = u64::from(len);
        let next = place.next();
        self.run = Some(Run { next, source, table, chunks, bytes, is_taken: false });
        self.take_if_long(steps);
    }

    /// Tells of the next new chunk that it was put behind the last one in the xorb under construction.
    pub fn placed(&mut self, hash: &XetHash, len: u32) -> Result<(), DedupError> {
        let number = self.known.open();
        let index = self.known.note_new(*hash);
        self.recipe.place(number, index, len).ok_or(DedupError::Unasked(number))
    }

    /// Tells that the xorb under construction is complete, and returns its number. New chunks go into the next one.
    pub fn cut(&mut self, table: &ChunkTable) -> Result<u32, DedupError> {
        let number = self.known.open();
        let fault = DedupError::Table(number);
        let slot = self.known.close(table).ok_or(fault)?;
        self.recipe.settle(number, table).ok_or(fault)?;
        if let Some(run) = &mut self.run
            && run.source == Source::New(number)
        {
            run.table = Some(table.clone());
            run.next = run.next.moved(slot);
        }
        Ok(number)
    }

    /// Ends the file: what is still undecided is appended to `steps`. After those steps are done and the last xorb is
    /// cut, [`Self::finish`] gives the file.
    pub fn end(&mut self, steps: &mut Vec<Step>) {
        if self.is_behind_known && self.run.as_ref().is_some_and(|run| !run.is_taken) {
            self.take(steps);
        }
        self.end_run(steps);
    }

    /// The file, given the id that each new xorb has got.
    pub fn finish(self, id: impl Fn(u32) -> i64) -> Result<DedupedFile, DedupError> {
        if !self.recipe.is_complete() || self.run.is_some() || self.known.is_open() {
            return Err(DedupError::Uncut(self.known.open()));
        }
        let terms = self.recipe.finish(id)?;
        Ok(DedupedFile { hash: self.hasher.finish(), terms, first_chunk: self.first_chunk })
    }

    /// Adds the chunk to the run if it is the next one in its xorb.
    fn extend(&mut self, hash: &XetHash, len: u32, steps: &mut Vec<Step>) -> bool {
        let Some(run) = &mut self.run else {
            return false;
        };
        if self.known.hash_at(run.next) != Some(*hash) {
            return false;
        }
        run.next = run.next.next();
        run.chunks.end += 1;
        run.bytes += u64::from(len);
        if run.is_taken {
            let last = run.chunks.end - 1..run.chunks.end;
            self.recipe.push_known(run.source, run.table.as_ref(), last, u64::from(len));
            steps.push(Step::Known(1));
        } else {
            self.take_if_long(steps);
        }
        true
    }

    fn take_if_long(&mut self, steps: &mut Vec<Step>) {
        let Some(run) = &self.run else {
            return;
        };
        let divisor = if self.is_behind_known { 2 } else { 1 };
        let is_long = run.chunks.end - run.chunks.start >= RUN_CHUNKS_MIN / divisor
            || run.bytes >= RUN_BYTES_MIN / u64::from(divisor);
        if is_long {
            self.take(steps);
        }
    }

    /// Takes the run so far.
    fn take(&mut self, steps: &mut Vec<Step>) {
        if let Some(run) = &mut self.run {
            run.is_taken = true;
            let chunks = run.chunks.clone();
            steps.push(Step::Known(chunks.end - chunks.start));
            self.recipe.push_known(run.source, run.table.as_ref(), chunks, run.bytes);
        }
    }

    /// Ends the run; its chunks are new after all if it is too short.
    fn end_run(&mut self, steps: &mut Vec<Step>) {
        match self.run.take() {
            Some(run) if run.is_taken => self.is_behind_known = true,
            Some(run) => self.new_chunks(run.chunks.end - run.chunks.start, steps),
            None => {}
        }
    }

    fn new_chunks(&mut self, count: u32, steps: &mut Vec<Step>) {
        self.is_behind_known = false;
        self.recipe.expect_new(count);
        steps.push(Step::New(count));
    }
}
