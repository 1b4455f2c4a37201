//! A whole hub inside the test's process: real stores, time and chance on a lead; with the feature `http` also the real
//! router, called directly or on a real port.
//!
//! For what a black box cannot reach: moving the clock, failing the N-th call, looking at rows. Suites that drive
//! real clients start the built binary instead (`tests/`).

#[cfg(feature = "http")]
mod call;
mod stores;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use steelyard_blob::BlobStore;
use steelyard_core::TokenRole;
use steelyard_core::fault::FaultPlan;
use steelyard_db::Db;
use steelyard_db::account::AccountRow;
use steelyard_git::tool::GitBinary;
use steelyard_service::access::UserActor;
use steelyard_service::accounts::{AccountKind, CreateToken, CreateUser};
use steelyard_service::{Actor, Hub, HubParts, HubSettings};
use tempfile::TempDir;
use tokio::task::JoinHandle;

#[cfg(feature = "http")]
pub use call::Answer;
pub use stores::Stores;

use stores::{Place, store_time};

use crate::{TestClock, TestRng};

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Change = Arc<dyn Fn(&mut HubSettings) + Send + Sync>;

/// How a hub is to be set up; [`TestHub::on`] begins one.
#[derive(Clone)]
pub struct Setup {
    stores: Stores,
    directory: Option<PathBuf>,
    first: u64,
    step: Duration,
    at_store_time: bool,
    is_one_plan: bool,
    has_git: bool,
    git: Option<PathBuf>,
    store: Option<SocketAddr>,
    change: Change,
}

impl Setup {
    /// The clock moves on by `step` at every reading.
    #[must_use]
    pub fn with_step(self, step: Duration) -> Self {
        Self { step, ..self }
    }

    /// The clock starts at the object store's own time, which no test sets; or objects come from the future.
    #[must_use]
    pub fn at_store_time(self) -> Self {
        Self { at_store_time: true, ..self }
    }

    /// One plan for both stores: the N-th call of either fails.
    #[must_use]
    pub fn with_one_plan(self) -> Self {
        Self { is_one_plan: true, ..self }
    }

    /// As on a machine without git.
    #[must_use]
    pub fn without_git(self) -> Self {
        Self { has_git: false, ..self }
    }

    /// With this program in the place of git.
    #[must_use]
    pub fn with_git(self, program: &Path) -> Self {
        Self { git: Some(program.to_owned()), ..self }
    }

    /// The replicas reach the S3 server through this address; [`TestHub::blobs`] does not.
    #[must_use]
    pub fn with_store_at(self, address: SocketAddr) -> Self {
        Self { store: Some(address), ..self }
    }

    /// Changes the settings of every replica.
    #[must_use]
    pub fn with_settings(self, change: impl Fn(&mut HubSettings) + Send + Sync + 'static) -> Self {
        Self { change: Arc::new(change), ..self }
    }

    /// Keeps everything in a directory that outlives the hub. `first` is the number of the first replica, which its
    /// chance comes from: whoever opens the directory again takes another.
    #[must_use]
    pub fn in_directory(self, directory: &Path, first: u64) -> Self {
        Self { directory: Some(directory.to_owned()), first, ..self }
    }

    /// Starts the first replica.
    pub async fn start(self) -> Result<TestHub, Failure> {
        let owned = if self.directory.is_none() { Some(tempfile::tempdir()?) } else { None };
        let directory = owned.as_ref().map(|dir| dir.path().to_owned()).or(self.directory.clone());
        let directory = directory.ok_or("no directory")?;
        let place = Place::prepare(self.stores, &directory)?;
        let (db, blobs) = (place.open_db().await?, place.open_blobs(None).await?);
        db.migrate().await?;
        let start = match self.at_store_time {
            true => store_time(&blobs).await?,
            false => TestClock::START,
        };
        let faults = if self.is_one_plan { Arc::clone(db.faults()) } else { Arc::default() };
        let ground = Ground {
            seen_by_replicas: place.open_blobs(self.store).await?,
            clock: Arc::new(TestClock::at(start).with_step(self.step)),
            faults,
            directory,
            setup: self,
        };
        let hub = ground.open(db.clone(), ground.setup.first).await?;
        Ok(TestHub {
            hub,
            db,
            blobs,
            clock: Arc::clone(&ground.clock),
            blob_faults: Arc::clone(&ground.faults),
            replicas: AtomicU64::new(ground.setup.first + 1),
            ground,
            place,
            servers: Vec::new(),
            _owned: owned,
        })
    }
}

