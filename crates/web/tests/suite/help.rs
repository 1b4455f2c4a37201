//! Guides, the description of the interface, the doctor, chat templates and examples.

use axum::body::Body;
use axum::http::Request;
use steelyard_testkit::Stores;

use crate::world::{Page, World};

#[tokio::test]
async fn guides_and_routes_can_be_read_and_found() {
    let world = World::on(Stores::Embedded).await;
    world.browse("/docs").await.has(&["/docs/user-guide", "/docs/api", "/doctor"]);
    let guide = world.browse("/docs/user-guide").await;
    guide.has(&[
        "<h1",
        "aria-current=\"page\"",
        "/docs/large-files",
        "HF_ENDPOINT=http://hub.test",
    ]);
    guide.lacks(&["hub.example.org"]);
    let source = world.browse("/docs/user-guide.md").await;
    source.has(&["# User guide", "HF_ENDPOINT=http://hub.test"]).lacks(&["hub.example.org"]);
    // For operators the address is an example.
    world.browse("/docs/operator-guide").await.has(&["https://hub.example.org"]);
    let api = world.browse("/docs/api").await;
    for route in steelyard_http::routes::table() {
        // One entry stands for all kinds of repositories.
        let summary = route.summary.replace('\'', "&#39;").replace('"', "&#34;");
        api.has(&[&summary]);
    }
    api.has(&["X-Request-Id", "CreateRepoRequest", ">required<", "name=\"q\""]);
    api.lacks(&["`"]);
    let found = world.browse("/docs/api?q=GET+tree").await;
    found.has(&["/api/{kinds}/{namespace}/{repo}/tree/"]).lacks(&["/api/repos/create"]);
    world.browse("/docs/api?q=zebra").await.has(&["No route has these words"]);
    world.browse("/docs/api.md").await.has(&["### POST /api/repos/create", "- `name` ("]);
}

#[tokio::test]
async fn a_newcomer_is_told_the_way() {
    let world = World::on(Stores::Embedded).await;
    for path in ["/setup", "/setup.md"] {
        let page = world.browse(path).await;
        page.has(&["/settings/tokens", "/new", "address and a code", "hf auth login\nhf download"]);
    }
    world.browse("/").await.lacks(&[">New</a>"]);
}

