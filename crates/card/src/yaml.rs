//! YAML into JSON, within bounds: one document, the core schema of YAML 1.2, no custom tags.
//!
//! Dates stay strings, duplicate keys are errors, and aliases are followed only while the whole stays within
//! [`COST_MAX`], so that a document of nested aliases cannot grow beyond a small multiple of its own size.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::{Map, Number, Value};

mod locate;

pub(crate) use locate::locate;

/// Deepest nesting of lists and mappings.
const DEPTH_MAX: usize = 64;
/// What one node costs beside the bytes of its text.
const NODE_COST: usize = 16;
/// The most that the nodes of one document, aliases followed, may cost together.
const COST_MAX: usize = 24 * 1024 * 1024;

/// Why a document cannot be read, and at which of its lines (from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl YamlError {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

impl From<ScanError> for YamlError {
    fn from(error: ScanError) -> Self {
        Self::new(error.marker().line(), error.info())
    }
}

/// A parsed document and where the keys of its outermost mapping stand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) value: Value,
    pub(crate) key_lines: HashMap<String, usize>,
    /// Where the items stand, when the outermost is a list.
    pub(crate) item_lines: Vec<usize>,
}

/// Parses one document; an empty one is null.
pub(crate) fn parse(text: &str) -> Result<Document, YamlError> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str_with_options(text, options());
    while let Some(event) = parser.next_event() {
        let (event, span) = event?;
        builder.take(event, span)?;
    }
    Ok(Document {
        value: builder.root.unwrap_or(Value::Null),
        key_lines: builder.key_lines,
        item_lines: builder.item_lines,
    })
}

fn options() -> granit_parser::Options {
    let mut options = granit_parser::Options::default();
    options.flow_nesting_limit = DEPTH_MAX;
    options.block_nesting_limit = DEPTH_MAX;
    options.emit_comments = false;
    options
}

/// A finished node, with what it costs to copy.
#[derive(Debug, Clone)]
struct Node {
    value: Value,
    cost: usize,
}

#[derive(Debug)]
enum Items {
    List(Vec<Value>),
    Map { entries: Map<String, Value>, key: Option<Key>, merges: Vec<Value> },
}

#[derive(Debug)]
enum Key {
    Name(String),
    Merge,
}

#[derive(Debug)]
struct Frame {
    items: Items,
    anchor: usize,
    cost: usize,
}

#[derive(Debug, Default)]
struct Builder {
    frames: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    root: Option<Value>,
    documents: usize,
    cost: usize,
    key_lines: HashMap<String, usize>,
    item_lines: Vec<usize>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let line = span.start.line();
        self.note_item(&event, line);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(YamlError::new(line, "holds more than one document"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let awaits_key = self.awaits_key();
                if awaits_key && style == ScalarStyle::Plain && text == "<<" && tag.is_none() {
                    self.set_key(Key::Merge, line)?;
                } else {
                    let value = scalar(&text, style, tag.as_deref(), awaits_key, line)?;
                    let node = Node { value, cost: NODE_COST + text.len() };
                    self.finish(node, anchor, line)?;
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), &["seq"], line)?;
                self.open(Items::List(Vec::new()), anchor, line)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), &["map", "set", "omap"], line)?;
                let items = Items::Map { entries: Map::new(), key: None, merges: Vec::new() };
                self.open(items, anchor, line)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(line)?,
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().ok_or_else(|| {
                    YamlError::new(line, "an alias stands inside what it stands for")
                })?;
                self.finish(node, 0, line)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn note_item(&mut self, event: &Event<'_>, line: usize) {
        let begins = matches!(
            event,
            Event::Scalar(..)
                | Event::Alias(_)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
        );
        if begins && matches!(self.frames.as_slice(), [Frame { items: Items::List(_), .. }]) {
            self.item_lines.push(line);
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { items: Items::Map { key: None, .. }, .. }))
    }

    fn charge(&mut self, cost: usize, line: usize) -> Result<(), YamlError> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > COST_MAX {
            return Err(YamlError::new(line, "grows too large, look for nested aliases"));
        }
        Ok(())
    }

    fn open(&mut self, items: Items, anchor: usize, line: usize) -> Result<(), YamlError> {
        if self.frames.len() >= DEPTH_MAX {
            return Err(YamlError::new(line, format!("is nested deeper than {DEPTH_MAX} levels")));
        }
        if self.awaits_key() {
            return Err(YamlError::new(line, "a key must be a single value"));
        }
        self.charge(NODE_COST, line)?;
        self.frames.push(Frame { items, anchor, cost: NODE_COST });
        Ok(())
    }

    fn close(&mut self, line: usize) -> Result<(), YamlError> {
        let frame = self.frames.pop().expect("the parser closes only what it opened");
        let value = match frame.items {
            Items::List(items) => Value::Array(items),
            Items::Map { entries, merges, .. } => Value::Object(merge(entries, merges, line)?),
        };
        // Its parts are charged already; a copy kept under an anchor is charged by `place`.
        self.place(Node { value, cost: frame.cost }, frame.anchor, line)
    }

    /// Takes a scalar or the copy an alias stands for.
    fn finish(&mut self, node: Node, anchor: usize, line: usize) -> Result<(), YamlError> {
        self.charge(node.cost, line)?;
        self.place(node, anchor, line)
    }

    fn place(&mut self, node: Node, anchor: usize, line: usize) -> Result<(), YamlError> {
        if anchor != 0 {
            self.charge(node.cost, line)?;
            self.anchors.insert(anchor, node.clone());
        }
        if self.awaits_key() {
            return self.set_key(Key::Name(key_text(node.value, line)?), line);
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node.value);
            return Ok(());
        };
        frame.cost = frame.cost.saturating_add(node.cost);
        match &mut frame.items {
            Items::List(items) => items.push(node.value),
            Items::Map { entries, key, merges } => {
                match key.take().expect("a value follows its key") {
                    Key::Name(name) => drop(entries.insert(name, node.value)),
                    Key::Merge => merges.push(node.value),
                }
            }
        }
        Ok(())
    }

    fn set_key(&mut self, name: Key, line: usize) -> Result<(), YamlError> {
        let outermost = self.frames.len() == 1;
        if let Some(Frame { items: Items::Map { entries, key, .. }, cost, .. }) =
            self.frames.last_mut()
        {
            if let Key::Name(text) = &name {
                if entries.contains_key(text) {
                    let shown: String = text.chars().take(100).collect();
                    return Err(YamlError::new(
                        line,
                        format!("duplicated mapping key \"{shown}\""),
                    ));
                }
                *cost = cost.saturating_add(text.len());
                if outermost {
                    self.key_lines.insert(text.clone(), line);
                }
            }
            *key = Some(name);
        }
        Ok(())
    }
}

