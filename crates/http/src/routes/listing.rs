//! `GET /api/models`, `/api/datasets`, `/api/spaces`, `/api/kernels`: listings as the clients of the Hub ask for them.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::{Value, json};
use steelyard_core::RepoKind;
use steelyard_service::discovery::query::{Bounds, Condition, End, Number};
use steelyard_service::discovery::{Direction, Facet, FoundRepo, Linked, SearchRequest, Sort};
use steelyard_service::{Error, Hub};

use super::info::{describe, identity, limit_of, wanted_names};
use super::search::parse_query;
use crate::extract::{Caller, Origin, Params};
use crate::openapi::{CURSOR, LIMIT, Parameter};
use crate::wire::info::{RepoInfoResponse, expand_names, record_field};
use crate::wire::likes::stats_field;
use crate::{Access, ApiError, Route, link};

/// Most conditions of one kind in one request.
const VALUES_MAX: usize = 64;

pub(super) fn add(table: &mut Vec<Route>) {
    for kind in RepoKind::ALL {
        let handler = move |hub, caller, origin, params| list(kind, hub, caller, origin, params);
        let path = format!("/api/{}", kind.plural());
        let summary = "Lists the repositories the caller may see";
        let list = Route::new(&["GET"], path, Access::Anyone, summary, get(handler)).query(QUERY);
        table.push(list.gives::<Vec<RepoInfoResponse>>().fails(&[501]));
    }
}

const QUERY: &[Parameter] = &[
    Parameter::text("author", "Only repositories of this user or organisation."),
    Parameter::text(
        "language",
        "Only in this language, by its code. As clients before 1.0 send it.",
    ),
    Parameter::text(
        "license",
        "Only under this licence, by its id. As clients before 1.0 send it.",
    ),
    Parameter::text("library", "Only for this library. As clients before 1.0 send it."),
    Parameter::text("task", "As `pipeline_tag`. As clients before 1.0 send it."),
    Parameter::list("tags", "As `filter`. As clients before 1.0 send it."),
    Parameter::list("other", "As `filter`."),
    Parameter::text("model_name", "As `search`."),
    Parameter::text("dataset_name", "As `search`."),
    Parameter::text("trained_dataset", "Only models that were trained on this dataset."),
    Parameter::text("sdk", "Only Spaces with this SDK."),
    Parameter::text("benchmark", "Only datasets with this tag of benchmarks (`official`)."),
    Parameter::text("task_categories", "Only datasets for this kind of task."),
    Parameter::text("task_ids", "Only datasets for this task."),
    Parameter::text("size_categories", "Only datasets of this size (`1K<n<10K`)."),
    Parameter::text("multilinguality", "Only datasets with this tag of multilinguality."),
    Parameter::text(
        "language_creators",
        "Only datasets whose language was made so (`crowdsourced`).",
    ),
    Parameter::text("modality", "Only datasets of this modality (`text`, `audio`)."),
    Parameter::text("format", "Only datasets in this format (`parquet`)."),
    Parameter::list("search", "Only ids that contain every one of these texts, in any case."),
    Parameter::list(
        "filter",
        "Only with every one of these tags (`license:mit`, `en`, `dataset:squad`).",
    ),
    Parameter::text("pipeline_tag", "Only models for this task."),
    Parameter::text("gated", "`true` or `false`: only repositories that are gated, or are not."),
    Parameter::text(
        "num_parameters",
        "Only models of this size: `min:6B,max:128B`, or one of the two.",
    ),
    Parameter::list(
        "apps",
        "Only models that every one of these local apps can run (`ollama`, `vllm`).",
    ),
    Parameter::list(
        "inference_provider",
        "No model is served by a provider here: nothing is found.",
    ),
    Parameter::text("inference", "As `inference_provider`."),
    Parameter::list("models", "Only Spaces that use any of these models."),
    Parameter::list("datasets", "Only Spaces that use any of these datasets."),
    Parameter::flag("linked", "Only Spaces that use a model or dataset."),
    Parameter::text("q", "A structured query, as `/api/search` takes it."),
    Parameter::text(
        "sort",
        "`trendingScore` (the default), `createdAt`, `lastModified`, `downloads`, `likes` or `relevance`.",
    ),
    Parameter::text("direction", "`-1`: the greatest first (the default); `1`: the least first."),
    Parameter::flag("full", "With author, commit, files and more."),
    Parameter::flag("config", "With the facts of config.json."),
    Parameter::flag("cardData", "With the metadata of README.md."),
    Parameter::list("expand", "Only these fields; an unknown name is refused with the known ones."),
    LIMIT,
    CURSOR,
];

