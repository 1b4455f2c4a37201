//! The contract at the level of headers and bodies, on every pair of stores this machine has.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail loudly")]

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::{Value, json};
use steelyard_core::TokenRole;
use steelyard_testkit::{Answer, Stores, TestHub};

struct Asker {
    test: TestHub,
    token: String,
}

impl Asker {
    async fn on(stores: Stores) -> Self {
        let test = TestHub::start(stores).await.unwrap();
        let token = test.user("alice", TokenRole::Write).await.unwrap();
        Self { test, token }
    }

    /// Comes with alice's token unless `headers` has another one, or an empty one for none.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let is_other = headers.iter().any(|(name, _)| *name == "authorization");
        let token = Some(&*self.token).filter(|_| !is_other);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .chain([&("host", "hub.test:80")])
            .copied()
            .collect();
        self.test.call(method, path, token, &headers, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], Body::empty()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[], body.to_string()).await
    }

    /// A repository with these text files.
    async fn repo(&self, name: &str, files: &[(&str, &str)]) -> String {
        let made = self.post("/api/repos/create", &json!({"name": name})).await;
        assert_eq!(made.status, StatusCode::OK, "{:?}", String::from_utf8_lossy(&made.body));
        let mut lines = vec![
            json!({"key": "header", "value": {"summary": "files", "description": ""}}).to_string(),
        ];
        for (path, content) in files {
            lines.push(json!({"key": "file", "value": {"path": path, "content": content, "encoding": "utf-8"}}).to_string());
        }
        let path = format!("/api/models/alice/{name}/commit/main");
        let made = self.ask("POST", &path, &[], lines.join("\n")).await;
        assert_eq!(made.status, StatusCode::OK, "{:?}", String::from_utf8_lossy(&made.body));
        made.json()["commitOid"].as_str().unwrap().to_owned()
    }
}

