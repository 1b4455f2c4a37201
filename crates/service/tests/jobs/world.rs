//! A hub of one test, and the verbs the cases share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use steelyard_blob::{BlobStore, Key};
use steelyard_core::{Namespace, Oid, RepoId, RepoKind, RepoName, RepoPath, Revision, TokenRole};
use steelyard_db::pack::{self, PackRow};
use steelyard_db::refs::{self, GitRow};
use steelyard_db::{Db, PoolSizes};
use steelyard_git::tool::GitBinary;
use steelyard_git::{Pack, PackData, PackSet, Toc};
use steelyard_service::access::UserActor;
use steelyard_service::accounts::CreateUser;
use steelyard_service::commits::{CommitRequest, Operation};
use steelyard_service::fsck::{Finding, FsckEvent, FsckOptions, Severity};
use steelyard_service::jobs::JobTally;
use steelyard_service::repos::CreateRepo;
use steelyard_service::revisions::{Content, Snapshot};
use steelyard_service::{Action, Actor, Error, Hub, HubParts, HubSettings};
use steelyard_testkit::{Postgres, TestClock, TestDatabase, TestRng};
use tempfile::TempDir;

pub const MODEL: RepoKind = RepoKind::Model;
pub const DAY: Duration = Duration::from_secs(24 * 3600);

pub struct World {
    pub hub: Hub,
    pub db: Db,
    pub blobs: BlobStore,
    pub clock: Arc<TestClock>,
    pub alice: Actor,
    dir: TempDir,
    _database: Option<TestDatabase>,
}

