use proptest::prelude::*;

use super::*;

fn card(yaml: &str) -> String {
    format!("---\n{yaml}\n---\n# Title\n")
}

fn messages(issues: &[Issue]) -> Vec<&str> {
    issues.iter().map(|issue| issue.message.as_str()).collect()
}

/// Every line of a table: the kind, the metadata, the starts of the errors and those of the warnings.
type Case<'a> = (RepoKind, &'a str, &'a [&'a str], &'a [&'a str]);

fn check_table(cases: &[Case<'_>]) {
    for (kind, yaml, errors, warnings) in cases {
        let report = validate(*kind, &card(yaml));
        for (found, expected, what) in
            [(&report.errors, errors, "errors"), (&report.warnings, warnings, "warnings")]
        {
            let found = messages(found);
            assert_eq!(found.len(), expected.len(), "{what} of {yaml:?}: {found:?}");
            for (found, expected) in found.iter().zip(*expected) {
                assert!(found.starts_with(expected), "{what} of {yaml:?}: {found:?}");
            }
        }
    }
}

#[test]
fn what_the_clients_assert() {
    let report = validate(RepoKind::Model, "---\nmodel-index: foo\n---\nThis is a test card.");
    assert_eq!(messages(&report.errors), ["\"model-index\" must be an array"]);
    assert_eq!(report.errors[0].line, Some(2));
    assert!(!report.is_valid());

    let report = validate(RepoKind::Model, "This is a card without metadata.");
    assert!(report.is_valid());
    assert_eq!(messages(&report.warnings), ["empty or missing yaml metadata in repo card"]);

    let report = validate(RepoKind::Model, &card("language: en\nlicense: asdf"));
    let text = report.to_text();
    assert!(text.starts_with("- Error: \"license\" must be one of [apache-2.0, mit, "), "{text}");
    assert_eq!(report.errors[0].line, Some(3));
}

#[test]
fn the_text_lists_errors_before_warnings() {
    let report = validate(RepoKind::Model, &card("language: Englisch\nmodel-index: 1"));
    let text = report.to_text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("- Error: \"model-index\""), "{text}");
    assert!(lines[1].starts_with("- Warning: \"language\""), "{text}");
    assert_eq!(Report::default().to_text(), "");
}

#[test]
fn keys_of_models() {
    use RepoKind::Model;
    check_table(&[
        (Model, "license: mit", &[], &[]),
        (Model, "license:", &[], &[]),
        (Model, "license: MIT", &["\"license\" must be one of ["], &[]),
        (Model, "license: 7", &["\"license\" must be one of ["], &[]),
        (Model, "license: [mit]", &[], &["\"license\" should be a single value"]),
        (Model, "license: other", &[], &["\"license_name\" and \"license_link\""]),
        (Model, "license: other\nlicense_name: acme\nlicense_link: LICENSE", &[], &[]),
        (Model, "tags: [a, b]", &[], &[]),
        (Model, "tags: a", &["\"tags\" must be an array"], &[]),
        (Model, "tags: [a, 7]", &["\"tags[1]\" must be a string"], &[]),
        (Model, "language: [en, de, code, no]", &[], &[]),
        (Model, "language: zh-CN", &[], &["\"language\" with value \"zh-CN\""]),
        (Model, "language: 7", &["\"language\" must be a string or an array"], &[]),
        (Model, "language: {a: [en]}", &[], &["\"language\" should be an array"]),
        (Model, "base_model: {a: b}", &["\"base_model\" must be a string or an array"], &[]),
        (Model, "pipeline_tag: fill-mask", &[], &[]),
        (Model, "pipeline_tag: text2text-generation", &[], &["The pipeline tag \"text2text"]),
        (Model, "pipeline_tag: [fill-mask]", &["\"pipeline_tag\" must be a string"], &[]),
        (Model, "library_name: acme", &[], &[]),
        (Model, "library_name: [x]", &["\"library_name\" must be a string"], &[]),
        (Model, "datasets: [squad, a/b]", &[], &[]),
        (Model, "datasets: squad", &[], &[]),
        (Model, "datasets: [/tmp/x.json]", &[], &["\"datasets\" with value \"/tmp/x.json\""]),
        (Model, "datasets: 7", &["\"datasets\" must be a string or an array"], &[]),
        (Model, "base_model: gpt2", &[], &[]),
        (Model, "base_model: [a/b, c/d]\nbase_model_relation: merge", &[], &[]),
        (Model, "base_model: /home/me/llama", &[], &["\"base_model\" with value"]),
        (Model, "base_model_relation: cousin", &["\"base_model_relation\" must be one of ["], &[]),
        (Model, "extra_gated_fields: 7", &[], &["\"extra_gated_fields\" should map"]),
        (Model, "unknown_key: [1, {a: b}]\nsdk: 7", &[], &[]),
    ]);
}