/// Runs the same test on every pair of stores.
macro_rules! on_stores {
    ($($(#[$doc:meta])* async fn $name:ident($asker:ident) $body:block)*) => {
        $(#[tokio::test]
        $(#[$doc])*
        async fn $name() {
            for stores in Stores::available() {
                let $asker = Asker::on(stores).await;
                $body
            }
        })*
    };
}

on_stores! {
    async fn every_answer_carries_the_request_id(hub) {
        for path in ["/api/whoami-v2", "/api/tasks", "/nowhere"] {
            let answer = hub.ask("GET", path, &[("x-request-id", "mine"), ("x-amzn-trace-id", "t")], Body::empty()).await;
            assert_eq!(answer.header("x-request-id"), "mine");
            let answer = hub.ask("GET", path, &[("x-amzn-trace-id", "trace")], Body::empty()).await;
            assert_eq!(answer.header("x-request-id"), "trace");
            assert!(!hub.get(path).await.header("x-request-id").is_empty());
        }
    }

    async fn resolve_answers_head_get_ranges_and_conditions(hub) {
        let sha = hub.repo("files", &[("a.txt", "0123456789")]).await;
        let head = hub.ask("HEAD", "/alice/files/resolve/main/a.txt", &[], Body::empty()).await;
        assert_eq!((head.status, head.header("content-length")), (StatusCode::OK, "10"));
        assert_eq!(head.header("x-repo-commit"), sha);
        assert_eq!(head.header("accept-ranges"), "bytes");
        let etag = head.header("etag").to_owned();
        assert_eq!(etag.len(), 42, "the id of a git blob in quotes");
        for (range, status, bytes, content_range) in [
            ("bytes=2-4", StatusCode::PARTIAL_CONTENT, "234", "bytes 2-4/10"),
            ("bytes=7-", StatusCode::PARTIAL_CONTENT, "789", "bytes 7-9/10"),
            ("bytes=-2", StatusCode::PARTIAL_CONTENT, "89", "bytes 8-9/10"),
            ("bytes=5-100", StatusCode::PARTIAL_CONTENT, "56789", "bytes 5-9/10"),
            ("bytes=10-", StatusCode::RANGE_NOT_SATISFIABLE, "", "bytes */10"),
            ("bytes=x", StatusCode::OK, "0123456789", ""),
        ] {
            let part = hub.ask("GET", "/alice/files/resolve/main/a.txt", &[("range", range)], Body::empty()).await;
            assert_eq!((part.status, String::from_utf8_lossy(&part.body).as_ref()), (status, bytes), "{range}");
            assert_eq!(part.header("content-range"), content_range, "{range}");
        }
        let same = hub.ask("GET", &format!("/alice/files/resolve/{sha}/a.txt"), &[("if-none-match", &etag)], Body::empty()).await;
        assert_eq!(same.status, StatusCode::NOT_MODIFIED);
        let missing = hub.get("/alice/files/resolve/main/b.txt").await;
        assert_eq!((missing.status, missing.header("x-error-code")), (StatusCode::NOT_FOUND, "EntryNotFound"));
        assert_eq!(missing.header("x-repo-commit"), sha, "clients remember that this commit has no such file");
        let missing = hub.get("/alice/files/resolve/nope/a.txt").await;
        assert_eq!((missing.status, missing.header("x-error-code")), (StatusCode::NOT_FOUND, "RevisionNotFound"));
        assert_eq!(hub.get("/alice/files/raw/main/a.txt").await.body, &b"0123456789"[..]);
    }

    async fn renamed_repositories_redirect_everywhere_and_relatively(hub) {
        let sha = hub.repo("old", &[("a.txt", "x")]).await;
        let moved = hub.post("/api/repos/move", &json!({"fromRepo": "alice/old", "toRepo": "alice/new"})).await;
        assert_eq!(moved.status, StatusCode::OK);
        for (path, location) in [
            ("/api/models/alice/old?expand=sha", "/api/models/alice/new?expand=sha".to_owned()),
            ("/api/models/alice/old/tree/main", "/api/models/alice/new/tree/main".to_owned()),
            ("/alice/old/resolve/refs%2Fheads%2Fmain/a.txt", "/alice/new/resolve/refs%2Fheads%2Fmain/a.txt".to_owned()),
            (&format!("/alice/OLD/resolve/{sha}/a.txt"), format!("/alice/new/resolve/{sha}/a.txt")),
        ] {
            let answer = hub.get(path).await;
            assert_eq!((answer.status, answer.header("location")), (StatusCode::TEMPORARY_REDIRECT, &*location), "{path}");
        }
        hub.repo("old", &[("b.txt", "another repository takes the name")]).await;
        assert_eq!(hub.get("/alice/old/resolve/main/b.txt").await.status, StatusCode::OK);
    }

    async fn creating_what_exists_names_it(hub) {
        hub.repo("here", &[("a", "a")]).await;
        let again = hub.post("/api/repos/create", &json!({"name": "HERE"})).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        assert_eq!(again.json()["url"], "http://hub.test:80/alice/here");
        let foreign = hub.post("/api/repos/create", &json!({"name": "x", "organization": "somebody"})).await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN);
        for (body, field) in [
            (json!({"name": "a--b"}), "name"),
            (json!({"name": "x", "type": "thing"}), "type"),
            (json!({"name": "x", "visibility": "secret"}), "visibility"),
            (json!({"name": "x", "type": "space"}), "sdk"),
        ] {
            let answer = hub.post("/api/repos/create", &body).await;
            assert_eq!((answer.status, answer.json()["field"].as_str()), (StatusCode::BAD_REQUEST, Some(field)));
        }
        let refused = hub.post("/api/repos/create", &json!({"name": "x", "hardware": "a100"})).await;
        assert_eq!(refused.status, StatusCode::NOT_IMPLEMENTED);
        assert!(refused.header("x-error-message").contains("hardware"));
    }

    async fn lists_are_paged_by_absolute_links(hub) {
        let names: Vec<String> = (0..7).map(|number| format!("f{number}.txt")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
        hub.repo("many", &files).await;
        let mut path = "/api/models/alice/many/tree/main?recursive=true&expand=false&limit=3".to_owned();
        let mut seen = Vec::new();
        for _ in 0..5 {
            let page = hub.get(&path).await;
            seen.extend(page.json().as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap().to_owned()));
            let Some(next) = page.header("link").strip_prefix('<') else { break };
            let next = next.strip_suffix(">; rel=\"next\"").unwrap();
            path = next.strip_prefix("http://hub.test:80").unwrap().to_owned();
        }
        let mut expected = vec![".gitattributes".to_owned()];
        expected.extend(names.clone());
        assert_eq!(seen, expected);
    }

    async fn expand_knows_its_names(hub) {
        hub.repo("expand", &[("README.md", "---\nlicense: mit\n---\n"), ("config.json", "{\"model_type\": \"bert\"}")]).await;
        let bad = hub.get("/api/models/alice/expand?expand=author&expand=nonsense").await;
        assert_eq!(bad.status, StatusCode::BAD_REQUEST);
        let text = bad.json()["error"].as_str().unwrap().to_owned();
        assert!(text.contains("expected one of \"author\"|\"baseModels\"") && text.ends_with("at expand[1]"), "{text}");
        let some = hub.get("/api/models/alice/expand?expand[]=sha&expand[]=cardData").await.json();
        let keys: Vec<&String> = some.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["_id", "id", "modelId", "sha", "cardData"]);
        assert_eq!(some["cardData"]["license"], "mit");
        let all = hub.get("/api/models/alice/expand").await.json();
        assert!(all["tags"].as_array().unwrap().contains(&json!("license:mit")));
        assert!(all["siblings"][0].get("size").is_none());
        assert!(hub.get("/api/models/alice/expand?blobs=true").await.json()["siblings"][0]["size"].is_u64());
    }

    async fn bodies_over_the_limits_are_refused_before_they_cost(hub) {
        hub.repo("limits", &[("a", "a")]).await;
        let files: Vec<Value> = (0..1001).map(|n| json!({"path": format!("f{n}"), "size": 1, "sample": ""})).collect();
        let answer = hub.post("/api/models/alice/limits/preupload/main", &json!({"files": files})).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        let big = "x".repeat(11 * 1024 * 1024);
        let lines = format!(
            "{}\n{}",
            json!({"key": "header", "value": {"summary": "big"}}),
            json!({"key": "file", "value": {"path": "big.txt", "content": big, "encoding": "utf-8"}})
        );
        let answer = hub.ask("POST", "/api/models/alice/limits/commit/main", &[], lines).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answer.header("x-error-message").contains("big.txt") && answer.header("x-error-message").contains("LFS"));
        let huge = "x".repeat(9 * 1024 * 1024);
        let answer = hub.ask("POST", "/api/repos/create", &[], huge).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    }

    async fn a_commit_names_only_large_files_the_repository_was_given(hub) {
        hub.repo("lfs", &[("a", "a")]).await;
        let lines = format!(
            "{}\n{}",
            json!({"key": "header", "value": {"summary": "x"}}),
            json!({"key": "lfsFile", "value": {"path": "m.bin", "algo": "sha256", "oid": "ab".repeat(32), "size": 3}})
        );
        let answer = hub.ask("POST", "/api/models/alice/lfs/commit/main", &[], lines).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.json()["error"].as_str().unwrap().contains("was not uploaded"));
    }

    async fn guessing_tokens_is_slowed_down(hub) {
        let mut last = StatusCode::OK;
        for _ in 0..40 {
            let answer = hub.ask("GET", "/api/whoami-v2", &[("authorization", "Bearer hf_guess")], Body::empty()).await;
            last = answer.status;
            if last == StatusCode::TOO_MANY_REQUESTS {
                assert!(!answer.header("retry-after").is_empty());
                break;
            }
            assert_eq!(last, StatusCode::UNAUTHORIZED);
            assert_eq!(answer.header("x-error-message"), "Invalid credentials in Authorization header");
        }
        assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    }

    async fn validate_yaml_speaks_json_and_text(hub) {
        let good = hub.post("/api/validate-yaml", &json!({"content": "---\nlicense: mit\n---\n", "repoType": "model"})).await;
        assert_eq!((good.status, good.json()), (StatusCode::OK, json!({"errors": [], "warnings": []})));
        let bare = hub.post("/api/validate-yaml", &json!({"content": "# hi", "repoType": "model"})).await;
        assert_eq!(bare.status, StatusCode::OK);
        assert_eq!(bare.json()["warnings"].as_array().unwrap().len(), 1);
        let body = json!({"content": "---\nlicense: asdf\n---\n", "repoType": "model"}).to_string();
        let headers = [("accept", "text/plain"), ("authorization", "")];
        let bad = hub.ask("POST", "/api/validate-yaml", &headers, body).await;
        assert_eq!(bad.status, StatusCode::BAD_REQUEST);
        assert!(String::from_utf8_lossy(&bad.body).starts_with("- Error: \"license\" must be one of"));
    }
}

