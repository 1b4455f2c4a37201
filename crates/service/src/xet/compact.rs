//! The job `xet.compact`: xorbs that are mostly empty are copied without what no file has any more.
//!
//! A xorb is an object, so it goes as a whole or not at all: one chunk that is still used keeps 64 MiB. When files that used
//! it were deleted, less than a third of it is left, and it is older than a month, the chunks that are left are copied
//! as they are stored into a new xorb, and one transaction gives every file that used the old one terms on the new one.
//! File hashes do not change. The old xorb then is one that no file uses, and goes as those do: not before
//! everybody's leave to refer to it has ended, so whoever is reading from it or about to register a file on it is not
//! disturbed.

use std::ops::Range;

use bytes::Bytes;
use steelyard_blob::Key;
use steelyard_core::fault::crash_point;
use steelyard_core::{Timestamp, XetHash};
use steelyard_db::xet::{self, XorbRow, XorbState};
use steelyard_xet::{BuiltXorb, ChunkTable, TableBuilder, Term, Terms, check_xorb, xorb_hash};

use super::store::OwnXorb;
use crate::jobs::progress;
use crate::{Error, Hub, Result};

/// A xorb with more of its bytes in use stays as it is.
const LIVE_PERCENT_MAX: u64 = 30;
/// How old a xorb must be; younger ones may be about to be used.
const AGE_SECS: i64 = 30 * 24 * 3600;
/// A xorb with more files stays as it is: moving them would be one very large transaction.
const FILES_MAX: i64 = 1000;
const ROUND: i64 = 100;

/// The chunks of a xorb that files still have, as runs in order.
struct Live {
    runs: Vec<Range<u32>>,
}

impl Hub {
    /// Compacts the xorbs that deserve it; returns how many bytes the old ones have that the new ones have not.
    pub async fn compact_xorbs(&self, now: Timestamp) -> Result<u64> {
        progress::begin("xorbs", None);
        let (mut after, mut saved) = (0, 0);
        loop {
            let mut conn = self.db().read().await?;
            let before = now.plus_secs(-AGE_SECS);
            let found = xet::list_shrunk_xorbs(&mut conn, before, after, ROUND).await?;
            drop(conn);
            let Some(last) = found.last() else { return Ok(saved) };
            after = last.id;
            for xorb in found {
                saved += self.compact_xorb(&xorb, now).await?;
                progress::advance(1);
            }
        }
    }

    async fn compact_xorb(&self, xorb: &XorbRow, now: Timestamp) -> Result<u64> {
        let mut conn = self.db().read().await?;
        let files = xet::list_files_of_xorb(&mut conn, xorb.id, FILES_MAX + 1).await?;
        let table = table_of(xet::xorb_tables(&mut conn, &[xorb.id]).await?.pop())?;
        let terms = xet::list_terms(&mut conn, &files).await?;
        drop(conn);
        let live = Live::of(xorb.id, &terms)?;
        let is_worth_it = !files.is_empty()
            && files.len() as i64 <= FILES_MAX
            && live.stored_bytes(&table)? * 100 < xorb.stored_bytes * LIVE_PERCENT_MAX;
        if !is_worth_it {
            let mut tx = self.db().write().await?;
            xet::clear_shrunk(&mut tx, xorb.id).await?;
            tx.commit().await?;
            return Ok(0);
        }
        let built = self.copy_live(xorb, &table, &live).await?;
        let smaller = built.bytes.len() as u64;
        let copy = self.store_own_xorb(built).await?;
        crash_point("xet.compact.stored");
        let is_moved = self.move_files(xorb, &copy, &live, now).await?;
        Ok(if is_moved { xorb.stored_bytes.saturating_sub(smaller) } else { 0 })
    }

    /// Reads what is left of a xorb, as it is stored, and checks it before it is trusted again.
    async fn copy_live(
        &self,
        xorb: &XorbRow,
        table: &ChunkTable,
        live: &Live,
    ) -> Result<BuiltXorb> {
        let key = Key::xorb(&xorb.hash, xorb.generation);
        let (mut bytes, mut copied, mut chunks) = (Vec::new(), TableBuilder::new(), Vec::new());
        for run in &live.runs {
            let range = table.stored_range(run.clone()).ok_or_else(leaves)?;
            let range = u64::from(range.start)..u64::from(range.end);
            let part = self.blobs().get_range(&key, range).await?;
            bytes.extend_from_slice(
                &part.ok_or_else(|| Error::internal("a xorb in use is missing"))?,
            );
            for index in run.clone() {
                let entry = table.entry(index).ok_or_else(leaves)?;
                let (stored, raw) =
                    (entry.stored.end - entry.stored.start, entry.raw.end - entry.raw.start);
                copied.push(&entry.hash, stored, raw).map_err(Error::internal)?;
                chunks.push((entry.hash, u64::from(raw)));
            }
        }
        let hash = xorb_hash(&chunks);
        let (bytes, table) = (Bytes::from(bytes), copied.finish());
        let checked = bytes.clone();
        let work = move || check_xorb(&checked, &hash).map(drop);
        tokio::task::spawn_blocking(work)
            .await
            .map_err(Error::internal)?
            .map_err(|fault| Error::internal(format!("xorb {} is damaged: {fault}", xorb.hash)))?;
        Ok(BuiltXorb { hash, bytes, table })
    }

