//! Blame, comparisons of revisions, histories of files, and pages as Markdown.

use steelyard_testkit::Stores;

use crate::world::World;

const BASE: &str = "/alice/m";

async fn world_with_history() -> (World, [String; 3]) {
    let world = World::on(Stores::Embedded).await;
    world.repo("model", "m", false, &[("src/a.py", "import os\nx = 1\ny = 2\n")]).await;
    let changed = "import os\nx = '<i>'\ny = 2\n";
    let second = world.commit("model", "m", "Second <b>", &[("src/a.py", changed)]).await;
    let third = world.commit("model", "m", "Third", &[("README.md", "# R\n")]).await;
    let fourth = world
        .commit("model", "m", "Fourth", &[("src/a.py", "import os\nx = '<i>'\ny = 2\nz = 3\n")])
        .await;
    (world, [second, third, fourth])
}

#[tokio::test]
async fn each_line_says_which_commit_it_comes_from() {
    let (world, [second, third, fourth]) = world_with_history().await;
    let file = world.browse(&format!("{BASE}/blob/main/src/a.py")).await;
    file.has(&["href=\"/alice/m/blame/main/src/a.py\""]);
    for _ in 0..2 {
        let page = world.browse(&format!("{BASE}/blame/main/src/a.py")).await;
        page.has(&[&second, &fourth, "Second &#60;b&#62;", "&lt;i&gt;", "id=\"L4\""]);
        page.lacks(&[&third, "Lines without a commit"]);
    }
    let text = world.browse(&format!("{BASE}/blame/main/src/a.py.md")).await;
    text.has(&[&format!("{} ", &second[..8]), "    4 z = 3", "```"]);
    let before = world.browse(&format!("{BASE}/blame/{second}/src/a.py")).await;
    before.has(&[&second]).lacks(&[&fourth]);
    let long = "x\n".repeat(20_000);
    world.commit("model", "m", "long", &[("long.txt", &long), ("empty.txt", "")]).await;
    world.browse(&format!("{BASE}/blame/main/long.txt")).await.has(&["more than 10,000 lines"]);
    world.browse(&format!("{BASE}/blame/main/empty.txt")).await.has(&["The file is empty"]);
}

#[tokio::test]
async fn two_revisions_are_compared_both_ways() {
    let (world, [second, third, fourth]) = world_with_history().await;
    let page = world.browse(&format!("{BASE}/compare/{second}..main")).await;
    page.has(&[&third, &fourth, "z = 3", "class=\"add\"", "README.md", "added"]);
    page.lacks(&[&format!("/commit/{second}")]);
    let back = world.browse(&format!("{BASE}/compare/main..{second}")).await;
    back.has(&["class=\"del\"", "removed", "has no commit that"]);
    world.browse(&format!("{BASE}/compare/main..main")).await.has(&["Nothing differs"]);
    world.browse(&format!("{BASE}/compare")).await.has(&["<option value=\"main\">", "name=\"to\""]);
    let asked = world.browse(&format!("{BASE}/compare?from={second}&to=refs/heads/main")).await;
    let there = format!("/alice/m/compare/{second}..refs%2Fheads%2Fmain");
    assert_eq!((asked.status.as_u16(), asked.header("location")), (303, there.as_str()));
    let text = world.browse(&format!("{BASE}/compare/{second}..main.md")).await;
    text.has(&["# alice/m: ", "```diff", "+z = 3", "Fourth"]);
}

#[tokio::test]
async fn a_files_history_goes_on_from_page_to_page() {
    let world = World::on(Stores::Embedded).await;
    world.repo("model", "m", false, &[("a.txt", "0"), ("b.txt", "0")]).await;
    for number in 1..100 {
        let (path, title) = if number % 2 == 0 { ("a.txt", "even") } else { ("b.txt", "odd") };
        world
            .commit("model", "m", &format!("{title} {number}."), &[(path, &number.to_string())])
            .await;
    }
    let (mut path, mut titles) = (format!("{BASE}/commits/main/a.txt"), 0);
    loop {
        let page = world.browse(&path).await;
        page.lacks(&["odd "]);
        titles += page.body.matches(">even ").count();
        let Some(at) = page.body.find("rel=\"next\" href=\"") else { break };
        path = page.body[at..].split('"').nth(3).unwrap().replace("&#38;", "&");
    }
    assert_eq!(titles, 49);
}

#[tokio::test]
async fn pages_of_a_repository_are_markdown_too() {
    let (world, [second, ..]) = world_with_history().await;
    for (path, parts) in [
        ("tree/main.md", vec!["| [src/](/alice/m/tree/main/src) |", "README.md"]),
        ("tree/main/src.md", vec!["a.py"]),
        ("blob/main/src/a.py.md", vec!["```python\nimport os", "- Size: "]),
        ("commits/main.md", vec!["Second <b>".trim_end_matches(" <b>"), "Fourth"]),
        ("commits/main/src/a.py.md", vec!["Fourth"]),
        ("report.md", vec!["# Report on alice/m", "| section |"]),
        (&*format!("commit/{second}.md"), vec!["```diff", "-x = 1", "+x = '<i>'"]),
    ] {
        let page = world.browse(&format!("{BASE}/{path}")).await;
        assert!(page.header("content-type").starts_with("text/markdown"), "{path}: {}", page.body);
        page.has(&parts);
    }
    let asked = world.ask("GET", &format!("{BASE}/tree/main"), None, "text/markdown").await;
    asked.has(&["| name | size |"]);
    // A file whose name ends so is itself.
    let file = world.browse(&format!("{BASE}/blob/main/README.md")).await;
    file.has(&["<!doctype html>", "<article class=\"card\">"]);
    world.browse(&format!("{BASE}/blob/main/README.md.md")).await.has(&["# README.md of alice/m"]);
    assert_eq!(world.browse(&format!("{BASE}/blob/main/nope.md")).await.status, 404);
}
