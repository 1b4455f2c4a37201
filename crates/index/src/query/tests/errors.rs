//! What is wrong, and under which character.

use super::super::{ALTERNATIVES_MAX, QUERY_BYTES_MAX, QUERY_TERMS_MAX, Query, QueryError};

fn refused(text: &str) -> QueryError {
    match Query::parse(text) {
        Err(error) => error,
        Ok(query) => panic!("{text} is {query:?}"),
    }
}

#[test]
fn errors_name_the_place_and_the_way_out() {
    // Each text, the part of it that is pointed at, what is wrong, and a part of the hint.
    for (text, place, message, hint) in [
        ("bert tsk:x", 5..8, "there is no field \"tsk\"", "did you mean \"task:\"?"),
        ("-licens:mit", 1..7, "there is no field \"licens\"", "did you mean \"license:\"?"),
        ("https://x.y", 0..5, "there is no field \"https\"", "put it in quotes"),
        ("été :x", 6..7, "the name of a field is missing before this colon", "quotes"),
        ("\"size\":1GB", 0..6, "there is no field \"size\"", ""),
        ("task:", 5..5, "task: needs a value", "like task:text-classification"),
        ("task: ner", 5..5, "task: needs a value", "without a space"),
        ("task:\"\"", 5..7, "there is nothing between these quotes", ""),
        ("x \"\"", 2..4, "there is nothing between these quotes", ""),
        ("task:ner,,qa", 9..9, "a value is missing here", ""),
        ("task:ner,", 9..9, "a value is missing here", ""),
        ("a \"b c", 2..3, "this quote is never closed", "\\\""),
        ("tag:\"b c", 4..5, "this quote is never closed", ""),
        (
            "task:classification",
            5..19,
            "\"classification\" can be several tasks",
            "text-classification, token-classification, image-",
        ),
        (
            "task:qa,text-clasification",
            8..26,
            "there is no task \"text-clasification\"",
            "did you mean text-classification?",
        ),
        ("license:apache", 8..14, "there is no license \"apache\"", "did you mean apache-2.0?"),
        ("lang:englsh", 5..11, "there is no language \"englsh\"", "did you mean english?"),
        ("sdk:gradeo", 4..10, "there is no sdk \"gradeo\"", "did you mean gradio?"),
        ("kind:modle", 5..10, "there is no kind \"modle\"", "did you mean model?"),
        ("size:<100XB", 6..11, "\"xb\" is not a unit here", "KB, MB"),
        ("size:<big", 6..9, "\"big\" is not a number", "100MB"),
        ("size:<", 6..6, "a number is missing here", "100MB"),
        ("params:8B..1B", 7..13, "nothing lies in this range", "smaller number first"),
        ("params:8B..9X", 11..13, "\"x\" is not a unit here", "K, M, B or T"),
        ("params:<1B..2B", 7..14, "a range cannot begin with <", "1..<5"),
        ("params:1B..>2B", 12..14, "the end of a range can only have < or <=", ""),
        ("params:..", 7..9, "a range needs a number on one side at least", ""),
        ("params:99999999999999999999", 7..27, "this number is too large", ""),
        ("params:1.2.3", 7..12, "\"1.2.3\" is not a number", ""),
        ("size < 1GB", 5..6, "a comparison needs a field before it", "without spaces"),
        ("-bert", 0..5, "only a field can be excluded", "-name:bert"),
        ("eval:mnli>0.9", 5..9, "an evaluation is named by dataset and metric", "eval:mnli.f1>0.9"),
        ("eval:mnli.f1>high", 13..17, "\"high\" is not a number", "0.9 or 90%"),
        ("rows:>5M", 5..8, "rows are known in steps of ten: 1K, 10K, 100K, ... 1T", "rows:>=1M"),
        (
            "newer:yesterday",
            6..15,
            "\"yesterday\" is neither a length of time nor a day",
            "2025-01-31",
        ),
        ("newer:2025-02-30", 6..16, "\"2025-02-30\" is neither a length of time nor a day", ""),
        ("newer:0d", 6..8, "\"0d\" is neither a length of time nor a day", ""),
        ("gated:maybe", 6..11, "this is either yes or no", ""),
        (
            "lineage:free",
            8..12,
            "\"free\" says nothing about a lineage",
            "permissive, commercial, share-alike",
        ),
    ] {
        let error = refused(text);
        assert_eq!((error.message.as_str(), error.at.clone()), (message, place), "{text}");
        assert!(
            error.hint.as_deref().unwrap_or_default().contains(hint),
            "{text}: {:?}",
            error.hint
        );
    }
}

