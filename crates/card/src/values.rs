//! Reading values of card metadata, which people write as one word or as a list of words.

use serde_json::Value;

/// The words of a value: a string is one, a list gives its items, a mapping (old cards with one entry per
/// configuration) gives those of its values. Numbers and booleans count as words, empty ones as none.
pub(crate) fn words(value: &Value) -> Vec<String> {
    let mut words = Vec::new();
    match value {
        Value::Array(items) => items.iter().filter_map(word).for_each(|word| words.push(word)),
        Value::Object(entries) => {
            for value in entries.values() {
                match value {
                    Value::Array(items) => words.extend(items.iter().filter_map(word)),
                    other => words.extend(word(other)),
                }
            }
        }
        other => words.extend(word(other)),
    }
    words
}

/// One word: a string that is not blank, a number or a boolean.
pub(crate) fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        }
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether the text can be the id of a repository: `name` (the oldest ones have no namespace) or `ns/name`.
pub(crate) fn is_repo_id(text: &str) -> bool {
    let part = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty()
            && part.len() <= 96
            && part.chars().all(allowed)
            && !part.trim_matches('.').is_empty()
    };
    match text.split_once('/') {
        Some((namespace, name)) => part(namespace) && part(name),
        None => part(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_word_or_many() {
        let cases = [
            (json!("en"), vec!["en"]),
            (json!(["en", " de ", "", null, 7, true, ["x"]]), vec!["en", "de", "7", "true"]),
            (json!({"a": ["x"], "b": "y"}), vec!["x", "y"]),
            (json!(null), vec![]),
        ];
        for (value, expected) in cases {
            assert_eq!(words(&value), expected, "{value}");
        }
    }

    #[test]
    fn repo_ids() {
        for id in ["gpt2", "a/b", "nreimers/MiniLM-L6-H384-uncased", "x/y__z.1"] {
            assert!(is_repo_id(id), "{id}");
        }
        for id in ["", "/", "a/", "/tmp/x", "a/b/c", "./x", "librispeech 960h", "..", "é/b"] {
            assert!(!is_repo_id(id), "{id}");
        }
    }
}
