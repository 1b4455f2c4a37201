//! Uploads that do not come through [`Upload`](crate::Upload) in one piece: in parts, or past us through an S3 server.
//!
//! Their whole state lies in the store, so any replica can go on where another one stopped. What they leave unfinished
//! is for a sweep of [`Family::Uploads`](crate::Family) to remove.

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt};
use steelyard_core::Invalid;
use uuid::Uuid;

use crate::error::Result;
use crate::hashing::Hasher;
use crate::local::LocalWriter;
use crate::s3::{Piece, S3Part, S3Store, S3Writer};
use crate::store::Backend;
use crate::upload::{Batch, check};
use crate::{BlobError, BlobInfo, BlobStore, BlobStream, Content, Family, Key, UploadPlan};

/// Parts listed at once.
const PARTS_PAGE: usize = 1000;
/// Smallest size that an S3 server takes for a part that is not the last.
const PIECE_BYTES_MIN: u64 = 5 * 1024 * 1024;
/// Largest size that an S3 server copies as one part.
const PIECE_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Parts removed at once.
const REMOVALS_AT_ONCE: usize = 8;

/// A part that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedPart {
    /// Its number, from 1.
    pub number: u32,
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag, without quotes; another one after the part was sent again.
    pub etag: String,
}

/// A part on its way into the store. Dropped unfinished, it leaves nothing behind.
#[must_use = "a part that is not finished is undone"]
#[derive(Debug)]
pub struct PartUpload {
    writer: Writer,
    key: Key,
    batch: Batch,
    size: u64,
    size_max: u64,
}

#[derive(Debug)]
enum Writer {
    Local(LocalWriter),
    S3(S3Store, S3Writer),
}

impl PartUpload {
    /// Takes the next bytes.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.size += bytes.len() as u64;
        if self.size > self.size_max {
            return Err(BlobError::TooLarge { limit: self.size_max });
        }
        for batch in self.batch.push(bytes) {
            self.writer.push(batch).await?;
        }
        Ok(())
    }

    /// Makes the part durable, in place of an earlier one of the same number; returns its entity tag.
    pub async fn finish(mut self) -> Result<String, BlobError> {
        let rest = self.batch.take();
        if !rest.is_empty() {
            self.writer.push(rest).await?;
        }
        match self.writer {
            Writer::Local(writer) => writer.finish(self.key).await,
            Writer::S3(store, writer) => match writer.close() {
                S3Part::Whole(data) => store.put(&self.key, data).await,
                S3Part::Sent(writer) => writer.complete().await,
            },
        }
    }
}

impl Writer {
    async fn push(&mut self, batch: Vec<Bytes>) -> Result<()> {
        match self {
            Self::Local(writer) => writer.push(batch).await,
            Self::S3(_, writer) => writer.push(batch).await,
        }
    }
}

impl BlobStore {
    /// Begins to store part `number` (from 1) of the upload `id`.
    pub async fn begin_part(
        &self,
        id: Uuid,
        number: u32,
        size_max: u64,
    ) -> Result<PartUpload, BlobError> {
        let key = Key::upload_part(id, number)?;
        let writer = match &self.0 {
            Backend::Local(store) => Writer::Local(store.begin().await?),
            Backend::S3(store) => {
                let writer = store.begin(key, Some(size_max));
                Writer::S3(store.clone(), writer)
            }
        };
        Ok(PartUpload { writer, key, batch: Batch::default(), size: 0, size_max })
    }

    /// The parts of an upload that have arrived, by number.
    pub async fn list_parts(&self, id: Uuid) -> Result<Vec<StagedPart>, BlobError> {
        let mut parts = Vec::new();
        let mut after = Key::upload(id);
        loop {
            let page = self.list(Family::Uploads, Some(after), PARTS_PAGE).await?;
            let full = page.len() == PARTS_PAGE;
            for (key, info) in page {
                if key.upload_id() != Some(id) {
                    return Ok(parts);
                }
                if let Some(number) = key.part_number() {
                    parts.push(StagedPart { number, size: info.size, etag: info.etag });
                }
                after = key;
            }
            if !full {
                return Ok(parts);
            }
        }
    }

