//! `.eval_results/*.yaml`: the newer form, one list of results for each file.

use serde::Serialize;
use serde_json::{Value, json};

use super::hints::Hints;
use super::{
    EvalResult, Evaluations, FILE_BYTES_MAX, NOTES_BYTES_MAX, files_to_read, name, origin, source,
    text, value,
};
use crate::{values, yaml};

/// The metric of results that leave it to the benchmark.
const METRIC: &str = "score";
/// Most results of one file.
const ENTRIES_MAX: usize = 1000;

/// One item of the `evalResults` field of a model: a result, or why a file holds none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum HubEntry {
    /// A result, as the file writes it.
    Result {
        /// The file.
        filename: String,
        /// Whether the hub checked its proof.
        verified: bool,
        /// `{dataset: {id, task_id, revision?}, value, verifyToken?, date?, source?, notes?}`.
        data: Value,
    },
    /// A file that cannot be used; clients skip it with a warning.
    Error {
        /// The file.
        filename: String,
        /// What is wrong, in words.
        error: String,
    },
}

/// The `evalResults` field of a model, from its files of results; `verifies` says which proofs the hub accepts.
pub fn hub_entries(
    files: &[(&str, &[u8])],
    verifies: impl Fn(&EvalResult) -> bool,
) -> Vec<HubEntry> {
    let mut entries = Vec::new();
    for (path, bytes) in files_to_read(files) {
        let filename = || (*path).to_owned();
        let listed = match list(bytes) {
            Ok(listed) => listed,
            Err((_, error)) => {
                entries.push(HubEntry::Error { filename: filename(), error });
                continue;
            }
        };
        for (_, entry) in listed {
            entries.push(match read_entry(&entry, path, None) {
                Ok(result) => HubEntry::Result {
                    filename: filename(),
                    verified: result.verify_token.is_some() && verifies(&result),
                    data: data_of(&result, &entry),
                },
                Err(error) => HubEntry::Error { filename: filename(), error },
            });
        }
    }
    entries
}

/// The result in the form of the file, with nothing that does not belong there.
fn data_of(result: &EvalResult, entry: &Value) -> Value {
    let mut dataset = json!({"id": result.dataset, "task_id": result.config});
    if let Some(revision) = &result.dataset_revision {
        dataset["revision"] = json!(revision);
    }
    let mut data = json!({"dataset": dataset, "value": entry["value"]});
    let words =
        [("verifyToken", &result.verify_token), ("date", &result.date), ("notes", &result.notes)];
    for (key, word) in words {
        if let Some(word) = word {
            data[key] = json!(word);
        }
    }
    if result.source.url.is_some() {
        data["source"] = json!(result.source);
    }
    data
}

/// Reads one file.
pub(super) fn read(path: &str, bytes: &[u8], owner: Option<&str>, found: &mut Evaluations) {
    let listed = match list(bytes) {
        Ok(listed) => listed,
        Err((line, message)) => return found.problem(path, line, message),
    };
    for (line, entry) in listed {
        match read_entry(&entry, path, owner) {
            Ok(result) => found.push(result),
            Err(message) => found.problem(path, line, message),
        }
    }
}

type Listed = Vec<(Option<usize>, Value)>;

/// The entries of a file with their lines.
fn list(bytes: &[u8]) -> Result<Listed, (Option<usize>, String)> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err((None, format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        (Some(line), "is not UTF-8".to_owned())
    })?;
    let document = yaml::parse(text.strip_prefix('\u{feff}').unwrap_or(text))
        .map_err(|error| (Some(error.line), format!("invalid YAML: {}", error.message)))?;
    let Value::Array(items) = document.value else {
        return Err((Some(1), "must be a list of results".to_owned()));
    };
    if items.len() > ENTRIES_MAX {
        return Err((None, format!("holds more than {ENTRIES_MAX} results")));
    }
    let lines = document.item_lines.into_iter().map(Some).chain(std::iter::repeat(None));
    Ok(lines.zip(items).collect())
}

/// One result, or what is wrong with it.
fn read_entry(entry: &Value, path: &str, owner: Option<&str>) -> Result<EvalResult, String> {
    let entry = entry.as_object().ok_or("a result must be a mapping")?;
    let dataset =
        entry.get("dataset").and_then(Value::as_object).ok_or("\"dataset\" is required")?;
    let id = name(dataset, "id").ok_or("\"dataset.id\" is required")?;
    if !values::is_repo_id(&id) {
        return Err(format!(
            "\"dataset.id\" with value \"{id}\" is not the id of a dataset (namespace/name)"
        ));
    }
    let task_id = name(dataset, "task_id").ok_or("\"dataset.task_id\" is required")?;
    let value = entry.get("value").ok_or("\"value\" is required")?;
    let (number, value_text) = value::number(value).map_err(|rule| format!("\"value\" {rule}"))?;
    let source = source(entry.get("source"));
    if source.url.is_none()
        && (source.name.is_some() || source.user.is_some() || source.org.is_some())
    {
        return Err("\"source.url\" is required beside \"name\", \"user\" and \"org\"".to_owned());
    }
    let notes = text(entry, "notes", NOTES_BYTES_MAX);
    let hints = Hints {
        args: entry.get("args").and_then(Value::as_object),
        texts: notes.as_deref().into_iter().collect(),
        sources: [&source.name, &source.url]
            .into_iter()
            .filter_map(|text| text.as_deref())
            .collect(),
    };
    Ok(EvalResult {
        dataset: id,
        config: Some(task_id),
        dataset_revision: name(dataset, "revision"),
        metric: METRIC.to_owned(),
        shots: hints.shots(),
        prompt_format: hints.prompt_format(),
        harness: hints.harness(),
        value: number,
        value_text,
        origin: origin(&source, owner),
        date: name(entry, "date"),
        filename: path.to_owned(),
        verify_token: text(entry, "verifyToken", NOTES_BYTES_MAX),
        source,
        notes,
        ..EvalResult::default()
    })
}
