use serde_json::json;

use super::*;
use crate::front_matter::Card;

fn of_card(yaml: &str) -> Evaluations {
    let readme = format!("---\n{yaml}\n---\n");
    let data = Value::Object(Card::parse(&readme).unwrap().data);
    collect(EvalInput { card_data: Some(&data), owner: Some("acme"), ..EvalInput::default() })
}

fn of_file(text: &str) -> Evaluations {
    let files = [(".eval_results/x.yaml", text.as_bytes())];
    collect(EvalInput { files: &files, owner: Some("acme"), ..EvalInput::default() })
}

/// The example of the lesson: three numbers of one benchmark that cannot be compared.
const MMLU: &str = "model-index:
- name: m
  results:
  - task: {type: text-generation}
    dataset: {type: cais/mmlu, name: MMLU, config: all, split: test, args: {num_few_shot: 5}}
    metrics:
    - {type: acc, value: 75.0}
  - task: {type: text-generation}
    dataset: {type: cais/mmlu, name: MMLU, config: all, split: test, args: {num_few_shot: 0}}
    metrics:
    - {type: acc, value: 68.0}
  - task: {type: text-generation}
    dataset: {type: cais/mmlu, name: MMLU, config: all, split: test, args: {num_few_shot: 5}}
    metrics:
    - {type: acc, value: 72.0, args: {apply_chat_template: true}, verified: true, verifyToken: t}
    source: {name: Open LLM Leaderboard, url: 'https://huggingface.co/spaces/HuggingFaceH4/open_llm_leaderboard'}";

#[test]
fn numbers_measured_differently_have_different_keys() {
    let found = of_card(MMLU);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let mut keys: Vec<String> =
        found.results.iter().map(|result| result.key().to_string()).collect();
    assert_eq!(
        keys,
        [
            "accuracy on cais/mmlu, config all, split test, 5-shot",
            "accuracy on cais/mmlu, config all, split test, 0-shot",
            "accuracy on cais/mmlu, config all, split test, 5-shot, prompt chat, harness open-llm-leaderboard",
        ]
    );
    keys.dedup();
    assert_eq!(keys.len(), 3);
    assert_eq!(found.results[0].key().untold(), ["revision", "prompt format", "harness"]);
    let first = &found.results[0];
    assert_eq!(first.dataset_words(), ["cais/mmlu", "mmlu"]);
    assert_eq!(first.metric_words(), ["acc", "accuracy"]);
}

#[test]
fn a_claim_of_proof_is_a_claim() {
    let mut found = of_card(MMLU);
    let origins =
        |found: &Evaluations| found.results.iter().map(|result| result.origin).collect::<Vec<_>>();
    assert_eq!(origins(&found), [Origin::SelfReported, Origin::SelfReported, Origin::ThirdParty]);
    found.verify(|result| result.verify_token.as_deref() == Some("other"));
    assert_eq!(origins(&found)[2], Origin::ThirdParty);
    found.verify(|_| true);
    assert_eq!(origins(&found), [Origin::SelfReported, Origin::SelfReported, Origin::Verified]);
}

#[test]
fn a_card_of_a_classifier() {
    let found = of_card(
        "model-index:\n- name: x\n  results:\n  - task: {type: text-classification, name: T}\n    dataset: {type: glue, name: GLUE MNLI, config: mnli, split: validation_matched, revision: abc}\n    metrics:\n    - {type: f1, name: F1 Macro, value: '91.2%'}\n    - {type: loss, value: .nan}\n    - {type: rouge, value: {rouge1: 1}}\n    - {value: 3}\n    - {type: huge, value: 1e300}\n  - metrics: [{type: f1, value: 1}]\n  - 7",
    );
    assert_eq!(found.results.len(), 1);
    let result = &found.results[0];
    assert_eq!((result.value, result.value_text.as_str()), (91.2, "91.2%"));
    assert_eq!(result.dataset_words(), ["glue", "glue/mnli", "mnli", "glue_mnli", "glue mnli"]);
    assert_eq!(result.metric_words(), ["f1", "f1_macro", "f1 macro"]);
    assert_eq!(result.task_type.as_deref(), Some("text-classification"));
    let messages: Vec<&str> =
        found.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "\"model-index[0].results[0].metrics[1].value\" is no number (blank, NaN or infinite)",
            "\"model-index[0].results[0].metrics[2].value\" is not one number",
            "\"model-index[0].results[0].metrics[3].type\" is required",
            "\"model-index[0].results[0].metrics[4].value\" is too large to be a measurement, or no number",
            "\"model-index[0].results[1].dataset\" names no dataset",
            "\"model-index[0].results[2].dataset\" names no dataset",
        ]
    );
}

#[test]
fn a_metric_knows_better_than_its_dataset() {
    let found = of_card(
        "model-index:\n- name: x\n  results:\n  - dataset: {type: d, name: D (5-shot), args: {num_few_shot: 3}}\n    metrics:\n    - {type: a, value: 1}\n    - {type: a, value: 2, args: {num_few_shot: 8, harness: lm_eval}}\n    - {type: a, value: 3, notes: 'zero-shot, HELM v1.2'}",
    );
    let keys: Vec<String> = found.results.iter().map(|result| result.key().to_string()).collect();
    assert_eq!(
        keys,
        [
            "a on d, 3-shot",
            "a on d, 8-shot, harness lm-evaluation-harness",
            "a on d, 0-shot, harness helm 1.2"
        ]
    );
}

