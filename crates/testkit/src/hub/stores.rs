//! Where a hub keeps everything: fresh stores of this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use steelyard_blob::{BlobStore, Key, S3Settings};
use steelyard_core::{Secret, Timestamp};
use steelyard_db::{Db, PoolSizes};

use super::Failure;
use crate::{Garage, Postgres, TestDatabase};

/// Which stores a hub runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stores {
    /// SQLite and a directory.
    Embedded,
    /// PostgreSQL and an S3 server.
    ScaledOut,
}

impl Stores {
    /// The stores this machine has servers for: always the embedded ones.
    ///
    /// # Panics
    /// When `CI` is set and PostgreSQL or S3 is missing: there, nothing may be left out.
    pub fn available() -> Vec<Self> {
        [Some(Self::Embedded), Self::scaled_out()].into_iter().flatten().collect()
    }

    /// The scaled-out stores; `None`, which is said, where PostgreSQL or S3 is missing.
    ///
    /// # Panics
    /// When `CI` is set and one of them is missing.
    pub fn scaled_out() -> Option<Self> {
        if Postgres::from_env().is_some() && Garage::from_env().is_some() {
            return Some(Self::ScaledOut);
        }
        eprintln!("skipped: no PostgreSQL and S3 server (cargo xtask test starts them)");
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must run this suite on PostgreSQL and S3 too"
        );
        None
    }
}

/// The stores of one hub.
pub(super) enum Place {
    Embedded(PathBuf),
    ScaledOut(TestDatabase, Box<S3Settings>),
}

impl Place {
    pub(super) fn prepare(stores: Stores, directory: &Path) -> Result<Self, Failure> {
        if stores == Stores::Embedded {
            let folder = directory.join("stores");
            std::fs::create_dir_all(&folder)?;
            return Ok(Self::Embedded(folder));
        }
        let postgres =
            Postgres::from_env().ok_or("no PostgreSQL: set STEELYARD_TEST_POSTGRES_URL")?;
        let garage = Garage::from_env().ok_or("no S3 server: set STEELYARD_TEST_S3")?;
        let (bucket, endpoint) = (garage.bucket()?, garage.endpoint());
        let url = format!("s3://{bucket}?endpoint={endpoint}&region={}", garage.region());
        let (access, secret) = (Secret::new(garage.access_key()), Secret::new(garage.secret_key()));
        let settings = S3Settings::from_url(&url, access, secret)?;
        Ok(Self::ScaledOut(postgres.fresh_database()?, Box::new(settings)))
    }

    /// A pool of its own: replicas share no connections.
    pub(super) async fn open_db(&self) -> Result<Db, Failure> {
        let sizes = PoolSizes { postgres: 8, ..PoolSizes::default() };
        Ok(match self {
            Self::Embedded(folder) => Db::open_sqlite(&folder.join("steelyard.db"), sizes).await?,
            Self::ScaledOut(database, _) => Db::open_postgres(database.url(), sizes).await?,
        })
    }

    /// `at` is where the S3 server is reached, if not where it is.
    pub(super) async fn open_blobs(&self, at: Option<SocketAddr>) -> Result<BlobStore, Failure> {
        Ok(match (self, at) {
            (Self::Embedded(_), Some(_)) => return Err("a directory has no address".into()),
            (Self::Embedded(folder), None) => {
                BlobStore::open_directory(folder.join("objects")).await?
            }
            (Self::ScaledOut(_, settings), at) => {
                let mut settings = (**settings).clone();
                settings.endpoint = at.map(|at| format!("http://{at}")).or(settings.endpoint);
                BlobStore::open_s3(settings)?
            }
        })
    }
}

/// What time it is for an object store.
pub(super) async fn store_time(blobs: &BlobStore) -> Result<Timestamp, Failure> {
    let key = Key::upload(uuid::Uuid::nil());
    blobs.put(&key, bytes::Bytes::new()).await?;
    let now = blobs.head(&key).await?.ok_or("what was just written is not there")?.modified;
    blobs.delete(&key).await?;
    Ok(now.plus_secs(1))
}
