//! Knowing a hash gives nothing.

use steelyard_core::Visibility::{Private, Public};

use crate::world::{MEDIA_TYPE, World, on_every_store, pointer, sha256};

on_every_store!(a_hash_gives_nothing, a_proposal_is_linked_by_its_commit);

const DATA: &[u8] = b"weights of alice";

async fn a_hash_gives_nothing(w: World) {
    w.create_repo("alice", "secret", Private).await;
    let mine = w.create_repo("bob", "mine", Public).await;
    w.upload("alice/secret", "alice", DATA).await;
    assert_eq!(w.download_href("bob/mine", Some("bob"), DATA).await, None);
    // The upload is granted as if nobody had the content, and nothing but the bytes ends it.
    let (_, verify) = w.grant("bob/mine", "bob", DATA).await;
    let verified = w.call("POST", &verify, Some("bob"), &[], pointer(DATA).to_string()).await;
    assert_eq!(verified.status, 404);
    assert_eq!(w.hub.finish_upload_for_commit(mine, sha256(DATA)).await.unwrap(), None);
    w.upload("bob/mine", "bob", DATA).await;
    assert_eq!(w.hub.finish_upload_for_commit(mine, sha256(DATA)).await.unwrap(), Some(16));
    assert!(w.download_href("bob/mine", Some("bob"), DATA).await.is_some());
}

async fn a_proposal_is_linked_by_its_commit(w: World) {
    let id = w.create_repo("alice", "public", Public).await;
    w.upload("alice/public", "bob", DATA).await;
    assert_eq!(w.download_href("alice/public", Some("bob"), DATA).await, None);
    assert_eq!(w.hub.finish_upload_for_commit(id, sha256(DATA)).await.unwrap(), Some(16));
    assert!(w.download_href("alice/public", None, DATA).await.is_some());
}

#[tokio::test]
async fn strangers_are_told_what_the_rest_of_the_hub_tells_them() {
    let w = World::embedded().await;
    w.create_repo("alice", "secret", Private).await;
    w.create_repo("alice", "public", Public).await;
    for operation in ["upload", "download", "other"] {
        let anonymous = w.batch("alice/secret", None, operation, &[DATA]).await;
        assert_eq!(
            (anonymous.status.as_u16(), anonymous.header("x-error-code")),
            (401, "RepoNotFound")
        );
        assert!(anonymous.headers.contains_key("lfs-authenticate"));
        assert_eq!(anonymous.header("content-type"), MEDIA_TYPE);
        let bob = w.batch("alice/secret", Some("bob"), operation, &[DATA]).await;
        assert_eq!((bob.status.as_u16(), bob.header("x-error-code")), (404, "RepoNotFound"));
        assert_eq!(bob.json()["message"], "Repository not found");
    }
    assert_eq!(w.batch("alice/public", None, "upload", &[DATA]).await.status, 401);
    let url = "/alice/public.git/info/lfs/objects/batch";
    let wrong = w.call("POST", url, None, &[("authorization", "Bearer nope")], "{}").await;
    assert_eq!((wrong.status.as_u16(), wrong.header("content-type")), (401, MEDIA_TYPE));
}

#[tokio::test]
async fn unsigned_addresses_open_nothing() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Private).await;
    let (upload, verify) = w.grant("alice/m", "alice", DATA).await;
    w.upload("alice/m", "alice", DATA).await;
    let download = w.download_href("alice/m", Some("alice"), DATA).await.unwrap();
    for (method, href) in [("PUT", &upload), ("POST", &verify), ("GET", &download)] {
        let (path, query) = href.split_once('?').unwrap();
        let cut = &query[..query.len() - 1];
        for wrong in [path.to_owned(), format!("{path}?{cut}"), format!("{path}?{query}&x=1")] {
            let answer =
                w.call(method, &wrong, Some("alice"), &[], pointer(DATA).to_string()).await;
            assert_eq!(answer.status, 403, "{method} {wrong}");
        }
    }
}
