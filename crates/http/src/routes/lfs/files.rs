//! `lfs-files`: the large files of a repository, as its owners manage them.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::Uri;
use steelyard_service::{Error, Hub};

use crate::ApiError;
use crate::extract::{Caller, Origin, Params, Target};
use crate::link;
use crate::reply::JsonBody;
use crate::wire::lfs::{LfsFileResponse, LfsFilesBatchRequest, LfsFilesDeletedResponse};

pub(super) async fn list(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    Origin(origin): Origin,
    uri: Uri,
    params: Params,
) -> Result<(HeaderMap, Json<Vec<LfsFileResponse>>), ApiError> {
    let limit = params.get("limit").map(str::parse).transpose();
    let limit = limit.map_err(|_| Error::invalid("limit", "must be a number"))?;
    let cursor = link::cursor(&params)?;
    let page = hub.list_lfs_files(&actor, target.kind, &target.id, cursor.as_ref(), limit).await?;
    let headers = link::next_page(&origin, uri.path(), &params, page.next.as_ref());
    Ok((headers, Json(page.items.into_iter().map(Into::into).collect())))
}

pub(super) async fn delete(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    JsonBody(request): JsonBody<LfsFilesBatchRequest>,
) -> Result<Json<LfsFilesDeletedResponse>, ApiError> {
    let deletions = request.deletions;
    let deleted = if deletions.rewrite_history {
        hub.purge_lfs_files(&actor, target.kind, &target.id, &deletions.sha).await?
    } else {
        hub.delete_lfs_files(&actor, target.kind, &target.id, &deletions.sha).await?
    };
    Ok(Json(LfsFilesDeletedResponse { deleted }))
}
