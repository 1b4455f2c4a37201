//! Deleting large files for good: out of every commit.

use serde_json::{Value, json};
use steelyard_blob::Family;
use steelyard_core::Visibility::Public;
use steelyard_core::fault::Moment;

use crate::world::{World, hex, on_every_store};

on_every_store!(
    the_file_is_in_no_commit,
    a_file_that_was_never_committed_goes,
    a_history_of_many_commits_is_rewritten,
    commits_made_meanwhile_are_rewritten_too,
);

const REPO: &str = "/api/models/alice/m";

async fn commit(w: &World, revision: &str, title: &str, operations: &[Value]) -> String {
    let header = json!({"key": "header", "value": {"summary": title}});
    let lines: Vec<String> =
        [&header].into_iter().chain(operations).map(Value::to_string).collect();
    let url = format!("{REPO}/commit/{revision}");
    let answer = w.call("POST", &url, Some("alice"), &[], lines.join("\n")).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.json()["commitOid"].as_str().unwrap().to_owned()
}

fn text(path: &str, content: &str) -> Value {
    json!({"key": "file", "value": {"path": path, "content": content, "encoding": "utf-8"}})
}

fn large(path: &str, data: &[u8]) -> Value {
    let value = json!({"path": path, "algo": "sha256", "oid": hex(data), "size": data.len()});
    json!({"key": "lfsFile", "value": value})
}

async fn get(w: &World, path: &str) -> Value {
    let answer = w.call("GET", &format!("{REPO}/{path}"), Some("alice"), &[], "").await;
    assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    answer.json()
}

async fn paths(w: &World, revision: &str) -> Vec<String> {
    let info = get(w, &format!("revision/{revision}")).await;
    let files = info["siblings"].as_array().unwrap().iter();
    files.map(|file| file["rfilename"].as_str().unwrap().to_owned()).collect()
}

async fn log(w: &World, revision: &str) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let commits = get(w, &format!("commits/{revision}")).await;
    commits.as_array().unwrap().iter().map(|c| (word(&c["id"]), word(&c["title"]))).collect()
}

async fn file_id(w: &World, data: &[u8]) -> Value {
    let files = get(w, "lfs-files").await;
    let found = files.as_array().unwrap().iter().find(|file| file["oid"] == hex(data));
    found.unwrap()["fileOid"].clone()
}

async fn purge(w: &World, user: &str, ids: &[Value]) -> (u16, Value) {
    let body = json!({"deletions": {"sha": ids, "rewriteHistory": true}});
    let answer = w.post(&format!("{REPO}/lfs-files/batch"), user, body).await;
    (answer.status.as_u16(), answer.json())
}

async fn set_up(w: &World) {
    w.create_repo("alice", "m", Public).await;
    for data in [&b"bad"[..], b"good"] {
        w.upload("alice/m", "alice", data).await;
    }
}

async fn the_file_is_in_no_commit(w: World) {
    set_up(&w).await;
    let before =
        commit(&w, "main", "before", &[text("a.txt", "a"), large("good.bin", b"good")]).await;
    let adds = [large("only/here/bad.bin", b"bad"), large("bad2.bin", b"bad")];
    let with = commit(&w, "main", "adds", &adds).await;
    let tag = json!({"tag": "v1", "message": "annotated"});
    assert_eq!(w.post(&format!("{REPO}/tag/main"), "alice", tag).await.status, 200);
    let start = json!({"startingPoint": before});
    assert_eq!(w.post(&format!("{REPO}/branch/old"), "alice", start).await.status, 200);
    let last = commit(&w, "main", "after", &[text("README.md", "---\ntags: [x]\n---\n")]).await;
    let bad = file_id(&w, b"bad").await;
    assert_eq!(purge(&w, "bob", std::slice::from_ref(&bad)).await.0, 403);
    let too_many = vec![bad.clone(); 1001];
    assert_eq!(purge(&w, "alice", &too_many).await.0, 400);
    let unknown = json!("000000000000000000000000");
    assert_eq!(purge(&w, "alice", &[unknown]).await, (200, json!({"deleted": 0})));
    assert_eq!(log(&w, "main").await[0].0, last);

    assert_eq!(purge(&w, "alice", std::slice::from_ref(&bad)).await, (200, json!({"deleted": 1})));

    let now = log(&w, "main").await;
    let titles: Vec<&str> = now.iter().map(|(_, title)| &**title).collect();
    assert_eq!(titles, ["after", "adds", "before", "initial commit"]);
    assert!(now[0].0 != last && now[1].0 != with && now[2].0 == before, "{now:?}");
    let all = [".gitattributes", "README.md", "a.txt", "good.bin"];
    assert_eq!(paths(&w, "main").await, all);
    for revision in ["v1", &now[1].0, "old"] {
        assert_eq!(
            paths(&w, revision).await,
            [".gitattributes", "a.txt", "good.bin"],
            "{revision}"
        );
    }
    let refs = get(&w, "refs").await;
    assert_eq!(refs["tags"][0]["targetCommit"], now[1].0);
    assert_eq!((w.download_href("alice/m", None, b"bad").await, files(&w).await), (None, 1));
    assert!(w.download_href("alice/m", None, b"good").await.is_some());
    let tree = get(&w, "tree/main?recursive=true").await;
    let listed: Vec<&str> =
        tree.as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(listed, all);
    // Gone is gone: the second time there is nothing to do, and life goes on.
    assert_eq!(purge(&w, "alice", &[bad]).await, (200, json!({"deleted": 0})));
    commit(&w, "main", "next", &[text("b.txt", "b")]).await;
    assert_eq!(paths(&w, "main").await.len(), 5);
}

