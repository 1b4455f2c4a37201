//! Finding: lists, facets, search, comparison, help.

use crate::world::World;
use steelyard_testkit::Stores;

fn card(task: &str, license: &str, words: &str) -> String {
    format!(
        "---\npipeline_tag: {task}\nlicense: {license}\nlibrary_name: transformers\n---\n# T\n\n{words}\n"
    )
}

async fn filled(world: &World) {
    let cards = [
        ("one", card("text-classification", "mit", "a rare zyxword")),
        ("two", card("text-classification", "apache-2.0", "plain")),
        ("three", card("text-generation", "mit", "plain")),
    ];
    for (name, card) in &cards {
        let config = r#"{"model_type": "bert", "hidden_size": 384, "num_hidden_layers": 6}"#;
        world.repo("model", name, false, &[("README.md", card), ("config.json", config)]).await;
    }
    world.repo("dataset", "data", false, &[("README.md", "# D")]).await;
}

#[tokio::test]
async fn facets_put_terms_into_the_query_and_take_them_out() {
    for world in World::all().await {
        filled(&world).await;
        let all = world.browse("/models").await;
        all.has(&[
            "Models <span class=\"num\">3</span>",
            "/models?q=task%3Atext-classification",
            "/models?q=license%3Amit",
            "<b>one</b>",
            "<b>two</b>",
            "<b>three</b>",
        ]);
        let some = world.browse("/models?q=task%3Atext-classification+license%3Amit").await;
        some.has(&["<b>one</b>", "class=\"on\"", "href=\"/models?q=license%3Amit\""]);
        some.lacks(&["<b>two</b>", "<b>three</b>"]);
        // As the website of the Hub writes it.
        let theirs = world
            .browse("/models?pipeline_tag=text-classification&license=mit&sort=downloads")
            .await;
        theirs.has(&["<b>one</b>", "license: mit"]).lacks(&["<b>two</b>"]);
        let none = world.browse("/models?q=license%3Agemma").await;
        none.has(&["Nothing fits all of this", "begin again"]);
        let wrong = world.browse("/models?q=tsk%3Ax").await;
        wrong.has(&["there is no field", "task:"]);
        world.browse("/models.md?q=license:mit").await.has(&["| [alice/one](/alice/one)"]);
    }
}

#[tokio::test]
async fn pages_follow_each_other() {
    let world = World::on(Stores::Embedded).await;
    filled(&world).await;
    let mut path = "/models?limit=1&sort=createdAt".to_owned();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let page = world.browse(&path).await;
        assert_eq!(page.status, 200);
        for name in ["one", "two", "three"] {
            if page.body.contains(&format!("<b>{name}</b>")) {
                seen.push(name);
            }
        }
        let Some(at) = page.body.find("rel=\"next\" href=\"") else { break };
        let href = page.body[at + 17..].split('"').next().unwrap();
        path = href.replace("&#38;", "&").replace("&amp;", "&");
    }
    seen.sort_unstable();
    assert_eq!(seen, ["one", "three", "two"]);
}

#[tokio::test]
async fn search_looks_everywhere() {
    for world in World::all().await {
        filled(&world).await;
        world.browse("/search").await.has(&["Words are looked for", "lineage:permissive"]);
        let word = world.browse("/search?q=zyxword").await;
        word.has(&["<b>one</b>", "In cards", "<em>zyxword</em>"]).lacks(&["<b>two</b>"]);
        world.browse("/search?q=alice").await.has(&["<ul class=\"accounts\">", "href=\"/alice\""]);
        let datasets = world.browse("/search?q=data&type=dataset").await;
        datasets.has(&["/datasets/alice/data"]);
        let escaped = world.browse("/search?q=%22%3Cscript%3Ealert(1)%3C%2Fscript%3E%22").await;
        escaped.lacks(&["<script>alert"]).has(&["&#60;script&#62;"]);
    }
}

#[tokio::test]
async fn models_stand_side_by_side() {
    let world = World::on(Stores::Embedded).await;
    filled(&world).await;
    let page = world.browse("/compare?id=alice/one&id=alice/three").await;
    page.has(&[
        "Hidden size",
        ">384<",
        "Layers",
        "MIT",
        "alice/three",
        "/compare?id=alice%2Fone\"",
    ]);
    world.browse("/compare").await.has(&["A model"]);
    world.browse("/compare?id=%3Cb%3E").await.has(&["“&#60;b&#62;”"]);
}

#[tokio::test]
async fn help_names_this_hub() {
    let world = World::on(Stores::Embedded).await;
    world
        .browse("/setup")
        .await
        .has(&["export HF_ENDPOINT=http://hub.test", "git clone http://hub.test/"]);
    world.browse("/setup.md").await.has(&["# Set up a client for http://hub.test", "```bash"]);
    world.browse("/llms.txt").await.has(&["http://hub.test/models.md"]);
    let document = world.browse("/api/openapi.json").await;
    assert_eq!(document.header("content-type"), "application/json");
    document.has(&["\"openapi\":\"3.1.0\""]);
    let front = world.browse("/").await;
    front.has(&["What do you want to", "Nothing is here yet"]);
    let host = axum::http::Request::builder().uri("/setup").header("host", "evil\"><script>");
    let page = world.send(host.body(axum::body::Body::empty()).unwrap()).await;
    page.lacks(&["evil"]);
}

#[tokio::test]
async fn a_chosen_theme_is_remembered() {
    let world = World::on(Stores::Embedded).await;
    for (cookie, expected) in
        [("theme=dark", "data-theme=\"dark\""), ("a=b; theme=light", "data-theme=\"light\"")]
    {
        let request = axum::http::Request::builder().uri("/").header("cookie", cookie);
        let page = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
        page.has(&[expected]);
    }
    let request = axum::http::Request::builder().uri("/").header("cookie", "theme=\"><script>");
    world
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await
        .lacks(&["data-theme=\"\"", "\"><script>"]);
}
