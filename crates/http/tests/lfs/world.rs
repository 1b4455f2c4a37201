//! A hub that answers calls without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::Digest;
use steelyard_blob::{BlobStore, S3Settings};
use steelyard_core::fault::FaultPlan;
use steelyard_core::{Namespace, RepoKind, RepoName, Secret, Sha256, TokenRole, Visibility};
use steelyard_db::{Db, PoolSizes};
use steelyard_service::accounts::{CreateToken, CreateUser};
use steelyard_service::lfs::LfsSettings;
use steelyard_service::repos::CreateRepo;
use steelyard_service::{Hub, HubParts, HubSettings};
use steelyard_testkit::{Garage, Launch, Postgres, TestClock, TestDatabase, TestRng, tools};
use tempfile::TempDir;
use tower::ServiceExt;

pub const MEDIA_TYPE: &str = "application/vnd.git-lfs+json";
const ORIGIN: &str = "http://hub";

/// A hub with the users `alice`, `bob`, and the administrator `root`.
pub struct World {
    pub hub: Hub,
    pub clock: Arc<TestClock>,
    pub blob_faults: Arc<FaultPlan>,
    app: Router,
    _database: Option<TestDatabase>,
    _dir: TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} {:?}", self.status, self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    pub async fn embedded() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&dir.path().join("db"), PoolSizes::default()).await.unwrap();
        let blobs = BlobStore::open_directory(dir.path().join("blobs")).await.unwrap();
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
        let clock = Arc::new(TestClock::new());
        let blob_faults = Arc::new(FaultPlan::default());
        let settings = HubSettings {
            cache_dir: dir.path().join("cache"),
            public_url: Some(ORIGIN.to_owned()),
            node: "test".to_owned(),
            lfs: LfsSettings { multipart_threshold: 1000, part_size: 400 },
            ..HubSettings::default()
        };
        let parts = HubParts {
            db,
            blobs: blobs.with_faults(Arc::clone(&blob_faults)).unwrap(),
            git: None,
            clock: clock.clone(),
            rng: Arc::new(TestRng::seeded(1)),
            settings,
        };
        let hub = Hub::open(parts).await.unwrap();
        let app = steelyard_http::build_router(hub.clone());
        let world = Self { hub, clock, blob_faults, app, _database: database, _dir: dir };
        for user in ["alice", "bob", "root"] {
            world.create_user(user).await;
        }
        world
    }

    async fn create_user(&self, name: &str) {
        let is_admin = name == "root";
        let user = CreateUser { name: name.to_owned(), full_name: None, email: None, is_admin };
        self.hub.create_user(&user).await.unwrap();
        let value = Some(Secret::new(token(name)));
        let wanted = CreateToken {
            user: name.to_owned(),
            name: "t".to_owned(),
            role: TokenRole::Write,
            value,
        };
        self.hub.create_token(&wanted).await.unwrap();
    }

    /// Makes the model `owner/name`; returns its key.
    pub async fn create_repo(&self, owner: &str, name: &str, visibility: Visibility) -> i64 {
        let actor = self.hub.authenticate(&token(owner), "test").await.unwrap();
        let wanted = CreateRepo {
            kind: RepoKind::Model,
            namespace: Some(Namespace::parse(owner).unwrap()),
            name: RepoName::parse(name).unwrap(),
            visibility: Some(visibility),
            settings: json!({}),
        };
        let made = self.hub.create_repo(&actor, &wanted).await.unwrap();
        let action = steelyard_service::Action::ReadRepo;
        self.hub.repo(&actor, RepoKind::Model, &made.repo, action).await.unwrap().id
    }

    /// Calls the hub, or whichever server the address names.
    pub async fn call(
        &self,
        method: &str,
        url: &str,
        user: Option<&str>,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let path = url.strip_prefix(ORIGIN).unwrap_or(url);
        if path.starts_with("http") {
            let body = body.into().collect().await.unwrap().to_bytes();
            return elsewhere(method, url, headers, &body);
        }
        let mut request = Request::builder().method(method).uri(path).header("host", "hub");
        if let Some(user) = user {
            request = request.header("authorization", format!("Bearer {}", token(user)));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn post(&self, url: &str, user: &str, body: Value) -> Answer {
        self.call("POST", url, Some(user), &[], body.to_string()).await
    }

    pub async fn batch(
        &self,
        repo: &str,
        user: Option<&str>,
        operation: &str,
        objects: &[&[u8]],
    ) -> Answer {
        self.batch_with(repo, user, operation, &["basic"], objects).await
    }

    pub async fn batch_with(
        &self,
        repo: &str,
        user: Option<&str>,
        operation: &str,
        transfers: &[&str],
        objects: &[&[u8]],
    ) -> Answer {
        let objects: Vec<_> = objects.iter().map(|data| pointer(data)).collect();
        let body = json!({
            "operation": operation, "transfers": transfers, "objects": objects, "hash_algo": "sha256",
        });
        let url = format!("/{repo}.git/info/lfs/objects/batch");
        self.call("POST", &url, user, &[], body.to_string()).await
    }

    /// The addresses to put `data` to and to verify it at.
    pub async fn grant(&self, repo: &str, user: &str, data: &[u8]) -> (String, String) {
        let granted = self.batch(repo, Some(user), "upload", &[data]).await.json();
        let href = |action: &str| {
            let href = granted["objects"][0]["actions"][action]["href"].as_str();
            href.unwrap_or_else(|| panic!("no {action}: {granted}")).to_owned()
        };
        (href("upload"), href("verify"))
    }

    /// Uploads as a client does.
    pub async fn upload(&self, repo: &str, user: &str, data: &[u8]) {
        let (upload, verify) = self.grant(repo, user, data).await;
        let put = self.call("PUT", &upload, None, &[], data.to_vec()).await;
        assert_eq!(put.status, 200, "{:?}", put.body);
        let verified = self.call("POST", &verify, None, &[], pointer(data).to_string()).await;
        assert_eq!(verified.status, 200, "{:?}", verified.body);
    }

    /// The address to download `data` from, if the repository has it.
    pub async fn download_href(
        &self,
        repo: &str,
        user: Option<&str>,
        data: &[u8],
    ) -> Option<String> {
        let granted = self.batch(repo, user, "download", &[data]).await.json();
        let href = granted["objects"][0]["actions"]["download"]["href"].as_str();
        if href.is_none() {
            assert_eq!(granted["objects"][0]["error"]["code"], 404, "{granted}");
        }
        href.map(str::to_owned)
    }
}

/// Runs curl, because what it talks to is a server of its own.
fn elsewhere(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    std::fs::write(&input, body).unwrap();
    let mut curl = Launch::new("curl", tools::curl().unwrap()).args([
        "--silent",
        "--write-out",
        "%{http_code}",
    ]);
    curl = curl.args(["--output", output.to_str().unwrap()]);
    if method == "PUT" {
        curl = curl.args(["--upload-file", input.to_str().unwrap()]);
    }
    for (name, value) in headers {
        curl = curl.args(["--header", &format!("{name}: {value}")]);
    }
    let ran = curl.arg(url).run().unwrap();
    let status = String::from_utf8_lossy(&ran.stdout).parse().unwrap();
    let body = std::fs::read(&output).unwrap_or_default().into();
    Answer { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body }
}

fn token(user: &str) -> String {
    format!("hf_{user}{}", "a".repeat(30))
}

pub fn hex(data: &[u8]) -> String {
    sha256(data).to_string()
}

pub fn sha256(data: &[u8]) -> Sha256 {
    Sha256::new(sha2::Sha256::digest(data).into())
}

pub fn pointer(data: &[u8]) -> Value {
    json!({"oid": hex(data), "size": data.len()})
}

/// Makes a test of each function for each pair of stores.
macro_rules! on_every_store {
    ($($case:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(crate::world::World::embedded().await).await;
            })*
        }
        mod scaled_out {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(world) = crate::world::World::scaled_out().await else { return };
                super::$case(world).await;
            })*
        }
    };
}
pub(crate) use on_every_store;
