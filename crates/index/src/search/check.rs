//! What no set tells, so that it is looked at slot by slot.

use std::ops::Range;

use crate::names::Pattern;
use crate::query::{Bounds, Number};
use crate::search::set::Set;
use crate::slots::{Column, Slots};

/// What is looked at.
#[derive(Debug)]
pub(super) enum Test {
    Number(Number, Range<u64>),
    CreatedSince(i64),
    Name(Box<Pattern>),
    /// In the set, or every pattern is in the id.
    Words(Set, Vec<Pattern>),
    /// In the set, or in one of the sets that come with checks of their own.
    Any(Set, Vec<(Set, Vec<Check>)>),
}

impl Test {
    pub(super) fn number(number: Number, bounds: Bounds) -> Self {
        Self::Number(number, whole_numbers(bounds))
    }
}

/// A test and whether it must fail.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) test: Test,
    pub(super) is_negated: bool,
}

impl Check {
    pub(super) fn holds(&self, slots: &Slots, slot: u32) -> bool {
        let holds = match &self.test {
            Test::Number(number, range) => range.contains(&slots.column(*number).get(slot)),
            Test::CreatedSince(since) => slots.created[slot as usize] >= *since,
            Test::Name(pattern) => pattern.is_in(slots.id_bytes(slot)),
            Test::Words(set, patterns) => {
                set.contains(slot)
                    || patterns.iter().all(|pattern| pattern.is_in(slots.id_bytes(slot)))
            }
            Test::Any(set, others) => {
                set.contains(slot)
                    || others.iter().any(|(set, checks)| {
                        set.contains(slot) && checks.iter().all(|check| check.holds(slots, slot))
                    })
            }
        };
        holds != self.is_negated
    }

    /// How long a look takes beside that of others.
    pub(super) fn cost(&self) -> u8 {
        match &self.test {
            Test::Number(..) | Test::CreatedSince(_) => 0,
            Test::Any(..) => 1,
            Test::Name(_) | Test::Words(..) => 2,
        }
    }

    fn narrow(&self, set: &mut Set, slots: &Slots) {
        let Test::Number(number, range) = &self.test else {
            return set.retain(|slot| self.holds(slots, slot));
        };
        // A loop for each width: large results are looked through for a size more often than for anything else.
        let not = self.is_negated;
        match slots.column(*number) {
            Column::Wide(values) => {
                set.retain(|slot| range.contains(&values[slot as usize]) != not);
            }
            narrow @ Column::Narrow(_) => {
                set.retain(|slot| range.contains(&narrow.get(slot)) != not);
            }
        }
    }
}

/// Makes all checks, each where those before it hold.
pub(super) fn narrow(set: &mut Set, checks: &mut Vec<Check>, slots: &Slots) {
    checks.drain(..).for_each(|check| check.narrow(set, slots));
}

/// The numbers that lie within bounds; never the greatest, which stands for one that is not known.
fn whole_numbers(bounds: Bounds) -> Range<u64> {
    let from = first(|number| Bounds { max: None, ..bounds }.contains(number as f64));
    let to = first(|number| !Bounds { min: None, ..bounds }.contains(number as f64));
    from..to
}

/// The first number for which `holds`, which holds for all after it.
fn first(holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, u64::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::End;

    const VALUES: [f64; 9] =
        [f64::NEG_INFINITY, -1.0, 0.0, 0.5, 1.0, 7.0, 1e16, f64::INFINITY, f64::NAN];

    fn ends() -> impl Iterator<Item = Option<End>> {
        let end = |value| [false, true].map(|is_inclusive| Some(End { value, is_inclusive }));
        VALUES.into_iter().flat_map(end).chain([None])
    }

    #[test]
    fn whole_numbers_are_those_within_the_bounds() {
        // Beyond 2^53 several whole numbers are the same number of the bounds.
        let near = |number: u64| (number - 3)..(number + 4);
        let numbers: Vec<u64> =
            (0..10).chain(near(10_u64.pow(16))).chain((u64::MAX - 3)..u64::MAX).collect();
        for (min, max) in ends().flat_map(|min| ends().map(move |max| (min, max))) {
            let bounds = Bounds { min, max };
            let range = whole_numbers(bounds);
            for number in &numbers {
                let is_within = bounds.contains(*number as f64);
                assert_eq!(range.contains(number), is_within, "{number} in {bounds:?}");
            }
            assert!(!range.contains(&u64::MAX), "what is not known is in no bounds");
        }
    }
}
