//! The way a result was measured.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::EvalResult;

/// The way a result was measured: equal keys can be ranked together, others cannot. What the report does not tell
/// is `None`, and makes a key of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ComparisonKey {
    /// The dataset, in small letters.
    pub dataset: String,
    /// Its configuration, or the task of the benchmark.
    pub config: Option<String>,
    /// Its split.
    pub split: Option<String>,
    /// Its revision.
    pub revision: Option<String>,
    /// The metric, in small letters.
    pub metric: String,
    /// Examples shown before the question.
    pub shots: Option<u32>,
    /// How the prompt was put together.
    pub prompt_format: Option<String>,
    /// The program that measured, with its version.
    pub harness: Option<String>,
}

impl ComparisonKey {
    pub(super) fn of(result: &EvalResult) -> Self {
        let part =
            |part: &Option<String>| part.as_deref().map(normal).filter(|part| !part.is_empty());
        Self {
            dataset: normal(&result.dataset),
            config: part(&result.config),
            split: part(&result.split),
            revision: part(&result.dataset_revision),
            metric: metric(&result.metric),
            shots: result.shots,
            prompt_format: part(&result.prompt_format),
            harness: part(&result.harness),
        }
    }

    /// The parts that the report does not tell: two results of such a key may still differ in them.
    pub fn untold(&self) -> Vec<&'static str> {
        let parts = [
            ("config", self.config.is_none()),
            ("split", self.split.is_none()),
            ("revision", self.revision.is_none()),
            ("shots", self.shots.is_none()),
            ("prompt format", self.prompt_format.is_none()),
            ("harness", self.harness.is_none()),
        ];
        parts.into_iter().filter(|(_, untold)| *untold).map(|(part, _)| part).collect()
    }
}

impl fmt::Display for ComparisonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.metric, self.dataset)?;
        let parts =
            [("config", &self.config), ("split", &self.split), ("revision", &self.revision)];
        for (word, part) in parts {
            if let Some(part) = part {
                write!(f, ", {word} {part}")?;
            }
        }
        if let Some(shots) = self.shots {
            write!(f, ", {shots}-shot")?;
        }
        if let Some(format) = &self.prompt_format {
            write!(f, ", prompt {format}")?;
        }
        if let Some(harness) = &self.harness {
            write!(f, ", harness {harness}")?;
        }
        Ok(())
    }
}

/// Small letters, no blank space around.
pub(super) fn normal(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A metric by its usual id.
pub(super) fn metric(text: &str) -> String {
    let text = normal(text);
    match text.as_str() {
        "acc" => "accuracy".to_owned(),
        "em" | "exact match" | "exact-match" => "exact_match".to_owned(),
        _ => text,
    }
}

/// A name for people as one word: `F1 Macro` is `f1_macro`.
pub(super) fn slug(text: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '@');
    let words = text.split(|c: char| !is_word(c)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_lowercase()
}
