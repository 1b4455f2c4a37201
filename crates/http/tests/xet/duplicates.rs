//! Copying large files between repositories, as `hf` does it: copies first, then the commit that names them.

use serde_json::{Value, json};
use steelyard_core::TokenRole;
use steelyard_core::Visibility::{Private, Public};

use crate::client::Packed;
use crate::world::{Answer, World, hub_token, on_every_store};

on_every_store!(files_are_copied_by_whoever_may);

async fn duplicate(w: &World, from: &str, to: &str, user: Option<&str>, files: Value) -> Answer {
    let url = format!("/api/models/{from}/lfs-files/duplicate");
    let body = json!({"target": {"type": "model", "name": to}, "files": files}).to_string();
    let token = user.map(|user| hub_token(user, TokenRole::Write));
    w.call("POST", &url, token.as_deref(), &[], body).await
}

async fn files_are_copied_by_whoever_may(w: World) {
    for (owner, name, visibility) in
        [("alice", "public", Public), ("alice", "secret", Private), ("bob", "mine", Public)]
    {
        w.create_repo(owner, name, visibility).await;
    }
    let (open, secret) = (Packed::noise(1, 100_000), Packed::noise(2, 100_000));
    for (repo, packed) in [("alice/public", &open), ("alice/secret", &secret)] {
        w.upload(repo, "alice", packed).await;
        w.commit(repo, "alice", "a.bin", packed).await.expect(200);
    }
    let entry = |packed: &Packed| {
        let (xet_hash, sha256) = (packed.file.to_string(), packed.sha256.to_string());
        json!({"xetHash": xet_hash, "sha256": sha256, "filename": "a.bin"})
    };
    w.commit("bob/mine", "bob", "b.bin", &open).await.expect(400);
    let both = json!([entry(&open), entry(&secret)]);
    let copied = duplicate(&w, "alice/public", "bob/mine", Some("bob"), both).await.expect(200);
    let failed = copied.json()["failed"].as_array().unwrap().clone();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["sha256"], secret.sha256.to_string());
    w.commit("bob/mine", "bob", "b.bin", &open).await.expect(200);
    w.commit("bob/mine", "bob", "c.bin", &secret).await.expect(400);
    let resolved = w.ask("GET", "/bob/mine/resolve/main/b.bin", None).await.expect(200);
    assert!(resolved.body == open.data);

    let files = || json!([entry(&open)]);
    duplicate(&w, "alice/secret", "bob/mine", Some("bob"), files()).await.expect(404);
    duplicate(&w, "alice/public", "alice/secret", Some("bob"), files()).await.expect(404);
    duplicate(&w, "alice/public", "bob/mine", None, files()).await.expect(401);
    duplicate(&w, "alice/public", "nonsense", Some("bob"), files()).await.expect(400);
    let bad = json!([{"xetHash": "x", "sha256": open.sha256.to_string()}]);
    duplicate(&w, "alice/public", "bob/mine", Some("bob"), bad).await.expect(400);
    // The SHA-256 of one file and the hash of another are no file.
    let crossed = json!([{"xetHash": secret.file.to_string(), "sha256": open.sha256.to_string()}]);
    let refused = duplicate(&w, "alice/public", "bob/mine", Some("bob"), crossed).await.expect(200);
    assert_eq!(refused.json()["failed"].as_array().unwrap().len(), 1);
}
