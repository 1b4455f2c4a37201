//! Likes and downloads over HTTP, on every pair of stores this machine has.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail loudly")]

use axum::http::StatusCode;
use serde_json::{Value, json};
use steelyard_core::TokenRole;
use steelyard_testkit::{Answer, Stores, TestHub};

struct World {
    test: TestHub,
    alice: String,
    bob: String,
}

impl World {
    async fn on(stores: Stores) -> Self {
        let test = TestHub::start(stores).await.unwrap();
        let alice = test.user("alice", TokenRole::Write).await.unwrap();
        let bob = test.user("bob", TokenRole::Write).await.unwrap();
        Self { test, alice, bob }
    }

    async fn all() -> Vec<Self> {
        let mut worlds = Vec::new();
        for stores in Stores::available() {
            worlds.push(Self::on(stores).await);
        }
        worlds
    }

    async fn ask(&self, method: &str, path: &str, token: Option<&str>) -> Answer {
        self.test.call(method, path, token, &[("host", "hub.test:80")], "").await.unwrap()
    }

    async fn load(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> StatusCode {
        self.test.call(method, path, None, headers, "").await.unwrap().status
    }

    /// A repository of alice's with these files.
    async fn repo(&self, kind: &str, name: &str, is_private: bool, files: &[&str]) {
        let sdk = (kind == "space").then_some("static");
        let body = json!({"name": name, "type": kind, "private": is_private, "sdk": sdk});
        let body = body.to_string();
        let path = "/api/repos/create";
        let made = self.test.call("POST", path, Some(&self.alice), &[], body).await.unwrap();
        assert_eq!(made.status, StatusCode::OK, "{:?}", made.body);
        let mut lines = vec![json!({"key": "header", "value": {"summary": "files"}}).to_string()];
        for path in files {
            let file = json!({"path": path, "content": "{}", "encoding": "utf-8"});
            lines.push(json!({"key": "file", "value": file}).to_string());
        }
        let path = format!("/api/{kind}s/alice/{name}/commit/main");
        let body = lines.join("\n");
        let landed = self.test.call("POST", &path, Some(&self.alice), &[], body).await.unwrap();
        assert_eq!(landed.status, StatusCode::OK, "{:?}", landed.body);
    }

    async fn info(&self, path: &str) -> Value {
        self.test.hub.flush_downloads().await.unwrap();
        self.ask("GET", path, Some(&self.alice)).await.json()
    }
}

#[tokio::test]
async fn likes_have_the_shapes_that_clients_read() {
    for world in World::all().await {
        for kind in ["model", "dataset", "space"] {
            world.repo(kind, "liked", false, &[]).await;
            let path = format!("/api/{kind}s/alice/liked/like");
            for token in [&world.bob, &world.bob, &world.alice] {
                assert_eq!(world.ask("POST", &path, Some(token)).await.status, StatusCode::OK);
            }
            let info = world.info(&format!("/api/{kind}s/alice/liked")).await;
            assert_eq!((&info["likes"], &info["trendingScore"]), (&json!(2), &json!(2.0)));
            let likers = world.ask("GET", &format!("/api/{kind}s/alice/liked/likers"), None).await;
            let likers = likers.json();
            let users: Vec<_> = likers.as_array().unwrap().iter().map(|one| &one["user"]).collect();
            assert_eq!(users.len(), 2);
            assert!(users.contains(&&json!("bob")), "{likers}");
            assert!(likers[0]["fullname"].is_string() && likers[0]["avatarUrl"].is_string());
        }
        let likes = world.ask("GET", "/api/users/BOB/likes", None).await.json();
        let kinds: Vec<_> =
            likes.as_array().unwrap().iter().map(|one| one["repo"]["type"].clone()).collect();
        assert_eq!(kinds, ["space", "dataset", "model"]);
        assert_eq!(likes[0]["repo"]["name"], "alice/liked");
        assert!(likes[0]["createdAt"].as_str().unwrap().ends_with('Z'));
        let gone = world.ask("DELETE", "/api/models/alice/liked/like", Some(&world.bob)).await;
        assert_eq!(gone.json(), json!({"liked": false, "likes": 1}));
        let again = world.ask("DELETE", "/api/models/alice/liked/like", Some(&world.bob)).await;
        assert_eq!(again.json(), json!({"liked": false, "likes": 1}), "once is enough");
        let missing = world.ask("DELETE", "/api/models/alice/none/like", Some(&world.bob)).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        assert_eq!(missing.header("x-error-code"), "RepoNotFound");
        let nobody = world.ask("POST", "/api/models/alice/liked/like", None).await;
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
        let missing = world.ask("GET", "/api/users/nobody/likes", None).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn lists_of_likes_link_to_their_next_page() {
    for world in World::all().await {
        for n in 0..3 {
            world.repo("model", &format!("m{n}"), false, &[]).await;
            world.ask("POST", &format!("/api/models/alice/m{n}/like"), Some(&world.bob)).await;
        }
        let mut path = "/api/users/bob/likes?limit=2".to_owned();
        let mut names = Vec::new();
        loop {
            let page = world.ask("GET", &path, None).await;
            names.extend(
                page.json().as_array().unwrap().iter().map(|one| one["repo"]["name"].clone()),
            );
            let link = page.header("link").to_owned();
            let Some(url) = link.strip_prefix("<http://hub.test:80") else { break };
            path = url.split_once(">; rel=\"next\"").unwrap().0.to_owned();
        }
        assert_eq!(names, ["alice/m2", "alice/m1", "alice/m0"]);
        let forged = world.ask("GET", "/api/users/bob/likes?cursor=6162", None).await;
        assert_eq!(forged.status, StatusCode::BAD_REQUEST);
        let forged = world.ask("GET", "/api/models/alice/m0/likers?limit=x", None).await;
        assert_eq!(forged.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn strangers_learn_nothing_of_a_private_repository_by_its_likes() {
    for world in World::all().await {
        world.repo("model", "secret", true, &[]).await;
        let liked = world.ask("POST", "/api/models/alice/secret/like", Some(&world.alice)).await;
        assert_eq!(liked.status, StatusCode::OK);
        for (method, what) in
            [("POST", "like"), ("DELETE", "like"), ("GET", "likers"), ("GET", "usage")]
        {
            let hidden = format!("/api/models/alice/secret/{what}");
            let missing = format!("/api/models/alice/nothing/{what}");
            let hidden = world.ask(method, &hidden, Some(&world.bob)).await;
            let missing = world.ask(method, &missing, Some(&world.bob)).await;
            assert_eq!((hidden.status, &hidden.body), (missing.status, &missing.body), "{what}");
            assert_eq!(hidden.status, StatusCode::NOT_FOUND);
        }
        let seen_by = async |token| {
            world.ask("GET", "/api/users/alice/likes", token).await.json().as_array().unwrap().len()
        };
        assert_eq!((seen_by(None).await, seen_by(Some(&*world.bob)).await), (0, 0));
        assert_eq!(seen_by(Some(&*world.alice)).await, 1);
    }
}

#[tokio::test]
async fn downloads_are_counted_by_the_files_that_are_loaded() {
    for world in World::all().await {
        world.repo("model", "m", false, &["config.json", "README.md", "a.gguf"]).await;
        let file = "/alice/m/resolve/main/config.json";
        // As huggingface_hub loads a file, as an older client does, and as curl does.
        for headers in [&[("x-hf-download-counter", "1")][..], &[]] {
            assert_eq!(world.load("HEAD", file, headers).await, StatusCode::OK);
            assert_eq!(world.load("GET", file, headers).await, StatusCode::OK);
        }
        assert_eq!(
            world.load("GET", file, &[("user-agent", "curl; is_ci/true")]).await,
            StatusCode::OK
        );
        world.load("GET", file, &[("range", "bytes=1-")]).await;
        world.load("GET", "/alice/m/resolve/main/README.md", &[]).await;
        world.load("GET", "/alice/m/resolve/main/missing.gguf", &[]).await;
        world.load("GET", "/alice/m/raw/main/config.json", &[]).await;
        let info = world.info("/api/models/alice/m").await;
        assert_eq!((&info["downloads"], &info["downloadsAllTime"]), (&json!(3), &json!(3)));
        world.load("GET", "/alice/m/resolve/main/a.gguf", &[]).await;
        let info = world.info("/api/models/alice/m?expand=downloads&expand=likes").await;
        assert_eq!((&info["downloads"], &info["likes"]), (&json!(4), &json!(0)));
        assert!(info.get("trendingScore").is_none(), "only what was asked for");
        let usage = world.info("/api/models/alice/m/usage").await;
        assert_eq!((&usage["downloads"], &usage["downloadsByCi"]), (&json!(4), &json!(1)));
        let day =
            json!({"day": "2026-01-02", "downloads": 4, "downloaders": 1, "downloadsByCi": 1});
        assert_eq!(usage["days"], json!([day]));
        assert_eq!(usage["trend"]["halfLifeDays"], 7);
    }
}

#[tokio::test]
async fn a_dataset_is_loaded_once_by_an_address_that_a_trusted_proxy_tells() {
    for stores in Stores::available() {
        let setup = TestHub::on(stores).with_settings(|settings| settings.trusted_proxies = 1);
        let test = setup.start().await.unwrap();
        let alice = test.user("alice", TokenRole::Write).await.unwrap();
        let world = World { test, bob: alice.clone(), alice };
        let files = ["a.parquet", "b.parquet", "c.parquet"];
        world.repo("dataset", "d", false, &files).await;
        for address in ["1.1.1.1", "6.6.6.6, 1.1.1.1", "2.2.2.2"] {
            for file in files {
                let path = format!("/datasets/alice/d/resolve/main/{file}");
                let headers = [("x-forwarded-for", address)];
                assert_eq!(world.load("GET", &path, &headers).await, StatusCode::OK);
            }
        }
        let info = world.info("/api/datasets/alice/d").await;
        assert_eq!(info["downloads"], json!(2), "what a client writes into the header is not read");
    }
}
