//! Carrying out a parsed template.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use minijinja::machinery::ast::{self, CallArg, Expr, Stmt, UnaryOpKind};
use steelyard_core::Timestamp;

use super::value::{Pairs, V};
use super::{Budget, Stop};

/// Macros that call each other, blocks and expressions inside each other; the thread's stack is made for so many.
const CALLS_MAX: usize = 400;

/// A macro: where its declaration stands among those that were met.
#[derive(Clone, Copy)]
pub(super) struct MacroDef(pub(super) usize);

/// What happens after a statement.
#[derive(PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

/// Arguments of a call.
#[derive(Default)]
pub(super) struct Args {
    pub(super) plain: Vec<V>,
    pub(super) named: Pairs,
}

impl Args {
    /// An argument by its place or its name.
    pub(super) fn get(&self, place: usize, name: &str) -> Option<&V> {
        let named =
            || self.named.iter().find(|(known, _)| **known == *name).map(|(_, value)| value);
        self.plain.get(place).or_else(named)
    }
}

/// What carries a template out.
pub(super) struct Machine<'a> {
    pub(super) budget: Budget,
    /// The innermost scope last; the first one holds what is given.
    scopes: Vec<HashMap<Rc<str>, V>>,
    pub(super) macros: Vec<&'a ast::Macro<'a>>,
    pub(super) out: String,
    pub(super) now: Option<Timestamp>,
    depth: usize,
}

const FUNCTIONS: &[&str] = &["raise_exception", "strftime_now", "namespace", "range", "dict"];

impl<'a> Machine<'a> {
    pub(super) fn new(budget: Budget, globals: Pairs, now: Option<Timestamp>) -> Self {
        let functions = FUNCTIONS.iter().map(|name| ((*name).into(), V::Function(name)));
        let scope = functions.chain(globals).collect();
        Self { budget, scopes: vec![scope], macros: Vec::new(), out: String::new(), now, depth: 0 }
    }

