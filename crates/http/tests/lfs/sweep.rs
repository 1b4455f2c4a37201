//! Deleting links, and the sweep that follows.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use steelyard_blob::Key;
use steelyard_core::Timestamp;
use steelyard_core::Visibility::Public;
use steelyard_service::lfs::LfsSwept;

use crate::world::{World, hex, on_every_store, sha256};

on_every_store!(
    what_nobody_links_to_goes,
    an_upload_spares_what_was_condemned,
    bytes_that_no_row_names_go,
);

const FILES: &str = "/api/models/alice/m/lfs-files";
const DAY: i64 = 24 * 3600;

/// Later than anything: the age of bytes is the store's own, and it does not know the test's clock.
fn far_future(days: i64) -> Timestamp {
    Timestamp::from_secs(4_000_000_000 + days * DAY)
}

async fn has_bytes(w: &World, data: &[u8]) -> bool {
    w.hub.blobs().head(&Key::lfs(&sha256(data))).await.unwrap().is_some()
}

async fn delete_files(w: &World, user: &str, ids: &[Value]) -> (u16, Value) {
    let body = json!({"deletions": {"sha": ids, "rewriteHistory": false}});
    let answer = w.post(&format!("{FILES}/batch"), user, body).await;
    (answer.status.as_u16(), answer.json())
}

async fn files(w: &World) -> Vec<Value> {
    w.call("GET", FILES, Some("alice"), &[], "").await.json().as_array().unwrap().clone()
}

async fn what_nobody_links_to_goes(w: World) {
    w.create_repo("alice", "m", Public).await;
    w.create_repo("bob", "n", Public).await;
    for data in [&b"one"[..], b"two", b"three"] {
        w.upload("alice/m", "alice", data).await;
        // Ids begin with the time, so that the list has the order of the uploads.
        w.clock.advance(Duration::from_secs(1));
    }
    w.upload("bob/n", "bob", b"two").await;
    let ids: Vec<Value> =
        files(&w).await.iter().take(2).map(|file| file["fileOid"].clone()).collect();
    assert_eq!(delete_files(&w, "bob", &ids).await.0, 403);
    assert_eq!(delete_files(&w, "alice", &ids).await, (200, json!({"deleted": 2})));
    assert_eq!(w.download_href("alice/m", None, b"two").await, None);

    let young = w.hub.sweep_lfs(w.hub.now().plus_secs(DAY)).await.unwrap();
    assert_eq!(young, LfsSwept { uploads: 4, condemned: 0, deleted: 0, left_over: 0 });
    let first = w.hub.sweep_lfs(far_future(0)).await.unwrap();
    assert_eq!(first, LfsSwept { uploads: 0, condemned: 1, deleted: 0, left_over: 0 });
    assert!(has_bytes(&w, b"one").await);
    let second = w.hub.sweep_lfs(far_future(2)).await.unwrap();
    assert_eq!(second, LfsSwept { uploads: 0, condemned: 0, deleted: 1, left_over: 0 });
    assert!(
        !has_bytes(&w, b"one").await
            && has_bytes(&w, b"two").await
            && has_bytes(&w, b"three").await
    );

    w.upload("alice/m", "alice", b"one").await;
    assert!(w.download_href("alice/m", None, b"one").await.is_some());
}

async fn an_upload_spares_what_was_condemned(w: World) {
    w.create_repo("alice", "m", Public).await;
    w.upload("alice/m", "alice", b"one").await;
    let id = files(&w).await[0]["fileOid"].clone();
    delete_files(&w, "alice", &[id]).await;
    assert_eq!(w.hub.sweep_lfs(far_future(0)).await.unwrap().condemned, 1);
    w.upload("alice/m", "alice", b"one").await;
    let swept = w.hub.sweep_lfs(far_future(2)).await.unwrap();
    assert_eq!((swept.condemned, swept.deleted), (0, 0));
    assert!(has_bytes(&w, b"one").await);
}

/// What a crash leaves between the bytes and the row.
async fn bytes_that_no_row_names_go(w: World) {
    w.create_repo("alice", "m", Public).await;
    w.upload("alice/m", "alice", b"kept").await;
    let orphan = Key::lfs(&sha256(b"orphan"));
    let staged = Key::upload(some_id());
    for key in [&orphan, &staged] {
        w.hub.blobs().put(key, Bytes::from_static(b"orphan")).await.unwrap();
    }
    let now = w.hub.now().plus_secs(-400 * DAY);
    assert_eq!(w.hub.sweep_lfs_orphans(now).await.unwrap(), LfsSwept::default(), "too young");
    let found = w.hub.sweep_lfs_orphans(far_future(0)).await.unwrap();
    assert_eq!(found, LfsSwept { uploads: 1, condemned: 1, deleted: 0, left_over: 0 });
    assert_eq!(w.hub.blobs().head(&staged).await.unwrap(), None);
    assert_eq!(w.hub.sweep_lfs_orphans(far_future(0)).await.unwrap(), LfsSwept::default());
    assert_eq!(w.hub.sweep_lfs(far_future(2)).await.unwrap().deleted, 1);
    assert_eq!(w.hub.blobs().head(&orphan).await.unwrap(), None);
    assert!(has_bytes(&w, b"kept").await);
}

fn some_id() -> uuid::Uuid {
    uuid::Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001)
}

#[tokio::test]
async fn files_are_listed_page_by_page() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    for data in [&b"one"[..], b"two", b"three"] {
        w.upload("alice/m", "alice", data).await;
        w.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(w.call("GET", FILES, None, &[], "").await.status, 401);
    let page = w.call("GET", &format!("{FILES}?limit=2"), Some("alice"), &[], "").await;
    assert_eq!(page.json().as_array().unwrap().len(), 2);
    let first = &page.json()[0];
    assert_eq!((first["oid"].as_str(), first["size"].as_u64()), (Some(&*hex(b"one")), Some(3)));
    assert_eq!(first["pushedAt"], "2026-01-02T03:04:05.000Z");
    let next = page.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
    assert!(next.starts_with("http://hub/api/models/alice/m/lfs-files?limit=2&cursor="), "{next}");
    let last = w.call("GET", &next, Some("alice"), &[], "").await;
    assert_eq!((last.json()[0]["oid"].as_str(), last.header("link")), (Some(&*hex(b"three")), ""));
}
