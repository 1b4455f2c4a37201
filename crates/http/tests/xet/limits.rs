//! What is too much.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use steelyard_core::Visibility::Public;
use steelyard_core::XetHash;
use steelyard_core::limits::{SHARD_BODY_BYTES_MAX, XORB_BODY_BYTES_MAX};

use crate::client::Packed;
use crate::world::{Answer, CAS, World};

/// So many bytes without an announced length.
fn endless(count: usize) -> Body {
    const PIECE: usize = 1024 * 1024;
    let pieces = (0..count.div_ceil(PIECE))
        .map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[0; PIECE])));
    Body::from_stream(stream::iter(pieces))
}

async fn announced(w: &World, path: &str, token: &str, length: usize) -> Answer {
    let length = length.to_string();
    let headers = [("content-length", &*length)];
    // Nothing follows, and nothing is waited for.
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    w.call("POST", &format!("{CAS}{path}"), Some(token), &headers, never).await
}

#[tokio::test]
async fn bodies_have_limits() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let token = w.token("alice/m", "write", "alice").await;
    let hash = XetHash::new([1; 32]);
    let mib = 1024 * 1024;
    for (path, limit) in [
        (format!("/v1/xorbs/default/{hash}"), XORB_BODY_BYTES_MAX),
        ("/v1/shards".to_owned(), SHARD_BODY_BYTES_MAX),
        ("/v2/shards".to_owned(), SHARD_BODY_BYTES_MAX),
        (format!("/v1/xorb-grants/default/{hash}"), mib),
        ("/v1/reconstructions".to_owned(), mib),
        ("/v1/telemetry".to_owned(), mib),
    ] {
        announced(&w, &path, &token, limit + 1).await.expect(413);
        let sent = w.cas("POST", &path, &token, endless(limit + 1)).await.expect(413);
        assert!(sent.header("x-error-message").contains(&limit.to_string()), "{path}");
        let url = format!("{CAS}{path}");
        w.call("POST", &url, Some(&token), &[("content-length", "x")], "").await.expect(400);
    }
}

#[tokio::test]
async fn reports_are_taken_and_forgotten() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let token = w.token("alice/m", "read", "").await;
    let report = r#"{"events": [{"name": "upload", "bytes": 5}]}"#;
    w.cas("POST", "/v1/telemetry", &token, report).await.expect(200);
    w.cas("POST", "/v1/telemetry", &token, "no json").await.expect(400);
    // Where hf_xet sends it.
    w.call("POST", "/v1/telemetry", Some(&token), &[], report).await.expect(200);
    w.call("POST", "/v1/telemetry", None, &[], report).await.expect(401);
}

#[tokio::test]
async fn lists_of_files_have_limits() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let token = w.token("alice/m", "read", "").await;
    let hashes: Vec<String> = (0..1025_u16)
        .map(|n| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&n.to_le_bytes());
            XetHash::new(bytes).to_string()
        })
        .collect();
    let list = |hashes: &[String]| {
        let keys =
            hashes.iter().map(|hash| format!(r#"{{"prefix": "default", "hash": "{hash}"}}"#));
        format!("[{}]", keys.collect::<Vec<_>>().join(","))
    };
    let post = async |body: String| w.cas("POST", "/v1/reconstructions", &token, body).await;
    post(list(&hashes)).await.expect(413);
    post(list(&hashes[..1024])).await.expect(404);
    post(list(&[])).await.expect(400);
    post(r#"[{"prefix": "default", "hash": "xyz"}]"#.to_owned()).await.expect(400);
    post(format!(r#"[{{"prefix": "other", "hash": "{}"}}]"#, hashes[0])).await.expect(404);
    let get =
        async |query: &str| w.cas("GET", &format!("/v1/reconstructions{query}"), &token, "").await;
    get("").await.expect(400);
    get("?file_id=xyz").await.expect(400);
    let ids: Vec<_> = hashes.iter().map(|hash| format!("file_id={hash}")).collect();
    get(&format!("?{}", ids[..600].join("&"))).await.expect(404);
}

/// Waits for memory as long as the hub does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_memory_clients_are_asked_to_come_again() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let token = w.token("alice/m", "write", "alice").await;
    let packed = Packed::noise(1, 100_000);
    let all = w.hub.xet_memory(u64::MAX).await.unwrap();
    let (xorb, shard, telling) = tokio::join!(
        w.put_xorb(&token, &packed),
        w.cas("POST", "/v1/shards", &token, packed.shard()),
        w.cas("POST", "/v2/shards", &token, packed.shard()),
    );
    for refused in [xorb, shard, telling] {
        let refused = refused.expect(503);
        assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
        assert!(refused.json()["error"].as_str().unwrap().contains("memory"));
    }
    // What needs no memory goes on.
    w.ask_grant(&token, &packed).await.expect(404);
    drop(all);
    w.put_xorb(&token, &packed).await.expect(200);
}
