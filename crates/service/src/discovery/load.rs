//! Loading the index from the database: everything at first, the words of cards when somebody looks for some.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use steelyard_db::catalogue::{self, IndexRow};
use steelyard_db::event;
use steelyard_db::feed::Feed;
use steelyard_db::{Conn, seed};
use steelyard_index::text::TextIndex;
use steelyard_index::{Document, Loader};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::document::{counters, document};
use super::feed::{EVENTS, Place, WAIT_MAX};
use super::text::{OVERLAP_EVENTS, TextResult, text_of};
use super::weights::{self, Unread};
use crate::{Error, Hub, Result};

/// Repositories read at a time when the index is loaded.
const PAGE: i64 = 200;
/// From so many repositories on, the words of all cards are taken in at the start, with much memory for a short time; of
/// fewer, when words are first looked for, which takes a moment.
const BULK_REPOS: i64 = 100_000;

impl Hub {
    /// Loads everything. What is committed meanwhile is read again from the log.
    pub(super) async fn load_index(&self) -> Result<Place> {
        let started = Instant::now();
        let mut conn = self.db().read().await?;
        let feed = Feed::begin(&mut conn).await?;
        let position = event::last_event_id(&mut conn).await?;
        let texts = if seed::count_inhabitants(&mut conn).await?.repos >= BULK_REPOS {
            Some(self.open_texts(&mut conn, position, true).await?)
        } else {
            None
        };
        let (words, at) = (texts.as_ref().map(|texts| Arc::clone(&texts.index)), self.now());
        let (pages, waiting) = mpsc::channel::<Vec<IndexRow>>(2);
        let loading = tokio::task::spawn_blocking(move || take_pages(waiting, texts, position));
        let (loader, unread) = joined(send_pages(&mut conn, pages).await, loading).await?;
        drop(conn);
        if let Some(words) = words {
            self.discovery().texts().open(words, position);
        }
        let hub = self.clone();
        let replaced =
            tokio::task::spawn_blocking(move || hub.discovery().index().replace(loader, at));
        replaced.await.map_err(Error::internal)?;
        let repos = self.discovery().index().len();
        let seconds = started.elapsed().as_secs_f64();
        metrics::gauge!("steelyard_index_load_seconds").set(seconds);
        tracing::info!(repos, seconds, "the search index is loaded");
        Ok(Place { feed, counters_at: at, counters_seen: at, unread })
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

    /// Takes in the words of all cards. The rest of the index follows the log meanwhile.
    async fn load_words(&self) -> Result<()> {
        let _loading = self.discovery().texts().loading().await;
        if self.discovery().texts().get().is_ok() {
            return Ok(());
        }
        let mut conn = self.db().read().await?;
        let mut feed = Feed::begin(&mut conn).await?;
        let position = event::last_event_id(&mut conn).await?;
        let texts = self.open_texts(&mut conn, position, false).await?;
        let words = Arc::clone(&texts.index);
        let (pages, waiting) = mpsc::channel(2);
        let loading = tokio::task::spawn_blocking(move || put_pages(waiting, &texts, position));
        joined(send_pages(&mut conn, pages).await, loading).await?;
        // While the rest of the index does not move, what changed since is taken in; then everything as it comes.
        let _place = self.discovery().place.lock().await;
        let position = follow_words(&mut conn, &mut feed, &words).await?.unwrap_or(position);
        self.discovery().texts().open(words, position);
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
}

/// Reads the whole catalogue; an empty page is its end. Stops when nobody takes it any more.
async fn send_pages(conn: &mut Conn, pages: mpsc::Sender<Vec<IndexRow>>) -> Result<()> {
    let mut after = 0;
    loop {
        let rows = catalogue::list_for_index(conn, after, PAGE).await?;
        let last = rows.last().map(|row| row.repo_id);
        let is_taken = pages.send(rows).await.is_ok();
        match last {
            Some(last) if is_taken => after = last,
            _ => return Ok(()),
        }
    }
}

/// What came of loading, once it has ended: when the catalogue could not be read either, because the next try opens the
/// same directory.
async fn joined<T>(sent: Result<()>, loading: JoinHandle<TextResult<T>>) -> Result<T> {
    let loaded = loading.await.map_err(Error::internal)?;
    sent?;
    loaded.map_err(Error::internal)
}

/// The next page of the catalogue, none at its end. One that was not read to its end is an error: its words must not be
/// taken for all there are.
fn next_page(pages: &mut mpsc::Receiver<Vec<IndexRow>>) -> TextResult<Option<Vec<IndexRow>>> {
    let cut_off = || io::Error::new(io::ErrorKind::UnexpectedEof, "the catalogue was cut off");
    let rows = pages.blocking_recv().ok_or_else(cut_off)?;
    Ok((!rows.is_empty()).then_some(rows))
}

/// Takes in the words of what changed since `feed` began, and says up to which event.
async fn follow_words(conn: &mut Conn, feed: &mut Feed, words: &TextIndex) -> Result<Option<i64>> {
    let mut position = None;
    loop {
        let events = feed.next(conn, EVENTS).await?;
        let Some(last) = events.last() else { return Ok(position) };
        position = Some(last.id);
        let ids: BTreeSet<i64> = events.iter().filter_map(|event| event.repo_id).collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        let rows = catalogue::find_for_index(conn, &ids).await?;
        words.remove(ids).map_err(Error::internal)?;
        let documents: Vec<Document> = rows.iter().map(document).collect();
        words.put(documents.iter().map(text_of)).map_err(Error::internal)?;
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

    /// Makes what was taken in findable and durable, and rests: nobody may write for hours.
    fn finish(&self, position: i64) -> TextResult<()> {
        self.index.commit(position)?;
        self.index.rest()
    }
}

/// Takes in the catalogue page by page. Blocks.
fn take_pages(
    mut pages: mpsc::Receiver<Vec<IndexRow>>,
    texts: Option<OpenTexts>,
    position: i64,
) -> TextResult<(Loader, Unread)> {
    let (mut loader, mut unread) = (Loader::new(), Unread::default());
    while let Some(rows) = next_page(&mut pages)? {
        load_page(&mut loader, &rows, texts.as_ref())?;
        let looked_at = rows.iter().filter(|row| weights::may_be_unread(row));
        unread.extend(looked_at.map(|row| row.repo_id));
    }
    if let Some(texts) = texts {
        texts.finish(position)?;
    }
    Ok((loader, unread))
}

/// Takes in the words of the catalogue page by page. Blocks.
fn put_pages(
    mut pages: mpsc::Receiver<Vec<IndexRow>>,
    texts: &OpenTexts,
    position: i64,
) -> TextResult<()> {
    while let Some(rows) = next_page(&mut pages)? {
        let documents: Vec<Document> = rows.iter().map(document).collect();
        texts.put(documents.iter())?;
    }
    texts.finish(position)
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
