//! The rules of single keys.

use serde_json::Value;
use steelyard_core::RepoKind;

use super::{Checker, model_index, shown};
use crate::facts::BaseRelation;
use crate::{values, vocab};

/// What runs a Space. Streamlit is no longer offered, but the Spaces that use it stay valid.
pub(crate) const SDKS: [&str; 4] = ["gradio", "streamlit", "docker", "static"];
const COLORS: [&str; 8] = ["red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"];
const SIZE_CATEGORIES: [&str; 13] = [
    "n<1K",
    "1K<n<10K",
    "10K<n<100K",
    "100K<n<1M",
    "1M<n<10M",
    "10M<n<100M",
    "100M<n<1B",
    "1B<n<10B",
    "10B<n<100B",
    "100B<n<1T",
    "n>1T",
    "other",
    "unknown",
];
/// Most tags that are taken over from a card.
pub(crate) const TAGS_MAX: usize = 1000;

/// Checks every key this kind of repository gives a meaning to.
pub(super) fn check(checker: &mut Checker<'_>, kind: RepoKind) {
    license(checker, kind);
    strict_words(checker, "tags");
    if checker.value("tags").and_then(Value::as_array).is_some_and(|tags| tags.len() > TAGS_MAX) {
        checker.warn("tags", format!("only the first {TAGS_MAX} \"tags\" are used"));
    }
    string(checker, "thumbnail");
    match kind {
        RepoKind::Model | RepoKind::Kernel => model(checker),
        RepoKind::Dataset => dataset(checker),
        RepoKind::Space => space(checker),
    }
}

fn model(checker: &mut Checker<'_>) {
    languages(checker);
    string(checker, "library_name");
    string(checker, "pipeline_tag");
    official_list(checker, "pipeline_tag");
    repo_ids(checker, "datasets", "dataset");
    repo_ids(checker, "base_model", "model");
    repo_ids(checker, "new_version", "model");
    not_itself(checker, "new_version");
    not_itself(checker, "base_model");
    let relations = BaseRelation::ALL.map(BaseRelation::as_str);
    one_of(checker, "base_model_relation", &relations);
    words(checker, "metrics");
    gate(checker);
    model_index::check(checker);
}

fn dataset(checker: &mut Checker<'_>) {
    languages(checker);
    string(checker, "pretty_name");
    for key in ["task_categories", "task_ids", "size_categories", "source_datasets"] {
        words(checker, key);
    }
    official_list(checker, "task_categories");
    for (path, size) in checker.words("size_categories") {
        if !SIZE_CATEGORIES.contains(&size.as_str()) {
            let list = SIZE_CATEGORIES.join(", ");
            let message = format!("\"size_categories\" should be one of [{list}]");
            checker.warn(&path, message);
            break;
        }
    }
    task_ids(checker);
    configs(checker);
    gate(checker);
}

/// Sub-tasks outside the list are legal, but nobody will find them.
fn task_ids(checker: &mut Checker<'_>) {
    if checker.value("task_ids").is_none_or(Value::is_object) {
        return;
    }
    for (path, id) in checker.words("task_ids") {
        if !vocab::is_task_id(&id) {
            let message = format!("The task_ids \"{}\" is not in the official list", shown(&id));
            checker.warn(&path, message);
        }
    }
}

/// A list of configurations, each with a name.
fn configs(checker: &mut Checker<'_>) {
    let Some(value) = checker.value("configs") else { return };
    let Some(items) = value.as_array() else {
        return checker.error("configs", "\"configs\" must be an array".to_owned());
    };
    for (at, item) in items.iter().enumerate() {
        let path = format!("configs[{at}]");
        if item.get("config_name").and_then(values::word).is_none() {
            checker.warn(&path, format!("\"{path}.config_name\" is required"));
        }
    }
}

/// A model that replaces itself, or was made from itself, goes round in circles.
fn not_itself(checker: &mut Checker<'_>, key: &str) {
    let Some(own) = checker.id else { return };
    for (path, id) in checker.words(key) {
        if id.eq_ignore_ascii_case(own) {
            checker.warn(&path, format!("\"{key}\" names this model itself"));
        }
    }
}

fn space(checker: &mut Checker<'_>) {
    string(checker, "title");
    one_of(checker, "sdk", &SDKS);
    if checker.value("sdk").is_none() {
        checker.warn("sdk", format!("\"sdk\" is missing, one of [{}]", SDKS.join(", ")));
    }
    one_of(checker, "colorFrom", &COLORS);
    one_of(checker, "colorTo", &COLORS);
    string(checker, "app_file");
    repo_ids(checker, "models", "model");
    repo_ids(checker, "datasets", "dataset");
    if checker.value("pinned").is_some_and(|value| !value.is_boolean()) {
        checker.error("pinned", "\"pinned\" must be a boolean".to_owned());
    }
    let port = checker.value("app_port");
    if port.is_some_and(|port| !port.as_u64().is_some_and(|port| (1..65536).contains(&port))) {
        checker.error("app_port", "\"app_port\" must be a port number".to_owned());
    }
}

