//! A hub with repositories in it, and a browser without a window.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::json;
use steelyard_core::TokenRole;
use steelyard_testkit::{Stores, TestHub};
use tower::ServiceExt as _;

/// Longest page that a test looks at.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(crate) struct World {
    pub(crate) test: TestHub,
    /// One for all requests, as in a process, with what it keeps.
    router: Router,
    pub(crate) alice: String,
    pub(crate) mallory: String,
}

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Fails unless the page has all of this.
    #[track_caller]
    pub(crate) fn has(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.body.contains(part), "no {part:?} in {} {}", self.status, self.body);
        }
        self
    }

    /// Fails if the page has any of this.
    #[track_caller]
    pub(crate) fn lacks(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(!self.body.contains(part), "{part:?} in {}", self.body);
        }
        self
    }
}

impl World {
    pub(crate) async fn on(stores: Stores) -> Self {
        Self::of(TestHub::start(stores).await.unwrap()).await
    }

    pub(crate) async fn of(test: TestHub) -> Self {
        let alice = test.user("alice", TokenRole::Write).await.unwrap();
        let mallory = test.user("mallory", TokenRole::Write).await.unwrap();
        let router = steelyard_web::build_router(test.hub.clone());
        Self { test, router, alice, mallory }
    }

    pub(crate) async fn all() -> Vec<Self> {
        let mut worlds = Vec::new();
        for stores in Stores::available() {
            worlds.push(Self::on(stores).await);
        }
        worlds
    }

    /// What a browser sees without a session.
    pub(crate) async fn browse(&self, path: &str) -> Page {
        self.ask("GET", path, None, "text/html,application/xhtml+xml,*/*;q=0.8").await
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        accept: &str,
    ) -> Page {
        let mut request = Request::builder().method(method).uri(path).header("host", "hub.test");
        request = request.header("accept", accept);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Page {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        Page { status: parts.status, headers: parts.headers, body }
    }

    /// A repository of alice's with these files.
    pub(crate) async fn repo(&self, kind: &str, name: &str, private: bool, files: &[(&str, &str)]) {
        let sdk = (kind == "space").then_some("static");
        let body = json!({"name": name, "type": kind, "private": private, "sdk": sdk}).to_string();
        let alice = Some(&*self.alice);
        let made = self.test.call("POST", "/api/repos/create", alice, &[], body).await.unwrap();
        assert_eq!(made.status, StatusCode::OK, "{:?}", made.body);
        self.commit(kind, name, "files", files).await;
    }

    /// A commit on main; its id.
    pub(crate) async fn commit(
        &self,
        kind: &str,
        name: &str,
        summary: &str,
        files: &[(&str, &str)],
    ) -> String {
        let mut lines = vec![json!({"key": "header", "value": {"summary": summary}}).to_string()];
        for (path, content) in files {
            let file = json!({"path": path, "content": content, "encoding": "utf-8"});
            lines.push(json!({"key": "file", "value": file}).to_string());
        }
        let path = format!("/api/{kind}s/alice/{name}/commit/main");
        let alice = Some(&*self.alice);
        let landed = self.test.call("POST", &path, alice, &[], lines.join("\n")).await.unwrap();
        assert_eq!(landed.status, StatusCode::OK, "{:?}", landed.body);
        landed.json()["commitOid"].as_str().unwrap().to_owned()
    }
}
