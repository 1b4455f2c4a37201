//! The OpenAPI document as something to read: grouped by tag, with one entry for the routes that differ in the kind of the
//! repository alone.

use std::sync::LazyLock;

use serde_json::Value;
use steelyard_core::RepoKind;

use crate::highlight::escape_into;
use crate::hits;

/// Fields of a body that are listed.
const FIELDS_MAX: usize = 40;

/// A part of the interface.
#[derive(Clone)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) id: String,
    pub(super) operations: Vec<Operation>,
}

/// A route and a method.
#[derive(Clone)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    /// `{kinds}` stands for the kinds that it is there for.
    pub(super) path: String,
    pub(super) kinds: Vec<&'static str>,
    pub(super) summary: String,
    /// Who may.
    pub(super) about: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) takes: Option<Body>,
    pub(super) gives: Option<Body>,
    /// Status and what it says.
    pub(super) answers: Vec<(String, String)>,
}

#[derive(Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// `path`, `query` or `header`.
    pub(super) place: String,
    pub(super) kind: String,
    pub(super) is_required: bool,
    pub(super) about: String,
}

/// What is sent or answered.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) media_type: String,
    pub(super) kind: String,
    /// Name, type, whether it is always there, what it is.
    pub(super) fields: Vec<(String, String, bool, String)>,
}

static GROUPS: LazyLock<Vec<Group>> =
    LazyLock::new(|| groups(&steelyard_http::openapi::document()));
static ABOUT: LazyLock<Vec<String>> = LazyLock::new(|| {
    let document = steelyard_http::openapi::document();
    let about = document.pointer("/info/description").and_then(Value::as_str).unwrap_or_default();
    about.split("\n\n").map(str::to_owned).collect()
});

/// What holds for all of it, in paragraphs.
pub(super) fn about() -> Vec<String> {
    ABOUT.clone()
}

/// The operations that have each of the words in their method, path or summary.
pub(super) fn found(words: &str) -> Vec<Group> {
    let words: Vec<String> = words.split_whitespace().map(str::to_ascii_lowercase).collect();
    let fits = |operation: &Operation| {
        let Operation { method, path, summary, kinds, .. } = operation;
        let text = format!("{method} {path} {} {summary}", kinds.join(" ")).to_ascii_lowercase();
        words.iter().all(|word| text.contains(word))
    };
    let of = |group: &Group| {
        let operations = group.operations.iter().filter(|one| fits(one)).cloned().collect();
        Group { operations, ..group.clone() }
    };
    GROUPS.iter().map(of).filter(|group| !group.operations.is_empty()).collect()
}

/// Words of the document as HTML: what stands between backticks is code.
pub(super) fn spans(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, (code, after))) =
        rest.split_once('`').and_then(|(before, rest)| Some((before, rest.split_once('`')?)))
    {
        escape_into(&mut html, before);
        html.push_str("<code>");
        escape_into(&mut html, code);
        html.push_str("</code>");
        rest = after;
    }
    escape_into(&mut html, rest);
    html
}

fn groups(document: &Value) -> Vec<Group> {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let tags = document["tags"].as_array().into_iter().flatten();
    let mut groups: Vec<Group> = tags
        .map(|tag| {
            let name = text(tag, "name");
            let id = name.to_lowercase().replace(' ', "-");
            Group { name, about: text(tag, "description"), id, operations: Vec::new() }
        })
        .collect();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let Some(tag) = operation["tags"][0].as_str() else { continue };
            if let Some(group) = groups.iter_mut().find(|group| group.name == tag) {
                add(
                    &mut group.operations,
                    document,
                    (path.as_str(), method.as_str()),
                    (item, operation),
                );
            }
        }
    }
    groups
}

/// Adds an operation, or its kind of repository to one that is the same for another kind.
fn add(
    known: &mut Vec<Operation>,
    document: &Value,
    (path, method): (&str, &str),
    (item, operation): (&Value, &Value),
) {
    let (path, kind) = of_any_kind(path);
    let method = method.to_uppercase();
    let same = known.iter_mut().find(|one| one.path == path && one.method == method);
    if let (Some(same), Some(kind)) = (same, kind) {
        same.kinds.push(kind);
        return;
    }
    let text = |key: &str| operation[key].as_str().unwrap_or_default().to_owned();
    let parameters = [&item["parameters"], &operation["parameters"]];
    let parameters = parameters.into_iter().filter_map(Value::as_array).flatten();
    let answers = operation["responses"].as_object().into_iter().flatten();
    known.push(Operation {
        id: text("operationId"),
        kinds: kind.into_iter().collect(),
        summary: text("summary"),
        about: text("description"),
        parameters: parameters.map(|one| parameter(document, one)).collect(),
        takes: body(document, &operation["requestBody"]),
        gives: answers
            .clone()
            .filter(|(status, _)| status.starts_with('2'))
            .find_map(|(_, answer)| body(document, answer)),
        answers: answers
            .map(|(status, answer)| {
                let answer = resolved(document, answer);
                let about = answer["description"].as_str().unwrap_or_default();
                // Where the document lists several cases, the page just has them.
                let about = about.strip_prefix("Either of: ").unwrap_or(about);
                (status.clone(), about.replace('`', ""))
            })
            .collect(),
        path,
        method,
    });
}

