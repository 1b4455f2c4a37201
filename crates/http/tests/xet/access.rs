//! Hashes are no secrets: knowing one gives nothing.

use std::time::Duration;

use steelyard_core::Visibility::{Private, Public};
use steelyard_core::{TokenRole, XetHash};

use crate::client::Packed;
use crate::world::{CAS, World, hub_token, on_every_store};

on_every_store!(a_file_is_read_through_its_repository, stored_xorbs_are_told_to_nobody_else);

async fn a_file_is_read_through_its_repository(w: World) {
    w.create_repo("alice", "secret", Private).await;
    w.create_repo("bob", "mine", Public).await;
    let packed = Packed::noise(1, 300_000);
    w.upload("alice/secret", "alice", &packed).await;
    w.commit("alice/secret", "alice", "a.bin", &packed).await.expect(200);
    let alice = w.token("alice/secret", "read", "alice").await;
    let others = [
        w.token("bob/mine", "read", "bob").await,
        w.token("bob/mine", "write", "bob").await,
        w.token("bob/mine", "read", "").await,
    ];
    let file = packed.file;
    let unknown = XetHash::new([9; 32]);
    let paths = |file: &XetHash| {
        [
            ("GET", format!("/v1/reconstructions/{file}")),
            ("GET", format!("/v2/reconstructions/{file}")),
            ("GET", format!("/v1/reconstructions?file_id={file}")),
            ("HEAD", format!("/v1/files/{file}")),
        ]
    };
    for ((method, path), (_, missing)) in paths(&file).iter().zip(paths(&unknown)) {
        w.cas(method, path, &alice, "").await.expect(200);
        for token in &others {
            let hidden = w.cas(method, path, token, "").await.expect(404);
            let missing = w.cas(method, &missing, token, "").await.expect(404);
            assert_eq!(hidden.body, missing.body, "{path}");
            assert_eq!(hidden.header("x-error-message"), missing.header("x-error-message"));
        }
    }
    let chunk = packed.xorb.table.hash(0).unwrap();
    for prefix in ["default", "default-merkledb"] {
        let path = format!("/v1/chunks/{prefix}/{chunk}");
        w.cas("GET", &path, &alice, "").await.expect(200);
        for token in &others {
            w.cas("GET", &path, token, "").await.expect(404);
        }
    }
}

async fn stored_xorbs_are_told_to_nobody_else(w: World) {
    w.create_repo("alice", "secret", Private).await;
    w.create_repo("bob", "mine", Private).await;
    let packed = Packed::noise(2, 200_000);
    w.upload("alice/secret", "alice", &packed).await;
    let bob = w.token("bob/mine", "write", "bob").await;
    let size = format!("/v1/xorbs/default/{}", packed.xorb.hash);
    w.ask_grant(&bob, &packed).await.expect(w.wanted());
    w.cas("HEAD", &size, &bob, "").await.expect(404);
    // To refer to it is as if it were missing, too.
    let refused = w.cas("POST", "/v1/shards", &bob, packed.shard()).await.expect(400);
    assert!(refused.header("x-error-message").contains(&packed.xorb.hash.to_string()));
    let inserted = w.put_xorb(&bob, &packed).await.expect(200);
    assert_eq!(inserted.json()["was_inserted"], true, "as if nobody had had it");
    w.ask_grant(&bob, &packed).await.expect(200);
    let head = w.cas("HEAD", &size, &bob, "").await.expect(200);
    assert_eq!(head.header("content-length"), packed.xorb.bytes.len().to_string());
    w.cas("POST", "/v1/shards", &bob, packed.shard()).await.expect(200);
}

