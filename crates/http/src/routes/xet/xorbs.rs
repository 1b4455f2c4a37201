//! Xorbs on their way in: grants, bytes, and whether one is there.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use steelyard_core::limits::XORB_BODY_BYTES_MAX;
use steelyard_service::xet::{XetPermit, XorbGrant};
use steelyard_service::{Error, Hub, Missing};

use super::{Bearer, Reader, Writer, body, hash_of, no_store};
use crate::ApiError;
use crate::wire::xet::{XorbGrantRequest, XorbGrantResponse, XorbUploadedResponse};

/// The one name space of xorbs.
const PREFIXES: &[&str] = &["default"];

/// The status is the answer: with 200 the client uploads nothing, with 201 it puts the xorb where the answer says, with 404
/// it posts it here.
pub(super) async fn grant(
    State(hub): State<Hub>,
    Bearer(token): Writer,
    Path((prefix, hash)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let hash = hash_of(&prefix, PREFIXES, &hash)?;
    let offer = body::read_json::<XorbGrantRequest>(request).await?.offer()?;
    match hub.grant_xorb(&token, &hash, &offer).await? {
        XorbGrant::Stored => Ok(Json(json!({})).into_response()),
        XorbGrant::NotOffered => Err(Error::NotFound(Missing::Other("grant for this xorb")).into()),
        XorbGrant::Put { id, url, headers } => {
            let headers = headers.into_iter().collect();
            let granted = XorbGrantResponse { id, method: "PUT", url, headers };
            Ok((StatusCode::CREATED, no_store(Json(granted))).into_response())
        }
    }
}

/// What was put into the store under a grant is taken over. 404 makes the client ask for a new grant.
pub(super) async fn commit(
    State(hub): State<Hub>,
    Bearer(token): Writer,
    Path((prefix, hash, id)): Path<(String, String, String)>,
) -> Result<Json<Value>, ApiError> {
    let hash = hash_of(&prefix, PREFIXES, &hash)?;
    hub.commit_xorb(&token, &hash, &id).await?;
    Ok(Json(json!({})))
}

pub(super) async fn upload(
    State(hub): State<Hub>,
    Bearer(token): Writer,
    Path((prefix, hash)): Path<(String, String)>,
    request: Request,
) -> Result<Json<XorbUploadedResponse>, ApiError> {
    let hash = hash_of(&prefix, PREFIXES, &hash)?;
    let body = body::read_large(&hub, request, XORB_BODY_BYTES_MAX, XetPermit::xorb_cost).await?;
    let was_inserted = hub.upload_xorb(&token, &hash, body).await?;
    Ok(Json(XorbUploadedResponse { was_inserted }))
}

pub(super) async fn size(
    State(hub): State<Hub>,
    Bearer(token): Reader,
    Path((prefix, hash)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let hash = hash_of(&prefix, PREFIXES, &hash)?;
    let size = hub.xorb_size(&token, &hash).await?;
    Ok(sized(size))
}

/// The answer to a HEAD for something of this size.
pub(super) fn sized(size: u64) -> Response {
    ([(header::CONTENT_LENGTH, HeaderValue::from(size))], no_store(Body::empty())).into_response()
}
