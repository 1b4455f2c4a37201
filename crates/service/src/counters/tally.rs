//! What this replica counted and has not written yet.

use std::collections::{HashMap, VecDeque};

use hmac::{Hmac, Mac as _};
use parking_lot::Mutex;
use sha2::Sha256;
use steelyard_core::{Secret, Timestamp};
use steelyard_db::downloads::{DayCount, DownloadBatch, Seen, Who};
use tokio::sync::Notify;

/// Most entries of each map; what comes when it is full is not counted.
const ENTRIES_MAX: usize = 100_000;
/// Entries from which on a tally is written at once.
const ENTRIES_FULL: usize = ENTRIES_MAX / 4;
/// Most rows of one batch: a batch is one transaction, and others wait for it.
const BATCH_ROWS_MAX: usize = 2000;
/// How long a request for the headers of a file waits for the one for the file.
const PAIR_SECS: i64 = 120;
/// Milliseconds within which an address counts once for a dataset.
const WINDOW_MILLIS: i64 = 300_000;

/// What a request adds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub repo_id: i64,
    pub day: i64,
    pub kind: Kind,
    pub is_ci: bool,
    /// Who asked, unless it was a machine that builds and tests.
    pub person: Option<Who>,
}

/// How a request counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Always.
    Each,
    /// Always, and a request for the file by this client belongs to it.
    Head(Who),
    /// Unless this client asked for the headers before.
    Get(Who),
    /// Once for each address in a while.
    Window(Who),
}

/// The counters of this replica.
pub(crate) struct Counters {
    pub(super) key: Hmac<Sha256>,
    tally: Mutex<Tally>,
    /// Batches that are to be written; whoever writes holds it.
    pub(super) batches: tokio::sync::Mutex<VecDeque<DownloadBatch>>,
    /// Wakes whoever writes.
    pub(super) full: Notify,
}

#[derive(Debug, Default)]
struct Tally {
    counts: HashMap<(i64, i64), (i64, i64)>,
    windows: HashMap<(i64, Who), Seen>,
    people: HashMap<(i64, Who), Seen>,
    /// Requests for headers that wait for theirs: how many, and until when.
    heads: HashMap<Who, (u32, Timestamp)>,
}

impl Counters {
    pub(crate) fn new(secret: &Secret) -> Self {
        let master = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes());
        let mut master = master.expect("HMAC takes keys of any length");
        master.update(b"counters");
        let key = Hmac::new_from_slice(&master.finalize().into_bytes());
        Self {
            key: key.expect("HMAC takes keys of any length"),
            tally: Mutex::default(),
            batches: tokio::sync::Mutex::default(),
            full: Notify::new(),
        }
    }

    pub(super) fn add(&self, request: &Request, now: Timestamp) {
        let (is_dropped, is_full) = {
            let mut tally = self.tally.lock();
            (!tally.add(request, now), tally.entries() >= ENTRIES_FULL)
        };
        if is_dropped {
            metrics::counter!("steelyard_downloads_dropped_total").increment(1);
        }
        if is_full {
            self.full.notify_one();
        }
    }

    /// Takes what was counted, as batches without names.
    pub(super) fn take(&self) -> Vec<DownloadBatch> {
        self.tally.lock().take()
    }
}

impl Tally {
    fn entries(&self) -> usize {
        self.counts.len().max(self.windows.len()).max(self.people.len())
    }

    /// False when there is no room.
    fn add(&mut self, request: &Request, now: Timestamp) -> bool {
        let is_counted = match request.kind {
            Kind::Each => self.count(request),
            Kind::Head(client) => {
                self.expect_get(client, now);
                self.count(request)
            }
            Kind::Get(client) if self.belongs_to_head(client, now) => true,
            Kind::Get(_) => self.count(request),
            Kind::Window(who) => self.see_window(request, who, now),
        };
        let Some(who) = request.person else { return is_counted };
        let has_room = self.people.len() < ENTRIES_MAX;
        let seen = Seen { repo_id: request.repo_id, who, at: now, is_ci: false };
        if has_room {
            self.people.entry((request.repo_id, who)).or_insert(seen);
        }
        is_counted && has_room
    }

