//! The shape of `model-index`, the older form of evaluation results.
//!
//! Required is what huggingface_hub's `model_index_to_eval_results` indexes without asking.

use serde_json::Value;

use super::Checker;

const KEY: &str = "model-index";

/// Checks `model-index`, if present.
pub(super) fn check(checker: &mut Checker<'_>) {
    let Some(value) = checker.value(KEY) else { return };
    let Some(models) = array(checker, value, KEY) else { return };
    for (at, model) in models.iter().enumerate() {
        let path = format!("{KEY}[{at}]");
        required(checker, model, &path, "name", |value| value.is_string(), "a string");
        let Some(results) = get(checker, model, &path, "results") else { continue };
        let path = format!("{path}.results");
        let Some(results) = array(checker, results, &path) else { continue };
        for (at, result) in results.iter().enumerate() {
            check_result(checker, result, &format!("{path}[{at}]"));
        }
    }
}

fn check_result(checker: &mut Checker<'_>, result: &Value, path: &str) {
    if let Some(task) = get(checker, result, path, "task") {
        let path = format!("{path}.task");
        required(checker, task, &path, "type", |value| value.is_string(), "a string");
    }
    if let Some(dataset) = get(checker, result, path, "dataset") {
        let path = format!("{path}.dataset");
        for key in ["type", "name"] {
            required(checker, dataset, &path, key, |value| value.is_string(), "a string");
        }
    }
    let Some(metrics) = get(checker, result, path, "metrics") else { return };
    let path = format!("{path}.metrics");
    let Some(metrics) = array(checker, metrics, &path) else { return };
    for (at, metric) in metrics.iter().enumerate() {
        let path = format!("{path}[{at}]");
        required(checker, metric, &path, "type", |value| value.is_string(), "a string");
        // Not a number is null here and still a value.
        if get(checker, metric, &path, "value").is_some_and(Value::is_null) {
            let path = format!("{path}.value");
            checker.warn(&path, format!("\"{path}\" is no number (blank, NaN or infinite)"));
        }
    }
}

/// The value under `key`, or an error that says what is missing.
fn get<'v>(
    checker: &mut Checker<'_>,
    object: &'v Value,
    path: &str,
    key: &str,
) -> Option<&'v Value> {
    let Some(entries) = object.as_object() else {
        // Several keys are asked of one object; the first question reports it.
        let message = format!("\"{path}\" must be of type object");
        if checker.errors.last().is_none_or(|finding| finding.message != message) {
            checker.error(path, message);
        }
        return None;
    };
    let found = entries.get(key);
    if found.is_none() {
        checker.error(&format!("{path}.{key}"), format!("\"{path}.{key}\" is required"));
    }
    found
}

fn required(
    checker: &mut Checker<'_>,
    object: &Value,
    path: &str,
    key: &str,
    fits: impl Fn(&Value) -> bool,
    what: &str,
) {
    if get(checker, object, path, key).is_some_and(|value| !fits(value)) {
        checker.error(&format!("{path}.{key}"), format!("\"{path}.{key}\" must be {what}"));
    }
}

fn array<'v>(checker: &mut Checker<'_>, value: &'v Value, path: &str) -> Option<&'v Vec<Value>> {
    let items = value.as_array();
    if items.is_none() {
        checker.error(path, format!("\"{path}\" must be an array"));
    }
    items
}
