//! The store in a bucket of an S3-compatible server.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures_util::StreamExt;
use object_store::aws::AmazonS3;
use object_store::client::HttpClient;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use steelyard_core::Timestamp;
use tokio::sync::OnceCell;

use crate::error::Result;
use crate::faulty::Faults;
use crate::stream::BlobStream;
use crate::{BlobError, BlobInfo, Family, Key};

mod copy;
mod error;
mod ranges;
mod settings;
mod write;

pub(crate) use copy::Piece;
use error::{found, refused};
pub use settings::S3Settings;
pub(crate) use write::{S3Part, S3Writer};

/// Most entries that a server puts on one page of a listing.
const LIST_PAGE_MAX: usize = 1000;

const CRC64NVME: HeaderName = HeaderName::from_static("x-amz-checksum-crc64nvme");

/// Leave to put an object at the server itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedPut {
    /// Where to.
    pub url: String,
    /// What the client must send, exactly so: name and value.
    pub headers: Vec<(String, String)>,
}

/// How a client may fetch an object from the server itself.
#[derive(Debug, Clone, Default)]
pub struct PresignedGet<'a> {
    /// How long the address is valid.
    pub ttl: Duration,
    /// The `Content-Disposition` that the server shall answer with.
    pub content_disposition: Option<&'a str>,
    /// The `Content-Type` that the server shall answer with.
    pub content_type: Option<&'a str>,
    /// The bytes that the address is good for: the client must send exactly this `Range`. Whether the server holds
    /// clients to it is what [`BlobStore::honours_signed_ranges`](crate::BlobStore::honours_signed_ranges) tells.
    pub range: Option<Range<u64>>,
}

#[derive(Debug, Clone)]
pub(crate) struct S3Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: S3Settings,
    client: AmazonS3,
    /// Signs addresses for clients, which may know the server by another name.
    public: AmazonS3,
    /// For the requests that `client` does not know; they are signed by it all the same.
    http: HttpClient,
    honours_signed_ranges: OnceCell<bool>,
}

impl S3Store {
    pub(crate) fn open(settings: S3Settings, faults: Faults) -> Result<Self> {
        let (client, public, http) = settings.connect(faults)?;
        let honours_signed_ranges = OnceCell::new();
        Ok(Self(Arc::new(Inner { settings, client, public, http, honours_signed_ranges })))
    }

    pub(crate) fn with_faults(&self, faults: Faults) -> Result<Self> {
        Self::open(self.0.settings.clone(), faults)
    }

    fn path(&self, key: &Key) -> Path {
        Path::from(format!("{}{key}", self.0.settings.key_prefix()))
    }

    pub(crate) async fn probe(&self) -> Result<()> {
        // Not a look-up of one object: a missing bucket answers that with "not found", too.
        self.list(Family::Packs, None, 1).await.map(drop)
    }

    pub(crate) async fn put(&self, key: &Key, data: Bytes) -> Result<String> {
        let put = self.0.client.put(&self.path(key), data.into()).await;
        put.map(|put| bare_etag(put.e_tag)).map_err(refused("write an object"))
    }

