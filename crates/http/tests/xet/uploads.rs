//! Xorbs and shards on their way in.

use serde_json::{Value, json};
use steelyard_core::Visibility::Public;
use steelyard_core::XetHash;

use crate::client::Packed;
use crate::world::{Answer, World, on_every_store};

on_every_store!(a_file_goes_up, what_is_wrong_with_a_shard_is_the_last_line);

/// The lines of the answer to `POST v2/shards`.
fn lines(answer: Answer) -> Vec<Value> {
    let answer = answer.expect(200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn a_file_goes_up(w: World) {
    w.create_repo("alice", "m", Public).await;
    let token = w.token("alice/m", "write", "alice").await;
    let packed = Packed::noise(1, 500_000);
    let missing = w.ask_grant(&token, &packed).await.expect(w.wanted());
    assert_eq!(missing.header("content-type"), "application/json");
    let size = format!("/v1/xorbs/default/{}", packed.xorb.hash);
    w.cas("HEAD", &size, &token, "").await.expect(404);
    let taken = w.put_xorb(&token, &packed).await.expect(200);
    assert_eq!(taken.json(), json!({"was_inserted": true}));
    // From now on nothing is sent twice.
    w.ask_grant(&token, &packed).await.expect(200);
    let again = w.put_xorb(&token, &packed).await.expect(200);
    assert_eq!(again.json(), json!({"was_inserted": false}));
    let head = w.cas("HEAD", &size, &token, "").await.expect(200);
    assert_eq!(head.header("content-length"), packed.xorb.bytes.len().to_string());
    assert!(head.body.is_empty());

    let told = lines(w.cas("POST", "/v2/shards", &token, packed.shard()).await);
    assert_eq!(told.last().unwrap(), &json!({"type": "result", "result": 1}));
    assert!(told.iter().rev().skip(1).all(|line| line["type"] != "result"), "{told:?}");
    let again = w.cas("POST", "/v1/shards", &token, packed.shard()).await.expect(200);
    assert_eq!(again.json(), json!({"result": 0}));

    w.commit("alice/m", "alice", "dir/a.bin", &packed).await.expect(200);
    let resolved = w.ask("GET", "/alice/m/resolve/main/dir/a.bin", None).await.expect(200);
    assert!(resolved.body == packed.data);
    assert_eq!(resolved.header("x-xet-hash"), packed.file.to_string());
}

async fn what_is_wrong_with_a_shard_is_the_last_line(w: World) {
    w.create_repo("alice", "m", Public).await;
    let token = w.token("alice/m", "write", "alice").await;
    let packed = Packed::noise(2, 200_000);
    let shard = packed.shard();
    let refused = w.cas("POST", "/v1/shards", &token, shard.clone()).await.expect(400);
    let missing = packed.xorb.hash.to_string();
    assert!(refused.header("x-error-message").contains(&missing), "{:?}", refused.body);
    let told = lines(w.cas("POST", "/v2/shards", &token, shard.clone()).await);
    let last = told.last().unwrap();
    assert_eq!((&last["type"], &last["retryable"]), (&json!("error"), &json!(false)));
    assert!(last["message"].as_str().unwrap().contains(&missing), "{last}");

    w.put_xorb(&token, &packed).await.expect(200);
    // Another file than the chunks make, and no shard at all.
    let lie = packed.shard_of(std::slice::from_ref(&(0..1)), packed.file);
    for body in [lie, shard.slice(..shard.len() - 60), "{}".into(), "".into()] {
        w.cas("POST", "/v1/shards", &token, body.clone()).await.expect(400);
        let told = lines(w.cas("POST", "/v2/shards", &token, body).await);
        let last = told.last().unwrap();
        assert_eq!((&last["type"], &last["retryable"]), (&json!("error"), &json!(false)), "{last}");
    }
    w.commit("alice/m", "alice", "a.bin", &packed).await.expect(400);
    w.cas("POST", "/v1/shards", &token, shard).await.expect(200);
    w.commit("alice/m", "alice", "a.bin", &packed).await.expect(200);
}

/// What a client does with a grant: it puts the bytes where that says, and has them taken over.
async fn put_by_grant(w: &World, grant: &Value, bytes: &[u8]) -> u16 {
    assert_eq!(grant["method"], "PUT");
    let headers = grant["headers"].as_object().unwrap();
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (&**name, value.as_str().unwrap())).collect();
    let url = grant["url"].as_str().unwrap();
    w.call("PUT", url, None, &headers, bytes.to_vec()).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xorbs_go_past_the_hub_where_they_can() {
    let Some(w) = World::scaled_out().await else { return };
    w.create_repo("alice", "m", Public).await;
    w.create_repo("bob", "n", Public).await;
    let token = w.token("alice/m", "write", "alice").await;
    let packed = Packed::noise(4, 200_000);
    let hash = packed.xorb.hash;
    let grant = w.ask_grant(&token, &packed).await.expect(201);
    assert_eq!(grant.header("cache-control"), "no-store");
    let grant = grant.json();
    let commit = format!("/v1/xorb-commits/default/{hash}/grant/{}", grant["id"].as_str().unwrap());
    w.cas("POST", &commit, &token, "").await.expect(404);
    assert_eq!(put_by_grant(&w, &grant, b"other bytes").await, 400, "the checksum is held to");
    assert_eq!(put_by_grant(&w, &grant, &packed.xorb.bytes).await, 200);

    // It is good for one user, one xorb, one repository.
    let bob = w.token("bob/n", "write", "bob").await;
    w.cas("POST", &commit, &bob, "").await.expect(404);
    let other = commit.replace(&hash.to_string(), &XetHash::new([1; 32]).to_string());
    w.cas("POST", &other, &token, "").await.expect(404);
    for id in ["x", "018f00000000700080000000000000000000000000000000"] {
        w.cas("POST", &format!("/v1/xorb-commits/default/{hash}/grant/{id}"), &token, "")
            .await
            .expect(404);
    }
    // An answer may get lost.
    for _ in 0..2 {
        w.cas("POST", &commit, &token, "").await.expect(200);
    }
    w.ask_grant(&token, &packed).await.expect(200);
    w.cas("POST", "/v1/shards", &token, packed.shard()).await.expect(200);

    // What is no such xorb is not taken over.
    let wrong = XetHash::new([2; 32]);
    let grant = w.ask_grant_for(&token, &wrong, &packed.xorb.bytes).await.expect(201).json();
    assert_eq!(put_by_grant(&w, &grant, &packed.xorb.bytes).await, 200);
    let commit =
        format!("/v1/xorb-commits/default/{wrong}/grant/{}", grant["id"].as_str().unwrap());
    w.cas("POST", &commit, &token, "").await.expect(400);
    w.cas("POST", &commit, &token, "").await.expect(404);
}

#[tokio::test]
async fn xorbs_are_checked() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let token = w.token("alice/m", "write", "alice").await;
    let packed = Packed::noise(3, 200_000);
    let bytes = packed.xorb.bytes.clone();
    let mut flipped = bytes.to_vec();
    flipped[1000] ^= 1;
    let right = packed.xorb.hash.to_string();
    let wrong = XetHash::new([1; 32]).to_string();
    for (hash, body) in [
        (&right, flipped.into()),
        (&right, bytes.slice(..bytes.len() - 1)),
        (&right, "".into()),
        (&right, "<html>".into()),
        (&wrong, bytes.clone()),
        (&"xyz".to_owned(), bytes.clone()),
        (&right[1..].to_owned(), bytes.clone()),
    ] {
        let path = format!("/v1/xorbs/default/{hash}");
        let refused = w.cas("POST", &path, &token, body).await.expect(400);
        assert!(refused.json()["error"].is_string() && refused.json()["field"].is_string());
    }
    w.ask_grant(&token, &packed).await.expect(404);
    w.put_xorb(&token, &packed).await.expect(200);
}

#[tokio::test]
async fn offers_are_checked() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let token = w.token("alice/m", "write", "alice").await;
    let path = format!("/v1/xorb-grants/default/{}", XetHash::new([1; 32]));
    for body in ["", "[]", "{}", r#"{"length": -1}"#, r#"{"length": "1"}"#, "<html>"] {
        w.cas("POST", &path, &token, body).await.expect(400);
    }
    let bad = r#"{"length": 1, "checksum": {"algo": "crc64nvme", "value": "ff"}}"#;
    let refused = w.cas("POST", &path, &token, bad).await.expect(400);
    assert_eq!(refused.json()["field"], "checksum.value");
    w.cas("POST", &path, &token, r#"{"length": 1}"#).await.expect(404);
    w.cas("POST", &path, &token, format!(r#"{{"length": {}}}"#, 66 << 20)).await.expect(413);
    w.cas("POST", "/v1/xorb-grants/default/xyz", &token, r#"{"length": 1}"#).await.expect(400);
}
