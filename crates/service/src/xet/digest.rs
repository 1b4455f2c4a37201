//! The SHA-256 of a content, read to the end.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256 as Hasher};
use steelyard_core::Sha256;

use super::ContentStream;
use crate::{Error, Result};

/// Bytes that are hashed at once, on a thread of its own.
const BATCH_BYTES: usize = 1024 * 1024;

/// Hashes everything that a stream yields.
pub(super) async fn sha256_of(mut stream: ContentStream) -> Result<Sha256> {
    let (mut hasher, mut batch, mut length) = (Hasher::new(), Vec::new(), 0);
    while let Some(bytes) = stream.try_next().await? {
        length += bytes.len();
        batch.push(bytes);
        if length >= BATCH_BYTES {
            hasher = update(hasher, std::mem::take(&mut batch)).await?;
            length = 0;
        }
    }
    hasher = update(hasher, batch).await?;
    Ok(Sha256::new(hasher.finalize().into()))
}

async fn update(mut hasher: Hasher, batch: Vec<Bytes>) -> Result<Hasher> {
    let length: usize = batch.iter().map(Bytes::len).sum();
    metrics::counter!("steelyard_xet_verified_bytes_total").increment(length as u64);
    let work = move || {
        batch.iter().for_each(|bytes| hasher.update(bytes));
        hasher
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}
