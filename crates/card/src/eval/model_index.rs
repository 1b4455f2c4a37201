//! `model-index`: the older form, in the metadata of the card.

use serde_json::{Map, Value};

use super::hints::Hints;
use super::{EvalResult, Evaluations, NOTES_BYTES_MAX, name, origin, source, text, value};

const FILE: &str = "README.md";

/// Reads a `model-index`. What does not have its shape is a problem.
pub(super) fn read(index: &Value, owner: Option<&str>, found: &mut Evaluations) {
    let Some(models) = index.as_array() else {
        if !index.is_null() {
            found.problem(FILE, None, "\"model-index\" must be an array".to_owned());
        }
        return;
    };
    for (at, model) in models.iter().enumerate() {
        let results = model.get("results").and_then(Value::as_array);
        for (number, result) in results.into_iter().flatten().enumerate() {
            read_result(result, &format!("model-index[{at}].results[{number}]"), owner, found);
        }
    }
}

fn read_result(result: &Value, path: &str, owner: Option<&str>, found: &mut Evaluations) {
    let empty = Map::new();
    let part = |key: &str| result.get(key).and_then(Value::as_object).unwrap_or(&empty);
    let (dataset, task) = (part("dataset"), part("task"));
    let Some(id) = name(dataset, "type").or_else(|| name(dataset, "name")) else {
        found.problem(FILE, None, format!("\"{path}.dataset\" names no dataset"));
        return;
    };
    let source = source(result.get("source"));
    let (dataset_name, config) = (name(dataset, "name"), name(dataset, "config"));
    // What holds for all metrics is read once: cards of embedding models have thousands.
    let hints = Hints {
        args: dataset.get("args").and_then(Value::as_object),
        texts: [&dataset_name, &config].into_iter().filter_map(|text| text.as_deref()).collect(),
        sources: [&source.name, &source.url]
            .into_iter()
            .filter_map(|text| text.as_deref())
            .collect(),
    };
    let common = EvalResult {
        dataset: id,
        split: name(dataset, "split"),
        dataset_revision: name(dataset, "revision"),
        task_type: name(task, "type"),
        shots: hints.shots(),
        prompt_format: hints.prompt_format(),
        harness: hints.harness(),
        origin: origin(&source, owner),
        filename: FILE.to_owned(),
        dataset_name,
        config,
        source,
        ..EvalResult::default()
    };
    let metrics = result.get("metrics").and_then(Value::as_array);
    for (at, metric) in metrics.into_iter().flatten().enumerate() {
        match read_metric(metric, &common) {
            Ok(result) => found.push(result),
            Err(rule) => found.problem(FILE, None, format!("\"{path}.metrics[{at}]{rule}")),
        }
    }
}

/// One metric, or the end of the sentence that says what is wrong with it.
fn read_metric(metric: &Value, common: &EvalResult) -> Result<EvalResult, String> {
    let metric = metric.as_object().ok_or("\" must be of type object")?;
    let id = name(metric, "type").or_else(|| name(metric, "name")).ok_or(".type\" is required")?;
    let value = metric.get("value").ok_or(".value\" is required")?;
    let (number, value_text) = value::number(value).map_err(|rule| format!(".value\" {rule}"))?;
    let (metric_name, notes) = (name(metric, "name"), text(metric, "notes", NOTES_BYTES_MAX));
    // What the metric says of itself wins over what is said of all.
    let hints = Hints {
        args: metric.get("args").and_then(Value::as_object),
        texts: [&notes, &metric_name].into_iter().filter_map(|text| text.as_deref()).collect(),
        sources: Vec::new(),
    };
    Ok(EvalResult {
        metric: id,
        shots: hints.shots().or(common.shots),
        prompt_format: hints.prompt_format().or_else(|| common.prompt_format.clone()),
        harness: hints.harness().or_else(|| common.harness.clone()),
        value: number,
        value_text,
        verify_token: text(metric, "verifyToken", NOTES_BYTES_MAX),
        metric_name,
        notes,
        ..common.clone()
    })
}
