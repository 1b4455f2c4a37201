//! Keeping the index true: following the log of events.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use steelyard_core::Timestamp;
use steelyard_db::catalogue::{self, IndexRow};
use steelyard_db::feed::Feed;
use steelyard_db::stats;
use steelyard_index::{Counters, Document, Index};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::changed::{Changed, Step};
use super::document::{counters, document};
use super::text::Texts;
use super::weights::{self, Unread};
use crate::jobs::chain;
use crate::{Error, Hub, Result};

/// How often the log is looked at when nobody asks.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
/// How long somebody who searches waits for the index.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(10);
/// Events read at a time.
pub(super) const EVENTS: i64 = 500;
/// How long headers are read in one round, while somebody may wait; the others have their turn in the next ones.
const UNREAD_TIME: Duration = Duration::from_secs(1);
/// Counters read at a time.
const COUNTERS: i64 = 5000;
/// How often counters are looked at.
const COUNTERS_EVERY_SECS: i64 = 2;
/// How far back counters are looked at again: a change becomes visible some time after the moment it carries.
const COUNTERS_OVERLAP_SECS: i64 = 60;

/// The index of this replica, and how far it follows.
#[derive(Default)]
pub(crate) struct Discovery {
    index: Index,
    texts: Texts,
    is_loaded: AtomicBool,
    /// How many have asked for the index to be brought up to date,
    asked: AtomicU64,
    /// and how many of them a finished round began after.
    served: AtomicU64,
    /// How far the index follows, once it is loaded.
    pub(super) place: Mutex<Option<Place>>,
}

/// How far the index follows. It moves on when what was read is in the index; what a failure interrupts is read again,
/// and taking it in twice changes nothing.
pub(super) struct Place {
    pub(super) feed: Feed,
    /// Counters are in the index as of this moment,
    pub(super) counters_at: Timestamp,
    /// and this is when they were looked at.
    pub(super) counters_seen: Timestamp,
    /// Repositories the headers of whose weights are to be read.
    pub(super) unread: Unread,
}

impl Discovery {
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    pub(super) fn texts(&self) -> &Texts {
        &self.texts
    }
}

