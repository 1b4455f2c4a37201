//! Listings of files, paths-info, safetensors headers.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use steelyard_core::limits::{JSON_BODY_BYTES_MAX, PATHS_INFO_MAX};
use steelyard_core::{RepoKind, Revision};
use steelyard_service::revisions::TreeQuery;
use steelyard_service::{Action, Error, Hub};

use crate::extract::{Caller, Origin, Params, Target};
use crate::reply::read_body;
use crate::wire::tree::TreeEntryResponse;
use crate::{Access, ApiError, Route, link};

pub(super) fn add(table: &mut Vec<Route>) {
    let read = Access::Repo(Action::ReadRepo);
    for kind in RepoKind::ALL {
        let base = format!("/api/{}/{{ns}}/{{name}}", kind.plural());
        table.push(Route::new(&["GET"], format!("{base}/tree/{{*rest}}"), read, get(tree)));
        table.push(Route::new(&["POST"], format!("{base}/paths-info/{{*rest}}"), read, post(paths_info)));
    }
    let content = Access::Repo(Action::ReadContent);
    let path = "/api/models/{ns}/{name}/safetensors-metadata/{*rest}";
    table.push(Route::new(&["GET"], path, content, get(safetensors)));
}

async fn tree(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    target: Target,
    uri: axum::http::Uri,
    params: Params,
) -> Result<(HeaderMap, Json<Vec<TreeEntryResponse>>), ApiError> {
    let (revision, folder) = target.revision_and_path()?;
    let revision = Revision::parse(&revision)?;
    let snapshot = hub.snapshot(&actor, target.kind, &target.id, &revision, Action::ReadRepo).await?;
    let query = TreeQuery {
        folder,
        recursive: params.flag("recursive"),
        expand: params.flag("expand"),
        cursor: link::cursor(&params)?,
        limit: params.get("limit").and_then(|limit| limit.parse().ok()),
    };
    let page = blocking(move || snapshot.list_tree(&query)).await?;
    let headers = link::next_page(&origin, uri.path(), &params, page.next.as_ref());
    Ok((headers, Json(page.items.into_iter().map(TreeEntryResponse::from).collect())))
}

#[derive(Debug, Deserialize)]
struct PathsInfoRequest {
    paths: Vec<String>,
    #[serde(default)]
    expand: bool,
}

/// The Python client sends a form, huggingface.js sends JSON.
async fn paths_info(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Vec<TreeEntryResponse>>, ApiError> {
    let revision = Revision::parse(&target.tail()?)?;
    let snapshot = hub.snapshot(&actor, target.kind, &target.id, &revision, Action::ReadRepo).await?;
    let body = read_body(body, JSON_BODY_BYTES_MAX).await?;
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
    let request = if content_type.starts_with("application/json") {
        serde_json::from_slice(&body).map_err(|error| Error::invalid("body", error.to_string()))?
    } else {
        let form = Params::parse(&body);
        PathsInfoRequest {
            paths: form.all("paths").into_iter().map(str::to_owned).collect(),
            expand: form.flag("expand"),
        }
    };
    if request.paths.len() > PATHS_INFO_MAX {
        return Err(Error::TooLarge { what: "the request".to_owned(), limit: format!("{PATHS_INFO_MAX} paths") }.into());
    }
    let entries = blocking(move || snapshot.paths_info(&request.paths, request.expand)).await?;
    Ok(Json(entries.into_iter().map(TreeEntryResponse::from).collect()))
}

async fn safetensors(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let revision = Revision::parse(params.get("revision").unwrap_or("main"))?;
    let snapshot = hub.snapshot(&actor, target.kind, &target.id, &revision, Action::ReadContent).await?;
    let metadata = hub.safetensors_metadata(&snapshot, &target.tail()?).await?;
    // Clients read `index.metadata` also of a file that is no index.
    let index = metadata.index.unwrap_or_else(|| json!({}));
    Ok(Json(json!({"index": index, "headers": metadata.headers})))
}

/// Walks of large trees and long histories leave the async threads to others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