#[test]
fn keys_of_datasets_and_spaces() {
    use RepoKind::{Dataset, Space};
    check_table(&[
        (Dataset, "license: [mit, cc-by-4.0]", &[], &[]),
        (Dataset, "license: [mit, nope]", &["\"license\" must be one of ["], &[]),
        (Dataset, "task_categories: [text-classification]", &[], &[]),
        (Dataset, "task_categories: [poetry]", &[], &["The task_categories \"poetry\" is not"]),
        (Dataset, "size_categories: [1K<n<10K]", &[], &[]),
        (Dataset, "size_categories: n<1K", &[], &[]),
        (Dataset, "size_categories: [many]", &[], &["\"size_categories\" should be one of"]),
        (Dataset, "task_ids: {a: [x]}", &[], &["\"task_ids\" should be an array"]),
        (Dataset, "configs: foo", &["\"configs\" must be an array"], &[]),
        (Dataset, "model-index: foo", &[], &[]),
        (Space, "sdk: gradio\nsdk_version: 5.0\ncolorFrom: red\npinned: false", &[], &[]),
        (Space, "title: X", &[], &["\"sdk\" is missing"]),
        (Space, "sdk: flask", &["\"sdk\" must be one of [gradio, streamlit, docker, static]"], &[]),
        (Space, "sdk: docker\ncolorTo: black", &["\"colorTo\" must be one of [red,"], &[]),
        (Space, "sdk: docker\napp_port: 7860", &[], &[]),
        (Space, "sdk: docker\napp_port: 70000", &["\"app_port\" must be a port"], &[]),
        (Space, "sdk: static\npinned: maybe", &["\"pinned\" must be a boolean"], &[]),
    ]);
}

#[test]
fn model_index_needs_what_its_readers_index() {
    let good = "model-index:\n- name: m\n  results:\n  - task: {type: text-classification}\n    \
                dataset: {type: glue, name: GLUE}\n    metrics:\n    - {type: accuracy, value: .nan}";
    check_table(&[
        (
            RepoKind::Model,
            good,
            &[],
            &["\"model-index[0].results[0].metrics[0].value\" is no number"],
        ),
        (RepoKind::Model, "model-index: []", &[], &[]),
        (RepoKind::Model, "model-index: [{name: m, results: []}]", &[], &[]),
        (RepoKind::Model, "model-index: [m]", &["\"model-index[0]\" must be of type object"], &[]),
        (
            RepoKind::Model,
            "model-index: [{results: [{task: {}, dataset: {name: 7}, metrics: [{type: a}]}]}]",
            &[
                "\"model-index[0].name\" is required",
                "\"model-index[0].results[0].task.type\" is required",
                "\"model-index[0].results[0].dataset.type\" is required",
                "\"model-index[0].results[0].dataset.name\" must be a string",
                "\"model-index[0].results[0].metrics[0].value\" is required",
            ],
            &[],
        ),
        (
            RepoKind::Model,
            "model-index: [{name: m, results: [{}]}]",
            &[
                "\"model-index[0].results[0].task\" is required",
                "\"model-index[0].results[0].dataset\" is required",
                "\"model-index[0].results[0].metrics\" is required",
            ],
            &[],
        ),
    ]);
}

#[test]
fn unreadable_metadata_is_one_error_with_its_line() {
    let report = validate(RepoKind::Model, "---\nlicense: mit\ntags: [a\n---\n");
    assert_eq!(report.errors.len(), 1);
    assert!(report.errors[0].message.starts_with("invalid YAML on line "), "{report:?}");
    let report = validate(RepoKind::Model, &card("a: 1\na: 2"));
    assert_eq!(report.errors[0].line, Some(3));
    assert!(!validate(RepoKind::Model, &card("- a\n- b")).is_valid());
    let report = validate(RepoKind::Model, "---\n# A title under a rule\n");
    assert!(report.is_valid() && report.warnings.len() == 1);
}

#[test]
fn reports_stay_short() {
    let tags = vec!["7"; 1001].join(", ");
    let report = validate(RepoKind::Model, &card(&format!("tags: [{tags}]")));
    assert_eq!(report.errors.len(), ISSUES_MAX + 1);
    assert_eq!(report.warnings.len(), 1);
    let long = validate(RepoKind::Model, &card(&format!("language: {}", "é".repeat(5000))));
    assert!(long.warnings[0].message.len() < 600);
}

