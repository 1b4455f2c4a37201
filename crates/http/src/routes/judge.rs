//! What the hub says of one repository beyond its files: lineage, card report, snippets, leaderboard; and vocabularies.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::{Value, json};
use steelyard_core::page::Cursor;
use steelyard_core::{RepoKind, Revision};
use steelyard_service::discovery::BaseRelation;
use steelyard_service::{Action, Error, Hub};

use super::listing::bool_of;
use crate::extract::{Caller, Origin, Params, Target};
use crate::openapi::{CURSOR, Parameter};
use crate::wire::discovery::{
    CardReportResponse, ChildResponse, LeaderboardResponse, LineageResponse, SnippetResponse,
    leaderboard as board_rows, lineage as lineage_body,
};
use crate::{Access, ApiError, Route, link};

const REVISION_QUERY: &[Parameter] =
    &[Parameter::text("revision", "A branch, tag or commit; the default branch when absent.")];
const CHILDREN_QUERY: &[Parameter] = &[
    Parameter::text("relation", "`adapter`, `merge`, `quantized` or `finetune`; all when absent."),
    CURSOR,
];
const BOARD_QUERY: &[Parameter] = &[Parameter::text(
    "base_model",
    "`false`: also models that were made from others; they are left out otherwise.",
)];

pub(super) fn add(table: &mut Vec<Route>) {
    let read = Access::Repo(Action::ReadRepo);
    let (path, summary) = (
        "/api/models/{ns}/{name}/lineage",
        "Tells where a model comes from, and what its ancestors' licences ask",
    );
    table.push(Route::new(&["GET"], path, read, summary, get(lineage)).gives::<LineageResponse>());
    let (path, summary) =
        ("/api/models/{ns}/{name}/children", "Lists the models made from a model");
    let children = Route::new(&["GET"], path, read, summary, get(children)).query(CHILDREN_QUERY);
    table.push(children.gives::<Vec<ChildResponse>>());
    for kind in RepoKind::ALL {
        let base = format!("/api/{}/{{ns}}/{{name}}", kind.plural());
        let summary = "Says what is there, what is missing and what can be trusted in a card";
        let report =
            Route::new(&["GET"], format!("{base}/card-report"), read, summary, get(report));
        table.push(report.query(REVISION_QUERY).gives::<CardReportResponse>());
        let summary = "Gives code to begin with";
        let code = Route::new(&["GET"], format!("{base}/snippets"), read, summary, get(snippets));
        table.push(code.query(REVISION_QUERY).gives::<Vec<SnippetResponse>>());
    }
    let (path, summary) = (
        "/api/datasets/{ns}/{name}/leaderboard",
        "Ranks what models report of a dataset, each way of measuring for itself",
    );
    let board = Route::new(&["GET"], path, read, summary, get(leaderboard)).query(BOARD_QUERY);
    table.push(board.gives::<Vec<LeaderboardResponse>>());
    for (path, summary, handler) in [
        ("/api/models-tags-by-type", "Lists the tags of models by what they are", get(model_tags)),
        (
            "/api/datasets-tags-by-type",
            "Lists the tags of datasets by what they are",
            get(dataset_tags),
        ),
        ("/api/tasks", "Describes the tasks", get(tasks)),
    ] {
        table.push(Route::new(&["GET"], path, Access::Anyone, summary, handler).gives::<Value>());
    }
}

async fn lineage(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
) -> Result<Json<Value>, ApiError> {
    let lineage = hub.lineage(&actor, &target.id).await?;
    let body = lineage_body(&target.id.to_string(), &lineage).map_err(Error::internal)?;
    Ok(Json(body))
}

async fn children(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    target: Target,
    params: Params,
) -> Result<(HeaderMap, Json<Vec<Value>>), ApiError> {
    let after = match link::cursor(&params)? {
        Some(cursor) => cursor.as_text()?.parse().map_err(|_| {
            Error::invalid("cursor", "must be taken from a Link header of this server")
        })?,
        None => 0,
    };
    let relation = match params.get("relation") {
        None | Some("") => None,
        Some(word) => Some(BaseRelation::parse(word).ok_or_else(|| {
            Error::invalid("relation", "must be adapter, merge, quantized or finetune")
        })?),
    };
    let (found, next) = hub.list_children(&actor, &target.id, relation, after).await?;
    let rows = found.iter().map(|child| {
        json!({
            "_id": child.row.public_id,
            "id": child.row.repo.to_string(),
            "relation": child.relation,
            "private": child.row.visibility.is_private(),
            "lastModified": child.row.last_modified,
            "tags": child.row.facts["tags"],
            "sizeBytes": child.row.facts["weight_bytes"],
            "quantization": child.row.facts["quantization"],
            "ggufQuants": child.row.facts["gguf_quants"],
        })
    });
    let next = next.map(|id| Cursor::after(id.to_string()));
    let path = format!("/api/models/{}/children", target.id);
    Ok((link::next_page(&origin, &path, &params, next.as_ref()), Json(rows.collect())))
}

async fn report(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let revision = Revision::parse(params.get("revision").unwrap_or("HEAD"))?;
    let report = hub.card_report(&actor, target.kind, &target.id, &revision).await?;
    Ok(Json(serde_json::to_value(report).map_err(Error::internal)?))
}

async fn snippets(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    target: Target,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let revision = params.get("revision").map(Revision::parse).transpose()?;
    let (kind, id) = (target.kind, &target.id);
    let snippets = hub.snippets(&actor, kind, id, revision.as_ref(), &origin).await?;
    Ok(Json(serde_json::to_value(snippets).map_err(Error::internal)?))
}

async fn leaderboard(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    params: Params,
) -> Result<Json<Vec<LeaderboardResponse>>, ApiError> {
    let wanted = params.get("base_model").filter(|text| !text.is_empty());
    let roots_only = wanted.map_or(Ok(true), |text| bool_of("base_model", text))?;
    let board = hub.leaderboard(&actor, &target.id, roots_only).await?;
    Ok(Json(board_rows(&board)))
}

async fn model_tags(
    State(hub): State<Hub>,
    Caller(actor): Caller,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(hub.tags_by_type(&actor, RepoKind::Model).await?))
}

async fn dataset_tags(
    State(hub): State<Hub>,
    Caller(actor): Caller,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(hub.tags_by_type(&actor, RepoKind::Dataset).await?))
}

async fn tasks(State(hub): State<Hub>, Caller(actor): Caller) -> Result<Json<Value>, ApiError> {
    Ok(Json(hub.describe_tasks(&actor).await?))
}