impl World {
    pub async fn embedded() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db =
            Db::open_sqlite(&dir.path().join("hub.sqlite"), PoolSizes::default()).await.unwrap();
        Self::on(db, None, dir).await
    }

    /// On PostgreSQL; `None`, which is said, where there is no server.
    pub async fn on_postgres() -> Option<Self> {
        let Some(postgres) = Postgres::from_env() else {
            eprintln!("skipped: STEELYARD_TEST_POSTGRES_URL is not set");
            return None;
        };
        let database = postgres.fresh_database().unwrap();
        let db = Db::open_postgres(database.url(), PoolSizes::default()).await.unwrap();
        Some(Self::on(db, Some(database), tempfile::tempdir().unwrap()).await)
    }

    async fn on(db: Db, database: Option<TestDatabase>, dir: TempDir) -> Self {
        db.migrate().await.unwrap();
        let blobs = BlobStore::open_directory(dir.path().join("blobs")).await.unwrap();
        let clock = Arc::new(TestClock::new().with_step(Duration::from_millis(1)));
        let hub = open(&db, &blobs, &clock, dir.path(), 1).await;
        let row = hub
            .create_user(&CreateUser { name: "alice".to_owned(), ..CreateUser::default() })
            .await
            .unwrap();
        let alice = Actor::User(UserActor {
            id: row.id,
            name: row.name,
            is_admin: false,
            token_role: TokenRole::Write,
            token_name: "test".to_owned(),
        });
        Self { hub, db, blobs, clock, alice, dir, _database: database }
    }

    /// Another replica on the same stores.
    pub async fn replica(&self, number: u64) -> Hub {
        open(&self.db, &self.blobs, &self.clock, self.dir.path(), number).await
    }

    pub fn blob_path(&self, name: &str) -> PathBuf {
        self.dir.path().join("blobs").join(name)
    }

    pub async fn repo(&self, name: &str) -> RepoId {
        let wanted = CreateRepo {
            kind: MODEL,
            namespace: None,
            name: RepoName::parse(name).unwrap(),
            visibility: None,
            settings: serde_json::json!({}),
        };
        self.hub.create_repo(&self.alice, &wanted).await.unwrap();
        id(name)
    }

    pub async fn key(&self, repo: &RepoId) -> i64 {
        self.hub.repo(&self.alice, MODEL, repo, Action::ReadRepo).await.unwrap().id
    }

    pub async fn commit(
        &self,
        repo: &RepoId,
        branch: &str,
        path: &str,
        content: impl Into<Bytes>,
    ) -> Oid {
        commit(&self.hub, &self.alice, repo, branch, path, content).await.unwrap()
    }

    pub async fn branch(&self, repo: &RepoId, name: &str) {
        let main = Revision::parse("main").unwrap();
        self.hub.create_branch(&self.alice, MODEL, repo, name, Some(&main)).await.unwrap();
    }

    pub async fn delete_branch(&self, repo: &RepoId, name: &str) {
        self.hub.delete_branch(&self.alice, MODEL, repo, name).await.unwrap();
    }

    pub async fn git(&self, repo_id: i64) -> GitRow {
        refs::find_git(&mut self.db.read().await.unwrap(), repo_id).await.unwrap().unwrap()
    }

    pub async fn packs(&self, repo_id: i64) -> Vec<PackRow> {
        pack::list_packs(&mut self.db.read().await.unwrap(), repo_id, 0).await.unwrap()
    }

    /// The repository's packs, read from the stores without the hub.
    pub async fn pack_set(&self, repo: &RepoId) -> PackSet {
        let mut packs = Vec::new();
        for row in self.packs(self.key(repo).await).await {
            let mut conn = self.db.read().await.unwrap();
            let bytes = pack::find_pack_bytes(&mut conn, &row.pack_id).await.unwrap().unwrap();
            let data = match bytes.inline {
                Some(inline) => inline.into(),
                None => self.blobs.get(&stored_key(&row)).await.unwrap().unwrap(),
            };
            let toc = Toc::decode(bytes.toc.unwrap().into()).unwrap();
            packs.push(Arc::new(Pack::new(PackData::new(data).unwrap(), toc).unwrap()));
        }
        PackSet::from_packs(packs)
    }

    /// Does all background work that is due; nothing may fail.
    pub async fn work(&self) -> JobTally {
        let tally = self.hub.run_jobs_until_idle().await.unwrap();
        assert_eq!(tally.failed, 0, "{:?}", self.job_errors().await);
        tally
    }

    pub async fn job_errors(&self) -> Vec<String> {
        let sql = "SELECT kind, last_error FROM job WHERE last_error IS NOT NULL ORDER BY id";
        let rows = self.db.read().await.unwrap().fetch_all(sql, Vec::new()).await.unwrap();
        rows.iter()
            .map(|row| {
                format!("{}: {}", row.text("kind").unwrap(), row.text("last_error").unwrap())
            })
            .collect()
    }

    pub async fn fsck(&self, options: &FsckOptions) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut tell = |event| {
            if let FsckEvent::Found(finding) = event {
                found.push(finding);
            }
        };
        let summary = self.hub.fsck(options, &mut tell).await.unwrap();
        let count =
            |severity| found.iter().filter(|finding| finding.severity == severity).count() as u64;
        assert_eq!(
            (summary.errors, summary.warnings, summary.infos),
            (count(Severity::Error), count(Severity::Warning), count(Severity::Info))
        );
        found
    }

    /// Errors and warnings.
    pub async fn complaints(&self, deep: bool) -> Vec<Finding> {
        let options = FsckOptions { repo: None, deep };
        let mut found = self.fsck(&options).await;
        found.retain(|finding| finding.severity != Severity::Info);
        found
    }

    pub async fn assert_clean(&self) {
        let complaints = self.complaints(true).await;
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

async fn open(db: &Db, blobs: &BlobStore, clock: &Arc<TestClock>, dir: &Path, number: u64) -> Hub {
    let parts = HubParts {
        db: db.clone(),
        // One plan for both stores: the N-th call of either fails.
        blobs: blobs.with_faults(Arc::clone(db.faults())).unwrap(),
        git: GitBinary::discover(None),
        clock: clock.clone(),
        rng: Arc::new(TestRng::seeded(number)),
        settings: HubSettings {
            cache_dir: dir.join(format!("cache-{number}")),
            public_url: Some("http://hub.test".to_owned()),
            node: format!("node-{number}"),
            ..HubSettings::default()
        },
    };
    Hub::open(parts).await.unwrap()
}

/// Where a pack lies in the object store.
pub fn stored_key(row: &PackRow) -> Key {
    Key::parse(&format!("git/packs/{}.pack", row.pack_id)).unwrap()
}

pub fn id(name: &str) -> RepoId {
    RepoId::new(Namespace::parse("alice").unwrap(), RepoName::parse(name).unwrap())
}

pub async fn commit(
    hub: &Hub,
    actor: &Actor,
    repo: &RepoId,
    branch: &str,
    path: &str,
    content: impl Into<Bytes>,
) -> Result<Oid, Error> {
    let request = CommitRequest {
        summary: format!("put {path}"),
        description: String::new(),
        parent: None,
        operations: vec![Operation::File {
            path: RepoPath::parse(path).unwrap(),
            content: content.into(),
        }],
        create_pr: false,
    };
    Ok(hub.commit(actor, MODEL, repo, branch, request).await?.oid)
}

pub async fn snapshot(
    hub: &Hub,
    actor: &Actor,
    repo: &RepoId,
    revision: &str,
) -> Result<Snapshot, Error> {
    hub.snapshot(actor, MODEL, repo, &Revision::parse(revision).unwrap(), Action::ReadContent).await
}

/// The bytes of a regular file.
pub async fn read(hub: &Hub, actor: &Actor, repo: &RepoId, revision: &str, path: &str) -> Bytes {
    let snapshot = snapshot(hub, actor, repo, revision).await.unwrap();
    let entry = snapshot.get_file(path).unwrap();
    match snapshot.content(&entry).unwrap() {
        Content::Regular(bytes) => bytes,
        Content::Large(_) => panic!("{path} is a large file"),
    }
}

/// Bytes that no compression makes smaller.
pub fn random(seed: u64, count: usize) -> Bytes {
    TestRng::seeded(seed).bytes(count).into()
}

/// Makes a test of each function on each database.
macro_rules! on_both_databases {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case($crate::world::World::embedded().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(world) = $crate::world::World::on_postgres().await else { return };
                super::$case(world).await;
            })*
        }
    };
}
pub(crate) use on_both_databases;
