//! The full-text side of the index: words in cards, on this replica's disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use steelyard_index::text::{Matched, TextDocument, TextError, TextIndex};
use steelyard_index::{Document, Matching, SearchRequest, TextHit};

use crate::jobs::chain;
use crate::{Error, Hub, Result};

/// Hits of words that take part in a ranking with everything else.
const HITS_MAX: usize = 1000;
/// How long a writer that has nothing to write is kept.
const REST_AFTER: Duration = Duration::from_secs(30);
/// Events before the last commit's place that are read again after a restart: one with a smaller id may have become
/// visible later.
pub(super) const OVERLAP_EVENTS: i64 = 10_000;

/// The full-text index of this replica, once it is open. One that fails is closed: whoever looks for words next loads
/// them from the database again, and the rest of the index goes on.
#[derive(Default)]
pub(super) struct Texts {
    index: Mutex<Option<Arc<TextIndex>>>,
    /// Something was put that nobody can find yet,
    is_dirty: AtomicBool,
    /// and this is the event up to which it goes.
    position: Mutex<i64>,
    written: Mutex<Option<Instant>>,
    /// Held while something is made findable: whoever comes meanwhile waits until it is.
    committing: Mutex<()>,
    /// Held while the words of the whole catalogue are taken in.
    loading: tokio::sync::Mutex<()>,
}

/// How the full-text side says that it failed.
pub(super) type TextResult<T> = std::result::Result<T, TextError>;

impl Texts {
    /// The index; it must have been opened.
    pub(super) fn get(&self) -> Result<Arc<TextIndex>> {
        let index = self.index.lock().clone();
        index.ok_or_else(|| Error::Unavailable("the words of cards are being loaded".into()))
    }

    /// Waits until nobody else loads the words.
    pub(super) async fn loading(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.loading.lock().await
    }

    /// Opens an index that has, or was given, everything up to the event at `position`.
    pub(super) fn open(&self, index: Arc<TextIndex>, position: i64) {
        *self.position.lock() = position;
        self.is_dirty.store(true, Ordering::SeqCst);
        *self.index.lock() = Some(index);
    }

    /// Takes documents in; they are found after [`Texts::commit`].
    pub(super) fn put(&self, documents: &[Document], gone: &[i64], position: i64) {
        // What is not open takes everything from the database when it is opened.
        let Ok(index) = self.get() else { return };
        let removed = index.remove(gone.iter().copied());
        if let Err(error) = removed.and_then(|()| index.put(documents.iter().map(text_of))) {
            self.fail(&error);
            return;
        }
        let mut known = self.position.lock();
        *known = position.max(*known);
        self.is_dirty.store(true, Ordering::SeqCst);
    }

    /// Makes what was put findable and durable.
    pub(super) fn commit(&self) -> Result<()> {
        let _held = self.committing.lock();
        if self.is_dirty.swap(false, Ordering::SeqCst)
            && let Ok(index) = self.get()
        {
            let position = *self.position.lock();
            index
                .commit(position)
                .inspect_err(|error| self.fail(error))
                .map_err(Error::internal)?;
            *self.written.lock() = Some(Instant::now());
        }
        Ok(())
    }

    /// Gives back what a writer takes when nothing was written for a while.
    pub(super) fn rest(&self) -> Result<()> {
        let mut written = self.written.lock();
        if written.is_some_and(|at| at.elapsed() > REST_AFTER) {
            *written = None;
            if let Ok(index) = self.get() {
                index.rest().inspect_err(|error| self.fail(error)).map_err(Error::internal)?;
            }
        }
        Ok(())
    }

    /// What was not written is lost with the writer, so nothing of it may be taken for complete.
    fn fail(&self, error: &TextError) {
        tracing::warn!(error = chain(error), "the words of cards cannot be written");
        *self.index.lock() = None;
    }
}

/// The parts of a document in which words are looked for.
pub(super) fn text_of(document: &Document) -> TextDocument<'_> {
    TextDocument {
        repo_id: document.repo_id,
        id: &document.id,
        title: document.title.as_deref(),
        tags: &document.tags,
        card_text: &document.card_text,
    }
}

impl Hub {
    /// Lets everything that was put be found.
    pub(super) async fn commit_texts(&self) -> Result<()> {
        let hub = self.clone();
        let done = tokio::task::spawn_blocking(move || hub.discovery().texts().commit());
        done.await.map_err(Error::internal)?
    }

    /// What has the words of a request among what meets the rest of it, best first. Blocks.
    pub(super) fn text_hits(&self, request: &SearchRequest) -> Result<(Vec<TextHit>, Matched)> {
        let (index, words) = (self.discovery().texts().get()?, &request.query.words);
        let page = self.discovery().index().with_matching(request, |matching| match matching {
            Matching::Few(ids) => index.search_among(words, &ids, HITS_MAX, 0),
            Matching::Many(meets) => index.search(words, meets, HITS_MAX, 0),
        });
        let page = page.map_err(Error::internal)?;
        Ok((page.hits, page.matched))
    }
}
