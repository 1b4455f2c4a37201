//! What operators make of values: comparisons, membership, logic and arithmetic.

use minijinja::machinery::ast::{self, BinOpKind, CompareOpKind};

use super::Stop;
use super::eval::Machine;
use super::value::V;

impl<'a> Machine<'a> {
    pub(super) fn comparison(&mut self, compare: &'a ast::Compare<'a>) -> Result<V, Stop> {
        let mut left = self.expression(&compare.expr)?;
        for step in &compare.ops {
            let right = self.expression(&step.expr)?;
            if !self.compare(step.op, &left, &right)? {
                return Ok(V::Bool(false));
            }
            left = right;
        }
        Ok(V::Bool(true))
    }

    pub(super) fn compare(&mut self, op: CompareOpKind, left: &V, right: &V) -> Result<bool, Stop> {
        use std::cmp::Ordering;
        match op {
            CompareOpKind::Eq => return left.equals(right, &mut self.budget),
            CompareOpKind::Ne => return left.equals(right, &mut self.budget).map(|is| !is),
            CompareOpKind::In => return self.contains(right, left),
            CompareOpKind::NotIn => return self.contains(right, left).map(|is| !is),
            _ => {}
        }
        let order = match (left, right) {
            (V::Str(a), V::Str(b)) => Some(a.cmp(b)),
            (a, b) => a.as_float().zip(b.as_float()).and_then(|(a, b)| a.partial_cmp(&b)),
        };
        let order = order.ok_or(Stop::wrong("a comparison of what has no order"))?;
        Ok(match op {
            CompareOpKind::Lt => order == Ordering::Less,
            CompareOpKind::Lte => order != Ordering::Greater,
            CompareOpKind::Gt => order == Ordering::Greater,
            _ => order != Ordering::Less,
        })
    }

    fn contains(&mut self, whole: &V, part: &V) -> Result<bool, Stop> {
        match (whole, part) {
            (V::Str(whole), V::Str(part)) => {
                self.budget.pay(whole.len() / 8)?;
                Ok(whole.contains(&**part))
            }
            (V::Map(pairs, _), V::Str(name)) => Ok(pairs.iter().any(|(key, _)| key == name)),
            (V::List(items, _), part) => {
                for item in items.iter() {
                    if item.equals(part, &mut self.budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (V::Undefined | V::None | V::Map(..), _) => Ok(false),
            _ => Err(Stop::wrong("`in` of what has no parts")),
        }
    }

    pub(super) fn operation(&mut self, operation: &'a ast::BinOp<'a>) -> Result<V, Stop> {
        let left = self.expression(&operation.left)?;
        match operation.op {
            BinOpKind::ScAnd if !left.is_true() => return Ok(left),
            BinOpKind::ScOr if left.is_true() => return Ok(left),
            _ => {}
        }
        let right = self.expression(&operation.right)?;
        let compared = match operation.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => return Ok(right),
            BinOpKind::Concat => {
                let text = left.to_text(&mut self.budget)? + &right.to_text(&mut self.budget)?;
                return V::text(&text, &mut self.budget);
            }
            BinOpKind::Eq => CompareOpKind::Eq,
            BinOpKind::Ne => CompareOpKind::Ne,
            BinOpKind::Lt => CompareOpKind::Lt,
            BinOpKind::Lte => CompareOpKind::Lte,
            BinOpKind::Gt => CompareOpKind::Gt,
            BinOpKind::Gte => CompareOpKind::Gte,
            BinOpKind::In => CompareOpKind::In,
            other => return self.arithmetic(other, &left, &right),
        };
        self.compare(compared, &left, &right).map(V::Bool)
    }

    fn arithmetic(&mut self, op: BinOpKind, left: &V, right: &V) -> Result<V, Stop> {
        let wrong = || Stop::wrong("arithmetic with what are no numbers");
        match (op, left, right) {
            (BinOpKind::Add, V::Str(a), V::Str(b)) => {
                self.budget.pay(a.len() + b.len())?;
                return V::text(&format!("{a}{b}"), &mut self.budget);
            }
            (BinOpKind::Add, V::List(a, _), V::List(b, _)) => {
                self.budget.pay((a.len() + b.len()) * 32)?;
                let items = a.iter().chain(b.iter()).cloned().collect();
                return V::list(items, &mut self.budget);
            }
            (BinOpKind::Mul, V::Str(text), V::Int(times)) => {
                let times = usize::try_from(*times).unwrap_or(0);
                self.budget.pay(text.len().saturating_mul(times))?;
                return V::text(&text.repeat(times), &mut self.budget);
            }
            _ => {}
        }
        if let (Some(a), Some(b)) = (left.as_int(), right.as_int()) {
            let whole = match op {
                BinOpKind::Add => a.checked_add(b),
                BinOpKind::Sub => a.checked_sub(b),
                BinOpKind::Mul => a.checked_mul(b),
                BinOpKind::FloorDiv => a.checked_div_euclid(b),
                BinOpKind::Rem => a.checked_rem_euclid(b),
                BinOpKind::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
                _ => None,
            };
            if !matches!(op, BinOpKind::Div) {
                return whole.map(V::Int).ok_or(Stop::wrong("a number too large"));
            }
        }
        let (a, b) = left.as_float().zip(right.as_float()).ok_or_else(wrong)?;
        Ok(V::Float(match op {
            BinOpKind::Add => a + b,
            BinOpKind::Sub => a - b,
            BinOpKind::Mul => a * b,
            BinOpKind::Div if b != 0.0 => a / b,
            BinOpKind::FloorDiv if b != 0.0 => (a / b).floor(),
            BinOpKind::Rem if b != 0.0 => a.rem_euclid(b),
            _ => return Err(wrong()),
        }))
    }
}