/// A known licence; datasets may name several. `other` should say which.
fn license(checker: &mut Checker<'_>, kind: RepoKind) {
    let Some(value) = checker.value("license") else { return };
    if value.is_array() && kind != RepoKind::Dataset {
        checker.warn("license", "\"license\" should be a single value".to_owned());
    }
    let known = |value: &Value| value.as_str().is_some_and(|id| vocab::find_license(id).is_some());
    let valid = match value {
        Value::Array(items) => items.iter().all(known),
        other => known(other),
    };
    if !valid {
        let ids: Vec<&str> = vocab::licenses().iter().map(|license| license.id).collect();
        checker.error("license", format!("\"license\" must be one of [{}]", ids.join(", ")));
    }
    let is_other = values::words(value).iter().any(|id| id == "other");
    if is_other && checker.value("license_name").is_none() && kind != RepoKind::Space {
        let message = "\"license_name\" and \"license_link\" should say which licence \"other\" is";
        checker.warn("license", message.to_owned());
    }
    string(checker, "license_name");
    string(checker, "license_link");
}

fn languages(checker: &mut Checker<'_>) {
    words(checker, "language");
    if checker.value("language").is_none_or(|value| !value.is_string() && !value.is_array()) {
        return;
    }
    for (path, code) in checker.words("language") {
        if vocab::find_language(&code).is_none() {
            let code = shown(&code);
            let message = format!(
                "\"language\" with value \"{code}\" is not known. It should be an ISO 639-1 or 639-3 code, \
                 \"code\" or \"multilingual\"; BCP-47 codes go into \"language_bcp47\""
            );
            checker.warn(&path, message);
        }
    }
}

fn gate(checker: &mut Checker<'_>) {
    for part in ["heading", "description", "prompt", "button_content"] {
        string(checker, &format!("extra_gated_{part}"));
    }
    let key = "extra_gated_fields";
    if checker.value(key).is_some_and(|value| !value.is_object() && !value.is_array()) {
        checker.warn(key, format!("\"{key}\" should map labels to kinds of fields"));
    }
}

/// The value, if present, is a string.
fn string(checker: &mut Checker<'_>, key: &str) {
    if checker.value(key).is_some_and(|value| !value.is_string()) {
        checker.error(key, format!("\"{key}\" must be a string"));
    }
}

/// The value, if present, is one of a closed list.
fn one_of(checker: &mut Checker<'_>, key: &str, allowed: &[&str]) {
    let Some(value) = checker.value(key) else { return };
    if !value.as_str().is_some_and(|text| allowed.contains(&text)) {
        checker.error(key, format!("\"{key}\" must be one of [{}]", allowed.join(", ")));
    }
}

/// The value, if present, is a list of strings.
fn strict_words(checker: &mut Checker<'_>, key: &str) {
    match checker.value(key) {
        None => {}
        Some(Value::Array(_)) => words(checker, key),
        Some(_) => checker.error(key, format!("\"{key}\" must be an array")),
    }
}

/// The value, if present, is a string or a list of strings. Blank items are let pass: templates leave them.
fn words(checker: &mut Checker<'_>, key: &str) {
    match checker.value(key) {
        None | Some(Value::String(_)) => {}
        Some(Value::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                if !item.is_string() && !item.is_null() {
                    checker.error(
                        &format!("{key}[{at}]"),
                        format!("\"{key}[{at}]\" must be a string"),
                    );
                }
            }
        }
        // Old dataset cards hold one list per configuration.
        Some(Value::Object(_)) if key != "base_model" => {
            checker.warn(key, format!("\"{key}\" should be an array"));
        }
        Some(_) => checker.error(key, format!("\"{key}\" must be a string or an array")),
    }
}

/// The value, if present, names repositories. A wrong id costs the link, not the commit.
fn repo_ids(checker: &mut Checker<'_>, key: &str, what: &str) {
    words(checker, key);
    for (path, id) in checker.words(key) {
        if !values::is_repo_id(&id) {
            let id = shown(&id);
            let message =
                format!("\"{key}\" with value \"{id}\" is not the id of a {what} (namespace/name)");
            checker.warn(&path, message);
        }
    }
}

/// Tasks outside the list are legal, but nobody will find them.
fn official_list(checker: &mut Checker<'_>, key: &str) {
    for (path, task) in checker.words(key) {
        if vocab::find_pipeline_tag(&task).is_none() {
            let list: Vec<&str> = vocab::pipeline_tags().iter().map(|tag| tag.id).collect();
            let (task, list) = (shown(&task), list.join(", "));
            let what = if key == "pipeline_tag" { "pipeline tag" } else { key };
            checker
                .warn(&path, format!("The {what} \"{task}\" is not in the official list: {list}"));
        }
    }
}
