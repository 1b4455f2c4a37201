//! Changes of the metadata that would mend something, each as a patch that touches no other line.

use serde_json::{Map, Value};
use steelyard_core::RepoKind;

use super::{Fix, KnownId, ReportInput};
use crate::facts::Facts;
use crate::{license, patch, values, vocab};

/// Most fixes of one report.
const FIXES_MAX: usize = 30;

/// One change before it is made into a patch.
struct Change {
    id: String,
    title: String,
    why: String,
    key: &'static str,
    value: Value,
    also: Map<String, Value>,
}

impl Change {
    fn new(key: &'static str, value: Value, title: String, why: String) -> Self {
        Self { id: key.to_owned(), title, why, key, value, also: Map::new() }
    }
}

/// Finds what would mend the card. A README whose metadata cannot be read is left alone.
pub(super) fn find(input: &ReportInput<'_>, readme: &str) -> Vec<Fix> {
    if input.facts.card_problem.is_some() {
        return Vec::new();
    }
    let is_model = matches!(input.kind, RepoKind::Model | RepoKind::Kernel);
    let facts = input.facts;
    let mut changes = Vec::new();
    if is_model {
        changes.extend(pipeline_tag(facts));
        changes.extend(library_name(facts));
        changes.extend(base_model(facts));
    }
    changes.extend(license_id(facts).or_else(|| license_of_base(input)));
    changes.extend(language(facts));
    changes.extend(unknown_ids(facts, &input.known.ids));
    changes.truncate(FIXES_MAX);
    changes.into_iter().filter_map(|change| fix(change, readme)).collect()
}

/// Makes the patch; a change that the form of the metadata does not allow is no fix.
fn fix(change: Change, readme: &str) -> Option<Fix> {
    let mut new = patch::set(readme, change.key, &change.value).ok()?;
    for (key, value) in &change.also {
        new = patch::set(&new, key, value).ok()?;
    }
    let patch = patch::unified_diff(readme, &new, "README.md");
    let Change { id, title, why, key, value, also } = change;
    (!patch.is_empty()).then(|| Fix { id, title, why, key: key.to_owned(), value, also, patch })
}

fn declared<'a>(facts: &'a Facts, key: &str) -> Option<&'a Value> {
    facts.card_data.as_ref()?.get(key).filter(|value| !value.is_null())
}

fn pipeline_tag(facts: &Facts) -> Option<Change> {
    let (task, why) = match declared(facts, "pipeline_tag").and_then(values::word) {
        Some(word) if vocab::find_pipeline_tag(&word).is_some() => return None,
        Some(word) => {
            let task = vocab::find_task_synonym(&word.to_lowercase().replace([' ', '_'], "-"))?;
            (task.to_owned(), format!("{word} is no task of the list; {task} is its name there."))
        }
        None => {
            let evidence = facts.task_evidence.as_deref().unwrap_or("the files tell it");
            let why = format!("Without it the task is only guessed ({evidence}).");
            (facts.pipeline_tag.clone()?, why)
        }
    };
    let title = format!("Declare the task {task}");
    Some(Change::new("pipeline_tag", Value::from(task), title, why))
}

fn library_name(facts: &Facts) -> Option<Change> {
    if declared(facts, "library_name").is_some() {
        return None;
    }
    let library = facts.library_name.clone()?;
    let title = format!("Declare the library {library}");
    let why =
        "It decides which code is offered to use the model, and which downloads count.".to_owned();
    Some(Change::new("library_name", Value::from(library), title, why))
}

/// An adapter's configuration names the model it was trained on.
fn base_model(facts: &Facts) -> Option<Change> {
    if declared(facts, "base_model").is_some() {
        return None;
    }
    let base = facts.config.as_ref()?.get("peft")?.get("base_model_name_or_path")?.as_str()?;
    if !base.contains('/') || !values::is_repo_id(base) {
        return None;
    }
    let title = format!("Name the base model {base}");
    let why = "adapter_config.json says that the adapter was made for it; without the key nobody finds the one from the other.";
    Some(Change::new("base_model", Value::from(base), title, why.to_owned()))
}

