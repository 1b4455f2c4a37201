use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sha2::Digest;
use steelyard_core::Sha256;
use tokio::task::JoinHandle;

use crate::BlobError;
use crate::error::Result;

/// What is hashed at once on the async thread, because handing it over would take longer.
const INLINE_BYTES_MAX: usize = 32 * 1024;

/// SHA-256 on the blocking threads, one batch at a time, so that the caller fetches or writes the next meanwhile.
///
/// No thread is held while the source of the bytes is slow.
pub(crate) struct Hasher(State);

enum State {
    Idle(sha2::Sha256),
    Busy(JoinHandle<sha2::Sha256>),
    /// Only while a batch is handed over, or after a hashing thread panicked.
    Gone,
}

impl Hasher {
    pub(crate) fn new() -> Self {
        Self(State::Idle(sha2::Sha256::new()))
    }

    /// Hashes `batch` after everything before it; returns when that has begun.
    pub(crate) async fn push(&mut self, batch: Vec<Bytes>) -> Result<()> {
        let mut hash = self.idle().await?;
        let bytes: usize = batch.iter().map(Bytes::len).sum();
        let feed = move || {
            batch.iter().for_each(|piece| hash.update(piece));
            hash
        };
        self.0 = if bytes <= INLINE_BYTES_MAX {
            State::Idle(feed())
        } else {
            State::Busy(tokio::task::spawn_blocking(feed))
        };
        Ok(())
    }

    /// The hash of everything.
    pub(crate) async fn finish(mut self) -> Result<Sha256> {
        let hash = self.idle().await?;
        Ok(Sha256::new(hash.finalize().into()))
    }

    async fn idle(&mut self) -> Result<sha2::Sha256> {
        match std::mem::replace(&mut self.0, State::Gone) {
            State::Idle(hash) => Ok(hash),
            State::Busy(job) => join(job).await,
            State::Gone => Err(BlobError::unavailable("an earlier step of the hash failed")),
        }
    }
}

/// Waits for a job on the blocking threads.
pub(crate) async fn join<T>(job: JoinHandle<T>) -> Result<T> {
    job.await.map_err(BlobError::unavailable)
}

/// Runs blocking work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    join(tokio::task::spawn_blocking(work)).await?
}

/// Polls a job on the blocking threads.
pub(crate) fn poll_job<T>(
    job: &mut JoinHandle<Result<T>>,
    context: &mut Context<'_>,
) -> Poll<Result<T>> {
    let done = ready!(Pin::new(job).poll(context));
    Poll::Ready(done.unwrap_or_else(|error| Err(BlobError::unavailable(error))))
}