    /// Puts the named parts (number and entity tag, in order) together to one large file, checks it, and makes it
    /// durable under [`Key::lfs`]; then removes all parts of the upload. May be repeated after a failure, and after a
    /// success that the caller never heard of.
    pub async fn assemble(
        &self,
        id: Uuid,
        parts: &[(u32, String)],
        expected: Content,
    ) -> Result<(), BlobError> {
        let staged = self.list_parts(id).await?;
        let assembled = match chosen(&staged, parts, &expected) {
            Ok(chosen) => self.assemble_chosen(id, &chosen, expected).await,
            Err(_) if self.is_done(id, expected).await? => Ok(()),
            Err(error) => Err(error),
        };
        assembled?;
        let leftovers = staged.iter().flat_map(|part| Key::upload_part(id, part.number));
        self.remove_staged(leftovers).await;
        Ok(())
    }

    /// Removes everything that the upload `id` has staged.
    pub async fn abort_parts(&self, id: Uuid) -> Result<(), BlobError> {
        let staged = self.list_parts(id).await?;
        let keys = staged.iter().flat_map(|part| Key::upload_part(id, part.number));
        let keys = keys.chain([Key::upload(id), Key::upload_done(id)]);
        self.removals(keys).try_for_each(|()| std::future::ready(Ok(()))).await
    }

    /// Takes over what a client has put under [`Key::upload`] past us: checks it and makes it durable under
    /// [`Key::lfs`]. What is not as promised is removed. May be repeated after a failure, and after a success that the
    /// caller never heard of.
    pub async fn adopt(&self, id: Uuid, expected: Content) -> Result<(), BlobError> {
        let staged = Key::upload(id);
        let Some((info, stream)) = self.open_whole(&staged).await? else {
            if self.is_done(id, expected).await? {
                return Ok(());
            }
            return Err(BlobError::NotFound { key: staged });
        };
        if let Err(error) = verify(&info, stream, &expected).await {
            if !error.is_retryable() {
                self.remove_staged(std::iter::once(staged)).await;
            }
            return Err(error);
        }
        self.mark_done(id, expected).await?;
        let target = Key::lfs(&expected.sha256);
        match &self.0 {
            Backend::Local(_) => self.rename(&staged, &target).await,
            Backend::S3(store) => {
                // Only what has been read is copied: the client's address may still be good for another upload.
                store.copy(&staged, &target, info.size, &info.etag).await?;
                self.remove_staged(std::iter::once(staged)).await;
                Ok(())
            }
        }
    }

    async fn assemble_chosen(
        &self,
        id: Uuid,
        chosen: &[StagedPart],
        expected: Content,
    ) -> Result<()> {
        match &self.0 {
            Backend::S3(store) if can_compose(chosen) => {
                let mut reader = Reader::new();
                for part in chosen {
                    reader.read(self.open_part(id, part).await?).await?;
                }
                check(&expected, &reader.finish().await?)?;
                let pieces = chosen.iter().map(|part| {
                    let key = Key::upload_part(id, part.number)?;
                    Ok(Piece { key, etag: part.etag.clone(), range: 0..part.size })
                });
                let pieces = pieces.collect::<Result<Vec<_>>>()?;
                let target = Key::lfs(&expected.sha256);
                if let Err(error) = store.compose(&target, pieces).await {
                    // Some servers (Garage) give up an upload in parts when another one to the same key is completed
                    // first. Then the object is there, and what it holds was checked as this was.
                    let stored = store.head(&target).await?;
                    if stored.is_none_or(|stored| stored.size != expected.size) {
                        return Err(error);
                    }
                }
            }
            _ => {
                let mut upload = self.begin_upload(UploadPlan::new(id).expecting(expected)).await?;
                for part in chosen {
                    let mut stream = self.open_part(id, part).await?;
                    while let Some(chunk) = stream.try_next().await? {
                        upload.write(chunk).await?;
                    }
                }
                upload.finish().await?;
            }
        }
        self.mark_done(id, expected).await
    }

    /// Opens a part, if it is still the one that was listed.
    async fn open_part(&self, id: Uuid, part: &StagedPart) -> Result<BlobStream> {
        let number = part.number;
        match self.open_whole(&Key::upload_part(id, number)?).await? {
            Some((info, stream)) if info.etag == part.etag => Ok(stream),
            Some(_) => Err(BlobError::BadPart { number, rule: "was sent again meanwhile" }),
            None => Err(BlobError::BadPart { number, rule: "was removed meanwhile" }),
        }
    }

