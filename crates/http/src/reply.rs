//! Bodies in and out: JSON whatever the content type says, within a limit.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use steelyard_core::limits::JSON_BODY_BYTES_MAX;
use steelyard_service::{Error, Hub};

use crate::ApiError;

/// Reads a whole body of at most `limit` bytes.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, Error> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLarge {
            what: "the request body".to_owned(),
            limit: format!("{limit} bytes"),
        }),
        Err(error) => Err(Error::invalid("body", format!("could not be read: {error}"))),
    }
}

/// A JSON body. The content type is not looked at: clients send bodyless POSTs without one, and an empty body reads
/// as `{}`.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Hub> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _hub: &Hub) -> Result<Self, ApiError> {
        let body = read_body(request.into_body(), JSON_BODY_BYTES_MAX).await?;
        let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
        let value = serde_json::from_slice(text)
            .map_err(|error| Error::invalid("body", error.to_string()))?;
        Ok(Self(value))
    }
}
