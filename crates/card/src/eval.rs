//! Results of evaluations, as model repositories report them.
//!
//! There are two forms: `model-index` in the card, and files `.eval_results/*.yaml`. Both become one type,
//! [`EvalResult`]. What cannot be read is listed as an [`EvalProblem`] and costs only itself: a result that is no
//! finite number, an entry without a dataset, a file that is no YAML.
//!
//! Numbers are comparable only when they were measured the same way; [`ComparisonKey`] says which way that was.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod file;
mod hints;
mod key;
mod model_index;
mod value;

pub use file::{HubEntry, hub_entries};
pub use key::ComparisonKey;

/// The folder whose YAML files hold results.
pub const FOLDER: &str = ".eval_results/";
/// Largest file of results that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Most files of results that are read.
pub const FILES_MAX: usize = 200;
/// Most bytes of all files of results together.
const TOTAL_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most results of one repository.
const RESULTS_MAX: usize = 5000;
/// Most problems that are listed.
const PROBLEMS_MAX: usize = 100;
/// Longest name, and longest note, that is taken over, in bytes.
const NAME_BYTES_MAX: usize = 512;
const NOTES_BYTES_MAX: usize = 4096;

/// Who stands behind a result.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Origin {
    /// The repository's own word.
    #[default]
    #[serde(rename = "self")]
    SelfReported,
    /// The hub checked the proof that came with it.
    #[serde(rename = "verified")]
    Verified,
    /// The repository names somebody else as the source.
    #[serde(rename = "third-party")]
    ThirdParty,
}

impl Origin {
    /// The word in records and replies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SelfReported => "self",
            Self::Verified => "verified",
            Self::ThirdParty => "third-party",
        }
    }
}

/// Who or what a result comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvalSource {
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it can be looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The user who measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The organisation that measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
}

/// One result of an evaluation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvalResult {
    /// The dataset's id, or what the card calls it.
    pub dataset: String,
    /// The dataset's name for people.
    pub dataset_name: Option<String>,
    /// The configuration of the dataset, or the task of the benchmark.
    pub config: Option<String>,
    /// The split of the dataset.
    pub split: Option<String>,
    /// The revision of the dataset.
    pub dataset_revision: Option<String>,
    /// The task (`text-classification`).
    pub task_type: Option<String>,
    /// The metric's id; `score` where the benchmark has but one.
    pub metric: String,
    /// The metric's name for people.
    pub metric_name: Option<String>,
    /// How many examples were shown before the question.
    pub shots: Option<u32>,
    /// How the prompt was put together (`chat`, `chat+cot`, `tools`), as far as it is told.
    pub prompt_format: Option<String>,
    /// The program that measured, with its version where it is told.
    pub harness: Option<String>,
    /// The value as it was reported; always finite.
    pub value: f64,
    /// The value as it is written.
    pub value_text: String,
    /// Who stands behind it.
    pub origin: Origin,
    /// Who or what it comes from.
    pub source: EvalSource,
    /// When it was measured.
    pub date: Option<String>,
    /// What there is to say about it.
    pub notes: Option<String>,
    /// The file that says so.
    pub filename: String,
    /// What is said to prove it. Only the hub can tell what it is worth.
    pub verify_token: Option<String>,
}

impl EvalResult {
    /// The way it was measured: only results of equal keys can be ranked together.
    pub fn key(&self) -> ComparisonKey {
        ComparisonKey::of(self)
    }

    /// Every name by which people ask for the dataset, in small letters: `nyu-mll/glue`, `glue`, `mnli`, `glue/mnli`.
    pub fn dataset_words(&self) -> Vec<String> {
        let id = key::normal(&self.dataset);
        let name = id.rsplit('/').next().unwrap_or_default().to_owned();
        let config = self.config.as_deref().map(key::normal);
        let config = config.filter(|config| config != "default" && config != "all");
        let shown = self.dataset_name.as_deref().map(key::slug).unwrap_or_default();
        let written = self.dataset_name.as_deref().map(key::normal).unwrap_or_default();
        let mut words = vec![id, name.clone()];
        if let Some(config) = config {
            words.push(format!("{name}/{config}"));
            words.push(config);
        }
        words.extend([shown, written]);
        unique(words)
    }

    /// Every name by which people ask for the metric, in small letters.
    pub fn metric_words(&self) -> Vec<String> {
        let shown = self.metric_name.as_deref().map(key::slug).unwrap_or_default();
        let written = self.metric_name.as_deref().map(key::normal).unwrap_or_default();
        unique(vec![key::normal(&self.metric), key::metric(&self.metric), shown, written])
    }
}

fn unique(words: Vec<String>) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for word in words {
        if !word.is_empty() && !list.contains(&word) {
            list.push(word);
        }
    }
    list
}

