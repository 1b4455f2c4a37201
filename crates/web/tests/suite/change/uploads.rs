//! Files through a form, and as the page's script sends them.

use serde_json::{Value, json};
use sha2_of::sha256;

use super::Session;
use crate::world::World;

/// SHA-256 of test data, by the one the hub itself uses.
mod sha2_of {
    use sha2::{Digest as _, Sha256};

    pub(super) fn sha256(bytes: &[u8]) -> String {
        hex::encode(Sha256::digest(bytes))
    }
}

#[tokio::test]
async fn a_form_puts_files_into_one_commit() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("a.txt", "old")]).await;
        let alice = Session::of(&world, "alice").await;
        alice.get("/alice/m/upload/main/sub").await.has(&[
            "value=\"sub\"",
            "multipart/form-data",
            "/static/hasher-",
        ]);
        let weights = vec![7_u8; 3000];
        let files: [(&str, &[u8]); 3] =
            [("a.txt", b"new"), ("model.safetensors", &weights), ("empty.bin", b"")];
        let fields = [("folder", "sub"), ("summary", "Some files"), ("target", "branch")];
        for _ in 0..2 {
            let sent = alice.send_files("/alice/m/upload/main", &fields, &files).await;
            assert_eq!(sent.header("location"), "/alice/m/tree/main/sub", "{}", sent.body);
        }
        assert_eq!(world.commits("alice/m", "main").await, 3);
        assert_eq!(world.file("/alice/m/resolve/main/sub/a.txt").await.body, "new");
        let page = world.browse("/alice/m/blob/main/sub/model.safetensors").await;
        page.has(&[&sha256(&weights)]);
        world.browse("/alice/m/commits/main").await.has(&["Some files"]);
    }
}

#[tokio::test]
async fn too_much_and_hostile_names_are_refused_with_the_rule() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("a.txt", "old")]).await;
        let (alice, mallory) =
            (Session::of(&world, "alice").await, Session::of(&world, "mallory").await);
        let large = vec![b'x'; 10 * 1024 * 1024 + 1];
        for (name, content, status, words) in [
            ("big.txt", &large[..], 413, "10 MiB"),
            ("../../etc/passwd", b"x", 400, "must not contain"),
            ("<script>.txt\u{1}", b"x", 400, "&#60;script&#62;"),
            (".git/config", b"x", 400, ".git"),
        ] {
            let files: [(&str, &[u8]); 2] = [("fine.txt", b"fine"), (name, content)];
            let sent =
                alice.send_files("/alice/m/upload/main", &[("target", "branch")], &files).await;
            assert_eq!(sent.status, status, "{name}: {}", sent.body);
            sent.has(&[words]).lacks(&["<script>."]);
        }
        let none = alice.send_files("/alice/m/upload/main", &[("target", "branch")], &[]).await;
        assert_eq!(none.status, 400);
        let huge = vec![b'x'; 66 * 1024 * 1024];
        let sent = alice.send_files("/alice/m/upload/main", &[], &[("huge.txt", &huge)]).await;
        assert_eq!(sent.status, 413);
        sent.has(&["64 MiB", "several turns"]);
        // Nothing of what was refused is there.
        assert_eq!(world.file("/alice/m/resolve/main/fine.txt").await.status, 404);
        assert_eq!(world.commits("alice/m", "main").await, 2);
        let files: [(&str, &[u8]); 1] = [("p.txt", b"p")];
        let sent =
            mallory.send_files("/alice/m/upload/main", &[("target", "branch")], &files).await;
        assert_eq!(sent.status, 403);
        for _ in 0..2 {
            let sent =
                mallory.send_files("/alice/m/upload/main", &[("target", "pull")], &files).await;
            assert_eq!(sent.header("location"), "/alice/m/tree/refs%2Fpr%2F1", "{}", sent.body);
        }
    }
}

/// What `change.js` does, cut between two parts and taken up again.
#[tokio::test]
async fn a_script_uploads_in_parts_and_commits_when_all_are_there() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("a.txt", "old")]).await;
        let alice = Session::of(&world, "alice").await;
        let content = vec![3_u8; 70_000];
        let oid = sha256(&content);
        let asked = json!({"files": [{"path": "w.bin", "size": content.len(), "sample": "AwM="}]});
        let told =
            alice.call("POST", "/api/models/alice/m/preupload/main", asked.to_string()).await;
        told.has(&["\"lfs\""]);
        let asked = json!({"operation": "upload", "transfers": ["multipart"], "objects": [{"oid": oid, "size": content.len()}]});
        let told =
            alice.call("POST", "/alice/m.git/info/lfs/objects/batch", asked.to_string()).await;
        assert_eq!(told.status, 200, "{}", told.body);
        let told: Value = serde_json::from_str(&told.body).unwrap();
        assert_eq!(told["transfer"], "multipart", "never the address of an object store: {told}");
        let actions = &told["objects"][0]["actions"];
        let path = |address: &Value| {
            let address = address.as_str().unwrap().to_owned();
            address[address.find("/lfs/").unwrap()..].to_owned()
        };
        let commit = format!(
            "{}\n{}\n",
            json!({"key": "header", "value": {"summary": "w"}}),
            json!({"key": "lfsFile", "value": {"path": "w.bin", "algo": "sha256", "oid": oid, "size": content.len()}})
        );
        // Before the part is there, nothing is committed.
        let early = alice.call("POST", "/api/models/alice/m/commit/main", commit.clone()).await;
        assert_eq!(early.status, 400, "{}", early.body);
        let part =
            alice.call("PUT", &path(&actions["upload"]["header"]["00001"]), content.clone()).await;
        assert_eq!(part.status, 200, "{}", part.body);
        let parts = json!({"oid": oid, "parts": [{"partNumber": 1, "etag": part.header("etag")}]});
        let done = alice.call("POST", &path(&actions["upload"]["href"]), parts.to_string()).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let asked = json!({"oid": oid, "size": content.len()});
        let done = alice.call("POST", &path(&actions["verify"]["href"]), asked.to_string()).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let landed = alice.call("POST", "/api/models/alice/m/commit/main", commit).await;
        assert_eq!(landed.status, 200, "{}", landed.body);
        world.browse("/alice/m/blob/main/w.bin").await.has(&[&oid]);
    }
}
