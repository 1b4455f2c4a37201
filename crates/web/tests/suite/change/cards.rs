//! The editor of cards.

use serde_json::Value;

use super::{Session, field};
use crate::world::World;

const EDIT: &str = "/alice/m/edit/main/README.md";

#[tokio::test]
async fn metadata_is_a_form_and_nothing_else_changes() {
    for world in World::all().await {
        let text = "---\nlicense: mit # chosen\nextra: {a: 1}\n---\n# T\n";
        world.repo("model", "m", false, &[("README.md", text)]).await;
        let alice = Session::of(&world, "alice").await;
        let page = alice.get(EDIT).await;
        page.has(&[
            "id=\"meta_license\"",
            "value=\"mit\"",
            "list=\"words-tasks\"",
            "of 100",
            "id=\"preview\"",
        ]);
        let parent = field(&page, "parent");
        let fields = [
            ("path", "README.md"),
            ("text", text),
            ("action", "save"),
            ("target", "branch"),
            ("parent", &parent),
            ("meta_license", "mit"),
            ("was_license", "mit"),
            ("meta_pipeline_tag", "text-generation"),
            ("was_pipeline_tag", ""),
            ("meta_tags", "a, b"),
            ("was_tags", ""),
        ];
        for _ in 0..2 {
            let saved = alice.post(EDIT, &fields).await;
            assert_eq!(saved.header("location"), "/alice/m/blob/main/README.md", "{}", saved.body);
        }
        let expected = "---\nlicense: mit # chosen\nextra: {a: 1}\npipeline_tag: text-generation\ntags:\n- a\n- b\n---\n# T\n";
        assert_eq!(world.file("/alice/m/resolve/main/README.md").await.body, expected);
        assert_eq!(world.commits("alice/m", "main").await, 3);
    }
}

#[tokio::test]
async fn a_preview_shows_the_text_and_saves_nothing() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("README.md", "# Old")]).await;
        let alice = Session::of(&world, "alice").await;
        let parent = field(&alice.get(EDIT).await, "parent");
        let fields = [
            ("path", "README.md"),
            ("text", "# New\n<script>x</script>\n**bold**"),
            ("action", "preview"),
            ("parent", &parent),
            ("meta_license", "apache-2.0"),
            ("was_license", ""),
        ];
        let told = alice.post_for_json(EDIT, &fields).await;
        assert_eq!(told.status, 200, "{}", told.body);
        let told: Value = serde_json::from_str(&told.body).unwrap();
        let html = told["html"].as_str().unwrap();
        assert!(html.contains("<strong>bold</strong>") && !html.contains("script"), "{html}");
        assert!(told["text"].as_str().unwrap().starts_with("---\nlicense: apache-2.0\n---\n# New"));
        assert_eq!(told["fields"]["license"], "apache-2.0");
        // Without a script the whole page comes back.
        let page = alice.post(EDIT, &fields).await;
        page.has(&["license: apache-2.0", "<strong>bold</strong>"]).lacks(&["<script>x"]);
        let page = alice
            .post(
                EDIT,
                &[("path", "README.md"), ("text", ""), ("action", "template"), ("parent", &parent)],
            )
            .await;
        page.has(&["## Intended use", "# m"]);
        assert_eq!(world.file("/alice/m/resolve/main/README.md").await.body, "# Old");
    }
}

#[tokio::test]
async fn a_fix_is_one_click_and_an_error_names_its_line() {
    for world in World::all().await {
        let text = "---\nlanguage: English\n---\n# T\n";
        world.repo("model", "m", false, &[("README.md", text)]).await;
        let alice = Session::of(&world, "alice").await;
        let page = alice.get(EDIT).await;
        page.has(&["name=\"fix\" value=\"language\""]);
        let parent = field(&page, "parent");
        let mended = alice
            .post(
                EDIT,
                &[("path", "README.md"), ("text", text), ("fix", "language"), ("parent", &parent)],
            )
            .await;
        mended.has(&["language: en\n"]).lacks(&["value=\"language\""]);
        for bad in [
            "---\nlicense: mit\nlicense_name: [\n---\n# Kept words\n",
            "---\nlicense: 3\n---\n# Kept words\n",
        ] {
            let fields = [
                ("path", "README.md"),
                ("text", bad),
                ("action", "save"),
                ("target", "branch"),
                ("parent", &parent),
            ];
            let page = alice.post(EDIT, &fields).await;
            assert_eq!(page.status, 400, "{}", page.body);
            page.has(&["Kept words", "README.md", "data-line=\""]);
        }
        assert_eq!(world.file("/alice/m/resolve/main/README.md").await.body, text);
    }
}