#[test]
fn limits_are_named() {
    let long = "é".repeat(QUERY_BYTES_MAX);
    assert_eq!(refused(&long).at, QUERY_BYTES_MAX..long.len());
    let many = "a ".repeat(QUERY_TERMS_MAX + 1);
    assert_eq!(refused(&many).at, 2 * QUERY_TERMS_MAX..2 * QUERY_TERMS_MAX + 1);
    assert!(Query::parse(&"a ".repeat(QUERY_TERMS_MAX)).is_ok());
    let alternatives = format!("tag:{}", "a,".repeat(ALTERNATIVES_MAX) + "b");
    assert_eq!(refused(&alternatives).at, 4 + 2 * ALTERNATIVES_MAX..5 + 2 * ALTERNATIVES_MAX);
    let sizes: Vec<String> = (1..=60).map(|size| format!("{size}B")).collect();
    let grows = vec![format!("params:{}", sizes.join(",")); 12];
    assert!(refused(&grows.join(" ")).message.ends_with("when its short names are written out"));
}

#[test]
fn an_error_is_one_sentence() {
    let error = refused("tsk:x");
    assert_eq!(
        error.to_string(),
        "there is no field \"tsk\"; did you mean \"task:\"? Otherwise put it in quotes to search for it as it is"
    );
    assert_eq!(refused("gated:x").to_string(), "this is either yes or no");
}

#[test]
fn carets_stand_under_what_is_wrong() {
    for (text, shown) in [
        ("bert tsk:x", "bert tsk:x\n     ^^^"),
        ("task:", "task:\n     ^"),
        ("été tsk:x", "été tsk:x\n    ^^^"),
        // A combining accent takes no column, a Chinese character two, a tab is shown as one blank.
        ("e\u{301}te\u{301} tsk:x", "e\u{301}te\u{301} tsk:x\n    ^^^"),
        ("模型 tsk:x", "模型 tsk:x\n     ^^^"),
        ("a\ttsk:x", "a tsk:x\n  ^^^"),
        ("a\ntsk:x", "a tsk:x\n  ^^^"),
        ("license:模型 x", "license:模型 x\n        ^^^^"),
    ] {
        assert_eq!(refused(text).pointing(text), shown, "{text}");
    }
}

#[test]
fn long_texts_are_cut_around_the_place() {
    for text in [
        format!("{}tsk:x{}", "word ".repeat(40), " more".repeat(20)),
        format!("{}tsk:x", "模型 ".repeat(40)),
        format!("tsk:x{}", " more".repeat(40)),
        format!("license:{}", "x".repeat(400)),
    ] {
        let shown = refused(&text).pointing(&text);
        let (line, carets) = shown.split_once('\n').unwrap();
        let width = |char: &char| if u32::from(*char) > 0x2e80 { 2 } else { 1 };
        assert!(line.chars().map(|char| width(&char)).sum::<usize>() <= 78, "{line}");
        let blanks = carets.len() - carets.trim_start().len();
        let mut column = 0;
        let under: String = line
            .chars()
            .filter(|char| {
                let at = column;
                column += width(char);
                at >= blanks
            })
            .take(3)
            .collect();
        assert!(under == "tsk" || under == "xxx", "{shown}");
        assert!(line.contains('…'), "{shown}");
    }
}
