//! Input that is too large, too deep or not what it says.

use crate::world::World;
use steelyard_testkit::Stores;
use steelyard_web::highlight;
use steelyard_web::markdown::{Place, render};

/// Renders. What takes minutes is ended by the runner of the tests: these texts take hours where one step is quadratic.
fn rendered(text: &str) -> steelyard_web::markdown::Rendered {
    render(text, &Place::default())
}

#[test]
fn what_is_too_large_or_too_deep_is_shown_as_it_is() {
    let mega = 1 << 20;
    for (what, text) in [
        ("five megabytes", "word ".repeat(mega)),
        ("quotations", ">".repeat(mega / 2)),
        ("lists", "- ".repeat(50_000)),
        ("elements", "<div>".repeat(100_000)),
        ("bold in bold", format!("{}x{}", "<b>".repeat(5_000), "</b>".repeat(5_000))),
        ("stars", format!("{}a{}", "*a ".repeat(20_000), "*".repeat(20_000))),
    ] {
        let rendered = rendered(&text);
        assert!(rendered.html.len() < 4 * mega, "{what}: {}", rendered.html.len());
        if ["five megabytes", "quotations", "elements", "bold in bold"].contains(&what) {
            assert!(rendered.note.is_some(), "{what}");
            assert!(rendered.html.starts_with("<pre class=\"plain\">"), "{what}");
        }
    }
}

#[test]
fn nothing_makes_rendering_slow() {
    for (what, text) in [
        ("brackets", "[".repeat(50_000)),
        ("links", "[a](".repeat(20_000)),
        ("backticks", (1..400).map(|n| "`".repeat(n) + " ").collect()),
        ("dollars", "$a ".repeat(50_000)),
        ("entities", "&".repeat(200_000)),
        ("autolinks", "www.".repeat(50_000)),
        ("tables", format!("{}\n{}\n", "|a".repeat(2_000), "|-".repeat(2_000)).repeat(20)),
        ("footnotes", "[^a]\n".repeat(20_000) + "[^a]: x"),
        ("open tags", "<a ".repeat(100_000)),
        ("comments", "<!--".repeat(100_000)),
        ("formulas", "$\\frac{1}{2}$ ".repeat(3_000)),
        ("deep formula", format!("${}{}$", "{".repeat(3_000), "}".repeat(3_000))),
    ] {
        let html = rendered(&text).html;
        assert!(html.len() < 16 << 20, "{what}: {}", html.len());
    }
}

#[test]
fn two_megabytes_of_code_have_colours() {
    let code = "def f(x):\n    return \"text\" + str(x)  # comment 123\n".repeat(40_000);
    assert!(code.len() > 2_000_000);
    let lines = highlight::lines(&code, highlight::language("python"));
    assert_eq!(lines.len(), 80_000);
}

#[tokio::test]
async fn forged_addresses_are_refused() {
    let world = World::on(Stores::Embedded).await;
    world.repo("model", "m", false, &[("README.md", "# R")]).await;
    for path in [
        "/models?cursor=00ff",
        "/search?q=r&cursor=6162",
        "/alice/m/commits/main?cursor=6162",
        "/models?limit=x",
        "/models?sort=size",
        "/search?q=r&type=person",
    ] {
        let page = world.browse(path).await;
        assert_eq!(page.status, 400, "{path}: {}", page.body);
    }
    for path in [
        "/alice/m/blob/main/..%2F..%2Fetc%2Fpasswd",
        "/alice/m/tree/main/%2e%2e",
        "/alice/m/blob/main/%00",
        "/%3Cscript%3E",
        "/alice/%22%3E%3Cscript%3E",
    ] {
        let page = world.browse(path).await;
        assert!([400, 404].contains(&page.status.as_u16()), "{path}: {}", page.status);
        page.lacks(&["<script>"]);
    }
    // A cursor into a tree is the bytes of a path; a forged one is only another place to begin.
    assert_eq!(world.browse("/alice/m/tree/main?cursor=7a7a").await.status, 200);
    assert_eq!(world.browse("/alice/m/tree/main?cursor=zz").await.status, 400);
}

#[tokio::test]
async fn a_long_card_and_many_files_have_pages() {
    let world = World::on(Stores::Embedded).await;
    let long = format!("# Long\n\n{}", "word ".repeat(180_000));
    let many: Vec<(String, String)> =
        (0..1_050).map(|n| (format!("f{n:04}<i>.txt"), n.to_string())).collect();
    let mut files: Vec<(&str, &str)> =
        many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(("README.md", &long));
    world.repo("model", "big", false, &files).await;
    assert_eq!(world.browse("/alice/big").await.status, 200);
    let page = world.browse("/alice/big/tree/main").await;
    page.has(&["f0000&#60;i&#62;.txt", "More files"]).lacks(&["<i>.txt"]);
    let at = page.body.find("rel=\"next\" href=\"").unwrap();
    let next = page.body[at + 17..].split('"').next().unwrap();
    world.browse(next).await.has(&["f1049&#60;i&#62;.txt"]);
}
