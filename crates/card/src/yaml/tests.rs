use proptest::prelude::*;
use serde_json::json;

use super::*;

fn value(text: &str) -> Value {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}")).value
}

fn error(text: &str) -> YamlError {
    parse(text).expect_err(text)
}

#[test]
fn scalars_follow_the_core_schema() {
    let cases = [
        ("yes", json!("yes")),
        ("no", json!("no")),
        ("on", json!("on")),
        ("true", json!(true)),
        ("False", json!(false)),
        ("~", json!(null)),
        ("2024-01-02", json!("2024-01-02")),
        ("2024-01-02T03:04:05Z", json!("2024-01-02T03:04:05Z")),
        ("12:30:45", json!("12:30:45")),
        ("7", json!(7)),
        ("-7", json!(-7)),
        ("+7", json!(7)),
        ("0x1F", json!(31)),
        ("0o17", json!(15)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("18446744073709551615", json!(u64::MAX)),
        ("1_000", json!("1_000")),
        ("1.5", json!(1.5)),
        (".5", json!(0.5)),
        ("5.", json!(5.0)),
        ("1e3", json!(1000.0)),
        ("-1.5E-2", json!(-0.015)),
        ("1e", json!("1e")),
        ("e3", json!("e3")),
        (".", json!(".")),
        ("1.2.3", json!("1.2.3")),
        ("-", json!([null])),
        ("+", json!("+")),
        (".inf", json!(null)),
        (".nan", json!(null)),
        ("inf", json!("inf")),
        ("\"7\"", json!("7")),
        ("'true'", json!("true")),
        ("!!str 7", json!("7")),
        ("! 7", json!("7")),
        ("!!int 7", json!(7)),
        ("0xé", json!("0xé")),
        ("é", json!("é")),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn structures_keep_their_order() {
    let text =
        "b: 1\na:\n- x\n- {k: v, l: [1, 2]}\nfolded: >-\n  one\n  two\nliteral: |\n  a\n  b\n";
    let document = parse(text).unwrap();
    assert_eq!(
        serde_json::to_string(&document.value).unwrap(),
        r#"{"b":1,"a":["x",{"k":"v","l":[1,2]}],"folded":"one two","literal":"a\nb\n"}"#
    );
    assert_eq!(document.key_lines["a"], 2);
    assert_eq!(document.key_lines["folded"], 5);
    assert_eq!(value(""), json!(null));
    assert_eq!(value("# only a comment\n"), json!(null));
    assert_eq!(value("1.10: x\nnull: y\n"), json!({"1.10": "x", "null": "y"}));
}

#[test]
fn items_of_a_list_know_their_lines() {
    let document = parse("- a: 1\n  b: [x, y]\n-\n  - c\n# note\n- d\n- {e: 1}\n").unwrap();
    assert_eq!(document.item_lines, [1, 4, 6, 7]);
    assert!(parse("a: [1, 2]\n").unwrap().item_lines.is_empty());
}

#[test]
fn aliases_and_merges_are_followed() {
    assert_eq!(value("a: &x [1]\nb: *x\n"), json!({"a": [1], "b": [1]}));
    assert_eq!(
        value("base: &b {k: 1, l: 2}\nc:\n  <<: *b\n  k: 3\n"),
        json!({"base": {"k": 1, "l": 2}, "c": {"k": 3, "l": 2}})
    );
    assert_eq!(value("\"<<\": 1\n"), json!({"<<": 1}));
}

#[test]
fn errors_name_the_line() {
    let duplicate = error("a: 1\nb: 2\na: 3\n");
    assert_eq!((duplicate.line, duplicate.message.as_str()), (3, "duplicated mapping key \"a\""));
    assert_eq!(error("a: 1\nb: [1, 2\nc: 3\n").line, 3);
    assert_eq!(error("a: b: c\n").line, 1);
    assert!(error("a: !!python/object:os.system x\n").message.contains("unknown tag"));
    assert!(error("a: !custom [x]\n").message.contains("unknown tag"));
    assert!(error("[a]: 1\n").message.contains("single value"));
    assert!(error("a: &x [*x]\n").message.contains("alias"));
    assert!(error("a: 1\n---\nb: 2\n").message.contains("more than one document"));
    assert!(error("a: *missing\n").line == 1);
    assert!(error("a:\n  <<: 1\n").message.contains("takes a mapping"));
}

#[test]
fn nested_aliases_cannot_explode() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![below; 9].join(", ")));
    }
    assert!(error(&text).message.contains("too large"));
}

#[test]
fn deep_nesting_is_refused() {
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(parse(&"- ".repeat(10_000)).is_err());
    assert!(parse(&"{a: ".repeat(1_000)).is_err());
    let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
    assert!(parse(&deep).is_ok());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn yaml_like_text_is_read_or_refused(text in "[-a:\\[\\]{}&*!|>'\"#%@ \\t\\n,?<.0-9]{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn what_json_can_say_comes_through(
        words in proptest::collection::vec("[ -~]{0,12}", 0..8),
        numbers in proptest::collection::vec(any::<i64>(), 0..4),
    ) {
        // JSON is YAML: a flow collection of quoted strings and numbers.
        let expected = json!({"words": words, "numbers": numbers});
        prop_assert_eq!(value(&expected.to_string()), expected);
    }
}
