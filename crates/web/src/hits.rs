//! Rows of tables of repositories.

use serde_json::Value;
use steelyard_card::vocab;
use steelyard_core::{RepoKind, Timestamp};
use steelyard_service::counters::StatsRow;
use steelyard_service::discovery::FoundRepo;
use steelyard_service::repos::RepoRow;

use crate::frame::Visit;
use crate::{chart, format, links};

/// A repository in a table.
#[derive(Debug, Clone)]
pub(crate) struct HitRow {
    pub(crate) href: String,
    pub(crate) id: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// What stands under the name: task, library, licence.
    pub(crate) about: Vec<String>,
    pub(crate) is_gated: bool,
    pub(crate) is_private: bool,
    pub(crate) parameters: Option<String>,
    pub(crate) beam: Option<String>,
    /// Rows of a dataset, the SDK of a Space.
    pub(crate) extent: Option<String>,
    pub(crate) size: Option<String>,
    pub(crate) downloads: String,
    pub(crate) likes: String,
    pub(crate) updated: String,
    pub(crate) updated_on: String,
    /// Where the words that were looked for stand in the card: HTML, escaped by the search.
    pub(crate) excerpt: Option<String>,
}

/// The repositories as rows.
pub(crate) fn rows(visit: &Visit, found: &[FoundRepo]) -> Vec<HitRow> {
    let repos: Vec<&RepoRow> = found.iter().map(|one| &one.row).collect();
    let parameters = visit.hub.parameters_of(&repos);
    let now = visit.hub.now();
    let rows = found.iter().zip(parameters);
    rows.map(|(one, parameters)| HitRow::new(&one.row, &one.stats, parameters, now)).collect()
}

impl HitRow {
    pub(crate) fn new(
        row: &RepoRow,
        stats: &StatsRow,
        parameters: Option<u64>,
        now: Timestamp,
    ) -> Self {
        let facts = &row.facts;
        let number = |name: &str| facts.get(name).and_then(Value::as_u64);
        Self {
            href: links::repo(row.kind, &row.repo),
            id: row.repo.to_string(),
            namespace: row.repo.namespace.to_string(),
            name: row.repo.name.to_string(),
            kind: row.kind.as_str(),
            about: about(row),
            is_gated: !row.gated.is_empty(),
            is_private: row.visibility.is_private(),
            parameters: parameters.map(format::short),
            beam: parameters.map(chart::beam),
            extent: extent(row),
            size: number("weight_bytes").map(format::bytes),
            downloads: format::short(stats.downloads_30d),
            likes: format::short(stats.likes),
            updated: format::ago(row.last_modified, now),
            updated_on: format::date(row.last_modified),
            excerpt: None,
        }
    }
}

fn text<'a>(facts: &'a Value, name: &str) -> Option<&'a str> {
    facts.get(name).and_then(|value| value.as_str().or_else(|| value.get(0)?.as_str()))
}

fn about(row: &RepoRow) -> Vec<String> {
    let facts = &row.facts;
    let task = text(facts, "pipeline_tag").map(task_name);
    let library = text(facts, "library_name").map(library_name);
    let license = text(facts, "license").map(str::to_owned);
    let title = match row.kind {
        RepoKind::Space | RepoKind::Dataset => text(facts, "title").map(str::to_owned),
        _ => None,
    };
    let task = task.or_else(|| dataset_task(row));
    [title, task, library, license].into_iter().flatten().collect()
}

/// A dataset's tasks are tags.
fn dataset_task(row: &RepoRow) -> Option<String> {
    let tags = row.facts.get("tags")?.as_array()?;
    tags.iter().find_map(|tag| tag.as_str()?.strip_prefix("task_categories:")).map(task_name)
}

fn extent(row: &RepoRow) -> Option<String> {
    match row.kind {
        RepoKind::Dataset => {
            let dataset = row.facts.get("dataset");
            let rows = dataset.and_then(|dataset| dataset.get("num_examples")?.as_u64());
            let size = || {
                let tags = row.facts.get("tags")?.as_array()?;
                tags.iter().find_map(|tag| tag.as_str()?.strip_prefix("size_categories:"))
            };
            rows.map(format::short).or_else(|| size().map(str::to_owned))
        }
        RepoKind::Space => {
            let set = row.settings.get("sdk").and_then(Value::as_str);
            set.or_else(|| text(&row.facts, "sdk")).map(str::to_owned)
        }
        _ => None,
    }
}

/// A task's name for people.
pub(crate) fn task_name(id: &str) -> String {
    vocab::find_pipeline_tag(id).map_or_else(|| id.to_owned(), |task| task.name.clone())
}

/// A library's name for people.
pub(crate) fn library_name(id: &str) -> String {
    vocab::find_library(id).map_or_else(|| id.to_owned(), |library| library.label.clone())
}

/// A licence's name for people.
pub(crate) fn license_name(id: &str) -> String {
    vocab::find_license(id).map_or_else(|| id.to_owned(), |license| license.name.clone())
}

/// A language's name for people.
pub(crate) fn language_name(code: &str) -> String {
    vocab::find_language(code).map_or_else(|| code.to_owned(), |language| language.name.clone())
}

/// The same rows as a table in Markdown.
pub(crate) fn as_markdown(rows: &[HitRow]) -> String {
    let mut text = String::from(
        "| repository | parameters | size | downloads | likes | updated | about |\n|---|--:|--:|--:|--:|---|---|\n",
    );
    for row in rows {
        let cell = |value: &Option<String>| value.clone().unwrap_or_default();
        text.push_str(&format!(
            "| [{}]({}) | {} | {} | {} | {} | {} | {} |\n",
            row.id,
            row.href,
            cell(&row.parameters),
            cell(&row.size),
            row.downloads,
            row.likes,
            row.updated_on,
            escape_cell(&row.about.join(", ")),
        ));
    }
    text
}

/// Text that may stand in a cell of a table in Markdown.
pub(crate) fn escape_cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ").replace('<', "&lt;")
}

/// A text as a block of code in Markdown; its fence is longer than any in it.
pub(crate) fn fenced(text: &str, language: &str) -> String {
    let mut longest = 2;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{language}\n{text}{end}{fence}\n")
}