#[test]
fn what_lies_deep_has_its_own_line() {
    let yaml = "tags:\n- a\n- 7\nlanguage:\n  - en\n  - English\nmodel-index:\n- name: m\n  results:\n  - task: {type: x}\n    dataset:\n      type: glue\n      name: 7\n    metrics:\n    - type: f1\n    - {type: f1, value: .nan}";
    let report = validate(RepoKind::Model, &card(yaml));
    let found: Vec<(Option<usize>, &str)> = report
        .errors
        .iter()
        .chain(&report.warnings)
        .map(|issue| (issue.line, issue.message.as_str()))
        .collect();
    let expected = [
        (Some(4), "\"tags[1]\" must be a string"),
        (Some(14), "\"model-index[0].results[0].dataset.name\" must be a string"),
        (Some(16), "\"model-index[0].results[0].metrics[0].value\" is required"),
        (Some(7), "\"language\" with value \"English\" is not known"),
        (Some(17), "\"model-index[0].results[0].metrics[1].value\" is no number"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((line, message), (expected_line, start)) in found.iter().zip(expected) {
        assert_eq!(*line, expected_line, "{message}");
        assert!(message.starts_with(start), "{message}");
    }
}

#[test]
fn keys_by_the_table() {
    use RepoKind::{Dataset, Model, Space};
    let (m, d, s) = (Model, Dataset, Space);
    check_table(&[
        (m, "co2_eq_emissions: 7.5\nwidget: [{text: x}]\ninference: false\ngated: auto", &[], &[]),
        (m, "co2_eq_emissions: {emissions: 7}\ninstance_prompt:\ngated: false", &[], &[]),
        (m, "co2_eq_emissions: much", &[], &["\"co2_eq_emissions\" should be a number or an"]),
        (m, "widget: {text: x}", &[], &["\"widget\" should be an array"]),
        (m, "inference: maybe", &[], &["\"inference\" should be a boolean or an object"]),
        (m, "gated: sometimes", &[], &["\"gated\" should be one of [false, auto, manual, true]"]),
        (m, "quantized_by: [a]", &[], &["\"quantized_by\" should be a string"]),
        (d, "annotations_creators: [found, men]", &[], &["\"annotations_creators[1]\" with value"]),
        (d, "viewer: no", &[], &["\"viewer\" should be a boolean"]),
        (d, "dataset_info: [{}]\npaperswithcode_id: x", &[], &[]),
        (s, "sdk: docker\nheader: giant", &[], &["\"header\" should be one of [mini, default]"]),
        (
            s,
            "sdk: docker\nfullWidth: 1\nsdk_version: 4.44",
            &[],
            &["\"fullWidth\" should be a bool"],
        ),
        (s, "sdk: docker\ncustom_headers: [x]", &[], &["\"custom_headers\" should be an object"]),
    ]);
    let minutes = "\"hf_oauth_expiration_minutes\" should be a whole number from 1 to 43200";
    let scopes = "\"hf_oauth_scopes[1]\" with value \"all\" should be one of [openid, ";
    check_table(&[
        (s, "sdk: docker\nhf_oauth_expiration_minutes: 50000", &[], &[minutes]),
        (s, "sdk: docker\nhf_oauth_expiration_minutes: 480", &[], &[]),
        (s, "sdk: docker\nhf_oauth_scopes: [email, all]", &[], &[scopes]),
    ]);
}

#[test]
fn lists_of_datasets_and_misspelt_keys() {
    use RepoKind::{Dataset, Model};
    let (guess, config) = ("The task_ids \"guess\"", "\"configs[1].config_name\" is required");
    let index = "\"model_index\" is not a key of cards; \"model-index\" is";
    check_table(&[
        (Dataset, "task_ids: [sentiment-classification, guess]", &[], &[guess]),
        (Dataset, "configs: [{config_name: a}, {data_files: x}]", &[], &[config]),
        (Model, "licence: mit", &[], &["\"licence\" is not a key of cards; \"license\" is"]),
        (Model, "Pipeline-Tag: x\nbase_models: a/b", &[], &["\"Pipeline-Tag\"", "\"base_models\""]),
        (Model, "model_index: []", &[], &[index]),
        (Dataset, "base_models: a/b\nbranches: x", &[], &[]),
    ]);
}

#[test]
fn a_model_that_names_itself() {
    let readme = card("new_version: acme/M\nbase_model: [x/y, ACME/m]");
    let report = validate_repo(RepoKind::Model, Some("acme/m"), &readme);
    assert_eq!(
        messages(&report.warnings),
        ["\"new_version\" names this model itself", "\"base_model\" names this model itself"]
    );
    assert!(validate_repo(RepoKind::Model, Some("acme/n"), &readme).warnings.is_empty());
}

#[test]
fn a_readme_that_is_no_text() {
    let report = validate_bytes(RepoKind::Model, None, b"---\nlicense: mit\nname: \xff\n---\n");
    assert!(report.is_valid());
    assert_eq!(report.warnings[0].line, Some(3));
    let report = validate_bytes(RepoKind::Model, None, b"---\nlicense: nope\n---\n");
    assert_eq!(report.errors[0].line, Some(2));
}

proptest! {
    #[test]
    fn any_readme_gets_a_report(readme in "(---\n)?((license|tags|language|model-index|sdk|base_model): ?[-a\\[\\]{}: 7\n]{0,12}\n){0,4}(---\n)?") {
        for kind in RepoKind::ALL {
            let report = validate(kind, &readme);
            prop_assert_eq!(report.to_text().is_empty(), report.errors.is_empty() && report.warnings.is_empty());
        }
    }
}
