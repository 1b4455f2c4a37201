//! Measured figures and how they are shown.

use anyhow::Result;
use serde_json::json;

/// What a median is held against.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// One thing that was measured several times.
#[derive(Debug)]
pub(super) struct Figure {
    what: String,
    unit: &'static str,
    goal: Option<Goal>,
    samples: Vec<f64>,
}

impl Figure {
    pub(super) fn new(what: impl Into<String>, unit: &'static str) -> Self {
        Self { what: what.into(), unit, goal: None, samples: Vec::new() }
    }

    pub(super) fn at_least(mut self, goal: f64) -> Self {
        self.goal = Some(Goal::AtLeast(goal));
        self
    }

    pub(super) fn at_most(mut self, goal: f64) -> Self {
        self.goal = Some(Goal::AtMost(goal));
        self
    }

    pub(super) fn push(&mut self, sample: f64) {
        self.samples.push(sample);
    }

    fn median(&self) -> f64 {
        median(&self.samples)
    }

    /// The goal in words, and whether it is met.
    fn verdict(&self) -> Option<(String, bool)> {
        let median = self.median();
        Some(match self.goal? {
            Goal::AtLeast(goal) => (format!(">= {}", number(goal)), median >= goal),
            Goal::AtMost(goal) => (format!("<= {}", number(goal)), median <= goal),
        })
    }
}

/// The middle of the samples; not a number when there are none.
pub(super) fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// The sample below which this part of all samples lies.
pub(super) fn quantile(samples: &[f64], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    if part == 0.5 && !sorted.is_empty() && sorted.len().is_multiple_of(2) {
        return f64::midpoint(sorted[sorted.len() / 2 - 1], sorted[sorted.len() / 2]);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into the samples"
    )]
    let index = (sorted.len() as f64 * part) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 1000.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Prints all figures as a table of Markdown, or as JSON.
pub(super) fn print(machine: &str, figures: &[(&str, Figure)], as_json: bool) -> Result<()> {
    let text = if as_json { json_text(machine, figures)? } else { table(machine, figures) };
    use std::io::Write as _;
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

fn table(machine: &str, figures: &[(&str, Figure)]) -> String {
    let mut text = format!(
        "{machine}\n\n| row | what | goal | median | min .. max | met |\n|---|---|---|---|---|---|\n"
    );
    for (row, figure) in figures {
        let min = figure.samples.iter().copied().fold(f64::INFINITY, f64::min);
        let max = figure.samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (goal, met) = match figure.verdict() {
            Some((goal, met)) => (goal, if met { "yes" } else { "**no**" }),
            None => (String::new(), ""),
        };
        let (what, unit, median) = (&figure.what, figure.unit, number(figure.median()));
        let spread = format!("{} .. {}", number(min), number(max));
        text.push_str(&format!(
            "| {row} | {what} | {goal} | {median} {unit} | {spread} | {met} |\n"
        ));
    }
    text
}

fn json_text(machine: &str, figures: &[(&str, Figure)]) -> Result<String> {
    let figures: Vec<_> = figures
        .iter()
        .map(|(row, figure)| {
            let verdict = figure.verdict();
            json!({
                "row": row, "what": figure.what, "unit": figure.unit, "samples": figure.samples,
                "median": figure.median(), "goal": verdict.as_ref().map(|(goal, _)| goal),
                "met": verdict.map(|(_, met)| met),
            })
        })
        .collect();
    Ok(serde_json::to_string_pretty(&json!({"machine": machine, "figures": figures}))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_lie_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!((quantile(&(0..100).map(f64::from).collect::<Vec<_>>(), 0.99) - 99.0).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_goal_is_met_or_missed_in_the_table() {
        let mut fast = Figure::new("ratio", "x").at_least(20.0);
        fast.push(25.0);
        let mut slow = Figure::new("time", "ms").at_most(10.0);
        slow.push(12.0);
        let text = table("m", &[("a", fast), ("b", slow)]);
        assert!(text.contains("| a | ratio | >= 20.0 | 25.0 x | 25.0 .. 25.0 | yes |"), "{text}");
        assert!(
            text.contains("| b | time | <= 10.0 | 12.0 ms | 12.0 .. 12.0 | **no** |"),
            "{text}"
        );
    }
}
