//! Keeping the index true: loading it, and following the log of events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use steelyard_core::Timestamp;
use steelyard_db::catalogue::{self, IndexRow};
use steelyard_db::event::{self, EventRow};
use steelyard_db::feed::Feed;
use steelyard_db::{Conn, stats};
use steelyard_index::text::TextIndex;
use steelyard_index::{Change, Counters, Document, Index, Loader};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::document::{counters, document};
use super::text::{OVERLAP_EVENTS, TextResult, Texts, text_of};
use super::weights;
use crate::jobs::chain;
use crate::{Error, Hub, Result};

/// How often the log is looked at when nobody asks.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
/// How long somebody who searches waits for the index.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Events read at a time.
const EVENTS: i64 = 500;
/// Repositories read at a time when the index is loaded.
const PAGE: i64 = 200;
/// How long headers are read in one round, while somebody may wait; the others have their turn in the next ones.
const STALE_TIME: Duration = Duration::from_secs(1);
/// From so many repositories on, the words of all cards are taken in at the start, with much memory for a short time; of
/// fewer, when words are first looked for, which takes a moment.
const BULK_REPOS: i64 = 100_000;
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
    place: Mutex<Option<Place>>,
}

/// How far the index follows.
#[derive(Clone)]
struct Place {
    feed: Feed,
    /// Counters are in the index as of this moment,
    counters_at: Timestamp,
    /// and this is when they were looked at.
    counters_seen: Timestamp,
    /// Repositories the headers of whose weights are to be read.
    stale: VecDeque<i64>,
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
        let mut next = match place.clone() {
            Some(place) => place,
            None => self.load_index().await?,
        };
        // What a failing full-text side had not written is lost: everything is loaded again.
        *place = None;
        self.follow(&mut next).await?;
        *place = Some(next);
        discovery.served.store(asked, Ordering::SeqCst);
        discovery.is_loaded.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn follow(&self, place: &mut Place) -> Result<()> {
        let mut conn = self.db().read().await?;
        loop {
            let events = place.feed.next(&mut conn, EVENTS).await?;
            let Some(last) = events.last() else { break };
            let changed = Changed::of(&events);
            let ids: Vec<i64> = changed.times.keys().copied().collect();
            let rows = catalogue::find_for_index(&mut conn, &ids).await?;
            let stale = rows.iter().filter(|row| weights::are_stale(row)).map(|row| row.repo_id);
            place.stale.extend(stale);
            self.index_rows(&changed, &rows, last.id)?;
        }
        drop(conn);
        self.follow_weights(place).await?;
        if self.now() >= place.counters_seen.plus_secs(COUNTERS_EVERY_SECS) {
            self.follow_counters(place).await?;
        }
        Ok(())
    }

    /// Reads headers of weights that came with what was just indexed.
    async fn follow_weights(&self, place: &mut Place) -> Result<()> {
        let (mut refreshed, started) = (Vec::new(), Instant::now());
        while started.elapsed() < STALE_TIME
            && let Some(repo_id) = place.stale.pop_front()
        {
            match self.refresh_weights(repo_id).await {
                Ok(()) => refreshed.push(repo_id),
                // The model is found without its parameters, until it changes or the index is loaded anew.
                Err(error) => tracing::warn!(
                    repo.id = repo_id,
                    error = chain(&error),
                    "the headers of weights cannot be read"
                ),
            }
        }
        if !refreshed.is_empty() {
            let mut conn = self.db().read().await?;
            let rows = catalogue::find_for_index(&mut conn, &refreshed).await?;
            self.index_rows(&Changed::again(&rows), &rows, 0)?;
        }
        Ok(())
    }