/// The id of a licence whose name was written instead.
fn license_id(facts: &Facts) -> Option<Change> {
    let written = declared(facts, "license").and_then(values::word)?;
    if vocab::find_license(&written).is_some() {
        return None;
    }
    let terms = license::find_terms(Some(&written), None)?;
    let title = format!("Write the licence as {}", terms.id);
    let why = format!("{written} is no licence of the list; {} ({}) is.", terms.id, terms.title);
    Some(declare(terms.id, (!terms.listed).then_some(terms.id), title, why))
}

/// The licence that keeps what the ancestors ask for.
fn license_of_base(input: &ReportInput<'_>) -> Option<Change> {
    let lineage = input.known.lineage.as_ref()?;
    let suggestion = lineage.suggestion.as_ref()?;
    let found = lineage.conflicts.iter().find(|found| found.suggestion.is_some());
    let why = found.map_or(&suggestion.because, |found| &found.because).clone();
    let name = suggestion.license_name.as_deref();
    let shown = name.unwrap_or(&suggestion.license);
    if suggestion.license == "other" && name.is_none() {
        // Only the author can write the terms together.
        return None;
    }
    let id = if name.is_some() { shown } else { suggestion.license.as_str() };
    Some(declare(id, name, format!("Declare the licence {shown}"), why))
}

/// Sets `license`, and `license_name` where the licence has no id of its own.
fn declare(id: &str, name: Option<&str>, title: String, why: String) -> Change {
    let value = if name.is_some() { "other" } else { id };
    let mut change = Change::new("license", Value::from(value), title, why);
    if let Some(name) = name {
        change.also.insert("license_name".to_owned(), Value::from(name));
    }
    change
}

/// The codes of languages whose names were written instead.
fn language(facts: &Facts) -> Option<Change> {
    let written = declared(facts, "language")?;
    let words = values::words(written);
    let mut renamed = Vec::new();
    let codes: Vec<String> = words
        .iter()
        .map(|word| match vocab::find_language(word) {
            Some(_) => word.clone(),
            None => match vocab::find_language_by_name(word) {
                Some(language) => {
                    renamed.push(format!("{word} is {}", language.code));
                    language.code.to_owned()
                }
                None => word.clone(),
            },
        })
        .collect();
    if renamed.is_empty() || written.is_object() {
        return None;
    }
    let value = match written {
        Value::Array(_) => Value::from(codes),
        _ => Value::from(codes.join(" ")),
    };
    let why = format!("Filters look for codes: {}.", renamed.join(", "));
    Some(Change::new("language", value, "Write languages by their codes".to_owned(), why))
}

/// Ids that are not here, where one that looks like them is.
fn unknown_ids(facts: &Facts, ids: &[KnownId]) -> Vec<Change> {
    let mut changes = Vec::new();
    for known in ids.iter().filter(|known| !known.exists) {
        let keys = ["base_model", "datasets", "new_version", "models"];
        let Some(key) = keys.into_iter().find(|key| *key == known.key) else { continue };
        let (Some(written), Some(nearest)) = (declared(facts, key), known.nearest.first()) else {
            continue;
        };
        let value = match written {
            Value::Array(items) => {
                let put = |item: &Value| match values::word(item) {
                    Some(word) if word == known.id => Value::from(nearest.as_str()),
                    _ => item.clone(),
                };
                Value::Array(items.iter().map(put).collect())
            }
            Value::String(word) if word.trim() == known.id => Value::from(nearest.as_str()),
            _ => continue,
        };
        let title = format!("Write {nearest} for {}", known.id);
        let others = match known.nearest.get(1..) {
            Some(others) if !others.is_empty() => {
                format!(" Or did you mean {}?", others.join(", "))
            }
            _ => String::new(),
        };
        let why = format!("{} is not on this hub. Did you mean {nearest}?{others}", known.id);
        let mut change = Change::new(key, value, title, why);
        change.id = format!("{key}:{}", known.id);
        changes.push(change);
    }
    changes
}
