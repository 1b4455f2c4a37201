//! Who gets which token.

use std::time::Duration;

use serde_json::json;
use steelyard_core::TokenRole;
use steelyard_core::Visibility::{Private, Public};

use crate::world::{CAS, ORIGIN, World, hub_token};

#[tokio::test]
async fn headers_and_body_say_the_same() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    for scope in ["read", "write"] {
        let answer = w.ask_token("alice/m", scope, Some("alice")).await.expect(200);
        let body = answer.json();
        assert_eq!(body["casUrl"], format!("{ORIGIN}{CAS}"));
        assert_eq!(body["exp"].as_i64().unwrap(), w.hub.now().secs() + 30 * 60);
        assert_eq!(answer.header("x-xet-cas-url"), body["casUrl"].as_str().unwrap());
        assert_eq!(answer.header("x-xet-access-token"), body["accessToken"].as_str().unwrap());
        assert_eq!(answer.header("x-xet-token-expiration"), body["exp"].to_string());
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
    }
}

#[tokio::test]
async fn whoever_may_read_gets_a_token_to_read() {
    let w = World::embedded().await;
    w.create_repo("alice", "public", Public).await;
    w.create_repo("alice", "secret", Private).await;
    let status = async |repo: &str, user| {
        let answer = w.ask_token(repo, "read", user).await;
        (answer.status.as_u16(), answer.header("x-error-code").to_owned())
    };
    for user in [None, Some("bob"), Some("alice")] {
        assert_eq!(status("alice/public", user).await.0, 200, "{user:?}");
    }
    let missing = |status| (status, "RepoNotFound".to_owned());
    assert_eq!(status("alice/secret", None).await, missing(401));
    assert_eq!(status("alice/secret", Some("bob")).await, missing(404));
    assert_eq!(status("alice/secret", Some("alice")).await.0, 200);
    assert_eq!(status("alice/nothing", None).await, missing(401));

    let url = "/api/models/alice/public/xet-read-token/main";
    let wrong = w.call("GET", url, Some("hf_nope"), &[], "").await.expect(401);
    assert_eq!(wrong.header("x-error-message"), "Invalid credentials in Authorization header");
    // git-xet comes with git's credentials.
    let basic = "Basic Z2l0OmhmX2FsaWNld3JpdGVhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh";
    let url = "/api/models/alice/secret/xet-read-token/main";
    w.call("GET", url, None, &[("authorization", basic)], "").await.expect(200);
}

#[tokio::test]
async fn revisions_of_every_kind_are_understood() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let info = w.ask("GET", "/api/models/alice/m", None).await.expect(200).json();
    let commit = info["sha"].as_str().unwrap().to_owned();
    open_pull_request(&w, "bob").await;
    let read = async |revision: &str| {
        let path = format!("/api/models/alice/m/xet-read-token/{revision}");
        let answer = w.ask("GET", &path, None).await;
        (answer.status.as_u16(), answer.header("x-error-code").to_owned())
    };
    for revision in ["main", &commit, "refs%2Fpr%2F1", "refs%2Fheads%2Fmain"] {
        assert_eq!(read(revision).await.0, 200, "{revision}");
    }
    for revision in ["nothing", "None", "refs%2Fpr%2F2", &"0".repeat(40), "main/config.json"] {
        let missing = (404, "RevisionNotFound".to_owned());
        assert_eq!(read(revision).await, missing, "{revision}");
    }
    for kind in ["datasets", "spaces"] {
        let path = format!("/api/{kind}/alice/m/xet-read-token/main");
        assert_eq!(w.ask("GET", &path, Some("alice")).await.status, 404, "{kind}");
    }
}

async fn open_pull_request(w: &World, user: &str) {
    let header = json!({"key": "header", "value": {"summary": "a proposal"}});
    let file = json!({"key": "file", "value": {"path": "a.txt", "content": "a"}});
    let body = format!("{header}\n{file}");
    let token = hub_token(user, TokenRole::Write);
    let url = "/api/models/alice/m/commit/main?create_pr=1";
    w.call("POST", url, Some(&token), &[], body).await.expect(200);
}

#[tokio::test]
async fn whoever_may_commit_gets_a_token_to_write() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    w.create_repo("alice", "secret", Private).await;
    open_pull_request(&w, "bob").await;
    let ask = async |user: &str, role, repo: &str, revision: &str| {
        let path = format!("/api/models/alice/{repo}/xet-write-token/{revision}");
        let token = hub_token(user, role);
        let bearer = Some(&*token).filter(|_| !user.is_empty());
        w.call("GET", &path, bearer, &[], "").await.status.as_u16()
    };
    let (read, write) = (TokenRole::Read, TokenRole::Write);
    let new_pr = "None?create_pr=1";
    for (user, role, repo, revision, status) in [
        ("alice", write, "m", "main", 200),
        ("root", write, "m", "main", 200),
        ("alice", read, "m", "main", 403),
        ("bob", write, "m", "main", 403),
        ("", write, "m", "main", 401),
        ("bob", write, "m", new_pr, 200),
        ("bob", write, "m", "main?create_pr=true", 200),
        ("bob", read, "m", new_pr, 403),
        ("", write, "m", new_pr, 401),
        ("alice", write, "m", "None", 404),
        ("alice", write, "m", "nothing", 404),
        ("alice", write, "m", "refs%2Fpr%2F1", 200),
        ("bob", write, "m", "refs%2Fpr%2F1", 200),
        ("alice", write, "m", "refs%2Fpr%2F2", 404),
        ("bob", write, "m", "refs%2Fpr%2F2", 403),
        ("bob", write, "secret", "main", 404),
        ("bob", write, "secret", new_pr, 404),
        ("", write, "secret", "main", 401),
    ] {
        let status_now = ask(user, role, repo, revision).await;
        assert_eq!(status_now, status, "{user} {role:?} {repo} {revision}");
    }
}

#[tokio::test]
async fn a_moved_repository_is_followed() {
    let w = World::embedded().await;
    w.create_repo("alice", "old", Public).await;
    let body = json!({"fromRepo": "alice/old", "toRepo": "alice/new"}).to_string();
    let token = hub_token("alice", TokenRole::Write);
    w.call("POST", "/api/repos/move", Some(&token), &[], body).await.expect(200);
    let moved = w.ask("GET", "/api/models/alice/old/xet-read-token/main?x=1", None).await;
    assert_eq!(moved.status, 307);
    assert_eq!(moved.header("location"), "/api/models/alice/new/xet-read-token/main?x=1");
}

#[tokio::test]
async fn tokens_end() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let token = w.token("alice/m", "read", "alice").await;
    let telemetry = async || w.cas("POST", "/v1/telemetry", &token, "{}").await;
    w.clock.advance(Duration::from_secs(30 * 60));
    telemetry().await.expect(200);
    w.clock.advance(Duration::from_secs(61));
    let ended = telemetry().await.expect(401);
    assert_eq!(ended.header("x-error-message"), "Invalid credentials in Authorization header");
}
