use super::*;

fn html(code: &str, name: &str) -> String {
    let mut out = String::new();
    block_into(&mut out, code, language(name).unwrap());
    out
}

#[test]
fn pieces_have_their_classes() {
    assert_eq!(
        html("@x\ndef f(a): # b\n    return \"c\" + 1.5", "python"),
        "<span class=\"ha\">@x</span>\n<span class=\"hk\">def</span> f(a): <span class=\"hc\"># b</span>\n    \
         <span class=\"hk\">return</span> <span class=\"hs\">&quot;c&quot;</span> + <span class=\"hn\">1.5</span>"
    );
    assert_eq!(
        html("{\"a\": [true, \"b\"]}", "json"),
        "{<span class=\"ha\">&quot;a&quot;</span>: [<span class=\"hl\">true</span>, <span class=\"hs\">&quot;b&quot;</span>]}"
    );
    assert_eq!(
        html("[a]\nb-c = 'd' # e", "toml"),
        "<span class=\"hh\">[a]</span>\n<span class=\"ha\">b-c</span> = <span class=\"hs\">&#39;d&#39;</span> <span class=\"hc\"># e</span>"
    );
}

#[test]
fn spans_do_not_go_over_lines() {
    let lines = lines("x = '''a\nb'''\n", language("python"));
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1], "<span class=\"hs\">b&#39;&#39;&#39;</span>");
    assert_eq!(super::lines("", None), [""]);
    assert_eq!(super::lines("a\r\n<b>", None), ["a", "&lt;b&gt;"]);
}

/// Whatever comes in comes out, once everything is taken away that was added.
#[test]
fn nothing_is_lost_and_nothing_is_slow() {
    let nasty = [
        "'",
        "\"\"\"",
        "/*",
        "\\",
        "#",
        "é\\é",
        "`",
        "@",
        "0x",
        "\u{1F600}'",
        "<!--",
        "{#",
        "\"\\",
    ];
    for name in [
        "python", "json", "yaml", "toml", "bash", "rust", "js", "c", "sql", "md", "html", "css",
        "jinja",
    ] {
        for piece in nasty {
            let code = piece.repeat(50);
            let found: String =
                scan::pieces(&code, language(name).unwrap()).map(|piece| piece.text).collect();
            assert_eq!(found, code, "{name}");
        }
        // Half a megabyte of what opens and never closes; quadratic work would take hours.
        let code = "/* '''\" \\ ` ".repeat(50_000);
        assert!(!html(&code, name).is_empty());
    }
}
