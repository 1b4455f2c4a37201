use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use steelyard_core::Timestamp;
use steelyard_core::fault::FaultPlan;
use uuid::Uuid;

use crate::error::Result;
use crate::faulty::Faults;
use crate::local::LocalStore;
use crate::s3::S3Store;
use crate::{
    BlobError, BlobReader, BlobStream, Family, Key, PresignedGet, PresignedPut, S3Settings,
};

/// The object store of the hub; a cheap handle.
#[derive(Debug, Clone)]
pub struct BlobStore(pub(crate) Backend);

#[derive(Debug, Clone)]
pub(crate) enum Backend {
    Local(LocalStore),
    S3(S3Store),
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written. Uploading the same content again counts, so that a sweep of old objects that nobody
    /// refers to spares one that somebody is about to refer to.
    pub modified: Timestamp,
    /// Changes when the object is written again; without quotes.
    pub etag: String,
}

impl BlobStore {
    /// Opens the store in a directory, which is made if it is missing.
    ///
    /// What a process that died left unfinished is removed, unless another one has the directory open.
    pub async fn open_directory(path: impl Into<PathBuf>) -> Result<Self, BlobError> {
        LocalStore::open(path.into()).await.map(Backend::Local).map(Self)
    }

    /// Opens the store in a bucket. Nothing is asked of the server yet: [`BlobStore::probe`] does.
    pub fn open_s3(settings: S3Settings) -> Result<Self, BlobError> {
        S3Store::open(settings, Faults::default()).map(Backend::S3).map(Self)
    }

    /// The same store, where every system call that changes something and every HTTP request asks `plan` whether to
    /// fail: for tests.
    pub fn with_faults(&self, plan: Arc<FaultPlan>) -> Result<Self, BlobError> {
        let faults = Faults::from_plan(plan);
        match &self.0 {
            Backend::Local(store) => Ok(Self(Backend::Local(store.with_faults(faults)))),
            Backend::S3(store) => store.with_faults(faults).map(Backend::S3).map(Self),
        }
    }

    /// Whether the store can be used now; cheap enough for a readiness check.
    pub async fn probe(&self) -> Result<(), BlobError> {
        match &self.0 {
            Backend::Local(store) => store.probe().await,
            Backend::S3(store) => store.probe().await,
        }
    }

    /// Writes an object; it is durable when this returns. Writing the same key again replaces it as a whole.
    pub async fn put(&self, key: &Key, data: Bytes) -> Result<(), BlobError> {
        match &self.0 {
            Backend::Local(store) => store.put(*key, data).await,
            Backend::S3(store) => store.put(key, data).await.map(drop),
        }
    }

    /// Reads an object into memory; for large ones there is [`BlobStore::open`].
    pub async fn get(&self, key: &Key) -> Result<Option<Bytes>, BlobError> {
        match &self.0 {
            Backend::Local(store) => store.get(*key).await,
            Backend::S3(store) => store.get(key).await,
        }
    }

