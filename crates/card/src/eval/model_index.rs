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
    let object = |value: Option<&'_ Value>| value.and_then(Value::as_object).cloned();
    let dataset = object(result.get("dataset")).unwrap_or_default();
    let Some(id) = name(&dataset, "type").or_else(|| name(&dataset, "name")) else {
        found.problem(FILE, None, format!("\"{path}.dataset\" names no dataset"));
        return;
    };
    let source = source(result.get("source"));
    let task = result.get("task").and_then(Value::as_object).unwrap_or(&empty);
    let common = EvalResult {
        dataset: id,
        dataset_name: name(&dataset, "name"),
        config: name(&dataset, "config"),
        split: name(&dataset, "split"),
        dataset_revision: name(&dataset, "revision"),
        task_type: name(task, "type"),
        origin: origin(&source, owner),
        source,
        filename: FILE.to_owned(),
        ..EvalResult::default()
    };
    let metrics = result.get("metrics").and_then(Value::as_array);
    for (at, metric) in metrics.into_iter().flatten().enumerate() {
        let path = format!("{path}.metrics[{at}]");
        match read_metric(metric, &dataset, &common) {
            Ok(result) => found.push(result),
            Err(rule) => found.problem(FILE, None, format!("\"{path}{rule}")),
        }
    }
}

/// One metric, or the end of the sentence that says what is wrong with it.
fn read_metric(
    metric: &Value,
    dataset: &Map<String, Value>,
    common: &EvalResult,
) -> Result<EvalResult, String> {
    let metric = metric.as_object().ok_or("\" must be of type object")?;
    let id = name(metric, "type").or_else(|| name(metric, "name")).ok_or(".type\" is required")?;
    let value = metric.get("value").ok_or(".value\" is required")?;
    let (number, value_text) = value::number(value).map_err(|rule| format!(".value\" {rule}"))?;
    let notes = text(metric, "notes", NOTES_BYTES_MAX);
    let args = [Some(metric), Some(dataset)].into_iter().flatten();
    let args = args.filter_map(|entries| entries.get("args")?.as_object()).collect();
    let metric_name = name(metric, "name");
    let texts = [&notes, &common.dataset_name, &metric_name, &common.config];
    let hints = Hints {
        args,
        texts: texts.into_iter().filter_map(|text| text.as_deref()).collect(),
        sources: [&common.source.name, &common.source.url]
            .into_iter()
            .filter_map(|text| text.as_deref())
            .collect(),
    };
    Ok(EvalResult {
        metric: id,
        shots: hints.shots(),
        prompt_format: hints.prompt_format(),
        harness: hints.harness(),
        value: number,
        value_text,
        verify_token: text(metric, "verifyToken", NOTES_BYTES_MAX),
        metric_name,
        notes,
        ..common.clone()
    })
}
