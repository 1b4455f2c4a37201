//! Which chunks are stored: `GET chunks`.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use steelyard_service::{Error, Hub, Missing};

use super::{BYTES, Bearer, Reader, hash_of, no_store};
use crate::ApiError;

/// The protocol's pages say the second, the clients the first.
const PREFIXES: &[&str] = &["default", "default-merkledb"];

pub(super) async fn find(
    State(hub): State<Hub>,
    Bearer(token): Reader,
    Path((prefix, hash)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let hash = hash_of(&prefix, PREFIXES, &hash)?;
    let found = hub.find_dedup_shard(&token, &hash).await?;
    let shard = found.ok_or(Error::NotFound(Missing::Other("chunk")))?;
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(BYTES))];
    Ok((content_type, no_store(shard)).into_response())
}
