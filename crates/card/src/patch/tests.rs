use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn one_key_changes_and_nothing_else() {
    let cases = [
        // Replaced.
        (
            "---\nlicense: mit\ntags: [a]\n---\n# x\n",
            "license",
            json!("gpl-3.0"),
            "---\nlicense: gpl-3.0\ntags: [a]\n---\n# x\n",
        ),
        (
            "---\ntags:\n- a\n- b\n\n# why\nlicense: mit\n---\n",
            "tags",
            json!(["c"]),
            "---\ntags:\n- c\n\n# why\nlicense: mit\n---\n",
        ),
        ("---\na: |\n  x\n\n  y\nb: 1\n---\n", "a", json!("z"), "---\na: z\nb: 1\n---\n"),
        (
            "---\r\na: 1\r\nb: 2\r\n---\r\nx\r\n",
            "b",
            json!(["x", "z"]),
            "---\r\na: 1\r\nb:\r\n- x\r\n- z\r\n---\r\nx\r\n",
        ),
        ("---\n  a: 1\n  b: 2\n---\n", "a", json!(["x"]), "---\n  a:\n  - x\n  b: 2\n---\n"),
        // Added.
        (
            "---\nlicense: mit\n---\n# x\n",
            "pipeline_tag",
            json!("text-generation"),
            "---\nlicense: mit\npipeline_tag: text-generation\n---\n# x\n",
        ),
        (
            "---\nlicense: mit\n# end\n\n---\n# x",
            "a",
            json!(1),
            "---\nlicense: mit\n# end\n\na: 1\n---\n# x",
        ),
        ("---\n---\n# x\n", "a", json!("b"), "---\na: b\n---\n# x\n"),
        // No block yet.
        ("# x\n---\n", "a", json!("b"), "---\na: b\n---\n# x\n---\n"),
        ("", "a", json!("b"), "---\na: b\n---\n"),
        ("\u{feff}# x\r\ny\r\n", "a", json!("b"), "\u{feff}---\r\na: b\r\n---\r\n# x\r\ny\r\n"),
        (
            "---\n\nA rule, no block.\n",
            "a",
            json!("b"),
            "---\na: b\n---\n---\n\nA rule, no block.\n",
        ),
        // Values that could be read as something else.
        (
            "---\na: 1\n---\n",
            "language",
            json!(["no", "en", "1.0", "a b", "x: y", "é", "2024-01-01"]),
            "---\na: 1\nlanguage:\n- \"no\"\n- en\n- \"1.0\"\n- a b\n- \"x: y\"\n- \"é\"\n- \"2024-01-01\"\n---\n",
        ),
        (
            "---\na: 1\n---\n",
            "b",
            json!({"x": ["y", null]}),
            "---\na: 1\nb: {\"x\":[\"y\",null]}\n---\n",
        ),
        ("---\na: 1\n---\n", "b", json!([]), "---\na: 1\nb: []\n---\n"),
    ];
    for (old, key, value, new) in cases {
        assert_eq!(set(old, key, &value).as_deref(), Ok(new), "{old:?}");
    }
}

#[test]
fn what_cannot_be_changed_alone_is_refused() {
    let unpatchable = PatchError::Unpatchable { key: "a".to_owned() };
    for old in [
        "---\n{a: 1, b: 2}\n---\n",
        "---\na: &x [1]\nb: *x\n---\n",
        "---\na: 1\n<<: {b: 2}\n---\n",
        "---\nb: 1\n...\n---\n",
    ] {
        let new = set(old, "a", &json!("z"));
        let same = new.as_ref().is_ok_and(|new| {
            Card::parse(new).unwrap().data["b"] == Card::parse(old).unwrap().data["b"]
        });
        assert!(same || new == Err(unpatchable.clone()), "{old:?} {new:?}");
    }
    let broken = set("---\na: [\n---\n", "a", &json!(1));
    assert!(matches!(broken, Err(PatchError::FrontMatter(FrontMatterError::Syntax { .. }))));
}

/// What git makes of the old text with the patch.
fn applied(old: &str, patch: &str) -> String {
    let folder =
        std::env::temp_dir().join(format!("steelyard-patch-{}-{:p}", std::process::id(), &old));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("README.md"), old).unwrap();
    let mut git = Command::new("git")
        .args(["apply", "--whitespace=nowarn", "-"])
        .current_dir(&folder)
        .env("GIT_CEILING_DIRECTORIES", std::env::temp_dir())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(patch.as_bytes()).unwrap();
    assert!(git.wait().unwrap().success(), "{patch}");
    let new = std::fs::read_to_string(folder.join("README.md")).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    new
}

