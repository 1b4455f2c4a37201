use bytes::{Bytes, BytesMut};
use steelyard_core::{Sha256, limits};
use uuid::Uuid;

use crate::error::Result;
use crate::hashing::Hasher;
use crate::local::LocalWriter;
use crate::s3::{S3Part, S3Store, S3Writer};
use crate::store::Backend;
use crate::{BlobError, BlobStore, Key};

/// What is collected before it is handed to the hashing and writing threads.
const BATCH_BYTES: usize = 1024 * 1024;

/// Pieces below this are copied together.
const CRUMB_BYTES: usize = 8 * 1024;

/// What a file is: its hash and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content {
    /// SHA-256 of the bytes.
    pub sha256: Sha256,
    /// How many bytes.
    pub size: u64,
}

/// What is known of an upload before it begins.
#[derive(Debug, Clone, Copy)]
pub struct UploadPlan {
    /// A fresh id: names what is staged in the store.
    pub id: Uuid,
    /// What the uploader promised; another content is refused.
    pub expected: Option<Content>,
    /// The largest size that is accepted, in bytes.
    pub size_max: u64,
}

impl UploadPlan {
    /// An upload of unknown content, up to [`limits::LFS_OBJECT_BYTES_MAX`].
    pub const fn new(id: Uuid) -> Self {
        Self { id, expected: None, size_max: limits::LFS_OBJECT_BYTES_MAX }
    }

    /// Accepts only this content.
    #[must_use]
    pub const fn expecting(self, content: Content) -> Self {
        Self { expected: Some(content), ..self }
    }

    /// Accepts at most so many bytes.
    #[must_use]
    pub const fn at_most(self, size_max: u64) -> Self {
        Self { size_max, ..self }
    }
}

/// A large file on its way into the store. Dropped unfinished, it leaves nothing behind.
#[must_use = "an upload that is not finished is undone"]
pub struct Upload {
    writer: Writer,
    hasher: Hasher,
    batch: Batch,
    plan: UploadPlan,
    size: u64,
}

impl BlobStore {
    /// Begins to store a large file.
    pub async fn begin_upload(&self, plan: UploadPlan) -> Result<Upload, BlobError> {
        if plan.expected.is_some_and(|expected| expected.size > plan.size_max) {
            return Err(BlobError::TooLarge { limit: plan.size_max });
        }
        let writer = Writer::begin(self, &plan).await?;
        Ok(Upload { writer, hasher: Hasher::new(), batch: Batch::default(), plan, size: 0 })
    }
}

impl Upload {
    /// Takes the next bytes. Waits while the disk, the server or the hash is behind.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.size += bytes.len() as u64;
        if let Some(expected) = self.plan.expected.filter(|expected| self.size > expected.size) {
            return Err(BlobError::SizeMismatch { expected: expected.size, actual: self.size });
        }
        let limit = self.plan.size_max.min(self.writer.bytes_max());
        if self.size > limit {
            return Err(BlobError::TooLarge { limit });
        }
        for batch in self.batch.push(bytes) {
            self.pass_on(batch).await?;
        }
        Ok(())
    }

    /// Checks the content and makes it durable under [`Key::lfs`]. Before that, nothing can be seen there.
    pub async fn finish(mut self) -> Result<Content, BlobError> {
        let rest = self.batch.take();
        self.pass_on(rest).await?;
        let content = Content { sha256: self.hasher.finish().await?, size: self.size };
        if let Some(expected) = self.plan.expected {
            check(&expected, &content)?;
        }
        self.writer.finish(content).await?;
        Ok(content)
    }

    async fn pass_on(&mut self, batch: Vec<Bytes>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        // Each begins its work on another thread, so both go on at the same time.
        self.hasher.push(batch.clone()).await?;
        self.writer.push(batch).await
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("plan", &self.plan).field("size", &self.size).finish()
    }
}

/// Refuses content that is not what was promised.
pub(crate) fn check(expected: &Content, actual: &Content) -> Result<()> {
    if expected.size != actual.size {
        return Err(BlobError::SizeMismatch { expected: expected.size, actual: actual.size });
    }
    if expected.sha256 != actual.sha256 {
        let (expected, actual) = (expected.sha256, actual.sha256);
        return Err(BlobError::HashMismatch { expected, actual });
    }
    Ok(())
}