    /// Gives every file that uses `old` terms on `copy`; false when a file came meanwhile that has other chunks.
    async fn move_files(
        &self,
        old: &XorbRow,
        copy: &OwnXorb,
        live: &Live,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db().write().await?;
        let mut ids = [old.id, copy.id];
        ids.sort_unstable();
        let locked = xet::lock_xorbs(&mut tx, &ids).await?;
        let is_as_seen = |id: i64, generation: u32| {
            locked.iter().any(|row| {
                row.id == id && row.generation == generation && row.state != XorbState::Deleting
            })
        };
        if !is_as_seen(old.id, old.generation) || !is_as_seen(copy.id, copy.generation) {
            return Ok(false);
        }
        // With the xorb locked nobody can begin to use it, so these are all.
        let files = xet::list_files_of_xorb(&mut tx, old.id, FILES_MAX + 1).await?;
        if files.len() as i64 > FILES_MAX {
            return Ok(false);
        }
        for (file_id, packed) in xet::list_terms(&mut tx, &files).await? {
            let Some(terms) = moved(packed.into(), old.id, copy, live)? else { return Ok(false) };
            xet::move_file(&mut tx, file_id, terms.packed(), old.id, copy.id).await?;
        }
        let dedup = xet::list_dedup_of_xorb(&mut tx, old.id).await?;
        let dedup: Vec<(XetHash, u32)> = dedup
            .into_iter()
            .filter_map(|(hash, index)| Some((hash, live.place(index)?)))
            .collect();
        xet::move_dedup(&mut tx, old.id, copy.id, &dedup).await?;
        xet::revive_xorbs(&mut tx, &[copy.id]).await?;
        xet::mark_used(&mut tx, &[copy.id], now).await?;
        xet::clear_shrunk(&mut tx, old.id).await?;
        crash_point("xet.compact.before_commit");
        tx.commit().await?;
        Ok(true)
    }
}

impl Live {
    /// The chunks of xorb `id` that these files have.
    fn of(id: i64, files: &[(i64, Vec<u8>)]) -> Result<Self> {
        let mut runs = Vec::new();
        for (_, packed) in files {
            let terms =
                Terms::from_packed(Bytes::copy_from_slice(packed)).map_err(Error::internal)?;
            runs.extend(terms.iter().filter(|term| term.xorb_id == id).map(|term| term.chunks));
        }
        runs.sort_unstable_by_key(|run| run.start);
        let mut merged: Vec<Range<u32>> = Vec::new();
        for run in runs {
            match merged.last_mut() {
                Some(last) if run.start <= last.end => last.end = last.end.max(run.end),
                _ => merged.push(run),
            }
        }
        Ok(Self { runs: merged })
    }

    fn stored_bytes(&self, table: &ChunkTable) -> Result<u64> {
        let lengths = self.runs.iter().map(|run| {
            let range = table.stored_range(run.clone()).ok_or_else(leaves)?;
            Ok(u64::from(range.end - range.start))
        });
        lengths.sum()
    }

    /// Where a chunk of the old xorb is in the new one.
    fn place(&self, index: u32) -> Option<u32> {
        let mut before = 0;
        for run in &self.runs {
            if run.contains(&index) {
                return Some(before + index - run.start);
            }
            before += run.end - run.start;
        }
        None
    }

    /// As [`Self::place`], for neighbouring chunks that stay neighbours.
    fn place_run(&self, chunks: &Range<u32>) -> Option<Range<u32>> {
        let start = self.place(chunks.start)?;
        let last = self.place(chunks.end.checked_sub(1)?)?;
        (last - start == chunks.end - 1 - chunks.start).then_some(start..last + 1)
    }
}

/// The same file on the new xorb; `None` when it has chunks that were not copied.
fn moved(packed: Bytes, old: i64, copy: &OwnXorb, live: &Live) -> Result<Option<Terms>> {
    let terms = Terms::from_packed(packed).map_err(Error::internal)?;
    let mut new = Vec::with_capacity(terms.len());
    for term in terms.iter() {
        if term.xorb_id != old {
            new.push(term);
            continue;
        }
        let Some(chunks) = live.place_run(&term.chunks) else { return Ok(None) };
        let stored = copy.table.stored_range(chunks.clone()).ok_or_else(leaves)?;
        new.push(Term { xorb_id: copy.id, chunks, stored, ..term });
    }
    Terms::pack(new).map(Some).map_err(Error::internal)
}

fn table_of(packed: Option<(i64, Vec<u8>)>) -> Result<ChunkTable> {
    let (_, packed) = packed.ok_or_else(|| Error::internal("a xorb has no chunk table"))?;
    ChunkTable::from_packed(packed.into()).map_err(Error::internal)
}

fn leaves() -> Error {
    Error::internal("a file names chunks that its xorb does not have")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_stay_keep_their_order_and_neighbours() {
        let live = Live { runs: vec![2..5, 9..10] };
        assert_eq!((live.place(2), live.place(4), live.place(9)), (Some(0), Some(2), Some(3)));
        assert_eq!((live.place(5), live.place(0)), (None, None));
        assert_eq!(live.place_run(&(3..5)), Some(1..3));
        assert_eq!(live.place_run(&(4..6)), None);
        assert_eq!(live.place_run(&(4..10)), None);
    }

    #[test]
    fn overlapping_terms_are_one_run() {
        let term = |chunks: Range<u32>| Term {
            xorb_id: 7,
            raw_len: chunks.end - chunks.start,
            stored: 0..(chunks.end - chunks.start) * 9,
            chunks,
        };
        let other = Term { xorb_id: 8, ..term(0..100) };
        let files = [vec![term(4..6), other], vec![term(0..1), term(5..9)], vec![term(9..10)]];
        let packed: Vec<(i64, Vec<u8>)> = files
            .into_iter()
            .map(|terms| (1, Terms::pack(terms).unwrap().packed().to_vec()))
            .collect();
        assert_eq!(Live::of(7, &packed).unwrap().runs, [0..1, 4..10]);
    }
}
