//! Registering files: `POST shards`.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use steelyard_core::limits::SHARD_BODY_BYTES_MAX;
use steelyard_service::Hub;
use steelyard_service::xet::{ShardProgress, XetBody, XetPermit};
use tokio::sync::watch;

use super::frames::{PACE, frames};
use super::{Bearer, NDJSON, Writer, body};
use crate::ApiError;
use crate::wire::xet::ShardUploadedResponse;

pub(super) async fn register(
    State(hub): State<Hub>,
    Bearer(token): Writer,
    request: Request,
) -> Result<Json<ShardUploadedResponse>, ApiError> {
    let body = read(&hub, request).await?;
    let registered = hub.register_shard(&token, body, &|_| {}).await?;
    Ok(Json(ShardUploadedResponse::new(registered.is_new)))
}

/// What is wrong with the body is told by a status; what is wrong with the shard by the last line, because the client
/// shows its user only that.
pub(super) async fn register_telling(
    State(hub): State<Hub>,
    Bearer(token): Writer,
    request: Request,
) -> Result<Response, ApiError> {
    let body = read(&hub, request).await?;
    let (sender, receiver) = watch::channel(ShardProgress::Validating { verified: 0, total: 0 });
    let work = tokio::spawn(async move {
        let tell = move |progress| {
            sender.send_replace(progress);
        };
        let registered = hub.register_shard(&token, body, &tell).await;
        registered.map(|registered| registered.is_new)
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(NDJSON)),
        // A proxy that collects lines would make them pointless.
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(frames(work, receiver, PACE))).into_response())
}

async fn read(hub: &Hub, request: Request) -> Result<XetBody, ApiError> {
    Ok(body::read_large(hub, request, SHARD_BODY_BYTES_MAX, XetPermit::shard_cost).await?)
}