    /// Notes that whoever uploaded `id` has shown these bytes. Without the note, a repeated call could not be told from
    /// one by somebody who knows no more than the hash of a file that is not theirs.
    async fn mark_done(&self, id: Uuid, content: Content) -> Result<()> {
        self.put(&Key::upload_done(id), done_note(&content)).await
    }

    async fn is_done(&self, id: Uuid, content: Content) -> Result<bool> {
        let note = self.get(&Key::upload_done(id)).await?;
        if note.is_none_or(|note| note != done_note(&content)) {
            return Ok(false);
        }
        let stored = self.head(&Key::lfs(&content.sha256)).await?;
        Ok(stored.is_some_and(|stored| stored.size == content.size))
    }

    /// Removes what is not needed any more; what fails is left to the sweep.
    async fn remove_staged(&self, keys: impl Iterator<Item = Key>) {
        let removals = self.removals(keys);
        let failed = removals.filter_map(|removal| std::future::ready(removal.err()));
        failed
            .for_each(|error| {
                tracing::warn!(%error, "an upload's staged object stays behind");
                std::future::ready(())
            })
            .await;
    }

    fn removals(&self, keys: impl Iterator<Item = Key>) -> impl Stream<Item = Result<()>> {
        let removals: Vec<_> = keys
            .map(|key| {
                let store = self.clone();
                async move { store.delete(&key).await }.boxed()
            })
            .collect();
        futures_util::stream::iter(removals).buffer_unordered(REMOVALS_AT_ONCE)
    }
}

fn done_note(content: &Content) -> Bytes {
    format!("{} {}\n", content.sha256, content.size).into()
}

/// The staged parts that the uploader named, if they are all there and can make up the content.
fn chosen(
    staged: &[StagedPart],
    named: &[(u32, String)],
    expected: &Content,
) -> Result<Vec<StagedPart>> {
    if named.is_empty() {
        return Err(Invalid::new("parts", "must name at least one part").into());
    }
    if !named.is_sorted_by(|(one, _), (next, _)| one < next) {
        return Err(Invalid::new("parts", "must be in ascending order of their numbers").into());
    }
    let chosen = named.iter().map(|(number, etag)| {
        let number = *number;
        let found = staged.binary_search_by_key(&number, |part| part.number);
        let part = &staged[found.map_err(|_| BlobError::BadPart { number, rule: "is missing" })?];
        if part.etag != etag.trim_matches('"') {
            return Err(BlobError::BadPart { number, rule: "has another ETag" });
        }
        Ok(part.clone())
    });
    let chosen = chosen.collect::<Result<Vec<_>>>()?;
    let size = chosen.iter().map(|part| part.size).sum();
    if size != expected.size {
        return Err(BlobError::SizeMismatch { expected: expected.size, actual: size });
    }
    Ok(chosen)
}

/// Whether an S3 server can put the parts together by itself.
fn can_compose(parts: &[StagedPart]) -> bool {
    let Some((last, others)) = parts.split_last() else { return false };
    (1..=PIECE_BYTES_MAX).contains(&last.size)
        && others.iter().all(|part| (PIECE_BYTES_MIN..=PIECE_BYTES_MAX).contains(&part.size))
}

async fn verify(info: &BlobInfo, stream: BlobStream, expected: &Content) -> Result<()> {
    if info.size != expected.size {
        return Err(BlobError::SizeMismatch { expected: expected.size, actual: info.size });
    }
    let mut reader = Reader::new();
    reader.read(stream).await?;
    check(expected, &reader.finish().await?)
}

/// Finds out what stored bytes are.
struct Reader {
    hasher: Hasher,
    batch: Batch,
    size: u64,
}

impl Reader {
    fn new() -> Self {
        Self { hasher: Hasher::new(), batch: Batch::default(), size: 0 }
    }

    async fn read(&mut self, mut stream: BlobStream) -> Result<()> {
        while let Some(chunk) = stream.try_next().await? {
            self.size += chunk.len() as u64;
            for batch in self.batch.push(chunk) {
                self.hasher.push(batch).await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Content> {
        let rest = self.batch.take();
        self.hasher.push(rest).await?;
        Ok(Content { sha256: self.hasher.finish().await?, size: self.size })
    }
}
