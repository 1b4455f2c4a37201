//! Listings of files, paths-info, safetensors headers.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use serde_json::json;
use steelyard_core::limits::{JSON_BODY_BYTES_MAX, PATHS_INFO_MAX};
use steelyard_core::{RepoKind, Revision};
use steelyard_service::revisions::{Entry, TreeQuery};
use steelyard_service::{Action, Error, Hub};

use crate::extract::{Caller, Origin, Params, Target};
use crate::openapi::{CURSOR, LIMIT, Parameter};
use crate::reply::read_body;
use crate::wire::tree::{PathsInfoRequest, SafetensorsResponse, TreeEntryResponse};
use crate::{Access, ApiError, Route, link};

pub(super) fn add(table: &mut Vec<Route>) {
    let read = Access::Repo(Action::ReadRepo);
    for kind in RepoKind::ALL {
        let base = format!("/api/{}/{{ns}}/{{name}}", kind.plural());
        let tree = Route::new(
            &["GET"],
            format!("{base}/tree/{{*rest}}"),
            read,
            "Lists a folder",
            get(tree),
        );
        table.push(
            tree.rest("{revision}/{path}").query(TREE_QUERY).gives::<Vec<TreeEntryResponse>>(),
        );
        let (path, summary) = (
            format!("{base}/paths-info/{{*rest}}"),
            "Describes the files and folders it is asked for",
        );
        let paths = Route::new(&["POST"], path, read, summary, post(paths_info)).rest("{revision}");
        table.push(
            paths.takes::<PathsInfoRequest>().gives::<Vec<TreeEntryResponse>>().fails(&[413]),
        );
    }
    let content = Access::Repo(Action::ReadContent);
    let path = "/api/models/{ns}/{name}/safetensors-metadata/{*rest}";
    let summary = "Gives the headers of safetensors files";
    let headers = Route::new(&["GET"], path, content, summary, get(safetensors)).rest("{path}");
    table.push(headers.query(HEADERS_QUERY).gives::<SafetensorsResponse>().fails(&[413]));
}

const HEADERS_QUERY: &[Parameter] =
    &[Parameter::text("revision", "A branch, tag or commit; `main` when absent.")];
const TREE_QUERY: &[Parameter] = &[
    Parameter::flag("recursive", "With everything below the folder."),
    Parameter::flag("expand", "With the last commit of each entry."),
    LIMIT,
    CURSOR,
];

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
    let snapshot =
        hub.snapshot(&actor, target.kind, &target.id, &revision, Action::ReadRepo).await?;
    let query = TreeQuery {
        folder,
        recursive: params.flag("recursive"),
        expand: params.flag("expand"),
        cursor: link::cursor(&params)?,
        limit: params.get("limit").and_then(|limit| limit.parse().ok()),
    };
    let repo_id = snapshot.repo.id;
    let page = blocking(move || snapshot.list_tree(&query)).await?;
    let headers = link::next_page(&origin, uri.path(), &params, page.next.as_ref());
    Ok((headers, Json(entries(&hub, repo_id, page.items).await?)))
}

async fn entries(
    hub: &Hub,
    repo_id: i64,
    entries: Vec<Entry>,
) -> Result<Vec<TreeEntryResponse>, Error> {
    let hashes = hub.xet_hashes(repo_id, &entries).await?;
    Ok(entries.into_iter().map(|entry| TreeEntryResponse::new(entry, &hashes)).collect())
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
    let snapshot =
        hub.snapshot(&actor, target.kind, &target.id, &revision, Action::ReadRepo).await?;
    let body = read_body(body, JSON_BODY_BYTES_MAX).await?;
    let content_type =
        headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
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
        return Err(Error::TooLarge {
            what: "the request".to_owned(),
            limit: format!("{PATHS_INFO_MAX} paths"),
        }
        .into());
    }
    let repo_id = snapshot.repo.id;
    let found = blocking(move || snapshot.paths_info(&request.paths, request.expand)).await?;
    Ok(Json(entries(&hub, repo_id, found).await?))
}

async fn safetensors(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    params: Params,
) -> Result<Json<SafetensorsResponse>, ApiError> {
    let revision = Revision::parse(params.get("revision").unwrap_or("main"))?;
    let snapshot =
        hub.snapshot(&actor, target.kind, &target.id, &revision, Action::ReadContent).await?;
    let metadata = hub.safetensors_metadata(&snapshot, &target.tail()?).await?;
    // Clients read `index.metadata` also of a file that is no index.
    let index = metadata.index.unwrap_or_else(|| json!({}));
    Ok(Json(SafetensorsResponse { index, headers: metadata.headers }))
}

/// Walks of large trees and long histories leave the async threads to others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