/// Adds what `<<` brings: a mapping or a list of them; keys that are there already win.
fn merge(
    mut entries: Map<String, Value>,
    merges: Vec<Value>,
    line: usize,
) -> Result<Map<String, Value>, YamlError> {
    let sources = merges.into_iter().flat_map(|value| match value {
        Value::Array(items) => items,
        other => vec![other],
    });
    for source in sources {
        let Value::Object(source) = source else {
            return Err(YamlError::new(line, "\"<<\" takes a mapping"));
        };
        for (key, value) in source {
            entries.entry(key).or_insert(value);
        }
    }
    Ok(entries)
}

fn key_text(value: Value, line: usize) -> Result<String, YamlError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Array(_) | Value::Object(_) => {
            Err(YamlError::new(line, "a key must be a single value"))
        }
        other => Ok(other.to_string()),
    }
}

fn check_tag(tag: Option<&Tag>, known: &[&str], line: usize) -> Result<(), YamlError> {
    match tag {
        Some(tag) if !tag.core_suffix().is_some_and(|suffix| known.contains(&suffix)) => {
            let shown: String = tag.original().chars().take(100).collect();
            Err(YamlError::new(line, format!("unknown tag {shown}")))
        }
        _ => Ok(()),
    }
}

fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    is_key: bool,
    line: usize,
) -> Result<Value, YamlError> {
    let as_string = || Ok(Value::String(text.to_owned()));
    match tag {
        Some(tag) if tag.original() == "!" => return as_string(),
        Some(tag) => {
            let known = ["str", "binary", "timestamp", "int", "float", "bool", "null"];
            check_tag(Some(tag), &known, line)?;
            if tag.core_suffix().is_some_and(|suffix| known[..3].contains(&suffix)) {
                return as_string();
            }
            return Ok(resolve(text));
        }
        None => {}
    }
    // A key is its text, whatever it looks like: `1.10:` must not become `1.1`.
    if is_key || style != ScalarStyle::Plain { as_string() } else { Ok(resolve(text)) }
}

/// Gives a plain scalar its type by the core schema. Numbers JSON cannot carry become null, as in JavaScript.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let (sign, digits) = match text.as_bytes()[0] {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if matches!(digits, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Value::Null;
    }
    integer(sign, digits)
        .or_else(|| float(text, digits))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn integer(sign: i64, digits: &str) -> Option<Value> {
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if sign > 0 {
        return Some(magnitude.into());
    }
    0_i64.checked_sub_unsigned(magnitude).map(Value::from)
}

fn float(text: &str, digits: &str) -> Option<Value> {
    let mantissa = digits.split(['e', 'E']).next().unwrap_or(digits);
    let exponent = digits.get(mantissa.len() + 1..);
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_fits = match (whole, fraction) {
        ("", fraction) => mantissa.starts_with('.') && number(fraction),
        (whole, "") => number(whole),
        (whole, fraction) => number(whole) && number(fraction),
    };
    let exponent_fits =
        exponent.is_none_or(|part| number(part.strip_prefix(['-', '+']).unwrap_or(part)));
    if !mantissa_fits || !exponent_fits {
        return None;
    }
    let parsed = text.parse::<f64>().ok()?;
    Some(Number::from_f64(parsed).map_or(Value::Null, Value::Number))
}

#[cfg(test)]
mod tests;
