//! What the pages of one process share: rendered cards, and how much rendering may go on at once.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use steelyard_card::front_matter;
use steelyard_core::Oid;
use steelyard_service::revisions::Blamed;
use steelyard_service::{Actor, Error, Result};
use tokio::sync::Semaphore;

use crate::doctor::refusals::Refusals;
use crate::examples;
use crate::markdown::{self, Place, Rendered};
use crate::routes::{Counted, Listed, Sheet};

/// Rendered texts that are kept, by bytes.
const RENDERED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Sheets of repositories that are kept, by bytes.
const SHEETS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Pages of folders and answers of blame that are kept, by bytes.
const LISTINGS_BYTES_MAX: u64 = 32 * 1024 * 1024;
const BLAMES_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Counts of facets that are kept, by bytes.
const COUNTS_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How long a sheet, or a count, is kept at most. What it says stays true by the log; only what follows counters, which write
/// no events, or the time of day may be older.
const SHEET_LIFE: Duration = Duration::from_secs(60);
/// Renderings that may go on at once, for so many cores: the other half answers requests.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}
/// How long a page waits for a place among them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whose sheet of which repository it is: the repository, who looks, and the address of the hub that stands in its commands.
pub(crate) type SheetKey = (i64, Option<(i64, bool)>, String);

/// Whose counts of what: who looks, and the question.
pub(crate) type CountKey = (Option<(i64, bool)>, String);

/// What follows from a commit of a repository alone: the repository, the commit, and what was asked of it.
pub(crate) type CommitKey = (i64, Oid, String);

/// What the pages share. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    rendered: Cache<String, Arc<Rendered>>,
    sheets: Cache<SheetKey, Arc<Sheet>>,
    counts: Cache<CountKey, Arc<Counted>>,
    listings: Cache<CommitKey, Arc<Listed>>,
    blames: Cache<CommitKey, Arc<Blamed>>,
    refusals: Refusals,
    workers: Arc<Semaphore>,
}

/// Who looks, as far as what they may see depends on it.
pub(crate) fn who(actor: &Actor) -> Option<(i64, bool)> {
    actor.user().map(|user| (user.id, user.is_admin))
}

impl Default for Web {
    fn default() -> Self {
        let weigh = |key: &String, rendered: &Arc<Rendered>| {
            u32::try_from(key.len() + rendered.bytes()).unwrap_or(u32::MAX)
        };
        let weigh_sheet = |key: &SheetKey, sheet: &Arc<Sheet>| {
            u32::try_from(key.2.len() + sheet.bytes()).unwrap_or(u32::MAX)
        };
        let sheets = Cache::builder().max_capacity(SHEETS_BYTES_MAX).time_to_live(SHEET_LIFE);
        Self {
            rendered: Cache::builder().max_capacity(RENDERED_BYTES_MAX).weigher(weigh).build(),
            sheets: sheets.weigher(weigh_sheet).build(),
            counts: Cache::builder()
                .max_capacity(COUNTS_BYTES_MAX)
                .time_to_live(SHEET_LIFE)
                .weigher(|key: &CountKey, counted: &Arc<Counted>| {
                    u32::try_from(key.1.len() + counted.bytes()).unwrap_or(u32::MAX)
                })
                .build(),
            listings: Cache::builder()
                .max_capacity(LISTINGS_BYTES_MAX)
                .weigher(|key: &CommitKey, listed: &Arc<Listed>| weight(key, listed.bytes()))
                .build(),
            blames: Cache::builder()
                .max_capacity(BLAMES_BYTES_MAX)
                .weigher(|key: &CommitKey, blamed: &Arc<Blamed>| weight(key, blamed.bytes()))
                .build(),
            refusals: Refusals::default(),
            workers: Arc::new(Semaphore::new(workers())),
        }
    }
}

impl Web {
    /// Work that takes long, on a thread of its own and with few others beside it. The place is given back when the work
    /// ends, also when nobody waits for it any more.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let busy = || Error::Busy { what: "many pages are being rendered", retry_after_secs: 2 };
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.workers).acquire_owned());
        let place = place.await.map_err(|_| busy())?.map_err(Error::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        done.await.map_err(Error::internal)
    }

    /// Sheets of repositories; each says itself whether it still holds.
    pub(crate) fn sheets(&self) -> &Cache<SheetKey, Arc<Sheet>> {
        &self.sheets
    }

    /// Counts of facets; each says itself whether it still holds.
    pub(crate) fn counts(&self) -> &Cache<CountKey, Arc<Counted>> {
        &self.counts
    }

    /// Pages of folders, by commit. Whoever asks has been let in to the commit before.
    pub(crate) fn listings(&self) -> &Cache<CommitKey, Arc<Listed>> {
        &self.listings
    }

    /// Where lines of files come from, by commit.
    pub(crate) fn blames(&self) -> &Cache<CommitKey, Arc<Blamed>> {
        &self.blames
    }

    /// The last requests that were refused.
    pub(crate) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Under what a sheet is kept: nobody is ever shown what was gathered for somebody else.
    pub(crate) fn sheet_key(&self, repo_id: i64, actor: &Actor, origin: &str) -> SheetKey {
        (repo_id, who(actor), origin.to_owned())
    }

    /// The Markdown of the blob `oid`, without its metadata, rendered. It is kept under its content and everything that
    /// its links depend on.
    pub(crate) async fn card(&self, oid: Oid, text: &str, place: Place) -> Result<Arc<Rendered>> {
        let key = format!("{oid} {} {} {}", place.base, place.revision, place.folder);
        if let Some(known) = self.rendered.get(&key) {
            return Ok(known);
        }
        let text = text.to_owned();
        let render = move || {
            let body = front_matter::body(&text);
            markdown::render(&examples::into_text(body, &text), &place)
        };
        let rendered = Arc::new(self.work(render).await?);
        self.rendered.insert(key, Arc::clone(&rendered));
        Ok(rendered)
    }
}

/// Walks of trees and histories leave the async threads to others.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

fn weight(key: &CommitKey, bytes: usize) -> u32 {
    u32::try_from(key.2.len() + 64 + bytes).unwrap_or(u32::MAX)
}