/// Something among the results that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvalProblem {
    /// The file it is in.
    pub filename: String,
    /// The line to look at, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What is wrong, in words.
    pub message: String,
}

/// What a repository reports.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluations {
    /// The results, those of the card first.
    pub results: Vec<EvalResult>,
    /// What could not be used.
    pub problems: Vec<EvalProblem>,
}

impl Evaluations {
    /// Marks the results whose proof the hub accepts. A card's own `verified: true` is only a claim.
    pub fn verify(&mut self, accepts: impl Fn(&EvalResult) -> bool) {
        for result in &mut self.results {
            if result.verify_token.is_some() && accepts(result) {
                result.origin = Origin::Verified;
            }
        }
    }

    fn push(&mut self, result: EvalResult) {
        if self.results.len() < RESULTS_MAX {
            self.results.push(result);
            return;
        }
        let message = format!("only {RESULTS_MAX} results are read");
        if self.problems.last().is_none_or(|last| last.message != message) {
            self.problem(&result.filename, None, message);
        }
    }

    fn problem(&mut self, filename: &str, line: Option<usize>, message: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(EvalProblem { filename: filename.to_owned(), line, message });
        }
    }
}

/// What a model repository reports.
#[derive(Debug, Clone, Copy, Default)]
pub struct EvalInput<'a> {
    /// The metadata of the card, as in [`crate::Facts::card_data`].
    pub card_data: Option<&'a Value>,
    /// Paths and bytes of the files of results; see [`is_eval_file`].
    pub files: &'a [(&'a str, &'a [u8])],
    /// The namespace of the repository, to tell its own word from that of others.
    pub owner: Option<&'a str>,
}

/// Whether a path is a file of results.
pub fn is_eval_file(path: &str) -> bool {
    path.strip_prefix(FOLDER).is_some_and(|name| {
        !name.contains('/') && (name.ends_with(".yaml") || name.ends_with(".yml"))
    })
}

/// Reads all results of a repository.
pub fn collect(input: EvalInput<'_>) -> Evaluations {
    let mut found = Evaluations::default();
    if let Some(index) = input.card_data.and_then(|data| data.get("model-index")) {
        model_index::read(index, input.owner, &mut found);
    }
    let read = files_to_read(input.files);
    for (path, bytes) in read {
        file::read(path, bytes, input.owner, &mut found);
    }
    if let Some((path, _)) = input.files.get(read.len()) {
        let rule =
            format!("only {FILES_MAX} files of results, and {TOTAL_BYTES_MAX} bytes, are read");
        found.problem(path, None, rule);
    }
    found
}

/// The first files, as many as the limits allow.
fn files_to_read<'f, 'a>(files: &'f [(&'a str, &'a [u8])]) -> &'f [(&'a str, &'a [u8])] {
    let mut left = TOTAL_BYTES_MAX;
    let fits = files.iter().take(FILES_MAX).take_while(|(_, bytes)| {
        let rest = left.checked_sub(bytes.len());
        left = rest.unwrap_or(0);
        rest.is_some()
    });
    &files[..fits.count()]
}

/// A source is a third party unless its name, or the address' first part, is the owner's.
fn origin(source: &EvalSource, owner: Option<&str>) -> Origin {
    let is_owner = |name: &str| owner.is_some_and(|owner| owner.eq_ignore_ascii_case(name));
    if let Some(name) = source.org.as_deref().or(source.user.as_deref()) {
        return if is_owner(name) { Origin::SelfReported } else { Origin::ThirdParty };
    }
    let Some(url) = &source.url else { return Origin::SelfReported };
    let path = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let parts = path.split(['/', '?', '#']).skip(1);
    let mut parts = parts.filter(|part| !matches!(*part, "" | "spaces" | "datasets" | "models"));
    match parts.next() {
        Some(name) if !is_owner(name) => Origin::ThirdParty,
        _ => Origin::SelfReported,
    }
}

fn text(entries: &Map<String, Value>, key: &str, limit: usize) -> Option<String> {
    let mut text = entries.get(key).and_then(crate::values::word)?;
    text.truncate(text.floor_char_boundary(limit));
    Some(text)
}

fn name(entries: &Map<String, Value>, key: &str) -> Option<String> {
    text(entries, key, NAME_BYTES_MAX)
}

fn source(value: Option<&Value>) -> EvalSource {
    let Some(entries) = value.and_then(Value::as_object) else { return EvalSource::default() };
    EvalSource {
        name: name(entries, "name"),
        url: name(entries, "url"),
        user: name(entries, "user"),
        org: name(entries, "org"),
    }
}

#[cfg(test)]
mod tests;