/// Parameters that say what a reply holds, not which repositories.
const SHAPE: [&str; 9] = [
    "limit",
    "cursor",
    "full",
    "expand",
    "config",
    "cardData",
    "fetch_config",
    "includeNonRunning",
    "direction",
];

async fn list(
    kind: RepoKind,
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    params: Params,
) -> Result<(HeaderMap, Json<Vec<Value>>), ApiError> {
    let names = wanted_names(kind, &params)?;
    let request = request_of(kind, &params)?;
    let found = hub.search_words(&actor, request).await?;
    let mut items = Vec::with_capacity(found.repos.len());
    for repo in found.repos {
        items.push(list_item(&hub, &actor, repo, names.as_deref(), &params).await?);
    }
    let path = format!("/api/{}", kind.plural());
    Ok((link::next_page(&origin, &path, &params, found.next.as_ref()), Json(items)))
}

/// What a listing is asked for. A parameter that nobody knows is refused: a filter that does not filter would be a lie.
pub fn request_of(kind: RepoKind, params: &Params) -> Result<SearchRequest, Error> {
    let mut request = SearchRequest {
        kinds: vec![kind],
        limit: limit_of(params)?.unwrap_or(SearchRequest::LIMIT_MAX),
        cursor: link::cursor(params)?,
        sort: Sort::Trending,
        direction: direction_of(params)?,
        ..SearchRequest::default()
    };
    if params.pairs().len() > 4 * VALUES_MAX {
        return Err(Error::invalid("query", format!("must have at most {} parts", 4 * VALUES_MAX)));
    }
    for (name, value) in params.pairs() {
        let (name, value) = (name.as_str(), value.as_str());
        if SHAPE.contains(&name) || (value.is_empty() && !["q", "sort"].contains(&name)) {
            continue;
        }
        add_parameter(&mut request, kind, name, value)?;
    }
    join_linked(&mut request);
    if request.conditions.len() + request.name_contains.len() > VALUES_MAX {
        return Err(Error::invalid("filter", format!("must have at most {VALUES_MAX} values")));
    }
    Ok(request)
}

fn add_parameter(
    request: &mut SearchRequest,
    kind: RepoKind,
    name: &str,
    value: &str,
) -> Result<(), Error> {
    // Old clients send the tag, `license=license:mit`.
    let plain = value.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')).unwrap_or(value);
    let word = |facet| Condition::Word(facet, vec![plain.to_lowercase()]);
    match name {
        "author" => request.author = Some(value.to_owned()),
        "search" | "dataset_name" | "model_name" => request.name_contains.push(value.to_owned()),
        "q" => request.query = parse_query(value)?,
        "sort" => request.sort = sort_of(value)?,
        "filter" | "tags" | "other" => {
            request.conditions.extend(value.split(',').map(|tag| tag_condition(kind, tag.trim())));
        }
        "pipeline_tag" | "task" => request.conditions.push(word(Facet::Task)),
        "library" => request.conditions.push(word(Facet::Library)),
        "language" => request.conditions.push(word(Facet::Language)),
        "license" => request.conditions.push(word(Facet::License)),
        "sdk" => request.conditions.push(word(Facet::Sdk)),
        "apps" => request.conditions.push(word(Facet::App)),
        "trained_dataset" => {
            request.conditions.push(tag_condition(kind, &format!("dataset:{value}")));
        }
        "gated" => request.conditions.push(Condition::Gated(bool_of("gated", value)?)),
        "num_parameters" => {
            let bounds = parameter_bounds(value)?;
            request.conditions.push(Condition::Number(Number::Parameters, bounds));
        }
        // No provider serves models here, so none is warm.
        "inference" | "inference_provider" => request.conditions.push(Condition::Any(Vec::new())),
        "models" => request.linked.push(Linked::Models(vec![value.to_owned()])),
        "datasets" => request.linked.push(Linked::Datasets(vec![value.to_owned()])),
        "linked" if bool_of("linked", value)? => request.linked.push(Linked::Any),
        "linked" => {}
        "benchmark" | "task_categories" | "task_ids" | "size_categories" | "multilinguality"
        | "language_creators" | "modality" | "format" => {
            request.conditions.push(tag_condition(kind, &format!("{name}:{value}")));
        }
        _ => {
            return Err(Error::NotImplemented(format!(
                "this hub cannot filter listings by \"{name}\"; what it can is described at /api/openapi.json"
            )));
        }
    }
    Ok(())
}

