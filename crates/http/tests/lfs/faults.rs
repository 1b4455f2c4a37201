//! Fails every call of either store, one after the other, before and after it takes effect.

use serde_json::json;
use steelyard_blob::Key;
use steelyard_core::Visibility::Public;
use steelyard_core::fault::Moment;
use steelyard_testkit::Answer;

use crate::world::{World, hex, pointer, sha256};

const DATA: &[u8] = b"data";

#[derive(Clone, Copy, Debug)]
enum Store {
    Database,
    Blobs,
}

/// How a client brings the bytes in.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Parts,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_call_leaves_what_a_retry_completes() {
    for way in [Way::Whole, Way::Parts] {
        for store in [Store::Database, Store::Blobs] {
            for moment in [Moment::Before, Moment::After] {
                let mut calls = 1;
                while fails_at(way, store, moment, calls).await {
                    calls += 1;
                }
                assert!(calls > 3, "{way:?} {store:?} {moment:?} only made {calls} calls");
            }
        }
    }
}

/// True when the `n`-th call was made and failed.
async fn fails_at(way: Way, store: Store, moment: Moment, n: u64) -> bool {
    let w = World::embedded().await;
    let id = w.create_repo("alice", "m", Public).await;
    let granted = grant(&w, way).await;
    let plan = match store {
        Store::Database => w.hub.db().faults(),
        Store::Blobs => &w.blob_faults,
    };
    plan.arm(n, moment);
    let answer = send(&w, way, &granted).await;
    let failed = plan.disarm();
    let case = format!("{way:?}, call {n} of {store:?}, {moment:?}");

    let linked = w.download_href("alice/m", None, DATA).await.is_some();
    let stored = w.hub.blobs().get(&Key::lfs(&sha256(DATA))).await.unwrap();
    assert!(
        !linked || stored.is_some_and(|bytes| bytes == DATA),
        "{case}: a link without its bytes"
    );
    match answer.status.as_u16() {
        200 => assert!(linked, "{case}: acknowledged and lost"),
        status => assert!(failed && status >= 500, "{case}: {status} {:?}", answer.body),
    }
    let retried = send(&w, way, &granted).await;
    assert_eq!(retried.status, 200, "{case}: {:?}", retried.body);
    assert_eq!(w.hub.finish_upload_for_commit(id, sha256(DATA)).await.unwrap(), Some(4), "{case}");
    failed
}

/// The upload action.
async fn grant(w: &World, way: Way) -> serde_json::Value {
    // A second, large file makes the hub ask for parts.
    let large = vec![7; 2000];
    let objects: &[&[u8]] = match way {
        Way::Whole => &[DATA],
        Way::Parts => &[DATA, &large],
    };
    let batch =
        w.batch_with("alice/m", Some("alice"), "upload", &["basic", "multipart"], objects).await;
    batch.json()["objects"][0]["actions"]["upload"].clone()
}

async fn send(w: &World, way: Way, action: &serde_json::Value) -> Answer {
    let href = action["href"].as_str().unwrap();
    match way {
        Way::Whole => w.call("PUT", href, None, &[], DATA).await,
        Way::Parts => {
            let part =
                w.call("PUT", action["header"]["00001"].as_str().unwrap(), None, &[], DATA).await;
            if part.status != 200 {
                return part;
            }
            let parts = json!([{"partNumber": 1, "etag": part.header("etag")}]);
            let body = json!({"oid": hex(DATA), "parts": parts}).to_string();
            w.call("POST", href, None, &[], body).await
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sweep_is_completed_by_the_next() {
    for (store, moment) in [
        (Store::Database, Moment::Before),
        (Store::Database, Moment::After),
        (Store::Blobs, Moment::Before),
        (Store::Blobs, Moment::After),
    ] {
        let mut n = 1;
        loop {
            let w = World::embedded().await;
            w.create_repo("alice", "m", Public).await;
            w.upload("alice/m", "alice", DATA).await;
            let files =
                w.call("GET", "/api/models/alice/m/lfs-files", Some("alice"), &[], "").await.json();
            let body = json!({"deletions": {"sha": [files[0]["fileOid"]]}});
            w.post("/api/models/alice/m/lfs-files/batch", "alice", body).await;
            let now =
                |days: i64| steelyard_core::Timestamp::from_secs(4_000_000_000 + days * 24 * 3600);
            w.hub.sweep_lfs(now(0)).await.unwrap();
            let plan = match store {
                Store::Database => w.hub.db().faults(),
                Store::Blobs => &w.blob_faults,
            };
            plan.arm(n, moment);
            let swept = w.hub.sweep_lfs(now(2)).await;
            let failed = plan.disarm();
            assert!(swept.is_ok() != failed, "{store:?} {moment:?} {n}: {swept:?}");
            // Whatever is left, an upload brings the content back whole.
            if n % 2 == 0 {
                w.upload("alice/m", "alice", DATA).await;
                w.hub.sweep_lfs(now(4)).await.unwrap();
                let href = w.download_href("alice/m", None, DATA).await.unwrap();
                assert_eq!(
                    w.call("GET", &href, None, &[], "").await.body,
                    DATA,
                    "{}",
                    pointer(DATA)
                );
            } else {
                w.hub.sweep_lfs(now(4)).await.unwrap();
                assert_eq!(w.hub.blobs().get(&Key::lfs(&sha256(DATA))).await.unwrap(), None);
            }
            if !failed {
                break;
            }
            n += 1;
        }
        assert!(n > 1, "{store:?} {moment:?}");
    }
}
