//! The stores that every case runs on, and what the cases share.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::TryStreamExt;
use sha2::Digest;
use steelyard_blob::{BlobError, BlobStore, BlobStream, Content, Family, Key, S3Settings};
use steelyard_core::{Rng, Secret, Sha256};
use steelyard_testkit::{Garage, TestRng};
use tempfile::TempDir;
use uuid::Uuid;

/// An empty store of one test.
pub struct Place {
    pub store: BlobStore,
    _directory: Option<TempDir>,
}

impl Place {
    pub async fn local() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = BlobStore::open_directory(directory.path()).await.unwrap();
        Self { store, _directory: Some(directory) }
    }

    /// `None` where there is no S3 server, which is said.
    pub fn s3() -> Option<Self> {
        let settings = s3_settings()?;
        Some(Self { store: BlobStore::open_s3(settings).unwrap(), _directory: None })
    }

    pub fn is_local(&self) -> bool {
        self._directory.is_some()
    }

    /// The texts of all keys in the store.
    pub async fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        for family in Family::ALL {
            let listed = self.store.list(family, None, 100_000).await.unwrap();
            keys.extend(listed.into_iter().map(|(key, _)| key.to_string()));
        }
        keys
    }
}

pub fn s3_settings() -> Option<S3Settings> {
    let garage = Garage::shared_or_skip().unwrap()?;
    Some(S3Settings {
        bucket: garage.bucket().unwrap(),
        endpoint: Some(garage.endpoint().to_owned()),
        region: garage.region().to_owned(),
        access_key: Secret::new(garage.access_key()),
        secret_key: Secret::new(garage.secret_key()),
        prefix: "some/folder".to_owned(),
        path_style: true,
        public_endpoint: None,
    })
}

/// Makes a test of each function for each place.
macro_rules! on_every_place {
    ($($case:ident),* $(,)?) => {
        mod local {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(crate::places::Place::local().await).await;
            })*
        }
        mod s3 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(place) = crate::places::Place::s3() else { return };
                super::$case(place).await;
            })*
        }
    };
}
pub(crate) use on_every_place;

/// Bytes that look like weights: nothing repeats.
pub fn random(seed: u64, count: usize) -> Bytes {
    TestRng::seeded(seed).bytes(count).into()
}

pub fn content_of(data: &[u8]) -> Content {
    let sha256 = Sha256::new(sha2::Sha256::digest(data).into());
    Content { sha256, size: data.len() as u64 }
}

pub fn fresh_id() -> Uuid {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut bytes = [0; 16];
    TestRng::seeded(COUNT.fetch_add(1, Ordering::Relaxed)).fill(&mut bytes);
    Uuid::from_bytes(bytes)
}

pub async fn collect(stream: BlobStream) -> Result<Vec<u8>, BlobError> {
    stream
        .try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
}

/// Asserts that a large file is stored whole, or not at all.
pub async fn assert_whole_or_absent(store: &BlobStore, content: &Content, data: &[u8]) -> bool {
    let found = store.get(&Key::lfs(&content.sha256)).await.unwrap();
    let is_there = found.is_some();
    assert!(found.is_none_or(|found| found == data), "a visible object has wrong content");
    is_there
}
