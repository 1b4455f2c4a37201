//! Up and down again, whole and in parts.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use serde_json::json;
use steelyard_core::Visibility::{Private, Public};

use crate::world::{MEDIA_TYPE, World, hex, on_every_store, pointer, sha256};

on_every_store!(
    a_file_goes_round,
    wrong_bytes_never_become_an_object,
    parts_are_put_together,
    a_commit_finishes_what_was_staged,
    bad_batches_are_refused_object_by_object,
);

const DATA: &[u8] = b"hello large world";

async fn a_file_goes_round(w: World) {
    let id = w.create_repo("alice", "m", Private).await;
    let granted =
        w.batch_with("alice/m", Some("alice"), "upload", &["basic", "multipart"], &[DATA]).await;
    assert_eq!((granted.status.as_u16(), granted.header("content-type")), (200, MEDIA_TYPE));
    assert_eq!(granted.json()["transfer"], "basic");
    assert_eq!(granted.json()["objects"][0]["authenticated"], true);

    let (upload, verify) = w.grant("alice/m", "alice", DATA).await;
    let verified = || w.call("POST", &verify, None, &[], pointer(DATA).to_string());
    assert_eq!(verified().await.status, 404, "nothing has arrived");
    for _ in 0..2 {
        assert_eq!(w.call("PUT", &upload, None, &[], DATA).await.status, 200);
        assert_eq!(verified().await.status, 200);
    }
    assert_eq!(w.hub.finish_upload_for_commit(id, sha256(DATA)).await.unwrap(), Some(17));
    let again = w.batch("alice/m", Some("alice"), "upload", &[DATA]).await.json();
    assert_eq!(again["objects"][0], pointer(DATA), "no actions: it is there");

    let href = w.download_href("alice/m", Some("alice"), DATA).await.unwrap();
    let whole = w.call("GET", &href, None, &[], "").await;
    assert_eq!((whole.status.as_u16(), &whole.body[..]), (200, DATA));
    let part = w.call("GET", &href, None, &[("range", "bytes=6-10")], "").await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &b"large"[..]));
    assert_eq!(w.call("GET", &href, None, &[("range", "bytes=17-")], "").await.status, 416);
}

async fn wrong_bytes_never_become_an_object(w: World) {
    let id = w.create_repo("alice", "m", Private).await;
    let (upload, verify) = w.grant("alice/m", "alice", DATA).await;
    for wrong in [&b"hello large worle"[..], b"hello", b"hello large world and more"] {
        // A store that takes the bytes itself is found out when they are verified.
        let put = w.call("PUT", &upload, None, &[], wrong).await;
        let verified = w.call("POST", &verify, None, &[], pointer(DATA).to_string()).await;
        let refused = if put.status == 200 { &verified } else { &put };
        assert_eq!(refused.status, 400, "{:?}", refused.body);
        assert_eq!(refused.header("content-type"), MEDIA_TYPE);
        assert!(refused.json()["message"].as_str().is_some_and(|text| !text.is_empty()));
        assert_eq!(w.hub.finish_upload_for_commit(id, sha256(DATA)).await.unwrap(), None);
    }
    assert_eq!(w.call("PUT", &upload, None, &[], DATA).await.status, 200);
    assert_eq!(w.hub.finish_upload_for_commit(id, sha256(DATA)).await.unwrap(), Some(17));
}

