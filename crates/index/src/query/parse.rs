//! From tokens to words and terms.

use std::ops::Range;

use super::ast::{Condition, Query, Term};
use super::error::{QueryError, nearest};
use super::fields::{Field, Takes, find_field, nearest_field};
use super::scan::{Piece, Token, tokens};
use super::text::{is_plain_value, quoted_unless};
use super::values;

/// Longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 4096;
/// Most words and terms of a query together.
pub const QUERY_TERMS_MAX: usize = 64;
/// Most alternatives of a term.
pub const ALTERNATIVES_MAX: usize = 64;

const QUOTE_HINT: &str = "put it in quotes to search for it as it is";

impl Query {
    /// Parses a text as people type it.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > QUERY_BYTES_MAX {
            let at = text.floor_char_boundary(QUERY_BYTES_MAX)..text.len();
            return Err(QueryError::new(
                at,
                format!("the query is longer than {QUERY_BYTES_MAX} bytes"),
            ));
        }
        let mut query = Self::default();
        for (count, token) in tokens(text).enumerate() {
            if count == QUERY_TERMS_MAX {
                let message = format!("the query has more than {QUERY_TERMS_MAX} words and terms");
                return Err(QueryError::new(token.span, message));
            }
            match term(&token)? {
                Some(term) => query.terms.push(term),
                None => query.words.push(word(&token)?),
            }
        }
        // Short names can stand for long ones; what is parsed can also be written out.
        if query.to_text().len() > QUERY_BYTES_MAX {
            let message = format!(
                "the query is longer than {QUERY_BYTES_MAX} bytes when its short names are written out"
            );
            return Err(QueryError::new(0..text.len(), message));
        }
        Ok(query)
    }
}

/// The term that a token is, or nothing for a free word.
fn term(token: &Token) -> Result<Option<Term>, QueryError> {
    let whole = token.piece()?;
    let is_negated = whole.starts_with(|char| char == '-');
    let body = if is_negated { whole.cut(0, 1).1 } else { whole };
    let Some((field, value)) = field_and_value(&body)? else {
        return Ok(None);
    };
    if value.is_empty() && !value.is_quoted() {
        let error = QueryError::new(value.span, format!("{}: needs a value", field.name));
        return Err(error.hint(format!("write it without a space, like {}", field.example)));
    }
    let condition = condition(field, &value)?;
    Ok(Some(Term { span: token.span.clone(), is_negated, condition }))
}

/// Cuts `field:value`, and `size<1GB` for fields that are compared.
fn field_and_value<'a>(
    body: &Piece<'a>,
) -> Result<Option<(&'static Field, Piece<'a>)>, QueryError> {
    let is_sign = |char| matches!(char, '<' | '>' | '=' | '≤' | '≥');
    let colon = body.find(|char| char == ':');
    if let Some(sign) = body.find(is_sign).filter(|sign| colon.is_none_or(|colon| *sign < colon)) {
        let name = body.cut(sign, 0).0;
        let is_compared = |field: &&Field| {
            matches!(field.takes, Takes::Number(_) | Takes::Rows | Takes::Quantization)
        };
        let field = find_field(&name.text()).filter(is_compared).filter(|_| !name.is_quoted());
        if let Some(field) = field {
            return Ok(Some((field, body.cut(sign, 0).1)));
        }
    }
    let Some(colon) = colon else {
        return Ok(None);
    };
    let (name, value) = body.cut(colon, 1);
    match find_field(&name.text()).filter(|_| !name.is_quoted()) {
        Some(field) => Ok(Some((field, value))),
        None => Err(unknown_field(body, &name)),
    }
}

fn unknown_field(body: &Piece<'_>, name: &Piece<'_>) -> QueryError {
    let typed = name.text();
    if name.is_empty() {
        let at = body.span.start..body.span.start + 1;
        let error = QueryError::new(at, "the name of a field is missing before this colon");
        return error.hint(QUOTE_HINT);
    }
    let error = QueryError::new(name.span.clone(), format!("there is no field \"{typed}\""));
    match nearest_field(&typed) {
        Some(field) => error.hint(format!("did you mean \"{field}:\"? Otherwise {QUOTE_HINT}")),
        None => error.hint(QUOTE_HINT),
    }
}

/// A free word.
fn word(token: &Token) -> Result<String, QueryError> {
    let piece = token.piece()?;
    let text = piece.text();
    if piece.is_empty() {
        return Err(QueryError::new(piece.span, "there is nothing between these quotes"));
    }
    if piece.starts_with(|char| char == '-') && text.contains(|char| char != '-') {
        let error = QueryError::new(piece.span, "only a field can be excluded");
        let rest = quoted_unless(&text[1..], is_plain_value(&text[1..]));
        return Err(error.hint(format!("write -name:{rest} to leave out ids that contain it")));
    }
    if piece.starts_with(|char| matches!(char, '<' | '>' | '=' | '≤' | '≥')) {
        let error = QueryError::new(piece.span, "a comparison needs a field before it");
        return Err(error.hint("write it without spaces, like size:<100MB"));
    }
    Ok(text)
}

fn condition(field: &Field, value: &Piece<'_>) -> Result<Condition, QueryError> {
    let alternatives = value.alternatives();
    if alternatives.len() > ALTERNATIVES_MAX {
        let at = alternatives[ALTERNATIVES_MAX].span.clone();
        return Err(QueryError::new(
            at,
            format!("{}: has more than {ALTERNATIVES_MAX} alternatives", field.name),
        ));
    }
    let mut read = Vec::new();
    for alternative in &alternatives {
        if alternative.is_empty() {
            let message = match alternative.is_quoted() {
                true => "there is nothing between these quotes",
                false => "a value is missing here",
            };
            return Err(QueryError::new(alternative.span.clone(), message));
        }
        let condition = values::read(field, alternative)?;
        if !read.contains(&condition) {
            read.push(condition);
        }
    }
    Ok(joined(read))
}

/// Alternatives as one condition: lists of words grow together, what cannot is an [`Condition::Any`].
fn joined(read: Vec<Condition>) -> Condition {
    let mut all: Vec<Condition> = Vec::new();
    for condition in read {
        let is_merged = all.iter_mut().any(|known| merge(known, &condition));
        if !is_merged {
            all.push(condition);
        }
    }
    match all.len() {
        1 => all.remove(0),
        _ => Condition::Any(all),
    }
}

/// Adds the words of `more` to those of `known` when both are lists about the same thing.
fn merge(known: &mut Condition, more: &Condition) -> bool {
    let add = |all: &mut Vec<String>, more: &[String]| {
        let new: Vec<_> = more.iter().filter(|word| !all.contains(word)).cloned().collect();
        all.extend(new);
        true
    };
    match (known, more) {
        (Condition::Word(facet, all), Condition::Word(same, more)) if facet == same => {
            add(all, more)
        }
        (Condition::Tag(all), Condition::Tag(more)) => add(all, more),
        (Condition::Author(all), Condition::Author(more)) => add(all, more),
        (Condition::DescendsFrom(all), Condition::DescendsFrom(more)) => add(all, more),
        (Condition::Kind(all), Condition::Kind(more)) => {
            all.extend(more);
            true
        }
        _ => false,
    }
}

/// An error for a word that a closed vocabulary does not have.
pub(super) fn unknown_word<'a>(
    what: &str,
    typed: &str,
    at: Range<usize>,
    known: impl Iterator<Item = &'a str>,
) -> QueryError {
    let error = QueryError::new(at, format!("there is no {what} \"{typed}\""));
    match nearest(typed, known) {
        Some(word) => error.hint(format!("did you mean {word}?")),
        None => error,
    }
}