/// `models=a&models=b` asks for Spaces that use a or b.
fn join_linked(request: &mut SearchRequest) {
    let (mut models, mut datasets, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for linked in request.linked.drain(..) {
        match linked {
            Linked::Models(ids) => models.extend(ids),
            Linked::Datasets(ids) => datasets.extend(ids),
            Linked::Any => rest.push(Linked::Any),
        }
    }
    if !models.is_empty() {
        rest.push(Linked::Models(models));
    }
    if !datasets.is_empty() {
        rest.push(Linked::Datasets(datasets));
    }
    request.linked = rest;
}

/// A tag in the form the repository has it: models carry languages, libraries and tasks without a prefix.
fn tag_condition(kind: RepoKind, tag: &str) -> Condition {
    let mut tags = vec![tag.to_owned()];
    if let Some((prefix, plain)) = tag.split_once(':') {
        let is_plain = match kind {
            RepoKind::Dataset => ["library", "other"].contains(&prefix),
            _ => ["language", "library", "pipeline_tag", "task", "other", "sdk"].contains(&prefix),
        };
        if is_plain {
            tags.push(plain.to_owned());
        }
    }
    Condition::Tag(tags)
}

pub(super) fn sort_of(text: &str) -> Result<Sort, Error> {
    Ok(match text {
        "" | "trendingScore" | "trending_score" | "trending" => Sort::Trending,
        "createdAt" | "created_at" => Sort::CreatedAt,
        "lastModified" | "last_modified" => Sort::LastModified,
        "downloads" => Sort::Downloads,
        "likes" => Sort::Likes,
        "relevance" => Sort::Relevance,
        _ => {
            return Err(Error::invalid(
                "sort",
                "must be trendingScore, createdAt, lastModified, downloads, likes or relevance",
            ));
        }
    })
}

fn direction_of(params: &Params) -> Result<Direction, Error> {
    match params.get("direction") {
        None | Some("" | "-1" | "desc") => Ok(Direction::Descending),
        Some("1" | "asc") => Ok(Direction::Ascending),
        Some(_) => Err(Error::invalid("direction", "must be -1 or 1")),
    }
}

pub(super) fn bool_of(field: &'static str, text: &str) -> Result<bool, Error> {
    match text {
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" => Ok(false),
        _ => Err(Error::invalid(field, "must be true or false")),
    }
}

/// `min:6B,max:128B`, or one of the two; both ends are inside.
fn parameter_bounds(text: &str) -> Result<Bounds, Error> {
    let rule = || Error::invalid("num_parameters", "must look like min:6B,max:128B (K, M, B or T)");
    let mut bounds = Bounds::default();
    for part in text.split(',') {
        let (end, number) = part.trim().split_once(':').ok_or_else(rule)?;
        let value =
            Some(End { value: count_of(number.trim()).ok_or_else(rule)?, is_inclusive: true });
        match end {
            "min" => bounds.min = value,
            "max" => bounds.max = value,
            _ => return Err(rule()),
        }
    }
    Ok(bounds)
}

fn count_of(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 1.0,
        "K" => 1e3,
        "M" => 1e6,
        "B" | "G" => 1e9,
        "T" => 1e12,
        _ => return None,
    };
    let value: f64 = digits.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value * factor)
}