async fn files(w: &World) -> usize {
    get(w, "lfs-files").await.as_array().unwrap().len()
}

async fn a_file_that_was_never_committed_goes(w: World) {
    set_up(&w).await;
    let before = log(&w, "main").await;
    let bad = file_id(&w, b"bad").await;
    assert_eq!(purge(&w, "alice", &[bad]).await, (200, json!({"deleted": 1})));
    assert_eq!((log(&w, "main").await, files(&w).await), (before, 1));
}

/// More than fits a pack in the database.
async fn a_history_of_many_commits_is_rewritten(w: World) {
    set_up(&w).await;
    commit(&w, "main", "bad", &[large("bad.bin", b"bad")]).await;
    for number in 0..30 {
        let many: Vec<Value> = (0..100)
            .map(|n| text(&format!("d{number}/{n}.txt"), &format!("{number} {n}")))
            .collect();
        let mut with_bad = many;
        with_bad.push(large(&format!("d{number}/bad.bin"), b"bad"));
        commit(&w, "main", &format!("number {number}"), &with_bad).await;
    }
    let bad = file_id(&w, b"bad").await;
    assert_eq!(purge(&w, "alice", &[bad]).await, (200, json!({"deleted": 1})));
    let found = paths(&w, "main").await;
    assert_eq!(found.len(), 3001);
    assert!(!found.iter().any(|path| path.ends_with("bad.bin")));
    assert_eq!(log(&w, "main").await.len(), 32);
    let stored = w.hub.blobs().list(Family::Packs, None, 10).await.unwrap();
    assert!(!stored.is_empty(), "the new history went to the object store");
}

async fn commits_made_meanwhile_are_rewritten_too(w: World) {
    set_up(&w).await;
    commit(&w, "main", "bad", &[large("bad.bin", b"bad")]).await;
    let bad = [file_id(&w, b"bad").await];
    let commits = async {
        for number in 0..10 {
            commit(&w, "main", "more", &[text(&format!("{number}.txt"), "x")]).await;
        }
    };
    let (purged, ()) = tokio::join!(purge(&w, "alice", &bad), commits);
    assert_eq!(purged, (200, json!({"deleted": 1})));
    assert_eq!(log(&w, "main").await.len(), 12);
    for (commit, _) in log(&w, "main").await {
        assert!(!paths(&w, &commit).await.contains(&"bad.bin".to_owned()));
    }
}

/// Whatever call to a store fails: the files are all there or all gone, and the next attempt succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_call_leaves_all_or_nothing() {
    for moment in [Moment::Before, Moment::After] {
        for on_blobs in [false, true] {
            let mut n = 1;
            while one_failure(n, moment, on_blobs).await {
                n += 1;
            }
        }
    }
}

async fn one_failure(n: u64, moment: Moment, on_blobs: bool) -> bool {
    let w = World::embedded().await;
    set_up(&w).await;
    commit(&w, "main", "adds", &[large("bad.bin", b"bad"), text("a.txt", "a")]).await;
    let bad = file_id(&w, b"bad").await;
    let old = log(&w, "main").await;
    let plan = if on_blobs { &w.blob_faults } else { w.hub.db().faults() };
    plan.arm(n, moment);
    let (status, answer) = purge(&w, "alice", std::slice::from_ref(&bad)).await;
    let failed = plan.disarm();
    let case = format!("{moment:?} {n} {on_blobs}: {status} {answer}");
    let is_gone = log(&w, "main").await != old;
    assert_eq!((is_gone, files(&w).await), (is_gone, if is_gone { 1 } else { 2 }), "{case}");
    assert!(is_gone || failed, "{case}");
    assert_eq!(paths(&w, "main").await.contains(&"bad.bin".to_owned()), !is_gone, "{case}");
    let deleted = u64::from(!is_gone);
    assert_eq!(purge(&w, "alice", &[bad]).await, (200, json!({"deleted": deleted})), "{case}");
    assert_eq!(paths(&w, "main").await, [".gitattributes", "a.txt"], "{case}");
    failed
}