    pub(super) fn run(mut self, template: &'a [Stmt<'a>]) -> Result<String, Stop> {
        self.block(template)?;
        Ok(self.out)
    }

    fn emit(&mut self, text: &str) -> Result<(), Stop> {
        self.budget.pay(text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    pub(super) fn block(&mut self, body: &'a [Stmt<'a>]) -> Result<Flow, Stop> {
        for statement in body {
            let flow = self.statement(statement)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &'a Stmt<'a>) -> Result<Flow, Stop> {
        self.budget.step()?;
        match statement {
            Stmt::EmitRaw(raw) => self.emit(raw.raw)?,
            Stmt::EmitExpr(emit) => {
                let value = self.expression(&emit.expr)?;
                let text = value.to_text(&mut self.budget)?;
                self.out.push_str(&text);
            }
            Stmt::IfCond(cond) => {
                let is_true = self.expression(&cond.expr)?.is_true();
                let body = if is_true { &cond.true_body } else { &cond.false_body };
                return self.deeper(|machine| machine.block(body));
            }
            Stmt::ForLoop(each) => self.each(each)?,
            Stmt::Set(set) => {
                let value = self.expression(&set.expr)?;
                self.assign(&set.target, value)?;
            }
            Stmt::SetBlock(set) => {
                let text = self.captured(&set.body)?;
                let value = match &set.filter {
                    Some(filter) => self.filter_chain(filter, text)?,
                    None => text,
                };
                self.assign(&set.target, value)?;
            }
            Stmt::FilterBlock(block) => {
                let text = self.captured(&block.body)?;
                let text = self.filter_chain(&block.filter, text)?.to_text(&mut self.budget)?;
                self.out.push_str(&text);
            }
            Stmt::WithBlock(with) => {
                let mut values = Vec::new();
                for (_, value) in &with.assignments {
                    values.push(self.expression(value)?);
                }
                self.scopes.push(HashMap::new());
                for ((target, _), value) in with.assignments.iter().zip(values) {
                    self.assign(target, value)?;
                }
                let flow = self.deeper(|machine| machine.block(&with.body));
                self.scopes.pop();
                return flow;
            }
            Stmt::Macro(declared) => {
                self.macros.push(declared);
                let value = V::Macro(Rc::new(MacroDef(self.macros.len() - 1)));
                self.bind(declared.name, value);
            }
            Stmt::Do(done) => {
                self.call(&done.call)?;
            }
            Stmt::Break(_) => return Ok(Flow::Break),
            Stmt::Continue(_) => return Ok(Flow::Continue),
            _ => return Err(Stop::wrong("a tag that chat templates do not have here")),
        }
        Ok(Flow::Next)
    }

    /// What a block writes, as a text.
    pub(super) fn captured(&mut self, body: &'a [Stmt<'a>]) -> Result<V, Stop> {
        let before = std::mem::take(&mut self.out);
        let flow = self.deeper(|machine| machine.block(body));
        let text = std::mem::replace(&mut self.out, before);
        flow?;
        V::text(&text, &mut self.budget)
    }

    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        if self.depth == CALLS_MAX {
            return Err(Stop::Limit("depth"));
        }
        self.depth += 1;
        let done = work(self);
        self.depth -= 1;
        done
    }

    fn each(&mut self, each: &'a ast::ForLoop<'a>) -> Result<(), Stop> {
        if each.recursive {
            return Err(Stop::wrong("a recursive loop"));
        }
        let items = self.expression(&each.iter)?;
        let mut items = self.items(&items)?;
        if let Some(filter) = &each.filter_expr {
            let mut kept = Vec::new();
            for item in items {
                self.scopes.push(HashMap::new());
                self.assign(&each.target, item.clone())?;
                let is_kept = self.expression(filter)?.is_true();
                self.scopes.pop();
                if is_kept {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            return self.block(&each.else_body).map(|_| ());
        }
        let count = items.len();
        for place in 0..count {
            self.budget.step()?;
            self.scopes.push(HashMap::new());
            let facts = self.loop_facts(&items, place)?;
            self.bind("loop", facts);
            self.assign(&each.target, items[place].clone())?;
            let flow = self.deeper(|machine| machine.block(&each.body));
            self.scopes.pop();
            if flow? == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    fn loop_facts(&mut self, items: &[V], place: usize) -> Result<V, Stop> {
        let number = |number: usize| V::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let neighbour =
            |at: Option<usize>| at.and_then(|at| items.get(at)).cloned().unwrap_or(V::Undefined);
        let pairs: [(&str, V); 8] = [
            ("index", number(place + 1)),
            ("index0", number(place)),
            ("revindex", number(items.len() - place)),
            ("first", V::Bool(place == 0)),
            ("last", V::Bool(place + 1 == items.len())),
            ("length", number(items.len())),
            ("previtem", neighbour(place.checked_sub(1))),
            ("nextitem", neighbour(Some(place + 1))),
        ];
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value)).collect();
        V::map(pairs, &mut self.budget)
    }

    /// What a loop goes over.
    pub(super) fn items(&mut self, value: &V) -> Result<Vec<V>, Stop> {
        let items: Vec<V> = match value {
            V::List(items, _) => items.as_ref().clone(),
            V::Map(pairs, _) => pairs.iter().map(|(key, _)| V::Str(Rc::clone(key))).collect(),
            V::Str(text) => text.chars().map(|c| V::Str(c.to_string().into())).collect(),
            V::Undefined => Vec::new(),
            _ => return Err(Stop::wrong("a loop over what has no parts")),
        };
        self.budget.pay(items.len() * 32)?;
        Ok(items)
    }

    pub(super) fn bind(&mut self, name: &str, value: V) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.into(), value);
        }
    }

    fn assign(&mut self, target: &'a Expr<'a>, value: V) -> Result<(), Stop> {
        self.budget.pay(64)?;
        match target {
            Expr::Var(var) => self.bind(var.id, value),
            Expr::GetAttr(attr) => {
                let V::Space(pairs) = self.expression(&attr.expr)? else {
                    return Err(Stop::wrong("only a namespace can be changed"));
                };
                if matches!(value, V::Space(_)) {
                    return Err(Stop::wrong("a namespace in a namespace"));
                }
                let mut pairs = pairs.borrow_mut();
                match pairs.iter_mut().find(|(name, _)| **name == *attr.name) {
                    Some(pair) => pair.1 = value,
                    None => pairs.push((attr.name.into(), value)),
                }
            }
            Expr::List(list) => return self.unpack(&list.items, &value),
            Expr::Tuple(tuple) => return self.unpack(&tuple.items, &value),
            _ => return Err(Stop::wrong("this cannot be assigned to")),
        }
        Ok(())
    }

    fn unpack(&mut self, targets: &'a [Expr<'a>], value: &V) -> Result<(), Stop> {
        let values = self.items(value)?;
        if values.len() != targets.len() {
            return Err(Stop::wrong("as many names as values are needed"));
        }
        for (target, value) in targets.iter().zip(values) {
            self.assign(target, value)?;
        }
        Ok(())
    }

    pub(super) fn lookup(&self, name: &str) -> V {
        let found = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        found.cloned().unwrap_or(V::Undefined)
    }

    /// Work in a scope that sees only what is given and the macros, as macros do.
    pub(super) fn apart<T>(
        &mut self,
        scope: HashMap<Rc<str>, V>,
        work: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let global = self.scopes.first().cloned().unwrap_or_default();
        self.budget.pay(global.len() * 64)?;
        let before = std::mem::replace(&mut self.scopes, vec![global, scope]);
        let done = self.deeper(work);
        self.scopes = before;
        done
    }

    pub(super) fn expression(&mut self, expression: &'a Expr<'a>) -> Result<V, Stop> {
        self.budget.step()?;
        self.deeper(|machine| machine.evaluated(expression))
    }

    fn evaluated(&mut self, expression: &'a Expr<'a>) -> Result<V, Stop> {
        match expression {
            Expr::Var(var) => Ok(self.lookup(var.id)),
            Expr::Const(constant) => {
                let json = serde_json::to_value(&constant.value).unwrap_or_default();
                V::of_json(&json, &mut self.budget)
            }
            Expr::GetAttr(attr) => Ok(self.expression(&attr.expr)?.get(attr.name)),
            Expr::GetItem(item) => {
                let (value, key) =
                    (self.expression(&item.expr)?, self.expression(&item.subscript_expr)?);
                self.item(&value, &key)
            }
            Expr::Slice(slice) => self.slice(slice),
            Expr::UnaryOp(operation) => {
                let value = self.expression(&operation.expr)?;
                match (&operation.op, value) {
                    (UnaryOpKind::Not, value) => Ok(V::Bool(!value.is_true())),
                    (UnaryOpKind::Neg, V::Int(number)) => Ok(V::Int(number.wrapping_neg())),
                    (UnaryOpKind::Neg, V::Float(number)) => Ok(V::Float(-number)),
                    _ => Err(Stop::wrong("minus what is no number")),
                }
            }
            Expr::BinOp(operation) => self.operation(operation),
            Expr::Compare(compare) => self.comparison(compare),
            Expr::IfExpr(choice) => {
                match (self.expression(&choice.test_expr)?.is_true(), &choice.false_expr) {
                    (true, _) => self.expression(&choice.true_expr),
                    (false, Some(other)) => self.expression(other),
                    (false, None) => Ok(V::Undefined),
                }
            }
            Expr::Filter(filter) => self.filter(filter, None),
            Expr::Test(test) => self.test(test),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.listed(&list.items),
            Expr::Tuple(tuple) => self.listed(&tuple.items),
            Expr::Map(map) => {
                let mut pairs = Pairs::new();
                for (key, value) in map.keys.iter().zip(&map.values) {
                    let key = self.expression(key)?.to_text(&mut self.budget)?;
                    pairs.push((key.into(), self.expression(value)?));
                }
                V::map(pairs, &mut self.budget)
            }
        }
    }

    fn listed(&mut self, items: &'a [Expr<'a>]) -> Result<V, Stop> {
        let items: Result<Vec<V>, Stop> = items.iter().map(|item| self.expression(item)).collect();
        V::list(items?, &mut self.budget)
    }

    fn item(&mut self, value: &V, key: &V) -> Result<V, Stop> {
        if let Some(name) = key.as_str() {
            return Ok(value.get(name));
        }
        let Some(at) = key.as_int() else { return Ok(V::Undefined) };
        let place = |length: usize| {
            let at = if at < 0 { at.checked_add(i64::try_from(length).ok()?)? } else { at };
            usize::try_from(at).ok()
        };
        match value {
            V::List(items, _) => {
                let found = place(items.len()).and_then(|at| items.get(at));
                Ok(found.cloned().unwrap_or(V::Undefined))
            }
            V::Str(text) => {
                let found = place(text.chars().count()).and_then(|at| text.chars().nth(at));
                found.map_or(Ok(V::Undefined), |c| V::text(&c.to_string(), &mut self.budget))
            }
            _ => Ok(V::Undefined),
        }
    }

    fn slice(&mut self, slice: &'a ast::Slice<'a>) -> Result<V, Stop> {
        let value = self.expression(&slice.expr)?;
        let mut bound = |bound: &'a Option<Expr<'a>>| match bound {
            Some(bound) => self.expression(bound).map(|bound| bound.as_int()),
            None => Ok(None),
        };
        let (start, stop, step) = (bound(&slice.start)?, bound(&slice.stop)?, bound(&slice.step)?);
        let is_text = value.as_str().is_some();
        let items = self.items(&value)?;
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let clamp =
            |at: i64| (if at < 0 { at.saturating_add(length) } else { at }).clamp(0, length);
        let picked: Vec<V> = match step.unwrap_or(1) {
            step if step > 0 => {
                let range = clamp(start.unwrap_or(0))..clamp(stop.unwrap_or(length));
                range
                    .step_by(usize::try_from(step).unwrap_or(usize::MAX))
                    .filter_map(|at| items.get(usize::try_from(at).ok()?).cloned())
                    .collect()
            }
            -1 if start.is_none() && stop.is_none() => items.into_iter().rev().collect(),
            _ => return Err(Stop::wrong("a slice with that step")),
        };
        if is_text {
            let text: String = picked.iter().filter_map(V::as_str).collect();
            return V::text(&text, &mut self.budget);
        }
        V::list(picked, &mut self.budget)
    }

    pub(super) fn args(&mut self, args: &'a [CallArg<'a>]) -> Result<Args, Stop> {
        let mut found = Args::default();
        for arg in args {
            match arg {
                CallArg::Pos(value) => found.plain.push(self.expression(value)?),
                CallArg::Kwarg(name, value) => {
                    found.named.push(((*name).into(), self.expression(value)?));
                }
                _ => return Err(Stop::wrong("arguments with a star")),
            }
        }
        Ok(found)
    }

    pub(super) fn namespace(&mut self, args: Args) -> Result<V, Stop> {
        let mut pairs = args.named;
        if let Some(V::Map(given, _)) = args.plain.first() {
            pairs.extend(given.iter().cloned());
        }
        if pairs.iter().any(|(_, value)| matches!(value, V::Space(_))) {
            return Err(Stop::wrong("a namespace in a namespace"));
        }
        Ok(V::Space(Rc::new(RefCell::new(pairs))))
    }
}
