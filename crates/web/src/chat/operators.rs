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
        let divides = matches!(op, BinOpKind::Div | BinOpKind::FloorDiv | BinOpKind::Rem);
        if divides && right.as_float() == Some(0.0) {
            return Err(Stop::wrong("a division by zero"));
        }
        if let (Some(a), Some(b)) = (left.as_int(), right.as_int()) {
            let is_float = matches!(op, BinOpKind::Div) || (matches!(op, BinOpKind::Pow) && b < 0);
            if !is_float {
                return whole(op, a, b).map(V::Int).ok_or(Stop::wrong("a number too large"));
            }
        }
        let (a, b) = left.as_float().zip(right.as_float()).ok_or_else(wrong)?;
        Ok(V::Float(match op {
            BinOpKind::Add => a + b,
            BinOpKind::Sub => a - b,
            BinOpKind::Mul => a * b,
            BinOpKind::Div => a / b,
            BinOpKind::FloorDiv => (a / b).floor(),
            BinOpKind::Rem => a - b * (a / b).floor(),
            BinOpKind::Pow => a.powf(b),
            _ => return Err(wrong()),
        }))
    }
}

/// Whole numbers as Python has them: a quotient is rounded down, and a remainder has the sign of the divisor.
fn whole(op: BinOpKind, a: i64, b: i64) -> Option<i64> {
    let is_rounded = || Some(a.checked_rem(b)? != 0 && (a < 0) != (b < 0));
    match op {
        BinOpKind::Add => a.checked_add(b),
        BinOpKind::Sub => a.checked_sub(b),
        BinOpKind::Mul => a.checked_mul(b),
        BinOpKind::FloorDiv => Some(a.checked_div(b)? - i64::from(is_rounded()?)),
        BinOpKind::Rem => Some(a.checked_rem(b)? + if is_rounded()? { b } else { 0 }),
        BinOpKind::Pow => a.checked_pow(u32::try_from(b).ok()?),
        _ => None,
    }
}