async fn list_item(
    hub: &Hub,
    actor: &steelyard_service::Actor,
    found: FoundRepo,
    names: Option<&[&'static str]>,
    params: &Params,
) -> Result<Value, Error> {
    let FoundRepo { row, stats, .. } = found;
    let wanted = item_names(row.kind, names, params);
    let needs_commit = ["sha", "siblings", "safetensors", "gguf", "evalResults", "mainSize"];
    if needs_commit.iter().any(|name| wanted.contains(name)) {
        let snapshot = hub.head(row.clone()).await?;
        return describe(hub, actor, &row, snapshot.as_ref(), Some(wanted), false).await;
    }
    let mut info = identity(&row);
    if row.kind == RepoKind::Model {
        info.insert("modelId".to_owned(), json!(row.repo.to_string()));
    }
    // Scripts written for clients before 1.0 read it there.
    if names.is_none()
        && let Some(license) = row.facts["license"].get(0)
    {
        info.insert("license".to_owned(), license.clone());
    }
    for name in wanted {
        let value = match name {
            "usedStorage" => Some(json!(hub.used_storage(&row).await?)),
            "childrenModelCount" => {
                Some(json!(hub.count_children(actor, &row.repo).await?.total()))
            }
            "spaces" => Some(json!(hub.spaces_using(actor, &row.repo).await?)),
            _ => stats_field(&stats, hub.now(), name)
                .or_else(|| record_field(&row, &row.facts, name)),
        };
        if let Some(value) = value {
            info.insert(name.to_owned(), value);
        }
    }
    Ok(Value::Object(info))
}

/// The fields of one entry.
fn item_names(
    kind: RepoKind,
    names: Option<&[&'static str]>,
    params: &Params,
) -> Vec<&'static str> {
    const SHORT: &[&str] = &[
        "likes",
        "trendingScore",
        "private",
        "downloads",
        "tags",
        "pipeline_tag",
        "library_name",
        "createdAt",
    ];
    const FULL: &[&str] = &["author", "sha", "lastModified", "gated", "disabled", "siblings"];
    let full = params.flag("full");
    let mut wanted: Vec<&'static str> = match names {
        Some(names) => names.to_vec(),
        None if full => SHORT.iter().chain(FULL).copied().collect(),
        None => SHORT.to_vec(),
    };
    for (flag, name) in [("config", "config"), ("cardData", "cardData")] {
        let implied = full && name == "cardData" && kind != RepoKind::Model;
        if (params.flag(flag) || implied) && names.is_none() {
            wanted.push(name);
        }
    }
    // A Space's listing shows what runs it; a dataset's, what it is.
    match kind {
        RepoKind::Space if names.is_none() => wanted.extend(["sdk", "lastModified"]),
        RepoKind::Dataset if names.is_none() => {
            wanted.extend(["author", "description", "lastModified", "gated", "disabled"]);
        }
        _ => {}
    }
    wanted.retain(|name| expand_names(kind).contains(name));
    wanted.dedup();
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_as_clients_write_them() {
        let bounds = parameter_bounds("min:6B,max:128.5B").unwrap();
        assert!(bounds.contains(6e9) && bounds.contains(128.5e9) && !bounds.contains(5.9e9));
        assert!(parameter_bounds("max:500M").unwrap().contains(0.0));
        for wrong in ["6B", "min:", "min:6X", "least:6B", "min:-1", "min:NaN", "min:inf"] {
            assert!(parameter_bounds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_filter_that_nobody_knows_is_refused() {
        let ask = |text: &str| request_of(RepoKind::Model, &Params::parse(text.as_bytes()));
        assert!(matches!(ask("colour=red"), Err(Error::NotImplemented(_))));
        assert!(matches!(ask("sort=size"), Err(Error::Invalid(_))));
        assert!(matches!(ask("direction=2"), Err(Error::Invalid(_))));
        let request =
            ask("filter=en&filter=license:mit,bert&models=a/b&models=c/d&limit=5").unwrap();
        assert_eq!(request.conditions.len(), 3);
        assert_eq!(request.linked, [Linked::Models(vec!["a/b".to_owned(), "c/d".to_owned()])]);
        assert_eq!(request.limit, 5);
    }

    #[test]
    fn tags_are_found_in_the_form_that_models_have_them() {
        assert_eq!(
            tag_condition(RepoKind::Model, "language:en"),
            Condition::Tag(vec!["language:en".to_owned(), "en".to_owned()])
        );
        assert_eq!(
            tag_condition(RepoKind::Dataset, "language:en"),
            Condition::Tag(vec!["language:en".to_owned()])
        );
    }
}
