//! Telling a client which chunks are stored already, so that it need not upload them.
//!
//! A client asks by a chunk's hash. The answer lists xorbs with the hashes of their chunks, and is a promise: until it
//! expires, its user may refer to these xorbs, and they stay. So there are no answers for nobody in particular.
//!
//! **Nothing is told of what the user cannot read.** A xorb holds chunks of many files; only those that a file which the user
//! can read consists of are listed. The other positions count, because chunks are referred to by position, but what stands
//! there is made up: pseudo-random, and the same each time, so that asking twice tells nothing more. All hashes are under a
//! key of the user and the week: who has a chunk finds it, and who has none learns no hash of it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use steelyard_core::{Timestamp, XetHash};
use steelyard_db::Conn;
use steelyard_db::xet::{self, Reader};
use steelyard_xet::{
    CHUNK_BYTES_TARGET, ChunkTable, DedupAnswer, DedupChunk, DedupXorb, TableEntry, keyed,
    write_dedup_shard,
};
use tokio::sync::Semaphore;

use super::views::{FileView, StoredXorb};
use super::{XetScope, XetToken};
use crate::{Error, Hub, Result};

const DAY_SECS: i64 = 24 * 3600;
const WEEK_SECS: i64 = 7 * DAY_SECS;
/// How much longer than an answer its promise is kept: an upload that refers to it may take a while.
const LEEWAY_SECS: i64 = DAY_SECS;
/// Files through which a xorb is looked at.
const FILES_MAX: i64 = 16;
/// Terms that are looked at for one answer.
const TERMS_MAX: usize = 1 << 20;
/// Xorbs in one answer: those that follow the one asked for will most likely be asked for next.
const XORBS_MAX: usize = 64;
/// Chunks in one answer: 64 bytes each, so 3 MiB.
const CHUNKS_MAX: u32 = 48 * 1024;

/// Answers that are put together at a time: each takes some MiB and some milliseconds of a processor.
const ANSWERS_MAX: usize = 4;

/// The secrets of answers, and leave to put one together.
pub(super) struct DedupKeys {
    /// Makes the keys that users see.
    user: [u8; 32],
    /// Makes up what stands for chunks that a user must not know.
    mask: [u8; 32],
    slots: Semaphore,
}

impl DedupKeys {
    pub(super) const fn new(user: [u8; 32], mask: [u8; 32]) -> Self {
        Self { user, mask, slots: Semaphore::const_new(ANSWERS_MAX) }
    }

    /// The key of a user's answers in a week; their client can put answers under the same key together.
    fn of_user(&self, user_id: i64, now: Timestamp) -> [u8; 32] {
        let mut purpose = [0; 32];
        purpose[..8].copy_from_slice(&user_id.to_le_bytes());
        purpose[8..16].copy_from_slice(&now.secs().div_euclid(WEEK_SECS).to_le_bytes());
        *keyed(&XetHash::new(purpose), &self.user).as_bytes()
    }

    /// What stands at a position of a xorb that a user must not know.
    fn masked(&self, xorb: &XetHash, index: u32) -> DedupChunk {
        let mut place = *keyed(xorb, &self.mask).as_bytes();
        for (byte, add) in place.iter_mut().zip(index.to_le_bytes()) {
            *byte ^= add;
        }
        let hash = keyed(&XetHash::new(place), &self.mask);
        DedupChunk { hash, raw_len: CHUNK_BYTES_TARGET as u32 }
    }
}

/// What is known of a xorb through files that a user can read.
struct Known {
    xorb: StoredXorb,
    /// The chunks that these files consist of; in any order, overlapping.
    chunks: Vec<Range<u32>>,
}

/// A chunk that somebody may know of.
struct Place {
    /// In the first xorb.
    index: u32,
    /// The xorb of the chunk, and those that follow it.
    known: Vec<Known>,
}

impl Known {
    fn covers(&self, index: u32) -> bool {
        self.chunks.iter().any(|run| run.contains(&index))
    }
}

