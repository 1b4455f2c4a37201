//! Searching: the structured query, full text, a few letters; and the vocabularies that searches use.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::{Map, Value, json};
use steelyard_core::RepoKind;
use steelyard_service::discovery::query::Query;
use steelyard_service::discovery::{Facet, Found, FoundRepo, SearchRequest, Sort, TextFound};
use steelyard_service::{Error, Hub};

use super::info::{identity, limit_of};
use super::listing::sort_of;
use crate::extract::{Caller, Origin, Params};
use crate::openapi::{CURSOR, LIMIT, Parameter};
use crate::wire::discovery::{QuickSearchResponse, SearchResponse, SuggestionResponse, facets};
use crate::wire::info::record_field;
use crate::wire::likes::stats_field;
use crate::{Access, ApiError, Route, link};

/// Hits on a page when nobody says how many.
const PAGE: usize = 20;
/// Words counted for each vocabulary.
const FACET_WORDS: usize = 20;
/// Fields of a hit.
const HIT_FIELDS: [&str; 11] = [
    "author",
    "private",
    "gated",
    "createdAt",
    "lastModified",
    "tags",
    "pipeline_tag",
    "library_name",
    "downloads",
    "likes",
    "trendingScore",
];

pub(super) fn add(table: &mut Vec<Route>) {
    let summary = "Searches by a structured query";
    let search = Route::new(&["GET"], "/api/search", Access::Anyone, summary, get(search))
        .query(SEARCH_QUERY);
    table.push(search.gives::<SearchResponse>().fails(&[400]));
    let (path, summary) = ("/api/search/full-text", "Searches the text of cards");
    let full =
        Route::new(&["GET"], path, Access::Anyone, summary, get(full_text)).query(FULL_TEXT_QUERY);
    table.push(full.gives::<SearchResponse>());
    let (path, summary) = ("/api/search/suggest", "Completes a query while it is typed");
    let suggest =
        Route::new(&["GET"], path, Access::Anyone, summary, get(suggest)).query(SUGGEST_QUERY);
    table.push(suggest.gives::<Vec<SuggestionResponse>>());
    let (path, summary) = ("/api/quicksearch", "Finds repositories and accounts by a few letters");
    let quick = Route::new(&["GET"], path, Access::Anyone, summary, get(quick)).query(QUICK_QUERY);
    table.push(quick.gives::<QuickSearchResponse>());
    let (path, summary) = ("/api/spaces/semantic-search", "Searches Spaces by words");
    let spaces =
        Route::new(&["GET"], path, Access::Anyone, summary, get(spaces)).query(SPACES_QUERY);
    table.push(spaces.gives::<Vec<Value>>());
}

const KIND: Parameter =
    Parameter::text("type", "`model`, `dataset`, `space` or `kernel`; all when absent.");

const SEARCH_QUERY: &[Parameter] = &[
    Parameter::text(
        "q",
        "The query: words and terms, such as `task:text-classification size:<100MB` (docs/search.md).",
    ),
    KIND,
    Parameter::text(
        "sort",
        "`relevance` (the default), `trendingScore`, `createdAt`, `lastModified`, `downloads` or `likes`.",
    ),
    Parameter::flag("facets", "`false` leaves out the counts."),
    LIMIT,
    CURSOR,
];
const FULL_TEXT_QUERY: &[Parameter] = &[
    Parameter::text("q", "Words; several in quotes must stand side by side."),
    KIND,
    LIMIT,
    Parameter::text("skip", "Hits to leave out at the beginning."),
];
const SUGGEST_QUERY: &[Parameter] = &[
    Parameter::text("q", "What has been typed."),
    Parameter::text("at", "The byte at which the cursor stands; the end when absent."),
];
const QUICK_QUERY: &[Parameter] = &[
    Parameter::text("q", "The letters."),
    Parameter::text("limit", "Entries of each kind; 10 at most."),
];
const SPACES_QUERY: &[Parameter] = &[
    Parameter::text("q", "Words."),
    Parameter::list("filter", "Only with every one of these tags."),
    Parameter::list("sdk", "Only with this SDK."),
    Parameter::flag("includeNonRunning", "Spaces do not run here, so it makes no difference."),
];

/// Reads a structured query; an error says where it is wrong.
pub(super) fn parse_query(text: &str) -> Result<Query, Error> {
    Query::parse(text).map_err(Error::Query)
}

fn kinds_of(params: &Params) -> Result<Vec<RepoKind>, Error> {
    let kind = |text: &&str| {
        let known =
            RepoKind::ALL.into_iter().find(|kind| kind.as_str() == *text || kind.plural() == *text);
        known.ok_or_else(|| Error::invalid("type", "must be model, dataset, space or kernel"))
    };
    params.all("type").iter().filter(|text| !text.is_empty()).map(kind).collect()
}

async fn search(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    params: Params,
) -> Result<(HeaderMap, Json<Value>), ApiError> {
    let query = parse_query(params.get("q").unwrap_or_default())?;
    let with_facets = params.get("facets").is_none() || params.flag("facets");
    let counted = |facet: &Facet| (*facet, FACET_WORDS);
    let request = SearchRequest {
        kinds: kinds_of(&params)?,
        sort: params.get("sort").map_or(Ok(Sort::Relevance), sort_of)?,
        limit: limit_of(&params)?.unwrap_or(PAGE),
        cursor: link::cursor(&params)?,
        facets: if with_facets { Facet::ALL.iter().map(counted).collect() } else { Vec::new() },
        with_total: true,
        query,
        ..SearchRequest::default()
    };
    let understood = request.query.to_text();
    let found = hub.search_words(&actor, request).await?;
    let body = json!({
        "hits": found.repos.iter().map(|repo| hit(&hub, repo)).collect::<Vec<_>>(),
        "total": found.total,
        "facets": facets(&found.facets),
        "query": understood,
        "matched": matched(found.all_words),
    });
    Ok((link::next_page(&origin, "/api/search", &params, found.next.as_ref()), Json(body)))
}

