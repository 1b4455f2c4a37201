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
        world.browse("/models.md?q=license:mit").await.has(&["| [alice/one](/alice/one)"]);
    }
}

#[tokio::test]
async fn a_chosen_word_leaves_its_siblings_to_be_chosen_instead() {
    for world in World::all().await {
        filled(&world).await;
        let page = world.browse("/models?q=task%3Atext-classification+license%3Amit").await;
        page.has(&[
            // Without the condition on the licence there would be one more, without that on the task another.
            "<span>apache-2.0</span><span class=\"num\">1</span>",
            "<span>Text Generation</span><span class=\"num\">1</span>",
            "href=\"/models?q=task%3Atext-classification+license%3Aapache-2.0\"",
            "href=\"/models?q=license%3Amit+task%3Atext-generation\"",
            // Chosen, with its own count and a link that takes it out.
            "href=\"/models?q=task%3Atext-classification\" rel=\"nofollow\" class=\"on\"",
        ]);
        // A word that nothing has stays, to be taken out.
        let none = world.browse("/models?q=license%3Agemma+task%3Atext-generation").await;
        none.has(&[
            "<span>gemma</span><span class=\"num\">0</span>",
            "href=\"/models?q=task%3Atext-generation+license%3Amit\"",
        ]);
        page.has(&[
            "href=\"/models?q=task%3Atext-classification+license%3Amit+params%3A1B..8B\"",
            "<span>Under 1B</span></a>",
        ]);
        let small = world.browse("/models?q=params%3A%3C1B").await;
        small.has(&["href=\"/models\" rel=\"nofollow\" class=\"on\"", "?q=params%3A%3E70B"]);
    }
}

#[tokio::test]
async fn every_word_of_a_facet_can_be_reached() {
    let world = World::on(Stores::Embedded).await;
    let codes =
        ["en", "de", "fr", "it", "es", "pt", "nl", "pl", "cs", "sv", "da", "fi", "el", "hu"];
    let card = format!("---\nlanguage: [{}]\nlicense: mit\n---\n# A\n", codes.join(", "));
    world.repo("model", "polyglot", false, &[("README.md", &card)]).await;
    let page = world.browse("/models?q=license%3Amit&sort=likes").await;
    let links = |page: &crate::world::Page| page.body.matches("+lang%3A").count();
    assert_eq!(links(&page), 12);
    let all = "/models?q=license%3Amit&sort=likes&more=language#language";
    page.has(&[&all.replace('&', "&#38;"), "Show all<span class=\"hide\"> of Language"]);
    let page = world.browse(all.split('#').next().unwrap()).await;
    assert_eq!(links(&page), codes.len());
    page.has(&["Show fewer", "<b>polyglot</b>", "id=\"language\" open"]);
    page.lacks(&["more: language", "name=\"more\""]);
}

#[tokio::test]
async fn one_kind_of_word_tells_the_architecture() {
    let world = World::on(Stores::Embedded).await;
    let config = r#"{"model_type": "bert", "architectures": ["BertForSequenceClassification"]}"#;
    world.repo("model", "m", false, &[("README.md", "# M"), ("config.json", config)]).await;
    let page = world.browse("/models").await;
    page.has(&["arch%3Abert\""]).lacks(&["bertforsequenceclassification"]);
    let asked = world.browse("/models?q=arch%3Abertforsequenceclassification").await;
    asked.has(&["<span>bertforsequenceclassification</span>", "<span>bert</span>", "<b>m</b>"]);
}

#[tokio::test]
async fn a_slip_is_told_above_the_list() {
    for world in World::all().await {
        filled(&world).await;
        for (query, message) in [
            ("tsk:text-generation", "there is no field"),
            ("task:no-such-task", "no-such-task"),
            ("\"one", "quote"),
        ] {
            let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
            let path = format!("/models?author=alice&sort=likes&q={encoded}");
            let page = world.browse(&path).await;
            assert_eq!(page.status, 400, "{query}");
            let escaped = query.replace('"', "&#34;");
            page.has(&[
                message,
                &format!("value=\"{escaped}\""),
                "^",
                "<b>one</b>",
                "<b>three</b>",
                "<input type=\"hidden\" name=\"author\" value=\"alice\">",
                "<input type=\"hidden\" name=\"sort\" value=\"likes\">",
                "author: alice",
            ]);
            let search = world.browse(&format!("/search?q={encoded}")).await;
            assert_eq!(search.status, 400, "{query}");
            search.has(&[message, &format!("value=\"{escaped}\""), "^", "Words are looked for"]);
            for path in [&path, &format!("/search?q={encoded}"), &format!("/models.md?q={encoded}")]
            {
                let program = world.ask("GET", path, None, "*/*").await;
                assert_eq!(
                    (program.status.as_u16(), program.header("content-type")),
                    (400, "application/json")
                );
            }
        }
        let page = world.browse("/models?q=tsk:text-generation").await;
        assert_eq!(page.body.matches("did you mean").count(), 1, "{}", page.body);
    }
}

#[tokio::test]
async fn lists_with_nothing_in_them_say_how_to_begin() {
    let world = World::on(Stores::Embedded).await;
    let models = world.browse("/models").await;
    models
        .has(&["There are no models here yet", "href=\"/new\""])
        .lacks(&["Nothing fits", "Under 1B"]);
    world
        .browse("/datasets")
        .await
        .has(&["There are no datasets here yet", "href=\"/new-dataset\""]);
    world.browse("/models?q=bert").await.has(&["Nothing fits all of this"]);
    let own = world.ask("GET", "/alice", Some(&world.alice), "text/html").await;
    own.has(&["You have no repository yet", "href=\"/new\">Make one"]);
    let other = world.ask("GET", "/alice", Some(&world.mallory), "text/html").await;
    other.has(&["nothing here that you may see"]);
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
    page.has(&["<td class=\"num\">384</td>", "<a href=\"/models?q=license%3Amit\">MIT</a>"]);
    let card = "---\nbase_model: [alice/one, no/such]\n---\n# C\n";
    world.repo("model", "child", false, &[("README.md", card)]).await;
    let pasted = "/compare?id=http%3A%2F%2Fhub.test%2Falice%2Fchild%2Ftree%2Fmain&id=alice/one";
    let page = world.browse(pasted).await;
    page.has(&["<a href=\"/alice/child\">", "<a href=\"/alice/one\">alice/one</a>, no/such</td>"]);
    page.lacks(&["There is no model", "href=\"/no/such\""]);
    world.browse("/alice/one").await.has(&["href=\"/compare?id=alice"]);
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