/// A path whose kind of repository is left open, and the kind.
fn of_any_kind(path: &str) -> (String, Option<&'static str>) {
    for kind in RepoKind::ALL {
        let (api, plural) = (format!("/api/{}/", kind.plural()), kind.plural());
        if let Some(rest) = path.strip_prefix(&api) {
            return (format!("/api/{{kinds}}/{rest}"), Some(plural));
        }
        if path == format!("/api/{plural}") {
            return ("/api/{kinds}".to_owned(), Some(plural));
        }
        if kind != RepoKind::Model
            && let Some(rest) = path.strip_prefix(&format!("/{plural}/{{namespace}}/"))
        {
            return (format!("/{{namespace}}/{rest}"), Some(plural));
        }
    }
    let is_model = path.starts_with("/{namespace}/");
    (path.to_owned(), is_model.then(|| RepoKind::Model.plural()))
}

fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let target = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    target.and_then(|target| document.pointer(target)).unwrap_or(value)
}

fn parameter(document: &Value, parameter: &Value) -> Parameter {
    let parameter = resolved(document, parameter);
    let text = |key: &str| parameter[key].as_str().unwrap_or_default().to_owned();
    Parameter {
        name: text("name"),
        place: text("in"),
        kind: kind(&parameter["schema"]),
        is_required: parameter["required"].as_bool().unwrap_or(false),
        about: text("description"),
    }
}

fn body(document: &Value, value: &Value) -> Option<Body> {
    let content = resolved(document, value)["content"].as_object()?;
    let (media_type, carried) = content.iter().next()?;
    let schema = &carried["schema"];
    let inner = if schema["items"].is_object() { &schema["items"] } else { schema };
    let inner = resolved(document, inner);
    let required = inner["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    let fields = inner["properties"].as_object().into_iter().flatten().take(FIELDS_MAX);
    let field = |(name, field): (&String, &Value)| {
        let about = field["description"].as_str().unwrap_or_default().replace('\n', " ");
        (name.clone(), kind(field), is_required(name), about)
    };
    Some(Body {
        media_type: media_type.clone(),
        kind: kind(schema),
        fields: fields.map(field).collect(),
    })
}

/// A schema's type in a few words.
fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        return target.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        return choices.join(" | ");
    }
    for several in ["anyOf", "oneOf", "allOf"] {
        if let Some(all) = schema[several].as_array() {
            let all: Vec<String> = all.iter().map(kind).collect();
            return all.join(" | ");
        }
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            names.join(" | ")
        }
        _ => "any".to_owned(),
    }
}

/// The same as Markdown.
pub(super) fn as_markdown(groups: &[Group]) -> String {
    let mut text = String::from("# The HTTP interface\n");
    for paragraph in about() {
        text.push_str(&format!("\n{paragraph}\n"));
    }
    for group in groups {
        text.push_str(&format!("\n## {}\n\n{}\n", group.name, group.about));
        for operation in &group.operations {
            operation.markdown_into(&mut text);
        }
    }
    text
}

impl Operation {
    fn markdown_into(&self, text: &mut String) {
        let Self { method, path, summary, about, kinds, .. } = self;
        text.push_str(&format!("\n### {method} {path}\n\n{summary}. {about}"));
        if !kinds.is_empty() {
            text.push_str(&format!(" For {}.", kinds.join(", ")));
        }
        text.push_str("\n\n");
        for Parameter { name, place, kind, is_required, about } in &self.parameters {
            let must = if *is_required { ", required" } else { "" };
            text.push_str(&format!("- `{name}` ({place}, {kind}{must}): {about}\n"));
        }
        for (label, body) in [("Takes", &self.takes), ("Gives", &self.gives)] {
            let Some(Body { media_type, kind, fields }) = body else { continue };
            text.push_str(&format!("\n{label} {kind} as {media_type}\n\n"));
            for (name, kind, is_required, about) in fields {
                let may = if *is_required { "" } else { ", may be absent" };
                let about = hits::escape_cell(about);
                text.push_str(&format!("- `{name}` ({kind}{may}): {about}\n"));
            }
        }
        let statuses: Vec<&str> = self.answers.iter().map(|(status, _)| status.as_str()).collect();
        text.push_str(&format!("\nAnswers {}\n", statuses.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code() {
        assert_eq!(spans("a `b<c>` & `d`"), "a <code>b&lt;c&gt;</code> &amp; <code>d</code>");
        assert_eq!(spans("one ` alone"), "one ` alone");
        assert_eq!(spans("``"), "<code></code>");
    }
}
