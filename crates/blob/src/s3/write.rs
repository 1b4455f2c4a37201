use bytes::Bytes;
use object_store::{ObjectStoreExt, WriteMultipart};

use super::{S3Store, bare_etag, refused};
use crate::error::Result;
use crate::{BlobError, Key};

/// Smallest part of a larger object; smaller objects are sent in one request.
const PART_BYTES_MIN: u64 = 8 * 1024 * 1024;
/// Most parts of one object (Amazon's limit).
const PARTS_MAX: u64 = 10_000;
/// What may be on its way to the server at once, per upload.
const IN_FLIGHT_BYTES_MAX: u64 = 24 * 1024 * 1024;

/// Bytes on their way to become an object.
#[derive(Debug)]
pub(crate) struct S3Writer {
    store: S3Store,
    key: Key,
    part_bytes: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Everything so far, less than one part.
    Small(Vec<Bytes>, u64),
    Large(WriteMultipart),
    /// Only while finishing.
    Over,
}

/// What has been sent of an object under its key.
#[derive(Debug)]
pub(crate) enum S3Part {
    /// Nothing yet: it is small and can go anywhere.
    Whole(Bytes),
    /// All but the word that it is complete.
    Sent(S3Writer),
}

impl S3Store {
    /// Begins an object under `key`, which does not appear before it is completed. A known size allows larger objects.
    pub(crate) fn begin(&self, key: Key, size: Option<u64>) -> S3Writer {
        let part_bytes = size.map_or(PART_BYTES_MIN, |size| {
            PART_BYTES_MIN.max(size.div_ceil(PARTS_MAX - 1).next_multiple_of(1024 * 1024))
        });
        S3Writer { store: self.clone(), key, part_bytes, state: State::Small(Vec::new(), 0) }
    }
}

impl S3Writer {
    /// The largest object that fits into the parts.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.part_bytes * PARTS_MAX
    }

    /// Takes `batch`; waits while too much is on its way.
    pub(crate) async fn push(&mut self, batch: Vec<Bytes>) -> Result<()> {
        if let State::Small(held, bytes) = &mut self.state {
            *bytes += batch.iter().map(|piece| piece.len() as u64).sum::<u64>();
            held.extend(batch);
            if *bytes < self.part_bytes {
                return Ok(());
            }
            let held = std::mem::take(held);
            let path = self.store.path(&self.key);
            let upload = self.store.0.client.put_multipart(&path).await;
            let upload = upload.map_err(refused("begin an upload"))?;
            let part_bytes = usize::try_from(self.part_bytes).unwrap_or(usize::MAX);
            self.state = State::Large(WriteMultipart::new_with_chunk_size(upload, part_bytes));
            return self.send(held).await;
        }
        self.send(batch).await
    }

    async fn send(&mut self, batch: Vec<Bytes>) -> Result<()> {
        let at_once = usize::try_from((IN_FLIGHT_BYTES_MAX / self.part_bytes).max(1)).unwrap_or(1);
        let State::Large(upload) = &mut self.state else {
            return Err(BlobError::unavailable("an earlier step of the upload failed"));
        };
        for piece in batch {
            upload.wait_for_capacity(at_once).await.map_err(refused("send an upload"))?;
            upload.put(piece);
        }
        Ok(())
    }

    /// Everything has been pushed; what is left to do depends on the size.
    pub(crate) fn close(mut self) -> S3Part {
        match &mut self.state {
            State::Small(held, _) => S3Part::Whole(match std::mem::take(held) {
                held if held.len() == 1 => held.into_iter().next().unwrap_or_default(),
                held => held.concat().into(),
            }),
            _ => S3Part::Sent(self),
        }
    }

    /// Makes the object appear; returns its entity tag.
    pub(crate) async fn complete(mut self) -> Result<String> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Large(upload) => {
                let put = upload.finish().await.map_err(refused("finish an upload"))?;
                Ok(bare_etag(put.e_tag))
            }
            _ => Err(BlobError::unavailable("an earlier step of the upload failed")),
        }
    }
}

impl Drop for S3Writer {
    fn drop(&mut self) {
        let State::Large(upload) = std::mem::replace(&mut self.state, State::Over) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // What cannot be removed now, the bucket's own rule for unfinished uploads removes.
            runtime.spawn(async move { upload.abort().await.ok() });
        }
    }
}