#[tokio::test]
async fn the_template_takes_nothing_away() {
    for world in World::all().await {
        let text = "---\nlicense: mit\n---\n# Mine\n\nWords.\n\n## Usage\n\nRun it like this.\n";
        world.repo("model", "m", false, &[("README.md", text)]).await;
        let alice = Session::of(&world, "alice").await;
        let page = alice.get(EDIT).await;
        let parent = field(&page, "parent");
        let fields =
            [("path", "README.md"), ("text", text), ("action", "template"), ("parent", &parent)];
        let told = alice.post_for_json(EDIT, &fields).await;
        let told: Value = serde_json::from_str(&told.body).unwrap();
        let made = told["text"].as_str().unwrap();
        assert!(made.starts_with(text) && made.contains("\n## Citation\n"), "{made}");
        assert!(!made.contains("## How to use") && made.matches("license").count() == 1, "{made}");
    }
}

#[tokio::test]
async fn fields_are_completed_from_what_is_used_here() {
    for world in World::all().await {
        let card = "---\ntags: [rare-tag, \"a<b\"]\nlicense: other\n---\n# B\n";
        world.repo("model", "base", false, &[("README.md", card)]).await;
        world
            .repo("model", "hidden", true, &[("README.md", "---\ntags: [hidden-tag]\n---\n")])
            .await;
        world.repo("dataset", "words", false, &[("README.md", "# W")]).await;
        let mallory = Session::of(&world, "mallory").await;
        let page = mallory.get("/alice/base/edit/main/README.md").await;
        page.has(&[
            "list=\"words-models\" data-complete=\"models\"",
            "<option value=\"alice/base\">",
            "<option value=\"alice/words\">",
            "<option value=\"rare-tag\">1</option>",
            "<option value=\"a&#60;b\">",
            "id=\"meta_metrics\"",
        ]);
        page.lacks(&["alice/hidden", "hidden-tag", "data-other hidden"]);
        page.has(&["<label for=\"meta_license_name\" data-other>"]);
        let alice = Session::of(&world, "alice").await;
        let page = alice.get("/alice/hidden/edit/main/README.md").await;
        page.has(&["<label for=\"meta_license_link\" data-other hidden>", "alice/hidden"]);
        let parent = field(&page, "parent");
        let fields = [
            ("path", "README.md"),
            ("text", "# H"),
            ("action", "preview"),
            ("parent", &parent),
            ("meta_license", "other"),
        ];
        let told = alice.post_for_json("/alice/hidden/edit/main/README.md", &fields).await;
        assert_eq!(serde_json::from_str::<Value>(&told.body).unwrap()["other"], true);
        let page = alice.get("/datasets/alice/words/edit/main/README.md").await;
        page.has(&["id=\"meta_license_name\""]).lacks(&["words-models", "meta_metrics"]);
    }
}

#[tokio::test]
async fn a_wrong_licence_names_the_nearest_ones() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("README.md", "# M")]).await;
        let alice = Session::of(&world, "alice").await;
        let parent = field(&alice.get(EDIT).await, "parent");
        let fields = [
            ("path", "README.md"),
            ("text", "---\nlicense: apache2\n---\n# M\n"),
            ("action", "save"),
            ("target", "branch"),
            ("parent", &parent),
        ];
        let page = alice.post(EDIT, &fields).await;
        assert_eq!(page.status, 400);
        page.has(&["nearest: apache-2.0, ", "href=\"/docs/cards#user-content-licences\""]);
        page.lacks(&["must be one of ["]);
        world
            .browse("/docs/cards")
            .await
            .has(&["id=\"user-content-licences\"", "id=\"user-content-tasks\""]);
    }
}

#[tokio::test]
async fn where_there_is_no_card_it_begins_with_the_template() {
    for world in World::all().await {
        world.repo("dataset", "d", false, &[("a.csv", "a,b\n1,2\n")]).await;
        let alice = Session::of(&world, "alice").await;
        alice.get("/datasets/alice/d").await.has(&["Write a card"]);
        let page = alice.get("/datasets/alice/d/edit/main/README.md").await;
        page.has(&["# d", "## Dataset structure", "id=\"meta_task_categories\""]);
        let parent = field(&page, "parent");
        let fields = [
            ("path", "README.md"),
            ("text", "---\nlicense: mit\n---\n# d\n"),
            ("action", "save"),
            ("target", "branch"),
            ("parent", &parent),
        ];
        let saved = alice.post("/datasets/alice/d/edit/main/README.md", &fields).await;
        assert_eq!(
            saved.header("location"),
            "/datasets/alice/d/blob/main/README.md",
            "{}",
            saved.body
        );
    }
}