    fn count(&mut self, request: &Request) -> bool {
        let key = (request.repo_id, request.day);
        if self.counts.len() >= ENTRIES_MAX && !self.counts.contains_key(&key) {
            return false;
        }
        let (downloads, ci) = self.counts.entry(key).or_default();
        *downloads += 1;
        *ci += i64::from(request.is_ci);
        true
    }

    fn see_window(&mut self, request: &Request, who: Who, now: Timestamp) -> bool {
        let key = (request.repo_id, who);
        let seen = Seen { repo_id: request.repo_id, who, at: now, is_ci: request.is_ci };
        let is_full = self.windows.len() >= ENTRIES_MAX;
        match self.windows.get_mut(&key) {
            // Nothing was written for so long that the next window begins: the last one counts by itself.
            Some(last) if now.millis() - last.at.millis() >= WINDOW_MILLIS => {
                *last = seen;
                self.count(request)
            }
            Some(_) => true,
            None if is_full => false,
            None => {
                self.windows.insert(key, seen);
                true
            }
        }
    }

    fn expect_get(&mut self, client: Who, now: Timestamp) {
        if self.heads.len() >= ENTRIES_MAX {
            self.heads.retain(|_, (_, until)| *until > now);
            if self.heads.len() >= ENTRIES_MAX {
                self.heads.clear();
            }
        }
        let (waiting, until) = self.heads.entry(client).or_insert((0, now));
        if *until <= now {
            *waiting = 0;
        }
        *waiting = waiting.saturating_add(1);
        *until = now.plus_secs(PAIR_SECS);
    }

    fn belongs_to_head(&mut self, client: Who, now: Timestamp) -> bool {
        let Some((waiting, until)) = self.heads.get_mut(&client) else { return false };
        let is_paired = *waiting > 0 && *until > now;
        *waiting = waiting.saturating_sub(1);
        if *waiting == 0 {
            self.heads.remove(&client);
        }
        is_paired
    }

    /// Parts small enough for a transaction each, in order of key.
    fn take(&mut self) -> Vec<DownloadBatch> {
        let counts = std::mem::take(&mut self.counts);
        let mut counts: Vec<DayCount> = counts
            .into_iter()
            .map(|((repo_id, day), (downloads, ci))| DayCount { repo_id, day, downloads, ci })
            .collect();
        counts.sort_unstable_by_key(|count| (count.repo_id, count.day));
        let seen = |map: &mut HashMap<(i64, Who), Seen>| {
            let mut list: Vec<Seen> = std::mem::take(map).into_values().collect();
            list.sort_unstable_by_key(|seen| (seen.repo_id, seen.who));
            list
        };
        let (windows, people) = (seen(&mut self.windows), seen(&mut self.people));
        let mut batches: Vec<DownloadBatch> = Vec::new();
        for part in counts.chunks(BATCH_ROWS_MAX) {
            batches.push(DownloadBatch { counts: part.to_vec(), ..DownloadBatch::default() });
        }
        for (at, part) in windows.chunks(BATCH_ROWS_MAX).enumerate() {
            batch_at(&mut batches, at).windows = part.to_vec();
        }
        for (at, part) in people.chunks(BATCH_ROWS_MAX).enumerate() {
            batch_at(&mut batches, at).people = part.to_vec();
        }
        batches
    }
}

fn batch_at(batches: &mut Vec<DownloadBatch>, at: usize) -> &mut DownloadBatch {
    if at >= batches.len() {
        batches.resize_with(at + 1, DownloadBatch::default);
    }
    &mut batches[at]
}

#[cfg(test)]
mod tests;