async fn examine(world: &World, text: &str) -> Page {
    let form: String = percent(text);
    let request = Request::builder()
        .method("POST")
        .uri("/doctor")
        .header("host", "hub.test")
        .header("accept", "text/html")
        .header("content-type", "application/x-www-form-urlencoded");
    world.send(request.body(Body::from(format!("text={form}"))).unwrap()).await
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn the_doctor_finds_what_is_wrong() {
    let world = World::on(Stores::Embedded).await;
    world.repo("dataset", "words", false, &[("Data.csv", "a\n1\n")]).await;
    world.repo("model", "secret", true, &[("README.md", "# S")]).await;
    let curl = |path: &str, token: &str| {
        format!(
            "> GET {path} HTTP/1.1\n> Host: hub.test\n> Authorization: Bearer {token}\n< HTTP/1.1 404"
        )
    };
    for (text, found) in [
        ("https://huggingface.co/api/models/a/b".to_owned(), "not to this hub"),
        (
            "ConnectionError: HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /a/b"
                .to_owned(),
            "export HF_ENDPOINT=http://hub.test",
        ),
        (
            "LocalEntryNotFoundError: Cannot find the requested files in the disk cache".to_owned(),
            "export HF_ENDPOINT=http://hub.test",
        ),
        (
            "http://hub.test/alice/words/resolve/main/x".to_owned(),
            "But there is a dataset of that name",
        ),
        (
            "http://hub.test/datasets/alice/words/resolve/main/data.csv".to_owned(),
            "There is Data.csv.",
        ),
        (
            "http://hub.test/datasets/alice/words/resolve/master/Data.csv".to_owned(),
            "no revision “master”",
        ),
        (
            "http://hub.test/alice/secret".to_owned(),
            "no model alice/secret that this caller may see",
        ),
        (curl("/alice/secret/resolve/main/README.md", &world.mallory), "no model alice/secret"),
        (curl("/alice/secret/resolve/main/README.md", &world.alice), "“README.md” are there"),
        (curl("/alice/secret", "hf_ffffffffffffffffffffffffffffffffff"), "does not know the token"),
        ("hello".to_owned(), "no request in this text"),
    ] {
        examine(&world, &text).await.has(&[found]);
    }
    // What was pasted comes back without its token.
    let page = examine(&world, &curl("/alice/secret", &world.alice)).await;
    page.has(&["Bearer hf_…", "alice’s"]).lacks(&[&world.alice]);
    assert_eq!(examine(&world, &"x".repeat(70_000)).await.status, 413);
}

#[tokio::test]
async fn the_doctor_remembers_what_was_refused() {
    let world = World::on(Stores::Embedded).await;
    let refused = world.ask("GET", "/alice/none/resolve/main/x?token=hf_y", None, "*/*").await;
    let id = refused.header("x-request-id").to_owned();
    let page = world.browse(&format!("/doctor?request={id}")).await;
    page.has(&["GET /alice/none/resolve/main/x was answered 401", "no model alice/none"]);
    page.lacks(&["hf_y"]);
    world.browse(&format!("/doctor.md?request={id}")).await.has(&["[!] There is no model"]);
    world.browse("/doctor?request=1").await.has(&["refused nothing under that id"]);
    let shown = world.browse("/alice/none").await;
    shown.has(&["/doctor?request="]);
}

#[tokio::test]
async fn a_chat_template_is_shown_on_a_sample() {
    let world = World::on(Stores::Embedded).await;
    let template =
        "{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}\n{% endfor %}";
    let config = serde_json::json!({
        "chat_template": template, "eos_token": {"content": "<end>"}, "tokenizer_class": "LlamaTokenizer",
    });
    world.repo("model", "m", false, &[("tokenizer_config.json", &config.to_string())]).await;
    world.browse("/alice/m").await.has(&["href=\"/alice/m/chat\""]);
    let page = world.browse("/alice/m/chat").await;
    page.has(&["[user] What weighs more?&#60;end&#62;", "LlamaTokenizer", "tokenizer_config.json"]);
    world.browse("/alice/m/chat.md").await.has(&["[system] You weigh things.<end>", "```jinja"]);
    world.repo("model", "x-instruct", false, &[("README.md", "# X")]).await;
    world.browse("/alice/x-instruct/chat").await.has(&["There is no chat template, though"]);
    let hostile = "{% set n = namespace(s='ab') %}{% for x in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}";
    world.repo("model", "bomb", false, &[("chat_template.jinja", hostile)]).await;
    world.browse("/alice/bomb/chat").await.has(&["it takes too much"]);
}

#[tokio::test]
async fn examples_and_galleries_are_shown() {
    let world = World::on(Stores::Embedded).await;
    let widget = "---\nwidget:\n- text: a <cat>\n  output:\n    url: images/cat.png\n- text: good\n  output:\n  - label: POSITIVE\n    score: 0.9\n---\n";
    world.repo("model", "m", false, &[("README.md", widget)]).await;
    let page = world.browse("/alice/m").await;
    page.has(&[
        "src=\"/alice/m/resolve/main/images/cat.png\"",
        "a &#60;cat&#62;",
        "POSITIVE",
        "0.9",
    ]);
    let card = format!("{widget}# Pictures\n\n<Gallery />\n");
    world.repo("model", "g", false, &[("README.md", &card)]).await;
    let page = world.browse("/alice/g").await;
    page.has(&["<div class=\"gallery\">", "a &lt;cat&gt;", "/alice/g/resolve/main/images/cat.png"]);
    page.lacks(&["id=\"examples\"", "Gallery"]);
}

#[tokio::test]
async fn the_tensors_of_a_gguf_file_are_listed_and_filtered() {
    let world = World::on(Stores::Embedded).await;
    world.repo("model", "m", false, &[("README.md", "# M")]).await;
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    bytes.extend([2_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat());
    bytes.extend(
        [string("general.architecture"), 8_u32.to_le_bytes().into(), string("llama")].concat(),
    );
    for name in ["blk.0.attn", "output"] {
        bytes.extend(
            [string(name), 1_u32.to_le_bytes().into(), 256_u64.to_le_bytes().into()].concat(),
        );
        bytes.extend([&0_u32.to_le_bytes()[..], &0_u64.to_le_bytes()].concat());
    }
    let text = String::from_utf8(bytes).unwrap();
    world.commit("model", "m", "gguf", &[("m.gguf", &text)]).await;
    let page = world.browse("/alice/m/blob/main/m.gguf").await;
    page.has(&["llama", "blk.0.attn", "2 tensors", "F32", "1.02 kB", "general.architecture"]);
    let found = world.browse("/alice/m/blob/main/m.gguf?filter=attn").await;
    found.has(&["1 of them, 256 parameters"]).lacks(&["<code>output</code>"]);
    world.browse("/alice/m/blob/main/m.gguf.md").await.has(&["| blk.0.attn | F32 | 256 |"]);
}