enum Writer {
    Local(LocalWriter),
    S3 { store: S3Store, writer: S3Writer, staged: Key },
}

impl Writer {
    async fn begin(store: &BlobStore, plan: &UploadPlan) -> Result<Self> {
        match &store.0 {
            Backend::Local(store) => store.begin().await.map(Self::Local),
            Backend::S3(store) => {
                // Never to its final key at once, not even where the content is promised: some servers (Garage) give up an
                // upload when another one to the same key is completed first.
                let staged = Key::upload(plan.id);
                let size = plan.expected.map(|content| content.size);
                Ok(Self::S3 { store: store.clone(), writer: store.begin(staged, size), staged })
            }
        }
    }

    fn bytes_max(&self) -> u64 {
        match self {
            Self::Local(_) => u64::MAX,
            Self::S3 { writer, .. } => writer.bytes_max(),
        }
    }

    async fn push(&mut self, batch: Vec<Bytes>) -> Result<()> {
        match self {
            Self::Local(writer) => writer.push(batch).await,
            Self::S3 { writer, .. } => writer.push(batch).await,
        }
    }

    async fn finish(self, content: Content) -> Result<()> {
        let key = Key::lfs(&content.sha256);
        match self {
            Self::Local(writer) => writer.finish(key).await.map(drop),
            Self::S3 { store, writer, staged } => match writer.close() {
                S3Part::Whole(data) => store.put(&key, data).await.map(drop),
                S3Part::Sent(writer) => {
                    let etag = writer.complete().await?;
                    let copied = store.copy(&staged, &key, content.size, &etag).await;
                    if let Err(error) = store.delete(&staged).await {
                        tracing::warn!(%staged, %error, "an upload's staged object stays behind");
                    }
                    copied
                }
            },
        }
    }
}

/// Collects small pieces to batches that are worth a thread's while, and cuts large ones.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pieces: Vec<Bytes>,
    /// Tiny pieces, copied together: each by itself may hold on to a whole receive buffer.
    crumbs: BytesMut,
    bytes: usize,
}

impl Batch {
    /// Adds `bytes`; returns the batches that are full.
    pub(crate) fn push(&mut self, mut bytes: Bytes) -> Vec<Vec<Bytes>> {
        let mut full = Vec::new();
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(BATCH_BYTES - self.bytes));
            self.bytes += piece.len();
            if piece.len() < CRUMB_BYTES {
                self.crumbs.extend_from_slice(&piece);
            } else {
                self.gather_crumbs();
                self.pieces.push(piece);
            }
            if self.bytes == BATCH_BYTES {
                full.push(self.take());
            }
        }
        full
    }

    /// What has been collected since the last full batch.
    pub(crate) fn take(&mut self) -> Vec<Bytes> {
        self.gather_crumbs();
        self.bytes = 0;
        std::mem::take(&mut self.pieces)
    }

    fn gather_crumbs(&mut self) {
        if !self.crumbs.is_empty() {
            self.pieces.push(self.crumbs.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_full_but_for_the_last() {
        let mut batch = Batch::default();
        assert!(batch.push(Bytes::from(vec![1; BATCH_BYTES - 1])).is_empty());
        let full = batch.push(Bytes::from(vec![2; BATCH_BYTES + 2]));
        let sizes = |pieces: &[Bytes]| pieces.iter().map(Bytes::len).collect::<Vec<_>>();
        assert_eq!(
            full.iter().map(|b| sizes(b)).collect::<Vec<_>>(),
            [vec![BATCH_BYTES - 1, 1], vec![BATCH_BYTES]]
        );
        assert_eq!(sizes(&batch.take()), [1]);
        assert!(batch.take().is_empty());
    }

    #[test]
    fn crumbs_are_gathered_in_order() {
        let data: Vec<u8> = (0..=255).cycle().take(3 * BATCH_BYTES).collect();
        let mut batch = Batch::default();
        let mut batches = Vec::new();
        let mut rest = Bytes::from(data.clone());
        let mut size = 1;
        while !rest.is_empty() {
            batches.extend(batch.push(rest.split_to(rest.len().min(size))));
            // From single bytes to more than a crumb, over and over.
            size = size * 3 % 20_011;
        }
        batches.push(batch.take());
        assert!(batches.iter().map(Vec::len).sum::<usize>() < 1000);
        assert!(batches.concat().concat() == data);
    }
}
