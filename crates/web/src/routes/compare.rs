//! Models side by side: what they are made of, what they weigh, what may be done with them, and the results that can be
//! compared: those that several of them report of the same way of measuring.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use serde_json::Value;
use steelyard_card::Facts;
use steelyard_card::eval::ComparisonKey;
use steelyard_card::license::Verdict;
use steelyard_core::{RepoId, RepoKind};
use steelyard_http::ApiError;
use steelyard_service::discovery::{Facet, SearchRequest, Sort};
use steelyard_service::revisions::Content;
use steelyard_service::{Action, Error, Result};

use crate::facts::{self, Line};
use crate::frame::{Frame, Visit};
use crate::{chart, format, hits, links, respond};

/// Models that are put side by side.
const MODELS_MAX: usize = 5;
/// Longest configuration that is read, in bytes.
const CONFIG_BYTES_MAX: usize = 1024 * 1024;

/// A row: a label, and a cell for each model.
struct Row {
    label: String,
    cells: Vec<Vec<Line>>,
    is_figure: bool,
}

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    frame: Frame,
    /// Id, address, address of the page without it, beam.
    models: Vec<(String, String, String, Option<String>)>,
    unknown: Vec<String>,
    ids: Vec<String>,
    rows: Vec<Row>,
    results: Vec<Row>,
    suggestions: Vec<(String, String)>,
    models_max: usize,
}

struct Compared {
    id: RepoId,
    facts: Facts,
    config: Value,
    parameters: Option<u64>,
    downloads: u64,
    verdict: &'static str,
    bases: Vec<Line>,
    results: BTreeMap<ComparisonKey, f64>,
}

pub(super) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let mut asked: Vec<String> = Vec::new();
    for id in visit.params.all("id").into_iter().map(str::trim).filter(|id| !id.is_empty()) {
        let id = id_of(id, &visit.origin);
        if !asked.iter().any(|known| known.eq_ignore_ascii_case(id)) {
            asked.push(id.to_owned());
        }
    }
    if asked.len() > MODELS_MAX {
        return Err(Error::invalid("id", format!("must name at most {MODELS_MAX} models")).into());
    }
    let (mut models, mut unknown) = (Vec::new(), Vec::new());
    for id in asked {
        match compared(&visit, &id).await? {
            Some(model) => models.push(model),
            None => unknown.push(id),
        }
    }
    let suggestions = if models.is_empty() { suggestions(&visit).await? } else { Vec::new() };
    let ids: Vec<String> = models.iter().map(|model| model.id.to_string()).collect();
    let markdown = format!("/compare.md{}", links::query(&pairs(&ids, None)));
    let page = ComparePage {
        frame: visit.frame.clone().section("compare").markdown(markdown),
        models: models.iter().map(|model| head(model, &ids)).collect(),
        unknown,
        rows: rows(&models),
        results: results(&models),
        suggestions,
        models_max: MODELS_MAX,
        ids,
    };
    if visit.as_markdown || visit.uri.path().ends_with(".md") {
        return Ok(respond::markdown(page.as_markdown()));
    }
    Ok(respond::page(&page)?)
}

fn pairs<'a>(ids: &'a [String], without: Option<&str>) -> Vec<(&'static str, &'a str)> {
    ids.iter().filter(|id| Some(id.as_str()) != without).map(|id| ("id", id.as_str())).collect()
}

fn head(model: &Compared, ids: &[String]) -> (String, String, String, Option<String>) {
    let id = model.id.to_string();
    let without = format!("/compare{}", links::query(&pairs(ids, Some(&id))));
    (id, links::repo(RepoKind::Model, &model.id), without, model.parameters.map(chart::beam))
}

/// The id that somebody means who pastes the address of a page of this hub.
fn id_of<'a>(asked: &'a str, origin: &str) -> &'a str {
    let bare = |address: &'a str| address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    let path = bare(asked).strip_prefix(host).and_then(|rest| rest.strip_prefix('/'));
    let Some(path) = path else { return asked };
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let is_other =
        |kind: &RepoKind| !kind.url_prefix().is_empty() && path.starts_with(kind.url_prefix());
    match path.match_indices('/').map(|(at, _)| at).collect::<Vec<_>>().as_slice() {
        _ if RepoKind::ALL.iter().any(is_other) => asked,
        [] => asked,
        [_] => path,
        [_, end, ..] => &path[..*end],
    }
}

