//! Values of a template. Each is made through the [`Budget`], and none nests deeper than [`DEPTH_MAX`].

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Map, Number, Value as Json};

use super::eval::MacroDef;
use super::{Budget, Stop};

/// Lists and mappings inside each other.
const DEPTH_MAX: u8 = 24;
/// What an element of a list or a mapping costs beside its own bytes.
const ELEMENT_BYTES: usize = 48;

pub(super) type Pairs = Vec<(Rc<str>, V)>;

/// A value.
#[derive(Clone)]
pub(super) enum V {
    Undefined,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rc<str>),
    List(Rc<Vec<V>>, u8),
    Map(Rc<Pairs>, u8),
    /// `namespace()`: the one thing that can be changed. It is never part of another value.
    Space(Rc<RefCell<Pairs>>),
    Macro(Rc<MacroDef>),
    /// A function of the hub's.
    Function(&'static str),
}

impl V {
    pub(super) fn text(text: &str, budget: &mut Budget) -> Result<Self, Stop> {
        budget.pay(text.len())?;
        Ok(Self::Str(text.into()))
    }

    pub(super) fn list(items: Vec<Self>, budget: &mut Budget) -> Result<Self, Stop> {
        budget.pay(items.len() * ELEMENT_BYTES)?;
        let depth = deeper(items.iter())?;
        Ok(Self::List(Rc::new(items), depth))
    }

    pub(super) fn map(pairs: Pairs, budget: &mut Budget) -> Result<Self, Stop> {
        budget.pay(pairs.iter().map(|(key, _)| key.len() + ELEMENT_BYTES).sum())?;
        let depth = deeper(pairs.iter().map(|(_, value)| value))?;
        Ok(Self::Map(Rc::new(pairs), depth))
    }

    pub(super) fn of_json(json: &Json, budget: &mut Budget) -> Result<Self, Stop> {
        Ok(match json {
            Json::Null => Self::None,
            Json::Bool(flag) => Self::Bool(*flag),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Self::Int(whole),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::text(text, budget)?,
            Json::Array(items) => {
                let items: Result<Vec<Self>, Stop> =
                    items.iter().map(|item| Self::of_json(item, budget)).collect();
                Self::list(items?, budget)?
            }
            Json::Object(pairs) => {
                let mut found = Pairs::new();
                for (key, value) in pairs {
                    found.push((key.as_str().into(), Self::of_json(value, budget)?));
                }
                Self::map(found, budget)?
            }
        })
    }

    pub(super) fn to_json(&self) -> Result<Json, Stop> {
        Ok(match self {
            Self::Undefined => return Err(Stop::wrong("tojson of what is not defined")),
            Self::None => Json::Null,
            Self::Bool(flag) => (*flag).into(),
            Self::Int(number) => (*number).into(),
            Self::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
            Self::Str(text) => (**text).into(),
            Self::List(items, _) => {
                let items: Result<Vec<Json>, Stop> = items.iter().map(Self::to_json).collect();
                items?.into()
            }
            Self::Map(pairs, _) => {
                let mut found = Map::new();
                for (key, value) in pairs.iter() {
                    found.insert(key.to_string(), value.to_json()?);
                }
                found.into()
            }
            _ => return Err(Stop::wrong("tojson of what is no data")),
        })
    }

    /// How many bytes it takes to write it out. Parts may be shared, so this can be far more than it takes in memory; the
    /// count ends where no budget could pay for it.
    pub(super) fn written_bytes(&self, left: u64) -> u64 {
        match self {
            Self::Str(text) => text.len() as u64 + 2,
            Self::List(items, _) => add_up(items.iter(), left),
            Self::Map(pairs, _) => {
                let keys: u64 = pairs.iter().map(|(key, _)| key.len() as u64 + 6).sum();
                keys + add_up(pairs.iter().map(|(_, value)| value), left)
            }
            _ => 24,
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Undefined | Self::None => false,
            Self::Bool(flag) => *flag,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::List(items, _) => !items.is_empty(),
            Self::Map(pairs, _) => !pairs.is_empty(),
            Self::Space(_) | Self::Macro(_) | Self::Function(_) => true,
        }
    }

