//! A whole hub inside the test's process: real stores, the real router on a real port, time and chance on a lead.
//!
//! For what a black box cannot reach: moving the clock, failing the N-th call, looking at rows. Suites that drive
//! real clients start the built binary instead (`tests/`).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use steelyard_blob::{BlobStore, S3Settings};
use steelyard_core::fault::FaultPlan;
use steelyard_core::{Secret, TokenRole};
use steelyard_db::{Db, PoolSizes};
use steelyard_git::tool::GitBinary;
use steelyard_service::accounts::{CreateToken, CreateUser};
use steelyard_service::{Hub, HubParts, HubSettings};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::{Garage, Postgres, TestClock, TestDatabase, TestRng};

type Failure = Box<dyn std::error::Error + Send + Sync>;

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
        if Postgres::from_env().is_some() && Garage::from_env().is_some() {
            return vec![Self::Embedded, Self::ScaledOut];
        }
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must run this suite on PostgreSQL and S3 too"
        );
        vec![Self::Embedded]
    }
}

enum Place {
    Embedded(PathBuf),
    ScaledOut(TestDatabase, Box<S3Settings>),
}

/// A hub, its stores and its servers. Everything goes when it is dropped.
pub struct TestHub {
    /// The first replica.
    pub hub: Hub,
    /// The time of all replicas.
    pub clock: Arc<TestClock>,
    /// Fails calls of the object store of replicas started from now on.
    pub blob_faults: Arc<FaultPlan>,
    place: Place,
    dir: TempDir,
    replicas: u64,
    servers: Vec<JoinHandle<()>>,
}

impl TestHub {
    /// Starts a hub on fresh stores.
    pub async fn start(stores: Stores) -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        let place = match stores {
            Stores::Embedded => Place::Embedded(dir.path().join("stores")),
            Stores::ScaledOut => {
                let postgres =
                    Postgres::from_env().ok_or("no PostgreSQL: set STEELYARD_TEST_POSTGRES_URL")?;
                let garage = Garage::from_env().ok_or("no S3 server: set STEELYARD_TEST_S3")?;
                let url = format!(
                    "s3://{}?endpoint={}&region={}",
                    garage.bucket()?,
                    garage.endpoint(),
                    garage.region()
                );
                let (access, secret) =
                    (Secret::new(garage.access_key()), Secret::new(garage.secret_key()));
                let settings = S3Settings::from_url(&url, access, secret)?;
                Place::ScaledOut(postgres.fresh_database()?, Box::new(settings))
            }
        };
        let clock = Arc::new(TestClock::new());
        let faults = Arc::new(FaultPlan::default());
        let hub = open(&place, &dir, &clock, &faults, 0).await?;
        Ok(Self { hub, clock, blob_faults: faults, place, dir, replicas: 1, servers: Vec::new() })
    }

    /// Another replica on the same stores, with caches of its own.
    pub async fn replica(&mut self) -> Result<Hub, Failure> {
        let number = self.replicas;
        self.replicas += 1;
        open(&self.place, &self.dir, &self.clock, &self.blob_faults, number).await
    }

    /// Puts another replica in the place of the first, as after a restart: only the stores remain.
    pub async fn restart(&mut self) -> Result<(), Failure> {
        self.hub = self.replica().await?;
        Ok(())
    }

    /// Serves a hub on a random port and returns its address, such as `http://127.0.0.1:40000`.
    pub async fn serve(&mut self, hub: &Hub) -> Result<String, Failure> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let service = steelyard_http::build_router(hub.clone())
            .into_make_service_with_connect_info::<SocketAddr>();
        self.servers.push(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, service).await {
                eprintln!("the test server failed: {error}");
            }
        }));
        Ok(format!("http://{address}"))
    }

    /// Creates a user and returns a token of theirs.
    pub async fn user(&self, name: &str, role: TokenRole) -> Result<String, Failure> {
        if self
            .hub
            .list_accounts(steelyard_service::accounts::AccountKind::User)
            .await?
            .iter()
            .all(|row| row.name != name)
        {
            self.hub
                .create_user(&CreateUser { name: name.to_owned(), ..CreateUser::default() })
                .await?;
        }
        let wanted = CreateToken {
            user: name.to_owned(),
            name: role.as_str().to_owned(),
            role,
            value: None,
        };
        Ok(self.hub.create_token(&wanted).await?.expose().to_owned())
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

async fn open(
    place: &Place,
    dir: &TempDir,
    clock: &Arc<TestClock>,
    faults: &Arc<FaultPlan>,
    number: u64,
) -> Result<Hub, Failure> {
    let (db, blobs) = match place {
        Place::Embedded(path) => {
            std::fs::create_dir_all(path)?;
            let db = Db::open_sqlite(&path.join("steelyard.db"), PoolSizes::default()).await?;
            (db, BlobStore::open_directory(path.join("objects")).await?)
        }
        Place::ScaledOut(database, settings) => {
            let sizes = PoolSizes { postgres: 8, ..PoolSizes::default() };
            (
                Db::open_postgres(database.url(), sizes).await?,
                BlobStore::open_s3((**settings).clone())?,
            )
        }
    };
    db.migrate().await?;
    let settings = HubSettings {
        cache_dir: dir.path().join(format!("cache-{number}")),
        public_url: None,
        node: format!("test-{number}"),
        ..HubSettings::default()
    };
    let parts = HubParts {
        db,
        blobs: blobs.with_faults(Arc::clone(faults))?,
        git: GitBinary::discover(None),
        clock: Arc::clone(clock) as _,
        rng: Arc::new(TestRng::seeded(number)),
        settings,
    };
    Ok(Hub::open(parts).await?)
}
