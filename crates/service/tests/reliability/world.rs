//! A hub of one test: its stores, its users, and the verbs the cases share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use sha2::Digest;
use steelyard_blob::{BlobStore, Key, S3Settings};
use steelyard_core::{
    Namespace, Oid, RepoId, RepoKind, RepoName, RepoPath, Revision, Secret, Sha256, Timestamp,
    TokenRole, Visibility,
};
use steelyard_db::{Db, PoolSizes};
use steelyard_git::tool::GitBinary;
use steelyard_service::access::UserActor;
use steelyard_service::accounts::CreateUser;
use steelyard_service::commits::{CommitRequest, Operation};
use steelyard_service::lfs::{LfsSettings, Pointer, UploadAnswer, UploadWay, UploadWays};
use steelyard_service::repos::CreateRepo;
use steelyard_service::revisions::{Content, Snapshot};
use steelyard_service::{Action, Actor, Error, Hub, HubParts, HubSettings};
use steelyard_testkit::{Garage, Postgres, TestClock, TestDatabase, TestRng};
use tempfile::TempDir;

pub const MODEL: RepoKind = RepoKind::Model;
/// Files larger than this are granted in parts; S3 wants parts of 5 MiB.
const PARTS_FROM: u64 = 800_000;

/// A hub, and the same stores without faults.
pub struct World {
    pub hub: Hub,
    /// Shares its fault plan with the hub's object store.
    pub db: Db,
    /// Never fails.
    pub blobs: BlobStore,
    pub clock: Arc<TestClock>,
    pub alice: Actor,
    dir: PathBuf,
    _owned: Option<TempDir>,
    _database: Option<TestDatabase>,
}

impl World {
    /// On SQLite and a directory.
    pub async fn embedded() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut world = Self::embedded_at(dir.path(), 1).await;
        world._owned = Some(dir);
        world
    }

    /// On SQLite and a directory that outlive this value.
    pub async fn embedded_at(dir: &Path, seed: u64) -> Self {
        let db = Db::open_sqlite(&dir.join("hub.sqlite"), PoolSizes::default()).await.unwrap();
        let blobs = BlobStore::open_directory(dir.join("blobs")).await.unwrap();
        Self::on(db, blobs, dir.to_owned(), seed).await
    }

    /// On PostgreSQL and S3; `None`, which is said, where there are no servers.
    pub async fn scaled_out() -> Option<Self> {
        let (Some(postgres), Some(garage)) = (Postgres::from_env(), Garage::from_env()) else {
            eprintln!("skipped: no PostgreSQL and S3 server (cargo xtask test starts them)");
            assert!(std::env::var_os("CI").is_none(), "CI must run this suite on real servers");
            return None;
        };
        let database = postgres.fresh_database().unwrap();
        let db = Db::open_postgres(database.url(), PoolSizes::default()).await.unwrap();
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
        let mut world = Self::on(db, blobs.unwrap(), dir.path().to_owned(), 1).await;
        world._owned = Some(dir);
        world._database = Some(database);
        Some(world)
    }

    async fn on(db: Db, blobs: BlobStore, dir: PathBuf, seed: u64) -> Self {
        db.migrate().await.unwrap();
        let clock =
            Arc::new(TestClock::at(store_time(&blobs).await).with_step(Duration::from_millis(1)));
        let is_local = blobs.local_path(&Key::upload(uuid::Uuid::nil())).is_some();
        // One plan for both stores: the N-th call of either fails.
        let faulty = blobs.with_faults(Arc::clone(db.faults())).unwrap();
        let parts = HubParts {
            db: db.clone(),
            blobs: faulty,
            git: GitBinary::discover(None),
            clock: clock.clone(),
            rng: Arc::new(TestRng::seeded(seed)),
            settings: HubSettings {
                cache_dir: dir.join("cache"),
                public_url: Some("http://hub.test".to_owned()),
                node: format!("node-{seed}"),
                lfs: LfsSettings {
                    multipart_threshold: PARTS_FROM,
                    part_size: if is_local { 400_000 } else { 5 * 1024 * 1024 },
                },
                ..HubSettings::default()
            },
        };
        let hub = Hub::open(parts).await.unwrap();
        let alice = match hub.is_new().await.unwrap() {
            true => user(&hub, "alice").await,
            false => Actor::Anonymous,
        };
        Self { hub, db, blobs, clock, alice, dir, _owned: None, _database: None }
    }

    /// Another replica on the same stores, with caches of its own and nothing in memory.
    pub async fn second_hub(&self) -> Hub {
        let parts = HubParts {
            db: self.db.clone(),
            blobs: self.blobs.clone(),
            git: GitBinary::discover(None),
            clock: self.clock.clone(),
            rng: Arc::new(TestRng::seeded(77)),
            settings: HubSettings {
                cache_dir: self.dir.join("cache-2"),
                ..self.hub.settings().clone()
            },
        };
        Hub::open(parts).await.unwrap()
    }

    pub async fn user(&self, name: &str) -> Actor {
        user(&self.hub, name).await
    }

    /// Creates a public model repository of alice's.
    pub async fn repo(&self, name: &str) -> RepoId {
        self.repo_of(&self.alice, "alice", name, Visibility::Public).await
    }

    pub async fn repo_of(
        &self,
        actor: &Actor,
        owner: &str,
        name: &str,
        visibility: Visibility,
    ) -> RepoId {
        let wanted = CreateRepo { visibility: Some(visibility), ..create(name) };
        self.hub.create_repo(actor, &wanted).await.unwrap();
        id(owner, name)
    }

    /// Commits to main as alice.
    pub async fn commit(&self, id: &RepoId, operations: Vec<Operation>) -> Oid {
        self.hub.commit(&self.alice, MODEL, id, "main", request(operations)).await.unwrap().oid
    }

    pub async fn snapshot(&self, id: &RepoId, revision: &str) -> Result<Snapshot, Error> {
        let revision = Revision::parse(revision).unwrap();
        self.hub.snapshot(&self.alice, MODEL, id, &revision, Action::ReadContent).await
    }

    /// The bytes of a regular file; `None` when there is no such path.
    pub async fn file(&self, id: &RepoId, revision: &str, path: &str) -> Option<Bytes> {
        let snapshot = self.snapshot(id, revision).await.unwrap();
        let entry = snapshot.find_entry(path).unwrap()?;
        match snapshot.content(&entry).unwrap() {
            Content::Regular(bytes) => Some(bytes),
            Content::Large(_) => panic!("{path} is a large file"),
        }
    }

    pub async fn head(&self, id: &RepoId, revision: &str) -> Oid {
        self.snapshot(id, revision).await.unwrap().commit
    }

    pub async fn repo_key(&self, id: &RepoId) -> i64 {
        self.hub.repo(&self.alice, MODEL, id, Action::ReadRepo).await.unwrap().id
    }

    /// Uploads a large file for alice as a client would, in whichever way the hub asks for.
    pub async fn upload(&self, id: &RepoId, data: &Bytes) -> Result<Pointer, Error> {
        self.upload_as(&self.alice, id, data).await
    }

    pub async fn upload_as(
        &self,
        actor: &Actor,
        id: &RepoId,
        data: &Bytes,
    ) -> Result<Pointer, Error> {
        let pointer = pointer_of(data);
        let ways = UploadWays { parts: true, ..UploadWays::default() };
        let batch = self.hub.grant_uploads(actor, MODEL, id, ways, &[pointer]).await?;
        let UploadAnswer::Granted(grant) = &batch.answers[0] else {
            assert_eq!(batch.answers[0], UploadAnswer::Present);
            return Ok(pointer);
        };
        match &grant.way {
            UploadWay::Hub => {
                self.hub.receive_upload(&grant.id, Some(pointer.size), body(data)).await?;
            }
            UploadWay::Store { .. } => {
                let key = Key::upload(uuid::Uuid::parse_str(&grant.id).unwrap());
                self.blobs.put(&key, data.clone()).await.unwrap();
            }
            UploadWay::Parts { part_size, .. } => {
                let mut parts = Vec::new();
                for (number, piece) in (1..).zip(data.chunks(usize::try_from(*part_size).unwrap()))
                {
                    let piece = data.slice_ref(piece);
                    parts.push((
                        number,
                        self.hub.receive_part(&grant.id, number, body(&piece)).await?,
                    ));
                }
                self.hub.complete_upload(&grant.id, pointer.sha256, parts).await?;
            }
        }
        self.hub.verify_upload(&grant.id, pointer).await?;
        Ok(pointer)
    }
}