impl Hub {
    /// The answer to a client that asks for a chunk: a shard that tells where it and what follows it are stored. `None` when
    /// the token's user knows nothing of the chunk, whether it is stored or not.
    pub async fn find_dedup_shard(
        &self,
        token: &XetToken,
        chunk: &XetHash,
    ) -> Result<Option<Bytes>> {
        let standing = self.xet_repo(token, XetScope::Read).await?;
        let Some(user_id) = token.user_id else { return Ok(None) };
        let Some(place) = self.find_chunk(&standing.reader(), chunk).await? else {
            return Ok(None);
        };
        // Nobody holds a connection while they wait.
        let slot = self.xet().dedup_keys.slots.acquire().await;
        let _slot = slot.map_err(Error::internal)?;
        let Place { index, known } = place;
        let xorbs: Vec<StoredXorb> = known.iter().map(|known| known.xorb).collect();
        let mut conn = self.db().read().await?;
        let tables = self.chunk_tables(&mut conn, &xorbs).await?;
        if tables.first().and_then(|table| table.hash(index)) != Some(*chunk) {
            return Ok(None);
        }
        let now = self.now();
        let expires = expiry(now);
        let kept = self.promise(conn, user_id, &xorbs, expires.plus_secs(LEEWAY_SECS)).await?;
        if !xorbs.first().is_some_and(|xorb| kept.contains(&xorb.id)) {
            return Ok(None);
        }
        let hub = self.clone();
        let write = move || {
            let keys = &hub.xet().dedup_keys;
            let pairs =
                known.iter().zip(&tables).filter(|(known, _)| kept.contains(&known.xorb.id));
            let answer = DedupAnswer {
                xorbs: pairs.map(|(known, table)| listed(keys, known, table)).collect(),
                key: keys.of_user(user_id, now),
                created_secs: now.secs().unsigned_abs(),
                expires_secs: expires.secs().unsigned_abs(),
            };
            Bytes::from(write_dedup_shard(&answer))
        };
        tokio::task::spawn_blocking(write).await.map(Some).map_err(Error::internal)
    }

    /// Where a chunk is, and what a reader can know of what follows it.
    async fn find_chunk(&self, reader: &Reader, chunk: &XetHash) -> Result<Option<Place>> {
        let mut conn = self.db().read().await?;
        let found = xet::find_dedup(&mut conn, &[*chunk]).await?;
        let Some((_, xorb_id, index)) = found.into_iter().next() else { return Ok(None) };
        let files = self.files_around(&mut conn, reader, xorb_id).await?;
        drop(conn);
        let known = tokio::task::spawn_blocking(move || known_xorbs(&files, xorb_id, index)).await;
        let mut known = known.map_err(Error::internal)?;
        known.truncate(fitting(&known));
        Ok((!known.is_empty()).then_some(Place { index, known }))
    }

    /// Files that use a xorb and that a reader can read.
    async fn files_around(
        &self,
        conn: &mut Conn,
        reader: &Reader,
        xorb_id: i64,
    ) -> Result<Vec<Arc<FileView>>> {
        let ids = xet::readable_files_of_xorb(conn, reader, xorb_id, FILES_MAX).await?;
        let (mut files, mut terms) = (Vec::with_capacity(ids.len()), 0);
        for id in ids {
            let Some(view) = self.file_view(conn, id).await? else { continue };
            terms += view.terms().len();
            files.push(view);
            if terms > TERMS_MAX {
                break;
            }
        }
        Ok(files)
    }

    /// Lets a user refer to xorbs until then, and keeps the xorbs as long; returns those for which this holds.
    async fn promise(
        &self,
        mut conn: Conn,
        user_id: i64,
        xorbs: &[StoredXorb],
        until: Timestamp,
    ) -> Result<HashSet<i64>> {
        let ids: Vec<i64> = xorbs.iter().map(|xorb| xorb.id).collect();
        // Most answers of a day repeat promises that stand already.
        let just_before = Timestamp::from_millis(until.millis() - 1);
        let promised = xet::usable_xorbs(&mut conn, user_id, &ids, just_before).await?;
        drop(conn);
        if promised.len() == ids.len() {
            return Ok(promised);
        }
        let mut tx = self.db().write().await?;
        let kept = xet::touch_use(&mut tx, user_id, &ids, until).await?;
        tx.commit().await?;
        Ok(kept)
    }
}

/// When answers of a day expire: at the end of the sixth day after it, so less than a week from now.
fn expiry(now: Timestamp) -> Timestamp {
    let day = now.secs().div_euclid(DAY_SECS);
    Timestamp::from_secs((day + 7) * DAY_SECS)
}

