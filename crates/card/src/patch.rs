//! Changing one key of a card's metadata, with every other byte of the README left as it is.
//!
//! The lines of the key are replaced, or a line is added at the end of the block, or a block is put before the text.
//! What comes out is parsed again and compared: a block in a form that cannot be changed like this (a mapping in
//! braces, an anchor that others use) is an error, never a README with a changed meaning.

use serde_json::{Map, Value};

use crate::front_matter::{self, Card, FrontMatterError};
use crate::yaml;

mod diff;

pub use diff::unified_diff;

/// Words that YAML 1.1, which the Python clients speak, takes for something else than text.
const NOT_TEXT: [&str; 11] =
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];

/// Why a README cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// Its metadata cannot be read.
    #[error(transparent)]
    FrontMatter(#[from] FrontMatterError),
    /// Its metadata has a form in which the key cannot be changed alone.
    #[error("metadata is written in a form in which {key} cannot be changed alone")]
    Unpatchable {
        /// The key.
        key: String,
    },
}

/// The README with the key of its metadata set to the value.
pub fn set(readme: &str, key: &str, value: &Value) -> Result<String, PatchError> {
    let split = match front_matter::split(readme) {
        Ok(split) => split,
        // A rule of Markdown on the first line opens no block.
        Err(FrontMatterError::Unclosed { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let line_end = if has_crlf(readme) { "\r\n" } else { "\n" };
    let Some(split) = split else {
        let start = readme.len() - readme.strip_prefix('\u{feff}').unwrap_or(readme).len();
        let entry = entry(key, value, "", line_end);
        let (mark, text) = readme.split_at(start);
        let new = format!("{mark}---{line_end}{entry}{line_end}---{line_end}{text}");
        return checked(new, &Map::new(), key, value);
    };
    let card = Card::parse(readme)?;
    let entry = entry(key, value, indentation(split.yaml), line_end);
    let (head, _) = readme.split_at(readme.len() - split.body.len());
    let closing = head.rfind("---").expect("a fence closes the block");
    let end = head[..closing].strip_suffix('\n').unwrap_or(&head[..closing]);
    let end = end.strip_suffix('\r').unwrap_or(end).len();
    let start = end.saturating_sub(split.yaml.len());
    let new = match place_of(&card, key, split.yaml, split.yaml_line) {
        Some((from, to)) => {
            format!("{}{entry}{}", &readme[..start + from], &readme[start + to..])
        }
        None if split.yaml.is_empty() => {
            format!("{}{entry}{line_end}{}", &readme[..closing], &readme[closing..])
        }
        None => format!("{}{line_end}{entry}{}", &readme[..end], &readme[end..]),
    };
    checked(new, &card.data, key, value)
}

/// The README without the key of its metadata; as it is when it has none.
pub fn remove(readme: &str, key: &str) -> Result<String, PatchError> {
    let card = Card::parse(readme)?;
    let Some(split) = front_matter::split(readme)? else { return Ok(readme.to_owned()) };
    if !card.data.contains_key(key) {
        return Ok(readme.to_owned());
    }
    let unfit = || PatchError::Unpatchable { key: key.to_owned() };
    let (from, to) = place_of(&card, key, split.yaml, split.yaml_line).ok_or_else(unfit)?;
    let (from, to) = (start_of(readme, &split) + from, start_of(readme, &split) + to);
    let rest = &readme[to..];
    let rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
    let mut expected = card.data;
    expected.remove(key);
    compared(format!("{}{rest}", &readme[..from]), &expected, key)
}

/// Where the metadata block begins, behind its fence.
fn start_of(readme: &str, split: &front_matter::Split<'_>) -> usize {
    // The block is a slice of the README.
    split.yaml.as_ptr().addr() - readme.as_ptr().addr()
}

/// Makes sure that the new README says what the old one said, but for the key.
fn checked(
    new: String,
    old: &Map<String, Value>,
    key: &str,
    value: &Value,
) -> Result<String, PatchError> {
    let mut expected = old.clone();
    expected.insert(key.to_owned(), value.clone());
    compared(new, &expected, key)
}

fn compared(new: String, expected: &Map<String, Value>, key: &str) -> Result<String, PatchError> {
    match Card::parse(&new) {
        Ok(card) if card.data == *expected => Ok(new),
        _ => Err(PatchError::Unpatchable { key: key.to_owned() }),
    }
}

fn has_crlf(text: &str) -> bool {
    text.find('\n').is_some_and(|at| text[..at].ends_with('\r'))
}

/// What stands before the keys of a block.
fn indentation(yaml: &str) -> &str {
    let mut lines = yaml.lines().map(|line| (line, line.trim_start_matches(' ')));
    let first = lines.find(|(_, text)| !text.trim().is_empty() && !text.starts_with(['#', '%']));
    first.map_or("", |(line, text)| &line[..line.len() - text.len()])
}

/// The bytes of the block in which a key stands, without the last line break.
fn place_of(card: &Card<'_>, key: &str, yaml: &str, yaml_line: usize) -> Option<(usize, usize)> {
    let at = card.line_of(key)?.checked_sub(yaml_line)?;
    let keys = card.data.keys().filter_map(|key| card.line_of(key)?.checked_sub(yaml_line));
    let next = keys.filter(|line| *line > at).min().unwrap_or(usize::MAX);
    let mut offset = 0;
    let mut place = None;
    for (number, line) in yaml.split_inclusive('\n').enumerate() {
        let text = line.trim_end_matches(['\n', '\r']);
        let foreign = text.trim().is_empty() || text.starts_with('#');
        if number == at {
            place = Some((offset, offset + text.len()));
        } else if number > at && number < next && !foreign {
            place = place.map(|(from, _)| (from, offset + text.len()));
        }
        offset += line.len();
    }
    place
}

/// The lines of a key with its value, without the last line break.
fn entry(key: &str, value: &Value, indentation: &str, line_end: &str) -> String {
    let key = scalar(&Value::String(key.to_owned()));
    match value {
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| !item.is_array()) => {
            let lines =
                items.iter().map(|item| format!("{line_end}{indentation}- {}", scalar(item)));
            format!("{indentation}{key}:{}", lines.collect::<String>())
        }
        value => format!("{indentation}{key}: {}", scalar(value)),
    }
}

/// A value on one line: as it is where that is read as the same text by everyone, else as JSON, which is YAML too.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        value => value.to_string(),
    }
}

fn is_plain(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let safe =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+' | ' ');
    let lower = text.to_ascii_lowercase();
    starts
        && text.chars().all(safe)
        && !text.ends_with(' ')
        && !NOT_TEXT.contains(&lower.as_str())
        && yaml::parse(text).is_ok_and(|read| read.value == Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests;