    /// Reads bytes of an object; they must all be there.
    pub async fn get_range(
        &self,
        key: &Key,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, BlobError> {
        match &self.0 {
            Backend::Local(store) => store.get_range(*key, range).await,
            Backend::S3(store) => store.get_range(key, range).await,
        }
    }

    /// Looks up an object.
    pub async fn head(&self, key: &Key) -> Result<Option<BlobInfo>, BlobError> {
        match &self.0 {
            Backend::Local(store) => store.head(*key).await,
            Backend::S3(store) => store.head(key).await,
        }
    }

    /// Removes an object; that there is none is fine.
    pub async fn delete(&self, key: &Key) -> Result<(), BlobError> {
        match &self.0 {
            Backend::Local(store) => store.delete(*key).await,
            Backend::S3(store) => store.delete(key).await,
        }
    }

    /// Gives an object another key, durably. May be repeated after a failure.
    pub async fn rename(&self, from: &Key, to: &Key) -> Result<(), BlobError> {
        match &self.0 {
            Backend::Local(store) => store.rename(*from, *to).await,
            Backend::S3(store) => store.rename(from, to).await,
        }
    }

    /// Lists the first `limit` objects of a family behind `after`, in the order of their keys.
    pub async fn list(
        &self,
        family: Family,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, BlobInfo)>, BlobError> {
        match &self.0 {
            Backend::Local(store) => store.list(family, after, limit).await,
            Backend::S3(store) => store.list(family, after, limit).await,
        }
    }

    /// Streams bytes of an object; they must all be there. Memory stays bounded however slow the receiver is.
    pub async fn open(
        &self,
        key: &Key,
        range: Range<u64>,
    ) -> Result<Option<BlobStream>, BlobError> {
        let opened = self.open_stream(key, Some(range)).await?;
        Ok(opened.map(|(_, stream)| stream))
    }

    /// Streams a whole object, and tells what it is in the same breath.
    pub async fn open_whole(&self, key: &Key) -> Result<Option<(BlobInfo, BlobStream)>, BlobError> {
        self.open_stream(key, None).await
    }

    /// Opens a whole object for reading into buffers of the caller's.
    pub async fn open_reader(&self, key: &Key) -> Result<Option<BlobReader>, BlobError> {
        match &self.0 {
            Backend::Local(store) => store.open_reader(*key).await,
            Backend::S3(store) => {
                let opened = store.open_stream(key, None).await?;
                Ok(opened.map(|(_, stream)| BlobReader::of_stream(stream)))
            }
        }
    }

    async fn open_stream(
        &self,
        key: &Key,
        range: Option<Range<u64>>,
    ) -> Result<Option<(BlobInfo, BlobStream)>> {
        match &self.0 {
            Backend::Local(store) => store.open_stream(*key, range).await,
            Backend::S3(store) => store.open_stream(key, range).await,
        }
    }

    /// An address where a client can fetch the object without us; `None` where the store has no server of its own.
    pub async fn presign_get(
        &self,
        key: &Key,
        wanted: &PresignedGet<'_>,
    ) -> Result<Option<String>, BlobError> {
        match &self.0 {
            Backend::Local(_) => Ok(None),
            Backend::S3(store) => store.presign_get(key, wanted).await.map(Some),
        }
    }

    /// Whether addresses of [`BlobStore::presign_get`] with a range give exactly those bytes: not every S3 server holds
    /// clients to the headers that were signed. `false` where there are no addresses.
    ///
    /// The first call tries it out with a small object under the fresh upload `probe`; from then on the answer is known.
    pub async fn honours_signed_ranges(&self, probe: Uuid) -> Result<bool, BlobError> {
        match &self.0 {
            Backend::Local(_) => Ok(false),
            Backend::S3(store) => store.honours_signed_ranges(probe).await,
        }
    }

    /// An address where a client can put the object without us; `None` where the store has no server of its own.
    ///
    /// What is put there is anybody's guess: hand out only keys of uploads, and take them over with
    /// [`BlobStore::adopt`].
    pub async fn presign_put(&self, key: &Key, ttl: Duration) -> Result<Option<String>, BlobError> {
        match &self.0 {
            Backend::Local(_) => Ok(None),
            Backend::S3(store) => store.presign_put(key, ttl).await.map(Some),
        }
    }

    /// Like [`BlobStore::presign_put`], with the checksum of the bytes bound to the address, for servers to notice what was
    /// damaged on the way. A CRC is no proof of what was sent: whoever wants to can put other bytes with the same.
    pub async fn presign_put_checked(
        &self,
        key: &Key,
        ttl: Duration,
        crc64nvme: u64,
    ) -> Result<Option<PresignedPut>, BlobError> {
        match &self.0 {
            Backend::Local(_) => Ok(None),
            Backend::S3(store) => store.presign_put_checked(key, ttl, crc64nvme).await.map(Some),
        }
    }

    /// The file that holds the object, where there is one; whether it exists is not checked.
    pub fn local_path(&self, key: &Key) -> Option<PathBuf> {
        match &self.0 {
            Backend::Local(store) => Some(store.path(key)),
            Backend::S3(_) => None,
        }
    }
}
