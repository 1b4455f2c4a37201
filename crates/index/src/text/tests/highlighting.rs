//! Snippets.

use proptest::prelude::*;

use super::super::highlight;
use super::super::tokens::each_token;
use super::owned;

fn html(text: &str, words: &[&str]) -> Vec<String> {
    highlight(text, &owned(words)).iter().map(super::super::Snippet::to_html).collect()
}

#[test]
fn words_are_marked_as_they_are_spelt() {
    for (text, words, shown) in [
        ("A model of Whales.", &["whales"][..], "A model of <em>Whales</em>."),
        (
            "CAFÉ\n\n  und <b>Tee</b> & 'Brot'",
            &["cafe", "tee"],
            "<em>CAFÉ</em> und &lt;b&gt;<em>Tee</em>&lt;/b&gt; &amp; &#39;Brot&#39;",
        ),
        (
            "all-MiniLM-L6-v2 is small",
            &["minilm-l6"],
            "all-<em>MiniLM</em>-<em>L6</em>-v2 is small",
        ),
        ("text generation", &["text generation"], "<em>text</em> <em>generation</em>"),
        ("文本生成", &["生成"], "文本<em>生</em><em>成</em>"),
        ("cafe\u{301} noir", &["café"], "<em>cafe\u{301}</em> noir"),
    ] {
        assert_eq!(html(text, words), [shown], "{text}");
    }
    assert_eq!(html("A model of whales.", &["owl"]), [""; 0]);
    assert_eq!(html("", &["owl"]), [""; 0]);
    assert_eq!(html("owl", &[]), [""; 0]);
}

#[test]
fn the_parts_with_most_words_are_shown() {
    let filler = "lorem ipsum dolor sit amet ".repeat(20);
    let text = format!(
        "{filler}one owl here {filler}an owl and a whale {filler}whale {filler}owl {filler}"
    );
    let shown = html(&text, &["owl", "whale"]);
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(shown[0].contains("one <em>owl</em> here"));
    assert!(shown[1].contains("an <em>owl</em> and a <em>whale</em>"));
    assert!(shown[2].contains("<em>whale</em>"));
    for one in shown {
        assert!(one.starts_with("… ") && one.ends_with(" …") && one.len() < 300, "{one}");
        assert!(!one.contains("… m ") && !one.contains("… em "), "cut inside a word: {one}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A mark holds a token of a word, and what is shown is in the text.
    #[test]
    fn marks_are_words_of_the_text(
        parts in prop::collection::vec(prop_oneof!["\\PC{0,6}", Just("owl".to_owned()), Just(" Éte\n".to_owned()), Just("x".repeat(90))], 0..40),
    ) {
        let text = parts.concat();
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        for snippet in highlight(&text, &owned(&["owl", "ete"])) {
            prop_assert!(squeezed(&text).contains(&squeezed(&snippet.text)));
            prop_assert!(!snippet.marks.is_empty());
            let mut last = 0;
            for mark in &snippet.marks {
                prop_assert!(mark.start >= last);
                // Marks that combine with letters are part of a word and count for nothing.
                let marked = &snippet.text[mark.clone()];
                let mut tokens = Vec::new();
                each_token(marked, |token| {
                    tokens.push(token.text.clone());
                    true
                });
                prop_assert!(tokens == ["owl"] || tokens == ["ete"], "{marked}");
                last = mark.end;
            }
        }
    }
}
