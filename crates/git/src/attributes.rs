//! `.gitattributes`: which paths belong into LFS.

use std::collections::HashMap;

use crate::pattern::Pattern;

/// Longest file that is read, in bytes.
const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Git ignores longer lines.
const LINE_BYTES_MAX: usize = 2048;
/// Deepest expansion of macros.
const MACRO_DEPTH_MAX: usize = 32;

/// The rules of the `.gitattributes` files of a tree, as far as they tell `filter`.
#[derive(Debug, Clone, Default)]
pub struct Attributes {
    /// By folder, innermost last when walked along a path.
    folders: HashMap<String, Vec<Rule>>,
    macros: HashMap<Vec<u8>, Vec<Assignment>>,
}

#[derive(Debug, Clone)]
struct Rule {
    pattern: Pattern,
    assignments: Vec<Assignment>,
}

#[derive(Debug, Clone)]
struct Assignment {
    name: Vec<u8>,
    value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Set,
    Unset,
    Unspecified,
    Text(Vec<u8>),
}

impl Attributes {
    /// The rules of a `.gitattributes` file in the root folder.
    pub fn parse(content: &[u8]) -> Self {
        let mut attributes = Self::default();
        attributes.add_file("", content);
        attributes
    }

    /// Adds the `.gitattributes` file of a folder (`""`: the root); files further down take precedence.
    pub fn add_file(&mut self, folder: &str, content: &[u8]) {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let content = &content[..content.len().min(FILE_BYTES_MAX)];
        let mut rules = Vec::new();
        for line in content.split(|byte| *byte == b'\n') {
            match parse_line(line) {
                Some(Line::Rule(rule)) => rules.push(rule),
                // Git takes macros from the root only.
                Some(Line::Macro(name, assignments)) if folder.is_empty() => {
                    self.macros.insert(name, assignments);
                }
                _ => {}
            }
        }
        self.folders.insert(folder.to_owned(), rules);
    }

    /// True when the path has `filter=lfs`.
    pub fn is_lfs(&self, path: &str) -> bool {
        self.filter(path).as_deref() == Some(b"lfs")
    }

    /// The value of `filter` for a path; `None` when it is unset, unspecified or without value.
    fn filter(&self, path: &str) -> Option<Vec<u8>> {
        let mut decided = Decided { macros: &self.macros, values: HashMap::new() };
        let slashes = memchr::memchr_iter(b'/', path.as_bytes());
        let starts = slashes.map(|slash| (&path[..slash], slash + 1));
        let folders: Vec<_> = std::iter::once(("", 0)).chain(starts).collect();
        for (folder, start) in folders.into_iter().rev() {
            let Some(rules) = self.folders.get(folder) else { continue };
            let below = &path.as_bytes()[start..];
            for rule in rules.iter().rev().filter(|rule| rule.pattern.is_match(below)) {
                decided.apply(&rule.assignments, 0);
                if let Some(value) = decided.values.get(b"filter".as_slice()) {
                    return match value {
                        Value::Text(text) => Some(text.clone()),
                        _ => None,
                    };
                }
            }
        }
        None
    }
}

/// What is known so far; the first word on an attribute, from the strongest rule down, is the last.
struct Decided<'a> {
    macros: &'a HashMap<Vec<u8>, Vec<Assignment>>,
    values: HashMap<&'a [u8], &'a Value>,
}

impl<'a> Decided<'a> {
    fn apply(&mut self, assignments: &'a [Assignment], depth: usize) {
        for Assignment { name, value } in assignments.iter().rev() {
            if self.values.contains_key(name.as_slice()) {
                continue;
            }
            self.values.insert(name, value);
            if *value == Value::Set
                && depth < MACRO_DEPTH_MAX
                && let Some(expansion) = self.macros.get(name)
            {
                self.apply(expansion, depth + 1);
            }
        }
    }
}

enum Line {
    Rule(Rule),
    Macro(Vec<u8>, Vec<Assignment>),
}

fn parse_line(line: &[u8]) -> Option<Line> {
    // Git reads lines as C strings.
    let line = line.split(|byte| *byte == 0).next()?;
    if line.len() >= LINE_BYTES_MAX {
        return None;
    }
    let line = skip_blanks(line);
    if line.is_empty() || line.starts_with(b"#") {
        return None;
    }
    let (name, states) = match unquote(line) {
        Some((name, rest)) => (name, rest),
        None => {
            let (name, rest) = word(line);
            (name.to_vec(), rest)
        }
    };
    let assignments = parse_assignments(states)?;
    if let Some(name) = name.strip_prefix(b"[attr]").filter(|name| !name.is_empty()) {
        let name = word(skip_blanks(name)).0;
        return is_attribute_name(name).then(|| Line::Macro(name.to_vec(), assignments));
    }
    // Negative patterns are forbidden here, and patterns for folders match no file.
    let pattern = Pattern::parse(&name);
    let is_useful = !pattern.negative && !pattern.folders_only;
    is_useful.then_some(Line::Rule(Rule { pattern, assignments }))
}

/// Reads the assignments of a line; one bad name spoils the line.
fn parse_assignments(states: &[u8]) -> Option<Vec<Assignment>> {
    let words = states.split(is_blank).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let equals = memchr::memchr(b'=', word);
            let (name, text) = match equals {
                Some(equals) => (&word[..equals], Some(&word[equals + 1..])),
                None => (word, None),
            };
            let (name, value) = match (name.first(), text) {
                (Some(b'-'), _) => (&name[1..], Value::Unset),
                (Some(b'!'), _) => (&name[1..], Value::Unspecified),
                (_, Some(text)) => (name, Value::Text(text.to_vec())),
                (_, None) => (name, Value::Set),
            };
            is_attribute_name(name).then(|| Assignment { name: name.to_vec(), value })
        })
        .collect()
}

fn is_attribute_name(name: &[u8]) -> bool {
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    !name.is_empty() && name[0] != b'-' && name.iter().all(valid) && !name.starts_with(b"builtin_")
}

/// Reads a C-style quoted string; `None` when it is none, or a broken one, which git takes as it stands.
fn unquote(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = line.strip_prefix(b"\"")?;
    let mut out = Vec::new();
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((out, rest)),
            b'\\' => {
                let (&escape, after) = rest.split_first()?;
                rest = after;
                out.push(match escape {
                    b'a' => 7,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 11,
                    b'\\' | b'"' => escape,
                    b'0'..=b'3' => {
                        let digits = rest.get(..2)?;
                        if !digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) {
                            return None;
                        }
                        rest = &rest[2..];
                        (escape - b'0') << 6 | (digits[0] - b'0') << 3 | (digits[1] - b'0')
                    }
                    _ => return None,
                });
            }
            other => out.push(other),
        }
    }
}

fn is_blank(byte: &u8) -> bool {
    b" \t\r\n".contains(byte)
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    &text[start..]
}

/// The text up to the next blank, and what follows.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(is_blank).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests;
