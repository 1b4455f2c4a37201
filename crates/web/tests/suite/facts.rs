//! What stands beside a card, and the code to begin with.

use crate::world::World;

#[tokio::test]
async fn a_model_tells_what_it_was_made_from_and_how_well_it_does() {
    for world in World::all().await {
        world.repo("model", "root", false, &[("README.md", "---\nlicense: mit\n---\n# R")]).await;
        let card =
            "---\nlicense: mit\nbase_model: alice/root\nbase_model_relation: finetune\n---\n# M";
        world.repo("model", "middle", false, &[("README.md", card)]).await;
        let mut card = "---\nbase_model: alice/middle\nbase_model_relation: quantized\nmodel-index:\n- name: m\n  results:\n"
            .to_owned();
        for (dataset, metric, value) in
            [("one", "accuracy", 0.51), ("one", "f1", 0.52), ("two", "accuracy", 0.53)]
        {
            card.push_str(&format!(
                "  - task: {{type: fill-mask}}\n    dataset: {{name: Set {dataset}, type: alice/{dataset}}}\n    metrics:\n    - {{type: {metric}, value: {value}}}\n"
            ));
        }
        card.push_str("---\n# M");
        world.repo("model", "m", false, &[("README.md", &card)]).await;
        let page = world.browse("/alice/m").await;
        page.has(&[
            "<dt>Made from</dt><dd><a href=\"/alice/middle\">alice/middle</a><span class=\"num\">quantized</span>",
            "<a href=\"/alice/root\">← alice/root</a><span class=\"num\">finetune</span>",
            "<a href=\"#results\">Set one · accuracy</a>",
            "<a href=\"#results\">Set two · accuracy</a>",
            "<a href=\"#results\">All 3</a>",
        ]);
        page.lacks(&["Set one · f1</a>"]);
        let text = world.browse("/alice/m.md").await;
        text.has(&["- Made from: alice/middle (quantized); ← alice/root (finetune)"]);
    }
}

#[tokio::test]
async fn code_to_begin_with_can_name_a_commit() {
    for world in World::all().await {
        world.repo("model", "m", false, &[("README.md", "# First")]).await;
        let second = world.commit("model", "m", "more", &[("a.txt", "x")]).await;
        let page = world.browse("/alice/m").await;
        let pinned = format!("/alice/m?revision={second}#use");
        page.has(&[
            "href=\"#use\"",
            &format!("href=\"/alice/m/commit/{second}\">{}</a>", &second[..8]),
            &format!("href=\"{pinned}\""),
        ]);
        page.lacks(&[&format!("&#34;{second}&#34;")]);
        for asked in [second.as_str(), "main"] {
            let page = world.browse(&format!("/alice/m?revision={asked}")).await;
            page.has(&[&format!("&#34;{second}&#34;"), "href=\"/alice/m#use\""]);
        }
        assert_eq!(world.browse("/alice/m?revision=nope").await.status, 404);
    }
}

#[tokio::test]
async fn what_is_empty_offers_no_code_to_load_it() {
    for world in World::all().await {
        world.repo("model", "empty", false, &[("README.md", "---\nlicense: mit\n---\n")]).await;
        world.browse("/alice/empty").await.lacks(&["snapshot_download", "#use"]);
        world.commit("model", "empty", "more", &[("weights.bin", "x")]).await;
        world.browse("/alice/empty").await.has(&["snapshot_download", "#use"]);
    }
}

#[tokio::test]
async fn a_data_set_tells_its_tasks_and_who_was_trained_on_it() {
    for world in World::all().await {
        let card = "---\ntask_categories: [text-classification, fill-mask]\nsize_categories: [n<1K]\n---\n# D";
        let files = [("README.md", card), ("data/train.csv", "a,b\n1,2\n")];
        world.repo("dataset", "rows", false, &files).await;
        let page = world.browse("/datasets/alice/rows").await;
        page.lacks(&["Models trained on it"]).has(&[
            "<dt>Tasks</dt><dd><a href=\"/datasets?q=task%3Atext-classification\">Text Classification</a>",
            "<dt>Rows</dt><dd><a href=\"/datasets?q=rows%3An%3C1K\">n&#60;1K</a></dd></div>",
            "<dt>Modality</dt><dd><a href=\"/datasets?q=modality%3A",
        ]);
        let card = "---\ndatasets: [alice/rows]\n---\n# M";
        world.repo("model", "open", false, &[("README.md", card)]).await;
        world.repo("model", "hidden", true, &[("README.md", card)]).await;
        let page = world.browse("/datasets/alice/rows").await;
        page.lacks(&["alice/hidden"]).has(&[
            "<a href=\"/models?q=dataset%3Aalice%2Frows\">Models trained on it</a> <span class=\"num\">1</span>",
            "<a href=\"/alice/open\">alice/open</a>",
        ]);
        let own = world.ask("GET", "/datasets/alice/rows", Some(&world.alice), "text/html").await;
        own.has(&["Models trained on it</a> <span class=\"num\">2</span>", "alice/hidden"]);
    }
}
