//! Cuts code into pieces.

use super::languages::{Language, Quote};

/// The classes that pieces have: comment, string, number, keyword, constant, key or attribute, heading.
pub const CLASSES: &[&str] = &["hc", "hs", "hn", "hk", "hl", "ha", "hh"];
const COMMENT: Option<&str> = Some("hc");
const STRING: Option<&str> = Some("hs");
const NUMBER: Option<&str> = Some("hn");
const KEYWORD: Option<&str> = Some("hk");
const LITERAL: Option<&str> = Some("hl");
const KEY: Option<&str> = Some("ha");
const HEADING: Option<&str> = Some("hh");

/// A piece of code and its class.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) class: Option<&'static str>,
    pub(super) text: &'a str,
}

/// The pieces of code, in order; together they are the code.
pub(super) fn pieces<'a>(
    code: &'a str,
    language: &'static Language,
) -> impl Iterator<Item = Piece<'a>> {
    let mut scanner = Scanner { code, language, at: 0, is_line_start: true };
    std::iter::from_fn(move || scanner.next())
}

struct Scanner<'a> {
    code: &'a str,
    language: &'static Language,
    at: usize,
    is_line_start: bool,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.code[self.at..]
    }

    fn take(&mut self, len: usize, class: Option<&'static str>) -> Piece<'a> {
        let end = self.code.ceil_char_boundary((self.at + len).min(self.code.len()));
        let text = &self.code[self.at..end];
        self.at = end;
        // Spaces do not end the beginning of a line.
        self.is_line_start = text.ends_with('\n')
            || (self.is_line_start && text.bytes().all(|byte| byte == b' ' || byte == b'\t'));
        Piece { class, text }
    }

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.rest();
        let first = *rest.as_bytes().first()?;
        if self.is_line_start
            && let Some(piece) = self.heading(rest)
        {
            return Some(piece);
        }
        if let Some(piece) = self.comment(rest).or_else(|| self.string(rest)) {
            return Some(piece);
        }
        if first.is_ascii_digit() {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_';
            let len = rest.bytes().take_while(|byte| is_part(*byte)).count();
            return Some(self.take(len, NUMBER));
        }
        if is_word_start(first, self.language) {
            return Some(self.word(rest));
        }
        // Everything up to the next byte that may begin something.
        let is_plain = |byte: u8| {
            matches!(byte, b' ' | b'\t' | b'(' | b')' | b',' | b'.' | b';' | b'=' | b'+')
                || byte >= 0x80
        };
        let len = rest.bytes().take_while(|byte| is_plain(*byte)).count();
        Some(self.take(len.max(1), None))
    }

    /// Headings and sections: `# Title`, `[section]`.
    fn heading(&mut self, rest: &str) -> Option<Piece<'a>> {
        let marks = self.language.headings;
        let is_heading = marks.iter().any(|mark| rest.starts_with(mark));
        is_heading.then(|| self.take(line_len(rest), HEADING))
    }

    fn comment(&mut self, rest: &str) -> Option<Piece<'a>> {
        for mark in self.language.line_comments {
            // `#` in the middle of a word of a shell script is none.
            let is_apart = *mark != "#"
                || self.at == 0
                || !self.code.as_bytes()[self.at - 1].is_ascii_alphanumeric();
            if rest.starts_with(mark) && is_apart {
                return Some(self.take(line_len(rest), COMMENT));
            }
        }
        let (open, close) = self.language.block_comment?;
        let inner = rest.strip_prefix(open)?;
        let len = inner.find(close).map_or(rest.len(), |end| open.len() + end + close.len());
        Some(self.take(len, COMMENT))
    }

    fn string(&mut self, rest: &str) -> Option<Piece<'a>> {
        let quote = self.language.quotes.iter().find(|quote| rest.starts_with(quote.open))?;
        let len = string_len(rest, quote);
        let follows = rest[len..].trim_start_matches([' ', '\t']);
        let is_key = self.language.has_keys && follows.starts_with(':');
        Some(self.take(len, if is_key { KEY } else { STRING }))
    }

    fn word(&mut self, rest: &str) -> Piece<'a> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let dashes = self.language.has_keys;
        // The first byte begins a word, so it belongs to it: it may be the `@` of a decorator.
        let more = rest.bytes().skip(1);
        let len = 1 + more.take_while(|byte| is_part(*byte) && (dashes || *byte != b'-')).count();
        let word = &rest[..len];
        let is_key = dashes
            && self.is_line_start
            && rest[len..].trim_start_matches([' ', '\t']).starts_with([':', '=']);
        let class = if is_key || word.starts_with('@') {
            KEY
        } else if self.language.keywords.binary_search(&word).is_ok() {
            KEYWORD
        } else if self.language.literals.contains(&word) {
            LITERAL
        } else {
            None
        };
        self.take(len, class)
    }
}

fn is_word_start(byte: u8, language: &Language) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || (byte == b'@' && language.has_decorators)
}

/// The rest of a line, without its end.
fn line_len(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

/// The string with its quotes; one that may not go over lines ends with the line at the latest.
fn string_len(rest: &str, quote: &Quote) -> usize {
    let bytes = rest.as_bytes();
    let mut at = quote.open.len();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote.has_escapes => at += 2,
            b'\n' if !quote.is_multiline => return at,
            _ if bytes[at..].starts_with(quote.close.as_bytes()) => return at + quote.close.len(),
            _ => at += 1,
        }
    }
    rest.ceil_char_boundary(at.min(rest.len()))
}
