//! What the pages of one process share: rendered cards, and how much rendering may go on at once.

use std::sync::Arc;

use moka::sync::Cache;
use steelyard_card::front_matter;
use steelyard_core::Oid;
use steelyard_service::{Error, Result};
use tokio::sync::Semaphore;

use crate::markdown::{self, Place, Rendered};

/// Rendered texts that are kept, by bytes.
const RENDERED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Renderings that may go on at once: the other cores answer requests.
const WORKERS: usize = 2;
/// How long a page waits for a place among them.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// What the pages share. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    rendered: Cache<String, Arc<Rendered>>,
    workers: Arc<Semaphore>,
}

impl Default for Web {
    fn default() -> Self {
        let weigh = |key: &String, rendered: &Arc<Rendered>| {
            u32::try_from(key.len() + rendered.bytes()).unwrap_or(u32::MAX)
        };
        Self {
            rendered: Cache::builder().max_capacity(RENDERED_BYTES_MAX).weigher(weigh).build(),
            workers: Arc::new(Semaphore::new(WORKERS)),
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

    /// The Markdown of the blob `oid`, without its metadata, rendered. It is kept under its content and everything that
    /// its links depend on.
    pub(crate) async fn card(&self, oid: Oid, text: &str, place: Place) -> Result<Arc<Rendered>> {
        let key = format!("{oid} {} {} {}", place.base, place.revision, place.folder);
        if let Some(known) = self.rendered.get(&key) {
            return Ok(known);
        }
        let body = front_matter::body(text).to_owned();
        let rendered = Arc::new(self.work(move || markdown::render(&body, &place)).await?);
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
