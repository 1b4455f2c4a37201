//! Words, phrases, order, filters, pages.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::tokens::each_token;
use super::super::{CARD_TEXT_BYTES_MAX, WORDS_MAX};
use super::{Fixture, Matched, owned};

const ALL: Matched = Matched::AllWords;
const SOME: Matched = Matched::SomeWords;

fn small() -> Fixture {
    Fixture::with(&[
        (
            1,
            "acme/all-MiniLM-L6-v2",
            None,
            &["sentence-similarity", "license:apache-2.0"],
            "Maps sentences to vectors.",
        ),
        (
            2,
            "zoo/Whisper_large",
            Some("Lauscher für Sprache"),
            &["automatic-speech-recognition"],
            "Trained on audio of whales and a café.",
        ),
        (3, "acme/chat", None, &[], "Text generation for whales. The text of a generation before."),
        (4, "zoo/模型", None, &[], "这是一个文本生成模型。日本語のモデル"),
    ])
}

#[test]
fn every_part_of_a_repository_is_found() {
    let index = small();
    for (words, found) in [
        (&["vectors"][..], &[1][..]),
        (&["MINILM"], &[1]),
        (&["l6"], &[1]),
        (&["acme/all-MiniLM-L6-v2"], &[1]),
        (&["zoo", "whisper"], &[2]),
        (&["lauscher"], &[2]),
        (&["recognition"], &[2]),
        (&["license:apache-2.0"], &[1]),
        (&["cafe"], &[2]),
        (&["CAFÉ"], &[2]),
        (&["cafe\u{301}"], &[2]),
        (&["fur"], &[2]),
        (&["生成"], &[4]),
        (&["型"], &[4]),
        (&["モデル"], &[4]),
        (&["nothing"], &[]),
        (&[], &[]),
        (&["", " ", "!?", "-"], &[]),
    ] {
        let (mut hits, _) = index.find(words);
        hits.sort_unstable();
        assert_eq!(hits, found, "{words:?}");
    }
}

#[test]
fn all_words_come_before_some_words() {
    let index = small();
    assert_eq!(index.find(&["whales", "text"]), (vec![3], ALL));
    let (mut hits, matched) = index.find(&["vectors", "lauscher"]);
    hits.sort_unstable();
    assert_eq!((hits, matched), (vec![1, 2], SOME));
    assert_eq!(index.find(&["vectors", "nothing"]), (vec![1], SOME));
    assert_eq!(index.find(&["nothing", "nowhere"]), (vec![], SOME));
    // What the filter hides is no reason to be content with all words.
    assert_eq!(index.find_where(&["whales", "text"], |id| id != 3), (vec![2], SOME));
}

#[test]
fn a_phrase_asks_for_words_side_by_side() {
    let index = small();
    assert_eq!(index.find(&["text generation"]), (vec![3], ALL));
    assert_eq!(index.find(&["生成模型"]), (vec![4], ALL));
    assert_eq!(index.find(&["whales text"]).1, SOME);
    let (hits, matched) = index.find(&["vectors sentences"]);
    assert_eq!((hits, matched), (vec![1], SOME));
}

#[test]
fn words_are_not_syntax() {
    let index = small();
    for word in [
        "repo_id:>77",
        "text:whales*",
        "-whales",
        "+whales",
        "whales~2",
        "(whales OR",
        "*",
        "\\",
        "\"whales",
        "^9",
    ] {
        // Whatever it is, it is cut into tokens; only the letters count.
        let (hits, _) = index.find(&[word]);
        let has_whales = word.contains("whales");
        assert_eq!(!hits.is_empty(), has_whales, "{word}: {hits:?}");
    }
}