#[tokio::test]
async fn only_tokens_of_the_content_store_count() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let read = w.token("alice/m", "read", "alice").await;
    let forged = {
        let mut forged = read.clone().into_bytes();
        let last = forged.len() - 2;
        forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
        String::from_utf8(forged).unwrap()
    };
    let hub = hub_token("alice", TokenRole::Write);
    let hash = "0".repeat(64);
    for (method, path, writes) in [
        ("POST", format!("/v1/xorb-grants/default/{hash}"), true),
        ("POST", format!("/v1/xorbs/default/{hash}"), true),
        ("POST", format!("/v1/xorb-commits/default/{hash}/grant/x"), true),
        ("POST", "/v1/shards".to_owned(), true),
        ("POST", "/v2/shards".to_owned(), true),
        ("HEAD", format!("/v1/xorbs/default/{hash}"), false),
        ("HEAD", format!("/v1/files/{hash}"), false),
        ("GET", format!("/v1/chunks/default/{hash}"), false),
        ("GET", format!("/v1/reconstructions/{hash}"), false),
        ("GET", format!("/v2/reconstructions/{hash}"), false),
        ("GET", format!("/v1/reconstructions?file_id={hash}"), false),
        ("GET", format!("/v2/file-chunk-hashes/{hash}"), false),
        ("POST", "/v1/reconstructions".to_owned(), false),
        ("POST", "/v1/telemetry".to_owned(), false),
    ] {
        let path = format!("{CAS}{path}");
        for token in [None, Some(""), Some("xet_"), Some(&*hub), Some(&*forged)] {
            let refused = w.call(method, &path, token, &[], "").await;
            assert_eq!(refused.status, 401, "{method} {path} {token:?}");
        }
        let status = w.call(method, &path, Some(&read), &[], "").await.status;
        assert_eq!(status == 403, writes, "{method} {path} {status}");
        assert_ne!(status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn a_token_says_only_what_was_allowed() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let packed = Packed::noise(3, 100_000);
    w.upload("alice/m", "alice", &packed).await;
    w.commit("alice/m", "alice", "a.bin", &packed).await.expect(200);
    let tokens = [w.token("alice/m", "read", "bob").await, w.token("alice/m", "read", "").await];
    for token in &tokens {
        w.plan(token, &packed.file, None).await.expect(200);
    }
    let alice = hub_token("alice", TokenRole::Write);
    let url = "/api/models/alice/m/settings";
    w.call("PUT", url, Some(&alice), &[], r#"{"private": true}"#).await.expect(200);
    w.clock.advance(Duration::from_secs(11));
    let statuses = [(&tokens[0], 404), (&tokens[1], 401)];
    for (token, status) in statuses {
        let refused = w.plan(token, &packed.file, None).await.expect(status);
        assert_eq!(refused.header("x-error-code"), "RepoNotFound");
    }
}

#[tokio::test]
async fn everything_else_is_missing_in_json() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let token = w.token("alice/m", "write", "alice").await;
    let hash = "0".repeat(64);
    for (method, path) in [
        ("GET", String::new()),
        ("GET", "/".to_owned()),
        ("GET", "/v1".to_owned()),
        ("GET", "/v3/reconstructions/x".to_owned()),
        ("GET", format!("/v1/xorb-commits/default/{hash}/grant/x")),
        ("POST", format!("/v1/xorb-commits/default/{hash}/grant/x")),
        ("GET", format!("/v1/file-chunk-hashes/{hash}")),
        // Paths that are there, for other methods.
        ("GET", format!("/v1/xorb-grants/default/{hash}")),
        ("PUT", format!("/v1/xorbs/default/{hash}")),
        ("GET", format!("/v1/xorbs/default/{hash}")),
        ("GET", format!("/v1/files/{hash}")),
        ("GET", "/v1/shards".to_owned()),
        ("DELETE", "/v2/shards".to_owned()),
        ("POST", format!("/v2/reconstructions/{hash}")),
        ("POST", format!("/v1/chunks/default/{hash}")),
        ("POST", format!("/x/{hash}.00000000")),
        ("OPTIONS", "/v1/telemetry".to_owned()),
        // Name spaces that are not there.
        ("POST", format!("/v1/xorb-grants/other/{hash}")),
        ("POST", format!("/v1/xorbs/default-merkledb/{hash}")),
        ("GET", format!("/v1/chunks/other/{hash}")),
    ] {
        let missing = w.cas(method, &path, &token, "{}").await;
        assert_eq!(missing.status, 404, "{method} {path}");
        assert_eq!(missing.header("content-type"), "application/json", "{method} {path}");
        assert!(missing.json()["error"].is_string(), "{method} {path}");
    }
    // Elsewhere a wrong method is a wrong method.
    assert_eq!(w.ask("DELETE", "/api/models", None).await.status, 405);
}