#[tokio::test]
async fn the_author_of_a_pull_request_goes_on_committing_to_it() {
    for stores in Stores::available() {
        let hub = Asker::on(stores).await;
        hub.repo("public", &[("a.txt", "a")]).await;
        let [bob, carol] = ["bob", "carol"].map(|name| {
            let test = &hub.test;
            async move { format!("Bearer {}", test.user(name, TokenRole::Write).await.unwrap()) }
        });
        let (bob, carol) = (bob.await, carol.await);
        let lines = |path: &str| {
            let header = json!({"key": "header", "value": {"summary": "s"}});
            let file = json!({"key": "file", "value": {"path": path, "content": "x", "encoding": "utf-8"}});
            format!("{header}\n{file}")
        };
        let base = "/api/models/alice/public/commit";
        let opened = hub
            .ask(
                "POST",
                &format!("{base}/main?create_pr=1"),
                &[("authorization", &bob)],
                lines("b"),
            )
            .await;
        assert_eq!(
            opened.json()["pullRequestUrl"],
            "http://hub.test:80/alice/public/discussions/1"
        );
        let pr = format!("{base}/refs%2Fpr%2F1");
        let more = hub.ask("POST", &pr, &[("authorization", &bob)], lines("c")).await;
        assert_eq!(more.status, StatusCode::OK, "{}", String::from_utf8_lossy(&more.body));
        let other = hub.ask("POST", &pr, &[("authorization", &carol)], lines("d")).await;
        assert_eq!(other.status, StatusCode::FORBIDDEN);
        let main =
            hub.ask("POST", &format!("{base}/main"), &[("authorization", &bob)], lines("e")).await;
        assert_eq!(main.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_card_with_errors_is_refused_with_its_line() {
    let hub = Asker::on(Stores::Embedded).await;
    hub.repo("card", &[("a.txt", "a")]).await;
    let header = json!({"key": "header", "value": {"summary": "s"}});
    let card = "---\ntags: [x]\nlicense: asdf\n---\n";
    let file = json!({"key": "file", "value": {"path": "README.md", "content": card, "encoding": "utf-8"}});
    let answer = hub
        .ask("POST", "/api/models/alice/card/commit/main", &[], format!("{header}\n{file}"))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let text = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(text.contains("\"license\" must be one of") && text.contains("(line 3)"), "{text}");
}

#[tokio::test]
async fn headers_of_weights_are_part_of_the_info() {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    for stores in Stores::available() {
        let hub = Asker::on(stores).await;
        hub.repo("weights", &[("a.txt", "a")]).await;
        let header = r#"{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#;
        let mut tensors = (header.len() as u64).to_le_bytes().to_vec();
        tensors.extend(header.as_bytes());
        tensors.extend([0; 24]);
        let lines = [
            json!({"key": "header", "value": {"summary": "weights"}}),
            json!({"key": "file", "value": {"path": "m.gguf", "encoding": "base64",
                "content": encode(&steelyard_testkit::gguf(&[("general.architecture", "llama")]))}}),
            json!({"key": "file", "value": {"path": "model.safetensors", "encoding": "base64", "content": encode(&tensors)}}),
        ];
        let body = lines.map(|line| line.to_string()).join("\n");
        assert_eq!(
            hub.ask("POST", "/api/models/alice/weights/commit/main", &[], body).await.status,
            StatusCode::OK
        );
        let info = hub
            .get("/api/models/alice/weights?expand=gguf&expand=safetensors&expand=tags")
            .await
            .json();
        assert_eq!(info["gguf"]["architecture"], "llama", "{info}");
        assert_eq!(info["safetensors"], json!({"parameters": {"F32": 6}, "total": 6}));
        assert!(info["tags"].as_array().unwrap().contains(&json!("gguf")));
        let path = "/api/models/alice/weights/safetensors-metadata/model.safetensors";
        assert_eq!(hub.get(path).await.json()["headers"]["model.safetensors"]["w"]["dtype"], "F32");
        let bad = hub.get("/api/models/alice/weights/safetensors-metadata/m.gguf").await;
        assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn history_of_a_protected_branch_only_grows() {
    let hub = Asker::on(Stores::Embedded).await;
    hub.repo("kept", &[("a.txt", "a")]).await;
    let bad = hub
        .ask("PUT", "/api/models/alice/kept/settings", &[], r#"{"protectedBranches": ["a..b"]}"#)
        .await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    let set = hub
        .ask(
            "PUT",
            "/api/models/alice/kept/settings",
            &[],
            r#"{"protectedBranches": ["main", "dev"]}"#,
        )
        .await;
    assert_eq!(set.status, StatusCode::OK);
    assert_eq!(
        hub.post("/api/models/alice/kept/branch/dev", &json!({})).await.status,
        StatusCode::OK
    );
    for (method, path) in [
        ("POST", "/api/models/alice/kept/super-squash/main"),
        ("DELETE", "/api/models/alice/kept/branch/dev"),
    ] {
        let refused = hub.ask(method, path, &[], Body::empty()).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert!(refused.header("x-error-message").contains("protected"), "{path}");
    }
    hub.ask("PUT", "/api/models/alice/kept/settings", &[], r#"{"protectedBranches": []}"#).await;
    assert_eq!(
        hub.ask("DELETE", "/api/models/alice/kept/branch/dev", &[], Body::empty()).await.status,
        StatusCode::OK
    );
}
