//! The YAML block at the top of a README, and the text after it.
//!
//! The block is found by the rule the Hub and its clients share (huggingface_hub `repocard.py`,
//! `REGEX_YAML_BLOCK`): optional blank space, `---` alone on its line, then everything up to the next line of
//! `---`. A README without such a block is an ordinary one.

use std::collections::HashMap;

use serde_json::{Map, Value};
use steelyard_core::limits::CARD_BYTES_MAX;

use crate::yaml;

/// Why the front matter of a README cannot be read. Lines count from 1 at the top of the README.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontMatterError {
    /// A fence opens the block and none closes it.
    #[error("metadata block opened on line {line} is never closed by a line of ---")]
    Unclosed {
        /// The line of the opening fence.
        line: usize,
    },
    /// The block is too large.
    #[error("metadata block is larger than {CARD_BYTES_MAX} bytes")]
    TooLarge,
    /// The block is no YAML, or YAML beyond what cards may use.
    #[error("invalid YAML on line {line}: {message}")]
    Syntax {
        /// The line of the mistake.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The block is YAML, but not keys with values.
    #[error("metadata block must be a mapping of keys to values")]
    NotMapping {
        /// The first line of the block.
        line: usize,
    },
}

impl FrontMatterError {
    /// The line to look at, where there is one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Unclosed { line } | Self::Syntax { line, .. } | Self::NotMapping { line } => {
                Some(*line)
            }
            Self::TooLarge => None,
        }
    }
}

/// A README cut at its fences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split<'a> {
    /// The text between the fences.
    pub yaml: &'a str,
    /// The line of the README on which `yaml` starts.
    pub yaml_line: usize,
    /// The text after the closing fence.
    pub body: &'a str,
}

/// Cuts a README at its fences; `None` when it has no metadata block.
pub fn split(readme: &str) -> Result<Option<Split<'_>>, FrontMatterError> {
    let text = readme.strip_prefix('\u{feff}').unwrap_or(readme);
    let start = text.trim_start();
    let lead = &text[..text.len() - start.len()];
    let opening_line = line_breaks(lead) + 1;
    let Some(rest) = start.strip_prefix("---").and_then(strip_break) else {
        return Ok(None);
    };
    let yaml_line = opening_line + 1;
    if let Some((yaml, body)) = cut_at_closing_fence(rest) {
        return Ok(Some(Split { yaml, yaml_line, body }));
    }
    // The shared rule does not see a block of no lines at all; nothing is lost by calling it empty.
    match closing_fence(rest) {
        Some(body) => Ok(Some(Split { yaml: "", yaml_line, body })),
        None => Err(FrontMatterError::Unclosed { line: opening_line }),
    }
}

/// The Markdown of a README: what follows the metadata block, or all of it when there is no readable block.
pub fn body(readme: &str) -> &str {
    match split(readme) {
        Ok(Some(split)) => split.body,
        Ok(None) | Err(_) => readme.strip_prefix('\u{feff}').unwrap_or(readme),
    }
}

/// A README with its metadata parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Card<'a> {
    /// The metadata in the order of the file; empty when there is none.
    pub data: Map<String, Value>,
    /// The Markdown after the metadata block.
    pub body: &'a str,
    key_lines: HashMap<String, usize>,
}

impl<'a> Card<'a> {
    /// Parses the metadata block of a README.
    pub fn parse(readme: &'a str) -> Result<Self, FrontMatterError> {
        let Some(split) = split(readme)? else {
            return Ok(Self { data: Map::new(), body: body(readme), key_lines: HashMap::new() });
        };
        if split.yaml.len() > CARD_BYTES_MAX {
            return Err(FrontMatterError::TooLarge);
        }
        let document = yaml::parse(split.yaml).map_err(|error| FrontMatterError::Syntax {
            line: split.yaml_line - 1 + error.line.max(1),
            message: error.message,
        })?;
        let data = match document.value {
            Value::Object(data) => data,
            Value::Null => Map::new(),
            _ => return Err(FrontMatterError::NotMapping { line: split.yaml_line }),
        };
        let to_readme = |(key, line)| (key, split.yaml_line - 1 + line);
        let key_lines = document.key_lines.into_iter().map(to_readme).collect();
        Ok(Self { data, body: split.body, key_lines })
    }

    /// The line of the README on which a top-level key stands.
    pub fn line_of(&self, key: &str) -> Option<usize> {
        self.key_lines.get(key).copied()
    }
}

