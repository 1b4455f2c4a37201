//! Results of evaluations: which slots reached which values, by data set and metric.
//!
//! **Percentages.** Metrics that by their definition lie between 0 and 1 are reported either way, 0.91 or 91. For these
//! ([`is_bounded`]) a value or a bound above 1 and up to 100 is taken as a percentage and divided by 100; so `>0.9` and
//! `>90` mean the same and find both. A value of exactly 1 is the whole, not one percent. All other metrics (`bleu`,
//! `rouge`, `wer`, `perplexity`, ...) are compared as they stand. Values are kept to seven digits, bounds are rounded
//! alike; what is not a finite number is left out.

use hashbrown::HashMap;

use crate::query::{Bounds, End};

/// Words in the name of a metric that say that it lies between 0 and 1.
const BOUNDED: [&str; 16] = [
    "accuracy",
    "acc",
    "f1",
    "precision",
    "recall",
    "em",
    "exact",
    "auc",
    "auroc",
    "mrr",
    "map",
    "ndcg",
    "iou",
    "pass",
    "specificity",
    "sensitivity",
];

/// True when values of the metric lie between 0 and 1 and are also reported as percentages.
pub fn is_bounded(metric: &str) -> bool {
    metric
        .split(|character: char| !character.is_ascii_alphanumeric())
        .any(|word| BOUNDED.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// The value by which results of that metric are compared.
pub fn normalize(metric: &str, value: f64) -> f64 {
    if is_bounded(metric) && value > 1.0 && value <= 100.0 { value / 100.0 } else { value }
}

fn rounded(metric: &str, value: f64) -> f64 {
    f64::from(normalize(metric, value) as f32)
}

/// Bounds as they are compared with kept values.
pub(crate) fn comparable(metric: &str, bounds: Bounds) -> Bounds {
    let end = |end: End| End { value: rounded(metric, end.value), ..end };
    Bounds { min: bounds.min.map(end), max: bounds.max.map(end) }
}

/// The word of a pair in [`crate::terms::Space::EVAL`].
pub(crate) fn word(dataset: &str, metric: &str) -> String {
    format!("{dataset}\n{metric}")
}

#[derive(Debug, Default)]
struct Column {
    /// Ascending; a slot with several results is there several times.
    slots: Vec<u32>,
    values: Vec<f32>,
}

/// Results by term.
#[derive(Debug, Default)]
pub(crate) struct Evals {
    columns: HashMap<u32, Column>,
}

impl Evals {
    /// Adds a result; false when its value is no number to compare.
    pub(crate) fn insert(&mut self, term: u32, slot: u32, metric: &str, value: f64) {
        if !value.is_finite() {
            return;
        }
        let column = self.columns.entry(term).or_default();
        let at = column.slots.partition_point(|other| *other <= slot);
        column.slots.insert(at, slot);
        column.values.insert(at, normalize(metric, value) as f32);
    }

    /// Removes all results of a slot.
    pub(crate) fn remove(&mut self, term: u32, slot: u32) {
        let Some(column) = self.columns.get_mut(&term) else { return };
        let from = column.slots.partition_point(|other| *other < slot);
        let to = column.slots.partition_point(|other| *other <= slot);
        column.slots.drain(from..to);
        column.values.drain(from..to);
        if column.slots.is_empty() {
            self.columns.remove(&term);
        }
    }

    /// The slots with any result within `bounds`, which [`comparable`] made; ascending.
    pub(crate) fn within(&self, term: u32, bounds: Bounds) -> Vec<u32> {
        let Some(column) = self.columns.get(&term) else { return Vec::new() };
        let mut slots: Vec<u32> = column
            .slots
            .iter()
            .zip(&column.values)
            .filter(|(_, value)| bounds.contains(f64::from(**value)))
            .map(|(slot, _)| *slot)
            .collect();
        slots.dedup();
        slots
    }

    pub(crate) fn settle(&mut self) {
        for column in self.columns.values_mut() {
            column.slots.shrink_to_fit();
            column.values.shrink_to_fit();
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let heap: usize =
            self.columns.values().map(|column| column.slots.capacity() * 8 + 32).sum();
        heap + self.columns.capacity() * (size_of::<Column>() + 5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(value: f64) -> Bounds {
        Bounds { min: Some(End { value, is_inclusive: false }), max: None }
    }

    #[test]
    fn percentages_and_fractions_are_one_scale_where_the_metric_is_bounded() {
        for (metric, bounded) in
            [("f1", true), ("f1_macro", true), ("exact_match", true), ("pass@1", true)]
                .into_iter()
                .chain([
                    ("acc_norm", true),
                    ("bleu", false),
                    ("wer", false),
                    ("perplexity", false),
                    ("remap", false),
                ])
        {
            assert_eq!(is_bounded(metric), bounded, "{metric}");
        }
        let mut evals = Evals::default();
        for (slot, value) in
            [(1, 0.91), (2, 91.5), (3, 0.9), (4, 90.0), (5, 1.0), (6, f64::NAN), (7, 12.0)]
        {
            evals.insert(0, slot, "f1", value);
            evals.insert(1, slot, "bleu", value);
        }
        for bounds in [over(0.9), over(90.0)] {
            assert_eq!(evals.within(0, comparable("f1", bounds)), [1, 2, 5]);
        }
        assert_eq!(evals.within(1, comparable("bleu", over(90.0))), [2]);
        evals.remove(0, 2);
        evals.insert(0, 1, "f1", 0.95);
        assert_eq!(evals.within(0, comparable("f1", over(0.9))), [1, 5]);
    }
}