#[test]
fn names_weigh_more_than_tags_and_tags_more_than_bodies() {
    let body = "a model of owls among many other birds and words of the same length in this card";
    let plain = "a model of cats among many other birds and words of the same length in this card";
    let index = Fixture::with(&[
        (1, "a/x1", None, &["animals"], body),
        (2, "a/x2", None, &["owls"], plain),
        (3, "a/owls", None, &["animals"], plain),
        (4, "a/x4", Some("owls"), &["animals"], plain),
        (5, "a/x5", None, &["animals"], plain),
    ]);
    let (mut hits, _) = index.find(&["owls"]);
    assert_eq!(hits[2..], [2, 1]);
    hits[..2].sort_unstable();
    assert_eq!(hits[..2], [3, 4]);
}

#[test]
fn filters_hide_without_a_trace() {
    let rows: Vec<_> = (0..500)
        .map(|id| (id, "a/b", None, &[][..], if id % 2 == 0 { "whale" } else { "whale owl" }))
        .collect();
    let index = Fixture::with(&rows);
    let (mut hits, _) = index.find_where(&["whale"], |id| id % 50 == 7);
    hits.sort_unstable();
    assert_eq!(hits, (0..10).map(|n| n * 50 + 7).collect::<Vec<_>>());
    let page = index.index.search(&owned(&["whale"]), |_| false, 10, 0).unwrap();
    assert_eq!((page.hits.len(), page.total.count), (0, 0));
    let page = index.index.search_among(&owned(&["owl"]), &[3, 4, 5, 999], 10, 0).unwrap();
    let mut among: Vec<_> = page.hits.iter().map(|hit| hit.repo_id).collect();
    among.sort_unstable();
    assert_eq!((among, page.total.count), (vec![3, 5], 2));
    let plain = index.index.search(&owned(&["owl"]), |id| id == 3, 10, 0).unwrap();
    let score = page.hits.iter().find(|hit| hit.repo_id == 3).unwrap().score;
    assert!((plain.hits[0].score - score).abs() < 1e-4);
    assert_eq!(index.index.search_among(&owned(&["owl"]), &[], 10, 0).unwrap().hits, []);
}

#[test]
fn pages_join_to_the_whole() {
    let cards: Vec<String> = (0..300)
        .map(|id| format!("{} {}", "whale ".repeat(id % 17 + 1), "filler ".repeat(id % 29)))
        .collect();
    let rows: Vec<_> =
        cards.iter().zip(0..).map(|(card, id)| (id, "a/b", None, &[][..], card.as_str())).collect();
    let index = Fixture::with(&rows);
    let whole = index.index.search(&owned(&["whale"]), |_| true, 300, 0).unwrap();
    assert_eq!((whole.hits.len(), whole.total.count), (300, 300));
    for (limit, offset) in [(10, 0), (10, 10), (7, 123), (50, 280), (5, 300), (5, 9999), (0, 0)] {
        let page = index.index.search(&owned(&["whale"]), |_| true, limit, offset).unwrap();
        assert_eq!((page.total.count, page.total.is_exact), (300, true), "{limit} {offset}");
        let scores = |hits: &[crate::TextHit]| hits.iter().map(|hit| hit.score).collect::<Vec<_>>();
        let end = (offset + limit).min(300);
        let expected = whole.hits.get(offset..end).unwrap_or_default();
        assert_eq!(scores(&page.hits), scores(expected), "{limit} {offset}");
    }
}

#[test]
fn a_count_ends_somewhere() {
    let index = Fixture::new();
    let document = |repo_id| super::TextDocument {
        repo_id,
        id: "a/b",
        title: None,
        tags: &[],
        card_text: "whale",
    };
    index.index.begin_bulk().unwrap();
    index.index.put((0..10_500).map(document)).unwrap();
    index.index.commit(1).unwrap();
    let page = index.index.search(&owned(&["whale"]), |_| true, 3, 0).unwrap();
    assert_eq!((page.hits.len(), page.total.count, page.total.is_exact), (3, 10_000, false));
    let page = index.index.search(&owned(&["whale"]), |id| id < 9000, 3, 0).unwrap();
    assert_eq!((page.total.count, page.total.is_exact), (9000, true));
}

