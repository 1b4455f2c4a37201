//! What a dataset measures: the `eval.yaml` at its root.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{values, vocab, yaml};

/// Largest `eval.yaml` that is read, in bytes.
const BYTES_MAX: usize = 256 * 1024;
/// Most tasks of one benchmark.
const TASKS_MAX: usize = 1000;
/// Longest description that is taken over, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 8 * 1024;

/// What a benchmark says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Benchmark {
    /// Its name.
    pub name: String,
    /// What it measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What runs it, one of the known frameworks.
    pub evaluation_framework: String,
    /// Its tasks; results name one of them as `task_id`.
    pub tasks: Vec<BenchmarkTask>,
}

/// One task of a benchmark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchmarkTask {
    /// Its id, as results name it.
    pub id: String,
    /// The configuration of the dataset it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// The split it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
}

/// Reads `eval.yaml`, or says in words why it is none.
pub(super) fn read(bytes: &[u8]) -> Result<Benchmark, String> {
    if bytes.len() > BYTES_MAX {
        return Err(format!("eval.yaml is larger than {BYTES_MAX} bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "eval.yaml is not UTF-8".to_owned())?;
    let document = yaml::parse(text)
        .map_err(|error| format!("eval.yaml, line {}: {}", error.line, error.message))?;
    let at = |key: &str| match document.key_lines.get(key) {
        Some(line) => format!("eval.yaml, line {line}"),
        None => "eval.yaml".to_owned(),
    };
    let Value::Object(data) = document.value else {
        return Err("eval.yaml must be a mapping of keys to values".to_owned());
    };
    let name = text_of(&data, "name").ok_or(format!("{}: \"name\" is required", at("name")))?;
    let key = "evaluation_framework";
    let framework = text_of(&data, key).ok_or(format!("{}: \"{key}\" is required", at(key)))?;
    if !vocab::evaluation_frameworks().iter().any(|known| known.id == framework) {
        let ids: Vec<&str> = vocab::evaluation_frameworks().iter().map(|known| known.id).collect();
        return Err(format!("{}: \"{key}\" must be one of [{}]", at(key), ids.join(", ")));
    }
    let listed = data.get("tasks").and_then(Value::as_array);
    let listed = listed.ok_or(format!("{}: \"tasks\" must be a list", at("tasks")))?;
    if listed.is_empty() || listed.len() > TASKS_MAX {
        return Err(format!("{}: \"tasks\" must hold 1 to {TASKS_MAX} tasks", at("tasks")));
    }
    let (mut tasks, mut ids) = (Vec::with_capacity(listed.len()), HashSet::new());
    for (index, task) in listed.iter().enumerate() {
        let task =
            task_of(task).ok_or(format!("{}: \"tasks[{index}].id\" is required", at("tasks")))?;
        if !ids.insert(task.id.clone()) {
            return Err(format!("{}: the task \"{}\" comes twice", at("tasks"), task.id));
        }
        tasks.push(task);
    }
    let mut description = text_of(&data, "description");
    if let Some(text) = &mut description {
        text.truncate(text.floor_char_boundary(DESCRIPTION_BYTES_MAX));
    }
    Ok(Benchmark { name, description, evaluation_framework: framework, tasks })
}

fn task_of(task: &Value) -> Option<BenchmarkTask> {
    let entries = task.as_object()?;
    Some(BenchmarkTask {
        id: text_of(entries, "id")?,
        config: text_of(entries, "config"),
        split: text_of(entries, "split"),
    })
}

fn text_of(entries: &Map<String, Value>, key: &str) -> Option<String> {
    entries.get(key).and_then(values::word).filter(|text| text.len() <= 2 * DESCRIPTION_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_benchmark() {
        let text = "name: GPQA\ndescription: Hard questions.\nevaluation_framework: inspect-ai\ntasks:\n\
                    - id: gpqa_diamond\n  config: gpqa_diamond\n  split: train\n  scorers: [x]\n- id: extended\n";
        let benchmark = read(text.as_bytes()).unwrap();
        assert_eq!(
            (benchmark.name.as_str(), benchmark.evaluation_framework.as_str()),
            ("GPQA", "inspect-ai")
        );
        let ids: Vec<&str> = benchmark.tasks.iter().map(|task| task.id.as_str()).collect();
        assert_eq!(ids, ["gpqa_diamond", "extended"]);
        assert_eq!(benchmark.tasks[0].split.as_deref(), Some("train"));
        assert_eq!(benchmark.tasks[1].config, None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let cases = [
            (
                "name: x\nevaluation_framework: vibes\ntasks: [{id: a}]\n",
                "eval.yaml, line 2: \"evaluation_framework\" must be one of [exgentic, inspect-ai,",
            ),
            ("evaluation_framework: mteb\ntasks: [{id: a}]\n", "eval.yaml: \"name\" is required"),
            (
                "name: x\nevaluation_framework: mteb\ntasks: [{config: a}]\n",
                "eval.yaml, line 3: \"tasks[0].id\" is required",
            ),
            (
                "name: x\nevaluation_framework: mteb\ntasks: [{id: a}, {id: a}]\n",
                "eval.yaml, line 3: the task \"a\" comes twice",
            ),
            (
                "name: x\nevaluation_framework: mteb\ntasks: []\n",
                "eval.yaml, line 3: \"tasks\" must hold",
            ),
            ("name: [\n", "eval.yaml, line 1: "),
            ("- x\n", "eval.yaml must be a mapping"),
        ];
        for (text, expected) in cases {
            let problem = read(text.as_bytes()).expect_err(text);
            assert!(problem.starts_with(expected), "{text:?}: {problem}");
        }
        assert_eq!(read(b"name: \xff").unwrap_err(), "eval.yaml is not UTF-8");
    }
}