/// The object store's own time, which no test sets: the hub's has to begin there, or objects would come from the future.
async fn store_time(blobs: &BlobStore) -> Timestamp {
    let key = Key::upload(uuid::Uuid::nil());
    blobs.put(&key, Bytes::new()).await.unwrap();
    let now = blobs.head(&key).await.unwrap().unwrap().modified;
    blobs.delete(&key).await.unwrap();
    now.plus_secs(1)
}

/// Creates a user and what they are when they come with a write token.
async fn user(hub: &Hub, name: &str) -> Actor {
    let row = hub
        .create_user(&CreateUser { name: name.to_owned(), ..CreateUser::default() })
        .await
        .unwrap();
    Actor::User(UserActor {
        id: row.id,
        name: row.name,
        is_admin: false,
        token_role: TokenRole::Write,
        token_name: "test".to_owned(),
        session: None,
    })
}

pub fn id(owner: &str, name: &str) -> RepoId {
    RepoId::new(Namespace::parse(owner).unwrap(), RepoName::parse(name).unwrap())
}

/// A model repository in the actor's own namespace.
pub fn create(name: &str) -> CreateRepo {
    CreateRepo {
        kind: MODEL,
        namespace: None,
        name: RepoName::parse(name).unwrap(),
        visibility: None,
        settings: serde_json::json!({}),
    }
}

pub fn request(operations: Vec<Operation>) -> CommitRequest {
    CommitRequest {
        summary: "change".to_owned(),
        description: String::new(),
        parent: None,
        operations,
        create_pr: false,
    }
}

pub fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

pub fn put(text: &str, content: impl Into<Bytes>) -> Operation {
    Operation::File { path: path(text), content: content.into() }
}

pub fn put_large(text: &str, pointer: Pointer) -> Operation {
    Operation::LfsFile { path: path(text), sha256: pointer.sha256, size: Some(pointer.size) }
}

/// Bytes that no compression makes smaller.
pub fn random(seed: u64, count: usize) -> Bytes {
    TestRng::seeded(seed).bytes(count).into()
}

pub fn pointer_of(data: &[u8]) -> Pointer {
    Pointer { sha256: Sha256::new(sha2::Sha256::digest(data).into()), size: data.len() as u64 }
}

/// A request body that arrives in pieces.
pub fn body(data: &Bytes) -> impl futures_util::Stream<Item = Result<Bytes, Error>> + Send + use<> {
    let pieces: Vec<_> = data.chunks(300_000).map(|piece| Ok(data.slice_ref(piece))).collect();
    stream::iter(pieces)
}

/// Makes a test of each function on each pair of stores.
macro_rules! on_both_stores {
    (slow: $($case:ident),* $(,)?) => {
        mod slow {
            $(use super::$case;)*
            $crate::world::on_both_stores!($($case),*);
        }
    };
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
pub(crate) use on_both_stores;