#[test]
fn what_is_too_much_is_left_out() {
    let late = format!("{} late", "x ".repeat(CARD_TEXT_BYTES_MAX / 2));
    let long_token = "y".repeat(65);
    let index = Fixture::with(&[(1, "a/b", None, &[], &late), (2, "a/c", None, &[], &long_token)]);
    assert_eq!(index.find(&["x"]).0, [1]);
    assert_eq!(index.find(&["late"]).0, [0; 0]);
    assert_eq!(index.find(&[&long_token]).0, [0; 0]);
    let mut many = vec!["x"; WORDS_MAX];
    many.push("nowhere");
    assert_eq!(index.find(&many), (vec![1], ALL));
    let phrase = "x ".repeat(10_000);
    assert_eq!(index.find(&[&phrase]), (vec![1], ALL));
}

/// Against a search that looks at every card.
#[test]
fn the_same_is_found_as_by_reading_everything() {
    let vocabulary = ["whale", "owl", "bert", "gpt", "v2", "été"];
    let card = prop::collection::vec(prop::sample::select(vocabulary.to_vec()), 0..8);
    let cards = prop::collection::vec(card, 1..30);
    let query = prop::collection::vec(
        prop::collection::vec(prop::sample::select(vocabulary.to_vec()), 1..3),
        1..4,
    );
    let mut runner =
        TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    runner
        .run(
            &(cards, prop::collection::vec(query, 8), any::<u32>()),
            |(cards, queries, allowed)| {
                let texts: Vec<String> = cards.iter().map(|words| words.join(" ")).collect();
                let rows: Vec<_> = texts
                    .iter()
                    .zip(0..)
                    .map(|(text, id)| (id, "-/-", None, &[][..], text.as_str()))
                    .collect();
                let index = Fixture::with(&rows);
                for query in queries {
                    let is_allowed = |id: i64| allowed >> id & 1 == 1;
                    let has = |text: &[&str], word: &[&str]| {
                        text.windows(word.len()).any(|run| run == word)
                    };
                    let pick = |wanted: &dyn Fn(&[&str]) -> bool| -> Vec<i64> {
                        let ids =
                            (0..).zip(&cards).filter(|(id, card)| is_allowed(*id) && wanted(card));
                        ids.map(|(id, _)| id).collect()
                    };
                    let mut expected = pick(&|card| query.iter().all(|word| has(card, word)));
                    if expected.is_empty() {
                        expected =
                            pick(&|card| query.iter().flatten().any(|word| card.contains(word)));
                    }
                    let words: Vec<String> = query.iter().map(|word| word.join(" ")).collect();
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    let (mut found, _) = index.find_where(&words, is_allowed);
                    found.sort_unstable();
                    prop_assert_eq!(found, expected, "{:?}", query);
                }
                Ok(())
            },
        )
        .unwrap();
}

#[test]
fn texts_become_tokens() {
    for (text, tokens) in [
        ("all-MiniLM-L6-v2", &["all", "minilm", "l6", "v2"][..]),
        ("Ünïcode STRAßE œuvre", &["unicode", "strasse", "oeuvre"]),
        ("e\u{301}lan na\u{308}ive", &["elan", "naive"]),
        ("文本model生成", &["文", "本", "model", "生", "成"]),
        ("Привет, мир! 3.14 C++", &["привет", "мир", "3", "14", "c"]),
        ("\u{301}", &[]),
        ("a\u{301}\u{301}", &["a"]),
    ] {
        let mut found = Vec::new();
        each_token(text, |token| {
            assert!(text.get(token.offset_from..token.offset_to).is_some());
            found.push(token.text.clone());
            true
        });
        assert_eq!(found, tokens, "{text}");
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_text_is_cut_into_its_letters(text in "\\PC{0,60}") {
        let mut last = 0;
        each_token(&text, |token| {
            assert!(token.offset_from >= last && token.offset_to > token.offset_from);
            assert!(!token.text.is_empty());
            let source = &text[token.offset_from..token.offset_to];
            assert!(source.chars().any(char::is_alphanumeric));
            last = token.offset_to;
            true
        });
        prop_assert!(!text[last..].chars().any(|char| char.is_ascii_alphanumeric()));
    }
}