/// A model that the reader may see; a wrong name and a hidden one look the same.
async fn compared(visit: &Visit, id: &str) -> Result<Option<Compared>> {
    let (hub, actor) = (&visit.hub, &visit.actor);
    let Ok(id) = RepoId::parse(id) else { return Ok(None) };
    let found = match hub.repo(actor, RepoKind::Model, &id, Action::ReadRepo).await {
        Err(Error::Moved { to, .. }) => {
            hub.repo(actor, RepoKind::Model, &to, Action::ReadRepo).await
        }
        found => found,
    };
    let row = match found {
        Ok(row) => row,
        Err(Error::NotFound(_) | Error::Disabled | Error::Moved { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let facts: Facts = serde_json::from_value(row.facts.clone()).unwrap_or_default();
    let mut config = Value::Null;
    // The configuration is content: of a gated model only what its facts tell is shown.
    if row.gated.is_empty()
        && let Some(snapshot) = hub.head(row.clone()).await?
        && let Some(entry) = snapshot.find_entry("config.json")?
        && let Content::Regular(bytes) = snapshot.content(&entry)?
        && bytes.len() <= CONFIG_BYTES_MAX
    {
        config = serde_json::from_slice(&bytes).unwrap_or_default();
    }
    let lineage = hub.lineage(actor, &row.repo).await?;
    let verdict = match lineage.licenses.verdict {
        Verdict::Permissive => "permissive",
        Verdict::Obligations => "terms to keep to",
        Verdict::Unclear => "unclear",
        Verdict::Conflict => "conflict",
    };
    let reported = hub.results_of(&row).await?;
    Ok(Some(Compared {
        parameters: hub.parameters_of(&[&row])[0],
        downloads: hub.stats_of(row.id).await?.downloads_30d,
        results: reported
            .iter()
            .filter(|one| one.pull_request.is_none())
            .map(|one| (one.result.key(), one.result.value))
            .collect(),
        id: row.repo,
        facts,
        config,
        verdict,
        bases: facts::bases(&lineage),
    }))
}

fn rows(models: &[Compared]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |label: &str, is_figure, cell: &dyn Fn(&Compared) -> Vec<Line>| {
        let cells: Vec<Vec<Line>> = models.iter().map(cell).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            rows.push(Row { label: label.to_owned(), cells, is_figure });
        }
    };
    add("Task", false, &|model| text(model.facts.pipeline_tag.as_deref().map(hits::task_name)));
    add("Library", false, &|model| {
        text(model.facts.library_name.as_deref().map(hits::library_name))
    });
    add("Architecture", false, &|model| text(model.facts.model_type.clone()));
    add("Parameters", true, &|model| text(model.parameters.map(format::full)));
    add("Weights", true, &|model| text(model.facts.weight_bytes.map(format::bytes)));
    add("Formats", false, &|model| text(Some(model.facts.formats.join(", "))));
    add("Quantization", false, &|model| text(quantization(model)));
    add("Context, tokens", true, &|model| {
        text(model.facts.context_tokens.map(|tokens| format::full(u64::from(tokens))))
    });
    for (label, keys) in CONFIG {
        add(label, true, &|model| text(number(&model.config, keys).map(format::full)));
    }
    add("Number type", false, &|model| {
        let dtype = ["dtype", "torch_dtype"].iter().find_map(|key| model.config.get(key)?.as_str());
        text(dtype.map(str::to_owned))
    });
    add("Licence", false, &|model| {
        model.facts.license.iter().take(1).map(|id| license(id)).collect()
    });
    add("Lineage of licences", false, &|model| text(Some(model.verdict.to_owned())));
    add("Made from", false, &|model| model.bases.clone());
    add("Languages", false, &|model| {
        text(Some(model.facts.languages.iter().take(8).cloned().collect::<Vec<_>>().join(", ")))
    });
    add("Downloads, 30 days", true, &|model| text(Some(format::full(model.downloads))));
    rows
}

fn text(cell: Option<String>) -> Vec<Line> {
    cell.into_iter().filter(|text| !text.is_empty()).map(Line::text).collect()
}

fn license(id: &str) -> Line {
    Line::link(hits::license_name(id), links::listed(RepoKind::Model, Facet::License, id))
}

/// Numbers of config.json under the names that architectures give them.
const CONFIG: &[(&str, &[&str])] = &[
    ("Hidden size", &["hidden_size", "n_embd", "d_model", "dim"]),
    ("Layers", &["num_hidden_layers", "n_layer", "num_layers", "n_layers"]),
    ("Attention heads", &["num_attention_heads", "n_head", "num_heads", "n_heads"]),
    ("Key-value heads", &["num_key_value_heads"]),
    ("Feed-forward size", &["intermediate_size", "n_inner", "d_ff", "hidden_dim"]),
    ("Vocabulary", &["vocab_size"]),
];

fn number(config: &Value, keys: &[&str]) -> Option<u64> {
    // Models of several parts keep those of their text part in a part of the configuration.
    let inner = config.get("text_config").unwrap_or(&Value::Null);
    keys.iter().find_map(|key| config.get(key).or_else(|| inner.get(key))?.as_u64())
}

fn quantization(model: &Compared) -> Option<String> {
    let facts = &model.facts;
    if facts.gguf_quants.is_empty() {
        return facts.quantization.as_ref().map(|quantization| quantization.method.clone());
    }
    let labels = facts.gguf_quants.iter().map(|quant| quant.label.clone());
    Some(labels.take(4).collect::<Vec<_>>().join(", "))
}

/// Results of the ways of measuring that two or more of the models share.
fn results(models: &[Compared]) -> Vec<Row> {
    let mut keys: BTreeMap<&ComparisonKey, usize> = BTreeMap::new();
    for key in models.iter().flat_map(|model| model.results.keys()) {
        *keys.entry(key).or_default() += 1;
    }
    let shared = keys.into_iter().filter(|(_, count)| *count > 1).map(|(key, _)| key);
    shared
        .map(|key| {
            let cell =
                |model: &Compared| text(model.results.get(key).copied().map(format::measured));
            Row {
                label: key.to_string(),
                cells: models.iter().map(cell).collect(),
                is_figure: true,
            }
        })
        .collect()
}

async fn suggestions(visit: &Visit) -> Result<Vec<(String, String)>> {
    let request = SearchRequest {
        kinds: vec![RepoKind::Model],
        sort: Sort::Downloads,
        limit: 3,
        ..SearchRequest::default()
    };
    let found = visit.hub.search(&visit.actor, request).await?;
    let ids: Vec<String> = found.repos.iter().map(|one| one.row.repo.to_string()).collect();
    let href = format!("/compare{}", links::query(&pairs(&ids, None)));
    Ok(if ids.len() > 1 { vec![(ids.join(", "), href)] } else { Vec::new() })
}

impl ComparePage {
    fn as_markdown(&self) -> String {
        let mut text = String::from("# Compare\n\n| |");
        for (id, href, _, _) in &self.models {
            text.push_str(&format!(" [{id}]({href}) |"));
        }
        text.push_str(&format!("\n|---|{}\n", "--:|".repeat(self.models.len())));
        for row in self.rows.iter().chain(&self.results) {
            let cell = |cell: &Vec<Line>| {
                let words: Vec<&str> = cell.iter().map(|line| line.text.as_str()).collect();
                hits::escape_cell(&words.join(", "))
            };
            let cells: Vec<String> = row.cells.iter().map(cell).collect();
            text.push_str(&format!(
                "| {} | {} |\n",
                hits::escape_cell(&row.label),
                cells.join(" | ")
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_address_is_that_of_its_model() {
        for (pasted, id) in [
            ("https://hub.test:80/alice/one", "alice/one"),
            ("http://hub.test:80/alice/one/tree/main?x=1#use", "alice/one"),
            ("hub.test:80/alice/one/", "alice/one"),
            ("alice/one", "alice/one"),
            ("http://hub.test:80/datasets/alice/one", "http://hub.test:80/datasets/alice/one"),
            ("http://elsewhere/alice/one", "http://elsewhere/alice/one"),
            ("http://hub.test:80/alice", "http://hub.test:80/alice"),
        ] {
            assert_eq!(id_of(pasted, "http://hub.test:80"), id);
        }
    }
}
