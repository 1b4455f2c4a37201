//! Bytes up and down, by addresses that this hub signed.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use steelyard_core::Sha256;
use steelyard_service::lfs::Pointer;
use steelyard_service::{Error, Hub};

use super::{LfsJson, check_signature};
use crate::ApiError;
use crate::file::{FileReply, respond_stream};
use crate::reply::JsonBody;
use crate::wire::lfs::{CompleteRequest, VerifyRequest};

pub(super) async fn upload(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    check_signature(&hub, request.uri())?;
    let length = content_length(request.headers())?;
    let sha256 = hub.receive_upload(&id, length, request.into_body().into_data_stream()).await?;
    Ok(received(&sha256.to_string()))
}

pub(super) async fn upload_part(
    State(hub): State<Hub>,
    Path((id, number)): Path<(String, u32)>,
    request: Request,
) -> Result<Response, ApiError> {
    check_signature(&hub, request.uri())?;
    let etag = hub.receive_part(&id, number, request.into_body().into_data_stream()).await?;
    Ok(received(&etag))
}

pub(super) async fn complete(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    uri: Uri,
    JsonBody(request): JsonBody<CompleteRequest>,
) -> Result<LfsJson<serde_json::Value>, ApiError> {
    check_signature(&hub, &uri)?;
    let parts =
        request.parts.into_iter().map(|part| (part.part_number, bare(&part.etag).to_owned()));
    hub.complete_upload(&id, request.oid, parts.collect()).await?;
    Ok(LfsJson(StatusCode::OK, serde_json::json!({})))
}

pub(super) async fn verify(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    uri: Uri,
    JsonBody(request): JsonBody<VerifyRequest>,
) -> Result<LfsJson<serde_json::Value>, ApiError> {
    check_signature(&hub, &uri)?;
    hub.verify_upload(&id, Pointer { sha256: request.oid, size: request.size }).await?;
    Ok(LfsJson(StatusCode::OK, serde_json::json!({})))
}

pub(super) async fn download(
    State(hub): State<Hub>,
    Path((repo, sha256)): Path<(i64, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check_signature(&hub, &uri)?;
    let sha256 = Sha256::parse(&sha256)?;
    let link = hub.signed_download(repo, sha256).await?;
    let name = link.filename.clone().unwrap_or_else(|| sha256.to_string());
    let etag = Some(sha256.to_string());
    let reply = FileReply {
        path: &name,
        size: link.size_bytes,
        etag,
        immutable: true,
        headers: HeaderMap::new(),
    };
    respond_stream(
        &method,
        &headers,
        reply,
        |range| async move { hub.open_content(&link, range).await },
    )
    .await
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    let Some(length) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = length.to_str().ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or_else(|| Error::invalid("Content-Length", "must be a number of bytes"))
}

/// huggingface_hub demands an `ETag` of each part and sends it back when it completes the upload.
fn received(etag: &str) -> Response {
    let etag =
        HeaderValue::from_str(&format!("\"{etag}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    (StatusCode::OK, [(header::ETAG, etag)]).into_response()
}

fn bare(etag: &str) -> &str {
    etag.trim_start_matches("W/").trim_matches('"')
}
