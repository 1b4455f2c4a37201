//! The SHA-256 of contents that are read to the end.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256 as Hasher};
use steelyard_core::Sha256;

use super::ContentStream;
use crate::jobs::progress;
use crate::{Error, Result};

/// Bytes that are hashed at once, on a thread of their own.
const BATCH_BYTES: usize = 1024 * 1024;

/// Hashes the contents of these sizes that a stream yields one behind the other.
pub(super) async fn sha256s_of(mut stream: ContentStream, sizes: Vec<u64>) -> Result<Vec<Sha256>> {
    let mut hashes = Hashes::new(sizes);
    let (mut batch, mut length) = (Vec::new(), 0);
    while let Some(bytes) = stream.try_next().await? {
        length += bytes.len();
        batch.push(bytes);
        if length >= BATCH_BYTES {
            hashes = hashes.with(std::mem::take(&mut batch)).await?;
            progress::advance(length as u64);
            length = 0;
        }
    }
    let hashes = hashes.with(batch).await?;
    progress::advance(length as u64);
    match hashes.current {
        None => Ok(hashes.done),
        Some(_) => Err(Error::internal("a content has fewer bytes than its row says")),
    }
}

/// The hashes so far.
struct Hashes {
    sizes: std::vec::IntoIter<u64>,
    /// Of the content that has not ended, and how many bytes are missing of it.
    current: Option<(Hasher, u64)>,
    done: Vec<Sha256>,
}

impl Hashes {
    fn new(sizes: Vec<u64>) -> Self {
        let done = Vec::with_capacity(sizes.len());
        let mut hashes = Self { sizes: sizes.into_iter(), current: None, done };
        hashes.start_next();
        hashes
    }

    async fn with(mut self, batch: Vec<Bytes>) -> Result<Self> {
        let length: usize = batch.iter().map(Bytes::len).sum();
        metrics::counter!("steelyard_xet_verified_bytes_total").increment(length as u64);
        let work = move || {
            for bytes in &batch {
                self.update(bytes)?;
            }
            Ok(self)
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }

    fn update(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let Some((hasher, missing)) = &mut self.current else {
                return Err(Error::internal("a content has more bytes than its row says"));
            };
            let taken = usize::try_from(*missing).unwrap_or(usize::MAX).min(bytes.len());
            let (head, rest) = bytes.split_at(taken);
            hasher.update(head);
            *missing -= head.len() as u64;
            bytes = rest;
            if *missing == 0 {
                self.start_next();
            }
        }
        Ok(())
    }

    /// Ends the current content, and begins with the next one that is not empty.
    fn start_next(&mut self) {
        self.done.extend(self.current.take().map(|(hasher, _)| finish(hasher)));
        for size in self.sizes.by_ref() {
            if size > 0 {
                self.current = Some((Hasher::new(), size));
                return;
            }
            self.done.push(finish(Hasher::new()));
        }
    }
}

fn finish(hasher: Hasher) -> Sha256 {
    Sha256::new(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(bytes: &[u8]) -> Sha256 {
        finish(Hasher::new_with_prefix(bytes))
    }

    #[test]
    fn contents_are_told_apart_wherever_the_pieces_end() {
        let (a, c) = (b"the first".as_slice(), b"another one".as_slice());
        let all = [a, c].concat();
        for cut in 0..=all.len() {
            let mut hashes = Hashes::new(vec![9, 0, 11]);
            hashes.update(&all[..cut]).unwrap();
            hashes.update(&all[cut..]).unwrap();
            assert_eq!(hashes.done, [hash(a), hash(b""), hash(c)]);
            assert!(hashes.current.is_none());
            assert!(hashes.update(b"x").is_err());
        }
        assert_eq!(Hashes::new(vec![0, 0]).done, [hash(b""); 2]);
    }
}
