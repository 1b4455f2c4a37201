//! What each field makes of one value.

use steelyard_core::{LicenseTraits, RepoKind};

use super::ast::{Bounds, Condition, LineageWanted, Number};
use super::error::QueryError;
use super::fields::{Field, Takes};
use super::numbers::{self, Unit};
use super::parse::unknown_word;
use super::scan::Piece;
use super::vocabulary::{self, SIZE_CATEGORIES};
use crate::document::Facet;

/// Reads one alternative of a field's value; it is not empty.
pub(super) fn read(field: &Field, value: &Piece<'_>) -> Result<Condition, QueryError> {
    let text = value.text();
    let lower = text.to_lowercase();
    Ok(match field.takes {
        Takes::Task => word(Facet::Task, task(value, &lower)?),
        Takes::Language => word(Facet::Language, language(value, &lower)?),
        Takes::Known(facet) => word(facet, known(field, value, lower)?),
        Takes::Any(facet) => word(facet, lower),
        Takes::Dataset => word(Facet::Dataset, text),
        Takes::Rows => Condition::Word(Facet::SizeCategory, rows(value, &text)?),
        Takes::Quantization => quantization(value, lower)?,
        Takes::Number(number) => {
            Condition::Number(number, numbers::bounds(value, unit_of(number))?)
        }
        Takes::Eval => eval(value)?,
        Takes::Newer => newer(value, &lower)?,
        Takes::Base => Condition::DescendsFrom(vec![text]),
        Takes::Lineage => Condition::Lineage(lineage(value, &lower)?),
        Takes::Gated => Condition::Gated(yes_or_no(value, &lower)?),
        Takes::Successor => Condition::HasSuccessor(yes_or_no(value, &lower)?),
        Takes::Tag => Condition::Tag(vec![text]),
        Takes::Author => Condition::Author(vec![text]),
        Takes::Kind => Condition::Kind(vec![kind(value, &lower)?]),
        Takes::Name => Condition::NameContains(text),
    })
}

fn word(facet: Facet, word: String) -> Condition {
    Condition::Word(facet, vec![word])
}

fn unit_of(number: Number) -> Unit {
    match number {
        Number::SizeBytes => Unit::Bytes,
        Number::ContextTokens => Unit::Tokens,
        Number::Parameters | Number::Downloads | Number::Likes => Unit::Count,
    }
}

/// A task by its id or by a name people use; in quotes also one that is on no list.
fn task(value: &Piece<'_>, lower: &str) -> Result<String, QueryError> {
    let name = lower.replace([' ', '_'], "-");
    let error = match vocabulary::tasks(&name).as_slice() {
        [task] => return Ok((*task).to_owned()),
        _ if value.is_quoted() => return Ok(lower.to_owned()),
        [] => {
            return Err(unknown_word("task", lower, value.span.clone(), vocabulary::task_names()));
        }
        several => {
            let error =
                QueryError::new(value.span.clone(), format!("\"{lower}\" can be several tasks"));
            error.hint(format!("write one of {}", several.join(", ")))
        }
    };
    Err(error)
}

/// A code, or the English name of a language.
fn language(value: &Piece<'_>, lower: &str) -> Result<String, QueryError> {
    if let Some(code) = vocabulary::language_code(lower) {
        return Ok(code.to_owned());
    }
    if is_language_code(lower) || value.is_quoted() {
        return Ok(lower.to_owned());
    }
    let names: Vec<String> =
        vocabulary::words("lang").iter().map(|word| word.meaning.to_lowercase()).collect();
    Err(unknown_word("language", lower, value.span.clone(), names.iter().map(String::as_str)))
}

/// True for the shape of a code (`en`, `ceb`, `zh-hans`) and the two words that are used like one.
pub(super) fn is_language_code(text: &str) -> bool {
    let head = text.split('-').next().unwrap_or_default();
    let is_shaped = matches!(head.len(), 2 | 3)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    is_shaped || matches!(text, "code" | "multilingual")
}

/// A word of a closed vocabulary, or any in quotes.
fn known(field: &Field, value: &Piece<'_>, lower: String) -> Result<String, QueryError> {
    if value.is_quoted() || vocabulary::find_word(field.name, &lower).is_some() {
        return Ok(lower);
    }
    let words = vocabulary::words(field.name).iter().map(|word| word.value);
    Err(unknown_word(field.name, &lower, value.span.clone(), words))
}

