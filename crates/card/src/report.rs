//! What can be said of a card: which sections are written, which signs of care there are, and what would mend it.
//!
//! Three things are kept apart. *Sections* say what is there; their weights (`data/card_sections.csv`) make a score
//! that serves to rank and is shown with its parts. *Signals* are answers to single questions, each with its
//! evidence and never added up. *Fixes* change one key of the metadata and no other byte. The report is computed from
//! the repository's own text and from what the caller knows of the hub around it ([`Known`]).

use serde::Serialize;
use serde_json::{Map, Value};
use steelyard_core::RepoKind;

use crate::facts::Facts;
use crate::front_matter;
use crate::license::LineageReport;

mod fixes;
mod markdown;
mod sections;
mod signals;

pub use sections::{Section, SectionState};

use markdown::Document;

/// Most pieces of evidence for one signal.
const EVIDENCE_MAX: usize = 20;

/// What a report is made from.
#[derive(Debug, Clone, Copy)]
pub struct ReportInput<'a> {
    /// The kind of repository.
    pub kind: RepoKind,
    /// The text of `README.md`.
    pub readme: Option<&'a str>,
    /// What was derived from its files.
    pub facts: &'a Facts,
    /// The paths of all files.
    pub files: &'a [&'a str],
    /// What the caller knows besides.
    pub known: &'a Known,
}

/// What the hub around a repository knows. Everything may be left out; what is left out counts as unknown.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The ids in its metadata, looked up.
    pub ids: Vec<KnownId>,
    /// The licences of its lineage, compared.
    pub lineage: Option<LineageReport>,
    /// When the card was last changed, in milliseconds since 1970.
    pub card_changed_ms: Option<i64>,
    /// When the weights were last changed, in milliseconds since 1970.
    pub weights_changed_ms: Option<i64>,
    /// The evaluation results on record, from `model-index` and `.eval_results`. `None`: read from the card alone.
    pub eval_results: Option<EvalCounts>,
    /// How many Spaces use it.
    pub linked_spaces: Option<usize>,
    /// Whether its commits are signed.
    pub signed_commits: Option<bool>,
    /// What is wrong with files of weights whose headers cannot be read.
    pub weight_faults: Vec<String>,
}

/// One id of the metadata, looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownId {
    /// The key that names it: `base_model`, `datasets`, `new_version`, `models`.
    pub key: String,
    /// The id.
    pub id: String,
    /// Whether it is here and may be seen.
    pub exists: bool,
    /// Ids that are here and look like it, the most alike first.
    pub nearest: Vec<String>,
}

/// How many evaluation results say how they were come by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EvalCounts {
    /// All results.
    pub total: usize,
    /// Those that name dataset, configuration and split.
    pub with_config: usize,
    /// Those that name who or what measured: a harness, a source, a log.
    pub with_harness: usize,
}

/// The answer to the question a signal asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SignalState {
    /// Yes.
    Yes,
    /// No.
    No,
    /// There is not enough to tell.
    Unknown,
    /// The question does not arise.
    NotApplicable,
}

/// A reason for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// In words.
    pub text: String,
    /// The line of the README.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// One sign of care, with the reasons for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Signal {
    /// Its id.
    pub id: &'static str,
    /// The question.
    pub title: &'static str,
    /// The answer.
    pub state: SignalState,
    /// The reasons.
    pub evidence: Vec<Evidence>,
}

/// A change of the metadata that would mend something.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    /// Its id, the same as long as the card is the same.
    pub id: String,
    /// What it does.
    pub title: String,
    /// Why.
    pub why: String,
    /// The key that is set.
    pub key: String,
    /// Its new value.
    pub value: Value,
    /// Further keys that must be set with it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub also: Map<String, Value>,
    /// The change of `README.md` as a unified diff.
    pub patch: String,
}

/// What can be said of a card.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardReport {
    /// The share of the sections that are written, by weight, from 0 to 100. It serves to rank: look at the parts.
    pub score: u8,
    /// The parts of the score.
    pub sections: Vec<Section>,
    /// The signs of care.
    pub signals: Vec<Signal>,
    /// What would mend it.
    pub fixes: Vec<Fix>,
    /// Why the metadata cannot be read, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Makes the report of a card.
pub fn report(input: ReportInput<'_>) -> CardReport {
    let readme = input.readme.unwrap_or("");
    let document = document(readme);
    let sections = sections::find(input.kind, &document, input.facts);
    CardReport {
        score: sections::score(&sections),
        signals: signals::find(&input, &document, &sections),
        fixes: fixes::find(&input, readme),
        problem: input.facts.card_problem.clone(),
        sections,
    }
}

/// How complete a card is, from 0 to 100; cheap enough to be asked for each commit.
pub fn score(kind: RepoKind, readme: &str, facts: &Facts) -> u8 {
    sections::score(&sections::find(kind, &document(readme), facts))
}

/// The Markdown of a README, its lines counted from the top.
fn document(readme: &str) -> Document<'_> {
    let body = front_matter::body(readme);
    let before = &readme[..readme.len() - body.len()];
    Document::read(body, 1 + before.matches('\n').count())
}

#[cfg(test)]
mod tests;
