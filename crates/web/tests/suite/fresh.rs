//! What pages keep, and that none of it is ever stale: every request of a test goes to one router, as in one process.

use axum::http::StatusCode;
use steelyard_testkit::Stores;

use crate::world::World;

async fn put(world: &World, path: &str, body: &str) {
    let set = world.test.call("PUT", path, Some(&world.alice), &[], body.to_owned()).await.unwrap();
    assert_eq!(set.status, StatusCode::OK, "{path}: {:?}", set.body);
}

#[tokio::test]
async fn a_page_knows_at_once_what_became_of_its_ancestors() {
    for world in World::all().await {
        world.repo("model", "base", false, &[("README.md", "---\nlicense: mit\n---\n# B")]).await;
        let card = "---\nlicense: mit\nbase_model: alice/base\n---\n# C";
        world.repo("model", "child", false, &[("README.md", card)]).await;
        for _ in 0..2 {
            let page = world.browse("/alice/child").await;
            page.has(&["Permissive all the way down", "href=\"/alice/base\""]);
        }
        world.browse("/alice/base").await.has(&["Made from this"]);
        let strict = "---\nlicense: cc-by-nc-4.0\n---\n# B";
        world.commit("model", "base", "strict", &[("README.md", strict)]).await;
        let page = world.browse("/alice/child").await;
        page.has(&["Contradicts an ancestor’s licence"]).lacks(&["Permissive all the way down"]);
        put(&world, "/api/models/alice/base/settings", r#"{"private": true}"#).await;
        let page = world.browse("/alice/child").await;
        page.has(&["not on this hub"]).lacks(&["href=\"/alice/base\"", "cc-by-nc"]);
        let own = world.ask("GET", "/alice/child", Some(&world.alice), "text/html").await;
        own.has(&["href=\"/alice/base\"", "Contradicts an ancestor’s licence"]);
        // What was just gathered for the owner is the owner's alone.
        world.browse("/alice/child").await.lacks(&["href=\"/alice/base\"", "cc-by-nc"]);
        let other = world.ask("GET", "/alice/child", Some(&world.mallory), "text/html").await;
        other.lacks(&["href=\"/alice/base\"", "cc-by-nc"]);
        put(&world, "/api/models/alice/child/settings", r#"{"private": true}"#).await;
        assert_eq!(world.browse("/alice/child").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn likes_children_gates_and_commits_are_seen_at_once() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("README.md", "# First words")]).await;
        let page = world.browse("/alice/m").await;
        page.has(&["First words", "<b>0</b> likes"]).lacks(&["Made from this"]);
        let like = "/api/models/alice/m/like";
        let liked = world.test.call("POST", like, Some(&world.mallory), &[], "").await.unwrap();
        assert_eq!(liked.status, StatusCode::OK);
        world.browse("/alice/m").await.has(&["<b>1</b> like<"]);
        let card = "---\nbase_model: alice/m\nbase_model_relation: finetune\n---\n";
        world.repo("model", "tuned", false, &[("README.md", card)]).await;
        world.browse("/alice/m").await.has(&["Made from this", "Fine-tunes"]);
        world
            .commit("model", "m", "more", &[("README.md", "# Second words"), ("a/b.txt", "x")])
            .await;
        world.browse("/alice/m").await.has(&["Second words"]).lacks(&["First words"]);
        put(&world, "/api/models/alice/m/settings", r#"{"gated": "manual"}"#).await;
        world.browse("/alice/m").await.has(&["people on a list only"]);
        world.browse("/alice/m/tree/main").await.has(&["a</a>"]);
        world.commit("model", "m", "again", &[("c.txt", "x")]).await;
        world.browse("/alice/m/tree/main").await.has(&["c.txt"]);
    }
}

/// The commands on a page name the address by which its reader came.
#[tokio::test]
async fn readers_who_come_by_different_names_get_their_own_commands() {
    let world = World::on(Stores::Embedded).await;
    world.repo("model", "m", false, &[("README.md", "# M")]).await;
    for host in ["one.test", "two.test", "one.test"] {
        let request = axum::http::Request::builder().uri("/alice/m").header("host", host);
        let page = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
        page.has(&[&format!("http://{host}")]);
    }
}