async fn parts_are_put_together(w: World) {
    let id = w.create_repo("alice", "m", Public).await;
    let data: Vec<u8> = (0..1500_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let objects: &[&[u8]] = &[&data, b"small", b""];
    let transfers = &["basic", "multipart"];
    let granted = w.batch_with("alice/m", Some("alice"), "upload", transfers, objects).await.json();
    assert_eq!(granted["transfer"], "multipart");
    let upload = |n: usize| granted["objects"][n]["actions"]["upload"].clone();
    let header = upload(0)["header"].as_object().unwrap().clone();
    assert_eq!(header["chunk_size"], "400");
    assert_eq!(
        header.keys().collect::<Vec<_>>(),
        ["00001", "00002", "00003", "00004", "chunk_size"]
    );
    // The transfer agent that git-lfs runs knows nothing but parts; an empty file has none.
    assert_eq!(upload(1)["header"].as_object().unwrap().len(), 2);
    assert!(upload(2).get("header").is_none());

    let mut parts = Vec::new();
    for (n, chunk) in data.chunks(400).enumerate() {
        let href = header[&format!("{:05}", n + 1)].as_str().unwrap();
        assert_eq!(
            w.call("PUT", href, None, &[], chunk[1..].to_vec()).await.status,
            400,
            "a short part"
        );
        let put = w.call("PUT", href, None, &[], chunk.to_vec()).await;
        assert_eq!(put.status, 200);
        parts.push(json!({"partNumber": n + 1, "etag": put.header("etag")}));
    }
    let complete = upload(0)["href"].as_str().unwrap().to_owned();
    let finish = |parts: &[serde_json::Value]| {
        let body = json!({"oid": hex(&data), "parts": parts}).to_string();
        w.call("POST", &complete, None, &[], body)
    };
    assert_eq!(finish(&parts[..3]).await.status, 400);
    assert_eq!(w.hub.finish_upload_for_commit(id, sha256(&data)).await.unwrap(), None);
    for _ in 0..2 {
        let done = finish(&parts).await;
        assert_eq!(done.status, 200, "{:?}", done.body);
    }
    assert_eq!(w.hub.finish_upload_for_commit(id, sha256(&data)).await.unwrap(), Some(1500));
    let href = w.download_href("alice/m", None, &data).await.unwrap();
    assert!(w.call("GET", &href, None, &[], "").await.body == data);
}

/// huggingface_hub verifies before it commits, but a client that does not must lose nothing either.
async fn a_commit_finishes_what_was_staged(w: World) {
    let id = w.create_repo("alice", "m", Public).await;
    let (upload, _) = w.grant("alice/m", "alice", DATA).await;
    assert_eq!(w.hub.finish_upload_for_commit(id, sha256(DATA)).await.unwrap(), None);
    assert_eq!(w.call("PUT", &upload, None, &[], DATA).await.status, 200);
    for _ in 0..2 {
        assert_eq!(w.hub.finish_upload_for_commit(id, sha256(DATA)).await.unwrap(), Some(17));
    }
}

async fn bad_batches_are_refused_object_by_object(w: World) {
    w.create_repo("alice", "m", Public).await;
    let url = "/alice/m.git/info/lfs/objects/batch";
    let wrong = w
        .call("POST", url, Some("alice"), &[("x-request-id", "r1")], "{\"operation\": \"x\"}")
        .await;
    assert_eq!((wrong.status.as_u16(), wrong.header("content-type")), (400, MEDIA_TYPE));
    assert_eq!(wrong.json()["request_id"], "r1");
    let algorithm = json!({"operation": "upload", "hash_algo": "md5"});
    assert_eq!(w.post(url, "alice", algorithm).await.status, 409);
    let many: Vec<_> = (0..1001).map(|_| pointer(b"")).collect();
    assert_eq!(
        w.post(url, "alice", json!({"operation": "upload", "objects": many})).await.status,
        413
    );
    let objects = json!([
        {"oid": "xyz", "size": 3},
        pointer(b"a"),
        {"oid": hex(b"a"), "size": -1},
        {"oid": hex(b"b"), "size": 1_u64 << 60},
    ]);
    let mixed =
        w.post(url, "alice", json!({"operation": "upload", "objects": objects})).await.json();
    let codes: Vec<_> = (0..4).map(|n| mixed["objects"][n]["error"]["code"].as_u64()).collect();
    assert_eq!(codes, [Some(422), None, Some(422), Some(422)]);
}

/// What only the hub's own downloads can be asked.
#[tokio::test]
async fn the_hub_answers_head_and_bodies_of_unknown_length() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let (upload, _) = w.grant("alice/m", "alice", DATA).await;
    let pieces: Vec<_> =
        DATA.chunks(3).map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece))).collect();
    let put = w
        .call("PUT", &upload, None, &[], Body::from_stream(futures_util::stream::iter(pieces)))
        .await;
    assert_eq!((put.status.as_u16(), put.header("etag")), (200, &*format!("\"{}\"", hex(DATA))));
    let short = w.call("PUT", &upload, None, &[("content-length", "5")], "hello").await;
    assert_eq!(short.status, 400, "refused before it is read");

    let href = w.download_href("alice/m", None, DATA).await.unwrap();
    let head = w.call("HEAD", &href, None, &[], "").await;
    assert_eq!(
        (head.status.as_u16(), head.header("content-length"), head.body.len()),
        (200, "17", 0)
    );
    let past = w.call("GET", &href, None, &[("range", "bytes=17-")], "").await;
    assert_eq!((past.status.as_u16(), past.header("content-range")), (416, "bytes */17"));
    let known =
        w.call("GET", &href, None, &[("if-none-match", &format!("\"{}\"", hex(DATA)))], "").await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));

    let other = href.replace(&hex(DATA), &hex(b"another"));
    assert_eq!(
        w.call("GET", &other, None, &[], "").await.status,
        403,
        "a signature is good for one address"
    );
    w.clock.advance(Duration::from_secs(3601));
    assert_eq!(w.call("GET", &href, None, &[], "").await.status, 403, "and for a while");
}
