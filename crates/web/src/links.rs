//! Addresses within the hub. What users named is encoded here and nowhere else.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use steelyard_core::{RepoId, RepoKind};
use steelyard_service::discovery::Facet;
use steelyard_service::discovery::query::{Condition, Query, Term};

/// What may stand unescaped in a segment of a path.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@').remove(b'+');

/// Longest address that a form may send somebody to, in bytes.
const LOCAL_BYTES_MAX: usize = 2048;

/// One segment; a slash in it is encoded.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The value of a parameter of a query string.
pub(crate) fn encode_value(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A place within the hub that somebody is to be sent to, as a form or an address named it; the front page for anything
/// that could lead elsewhere.
pub(crate) fn local(next: &str) -> &str {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= LOCAL_BYTES_MAX
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { next } else { "/" }
}

/// A path of several segments, with its slashes.
pub(crate) fn path(text: &str) -> String {
    text.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// The page of a repository.
pub(crate) fn repo(kind: RepoKind, id: &RepoId) -> String {
    format!("/{}{id}", kind.url_prefix())
}

/// The page of a repository that is only named, if that can be a name.
pub(crate) fn named(kind: RepoKind, id: &str) -> Option<String> {
    RepoId::parse(id).ok().map(|id| repo(kind, &id))
}

/// A page of a repository at a revision: `verb` is `tree`, `blob`, `raw`, `resolve`, `commits`.
pub(crate) fn at(base: &str, verb: &str, revision: &str, file: &str) -> String {
    let revision = segment(revision);
    match file {
        "" => format!("{base}/{verb}/{revision}"),
        file => format!("{base}/{verb}/{revision}/{}", path(file)),
    }
}

/// A query string of these pairs, with its question mark; empty values are left out.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        text.append_pair(name, value);
    }
    let text = text.finish();
    if text.is_empty() { text } else { format!("?{text}") }
}

/// The term of a query that asks for this word of a vocabulary.
pub(crate) fn term(facet: Facet, word: &str) -> Term {
    let condition = Condition::Word(facet, vec![word.to_owned()]);
    Term { span: 0..0, is_negated: false, condition }
}

/// The list of those of a kind that have this word of a vocabulary.
pub(crate) fn listed(kind: RepoKind, facet: Facet, word: &str) -> String {
    let asked = Query { words: Vec::new(), terms: vec![term(facet, word)] };
    format!("/{}{}", kind.plural(), query(&[("q", &asked.to_text())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_users_stay_words_of_the_query() {
        for (facet, word, text) in [
            (Facet::Architecture, "a b\"c", "arch:\"a b\\\"c\""),
            (Facet::License, "mit", "license:mit"),
            (Facet::License, "of-my-own", "license:\"of-my-own\""),
        ] {
            let address = format!("/models{}", query(&[("q", text)]));
            assert_eq!(listed(RepoKind::Model, facet, word), address);
            let read = Query::parse(text).unwrap();
            assert_eq!(read.terms[0].condition, term(facet, word).condition);
        }
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        for here in ["/", "/a/b?x=%2F", "/settings/tokens#new"] {
            assert_eq!(local(here), here);
        }
        let long = format!("/{}", "a".repeat(2048));
        for other in ["", "//evil", "/\\evil", "https://evil", "evil", "/a\r\nb", "/a b", &long] {
            assert_eq!(local(other), "/", "{other}");
        }
    }

    #[test]
    fn names_cannot_leave_their_segment() {
        assert_eq!(
            at("/a/b", "blob", "refs/pr/1", "d/x y?#\"<.txt"),
            "/a/b/blob/refs%2Fpr%2F1/d/x%20y%3F%23%22%3C.txt"
        );
        assert_eq!(query(&[("q", "a&b=c"), ("sort", "")]), "?q=a%26b%3Dc");
        assert_eq!(named(RepoKind::Model, "a/b/c"), None);
        assert_eq!(named(RepoKind::Dataset, "a/b").unwrap(), "/datasets/a/b");
    }
}
