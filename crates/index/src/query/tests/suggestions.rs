//! Completion.

use steelyard_core::RepoKind;

use super::super::{Open, suggest};
use crate::document::Facet;

fn texts(text: &str) -> (String, Vec<String>) {
    let found = suggest(text, text.len());
    (text[found.replace].to_owned(), found.items.into_iter().map(|item| item.text).collect())
}

#[test]
fn fields_and_words_are_offered() {
    for (text, replaced, first) in [
        ("bert ta", "ta", &["task:", "tag:"][..]),
        ("-lic", "lic", &["license:"]),
        ("task:text-cl", "text-cl", &["text-classification"]),
        ("task:ner,fill", "fill", &["fill-mask"]),
        ("task:mask-f", "mask-f", &[]),
        ("task:mask", "mask", &["mask-generation", "fill-mask"]),
        ("lang:germ", "germ", &["de"]),
        ("license:apa", "apa", &["apache-2.0"]),
        ("kind:d", "d", &["dataset"]),
        ("rows:n<", "n<", &["n<1K"]),
        ("gated:", "", &["yes", "no"]),
        ("lineage:no", "no", &["permissive", "non-commercial", "no-derivatives"]),
        ("author:a", "a", &[]),
        ("xyz:a", "a", &[]),
        ("tag:\"a", "", &[]),
        ("bert ", "", &[]),
        ("é", "é", &[]),
    ] {
        let (what, found) = texts(text);
        assert_eq!(what, replaced, "{text}");
        let shown: Vec<_> = found.iter().take(first.len().max(1)).map(String::as_str).collect();
        assert_eq!(shown, first, "{text}");
    }
}

#[test]
fn what_no_list_holds_is_looked_for_on_the_hub() {
    for (text, open, first) in [
        ("arch:ll", Some(Open::Words(Facet::Architecture)), None),
        ("author:al", Some(Open::Account), None),
        ("base_model:b", Some(Open::Repo(RepoKind::Model)), None),
        ("dataset:g", Some(Open::Repo(RepoKind::Dataset)), None),
        ("bert", Some(Open::Name), None),
        ("params:<", None, Some("<1B")),
        ("context:", None, Some(">=8k")),
        ("license:ap", None, Some("apache-2.0")),
        ("name:b", None, None),
    ] {
        let found = suggest(text, text.len());
        assert_eq!(found.open, open, "{text}");
        assert_eq!(found.items.first().map(|item| item.text.as_str()), first, "{text}");
    }
}

#[test]
fn only_what_stands_before_the_cursor_counts() {
    let found = suggest("lic:x size", 2);
    assert_eq!(found.replace, 0..2);
    assert_eq!(found.items[0].text, "license:");
    // A cursor inside a character, or behind the text, is moved.
    assert_eq!(suggest("é", 1).replace, 0..0);
    assert_eq!(suggest("ta", 99).replace, 0..2);
    assert_eq!(suggest("", 0).items.len(), 0);
}