/// What all replicas of a hub share.
struct Ground {
    setup: Setup,
    seen_by_replicas: BlobStore,
    clock: Arc<TestClock>,
    faults: Arc<FaultPlan>,
    directory: PathBuf,
}

impl Ground {
    async fn open(&self, db: Db, number: u64) -> Result<Hub, Failure> {
        let mut settings = HubSettings {
            cache_dir: self.directory.join(format!("cache-{number}")),
            public_url: None,
            node: format!("test-{number}"),
            ..HubSettings::default()
        };
        (self.setup.change)(&mut settings);
        let parts = HubParts {
            db,
            blobs: self.seen_by_replicas.with_faults(Arc::clone(&self.faults))?,
            git: match self.setup.has_git {
                true => GitBinary::discover(self.setup.git.as_deref()),
                false => None,
            },
            clock: Arc::clone(&self.clock) as _,
            rng: Arc::new(TestRng::seeded(number)),
            settings,
        };
        Ok(Hub::open(parts).await?)
    }
}

/// A hub, its stores and its servers. Everything goes when it is dropped.
pub struct TestHub {
    /// The first replica.
    pub hub: Hub,
    /// Its database, whose own plan fails calls.
    pub db: Db,
    /// Its object store; this handle never fails.
    pub blobs: BlobStore,
    /// The time of all replicas.
    pub clock: Arc<TestClock>,
    /// Fails calls of the object store of every replica.
    pub blob_faults: Arc<FaultPlan>,
    ground: Ground,
    place: Place,
    replicas: AtomicU64,
    servers: Vec<JoinHandle<()>>,
    _owned: Option<TempDir>,
}

impl TestHub {
    /// Begins the set-up of a hub on fresh stores.
    pub fn on(stores: Stores) -> Setup {
        Setup {
            stores,
            directory: None,
            first: 0,
            step: Duration::ZERO,
            at_store_time: false,
            is_one_plan: false,
            has_git: true,
            git: None,
            store: None,
            change: Arc::new(|_| {}),
        }
    }

    /// Starts a hub on fresh stores.
    pub async fn start(stores: Stores) -> Result<Self, Failure> {
        Self::on(stores).start().await
    }

    /// Another replica on the same stores, with caches of its own and nothing in memory.
    pub async fn replica(&self) -> Result<Hub, Failure> {
        let number = self.replicas.fetch_add(1, Ordering::Relaxed);
        self.ground.open(self.place.open_db().await?, number).await
    }

    /// Puts another replica in the place of the first, as after a restart: only the stores remain.
    pub async fn restart(&mut self) -> Result<(), Failure> {
        self.hub = self.replica().await?;
        self.db = self.hub.db().clone();
        Ok(())
    }

    /// Creates a user, unless there is one of that name, and returns a token of theirs.
    pub async fn user(&self, name: &str, role: TokenRole) -> Result<String, Failure> {
        self.user_with(CreateUser { name: name.to_owned(), ..CreateUser::default() }, role).await
    }

    /// As [`TestHub::user`]; an administrator of the hub.
    pub async fn admin(&self, name: &str) -> Result<String, Failure> {
        let wanted = CreateUser { name: name.to_owned(), is_admin: true, ..CreateUser::default() };
        self.user_with(wanted, TokenRole::Write).await
    }

    /// Creates a user, unless there is one of that name; what they are when they come with a write token.
    pub async fn actor(&self, name: &str) -> Result<Actor, Failure> {
        let row = self
            .ensure_user(&CreateUser { name: name.to_owned(), ..CreateUser::default() })
            .await?;
        Ok(Actor::User(UserActor {
            id: row.id,
            name: row.name,
            is_admin: row.is_admin,
            token_role: TokenRole::Write,
            token_name: "test".to_owned(),
            session: None,
        }))
    }

    async fn ensure_user(&self, wanted: &CreateUser) -> Result<AccountRow, Failure> {
        let known = self.hub.list_accounts(AccountKind::User).await?;
        match known.into_iter().find(|row| row.name == wanted.name) {
            Some(row) => Ok(row),
            None => Ok(self.hub.create_user(wanted).await?),
        }
    }

    async fn user_with(&self, wanted: CreateUser, role: TokenRole) -> Result<String, Failure> {
        self.ensure_user(&wanted).await?;
        let (user, name) = (wanted.name, role.as_str().to_owned());
        let token = CreateToken { user, name, role, value: None };
        Ok(self.hub.create_token(&token).await?.expose().to_owned())
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}