/// A repository that was found, as a listing shows it.
fn hit(hub: &Hub, found: &FoundRepo) -> Value {
    let mut info = identity(&found.row);
    info.insert("type".to_owned(), json!(found.row.kind.as_str()));
    for name in HIT_FIELDS {
        let value = stats_field(&found.stats, hub.now(), name)
            .or_else(|| record_field(&found.row, &found.row.facts, name));
        if let Some(value) = value {
            info.insert(name.to_owned(), value);
        }
    }
    for (name, fact) in [("license", "license"), ("sizeBytes", "weight_bytes"), ("title", "title")]
    {
        let value = match &found.row.facts[fact] {
            Value::Array(list) => list.first().cloned().unwrap_or_default(),
            other => other.clone(),
        };
        if !value.is_null() {
            info.insert(name.to_owned(), value);
        }
    }
    if let Some(score) = found.score {
        info.insert("score".to_owned(), json!(score));
    }
    Value::Object(info)
}

async fn full_text(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let words = params.get("q").unwrap_or_default();
    let skip = match params.get("skip") {
        Some(text) => {
            text.parse().map_err(|_| Error::invalid("skip", "must be a number of hits"))?
        }
        None => 0,
    };
    let limit = limit_of(&params)?.unwrap_or(PAGE);
    let found = hub.search_text(&actor, words, &kinds_of(&params)?, limit, skip).await?;
    let TextFound { hits, total, is_exact, all_words } = found;
    let hits: Vec<Value> = hits
        .into_iter()
        .map(|one| {
            let mut hit = hit(&hub, &one.repo);
            hit["highlight"] = json!(one.snippets.join(" "));
            hit["highlights"] = json!(one.snippets);
            hit
        })
        .collect();
    Ok(Json(json!({
        "hits": hits,
        "total": total,
        "totalIsExact": is_exact,
        "matched": matched(all_words),
    })))
}

/// Whether hits have all the words, or some because none has all.
fn matched(all_words: bool) -> &'static str {
    if all_words { "all" } else { "some" }
}

async fn suggest(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    params: Params,
) -> Result<Json<Vec<SuggestionResponse>>, ApiError> {
    let text = params.get("q").unwrap_or_default();
    let at = match params.get("at") {
        Some(at) => at.parse().map_err(|_| Error::invalid("at", "must be a number of bytes"))?,
        None => text.len(),
    };
    let suggested = hub.suggest(&actor, text, at).await?;
    Ok(Json(suggested.into_iter().map(SuggestionResponse::from).collect()))
}

async fn quick(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let text = params.get("q").unwrap_or_default();
    let found = hub.quick_search(&actor, text, limit_of(&params)?.unwrap_or(5).min(10)).await?;
    let mut body = Map::new();
    for (kind, rows) in found.repos {
        let entries: Vec<Value> = rows
            .iter()
            .map(|row| json!({"_id": row.public_id, "id": row.repo.to_string(), "private": row.visibility.is_private()}))
            .collect();
        body.insert(kind.plural().to_owned(), json!(entries));
    }
    let users: Vec<Value> = found
        .users
        .iter()
        .map(|user| json!({"_id": user.public_id, "user": user.name, "fullname": user.full_name, "avatarUrl": ""}))
        .collect();
    let orgs: Vec<Value> = found
        .orgs
        .iter()
        .map(|org| json!({"_id": org.public_id, "name": org.name, "fullname": org.full_name, "avatarUrl": ""}))
        .collect();
    body.insert("users".to_owned(), json!(users));
    body.insert("orgs".to_owned(), json!(orgs));
    // There are none yet; clients look for the list.
    body.insert("collections".to_owned(), json!([]));
    Ok(Json(Value::Object(body)))
}

/// By words, not by meaning: the clients call it so.
async fn spaces(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    params: Params,
) -> Result<Json<Vec<Value>>, ApiError> {
    let words = params.get("q").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let mut request = super::listing::request_of(RepoKind::Space, &params.without("q"))?;
    request.query = Query { words, terms: Vec::new() };
    request.sort = Sort::Relevance;
    request.limit = limit_of(&params)?.unwrap_or(PAGE).min(100);
    let Found { repos, .. } = hub.search_words(&actor, request).await?;
    let best = repos.iter().filter_map(|repo| repo.score).fold(f32::MIN_POSITIVE, f32::max);
    let entry = |found: &FoundRepo| {
        let mut entry = hit(&hub, found);
        let card = &found.row.facts["card_data"];
        for (name, key) in
            [("title", "title"), ("emoji", "emoji"), ("ai_short_description", "short_description")]
        {
            if let Some(text) = card.get(key).filter(|value| value.is_string()) {
                entry[name] = text.clone();
            }
        }
        if entry["title"].is_null() {
            entry["title"] = json!(found.row.repo.name.as_str());
        }
        entry["sdk"] = json!(record_field(&found.row, &found.row.facts, "sdk"));
        entry["semanticRelevancyScore"] = json!(found.score.map(|score| score / best));
        entry
    };
    Ok(Json(repos.iter().map(entry).collect()))
}
