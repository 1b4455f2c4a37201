//! Queries as text again, in one spelling.

use std::fmt::Write;

use super::ast::{Bounds, Condition, End, LineageWanted, Number, Query};
use super::fields::facet_field;
use super::numbers::{SPANS, date_text};
use super::values::is_language_code;
use super::vocabulary::{self, SIZE_CATEGORIES};
use crate::document::Facet;

/// How the numbers of a field are written.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    Bytes,
    Count,
    /// Without units, because `32k` says several numbers.
    Plain,
    Bits,
}

impl Query {
    /// The one spelling of this query: words first, then terms in their order. Parsing it gives the query again, apart
    /// from the places of its terms.
    pub fn to_text(&self) -> String {
        let words = self.words.iter().map(|word| quoted_unless(word, is_plain_word(word)));
        let terms = self.terms.iter().map(|term| {
            let (field, value) = written(&term.condition);
            format!("{}{field}:{value}", if term.is_negated { "-" } else { "" })
        });
        words.chain(terms).collect::<Vec<_>>().join(" ")
    }
}

/// A field and its value.
fn written(condition: &Condition) -> (&'static str, String) {
    match condition {
        Condition::Word(Facet::SizeCategory, names) => {
            ("rows", list(names, |name| SIZE_CATEGORIES.contains(&name)))
        }
        Condition::Word(facet, words) => {
            (facet_field(*facet), list(words, |word| is_known(*facet, word)))
        }
        Condition::Tag(tags) => ("tag", list(tags, is_plain_value)),
        Condition::Author(names) => ("author", list(names, is_plain_value)),
        Condition::DescendsFrom(ids) => ("base", list(ids, is_plain_value)),
        Condition::NameContains(text) => ("name", quoted_unless(text, is_plain_value(text))),
        Condition::Kind(kinds) => {
            ("kind", kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(","))
        }
        Condition::Number(number, bounds) => match number {
            Number::SizeBytes => ("size", interval(*bounds, Style::Bytes)),
            Number::Parameters => ("params", interval(*bounds, Style::Count)),
            Number::ContextTokens => ("context", interval(*bounds, Style::Plain)),
            Number::Downloads => ("downloads", interval(*bounds, Style::Count)),
            Number::Likes => ("likes", interval(*bounds, Style::Count)),
        },
        Condition::Bits(bounds) => ("quant", interval(*bounds, Style::Bits)),
        Condition::NewerThan(millis) => {
            let whole = |(_, unit): &&(&str, i64)| millis % unit == 0;
            let (name, unit) = SPANS.iter().find(whole).copied().unwrap_or(("ms", 1));
            ("newer", format!("{}{name}", millis / unit))
        }
        Condition::CreatedSince(day) => ("newer", date_text(*day)),
        Condition::Lineage(LineageWanted::Permissive) => ("lineage", "permissive".into()),
        Condition::Lineage(LineageWanted::Commercial) => ("lineage", "commercial".into()),
        Condition::Lineage(LineageWanted::Has(traits)) => {
            ("lineage", traits.words().collect::<Vec<_>>().join(","))
        }
        Condition::Eval { dataset, metric, bounds } => {
            let metric = quoted_unless(metric, is_plain_value(metric) && !metric.contains('.'));
            let value = match *bounds == Bounds::default() {
                true => String::new(),
                false => interval(*bounds, Style::Plain),
            };
            // A range follows the name without a sign of its own.
            let equals =
                if value.is_empty() || value.starts_with(['<', '>', '=']) { "" } else { "=" };
            (
                "eval",
                format!(
                    "{}.{metric}{equals}{value}",
                    quoted_unless(dataset, is_plain_value(dataset))
                ),
            )
        }
        Condition::Gated(is_gated) => ("gated", yes_or_no(*is_gated)),
        Condition::HasSuccessor(has) => ("successor", yes_or_no(*has)),
        Condition::Any(conditions) => {
            let field = conditions.first().map_or("", |first| written(first).0);
            (field, conditions.iter().map(|one| written(one).1).collect::<Vec<_>>().join(","))
        }
    }
}

fn yes_or_no(is_yes: bool) -> String {
    if is_yes { "yes" } else { "no" }.into()
}

fn list(words: &[String], is_plain: impl Fn(&str) -> bool) -> String {
    words.iter().map(|word| quoted_unless(word, is_plain(word))).collect::<Vec<_>>().join(",")
}

/// True for a word that the parser reads as itself without quotes.
fn is_known(facet: Facet, word: &str) -> bool {
    match facet {
        Facet::Task | Facet::License | Facet::App | Facet::Modality | Facet::Sdk => {
            vocabulary::find_word(facet_field(facet), word).is_some()
        }
        Facet::Language => is_language_code(word) && vocabulary::language_code(word).is_none(),
        Facet::Quantization => {
            let is_number = word.starts_with(|char: char| char.is_ascii_digit() || char == '.');
            is_plain_value(word) && !is_number && !word.starts_with("int")
        }
        _ => is_plain_value(word),
    }
}

/// True for a value without any character that means something.
pub(super) fn is_plain_value(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|char: char| {
            char.is_whitespace()
                || char.is_control()
                || matches!(char, '"' | ',' | '<' | '>' | '=' | '≤' | '≥')
        })
}

fn is_plain_word(text: &str) -> bool {
    is_plain_value(text) && !text.contains(':') && !text.starts_with('-')
}

pub(super) fn quoted_unless(text: &str, is_plain: bool) -> String {
    if is_plain {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted.push('"');
    quoted
}

fn interval(bounds: Bounds, style: Style) -> String {
    let number = |end: End| number_text(end.value, style);
    match (bounds.min, bounds.max) {
        (None, None) => String::new(),
        (Some(min), None) => {
            format!("{}{}", if min.is_inclusive { ">=" } else { ">" }, number(min))
        }
        (None, Some(max)) => {
            format!("{}{}", if max.is_inclusive { "<=" } else { "<" }, number(max))
        }
        (Some(min), Some(max)) if min == max && min.is_inclusive => {
            let sign = if style == Style::Bits { "" } else { "=" };
            format!("{sign}{}", number(min))
        }
        (Some(min), Some(max)) => {
            let above = if min.is_inclusive { "" } else { ">" };
            let below = if max.is_inclusive { "" } else { "<" };
            format!("{above}{}..{below}{}", number(min), number(max))
        }
    }
}

/// A number, exactly: with a unit when that leaves few digits.
fn number_text(value: f64, style: Style) -> String {
    let units: &[(&str, u64)] = match style {
        Style::Bytes => {
            &[("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)]
        }
        Style::Count => {
            &[("T", 1_000_000_000_000), ("B", 1_000_000_000), ("M", 1_000_000), ("K", 1000)]
        }
        Style::Plain | Style::Bits => &[],
    };
    let mut text = String::new();
    // 2^53: below it every whole number has a text of its own.
    if value.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&value) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number below 2^53"
        )]
        let whole = value as u64;
        let fits = |(_, unit): &&(&str, u64)| {
            whole >= *unit && whole.is_multiple_of(unit / 1000) && whole / unit < 10_000
        };
        let (name, unit) = units.iter().find(fits).copied().unwrap_or(("", 1));
        let _ = write!(text, "{}", whole / unit);
        let rest = whole % unit;
        if rest > 0 {
            let decimals = format!("{:03}", rest / (unit / 1000));
            let _ = write!(text, ".{}", decimals.trim_end_matches('0'));
        }
        text.push_str(name);
    } else {
        let _ = write!(text, "{value}");
    }
    if style == Style::Bits {
        text.push_str("bit");
    }
    text
}