#[test]
fn git_applies_the_patch() {
    let old = "---\nlicense: mit\ntags:\n- a\n- b\n- c\n- d\n---\n# x\n\nno line end";
    for (key, value) in [("license", json!("gpl-3.0")), ("tags", json!(["z"])), ("new", json!("y"))]
    {
        let new = set(old, key, &value).unwrap();
        assert_eq!(applied(old, &unified_diff(old, &new, "README.md")), new);
    }
    for (old, new) in [("a", "a\n"), ("a\nb\n", "b\n"), ("a\n", "a\nb"), ("x\ny\n", "q\n")] {
        assert_eq!(applied(old, &unified_diff(old, new, "README.md")), new);
    }
    assert_eq!(unified_diff("a", "a", "README.md"), "");
    assert_eq!(
        unified_diff("---\na: 1\n---\n", "---\na: 2\n---\n", "README.md"),
        "--- a/README.md\n+++ b/README.md\n@@ -1,3 +1,3 @@\n ---\n-a: 1\n+a: 2\n ---\n"
    );
}

/// Blocks in the forms people write.
fn block() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        " [a-z]{1,5}",
        " \\[[a-z]{1,3}, [a-z]{1,3}\\]",
        "(\n- [a-z]{1,3}){1,3}",
        "(\n  - [a-z]{1,3}){1,3}",
        " \\|\n  [a-z][a-z# ]{0,5}\n\n  [a-z]{1,3}",
        "\n  [a-z]{1,3}: [a-z]{1,3}",
        " \"[a-z#: ]{0,6}\" # [a-z]{1,4}",
        " >-\n  [a-z]{1,5}\n  [a-z]{1,5}",
    ];
    let entries =
        proptest::collection::vec((value, prop_oneof!["", "\n", "\n# [a-z]{1,5}", "\n\n"]), 0..5);
    entries.prop_map(|entries| {
        let lines = entries.iter().enumerate();
        lines.map(|(at, (value, after))| format!("k{at}:{value}{after}\n")).collect()
    })
}

proptest! {
    #[test]
    fn only_the_lines_of_the_key_change(
        block in block(),
        at in 0_usize..6,
        value in prop_oneof!["[ -~]{0,12}".prop_map(Value::from), proptest::collection::vec("[a-z0-9:# \"'-]{0,6}", 0..4).prop_map(Value::from), any::<i32>().prop_map(Value::from)],
        body in "[ -~\n]{0,30}",
    ) {
        let old = format!("---\n{block}---\n{body}");
        let key = format!("k{at}");
        let before = Card::parse(&old).unwrap();
        let new = set(&old, &key, &value).unwrap();
        let after = Card::parse(&new).unwrap();
        prop_assert_eq!(after.body, before.body);
        let mut expected = before.data;
        expected.insert(key.clone(), value);
        prop_assert_eq!(&after.data, &expected);
        // Taken out again, both are the same text: the lines of no other key moved.
        let of_key = |line: &str, inside: &mut bool| {
            if line.starts_with(&format!("{key}:")) {
                *inside = true;
            } else if *inside && (line.is_empty() || line.starts_with(['#', 'k'])) {
                *inside = line.is_empty();
            }
            *inside && !line.is_empty()
        };
        let others = |text: &str| {
            let mut inside = false;
            let head = text.lines().skip(1).take_while(|line| *line != "---");
            head.filter(|line| !of_key(line, &mut inside) && !line.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(others(&new), others(&old));
    }

    #[test]
    fn any_text_is_changed_or_refused(readme in "(---\r?\n)?([a-c]: ?[-\\[\\]{}&*|>#x\n ]{0,8}\r?\n){0,4}(---\r?\n)?.{0,5}", key in "[abé:\" ]{1,2}") {
        if let Ok(new) = set(&readme, &key, &json!(["x"])) {
            let card = Card::parse(&new).unwrap();
            prop_assert_eq!(&card.data[&key], &json!(["x"]));
            prop_assert!(new.ends_with(crate::front_matter::body(&readme)) || front_matter::split(&readme).is_err());
        }
    }
}

#[test]
fn a_key_goes_with_its_lines() {
    for (readme, key, expected) in [
        (
            "---\nlicense: mit\ntags:\n- a\n- b\n# note\nx: 1\n---\n# T\n",
            "tags",
            "---\nlicense: mit\n# note\nx: 1\n---\n# T\n",
        ),
        ("---\nlicense: mit\n---\n# T\n", "license", "---\n---\n# T\n"),
        ("---\r\na: 1\r\nb: 2\r\n---\r\nx", "b", "---\r\na: 1\r\n---\r\nx"),
        ("# T\n", "tags", "# T\n"),
        ("---\na: 1\n---\n", "tags", "---\na: 1\n---\n"),
    ] {
        assert_eq!(remove(readme, key).unwrap(), expected, "{readme:?}");
    }
    assert!(remove("---\n{a: 1, b: 2}\n---\n", "a").is_err());
    assert!(remove("---\na: &x 1\nb: *x\n---\n", "a").is_err());
}