/// What the files tell of the xorb and of those that follow it in them; nothing unless one of them has the chunk.
fn known_xorbs(files: &[Arc<FileView>], xorb_id: i64, index: u32) -> Vec<Known> {
    let mut runs: HashMap<i64, (StoredXorb, Vec<Range<u32>>)> = HashMap::new();
    let mut following = Vec::new();
    for file in files {
        let mut is_behind = false;
        for term in file.terms().iter() {
            let entry = runs.entry(term.xorb_id);
            let (_, chunks) = entry.or_insert_with(|| (file.known_xorb(term.xorb_id), Vec::new()));
            // Most terms continue the one before.
            match chunks.last_mut() {
                Some(last) if last.end == term.chunks.start => last.end = term.chunks.end,
                _ => chunks.push(term.chunks.clone()),
            }
            is_behind |= term.xorb_id == xorb_id && term.chunks.contains(&index);
            if is_behind {
                following.push(term.xorb_id);
            }
        }
    }
    let mut order = vec![xorb_id];
    let mut seen = HashSet::from([xorb_id]);
    order.extend(following.into_iter().filter(|id| seen.insert(*id)).take(XORBS_MAX - 1));
    let take = |id: i64| runs.remove(&id).map(|(xorb, chunks)| Known { xorb, chunks });
    let known: Vec<Known> = order.into_iter().filter_map(take).collect();
    let has_chunk =
        known.first().is_some_and(|known| known.xorb.id == xorb_id && known.covers(index));
    if has_chunk { known } else { Vec::new() }
}

/// How many of the first xorbs fit in one answer; at least the first.
fn fitting(known: &[Known]) -> usize {
    let mut chunks = 0;
    let fits = |known: &&Known| {
        chunks += known.xorb.n_chunks;
        chunks <= CHUNKS_MAX
    };
    known.iter().take_while(fits).count().max(1)
}

/// A xorb as the answer lists it.
fn listed(keys: &DedupKeys, known: &Known, table: &ChunkTable) -> DedupXorb {
    let mut is_known = vec![false; table.len() as usize];
    for run in &known.chunks {
        if let Some(positions) = is_known.get_mut(run.start as usize..run.end as usize) {
            positions.fill(true);
        }
    }
    let chunk = |(is_known, (index, entry)): (bool, (u32, TableEntry))| match is_known {
        true => DedupChunk { hash: entry.hash, raw_len: entry.raw.end - entry.raw.start },
        false => keys.masked(&known.xorb.hash, index),
    };
    let chunks = is_known.into_iter().zip((0..).zip(table.entries())).map(chunk).collect();
    DedupXorb { hash: known.xorb.hash, chunks }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> DedupKeys {
        DedupKeys::new([1; 32], [2; 32])
    }

    #[test]
    fn answers_expire_within_a_week_and_not_before_six_days() {
        let midnight = 20_000 * DAY_SECS;
        for secs in [0, 1, DAY_SECS / 2, DAY_SECS - 1] {
            let now = Timestamp::from_secs(midnight + secs);
            let left = expiry(now).secs() - now.secs();
            assert!((6 * DAY_SECS + 1..=WEEK_SECS).contains(&left), "{left}");
            assert_eq!(
                expiry(now),
                expiry(Timestamp::from_secs(midnight)),
                "promises are renewed once a day"
            );
        }
    }

    #[test]
    fn keys_are_of_one_user_and_one_week() {
        let monday = Timestamp::from_secs(2_900 * WEEK_SECS);
        let key = keys().of_user(7, monday);
        assert_eq!(keys().of_user(7, monday.plus_secs(WEEK_SECS - 1)), key);
        assert_ne!(keys().of_user(7, monday.plus_secs(WEEK_SECS)), key);
        assert_ne!(keys().of_user(8, monday), key);
        assert_ne!(DedupKeys::new([3; 32], [2; 32]).of_user(7, monday), key);
    }

    #[test]
    fn masks_are_the_same_each_time_and_differ_by_place() {
        let (one, other) = (XetHash::new([8; 32]), XetHash::new([9; 32]));
        assert_eq!(keys().masked(&one, 3), keys().masked(&one, 3));
        let places = [(&one, 0), (&one, 1), (&one, 256), (&other, 0), (&other, 1)];
        let hashes: HashSet<_> =
            places.iter().map(|(xorb, index)| keys().masked(xorb, *index).hash).collect();
        assert_eq!(hashes.len(), places.len());
    }
}
