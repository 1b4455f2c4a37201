//! Refs, branches, tags, commit lists, super-squash.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{delete, get, post};
use serde_json::{Value, json};
use steelyard_core::{Oid, RepoKind, Revision};
use steelyard_service::{Action, Hub};

use crate::extract::{Caller, Origin, Params, Target};
use crate::openapi::{CURSOR, LIMIT, Parameter};
use crate::reply::JsonBody;
use crate::wire::EmptyResponse;
use crate::wire::commit::{CommitAuthor, CommitListEntry, FormattedCommit};
use crate::wire::refs::{
    CreateBranchRequest, CreateTagRequest, RefResponse, RefsResponse, SquashRequest,
};
use crate::{Access, ApiError, Route, link};

pub(super) fn add(table: &mut Vec<Route>) {
    let (read, write) = (Access::Repo(Action::ReadRepo), Access::Repo(Action::WriteContent));
    for kind in RepoKind::ALL {
        let base = format!("/api/{}/{{ns}}/{{name}}", kind.plural());
        let list = Route::new(
            &["GET"],
            format!("{base}/refs"),
            read,
            "Lists branches and tags",
            get(list_refs),
        );
        table.push(list.query(REFS_QUERY).gives::<RefsResponse>());
        let path = format!("{base}/branch/{{*rest}}");
        let create =
            Route::new(&["POST"], path.clone(), write, "Creates a branch", post(create_branch));
        let create =
            create.rest("{branch}").takes::<CreateBranchRequest>().gives::<EmptyResponse>();
        table.push(create.fails(&[409, 501]));
        let drop = Route::new(&["DELETE"], path, write, "Deletes a branch", delete(delete_branch));
        table.push(drop.rest("{branch}").gives::<EmptyResponse>());
        let path = format!("{base}/tag/{{*rest}}");
        let summary = "Tags the revision in the path; the tag's name is in the body";
        let create = Route::new(&["POST"], path.clone(), write, summary, post(create_tag));
        table.push(
            create
                .rest("{revision}")
                .takes::<CreateTagRequest>()
                .gives::<EmptyResponse>()
                .fails(&[409]),
        );
        let drop =
            Route::new(&["DELETE"], path, write, "Deletes the tag in the path", delete(delete_tag));
        table.push(drop.rest("{revision}").gives::<EmptyResponse>());
        let path = format!("{base}/commits/{{*rest}}");
        let commits =
            Route::new(&["GET"], path, read, "Lists the commits of a revision", get(list_commits));
        table.push(commits.rest("{revision}").query(COMMITS_QUERY).gives::<Vec<CommitListEntry>>());
        let (path, summary) =
            (format!("{base}/super-squash/{{*rest}}"), "Makes a branch's history one commit");
        let squash = Route::new(&["POST"], path, write, summary, post(squash));
        table.push(squash.rest("{branch}").takes::<SquashRequest>().gives::<EmptyResponse>());
    }
}

const REFS_QUERY: &[Parameter] =
    &[Parameter::flag("include_prs", "With the refs of pull requests.")];
const COMMITS_QUERY: &[Parameter] =
    &[Parameter::list("expand", "`formatted`: with title and message as HTML."), LIMIT, CURSOR];

async fn list_refs(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    params: Params,
) -> Result<Json<RefsResponse>, ApiError> {
    let list = hub.list_refs(&actor, target.kind, &target.id).await?;
    let group = |refs: Vec<(String, String, Oid)>| -> Vec<RefResponse> {
        let entry = |(name, full, oid): (_, _, Oid)| RefResponse {
            name,
            full,
            target_commit: oid.to_string(),
        };
        refs.into_iter().map(entry).collect()
    };
    Ok(Json(RefsResponse {
        branches: group(list.branches),
        converts: group(list.converts),
        tags: group(list.tags),
        pull_requests: params.flag("include_prs").then(|| group(list.pull_requests)),
    }))
}

async fn create_branch(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    JsonBody(request): JsonBody<CreateBranchRequest>,
) -> Result<Json<Value>, ApiError> {
    hub.repo(&actor, target.kind, &target.id, Action::WriteContent).await?;
    for (field, value) in [("emptyBranch", request.empty_branch), ("overwrite", request.overwrite)]
    {
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
    let snapshot =
        hub.snapshot(&actor, target.kind, &target.id, &revision, Action::ReadRepo).await?;
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
