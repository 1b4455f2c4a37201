//! A hub of one test on either pair of stores, and the people who use it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use steelyard_blob::{BlobStore, S3Settings};
use steelyard_core::{Namespace, RepoId, RepoKind, RepoName, Secret, TokenRole, Visibility};
use steelyard_db::{Db, PoolSizes, account, repo};
use steelyard_service::access::UserActor;
use steelyard_service::accounts::CreateUser;
use steelyard_service::repos::CreateRepo;
use steelyard_service::xet::{XetScope, XetToken};
use steelyard_service::{Action, Actor, Error, Hub, HubParts, HubSettings};
use steelyard_testkit::{Garage, Postgres, TestClock, TestDatabase, TestRng};
use tempfile::TempDir;

pub const MODEL: RepoKind = RepoKind::Model;
/// Longer than what a hub believes of a token's rights without asking.
pub const A_WHILE: Duration = Duration::from_secs(11);

/// A hub with the users `alice`, `bob`, and the administrator `root`.
pub struct World {
    pub hub: Hub,
    pub db: Db,
    pub blobs: BlobStore,
    pub clock: Arc<TestClock>,
    pub alice: Actor,
    pub bob: Actor,
    pub root: Actor,
    pub dir: TempDir,
    _database: Option<TestDatabase>,
}

impl World {
    pub async fn embedded() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        Self::embedded_on(&path, dir).await
    }

    /// On SQLite and a directory that outlive this value.
    pub async fn embedded_at(path: &Path) -> Self {
        Self::embedded_on(path, tempfile::tempdir().unwrap()).await
    }

    async fn embedded_on(path: &Path, dir: TempDir) -> Self {
        let db = Db::open_sqlite(&path.join("db"), PoolSizes::default()).await.unwrap();
        let blobs = BlobStore::open_directory(path.join("blobs")).await.unwrap();
        Self::on(db, blobs, None, dir).await
    }

    /// On S3, and on PostgreSQL if that is there too; `None` without an S3 server.
    pub async fn scaled_out() -> Option<Self> {
        let garage = Garage::shared_or_skip().unwrap()?;
        let blobs = BlobStore::open_s3(S3Settings {
            bucket: garage.bucket().unwrap(),
            endpoint: Some(garage.endpoint().to_owned()),
            region: garage.region().to_owned(),
            access_key: Secret::new(garage.access_key()),
            secret_key: Secret::new(garage.secret_key()),
            prefix: String::new(),
            path_style: true,
            public_endpoint: None,
        });
        let dir = tempfile::tempdir().unwrap();
        let database = Postgres::from_env().map(|postgres| postgres.fresh_database().unwrap());
        let db = match &database {
            Some(database) => {
                Db::open_postgres(database.url(), PoolSizes::default()).await.unwrap()
            }
            None => Db::open_sqlite(&dir.path().join("db"), PoolSizes::default()).await.unwrap(),
        };
        Some(Self::on(db, blobs.unwrap(), database, dir).await)
    }

    async fn on(db: Db, blobs: BlobStore, database: Option<TestDatabase>, dir: TempDir) -> Self {
        db.migrate().await.unwrap();
        let clock = Arc::new(TestClock::new().with_step(Duration::from_millis(1)));
        let parts = HubParts {
            db: db.clone(),
            blobs: blobs.with_faults(Arc::clone(db.faults())).unwrap(),
            git: None,
            clock: clock.clone(),
            rng: Arc::new(TestRng::seeded(1)),
            settings: HubSettings {
                cache_dir: dir.path().join("cache"),
                public_url: Some("http://hub.test".to_owned()),
                node: "test".to_owned(),
                ..HubSettings::default()
            },
        };
        let hub = Hub::open(parts).await.unwrap();
        let [alice, bob, root] = [
            create_user(&hub, "alice").await,
            create_user(&hub, "bob").await,
            create_user(&hub, "root").await,
        ];
        Self { hub, db, blobs, clock, alice, bob, root, dir, _database: database }
    }

    /// Another replica on the same stores.
    pub async fn replica(&self, number: u64) -> Hub {
        self.hub_with(number, |_| {}).await
    }

    /// Another replica with other settings.
    pub async fn hub_with(&self, number: u64, change: impl FnOnce(&mut HubSettings)) -> Hub {
        let mut settings = HubSettings {
            cache_dir: self.dir.path().join(format!("cache-{number}")),
            public_url: Some("http://hub.test".to_owned()),
            node: format!("node-{number}"),
            ..HubSettings::default()
        };
        change(&mut settings);
        let parts = HubParts {
            db: self.db.clone(),
            blobs: self.blobs.with_faults(Arc::clone(self.db.faults())).unwrap(),
            git: None,
            clock: self.clock.clone(),
            rng: Arc::new(TestRng::seeded(number)),
            settings,
        };
        Hub::open(parts).await.unwrap()
    }

    /// Makes a model of that user's.
    pub async fn repo(&self, owner: &Actor, name: &str, visibility: Visibility) -> RepoId {
        let wanted = CreateRepo {
            kind: MODEL,
            namespace: None,
            name: RepoName::parse(name).unwrap(),
            visibility: Some(visibility),
            settings: serde_json::json!({}),
        };
        self.hub.create_repo(owner, &wanted).await.unwrap().repo
    }

    /// The key of a repository.
    pub async fn key(&self, id: &RepoId) -> i64 {
        self.hub.repo(&self.root, MODEL, id, Action::ReadRepo).await.unwrap().id
    }

    pub async fn set_visibility(&self, id: &RepoId, visibility: Visibility) {
        let key = self.key(id).await;
        let text = if visibility == Visibility::Public { "public" } else { "private" };
        let sql = "UPDATE repo SET visibility = $2 WHERE id = $1";
        let mut tx = self.db.write().await.unwrap();
        tx.execute(sql, vec![key.into(), text.into()]).await.unwrap();
        tx.commit().await.unwrap();
        self.clock.advance(A_WHILE);
    }

    pub async fn delete_repo(&self, owner: &Actor, id: &RepoId) {
        self.hub.delete_repo(owner, MODEL, id).await.unwrap();
        let mut conn = self.db.read().await.unwrap();
        assert!(repo::find_repo(&mut conn, MODEL, id).await.unwrap().is_none());
        self.clock.advance(A_WHILE);
    }

    /// A token as a client gets it.
    pub async fn token(&self, actor: &Actor, id: &RepoId, scope: XetScope) -> XetToken {
        let grant = self.hub.grant_xet_token(actor, MODEL, id, scope, "main", false).await;
        self.hub.verify_xet_token(grant.unwrap().token.expose(), scope).unwrap()
    }

    pub async fn read_token(&self, actor: &Actor, id: &RepoId) -> XetToken {
        self.token(actor, id, XetScope::Read).await
    }

    pub async fn write_token(&self, actor: &Actor, id: &RepoId) -> XetToken {
        self.token(actor, id, XetScope::Write).await
    }

    /// A token of somebody who may only propose changes.
    pub async fn proposal_token(&self, actor: &Actor, id: &RepoId) -> XetToken {
        let scope = XetScope::Write;
        let grant = self.hub.grant_xet_token(actor, MODEL, id, scope, "None", true).await;
        self.hub.verify_xet_token(grant.unwrap().token.expose(), scope).unwrap()
    }
}

