//! The keys that exist, taken from the schema, and what somebody meant who wrote another one.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::{Origin, Problem, schema};

/// How alike two words must be, from 0 to 1, for one to be offered in place of the other.
const ALIKE_MIN: f64 = 0.6;

/// What a key's value is in TOML, so that a variable's text can be turned into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Boolean,
}

/// Every `section.key`.
pub(super) fn all() -> &'static BTreeMap<String, Kind> {
    static KEYS: OnceLock<BTreeMap<String, Kind>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let document = schema::document();
        let sections = document["properties"].as_object().into_iter().flatten();
        let keys = sections.flat_map(|(section, schema)| {
            let keys = schema["properties"].as_object().into_iter().flatten();
            keys.map(move |(key, schema)| (format!("{section}.{key}"), kind_of(schema)))
        });
        keys.collect()
    })
}

fn kind_of(schema: &Value) -> Kind {
    let is = |name: &str| {
        schema["type"] == name
            || schema["type"].as_array().is_some_and(|types| types.contains(&name.into()))
    };
    if is("integer") {
        Kind::Integer
    } else if is("boolean") {
        Kind::Boolean
    } else {
        Kind::Text
    }
}

/// The type of `section.key`, if it exists.
pub(super) fn kind(key: &str) -> Option<Kind> {
    all().get(key).copied()
}

/// True if `[section]` exists.
pub(super) fn is_section(section: &str) -> bool {
    all().keys().any(|key| split(key).0 == section)
}

/// For a secret its `*_file` key, for a `*_file` key its secret.
pub(super) fn other_form(key: &str) -> Option<String> {
    let other = key.strip_suffix("_file").map_or_else(|| format!("{key}_file"), str::to_owned);
    all().contains_key(&other).then_some(other)
}

/// Says that a key does not exist, and which one may be meant.
pub(super) fn unknown(key: &str, origin: Origin) -> Problem {
    let (section, name) = split(key);
    let alike = |known: &str| {
        let (known_section, known_name) = split(known);
        let here = strsim::normalized_damerau_levenshtein(key, known);
        // A right name in the wrong section, or in none, is meant more often than any other key.
        let elsewhere = strsim::normalized_damerau_levenshtein(
            if name.is_empty() { section } else { name },
            known_name,
        );
        if known_section == section { elsewhere } else { here.max(elsewhere * 0.99) }
    };
    if section_is_misspelt(key) {
        return unknown_section(section, origin);
    }
    problem(key, origin, "unknown key", best(all().keys().map(String::as_str), alike))
}

/// Says that a section does not exist, and which one may be meant.
pub(super) fn unknown_section(section: &str, origin: Origin) -> Problem {
    let sections = all().keys().map(|key| split(key).0);
    let alike = |known: &str| strsim::normalized_damerau_levenshtein(section, known);
    problem(section, origin, "unknown section", best(sections, alike))
}

/// True for a variable such as `STEELYARD_SERVR__X`, whose key exists nowhere either.
fn section_is_misspelt(key: &str) -> bool {
    let (section, name) = split(key);
    !name.is_empty() && !is_section(section) && !all().keys().any(|known| split(known).1 == name)
}

fn best<'a>(
    candidates: impl Iterator<Item = &'a str>,
    alike: impl Fn(&str) -> f64,
) -> Option<&'a str> {
    let scored =
        candidates.map(|known| (alike(known), known)).filter(|(score, _)| *score >= ALIKE_MIN);
    scored.max_by(|one, two| one.0.total_cmp(&two.0)).map(|(_, known)| known)
}

fn problem(key: &str, origin: Origin, what: &str, meant: Option<&str>) -> Problem {
    let rule = match meant {
        Some(meant) => format!("{what}; did you mean `{meant}`?"),
        None => format!("{what}; `steelyard config schema` lists those that exist"),
    };
    Problem { key: key.to_owned(), origin, rule }
}

fn split(key: &str) -> (&str, &str) {
    key.split_once('.').unwrap_or((key, ""))
}