    pub(crate) async fn put_pieces(&self, key: &Key, pieces: Vec<Bytes>) -> Result<()> {
        let payload = PutPayload::from_iter(pieces);
        let put = self.0.client.put(&self.path(key), payload).await;
        put.map(drop).map_err(refused("write an object"))
    }

    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        let Some(got) = found(self.0.client.get(&self.path(key)).await, "read an object")? else {
            return Ok(None);
        };
        got.bytes().await.map(Some).map_err(refused("read an object"))
    }

    pub(crate) async fn head(&self, key: &Key) -> Result<Option<BlobInfo>> {
        let meta = self.0.client.head(&self.path(key)).await;
        Ok(found(meta, "look up an object")?.map(info))
    }

    pub(crate) async fn delete(&self, key: &Key) -> Result<()> {
        found(self.0.client.delete(&self.path(key)).await, "delete an object").map(drop)
    }

    pub(crate) async fn rename(&self, from: &Key, to: &Key) -> Result<()> {
        match self.head(from).await? {
            Some(info) => {
                self.copy(from, to, info.size, &info.etag).await?;
                self.delete(from).await
            }
            // An earlier call may have got this far and no further.
            None if self.head(to).await?.is_some() => Ok(()),
            None => Err(BlobError::NotFound { key: *from }),
        }
    }

    pub(crate) async fn list(
        &self,
        family: Family,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, BlobInfo)>> {
        let own = self.0.settings.key_prefix();
        let prefix = format!("{own}{}", family.prefix());
        let mut after = after.map(|key| format!("{own}{key}"));
        let mut listed = Vec::new();
        while listed.len() < limit {
            let options = PaginatedListOptions {
                offset: after.clone(),
                max_keys: Some((limit - listed.len()).min(LIST_PAGE_MAX)),
                ..Default::default()
            };
            let page = self.0.client.list_paginated(Some(&prefix), options).await;
            let page = page.map_err(refused("list objects"))?;
            after = page.result.objects.last().map(|meta| meta.location.to_string());
            listed.extend(page.result.objects.into_iter().filter_map(|meta| {
                let key = Key::parse(meta.location.as_ref().strip_prefix(&*own)?).ok()?;
                Some((key, info(meta)))
            }));
            if page.page_token.is_none() || after.is_none() {
                break;
            }
        }
        Ok(listed)
    }

    /// Opens the bytes of `range`, or of everything.
    pub(crate) async fn open_stream(
        &self,
        key: &Key,
        range: Option<Range<u64>>,
    ) -> Result<Option<(BlobInfo, BlobStream)>> {
        if let Some(range) = range.clone().filter(|range| range.start >= range.end) {
            // HTTP has no empty ranges.
            let Some(info) = self.head(key).await? else { return Ok(None) };
            crate::local::check_range(key, &range, info.size)?;
            return Ok(Some((info, BlobStream::new(futures_util::stream::empty()))));
        }
        let options =
            GetOptions { range: range.clone().map(GetRange::Bounded), ..Default::default() };
        let got = self.0.client.get_opts(&self.path(key), options).await;
        let got = match found(got, "open an object") {
            Ok(Some(got)) => got,
            Ok(None) => return Ok(None),
            Err(error) => return Err(self.explain(key, range, error).await),
        };
        if let Some(range) = range.filter(|range| *range != got.range) {
            return Err(BlobError::BadRange { key: *key, range });
        }
        let meta = info(got.meta.clone());
        let stream = got.into_stream().map(|chunk| chunk.map_err(refused("read an object")));
        Ok(Some((meta, BlobStream::new(stream))))
    }

    /// The server refuses a range that begins behind the end; that is not "unavailable".
    async fn explain(&self, key: &Key, range: Option<Range<u64>>, error: BlobError) -> BlobError {
        let Some(range) = range else { return error };
        match self.head(key).await {
            Ok(Some(info)) if range.end > info.size => BlobError::BadRange { key: *key, range },
            _ => error,
        }
    }

    pub(crate) async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>> {
        let length = range.end.saturating_sub(range.start);
        let Some((_, mut stream)) = self.open_stream(key, Some(range)).await? else {
            return Ok(None);
        };
        let mut data = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        while let Some(chunk) = stream.next().await {
            data.extend_from_slice(&chunk?);
        }
        Ok(Some(data.into()))
    }

    pub(crate) async fn presign_get(&self, key: &Key, wanted: &PresignedGet<'_>) -> Result<String> {
        let answers = [
            ("response-content-disposition", wanted.content_disposition),
            ("response-content-type", wanted.content_type),
        ];
        let query = answers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let mut options = SignedUrlOptions::new().with_query(query);
        if let Some(range) = &wanted.range {
            let range = ranges::range_header(key, range)?;
            options = options.with_signed_header(ranges::RANGE, range);
        }
        self.presign(Method::GET, key, wanted.ttl, &options).await
    }

    pub(crate) async fn presign_put(&self, key: &Key, ttl: Duration) -> Result<String> {
        self.presign(Method::PUT, key, ttl, &SignedUrlOptions::new()).await
    }

    /// Like [`S3Store::presign_put`], for bytes with this CRC-64/NVME.
    pub(crate) async fn presign_put_checked(
        &self,
        key: &Key,
        ttl: Duration,
        crc64nvme: u64,
    ) -> Result<PresignedPut> {
        let value = BASE64.encode(crc64nvme.to_be_bytes());
        let header = HeaderValue::from_str(&value).expect("base64 is ASCII");
        let options = SignedUrlOptions::new().with_signed_header(CRC64NVME, header);
        let url = self.presign(Method::PUT, key, ttl, &options).await?;
        Ok(PresignedPut { url, headers: vec![(CRC64NVME.to_string(), value)] })
    }

    async fn presign(
        &self,
        method: Method,
        key: &Key,
        ttl: Duration,
        options: &SignedUrlOptions,
    ) -> Result<String> {
        let url = self.0.public.signed_url_opts(method, &self.path(key), ttl, options).await;
        url.map(String::from).map_err(refused("sign an address"))
    }
}

fn info(meta: ObjectMeta) -> BlobInfo {
    BlobInfo {
        size: meta.size,
        modified: Timestamp::from_millis(meta.last_modified.timestamp_millis()),
        etag: bare_etag(meta.e_tag),
    }
}

/// The tag without its quotes, as [`BlobInfo::etag`] promises.
fn bare_etag(etag: Option<String>) -> String {
    let etag = etag.unwrap_or_default();
    etag.trim_matches('"').to_owned()
}