#[test]
fn files_of_results() {
    let found = of_file(
        "- dataset:\n    id: Idavidrein/gpqa\n    task_id: gpqa_diamond\n    revision: 55fe\n  value: 0.412\n  date: '2025-01-15'\n  notes: 5-shot, no-tools, lm-eval v0.4.8\n  source: {url: 'https://huggingface.co/datasets/cais/hle', name: CAIS, org: cais}\n- dataset: {id: cais/hle, task_id: default}\n  value: 20.90\n",
    );
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let first = &found.results[0];
    assert_eq!(
        first.key().to_string(),
        "score on idavidrein/gpqa, config gpqa_diamond, revision 55fe, 5-shot, prompt no-tools, harness lm-evaluation-harness 0.4.8"
    );
    assert_eq!((first.origin, first.date.as_deref()), (Origin::ThirdParty, Some("2025-01-15")));
    assert_eq!(first.filename, ".eval_results/x.yaml");
    assert_eq!((found.results[1].value, found.results[1].origin), (20.9, Origin::SelfReported));
}

#[test]
fn what_is_wrong_in_a_file_is_said_with_its_line() {
    let found = of_file(
        "- dataset: {id: a/b, task_id: x}\n  value: 1\n- dataset: {id: a/b}\n  value: 1\n- value: 1\n- dataset: {id: a/b, task_id: x}\n- dataset: {id: a/b/c, task_id: x}\n  value: 1\n- dataset: {id: a/b, task_id: x}\n  value: .inf\n- dataset: {id: a/b, task_id: x}\n  value: 1\n  source: {name: me}\n- 7\n",
    );
    assert_eq!(found.results.len(), 1);
    let problems: Vec<(Option<usize>, &str)> =
        found.problems.iter().map(|problem| (problem.line, problem.message.as_str())).collect();
    assert_eq!(
        problems,
        [
            (Some(3), "\"dataset.task_id\" is required"),
            (Some(5), "\"dataset\" is required"),
            (Some(6), "\"value\" is required"),
            (
                Some(7),
                "\"dataset.id\" with value \"a/b/c\" is not the id of a dataset (namespace/name)"
            ),
            (Some(9), "\"value\" is no number (blank, NaN or infinite)"),
            (Some(11), "\"source.url\" is required beside \"name\", \"user\" and \"org\""),
            (Some(14), "a result must be a mapping"),
        ]
    );
    let lines = |text: &[u8]| {
        let files = [(".eval_results/x.yaml", text)];
        let found = collect(EvalInput { files: &files, ..EvalInput::default() });
        found
            .problems
            .into_iter()
            .map(|problem| (problem.line, problem.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(b"- a\n- \xff\n"), [(Some(2), "is not UTF-8".to_owned())]);
    assert_eq!(lines(b"a: 1\n"), [(Some(1), "must be a list of results".to_owned())]);
    assert!(lines(b"- [\n- x: 1\n")[0].1.starts_with("invalid YAML: "));
    assert!(lines(&vec![b' '; FILE_BYTES_MAX + 1])[0].1.starts_with("is larger than"));
}

#[test]
fn the_form_that_clients_read() {
    let files: [(&str, &[u8]); 2] = [
        (".eval_results/a.yaml", b"- dataset: {id: a/b, task_id: x}\n  value: 20.90\n  verifyToken: t\n  notes: n\n  source: {url: 'https://x.y', user: u}\n  other: 1\n"),
        (".eval_results/b.yaml", b"oops: ["),
    ];
    let entries = serde_json::to_value(hub_entries(&files, |_| false)).unwrap();
    assert_eq!(
        entries[0],
        json!({
            "filename": ".eval_results/a.yaml",
            "verified": false,
            "data": {
                "dataset": {"id": "a/b", "task_id": "x"},
                "value": 20.9,
                "verifyToken": "t",
                "notes": "n",
                "source": {"url": "https://x.y", "user": "u"},
            },
        })
    );
    assert_eq!(entries[1]["filename"], ".eval_results/b.yaml");
    assert!(entries[1]["error"].as_str().unwrap().starts_with("invalid YAML: "));
}

#[test]
fn which_files_hold_results() {
    for path in [".eval_results/a.yaml", ".eval_results/b.yml"] {
        assert!(is_eval_file(path), "{path}");
    }
    for path in [
        "eval_results/a.yaml",
        ".eval_results/a.json",
        ".eval_results/x/a.yaml",
        "x/.eval_results/a.yaml",
    ] {
        assert!(!is_eval_file(path), "{path}");
    }
}

#[test]
fn reports_stay_short() {
    let entry = "- {dataset: {id: a/b, task_id: x}, value: 1}\n";
    let text = entry.repeat(900);
    let paths: Vec<String> =
        (0..FILES_MAX + 5).map(|n| format!(".eval_results/{n}.yaml")).collect();
    let of = |count: usize, text: &str| {
        let files: Vec<_> =
            paths[..count].iter().map(|path| (path.as_str(), text.as_bytes())).collect();
        collect(EvalInput { files: &files, ..EvalInput::default() })
    };
    let found = of(6, &text);
    assert_eq!((found.results.len(), found.problems.len()), (RESULTS_MAX, 1));
    let found = of(paths.len(), entry);
    assert_eq!(found.results.len(), FILES_MAX);
    assert_eq!(found.problems[0].filename, paths[FILES_MAX]);
    let found = of(10, &format!("# {}\n", "x".repeat(TOTAL_BYTES_MAX / 5)));
    assert_eq!(found.problems.last().unwrap().filename, paths[4]);
    assert!(of_file(&entry.repeat(1001)).problems[0].message.starts_with("holds more than"));
}
