//! The rules of the table `data/front_matter_keys.csv`: shapes and vocabularies of keys without rules of their own.
//! Their breach is a warning. Keys that nobody knows are nobody's business, unless they are a known one misspelt.

use serde_json::Value;
use steelyard_core::RepoKind;

use super::{Checker, shown};
use crate::vocab::{self, FrontMatterKey};

/// So many keys of a card are looked at for misspelt ones, and none that is longer than this.
const KEYS_MAX: usize = 200;
const KEY_BYTES_MAX: usize = 64;

/// Other spellings that people try, and the keys they mean.
const MISSPELT: [(&str, &str); 7] = [
    ("licence", "license"),
    ("licenses", "license"),
    ("languages", "language"),
    ("base_models", "base_model"),
    ("tag", "tags"),
    ("pipeline", "pipeline_tag"),
    ("library", "library_name"),
];

/// Checks the keys of the table for this kind of repository.
pub(super) fn check(checker: &mut Checker<'_>, kind: RepoKind) {
    let kind = match kind {
        RepoKind::Model | RepoKind::Kernel => "model",
        RepoKind::Dataset => "dataset",
        RepoKind::Space => "space",
    };
    for key in vocab::front_matter_keys() {
        if !key.has_own_rules
            && key.kinds.contains(&kind)
            && let Some(value) = checker.value(key.key)
        {
            check_value(checker, key, value);
        }
    }
    misspelt(checker, kind);
}

fn check_value(checker: &mut Checker<'_>, key: &FrontMatterKey, value: &Value) {
    let name = key.key;
    let text = match key.shape {
        "enum" => return check_enum(checker, key, value),
        "int" => return check_int(checker, key, value),
        "words" if value.is_string() || value.is_array() || value.is_object() => {
            return check_words(checker, key);
        }
        shape if fits(shape, value) => return,
        shape => in_words(shape),
    };
    checker.warn(name, format!("\"{name}\" should be {text}"));
}

/// Whether a value has a shape; two may stand with `or` between.
fn fits(shape: &str, value: &Value) -> bool {
    shape.split(" or ").any(|shape| match shape {
        "string" => value.is_string(),
        "scalar" => value.is_string() || value.is_number() || value.is_boolean(),
        "list" => value.is_array(),
        "bool" => value.is_boolean(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        _ => shape == "any",
    })
}

fn in_words(shape: &str) -> String {
    let word = |shape: &str| match shape {
        "string" => "a string",
        "scalar" => "a single value",
        "list" => "an array",
        "bool" => "a boolean",
        "number" => "a number",
        "object" => "an object",
        "words" => "a string or an array",
        _ => "something else",
    };
    shape.split(" or ").map(word).collect::<Vec<_>>().join(" or ")
}

fn check_enum(checker: &mut Checker<'_>, key: &FrontMatterKey, value: &Value) {
    let allowed: Vec<&str> = key.values.split('|').collect();
    let word = crate::values::word(value);
    if !word.is_some_and(|word| allowed.contains(&word.as_str())) {
        let message = format!("\"{}\" should be one of [{}]", key.key, allowed.join(", "));
        checker.warn(key.key, message);
    }
}

/// A whole number within the range of the table (`1..43200`).
fn check_int(checker: &mut Checker<'_>, key: &FrontMatterKey, value: &Value) {
    let (least, most) = key.values.split_once("..").unwrap_or(("0", ""));
    let bound = |text: &str, otherwise: u64| text.parse().unwrap_or(otherwise);
    let range = bound(least, 0)..=bound(most, u64::MAX);
    if !value.as_u64().is_some_and(|number| range.contains(&number)) {
        let message = format!("\"{}\" should be a whole number from {least} to {most}", key.key);
        checker.warn(key.key, message);
    }
}

fn check_words(checker: &mut Checker<'_>, key: &FrontMatterKey) {
    if !key.values.contains('|') {
        return;
    }
    for (path, word) in checker.words(key.key) {
        if !key.values.split('|').any(|allowed| allowed == word) {
            let allowed = key.values.replace('|', ", ");
            let message =
                format!("\"{path}\" with value \"{}\" should be one of [{allowed}]", shown(&word));
            checker.warn(&path, message);
        }
    }
}

/// Keys that differ from a known one only in capitals and dashes, or in ways people are known to try.
fn misspelt(checker: &mut Checker<'_>, kind: &str) {
    let known = vocab::front_matter_keys().iter().filter(|key| key.kinds.contains(&kind));
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let known: Vec<(String, &'static str)> = known.map(|key| (plain(key.key), key.key)).collect();
    let card = checker.card;
    for name in card.data.keys().take(KEYS_MAX) {
        if name.len() > KEY_BYTES_MAX
            || vocab::front_matter_keys().iter().any(|key| key.key == name)
        {
            continue;
        }
        let name_plain = plain(name);
        let meant = known.iter().find(|(plain, _)| *plain == name_plain).map(|(_, key)| *key);
        let meant = meant.or_else(|| {
            let (_, meant) = MISSPELT.iter().find(|(other, _)| *other == name_plain)?;
            known.iter().find(|(_, key)| key == meant).map(|(_, key)| *key)
        });
        if let Some(meant) = meant {
            checker.warn(name, format!("\"{name}\" is not a key of cards; \"{meant}\" is"));
        }
    }
}
