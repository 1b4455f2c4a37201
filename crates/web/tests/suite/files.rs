//! Folders, files, history.

use crate::world::World;
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
        ("/models?q=tsk:x", 400, ""),
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
