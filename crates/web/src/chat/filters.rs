//! Filters that chat templates use.

use std::rc::Rc;

use minijinja::machinery::ast;
use serde::Serialize as _;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::Stop;
use super::call::{items_of, short};
use super::eval::{Args, Machine};
use super::value::V;

impl<'a> Machine<'a> {
    /// Applies a filter to its own value, or to the one that a block gives it.
    pub(super) fn filter(
        &mut self,
        filter: &'a ast::Filter<'a>,
        given: Option<V>,
    ) -> Result<V, Stop> {
        let value = match (given, &filter.expr) {
            (Some(value), _) => value,
            (None, Some(value)) => self.expression(value)?,
            (None, None) => return Err(Stop::wrong("a filter without a value")),
        };
        let args = self.args(&filter.args)?;
        self.filtered(filter.name, &value, &args)
    }

    fn filtered(&mut self, name: &str, value: &V, args: &Args) -> Result<V, Stop> {
        match name {
            "trim" | "strip" | "upper" | "lower" | "capitalize" | "title" | "replace" | "split" => {
                let text = value.to_text(&mut self.budget)?;
                let text = V::text(&text, &mut self.budget)?;
                self.method(&text, if name == "trim" { "strip" } else { name }, args)
            }
            "string" | "safe" | "escape" | "e" | "forceescape" => {
                let text = value.to_text(&mut self.budget)?;
                V::text(&text, &mut self.budget)
            }
            "tojson" => self.write_json(value, args),
            "length" | "count" => self.length(value),
            "default" | "d" => {
                let or_false = args.get(1, "boolean").is_some_and(V::is_true);
                let is_missing = matches!(value, V::Undefined) || (or_false && !value.is_true());
                let other = args.get(0, "default_value").cloned();
                if !is_missing {
                    return Ok(value.clone());
                }
                other.map_or_else(|| V::text("", &mut self.budget), Ok)
            }
            "int" => {
                let read = |text: &str| text.trim().parse().ok();
                let number = value.as_int().or_else(|| value.as_str().and_then(read));
                Ok(V::Int(number.unwrap_or(0)))
            }
            "float" => {
                let read = |text: &str| text.trim().parse().ok();
                let number = value.as_float().or_else(|| value.as_str().and_then(read));
                Ok(V::Float(number.unwrap_or(0.0)))
            }
            "abs" => match value {
                V::Int(number) => Ok(V::Int(number.wrapping_abs())),
                _ => value
                    .as_float()
                    .map(|n| V::Float(n.abs()))
                    .ok_or(Stop::wrong("abs of what is no number")),
            },
            "indent" => self.indent(value, args),
            "dictsort" | "items" => match value {
                V::Map(pairs, _) => {
                    let mut pairs = pairs.as_ref().clone();
                    if name == "dictsort" {
                        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
                    }
                    items_of(self, &pairs)
                }
                _ => Err(Stop::wrong("the items of what is no mapping")),
            },
            _ => self.of_items(name, value, args),
        }
    }

    fn length(&mut self, value: &V) -> Result<V, Stop> {
        let length = match value {
            V::Str(text) => text.chars().count(),
            V::List(items, _) => items.len(),
            V::Map(pairs, _) => pairs.len(),
            V::Undefined => 0,
            _ => return Err(Stop::wrong("the length of what has none")),
        };
        Ok(V::Int(i64::try_from(length).unwrap_or(i64::MAX)))
    }

