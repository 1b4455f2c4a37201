//! The databases that every case runs on, and rows to begin with.

use serde_json::json;
use steelyard_core::{
    Namespace, Oid, RefName, RepoId, RepoKind, RepoName, Sha256, Timestamp, Visibility,
};
use steelyard_db::account::{self, AccountKind, NewAccount};
use steelyard_db::pack::{NewPack, PackKind};
use steelyard_db::repo::{self, NewRepo};
use steelyard_db::{Conn, Db, PoolSizes, Tx, refs};
use steelyard_testkit::{Postgres, TestDatabase};
use tempfile::TempDir;

/// An empty database of one test.
pub struct Base {
    pub db: Db,
    _directory: Option<TempDir>,
    _database: Option<TestDatabase>,
}

impl Base {
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&directory.path().join("db.sqlite"), PoolSizes::default())
            .await
            .unwrap();
        db.migrate().await.unwrap();
        Self { db, _directory: Some(directory), _database: None }
    }

    /// `None`, which is said, where there is no server.
    pub async fn postgres() -> Option<Self> {
        let Some(postgres) = Postgres::from_env() else {
            eprintln!("skipped: no PostgreSQL server (cargo xtask test starts one)");
            assert!(std::env::var_os("CI").is_none(), "CI must run this suite on a real server");
            return None;
        };
        let database = postgres.fresh_database().unwrap();
        let db = Db::open_postgres(database.url(), PoolSizes::default()).await.unwrap();
        db.migrate().await.unwrap();
        Some(Self { db, _directory: None, _database: Some(database) })
    }

    pub async fn read(&self) -> Conn {
        self.db.read().await.unwrap()
    }

    pub async fn write(&self) -> Tx {
        self.db.write().await.unwrap()
    }

    pub async fn user(&self, name: &str) -> i64 {
        self.account(AccountKind::User, name).await
    }

    pub async fn account(&self, kind: AccountKind, name: &str) -> i64 {
        let mut tx = self.write().await;
        let id =
            account::create_account(&mut tx, &new_account(kind, &namespace(name))).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// A public model repository with a history record.
    pub async fn repo(&self, owner: (&str, i64), name: &str) -> i64 {
        let mut tx = self.write().await;
        let (settings, facts) = (json!({}), json!({}));
        let new = NewRepo {
            public_id: format!("{}-{name}", owner.0),
            kind: RepoKind::Model,
            owner_id: owner.1,
            name: &RepoName::parse(name).unwrap(),
            creator_id: owner.1,
            visibility: Visibility::Public,
            settings: &settings,
            facts: &facts,
            now: at(100),
        };
        let id = repo::create_repo(&mut tx, &namespace(owner.0), &new).await.unwrap();
        refs::create_git(&mut tx, id, &branch("main")).await.unwrap();
        tx.commit().await.unwrap();
        id
    }
}

pub fn new_account<'a>(kind: AccountKind, name: &'a Namespace) -> NewAccount<'a> {
    NewAccount {
        public_id: format!("id-{name}"),
        kind,
        name,
        full_name: "Full Name",
        email: None,
        is_admin: false,
        default_visibility: Visibility::Public,
        created_at: at(1),
    }
}

pub fn namespace(text: &str) -> Namespace {
    Namespace::parse(text).unwrap()
}

pub fn repo_id(namespace: &str, name: &str) -> RepoId {
    RepoId::parse(&format!("{namespace}/{name}")).unwrap()
}

pub fn branch(name: &str) -> RefName {
    RefName::branch(name).unwrap()
}

pub fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

pub fn oid(n: u8) -> Oid {
    Oid::new([n; 20])
}

pub fn sha256(n: u8) -> Sha256 {
    Sha256::new([n; 32])
}

/// A pack of ten bytes in the database.
pub fn inline_pack(id: &str, kind: PackKind) -> NewPack {
    NewPack {
        pack_id: id.to_owned(),
        kind,
        n_objects: 3,
        size_bytes: 10,
        trailer: oid(9),
        toc: Some(vec![0, 1, 2, 255]),
        inline: Some(vec![7; 10]),
    }
}

/// A pack of a megabyte in the object store.
pub fn stored_pack(id: &str, kind: PackKind) -> NewPack {
    NewPack { size_bytes: 1 << 20, inline: None, toc: None, ..inline_pack(id, kind) }
}

/// Makes a test of each function on each database.
macro_rules! db_suite {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case($crate::base::Base::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(base) = $crate::base::Base::postgres().await else { return };
                super::$case(base).await;
            })*
        }
    };
}
pub(crate) use db_suite;
