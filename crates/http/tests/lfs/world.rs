//! A hub that answers calls without a socket.

use std::collections::HashMap;
use std::ops::Deref;

use axum::body::Body;
use serde_json::{Value, json};
use sha2::Digest;
use steelyard_core::{Namespace, RepoKind, RepoName, Sha256, TokenRole, Visibility};
use steelyard_service::lfs::LfsSettings;
use steelyard_service::repos::CreateRepo;
use steelyard_testkit::{Answer, Stores, TestHub};

pub const MEDIA_TYPE: &str = "application/vnd.git-lfs+json";
const ORIGIN: &str = "http://hub";

/// A hub with the users `alice`, `bob`, and the administrator `root`.
pub struct World {
    test: TestHub,
    tokens: HashMap<&'static str, String>,
}

impl Deref for World {
    type Target = TestHub;

    fn deref(&self) -> &TestHub {
        &self.test
    }
}

impl World {
    pub async fn embedded() -> Self {
        Self::on(Stores::Embedded).await
    }

    pub async fn on(stores: Stores) -> Self {
        let setup = TestHub::on(stores).without_git().with_settings(|settings| {
            settings.public_url = Some(ORIGIN.to_owned());
            settings.lfs = LfsSettings { multipart_threshold: 1000, part_size: 400 };
        });
        let test = setup.start().await.unwrap();
        let mut tokens = HashMap::from([("root", test.admin("root").await.unwrap())]);
        for user in ["alice", "bob"] {
            tokens.insert(user, test.user(user, TokenRole::Write).await.unwrap());
        }
        Self { test, tokens }
    }

    /// Makes the model `owner/name`; returns its key.
    pub async fn create_repo(&self, owner: &str, name: &str, visibility: Visibility) -> i64 {
        let actor = self.hub.authenticate(&self.tokens[owner], "test").await.unwrap();
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
        let token = user.map(|user| &*self.tokens[user]);
        self.test.call(method, url, token, headers, body).await.unwrap()
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
                let Some(stores) = steelyard_testkit::Stores::scaled_out() else { return };
                super::$case(crate::world::World::on(stores).await).await;
            })*
        }
    };
}
pub(crate) use on_every_store;