    /// Filters of what has parts.
    fn of_items(&mut self, name: &str, value: &V, args: &Args) -> Result<V, Stop> {
        let mut items = self.items(value)?;
        match name {
            "first" => return Ok(items.first().cloned().unwrap_or(V::Undefined)),
            "last" => return Ok(items.last().cloned().unwrap_or(V::Undefined)),
            "list" => {}
            "reverse" => items.reverse(),
            "join" => return self.join(&items, args),
            "map" => {
                let attribute = args.get(usize::MAX, "attribute").cloned();
                for item in &mut items {
                    self.budget.step()?;
                    *item = match (&attribute, args.plain.first()) {
                        (Some(name), _) => item.get(name.as_str().unwrap_or_default()),
                        (None, Some(filter)) => {
                            let rest = Args { plain: args.plain[1..].to_vec(), named: Vec::new() };
                            self.filtered(filter.as_str().unwrap_or_default(), item, &rest)?
                        }
                        (None, None) => return Err(Stop::wrong("map without what to map by")),
                    };
                }
            }
            "selectattr" | "rejectattr" | "select" | "reject" => {
                let of_attribute = name.ends_with("attr");
                let (attribute, rest) = match of_attribute {
                    true => (args.plain.first().and_then(V::as_str), args.plain.get(1..)),
                    false => (None, args.plain.get(..)),
                };
                let test = rest.and_then(|rest| rest.first()).and_then(V::as_str);
                let other = rest.and_then(|rest| rest.get(1));
                let mut kept = Vec::new();
                for item in items {
                    let tested = attribute.map_or_else(|| item.clone(), |name| item.get(name));
                    let is = match test {
                        Some(test) => self.tested(test, &tested, other)?,
                        None => tested.is_true(),
                    };
                    if is == name.starts_with("select") {
                        kept.push(item);
                    }
                }
                items = kept;
            }
            "unique" => {
                let mut kept: Vec<V> = Vec::new();
                for item in items {
                    let mut is_known = false;
                    for known in &kept {
                        is_known |= known.equals(&item, &mut self.budget)?;
                    }
                    if !is_known {
                        kept.push(item);
                    }
                }
                items = kept;
            }
            "sort" => {
                let mut texts: Vec<Rc<str>> = Vec::new();
                for item in &items {
                    texts.push(
                        item.as_str().ok_or(Stop::wrong("only texts are sorted here"))?.into(),
                    );
                }
                texts.sort();
                items = texts.into_iter().map(V::Str).collect();
            }
            _ => return Err(Stop::wrong(format!("a filter that is not known: {}", short(name)))),
        }
        V::list(items, &mut self.budget)
    }

    pub(super) fn join(&mut self, items: &[V], args: &Args) -> Result<V, Stop> {
        let between = args.get(0, "d").and_then(V::as_str).unwrap_or_default().to_owned();
        let attribute = args.get(1, "attribute").and_then(V::as_str).map(str::to_owned);
        let mut text = String::new();
        for (number, item) in items.iter().enumerate() {
            self.budget.pay(between.len())?;
            text.push_str(if number > 0 { &between } else { "" });
            let item = attribute.as_ref().map_or_else(|| item.clone(), |name| item.get(name));
            text.push_str(&item.to_text(&mut self.budget)?);
        }
        V::text(&text, &mut self.budget)
    }

    fn indent(&mut self, value: &V, args: &Args) -> Result<V, Stop> {
        let text = value.to_text(&mut self.budget)?;
        let width = args.get(0, "width").and_then(V::as_int).unwrap_or(4);
        let width = usize::try_from(width).ok().filter(|width| *width <= 64);
        let width = width.ok_or(Stop::Limit("width of an indent"))?;
        let with_first = args.get(1, "first").is_some_and(V::is_true);
        let blank = " ".repeat(width);
        let mut out = String::new();
        for (number, line) in text.split('\n').enumerate() {
            self.budget.pay(width + line.len())?;
            out.push_str(if number > 0 { "\n" } else { "" });
            if !line.is_empty() && (number > 0 || with_first) {
                out.push_str(&blank);
            }
            out.push_str(line);
        }
        V::text(&out, &mut self.budget)
    }

    /// As Python's `json.dumps` writes it, without escaping what is not ASCII.
    fn write_json(&mut self, value: &V, args: &Args) -> Result<V, Stop> {
        let indent = args.get(1, "indent").and_then(V::as_int);
        let indent = indent.map(|width| usize::try_from(width).unwrap_or(0).min(16));
        // Written with an indent, each part may take so much more.
        let bytes = value.written_bytes(u64::from(u32::MAX)).saturating_mul(2);
        self.budget.pay(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        let json = value.to_json()?;
        let mut out = Vec::new();
        let written = match indent {
            Some(width) => {
                let blank = " ".repeat(width);
                let formatter = PrettyFormatter::with_indent(blank.as_bytes());
                json.serialize(&mut Serializer::with_formatter(&mut out, formatter))
            }
            None => json.serialize(&mut Serializer::with_formatter(&mut out, Spaced)),
        };
        written.map_err(|_| Stop::wrong("tojson of what is no data"))?;
        V::text(&String::from_utf8_lossy(&out), &mut self.budget)
    }
}

/// JSON with a blank after each comma and colon.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}
