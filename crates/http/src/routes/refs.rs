//! Refs, branches, tags, commit lists, super-squash.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use steelyard_core::{RepoKind, Revision};
use steelyard_service::{Action, Hub};

use crate::extract::{Caller, Origin, Params, Target};
use crate::reply::JsonBody;
use crate::wire::commit::{CommitAuthor, CommitListEntry, FormattedCommit};
use crate::{Access, ApiError, Route, link};

pub(super) fn add(table: &mut Vec<Route>) {
    let (read, write) = (Access::Repo(Action::ReadRepo), Access::Repo(Action::WriteContent));
    for kind in RepoKind::ALL {
        let base = format!("/api/{}/{{ns}}/{{name}}", kind.plural());
        table.push(Route::new(&["GET"], format!("{base}/refs"), read, get(list_refs)));
        let branch = post(create_branch).delete(delete_branch);
        table.push(Route::new(&["POST", "DELETE"], format!("{base}/branch/{{*rest}}"), write, branch));
        let tag = post(create_tag).delete(delete_tag);
        table.push(Route::new(&["POST", "DELETE"], format!("{base}/tag/{{*rest}}"), write, tag));
        table.push(Route::new(&["GET"], format!("{base}/commits/{{*rest}}"), read, get(list_commits)));
        table.push(Route::new(&["POST"], format!("{base}/super-squash/{{*rest}}"), write, post(squash)));
    }
}

async fn list_refs(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let list = hub.list_refs(&actor, target.kind, &target.id).await?;
    let group = |refs: Vec<(String, String, steelyard_core::Oid)>| -> Value {
        refs.into_iter()
            .map(|(name, full, oid)| json!({"name": name, "ref": full, "targetCommit": oid}))
            .collect()
    };
    let mut body = json!({
        "branches": group(list.branches),
        "converts": group(list.converts),
        "tags": group(list.tags),
    });
    if params.flag("include_prs") {
        body["pullRequests"] = group(list.pull_requests);
    }
    Ok(Json(body))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateBranchRequest {
    starting_point: Option<String>,
    empty_branch: Option<bool>,
    overwrite: Option<bool>,
}

async fn create_branch(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    JsonBody(request): JsonBody<CreateBranchRequest>,
) -> Result<Json<Value>, ApiError> {
    hub.repo(&actor, target.kind, &target.id, Action::WriteContent).await?;
    for (field, value) in [("emptyBranch", request.empty_branch), ("overwrite", request.overwrite)] {
        if value == Some(true) {
            let text = format!("this hub cannot create a branch with \"{field}\"; leave it out");
            return Err(steelyard_service::Error::NotImplemented(text).into());
        }
    }
    let start = request.starting_point.as_deref().map(Revision::parse).transpose()?;
    hub.create_branch(&actor, target.kind, &target.id, &target.tail()?, start.as_ref()).await?;
    Ok(Json(json!({})))
}

async fn delete_branch(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
) -> Result<Json<Value>, ApiError> {
    hub.delete_branch(&actor, target.kind, &target.id, &target.tail()?).await?;
    Ok(Json(json!({})))
}

#[derive(Debug, Deserialize)]
struct CreateTagRequest {
    tag: Option<String>,
    message: Option<String>,
}

/// The path names what is tagged; the tag's name is in the body.
async fn create_tag(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    JsonBody(request): JsonBody<CreateTagRequest>,
) -> Result<Json<Value>, ApiError> {
    hub.repo(&actor, target.kind, &target.id, Action::WriteContent).await?;
    let revision = Revision::parse(&target.tail()?)?;
    let tag = request.tag.ok_or_else(|| steelyard_service::Error::invalid("tag", "is missing"))?;
    let message = request.message.as_deref();
    hub.create_tag(&actor, target.kind, &target.id, &revision, &tag, message).await?;
    Ok(Json(json!({})))
}

async fn delete_tag(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
) -> Result<Json<Value>, ApiError> {
    hub.delete_tag(&actor, target.kind, &target.id, &target.tail()?).await?;
    Ok(Json(json!({})))
}

async fn list_commits(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    target: Target,
    uri: axum::http::Uri,
    params: Params,
) -> Result<(HeaderMap, Json<Vec<CommitListEntry>>), ApiError> {
    let revision = Revision::parse(&target.tail()?)?;
    let snapshot = hub.snapshot(&actor, target.kind, &target.id, &revision, Action::ReadRepo).await?;
    let limit = params.get("limit").and_then(|limit| limit.parse().ok());
    let page = snapshot.list_commits(link::cursor(&params)?.as_ref(), limit)?;
    let formatted = params.all("expand").contains(&"formatted");
    let items = page.items.into_iter().map(|commit| CommitListEntry {
        id: commit.oid.to_string(),
        formatted: formatted.then(|| FormattedCommit {
            title: escape(&commit.title),
            message: format!("<p>{}</p>", escape(&commit.message)),
        }),
        title: commit.title,
        message: commit.message,
        authors: vec![CommitAuthor { user: commit.author }],
        date: commit.date.to_string(),
    });
    Ok((link::next_page(&origin, uri.path(), &params, page.next.as_ref()), Json(items.collect())))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[derive(Debug, Deserialize)]
struct SquashRequest {
    message: Option<String>,
}

async fn squash(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    JsonBody(request): JsonBody<SquashRequest>,
) -> Result<Json<Value>, ApiError> {
    let message = request.message.as_deref().filter(|message| !message.is_empty());
    hub.super_squash(&actor, target.kind, &target.id, &target.tail()?, message).await?;
    Ok(Json(json!({})))
}
