//! What a client needs to edit a file in place: which parts it must cut anew, and of the rest as much as the hash of the new
//! file and the shard that registers it are made from.
//!
//! All chunks of the file are looked at for it, so there is a limit on their number, and a part of the memory for uploads
//! is taken while it goes on.

use std::collections::BTreeSet;
use std::ops::Range;

use steelyard_core::XetHash;
use steelyard_xet::windows::{DirtyError, FileWindows, WindowFinder};
use steelyard_xet::{ChunkTable, Term, range_hash};

use super::reconstruct::no_file;
use super::views::{FileView, StoredXorb, broken};
use super::{XetScope, XetToken};
use crate::{Error, Hub, Result};

/// Most chunks of a file: some 256 GiB of usual ones.
const CHUNKS_MAX: u64 = 1 << 22;
/// Most terms of a file.
const TERMS_MAX: usize = 1 << 18;
/// Xorbs whose tables are read at a time: 40 KB each.
const XORBS_AT_ONCE: usize = 64;
/// Terms that are looked at at a time.
const TERMS_AT_ONCE: usize = 4096;
/// What the work on one request takes: tables, gaps, and the hash of each term.
const MEMORY_BYTES: u64 = 32 * 1024 * 1024;

/// The parts of a file that an edit touches and those that it leaves alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChunkWindows {
    /// Bytes of the file.
    pub file_size: u64,
    /// The windows, and the gaps between them.
    pub windows: FileWindows,
    /// For each term that no window touches, in order, what verifies it in a shard.
    pub untouched: Vec<XetHash>,
}

/// The bytes of a term in the file, and what verifies it.
type VerifiedRun = (Range<u64>, XetHash);

impl Hub {
    /// Tells what of a file of the token's repository is to be cut anew when bytes in the ranges `dirty` change, which must
    /// be in order, and what a client must know of the rest.
    pub async fn file_chunk_windows(
        &self,
        token: &XetToken,
        file: &XetHash,
        dirty: &[Range<u64>],
    ) -> Result<FileChunkWindows> {
        self.xet_repo(token, XetScope::Read).await?;
        let mut conn = self.db().read().await?;
        let view = self.view_of(&mut conn, token, file).await?.ok_or_else(no_file)?;
        // Memory may be waited for, and connections are few.
        drop(conn);
        check_size(&view)?;
        let file_size = view.terms().total_raw();
        let mut finder = WindowFinder::new(dirty, file_size).map_err(dirty_error)?;
        let _permit = self.xet_memory(MEMORY_BYTES).await?;
        let mut runs: Vec<VerifiedRun> = Vec::with_capacity(view.terms().len());
        let mut terms = view.terms().iter().peekable();
        while terms.peek().is_some() {
            let mut ids = BTreeSet::new();
            let mut batch = Vec::new();
            while batch.len() < TERMS_AT_ONCE
                && let Some(term) =
                    terms.next_if(|term| ids.len() < XORBS_AT_ONCE || ids.contains(&term.xorb_id))
            {
                ids.insert(term.xorb_id);
                batch.push(term);
            }
            let xorbs: Vec<StoredXorb> = ids.into_iter().map(|id| view.known_xorb(id)).collect();
            let mut conn = self.db().read().await?;
            let tables = self.chunk_tables(&mut conn, &xorbs).await?;
            drop(conn);
            let begin = runs.last().map_or(0, |(bytes, _)| bytes.end);
            let known: Vec<_> = xorbs.iter().map(|xorb| xorb.id).zip(tables).collect();
            let work = tokio::task::spawn_blocking(move || {
                let found = look_at(&mut finder, begin, &batch, &known)?;
                Ok::<_, Error>((finder, found))
            });
            let found;
            (finder, found) = work.await.map_err(Error::internal)??;
            runs.extend(found);
        }
        let windows = finder.finish();
        let untouched = runs.into_iter().filter(|(bytes, _)| windows.leaves_alone(bytes));
        let untouched = untouched.map(|(_, hash)| hash).collect();
        Ok(FileChunkWindows { file_size, windows, untouched })
    }
}

/// Shows the chunks of some terms to the finder; `begin` is where the first one begins in the file. `tables` are those of
/// all xorbs that the terms name, sorted by the xorb's id.
fn look_at(
    finder: &mut WindowFinder,
    begin: u64,
    terms: &[Term],
    tables: &[(i64, ChunkTable)],
) -> Result<Vec<VerifiedRun>> {
    let mut runs = Vec::with_capacity(terms.len());
    let mut at = begin;
    for term in terms {
        let index = tables.binary_search_by_key(&term.xorb_id, |(id, _)| *id);
        let (_, table) = &tables[index.expect("the table of every term was read")];
        let beyond = || broken(format!("a term has chunks that xorb {} has not", term.xorb_id));
        let hashes: Vec<XetHash> = table.hashes(term.chunks.clone()).ok_or_else(beyond)?.collect();
        for (index, hash) in term.chunks.clone().zip(&hashes) {
            let length = table.raw_len(index).ok_or_else(beyond)?;
            finder.push(*hash, length).map_err(dirty_error)?;
        }
        let end = at + u64::from(term.raw_len);
        runs.push((at..end, range_hash(&hashes)));
        at = end;
    }
    Ok(runs)
}

fn check_size(view: &FileView) -> Result<()> {
    let terms = view.terms();
    let chunks = terms.iter().map(|term| u64::from(term.chunks.end - term.chunks.start));
    if terms.len() > TERMS_MAX || chunks.sum::<u64>() > CHUNKS_MAX {
        let message = "the file has too many chunks to be edited in place; upload it as a whole";
        return Err(Error::NotImplemented(message.to_owned()));
    }
    Ok(())
}

fn dirty_error(error: DirtyError) -> Error {
    match error {
        DirtyError::Undecided => Error::NotImplemented(format!("{error}; upload it as a whole")),
        _ => Error::invalid("X-Range-Dirty", error.to_string()),
    }
}
