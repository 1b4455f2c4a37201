//! Locks: create, list, verify before a push, release.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use steelyard_core::page::Cursor;
use steelyard_service::lfs::{LockQuery, Locking};
use steelyard_service::{Error, Hub};

use super::LfsJson;
use crate::ApiError;
use crate::extract::{Caller, Params, Target};
use crate::link;
use crate::reply::JsonBody;
use crate::wire::lfs::{
    CreateLockRequest, LocksResponse, OneLockResponse, UnlockRequest, VerifyLocksRequest,
    VerifyLocksResponse,
};

pub(super) async fn list(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    params: Params,
) -> Result<LfsJson<LocksResponse>, ApiError> {
    let limit = params.get("limit").filter(|text| !text.is_empty()).map(str::parse).transpose();
    let limit = limit.map_err(|_| Error::invalid("limit", "must be a number"))?;
    let given = |key| params.get(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let cursor = if params.get("cursor") == Some("") { None } else { link::cursor(&params)? };
    let query = LockQuery { path: given("path"), id: given("id"), cursor, limit };
    let page = hub.list_locks(&actor, target.kind, &target.id, &query).await?;
    let locks = page.items.into_iter().map(Into::into).collect();
    let response = LocksResponse { locks, next_cursor: page.next.as_ref().map(Cursor::encode) };
    Ok(LfsJson(StatusCode::OK, response))
}

pub(super) async fn create(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    JsonBody(request): JsonBody<CreateLockRequest>,
) -> Result<Response, ApiError> {
    let reference = request.reference.as_ref().map(|reference| reference.name.as_str());
    let locking =
        hub.create_lock(&actor, target.kind, &target.id, &request.path, reference).await?;
    let (status, lock, message) = match locking {
        Locking::Created(lock) => (StatusCode::CREATED, lock, None),
        Locking::Held(lock) => (StatusCode::CONFLICT, lock, Some("already created lock")),
    };
    Ok(LfsJson(status, OneLockResponse { lock: lock.into(), message }).into_response())
}

pub(super) async fn verify(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    JsonBody(request): JsonBody<VerifyLocksRequest>,
) -> Result<LfsJson<VerifyLocksResponse>, ApiError> {
    let cursor =
        request.cursor.as_deref().filter(|text| !text.is_empty()).map(Cursor::parse).transpose()?;
    // git-lfs sends 0 for "as many as you like".
    let limit = request.limit.filter(|limit| *limit > 0);
    let query = LockQuery { cursor, limit, ..LockQuery::default() };
    let page = hub.list_locks_before_push(&actor, target.kind, &target.id, &query).await?;
    let (ours, theirs): (Vec<_>, Vec<_>) = page.items.into_iter().partition(|lock| lock.is_ours);
    let response = VerifyLocksResponse {
        ours: ours.into_iter().map(Into::into).collect(),
        theirs: theirs.into_iter().map(Into::into).collect(),
        next_cursor: page.next.as_ref().map(Cursor::encode),
    };
    Ok(LfsJson(StatusCode::OK, response))
}

pub(super) async fn unlock(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    Path((_, _, id)): Path<(String, String, String)>,
    JsonBody(request): JsonBody<UnlockRequest>,
) -> Result<LfsJson<OneLockResponse>, ApiError> {
    let lock = hub.delete_lock(&actor, target.kind, &target.id, &id, request.force).await?;
    Ok(LfsJson(StatusCode::OK, OneLockResponse { lock: lock.into(), message: None }))
}