    /// Takes in what became of changed repositories, up to the event at `position`.
    fn index_rows(&self, changed: &Changed, rows: &[IndexRow], position: i64) -> Result<()> {
        let found: BTreeSet<i64> = rows.iter().map(|row| row.repo_id).collect();
        let gone: Vec<i64> =
            changed.times.keys().copied().filter(|id| !found.contains(id)).collect();
        let documents: Vec<Document> = rows.iter().map(document).collect();
        self.discovery().texts().put(&documents, &gone, position)?;
        let index = self.discovery().index();
        for (at, step) in changed.steps(index, rows, documents, &gone) {
            match step {
                Step::Change(change) => index.apply(vec![change], at),
                Step::Count(repo_id, counters) => index.set_counters(&[(repo_id, counters)], at),
            }
        }
        Ok(())
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

    /// Loads everything. What is committed meanwhile is read again from the log.
    async fn load_index(&self) -> Result<Place> {
        let started = Instant::now();
        let mut conn = self.db().read().await?;
        let feed = Feed::begin(&mut conn).await?;
        let position = event::last_event_id(&mut conn).await?;
        let repos = steelyard_db::seed::count_inhabitants(&mut conn).await?.repos;
        self.discovery().texts().set(None);
        let texts = match repos >= BULK_REPOS {
            true => Some(self.open_texts(&mut conn, position, true).await?),
            // Words are taken in when somebody looks for some.
            false => None,
        };
        let (words, at) = (texts.as_ref().map(|texts| Arc::clone(&texts.index)), self.now());
        let (pages, mut waiting) = mpsc::channel::<Vec<IndexRow>>(2);
        let loading = tokio::task::spawn_blocking(move || {
            let (mut loader, mut stale) = (Loader::new(), VecDeque::new());
            while let Some(rows) = waiting.blocking_recv() {
                load_page(&mut loader, &rows, texts.as_ref())?;
                stale.extend(
                    rows.iter().filter(|row| weights::are_missing(row)).map(|row| row.repo_id),
                );
            }
            if let Some(texts) = texts {
                texts.index.commit(position)?;
                // Nobody may write for hours.
                texts.index.rest()?;
            }
            TextResult::Ok((loader, stale))
        });
        let mut after = 0;
        loop {
            let rows = catalogue::list_for_index(&mut conn, after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.repo_id;
            if pages.send(rows).await.is_err() {
                break;
            }
        }
        drop((pages, conn));
        let (loader, stale) = loading.await.map_err(Error::internal)?.map_err(Error::internal)?;
        self.discovery().texts().set(words);
        let hub = self.clone();
        let replaced =
            tokio::task::spawn_blocking(move || hub.discovery().index().replace(loader, at));
        replaced.await.map_err(Error::internal)?;
        let repos = self.discovery().index().len();
        let seconds = started.elapsed().as_secs_f64();
        metrics::gauge!("steelyard_index_load_seconds").set(seconds);
        tracing::info!(repos, seconds, "the search index is loaded");
        Ok(Place { feed, counters_at: at, counters_seen: at, stale })
    }

    /// Returns when words can be looked for.
    pub(super) async fn open_words(&self) -> Result<()> {
        if self.discovery().texts().get().is_ok() {
            return Ok(());
        }
        let hub = self.clone();
        // On a task of its own: whoever hangs up does not take along what others wait for.
        let loaded = tokio::spawn(async move { hub.load_words().await });
        match tokio::time::timeout(WAIT_MAX, loaded).await {
            Ok(ended) => ended.map_err(Error::internal)?,
            Err(_) => Err(Error::Unavailable("the words of cards are being loaded".into())),
        }
    }

    /// Takes in the words of all cards. Nothing else is taken in meanwhile, so what changes comes after.
    async fn load_words(&self) -> Result<()> {
        let _place = self.discovery().place.lock().await;
        if self.discovery().texts().get().is_ok() {
            return Ok(());
        }
        let mut conn = self.db().read().await?;
        let position = event::last_event_id(&mut conn).await?;
        let texts = Arc::new(self.open_texts(&mut conn, position, false).await?);
        let mut after = 0;
        loop {
            let rows = catalogue::list_for_index(&mut conn, after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.repo_id;
            let texts = Arc::clone(&texts);
            let put = tokio::task::spawn_blocking(move || {
                let documents: Vec<Document> = rows.iter().map(document).collect();
                texts.put(documents.iter())
            });
            put.await.map_err(Error::internal)?.map_err(Error::internal)?;
        }
        let index = Arc::clone(&texts.index);
        let written = tokio::task::spawn_blocking(move || {
            index.commit(position)?;
            index.rest()
        });
        written.await.map_err(Error::internal)?.map_err(Error::internal)?;
        self.discovery().texts().set(Some(Arc::clone(&texts.index)));
        Ok(())
    }

    /// Opens the full-text index. One that lies there from before takes only what changed since.
    async fn open_texts(&self, conn: &mut Conn, position: i64, is_bulk: bool) -> Result<OpenTexts> {
        let dir = self.settings().cache_dir.join("search");
        let opened = tokio::task::spawn_blocking(move || open_text_index(&dir, position, is_bulk));
        let index = Arc::new(opened.await.map_err(Error::internal)?.map_err(Error::internal)?);
        let Some(from) = index.position() else { return Ok(OpenTexts { index, again: None }) };
        let (mut after, mut again) = ((from - OVERLAP_EVENTS).max(0), BTreeSet::new());
        loop {
            let events = event::list_events(conn, after, EVENTS).await?;
            let Some(last) = events.last() else { break };
            after = last.id;
            again.extend(events.iter().filter_map(|event| event.repo_id));
        }
        // What is gone has no row to be taken from.
        index.remove(again.iter().copied()).map_err(Error::internal)?;
        Ok(OpenTexts { index, again: Some(again) })
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

/// Repositories that changed, each with the times of its first and its last change among those that were read together.
struct Changed {
    times: BTreeMap<i64, (Timestamp, Timestamp)>,
}

/// What is done to the index at a time.
enum Step {
    Change(Change),
    Count(i64, Counters),
}

impl Changed {
    fn of(events: &[EventRow]) -> Self {
        let mut times = BTreeMap::new();
        for event in events {
            if let Some(repo_id) = event.repo_id {
                times.entry(repo_id).or_insert((event.at, event.at)).1 = event.at;
            }
        }
        Self { times }
    }

    /// Repositories of which more is known than before, although nothing happened to them.
    fn again(rows: &[IndexRow]) -> Self {
        let time = |row: &IndexRow| (row.repo_id, (row.last_modified, row.last_modified));
        Self { times: rows.iter().map(time).collect() }
    }

    /// What is to be done, each at the time at which it happened, so that all replicas show the same to whoever is in
    /// the middle of a listing, however many events each of them reads together.
    fn steps(
        &self,
        index: &Index,
        rows: &[IndexRow],
        documents: Vec<Document>,
        gone: &[i64],
    ) -> Vec<(Timestamp, Step)> {
        let mut steps = Vec::new();
        for (row, document) in rows.iter().zip(documents) {
            let Some((first, last)) = self.times.get(&row.repo_id).copied() else { continue };
            if first < last && !index.contains(row.repo_id) {
                // It came and then changed: whoever looks as of a time between sees it as it came.
                let came = Document { last_modified: first, ..document.clone() };
                steps.push((first, Step::Change(Change::Put(Box::new(came)))));
            }
            steps.push((last, Step::Change(Change::Put(Box::new(document)))));
            let counted = row.stats.updated_at.max(first);
            steps.push((counted, Step::Count(row.repo_id, counters(&row.stats))));
        }
        let removed = gone.iter().filter_map(|id| Some((self.times.get(id)?.1, *id)));
        steps.extend(removed.map(|(at, id)| (at, Step::Change(Change::Remove(id)))));
        steps.sort_by_key(|(at, _)| *at);
        steps
    }
}

/// Opens the full-text index in a directory. One that knows of events which this database does not have is another
/// database's, and begins anew.
fn open_text_index(dir: &Path, position: i64, is_bulk: bool) -> TextResult<TextIndex> {
    let mut index = TextIndex::open(dir)?;
    if index.position().is_some_and(|known| known > position) {
        drop(index);
        std::fs::remove_dir_all(dir)?;
        index = TextIndex::open(dir)?;
    }
    if is_bulk && index.position().is_none() {
        index.begin_bulk()?;
    }
    Ok(index)
}

/// The full-text index while everything is loaded.
struct OpenTexts {
    index: Arc<TextIndex>,
    /// The repositories it has to take again; everything when absent.
    again: Option<BTreeSet<i64>>,
}

impl OpenTexts {
    /// Takes in those of the documents that it has to take.
    fn put<'a>(&self, documents: impl Iterator<Item = &'a Document>) -> TextResult<()> {
        let is_wanted = |document: &&Document| {
            self.again.as_ref().is_none_or(|ids| ids.contains(&document.repo_id))
        };
        self.index.put(documents.filter(is_wanted).map(text_of))
    }
}

/// Reading facts is most of the work, so it is shared by two threads.
fn load_page(loader: &mut Loader, rows: &[IndexRow], texts: Option<&OpenTexts>) -> TextResult<()> {
    let (left, right) = rows.split_at(rows.len() / 2);
    let read = |rows: &[IndexRow]| -> Vec<Document> { rows.iter().map(document).collect() };
    let (first, second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| read(right));
        (read(left), second.join().expect("documents are made of anything without a panic"))
    });
    let documents = || first.iter().chain(&second);
    for (row, document) in rows.iter().zip(documents()) {
        loader.push(document, &counters(&row.stats));
    }
    texts.map_or(Ok(()), |texts| texts.put(documents()))
}