async fn create_user(hub: &Hub, name: &str) -> Actor {
    let is_admin = name == "root";
    let wanted = CreateUser { name: name.to_owned(), is_admin, ..CreateUser::default() };
    let row = match hub.create_user(&wanted).await {
        Ok(row) => row,
        // The stores are older than this hub.
        Err(Error::Conflict { .. }) => {
            let mut conn = hub.db().read().await.unwrap();
            let name = Namespace::parse(name).unwrap();
            account::find_account(&mut conn, &name).await.unwrap().unwrap()
        }
        Err(error) => panic!("{error:?}"),
    };
    Actor::User(UserActor {
        id: row.id,
        name: row.name,
        is_admin,
        token_role: TokenRole::Write,
        token_name: "test".to_owned(),
        session: None,
    })
}

pub fn id(owner: &str, name: &str) -> RepoId {
    RepoId::new(Namespace::parse(owner).unwrap(), RepoName::parse(name).unwrap())
}

/// Makes a test of each function for each pair of stores.
macro_rules! on_every_store {
    ($($case:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case($crate::world::World::embedded().await).await;
            })*
        }
        mod scaled_out {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(world) = $crate::world::World::scaled_out().await else { return };
                super::$case(world).await;
            })*
        }
    };
}
pub(crate) use on_every_store;
