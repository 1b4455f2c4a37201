//! Queries from outside: they must not panic whatever the bytes are, and must keep what they promise. Driven by
//! `main.rs` here and by libFuzzer in `fuzz/`.

use steelyard_index::query::{Condition, Query, suggest};

/// A query is refused at a place in the text, or can be written down and read again.
pub fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for cursor in [0, text.len() / 2, text.len()] {
        let found = suggest(&text, cursor);
        assert!(text.get(found.replace).is_some());
    }
    match Query::parse(&text) {
        Ok(query) => {
            let written = query.to_text();
            let again = Query::parse(&written)
                .unwrap_or_else(|error| panic!("{text:?}: {written:?}: {error}"));
            assert_eq!(again.words, query.words, "{written:?}");
            assert_eq!(meaning(&again), meaning(&query), "{written:?}");
            assert_eq!(again.to_text(), written);
            assert!(query.terms.iter().all(|term| text.get(term.span.clone()).is_some()));
        }
        Err(error) => {
            assert!(text.get(error.at.clone()).is_some(), "{text:?}: {error:?}");
            let shown = error.pointing(&text);
            assert_eq!(shown.matches('\n').count(), 1);
            assert!(
                shown.ends_with('^') && !error.to_string().contains('\n') || text.contains('\n'),
                "{shown:?}"
            );
        }
    }
}

/// Terms without their places.
fn meaning(query: &Query) -> Vec<(bool, &Condition)> {
    query.terms.iter().map(|term| (term.is_negated, &term.condition)).collect()
}