/// Size categories: one by its name, or all within bounds that fall on their ends.
fn rows(value: &Piece<'_>, text: &str) -> Result<Vec<String>, QueryError> {
    if let Some(name) = SIZE_CATEGORIES.iter().find(|name| name.eq_ignore_ascii_case(text)) {
        return Ok(vec![(*name).to_owned()]);
    }
    let bounds = numbers::bounds(value, Unit::Count)?;
    // The end of each category is the beginning of the next: 1K, 10K, ... 1T.
    let ends: Vec<f64> = (3..=12).map(|power| 10f64.powi(power)).collect();
    let first = bounds.min.map_or(Some(0), |min| match min.value {
        0.0 => Some(0),
        value => ends.iter().position(|end| *end == value).map(|at| at + 1),
    });
    let last =
        bounds.max.map_or(Some(ends.len()), |max| ends.iter().position(|end| *end == max.value));
    match (first, last) {
        (Some(first), Some(last)) if first <= last => {
            Ok(SIZE_CATEGORIES[first..=last].iter().map(|name| (*name).to_owned()).collect())
        }
        _ => {
            let error = QueryError::new(
                value.span.clone(),
                "rows are known in steps of ten: 1K, 10K, 100K, ... 1T",
            );
            Err(error.hint("write it like rows:>=1M, rows:10K..1M or rows:1K<n<10K"))
        }
    }
}

/// `4bit`, `int4` and comparisons are about bits, anything else is the name of a method.
fn quantization(value: &Piece<'_>, lower: String) -> Result<Condition, QueryError> {
    let exact = |bits: u8| {
        let end = Some(super::ast::End { value: f64::from(bits), is_inclusive: true });
        Condition::Bits(Bounds { min: end, max: end })
    };
    let is_sign =
        |char: char| matches!(char, '<' | '>' | '=' | '≤' | '≥' | '.') || char.is_ascii_digit();
    if value.starts_with(is_sign) {
        return Ok(Condition::Bits(numbers::bounds(value, Unit::Bits)?));
    }
    match lower.strip_prefix("int").and_then(|bits| bits.parse().ok()) {
        Some(bits) if !value.is_quoted() && !lower.contains('+') => Ok(exact(bits)),
        _ => Ok(word(Facet::Quantization, lower)),
    }
}

/// `dataset.metric` and, maybe, bounds.
fn eval(value: &Piece<'_>) -> Result<Condition, QueryError> {
    let sign = value.find(|char| matches!(char, '<' | '>' | '=' | '≤' | '≥'));
    let (name, rest) = match sign {
        Some(sign) => {
            let (name, rest) = value.cut(sign, 0);
            (name, Some(rest))
        }
        None => (value.clone(), None),
    };
    let parts = name.rfind(|char| char == '.').map(|dot| name.cut(dot, 1));
    let Some((dataset, metric)) =
        parts.filter(|(dataset, metric)| !dataset.is_empty() && !metric.is_empty())
    else {
        let error = QueryError::new(name.span, "an evaluation is named by dataset and metric");
        return Err(error.hint("write it like eval:mnli.f1>0.9"));
    };
    let bounds = match rest {
        Some(rest) => numbers::bounds(&rest, Unit::Score)?,
        None => Bounds::default(),
    };
    Ok(Condition::Eval {
        dataset: dataset.text().to_lowercase(),
        metric: metric.text().to_lowercase(),
        bounds,
    })
}

fn newer(value: &Piece<'_>, lower: &str) -> Result<Condition, QueryError> {
    let duration = numbers::duration(lower).map(Condition::NewerThan);
    duration.or_else(|| numbers::day(lower).map(Condition::CreatedSince)).ok_or_else(|| {
        let error = QueryError::new(
            value.span.clone(),
            format!("\"{lower}\" is neither a length of time nor a day"),
        );
        error.hint("write it like 30d, 2w, 12mo, 1y or 2025-01-31")
    })
}

fn lineage(value: &Piece<'_>, lower: &str) -> Result<LineageWanted, QueryError> {
    match lower {
        "permissive" => Ok(LineageWanted::Permissive),
        "commercial" => Ok(LineageWanted::Commercial),
        _ => LicenseTraits::parse(lower).map(LineageWanted::Has).ok_or_else(|| {
            let mut known = vec!["permissive", "commercial"];
            known.extend(LicenseTraits::NAMED.map(|(_, word)| word));
            let error = QueryError::new(
                value.span.clone(),
                format!("\"{lower}\" says nothing about a lineage"),
            );
            error.hint(format!("write one of {}", known.join(", ")))
        }),
    }
}

fn yes_or_no(value: &Piece<'_>, lower: &str) -> Result<bool, QueryError> {
    match lower {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(QueryError::new(value.span.clone(), "this is either yes or no")),
    }
}

fn kind(value: &Piece<'_>, lower: &str) -> Result<RepoKind, QueryError> {
    let singular = RepoKind::parse(lower).ok();
    singular.or_else(|| RepoKind::from_plural(lower)).ok_or_else(|| {
        let known = RepoKind::ALL.map(RepoKind::as_str);
        unknown_word("kind", lower, value.span.clone(), known.into_iter())
    })
}
