//! Folders, files, history.

use crate::browser::Browser;
use crate::world::World;
use steelyard_core::Secret;
use steelyard_testkit::Stores;

#[tokio::test]
async fn folders_files_and_history_lead_to_each_other() {
    for world in World::all().await {
        let first = [
            ("README.md", "# R"),
            ("src/a b.py", "import os\nprint('<x>')\n"),
            ("data/t.csv", "name,n\n\"a, b\",1\n"),
            ("note.ipynb", r##"{"cells":[{"cell_type":"markdown","source":"# N"}]}"##),
            ("model.safetensors", "no header"),
        ];
        world.repo("dataset", "d", false, &first).await;
        let second = world
            .commit("dataset", "d", "Second <b>", &[("src/a b.py", "import sys\nprint('<x>')\n")])
            .await;
        let base = "/datasets/alice/d";
        let root = world.browse(&format!("{base}/tree/main")).await;
        root.has(&[
            "/datasets/alice/d/tree/main/src",
            "/datasets/alice/d/blob/main/README.md",
            "/datasets/alice/d/resolve/main/README.md",
            "Second &#60;b&#62;",
            ">main</a>",
        ]);
        world.browse(&format!("{base}/tree/main/src")).await.has(&["a%20b.py", ">..</a>"]);
        let file = world.browse(&format!("{base}/blob/main/src/a%20b.py")).await;
        file.has(&[
            "<span class=\"hk\">import</span> sys",
            "id=\"L2\" href=\"#L2\"",
            "&lt;x&gt;",
            &second[..8],
        ]);
        world
            .browse(&format!("{base}/blob/{second}/data/t.csv"))
            .await
            .has(&["<td>a, b</td>", "<td class=\"num\">1</td>"]);
        world
            .browse(&format!("{base}/blob/main/note.ipynb"))
            .await
            .has(&["notebook", "<h1 id=\"user-content-n\">N<"]);
        world
            .browse(&format!("{base}/blob/main/model.safetensors"))
            .await
            .has(&["no safetensors header"]);
        world
            .browse(&format!("{base}/commits/main"))
            .await
            .has(&["Second &#60;b&#62;", "initial commit"]);
        let of_file = world.browse(&format!("{base}/commits/main/src/a%20b.py")).await;
        of_file.has(&["Second &#60;b&#62;"]).lacks(&["initial commit"]);
        let commit = world.browse(&format!("{base}/commit/{second}")).await;
        commit.has(&[
            "import os",
            "import sys",
            "class=\"del\"",
            "class=\"add\"",
            "&#60;x&#62;",
            "parent",
        ]);
        assert_eq!(world.browse(&format!("{base}/raw/main/README.md")).await.body, "# R");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_calmly_and_programs_get_their_json() {
    let world = World::on(Stores::Embedded).await;
    world.repo("model", "m", false, &[("README.md", "# R")]).await;
    for (path, status, code) in [
        ("/alice/m/tree/nope", 404, "RevisionNotFound"),
        ("/alice/m/blob/main/nope", 404, "EntryNotFound"),
        ("/alice/m/tree/main/nope", 404, "EntryNotFound"),
        ("/alice/m/commit/0123456789", 404, "RevisionNotFound"),
        ("/alice/m/resolve/main/nope", 404, "EntryNotFound"),
        ("/alice/m/blame/main/nope", 404, "EntryNotFound"),
        ("/alice/m/commits/main/nope", 404, "EntryNotFound"),
        ("/alice/m/compare/main..nope", 404, "RevisionNotFound"),
        ("/alice/m/compare/main...main", 400, ""),
        ("/docs/nope", 404, ""),
        ("/alice/none", 404, "RepoNotFound"),
        ("/nobody", 404, ""),
        ("/a/b/c/d", 404, ""),
        ("/models?cursor=zz", 400, ""),
        ("/models?colour=red", 501, ""),
        ("/compare?id=a/a&id=a/b&id=a/c&id=a/d&id=a/e&id=a/f", 400, ""),
    ] {
        let page = world.browse(path).await;
        assert_eq!((page.status.as_u16(), page.header("x-error-code")), (status, code), "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        page.has(&["<!doctype html>", "To the front page"]);
        let program = world.ask("GET", path, None, "*/*").await;
        assert_eq!(program.header("content-type"), "application/json", "{path}");
        program.has(&["\"error\""]);
    }
    let api = world.browse("/api/models/alice/none").await;
    assert_eq!((api.status.as_u16(), api.header("content-type")), (401, "application/json"));
}

#[tokio::test]
async fn the_page_of_the_other_kind_leads_to_the_right_one() {
    for world in World::all().await {
        let files = [("README.md", "# R"), ("docs/a b.md", "# A"), ("w.safetensors", "x")];
        world.repo("model", "m", false, &files).await;
        for (path, to) in [
            ("/alice/m/tree/main/docs/a%20b.md", "/alice/m/blob/main/docs/a%20b.md"),
            ("/alice/m/tree/main/README.md", "/alice/m/blob/main/README.md"),
            ("/alice/m/blob/main/docs", "/alice/m/tree/main/docs"),
            ("/alice/m/blob/main", "/alice/m/tree/main"),
            ("/alice/m?show_tensors=w.safetensors", "/alice/m/blob/main/w.safetensors"),
        ] {
            let page = world.browse(path).await;
            assert_eq!((page.status.as_u16(), page.header("location")), (303, to), "{path}");
        }
        assert_eq!(world.browse("/alice/m?show_tensors=nope").await.status, 200);
        world.browse("/alice/m/tree/main/docs.md").await.has(&["# docs of alice/m"]);
    }
}

#[tokio::test]
async fn a_page_that_is_refused_knows_who_reads_it() {
    let world = World::on(Stores::Embedded).await;
    world.repo("model", "m", false, &[("README.md", "# R")]).await;
    world.repo("model", "secret", true, &[("README.md", "# R")]).await;
    let yours = "if it is yours";
    world.browse("/alice/m/blob/main/nope").await.has(&["nope"]).lacks(&[yours]);
    world.browse("/alice/m/tree/nope").await.lacks(&[yours]);
    world.browse("/alice/secret").await.has(&[yours]);
    world.browse("/alice/none").await.has(&[yours]);
    let password = "a long password for tests";
    world.test.hub.set_password("alice", &Secret::new(password)).await.unwrap();
    let alice = Browser::signed_in(&world, "alice", password).await;
    let page = alice.get("/alice/m/blob/main/nope").await;
    assert_eq!(page.status, 404);
    page.has(&["Account: ", "href=\"/settings/profile\"", "action=\"/logout\""]).lacks(&[yours]);
}

#[tokio::test]
async fn a_renamed_repository_sends_its_readers_on() {
    let world = World::on(Stores::Embedded).await;
    world.repo("model", "old", false, &[("README.md", "# R")]).await;
    let body = r#"{"fromRepo": "alice/old", "toRepo": "alice/new", "type": "model"}"#;
    let moved =
        world.test.call("POST", "/api/repos/move", Some(&world.alice), &[], body).await.unwrap();
    assert_eq!(moved.status, 200);
    let page = world.browse("/alice/old/tree/main").await;
    assert_eq!((page.status.as_u16(), page.header("location")), (307, "/alice/new/tree/main"));
}

/// The browser's own viewer shows a PDF; it does not work in the sandbox that everything else of users is in.
#[tokio::test]
async fn a_pdf_is_shown_in_a_frame_and_nothing_else_is() {
    let world = World::on(Stores::Embedded).await;
    let files =
        [("a.pdf", "%PDF-1.4\n"), ("b.pdf", "<script>"), ("c.html", "<p>"), ("d.svg", "<svg/>")];
    world.repo("model", "m", false, &files).await;
    let policy = async |path: &str| {
        let page = world.browse(path).await;
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        (page.header("content-security-policy").to_owned(), page.body.contains("<iframe"))
    };
    let (of_page, has_frame) = policy("/alice/m/blob/main/a.pdf").await;
    assert!(
        has_frame && of_page.ends_with("frame-ancestors 'none'; frame-src 'self' http: https:")
    );
    for other in ["b.pdf", "c.html", "d.svg"] {
        let (of_page, has_frame) = policy(&format!("/alice/m/blob/main/{other}")).await;
        assert!(!has_frame && !of_page.contains("frame-src"), "{other}: {of_page}");
    }
    // Whatever is in it, it is no page.
    for name in ["a.pdf", "b.pdf"] {
        let file = world.browse(&format!("/alice/m/resolve/main/{name}")).await;
        assert_eq!(file.header("content-type"), "application/pdf");
        assert_eq!(file.header("content-security-policy"), "frame-ancestors 'self'");
    }
    for name in ["c.html", "d.svg"] {
        let (of_file, _) = policy(&format!("/alice/m/resolve/main/{name}")).await;
        assert!(of_file.ends_with("; sandbox"), "{name}: {of_file}");
    }
}

#[tokio::test]
async fn styles_and_scripts_may_be_kept() {
    let world = World::on(Stores::Embedded).await;
    let page = world.browse("/").await;
    let mut total = 0;
    for part in ["/static/style-", "/static/app-", "/static/mark-"] {
        let at = page.body.find(part).unwrap();
        let path = page.body[at..].split('"').next().unwrap();
        let asset = world.browse(path).await;
        assert_eq!(asset.status, 200, "{path}");
        assert!(asset.header("cache-control").contains("immutable"));
        assert!(asset.body.len() < 30_000, "{path}: {}", asset.body.len());
        total += asset.body.len();
        let again =
            axum::http::Request::builder().uri(path).header("if-none-match", asset.header("etag"));
        let again = world.send(again.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(again.status, 304);
    }
    assert!(total < 60_000);
    assert_eq!(world.browse("/static/style-0000000000000000.css").await.status, 404);
}

/// A text is kept once, for the page of its file and for that of its folder, so both must mean the same by it.
#[tokio::test]
async fn a_folders_readme_has_no_metadata_in_its_text() {
    for world in World::all().await {
        let text = "---\nsecret_key: of-yaml\n---\n# Inside\n";
        world.repo("model", "m", false, &[("docs/README.md", text)]).await;
        let folder = world.browse("/alice/m/tree/main/docs").await;
        folder.has(&["Inside"]).lacks(&["secret_key"]);
        let file = world.browse("/alice/m/blob/main/docs/README.md").await;
        file.has(&["Inside", "secret_key"]);
    }
}
