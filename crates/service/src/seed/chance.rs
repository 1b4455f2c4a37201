//! Chance that is the same in every run: each question about each repository has a sequence of its own, so that what is
//! drawn for one never depends on what was drawn before.

/// A sequence of random numbers (splitmix64; not for secrets).
#[derive(Debug, Clone)]
pub(super) struct Chance {
    state: u64,
}

impl Chance {
    /// The sequence for one question about one thing.
    pub(super) fn new(seed: u64, question: Question, index: u64) -> Self {
        let state = mixed(seed ^ mixed(question as u64 + 1)) ^ mixed(index);
        Self { state }
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.state)
    }

    /// At least 0, below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds")]
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True in this share of all cases.
    pub(super) fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// A number below `bound`, all equally often; 0 when the bound is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product is as even as 64 bits allow.
        u64::try_from((u128::from(self.next()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// One of a list, all equally often.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        let at = self.below(items.len() as u64);
        items[usize::try_from(at).unwrap_or(0)]
    }

    /// One of a list, as often as its weight says.
    pub(super) fn weighted<'a, T>(&mut self, items: &'a [(T, u32)]) -> &'a T {
        let total: u64 = items.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut left = self.below(total);
        for (item, weight) in items {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return item,
            }
        }
        &items[0].0
    }

    /// A rank below `count` by Zipf's law: rank k comes about 1 / (k + 1) ^ `exponent` as often as rank 0.
    pub(super) fn zipf(&mut self, count: u64, exponent: f64) -> u64 {
        let end = float(count) + 1.0;
        let unit = self.unit();
        let at = if (exponent - 1.0).abs() < 1e-9 {
            (unit * end.ln()).exp()
        } else {
            let power = 1.0 - exponent;
            (unit * (end.powf(power) - 1.0) + 1.0).powf(1.0 / power)
        };
        whole(at - 1.0).min(count.saturating_sub(1))
    }

    /// A number with a long tail: above x in x ^ -`exponent` of all cases.
    pub(super) fn tailed(&mut self, exponent: f64) -> f64 {
        (1.0 - self.unit()).powf(-1.0 / exponent)
    }
}

/// What is asked about a thing; each has its own sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Kind,
    Time,
    Owner,
    Lineage,
    Trait,
    Name,
    Body,
    Evals,
    Use,
    Account,
    Ids,
}

fn mixed(seed: u64) -> u64 {
    let mut mixed = seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The whole part of a number, 0 when it is negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, and is meant to"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

/// A count as a float.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_the_same_answer_every_time_and_no_other_question_has_it() {
        let draw = |seed, question, index| Chance::new(seed, question, index).next();
        assert_eq!(draw(1, Question::Kind, 7), draw(1, Question::Kind, 7));
        assert_ne!(draw(1, Question::Kind, 7), draw(1, Question::Owner, 7));
        assert_ne!(draw(1, Question::Kind, 7), draw(1, Question::Kind, 8));
        assert_ne!(draw(1, Question::Kind, 7), draw(2, Question::Kind, 7));
    }

    #[test]
    fn ranks_follow_zipf() {
        let mut chance = Chance::new(3, Question::Owner, 0);
        let mut counts = vec![0_u32; 1000];
        for _ in 0..200_000 {
            counts[usize::try_from(chance.zipf(1000, 1.0)).unwrap()] += 1;
        }
        // The continuous law gives rank k the share ln((k + 2) / (k + 1)) / ln(1001).
        for rank in [0_u32, 1, 9, 99] {
            let share = (f64::from(rank + 2) / f64::from(rank + 1)).ln() / 1001_f64.ln();
            let found = f64::from(counts[rank as usize]) / 200_000.0;
            assert!((found / share - 1.0).abs() < 0.15, "rank {rank}: {found} instead of {share}");
        }
        assert!((0..1000).all(|_| chance.zipf(10, 0.8) < 10 && chance.zipf(1, 1.0) == 0));
    }

    #[test]
    fn tails_are_as_long_as_they_should_be() {
        let mut chance = Chance::new(4, Question::Use, 0);
        let above = (0..100_000).filter(|_| chance.tailed(0.75) > 100.0).count();
        // 100 ^ -0.75 = 0.0316
        assert!((3000..3330).contains(&above), "{above}");
    }

    #[test]
    fn weights_are_kept() {
        let mut chance = Chance::new(5, Question::Kind, 0);
        let items = [("a", 70), ("b", 20), ("c", 10), ("never", 0)];
        let mut counts = [0_u32; 4];
        for _ in 0..10_000 {
            let drawn = *chance.weighted(&items);
            counts[items.iter().position(|(item, _)| *item == drawn).unwrap()] += 1;
        }
        assert!((6800..7200).contains(&counts[0]) && (1850..2150).contains(&counts[1]));
        assert!((880..1120).contains(&counts[2]) && counts[3] == 0);
    }
}
