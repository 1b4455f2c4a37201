//! Locks, as git-lfs asks for them.

use serde_json::json;
use steelyard_core::Visibility::Public;

use crate::world::World;

const LOCKS: &str = "/alice/m.git/info/lfs/locks";

#[tokio::test]
async fn a_path_has_one_holder() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    let lock = |user: &'static str, path: &str| {
        w.post(LOCKS, user, json!({"path": path, "ref": {"name": "refs/heads/main"}}))
    };
    let made = lock("alice", "a.bin").await;
    assert_eq!(made.status, 201);
    assert_eq!(made.json()["lock"]["owner"]["name"], "alice");
    let held = lock("root", "a.bin").await;
    assert_eq!((held.status.as_u16(), &held.json()["lock"]), (409, &made.json()["lock"]));
    assert_eq!(held.json()["message"], "already created lock");
    assert_eq!(lock("bob", "b.bin").await.status, 403);
    assert_eq!(lock("alice", "../b.bin").await.status, 400);

    let id = made.json()["lock"]["id"].as_str().unwrap().to_owned();
    let unlock = format!("{LOCKS}/{id}/unlock");
    let refused = w.post(&unlock, "root", json!({})).await;
    assert!(
        refused.status == 403 && refused.json()["message"].as_str().unwrap().contains("--force")
    );
    assert_eq!(w.post(&unlock, "bob", json!({"force": true})).await.status, 403);
    assert_eq!(
        w.post(&unlock, "root", json!({"force": true})).await.json()["lock"]["id"],
        id.as_str()
    );
    assert_eq!(w.post(&unlock, "root", json!({})).await.status, 404);
    assert_eq!(lock("root", "a.bin").await.status, 201);
}

#[tokio::test]
async fn locks_are_listed_page_by_page() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Public).await;
    for (user, path) in [("alice", "a"), ("root", "b"), ("alice", "c")] {
        assert_eq!(w.post(LOCKS, user, json!({"path": path})).await.status, 201);
    }
    let list = |query: &str| {
        let url = format!("{LOCKS}?{query}");
        let w = &w;
        async move { w.call("GET", &url, None, &[], "").await.json() }
    };
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page = list(&format!("limit=1&cursor={cursor}")).await;
        seen.push(page["locks"][0]["path"].as_str().unwrap().to_owned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
    }
    assert_eq!(seen, ["a", "b", "c"]);
    let one = list("path=b").await;
    assert_eq!(one["locks"].as_array().unwrap().len(), 1);
    let same = list(&format!("id={}", one["locks"][0]["id"].as_str().unwrap())).await;
    assert_eq!(same, one);
    assert_eq!(list("path=none").await["locks"], json!([]));

    let verify = format!("{LOCKS}/verify");
    let before_push =
        w.post(&verify, "alice", json!({"ref": {"name": "refs/heads/main"}})).await.json();
    let paths = |side: &str| -> Vec<String> {
        let locks = before_push[side].as_array().unwrap().iter();
        locks.map(|lock| lock["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((paths("ours"), paths("theirs")), (vec!["a".into(), "c".into()], vec!["b".into()]));
    assert_eq!(w.post(&verify, "bob", json!({})).await.status, 403);
}