/// Follows the log until told to stop, so that searches find little to wait for.
pub async fn run(hub: Hub, stop: CancellationToken) {
    loop {
        let started = Instant::now();
        if let Err(error) = hub.background_round().await {
            tracing::warn!(error = chain(&error), "the search index cannot follow the database");
        }
        hub.record_index_gauges(started.elapsed());
        tokio::select! {
            () = tokio::time::sleep(FOLLOW_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

impl Hub {
    /// Returns when everything that was committed before the call is in the index.
    pub(super) async fn catch_up(&self) -> Result<()> {
        let ticket = self.discovery().asked.fetch_add(1, Ordering::SeqCst);
        let hub = self.clone();
        // On a task of its own: whoever hangs up does not take along what others wait for.
        let round = tokio::spawn(async move { hub.round(ticket).await });
        match tokio::time::timeout(WAIT_MAX, round).await {
            Ok(ended) => ended.map_err(Error::internal)?,
            Err(_) => Err(Error::Unavailable("the search index is being loaded".into())),
        }
    }

    async fn background_round(&self) -> Result<()> {
        self.round(u64::MAX).await?;
        self.commit_texts().await?;
        let hub = self.clone();
        let rested = tokio::task::spawn_blocking(move || hub.discovery().texts().rest());
        rested.await.map_err(Error::internal)?
    }

    /// Brings the index up to date, unless a round did that which began after `ticket` was drawn.
    async fn round(&self, ticket: u64) -> Result<()> {
        let discovery = self.discovery();
        let mut place = discovery.place.lock().await;
        if ticket < discovery.served.load(Ordering::SeqCst) {
            return Ok(());
        }
        let asked = discovery.asked.load(Ordering::SeqCst);
        let place = match &mut *place {
            Some(place) => place,
            None => place.insert(self.load_index().await?),
        };
        self.follow(place).await?;
        discovery.served.store(asked, Ordering::SeqCst);
        discovery.is_loaded.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn follow(&self, place: &mut Place) -> Result<()> {
        self.follow_events(place).await?;
        if self.read_headers(place).await {
            // What the headers say comes by the log too, here as on any other replica.
            self.follow_events(place).await?;
        }
        if self.now() >= place.counters_seen.plus_secs(COUNTERS_EVERY_SECS) {
            self.follow_counters(place).await?;
        }
        Ok(())
    }

    async fn follow_events(&self, place: &mut Place) -> Result<()> {
        let mut conn = self.db().read().await?;
        loop {
            let mut feed = place.feed.clone();
            let events = feed.next(&mut conn, EVENTS).await?;
            if let Some(last) = events.last() {
                let changed = Changed::of(&events);
                let ids: Vec<i64> = changed.ids().collect();
                let rows = catalogue::find_for_index(&mut conn, &ids).await?;
                self.index_rows(&changed, &rows, last.id);
                let unread = rows.iter().filter(|row| weights::are_unread(row));
                place.unread.extend(unread.map(|row| row.repo_id));
            }
            place.feed = feed;
            if events.is_empty() {
                return Ok(());
            }
        }
    }

    /// Reads headers of weights that came with what was just indexed. True when some were read.
    async fn read_headers(&self, place: &mut Place) -> bool {
        let (mut is_read, started) = (false, Instant::now());
        while started.elapsed() < UNREAD_TIME
            && let Some(next) = place.unread.next(Instant::now())
        {
            match self.refresh_weights(next.repo_id).await {
                Ok(()) => is_read = true,
                Err(error) => {
                    let error = chain(&error);
                    tracing::warn!(
                        repo.id = next.repo_id,
                        error,
                        "the headers of weights cannot be read"
                    );
                    place.unread.put_off(next, Instant::now());
                }
            }
        }
        is_read
    }

    /// Takes in what became of changed repositories, up to the event at `position`.
    fn index_rows(&self, changed: &Changed, rows: &[IndexRow], position: i64) {
        let found: BTreeSet<i64> = rows.iter().map(|row| row.repo_id).collect();
        let gone: Vec<i64> = changed.ids().filter(|id| !found.contains(id)).collect();
        let documents: Vec<Document> = rows.iter().map(document).collect();
        self.discovery().texts().put(&documents, &gone, position);
        let index = self.discovery().index();
        for (at, step) in changed.steps(index, rows, documents, &gone) {
            match step {
                Step::Change(change) => index.apply(vec![change], at),
                Step::Count(repo_id, counters) => index.set_counters(&[(repo_id, counters)], at),
            }
        }
    }

    async fn follow_counters(&self, place: &mut Place) -> Result<()> {
        let (seen, mut latest) = (self.now(), place.counters_at);
        let mut after = (place.counters_at.plus_secs(-COUNTERS_OVERLAP_SECS), 0);
        let mut conn = self.db().read().await?;
        loop {
            let rows = stats::list_changed(&mut conn, after, COUNTERS).await?;
            let Some(last) = rows.last() else { break };
            after = (last.updated_at, last.repo_id);
            latest = latest.max(last.updated_at);
            let changed: Vec<(i64, Counters)> =
                rows.iter().map(|row| (row.repo_id, counters(row))).collect();
            self.discovery().index().set_counters(&changed, last.updated_at);
        }
        (place.counters_at, place.counters_seen) = (latest, seen);
        Ok(())
    }

    fn record_index_gauges(&self, round: Duration) {
        let discovery = self.discovery();
        let is_loaded = discovery.is_loaded.load(Ordering::SeqCst);
        metrics::gauge!("steelyard_index_ready").set(f64::from(u8::from(is_loaded)));
        let of = |number: u64| u32::try_from(number).map_or(f64::MAX, f64::from);
        metrics::gauge!("steelyard_index_repos").set(of(discovery.index.len()));
        metrics::gauge!("steelyard_index_memory_mib").set(of(discovery.index.bytes() >> 20));
        metrics::gauge!("steelyard_index_round_seconds").set(round.as_secs_f64());
    }
}
