//! How far the log of events has come: the ground on which answers may be kept.
//!
//! Whatever decides what a page shows of repositories other than itself (who may see them, their cards, their licences) is
//! changed in one transaction with an event. So what was read from the database *after* the position was asked for is as
//! good as read now while the position is the same. Nobody waits for a timer, and another replica's changes count too.

use std::sync::atomic::{AtomicU64, Ordering};

use steelyard_db::feed::Feed;
use tokio::sync::Mutex;

use super::feed::EVENTS;
use crate::{Hub, Result};

/// This process's place in the log, and how often it moved.
#[derive(Default)]
pub(crate) struct Position {
    feed: Mutex<Option<Feed>>,
    moved: AtomicU64,
    /// How many have asked,
    asked: AtomicU64,
    /// and how many of them a finished look began after.
    served: AtomicU64,
}

impl Hub {
    /// A number of this process that has changed whenever an event was committed since it was last asked for. Many who ask
    /// at once share one look at the log.
    pub async fn log_position(&self) -> Result<u64> {
        let position = self.position();
        let ticket = position.asked.fetch_add(1, Ordering::SeqCst);
        let mut place = position.feed.lock().await;
        if ticket < position.served.load(Ordering::SeqCst) {
            return Ok(position.moved.load(Ordering::SeqCst));
        }
        let asked = position.asked.load(Ordering::SeqCst);
        let mut conn = self.db().read().await?;
        // Who hangs up in the middle of a look leaves the place where it was.
        let mut feed = match &*place {
            Some(feed) => feed.clone(),
            None => Feed::begin(&mut conn).await?,
        };
        let mut has_moved = place.is_none();
        while !feed.next(&mut conn, EVENTS).await?.is_empty() {
            has_moved = true;
        }
        *place = Some(feed);
        let moved = position.moved.fetch_add(u64::from(has_moved), Ordering::SeqCst);
        position.served.store(asked, Ordering::SeqCst);
        Ok(moved + u64::from(has_moved))
    }
}