/// Finds the first line of `---` after at least one line break.
fn cut_at_closing_fence(rest: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    while let Some(found) = rest[from..].find("---") {
        let at = from + found;
        let yaml = strip_break_before(&rest[..at]);
        if let (Some(yaml), Some(body)) = (yaml, closing_fence(&rest[at..])) {
            return Some((yaml, body));
        }
        from = at + 1;
    }
    None
}

/// What follows a closing fence that stands at the very start of `text`.
fn closing_fence(text: &str) -> Option<&str> {
    let after = text.strip_prefix("---")?.trim_start_matches([' ', '\t']);
    let ended = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n'));
    ended.or_else(|| after.is_empty().then_some(after))
}

fn strip_break(text: &str) -> Option<&str> {
    text.strip_prefix("\r\n").or_else(|| text.strip_prefix(['\n', '\r']))
}

fn strip_break_before(text: &str) -> Option<&str> {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix(['\n', '\r']))
}

fn line_breaks(text: &str) -> usize {
    let crlf = text.matches("\r\n").count();
    text.matches(['\n', '\r']).count() - crlf
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_block_is_found_as_clients_find_it() {
        let cases = [
            ("---\nlicense: mit\n---\n# T\n", "license: mit", 2, "# T\n"),
            ("---\r\nlicense: mit\r\n---\r\n# T", "license: mit", 2, "# T"),
            ("\u{feff}---\nlicense: mit\n---", "license: mit", 2, ""),
            ("\n\n---\na: 1\n---  \t\nx", "a: 1", 4, "x"),
            ("---\na: '---'\nb: x---\n---\n", "a: '---'\nb: x---", 2, ""),
            ("---\na: |\n  text\n  ---\nb: 1\n---\nx", "a: |\n  text\n  ---\nb: 1", 2, "x"),
            ("---\n---\n# T", "", 2, "# T"),
            ("---\n---\na: 1\n---\nx", "---\na: 1", 2, "x"),
            ("---\n\n---\nx", "", 2, "x"),
        ];
        for (readme, yaml, yaml_line, body) in cases {
            let expected = Split { yaml, yaml_line, body };
            assert_eq!(split(readme), Ok(Some(expected)), "{readme:?}");
        }
    }

    #[test]
    fn a_readme_without_a_block_is_an_ordinary_one() {
        for readme in
            ["", "# T\n", "----\na\n----\n", "--- \na: 1\n---\n", "text\n---\na: 1\n---\n"]
        {
            assert_eq!(split(readme), Ok(None), "{readme:?}");
            assert_eq!(body(readme), readme);
        }
        assert_eq!(body("\u{feff}# T"), "# T");
    }

    #[test]
    fn an_open_block_is_an_error_with_its_line() {
        let unclosed = |line| Err(FrontMatterError::Unclosed { line });
        assert_eq!(split("---\na: 1\n"), unclosed(1));
        assert_eq!(split("\r\n\r\n---\na: 1\n----\n"), unclosed(3));
        assert_eq!(split("---\n"), unclosed(1));
    }

    #[test]
    fn errors_point_into_the_readme() {
        let error = Card::parse("\n---\nlicense: mit\ntags: [a\nx: 1\n---\n").unwrap_err();
        assert_eq!(error.line(), Some(5), "{error}");
        let error = Card::parse("---\njust text\n---\n").unwrap_err();
        assert_eq!(error, FrontMatterError::NotMapping { line: 2 });
        let huge = format!("---\na: \"{}\"\n---\n", "x".repeat(CARD_BYTES_MAX));
        assert_eq!(Card::parse(&huge), Err(FrontMatterError::TooLarge));
    }

    #[test]
    fn keys_know_their_lines() {
        let card = Card::parse("---\nlicense: mit\n# note\ntags:\n- a\n---\n# T\n").unwrap();
        assert_eq!(Value::Object(card.data.clone()), json!({"license": "mit", "tags": ["a"]}));
        assert_eq!((card.line_of("license"), card.line_of("tags")), (Some(2), Some(4)));
        assert_eq!(card.line_of("other"), None);
        assert_eq!(card.body, "# T\n");
        let large_body = format!("---\na: 1\n---\n{}", "x".repeat(2 * CARD_BYTES_MAX));
        assert_eq!(Card::parse(&large_body).unwrap().data["a"], 1);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\u{feff})?(---)?[-a:\\r\\n \\t\u{e9}]{0,60}") {
            let _ = Card::parse(&text);
            prop_assert!(text.ends_with(body(&text)));
        }
    }
}
