//! Hostile input: random text, and pieces of the language put together at random.

mod targets;

use proptest::prelude::*;
use steelyard_index::query::fields;

/// 2048 cases of each property, or as many as `STEELYARD_FUZZ_CASES` says.
fn config() -> ProptestConfig {
    let cases = std::env::var("STEELYARD_FUZZ_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(2048);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A field, a sign, a word or a separator.
fn part() -> impl Strategy<Value = String> {
    let names: Vec<String> = fields().iter().map(|field| format!("{}:", field.name)).collect();
    let examples: Vec<String> = fields().iter().map(|field| field.example.to_owned()).collect();
    let signs = [
        "<", "<=", ">", ">=", "=", "≥", "..", ",", "-", "\"", "\\", " ", ":", ".", "%", "é", "模",
        "\u{301}", "\n", "\t",
    ];
    let words = [
        "ner",
        "4bit",
        "int8",
        "q4_k_m",
        "32k",
        "1.5",
        "7",
        "B",
        "KB",
        "MiB",
        "0",
        "12mo",
        "2025-01-31",
        "no",
        "en",
        "mnli.f1",
        "permissive",
        "1K<n<10K",
        "apache-2.0",
        "text generation",
        "german",
        "model",
        "-0",
        "99999999",
    ];
    prop_oneof![
        prop::sample::select(names),
        prop::sample::select(examples),
        prop::sample::select(signs.to_vec()).prop_map(str::to_owned),
        prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        "\\PC{0,3}",
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
        targets::query(&data);
    }

    #[test]
    fn any_text(text in "\\PC{0,80}") {
        targets::query(text.as_bytes());
    }

    #[test]
    fn pieces_of_the_language(parts in prop::collection::vec(part(), 0..16)) {
        targets::query(parts.concat().as_bytes());
    }

    #[test]
    fn terms_side_by_side(parts in prop::collection::vec((part(), part(), part()), 0..8)) {
        let terms: Vec<_> = parts.into_iter().map(|(one, two, three)| one + &two + &three).collect();
        targets::query(terms.join(" ").as_bytes());
    }
}

#[test]
fn ten_kilobytes_of_anything_are_read_at_once() {
    let started = std::time::Instant::now();
    for part in [
        "a",
        "\"",
        "a:",
        "-",
        ",",
        "task:ner,",
        "é",
        "size:<1 ",
        "tag:\"",
        "eval:a.b>1,",
        "\\\"",
        "..",
        "params:1.",
        "模",
    ] {
        for length in [4096, 10_240] {
            let text = part.repeat(length / part.len());
            targets::query(text.as_bytes());
            targets::query(format!("name:\"{text}").as_bytes());
            targets::query(format!("params:{text}").as_bytes());
            targets::query(format!("license:{text}").as_bytes());
        }
    }
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}
