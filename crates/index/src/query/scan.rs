//! Cuts a text into tokens at white space, and a token into pieces, with quotes taken off and places kept.

use std::ops::Range;

use super::error::QueryError;

/// A character of a token, where it stood, and whether it was inside quotes and so means only itself.
#[derive(Debug, Clone, Copy)]
struct Atom {
    at: usize,
    char: char,
    is_quoted: bool,
}

/// What stands between two stretches of white space.
#[derive(Debug)]
pub(super) struct Token {
    atoms: Vec<Atom>,
    /// Its bytes in the text, quotes included.
    pub span: Range<usize>,
    /// The quote that never closes.
    pub open_quote: Option<usize>,
}

/// The tokens of `text`, one after the other.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token> {
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        while chars.next_if(|(_, char)| char.is_whitespace()).is_some() {}
        let start = chars.peek()?.0;
        let mut token = Token { atoms: Vec::new(), span: start..text.len(), open_quote: None };
        while let Some((at, char)) = chars.next() {
            match (char, token.open_quote) {
                ('"', None) => token.open_quote = Some(at),
                ('"', Some(_)) => token.open_quote = None,
                (char, None) if char.is_whitespace() => {
                    token.span.end = at;
                    break;
                }
                (char, quote) => {
                    let is_quoted = quote.is_some();
                    let escaped = (char == '\\' && is_quoted)
                        .then(|| chars.next_if(|(_, next)| matches!(next, '"' | '\\')))
                        .flatten();
                    token.atoms.push(Atom {
                        at,
                        char: escaped.map_or(char, |(_, next)| next),
                        is_quoted,
                    });
                }
            }
        }
        Some(token)
    })
}

impl Token {
    /// The whole token, or what is wrong with its quotes.
    pub fn piece(&self) -> Result<Piece<'_>, QueryError> {
        match self.open_quote {
            Some(at) => {
                let error = QueryError::new(at..at + 1, "this quote is never closed");
                Err(error.hint("write \\\" for a quote that is meant, inside quotes"))
            }
            None => Ok(self.lenient()),
        }
    }

    /// The whole token, whatever its quotes.
    pub fn lenient(&self) -> Piece<'_> {
        Piece { atoms: &self.atoms, span: self.span.clone() }
    }
}

/// A part of a token.
#[derive(Debug, Clone)]
pub(super) struct Piece<'a> {
    atoms: &'a [Atom],
    /// Its bytes in the text, quotes included.
    pub span: Range<usize>,
}

impl<'a> Piece<'a> {
    /// The characters without quotes.
    pub fn text(&self) -> String {
        self.atoms.iter().map(|atom| atom.char).collect()
    }

    /// True without any character.
    pub fn is_empty(&self) -> bool {
        self.atoms.is_empty()
    }

    /// True when any part was quoted, also when nothing is between the quotes.
    pub fn is_quoted(&self) -> bool {
        self.atoms.iter().any(|atom| atom.is_quoted)
            || self.atoms.is_empty() && !self.span.is_empty()
    }

    /// True when it begins with one of these, unquoted.
    pub fn starts_with(&self, wanted: impl Fn(char) -> bool) -> bool {
        self.atoms.first().is_some_and(|atom| !atom.is_quoted && wanted(atom.char))
    }

    /// The place of the first unquoted character like this.
    pub fn find(&self, wanted: impl Fn(char) -> bool) -> Option<usize> {
        self.atoms.iter().position(|atom| !atom.is_quoted && wanted(atom.char))
    }

    /// The place of the last unquoted character like this.
    pub fn rfind(&self, wanted: impl Fn(char) -> bool) -> Option<usize> {
        self.atoms.iter().rposition(|atom| !atom.is_quoted && wanted(atom.char))
    }

    /// The place of an unquoted `..`.
    pub fn find_dots(&self) -> Option<usize> {
        self.atoms
            .windows(2)
            .position(|two| two.iter().all(|atom| atom.char == '.' && !atom.is_quoted))
    }

    /// What stands before the character at `index`, and what after the `length` characters from there on.
    pub fn cut(&self, index: usize, length: usize) -> (Self, Self) {
        let (before, rest) = self.atoms.split_at(index);
        let (taken, after) = rest.split_at(length);
        let place = rest.first().map_or(self.span.end, |atom| atom.at);
        // The characters that are cut at are unquoted, so each ends where its bytes end.
        let next = taken.last().map_or(place, |atom| atom.at + atom.char.len_utf8());
        (
            Self { atoms: before, span: self.span.start..place },
            Self { atoms: after, span: next..self.span.end },
        )
    }

    /// The pieces between unquoted commas.
    pub fn alternatives(&self) -> Vec<Self> {
        let mut found = Vec::new();
        let mut rest = self.clone();
        while let Some(comma) = rest.find(|char| char == ',') {
            let (before, after) = rest.cut(comma, 1);
            found.push(before);
            rest = after;
        }
        found.push(rest);
        found
    }
}
