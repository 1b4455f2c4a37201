//! A hub that answers calls without a socket, and what its clients do in several steps.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use steelyard_blob::{BlobStore, S3Settings};
use steelyard_core::{Namespace, RepoKind, RepoName, Secret, TokenRole, Visibility, XetHash};
use steelyard_db::{Db, PoolSizes};
use steelyard_service::accounts::{CreateToken, CreateUser};
use steelyard_service::repos::CreateRepo;
use steelyard_service::{Hub, HubParts, HubSettings};
use steelyard_testkit::{Garage, Launch, Postgres, TestClock, TestDatabase, TestRng, tools};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::client::{Fetch, Packed, crc64nvme};

pub const ORIGIN: &str = "http://hub";
/// The content store.
pub const CAS: &str = "/api/xet";

/// A hub with the users `alice`, `bob`, and the administrator `root`.
pub struct World {
    pub hub: Hub,
    pub clock: Arc<TestClock>,
    /// Whether clients fetch from the object store itself.
    pub is_direct: bool,
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

    /// The body, if that is the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}", self.body);
        self
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
        let is_direct = blobs.honours_signed_ranges(uuid::Uuid::nil()).await.unwrap();
        let settings = HubSettings {
            cache_dir: dir.path().join("cache"),
            public_url: Some(ORIGIN.to_owned()),
            node: "test".to_owned(),
            ..HubSettings::default()
        };
        let parts = HubParts {
            db,
            blobs,
            git: None,
            clock: clock.clone(),
            rng: Arc::new(TestRng::seeded(1)),
            settings,
        };
        let hub = Hub::open(parts).await.unwrap();
        let app = steelyard_http::build_router(hub.clone());
        let world = Self { hub, clock, is_direct, app, _database: database, _dir: dir };
        for user in ["alice", "bob", "root"] {
            world.create_user(user).await;
        }
        world
    }

    async fn create_user(&self, name: &str) {
        let is_admin = name == "root";
        let user = CreateUser { name: name.to_owned(), full_name: None, email: None, is_admin };
        self.hub.create_user(&user).await.unwrap();
        for role in [TokenRole::Read, TokenRole::Write] {
            let wanted = CreateToken {
                user: name.to_owned(),
                name: role.as_str().to_owned(),
                role,
                value: Some(Secret::new(hub_token(name, role))),
            };
            self.hub.create_token(&wanted).await.unwrap();
        }
    }

    /// Makes the model `owner/name`.
    pub async fn create_repo(&self, owner: &str, name: &str, visibility: Visibility) {
        let token = hub_token(owner, TokenRole::Write);
        let actor = self.hub.authenticate(&token, "test").await.unwrap();
        let wanted = CreateRepo {
            kind: RepoKind::Model,
            namespace: Some(Namespace::parse(owner).unwrap()),
            name: RepoName::parse(name).unwrap(),
            visibility: Some(visibility),
            settings: json!({}),
        };
        self.hub.create_repo(&actor, &wanted).await.unwrap();
    }

    /// Calls the hub, or whichever server the address names.
    pub async fn call(
        &self,
        method: &str,
        url: &str,
        bearer: Option<&str>,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let path = url.strip_prefix(ORIGIN).unwrap_or(url);
        if path.starts_with("http") {
            let body = body.into().collect().await.unwrap().to_bytes();
            return elsewhere(method, url, headers, &body);
        }
        let mut request = Request::builder().method(method).uri(path).header("host", "hub");
        if let Some(token) = bearer {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Calls the Hub's interface.
    pub async fn ask(&self, method: &str, path: &str, user: Option<&str>) -> Answer {
        let token = user.map(|user| hub_token(user, TokenRole::Write));
        self.call(method, path, token.as_deref(), &[], "").await
    }

    /// The answer of the token route: `scope` is `read` or `write`.
    pub async fn ask_token(&self, repo: &str, scope: &str, user: Option<&str>) -> Answer {
        let path = format!("/api/models/{repo}/xet-{scope}-token/main");
        self.ask("GET", &path, user).await
    }

    /// A token of the content store.
    pub async fn token(&self, repo: &str, scope: &str, user: &str) -> String {
        let user = Some(user).filter(|user| !user.is_empty());
        let granted = self.ask_token(repo, scope, user).await.expect(200).json();
        granted["accessToken"].as_str().unwrap().to_owned()
    }

    /// Calls the content store.
    pub async fn cas(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: impl Into<Body>,
    ) -> Answer {
        self.call(method, &format!("{CAS}{path}"), Some(token), &[], body).await
    }

    pub async fn put_xorb(&self, token: &str, packed: &Packed) -> Answer {
        let path = format!("/v1/xorbs/default/{}", packed.xorb.hash);
        self.cas("POST", &path, token, packed.xorb.bytes.clone()).await
    }

    /// Asks whether a xorb must be uploaded.
    pub async fn ask_grant(&self, token: &str, packed: &Packed) -> Answer {
        self.ask_grant_for(token, &packed.xorb.hash, &packed.xorb.bytes).await
    }

    pub async fn ask_grant_for(&self, token: &str, xorb: &XetHash, bytes: &[u8]) -> Answer {
        let path = format!("/v1/xorb-grants/default/{xorb}");
        let checksum = json!({"algo": "crc64nvme", "value": crc64nvme(bytes).to_string()});
        let body = json!({"length": bytes.len(), "checksum": checksum});
        self.cas("POST", &path, token, body.to_string()).await
    }

    /// How the hub says that it wants a xorb: in the object store, where clients reach that, or itself.
    pub fn wanted(&self) -> u16 {
        if self.is_direct { 201 } else { 404 }
    }

    /// Uploads a file as a client does, up to the commit.
    pub async fn upload(&self, repo: &str, user: &str, packed: &Packed) {
        let token = self.token(repo, "write", user).await;
        self.put_xorb(&token, packed).await.expect(200);
        self.cas("POST", "/v1/shards", &token, packed.shard()).await.expect(200);
    }

    /// Commits a large file.
    pub async fn commit(&self, repo: &str, user: &str, path: &str, packed: &Packed) -> Answer {
        let (oid, size) = (packed.sha256.to_string(), packed.data.len());
        let lines = [
            json!({"key": "header", "value": {"summary": "a file"}}),
            json!({"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, "size": size}}),
        ];
        let body = lines.map(|line| line.to_string()).join("\n");
        let token = hub_token(user, TokenRole::Write);
        let url = format!("/api/models/{repo}/commit/main");
        self.call("POST", &url, Some(&token), &[], body).await
    }

    /// What version 2 tells about a file, or a range of it.
    pub async fn plan(&self, token: &str, file: &XetHash, range: Option<&str>) -> Answer {
        let url = format!("{CAS}/v2/reconstructions/{file}");
        let headers: Vec<_> = range.map(|range| ("range", range)).into_iter().collect();
        self.call("GET", &url, Some(token), &headers, "").await
    }

    /// Fetches as the Python client does: each range in a request of its own, without a token.
    pub async fn fetch_all(&self, fetches: Vec<Fetch>) -> Vec<(Fetch, Bytes)> {
        let mut fetched = Vec::new();
        for fetch in fetches {
            let answer = self
                .call("GET", &fetch.url, None, &[("range", &fetch.range)], "")
                .await
                .expect(206);
            fetched.push((fetch, answer.body));
        }
        fetched
    }
}

/// Runs curl, because what it talks to is a server of its own.
fn elsewhere(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    let mut curl = Launch::new("curl", tools::curl().unwrap()).args([
        "--silent",
        "--write-out",
        "%{http_code}",
        "--output",
        output.to_str().unwrap(),
    ]);
    if method == "PUT" {
        std::fs::write(&input, body).unwrap();
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

pub fn hub_token(user: &str, role: TokenRole) -> String {
    format!("hf_{user}{}{}", role.as_str(), "a".repeat(25))
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