    /// The value under a name; what is not there is undefined.
    pub(super) fn get(&self, name: &str) -> Self {
        let find = |pairs: &Pairs| {
            pairs.iter().find(|(key, _)| **key == *name).map(|(_, value)| value.clone())
        };
        match self {
            Self::Map(pairs, _) => find(pairs),
            Self::Space(pairs) => find(&pairs.borrow()),
            _ => None,
        }
        .unwrap_or(Self::Undefined)
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(flag) => Some(i64::from(*flag)),
            _ => None,
        }
    }

    pub(super) fn as_float(&self) -> Option<f64> {
        if let Self::Float(number) = self { Some(*number) } else { self.as_int().map(|n| n as f64) }
    }

    /// As Python prints it.
    pub(super) fn to_text(&self, budget: &mut Budget) -> Result<String, Stop> {
        let bytes = self.written_bytes(budget.bytes);
        budget.pay(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        let mut out = String::new();
        match self {
            Self::Str(text) => out.push_str(text),
            other => other.repr_into(&mut out),
        }
        Ok(out)
    }

    fn repr_into(&self, out: &mut String) {
        match self {
            Self::Undefined => {}
            Self::None => out.push_str("None"),
            Self::Bool(flag) => out.push_str(if *flag { "True" } else { "False" }),
            Self::Int(number) => out.push_str(&number.to_string()),
            Self::Float(number) => out.push_str(&format!("{number:?}")),
            Self::Str(text) => {
                let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
                out.push(quote);
                for c in text.chars() {
                    match c {
                        '\n' => out.push_str("\\n"),
                        '\t' => out.push_str("\\t"),
                        '\\' => out.push_str("\\\\"),
                        c if c == quote => out.extend(['\\', c]),
                        c => out.push(c),
                    }
                }
                out.push(quote);
            }
            Self::List(items, _) => {
                out.push('[');
                for (number, item) in items.iter().enumerate() {
                    out.push_str(if number > 0 { ", " } else { "" });
                    item.repr_into(out);
                }
                out.push(']');
            }
            Self::Map(pairs, _) => {
                out.push('{');
                for (number, (key, value)) in pairs.iter().enumerate() {
                    out.push_str(if number > 0 { ", " } else { "" });
                    Self::Str(Rc::clone(key)).repr_into(out);
                    out.push_str(": ");
                    value.repr_into(out);
                }
                out.push('}');
            }
            Self::Space(_) => out.push_str("<namespace>"),
            Self::Macro(_) | Self::Function(_) => out.push_str("<function>"),
        }
    }

    pub(super) fn equals(&self, other: &Self, budget: &mut Budget) -> Result<bool, Stop> {
        budget.step()?;
        Ok(match (self, other) {
            (Self::Undefined, Self::Undefined) | (Self::None, Self::None) => true,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::List(a, _), Self::List(b, _)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    if !a.equals(b, budget)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Map(a, _), Self::Map(b, _)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (key, value) in a.iter() {
                    if !value.equals(&other.get(key), budget)? {
                        return Ok(false);
                    }
                }
                true
            }
            (a, b) => a.as_float().zip(b.as_float()).is_some_and(|(a, b)| a == b),
        })
    }
}

fn add_up<'v>(items: impl Iterator<Item = &'v V>, left: u64) -> u64 {
    let mut sum = 2_u64;
    for item in items {
        sum = sum.saturating_add(item.written_bytes(left)).saturating_add(2);
        if sum > left {
            break;
        }
    }
    sum
}

fn deeper<'v>(items: impl Iterator<Item = &'v V>) -> Result<u8, Stop> {
    let mut deepest = 0;
    for item in items {
        deepest = deepest.max(match item {
            V::List(_, depth) | V::Map(_, depth) => *depth,
            V::Space(_) | V::Macro(_) | V::Function(_) => {
                return Err(Stop::wrong("a list or a mapping of what is no data"));
            }
            _ => 0,
        });
    }
    if deepest >= DEPTH_MAX { Err(Stop::Limit("depth")) } else { Ok(deepest + 1) }
}
