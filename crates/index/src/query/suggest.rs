//! What may come next while somebody types.

use std::ops::Range;

use super::ast::Number;
use super::fields::{Field, Takes, fields, find_field};
use super::scan::tokens;
use super::vocabulary::{self, SIZE_CATEGORIES};
use crate::document::Facet;
use steelyard_core::{LicenseTraits, RepoKind};

/// Most suggestions at once.
const SUGGESTIONS_MAX: usize = 12;

/// Candidates for the place of the cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// The bytes of the text that a suggestion takes the place of; they end at the cursor.
    pub replace: Range<usize>,
    /// The candidates, best first.
    pub items: Vec<Suggestion>,
    /// Where further candidates come from: what is on the hub.
    pub open: Option<Open>,
}

/// Values that no closed list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Words in use.
    Words(Facet),
    /// Names of users and organisations.
    Account,
    /// Ids of repositories of a kind.
    Repo(RepoKind),
    /// Ids of repositories of every kind: a word that is no value of a field.
    Name,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// What to put there: `task:`, or a value.
    pub text: String,
    /// What it means, in a few words.
    pub about: &'static str,
}

/// Fields and words of closed vocabularies that fit what stands before the cursor, a byte of `text`.
pub fn suggest(text: &str, cursor: usize) -> Suggestions {
    let before = &text[..text.floor_char_boundary(cursor.min(super::QUERY_BYTES_MAX))];
    let end = before.len();
    let token = tokens(before).last().filter(|token| token.span.end == end);
    let Some(token) = token.filter(|token| token.open_quote.is_none()) else {
        return Suggestions { replace: end..end, ..Suggestions::default() };
    };
    let whole = token.lenient();
    let body = if whole.starts_with(|char| char == '-') { whole.cut(0, 1).1 } else { whole };
    let Some(colon) = body.find(|char| char == ':') else {
        let items = matching_fields(&body.text());
        return Suggestions { items, replace: body.span, open: Some(Open::Name) };
    };
    let (name, value) = body.cut(colon, 1);
    let typed = value.alternatives().pop().unwrap_or(value);
    match find_field(&name.text()) {
        Some(field) if !typed.is_quoted() => Suggestions {
            items: matching_values(field, &typed.text()),
            open: open(field),
            replace: typed.span,
        },
        _ => Suggestions { replace: typed.span, ..Suggestions::default() },
    }
}

fn open(field: &Field) -> Option<Open> {
    match field.takes {
        Takes::Any(facet) => Some(Open::Words(facet)),
        Takes::Author => Some(Open::Account),
        Takes::Base => Some(Open::Repo(RepoKind::Model)),
        Takes::Dataset => Some(Open::Repo(RepoKind::Dataset)),
        _ => None,
    }
}

fn matching_fields(typed: &str) -> Vec<Suggestion> {
    let typed = typed.to_lowercase();
    let begins = |field: &&Field| {
        std::iter::once(&field.name).chain(field.aliases).any(|name| name.starts_with(&typed))
    };
    let found = fields().iter().filter(begins).take(SUGGESTIONS_MAX);
    found.map(|field| Suggestion { text: format!("{}:", field.name), about: field.about }).collect()
}

/// Values that begin with what was typed, then those that contain it.
fn matching_values(field: &Field, typed: &str) -> Vec<Suggestion> {
    let typed = typed.to_lowercase();
    let values = values(field);
    let begins = |value: &str, about: &str| {
        let is_named = about.to_lowercase().starts_with(&typed);
        value.to_lowercase().starts_with(&typed) || is_named
    };
    let (first, rest): (Vec<_>, Vec<_>) =
        values.into_iter().partition(|(value, about)| begins(value, about));
    let contains = rest.into_iter().filter(|(value, _)| value.to_lowercase().contains(&typed));
    let found = first.into_iter().chain(contains).take(SUGGESTIONS_MAX);
    found.map(|(value, about)| Suggestion { text: value.to_owned(), about }).collect()
}

/// The words a field knows, with what they mean.
fn values(field: &Field) -> Vec<(&'static str, &'static str)> {
    match field.takes {
        Takes::Number(number) => bounds(number).to_vec(),
        Takes::Rows => SIZE_CATEGORIES.map(|name| (name, "rows")).to_vec(),
        Takes::Kind => RepoKind::ALL.map(|kind| (kind.as_str(), "")).to_vec(),
        Takes::Gated | Takes::Successor => vec![("yes", ""), ("no", "")],
        Takes::Newer => vec![("30d", "30 days"), ("6mo", "half a year"), ("12mo", "a year")],
        Takes::Lineage => {
            let traits =
                LicenseTraits::NAMED.map(|(_, word)| (word, "asked somewhere in the lineage"));
            let mut all = vec![
                ("permissive", "nothing but to be named"),
                ("commercial", "may be used commercially"),
            ];
            all.extend(traits);
            all
        }
        _ => vocabulary::words(field.name).iter().map(|word| (word.value, word.meaning)).collect(),
    }
}

/// Bounds that people ask for.
fn bounds(number: Number) -> &'static [(&'static str, &'static str)] {
    match number {
        Number::Parameters => &[
            ("<1B", "less than a billion"),
            ("1B..8B", "from one to eight billion"),
            ("8B..70B", "from eight to seventy billion"),
            (">70B", "more than seventy billion"),
        ],
        Number::SizeBytes => &[
            ("<100MB", "less than 100 MB to load"),
            ("<1GB", "less than 1 GB to load"),
            ("<8GB", "less than 8 GB to load"),
            ("<24GB", "less than 24 GB to load"),
        ],
        Number::ContextTokens => &[
            (">=8k", "8,000 tokens and more"),
            (">=32k", "32,000 tokens and more"),
            (">=128k", "128,000 tokens and more"),
        ],
        Number::Downloads => &[(">100", "more than 100"), (">10K", "more than 10,000")],
        Number::Likes => &[(">10", "more than 10"), (">100", "more than 100")],
    }
}
