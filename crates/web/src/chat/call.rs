//! Functions, macros and tests.

use std::collections::HashMap;
use std::rc::Rc;

use minijinja::machinery::ast::{self, Expr};

use super::eval::{Args, Machine};
use super::value::{Pairs, V};
use super::{Stop, formatted};

/// Numbers of a range.
const RANGE_MAX: i64 = 10_000;

impl<'a> Machine<'a> {
    pub(super) fn call(&mut self, call: &'a ast::Call<'a>) -> Result<V, Stop> {
        if let Expr::GetAttr(attr) = &call.expr {
            let value = self.expression(&attr.expr)?;
            let own = value.get(attr.name);
            let args = self.args(&call.args)?;
            return match own {
                V::Macro(_) | V::Function(_) => self.invoke(&own, args),
                _ => self.method(&value, attr.name, &args),
            };
        }
        let called = self.expression(&call.expr)?;
        let args = self.args(&call.args)?;
        self.invoke(&called, args)
    }

    fn invoke(&mut self, called: &V, args: Args) -> Result<V, Stop> {
        match called {
            V::Macro(declared) => self.expand(self.macros[declared.0], &args),
            V::Function("raise_exception") => {
                let message = args.get(0, "message").cloned().unwrap_or(V::Undefined);
                Err(Stop::Raised(message.to_text(&mut self.budget)?.chars().take(500).collect()))
            }
            V::Function("strftime_now") => {
                let format = args.get(0, "format").and_then(V::as_str).unwrap_or_default();
                let text = formatted(self.now, format)?;
                V::text(&text, &mut self.budget)
            }
            V::Function("namespace") => self.namespace(args),
            V::Function("dict") => V::map(args.named, &mut self.budget),
            V::Function("range") => self.range(&args),
            _ => Err(Stop::wrong("a call of what is no function")),
        }
    }

    fn range(&mut self, args: &Args) -> Result<V, Stop> {
        let int = |place: usize| args.plain.get(place).map(V::as_int);
        let wrong = || Stop::wrong("range of what are no numbers");
        let (start, stop) = match (int(0), int(1)) {
            (Some(Some(stop)), None) => (0, stop),
            (Some(Some(start)), Some(Some(stop))) => (start, stop),
            _ => return Err(wrong()),
        };
        let step = match int(2) {
            None => 1,
            Some(step) => step.filter(|step| *step != 0).ok_or_else(wrong)?,
        };
        let count = (stop.saturating_sub(start)).checked_div(step).unwrap_or(0);
        if count > RANGE_MAX {
            return Err(Stop::Limit("length of a range"));
        }
        let (mut items, mut at) = (Vec::new(), start);
        while (step > 0 && at < stop) || (step < 0 && at > stop) {
            items.push(V::Int(at));
            at = at.saturating_add(step);
        }
        V::list(items, &mut self.budget)
    }

    /// What a macro writes.
    fn expand(&mut self, declared: &'a ast::Macro<'a>, args: &Args) -> Result<V, Stop> {
        let mut scope: HashMap<Rc<str>, V> = HashMap::new();
        let first_default = declared.args.len().saturating_sub(declared.defaults.len());
        for (place, name) in declared.args.iter().enumerate() {
            let Expr::Var(name) = name else { return Err(Stop::wrong("a macro's argument")) };
            let value = match args.get(place, name.id) {
                Some(value) => value.clone(),
                None => {
                    match place.checked_sub(first_default).and_then(|at| declared.defaults.get(at))
                    {
                        Some(default) => self.expression(default)?,
                        None => V::Undefined,
                    }
                }
            };
            scope.insert(name.id.into(), value);
        }
        // Macros may call each other, whatever scope they were declared in.
        for (number, known) in self.macros.iter().enumerate() {
            let value = V::Macro(Rc::new(super::eval::MacroDef(number)));
            scope.entry(known.name.into()).or_insert(value);
        }
        self.budget.pay(scope.len() * 64)?;
        self.apart(scope, |machine| machine.captured(&declared.body))
    }

    pub(super) fn test(&mut self, test: &'a ast::Test<'a>) -> Result<V, Stop> {
        let value = self.expression(&test.expr)?;
        let args = self.args(&test.args)?;
        self.tested(test.name, &value, args.plain.first()).map(V::Bool)
    }

    /// Whether a value is what a test's name says.
    pub(super) fn tested(
        &mut self,
        name: &str,
        value: &V,
        other: Option<&V>,
    ) -> Result<bool, Stop> {
        use minijinja::machinery::ast::CompareOpKind as Op;
        let op = match name {
            "equalto" | "eq" | "==" => Some(Op::Eq),
            "ne" | "!=" => Some(Op::Ne),
            "in" => Some(Op::In),
            "lt" | "lessthan" | "<" => Some(Op::Lt),
            "gt" | "greaterthan" | ">" => Some(Op::Gt),
            "le" | "<=" => Some(Op::Lte),
            "ge" | ">=" => Some(Op::Gte),
            _ => None,
        };
        if let Some(op) = op {
            let other = other.ok_or(Stop::wrong("a test without what it compares with"))?;
            return self.compare(op, value, other);
        }
        Ok(match name {
            "defined" => !matches!(value, V::Undefined),
            "undefined" => matches!(value, V::Undefined),
            "none" => matches!(value, V::None),
            "string" => matches!(value, V::Str(_)),
            "mapping" => matches!(value, V::Map(..) | V::Space(_)),
            "sequence" | "iterable" => matches!(value, V::List(..) | V::Map(..) | V::Str(_)),
            "number" => matches!(value, V::Int(_) | V::Float(_)),
            "integer" => matches!(value, V::Int(_)),
            "float" => matches!(value, V::Float(_)),
            "boolean" => matches!(value, V::Bool(_)),
            "true" => matches!(value, V::Bool(true)),
            "false" => matches!(value, V::Bool(false)),
            "callable" => matches!(value, V::Macro(_) | V::Function(_)),
            "odd" => value.as_int().is_some_and(|number| number % 2 != 0),
            "even" => value.as_int().is_some_and(|number| number % 2 == 0),
            "startingwith" | "endingwith" => {
                let parts = value.as_str().zip(other.and_then(V::as_str));
                let (whole, part) = parts.ok_or(Stop::wrong("a test of what is no text"))?;
                if name == "startingwith" { whole.starts_with(part) } else { whole.ends_with(part) }
            }
            _ => return Err(Stop::wrong(format!("a test that is not known: {}", short(name)))),
        })
    }

    /// `{% filter … %}` and `{% set x | … %}`: filters after each other, of which the first has no value of its own.
    pub(super) fn filter_chain(&mut self, chain: &'a Expr<'a>, text: V) -> Result<V, Stop> {
        let Expr::Filter(filter) = chain else { return Err(Stop::wrong("a block's filter")) };
        let text = match &filter.expr {
            Some(inner) => self.filter_chain(inner, text)?,
            None => text,
        };
        self.filter(filter, Some(text))
    }
}

/// A name as far as it is told.
pub(super) fn short(name: &str) -> String {
    name.chars().take(60).collect()
}

/// The pairs of a mapping as lists of two.
pub(super) fn items_of(machine: &mut Machine<'_>, pairs: &Pairs) -> Result<V, Stop> {
    let mut items = Vec::new();
    for (key, value) in pairs {
        items.push(V::list(vec![V::Str(Rc::clone(key)), value.clone()], &mut machine.budget)?);
    }
    V::list(items, &mut machine.budget)
}
