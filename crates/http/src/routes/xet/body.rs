//! Bodies of xorbs, shards and reports: bounded in bytes, memory and time.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use steelyard_service::xet::{XetBody, XetPermit};
use steelyard_service::{Error, Hub};
use tokio::time::Instant;

use super::Reader;
use crate::ApiError;
use crate::reply::read_body;

/// Largest JSON body of the content store, in bytes.
const JSON_BYTES_MAX: usize = 1024 * 1024;
/// Memory is set aside for a body from its first byte on, so whoever sends too slowly has to come again: 37 kB/s for the
/// largest body, and never nothing for a minute.
const PATIENCE: Patience =
    Patience { silence: Duration::from_secs(60), whole: Duration::from_secs(30 * 60) };
/// What is made ready for a body before any of it is there.
const CAPACITY_MAX: usize = 4 * 1024 * 1024;

/// How long a body may take.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// From one piece to the next.
    silence: Duration,
    /// From the first to the last.
    whole: Duration,
}

/// Reads the body of a xorb or shard, at most `limit` bytes, once there is memory for what `cost` says it needs.
pub(super) async fn read_large(
    hub: &Hub,
    request: Request,
    limit: usize,
    cost: impl Fn(u64) -> u64,
) -> Result<XetBody, Error> {
    let length = content_length(request.headers(), limit)?;
    let permit: XetPermit = hub.xet_memory(cost(length.unwrap_or(limit) as u64)).await?;
    let bytes = collect(request.into_body(), length, limit, PATIENCE).await?;
    Ok(XetBody { bytes, permit })
}

async fn collect(
    body: Body,
    length: Option<usize>,
    limit: usize,
    patience: Patience,
) -> Result<Bytes, Error> {
    let end = Instant::now() + patience.whole;
    let mut stream = body.into_data_stream();
    let mut all = BytesMut::with_capacity(length.unwrap_or(0).min(CAPACITY_MAX));
    loop {
        let until = end.min(Instant::now() + patience.silence);
        let next = tokio::time::timeout_at(until, stream.try_next());
        let next = next.await.map_err(|_| Error::Busy {
            what: "the body of the request came too slowly",
            retry_after_secs: 1,
        })?;
        let Some(piece) = next.map_err(|error| broken_off(&error))? else {
            return Ok(all.freeze());
        };
        if all.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        all.extend_from_slice(&piece);
    }
}

fn broken_off(error: &axum::Error) -> Error {
    Error::invalid("body", format!("could not be read: {error}"))
}

fn too_large(limit: usize) -> Error {
    Error::TooLarge { what: "the request body".to_owned(), limit: format!("{limit} bytes") }
}

/// The length that the request announces, if it does.
fn content_length(headers: &HeaderMap, limit: usize) -> Result<Option<usize>, Error> {
    let Some(length) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length: Option<u64> = length.to_str().ok().and_then(|text| text.parse().ok());
    let length =
        length.ok_or_else(|| Error::invalid("Content-Length", "must be a number of bytes"))?;
    let length = usize::try_from(length).ok().filter(|length| *length <= limit);
    length.map(Some).ok_or_else(|| too_large(limit))
}

/// A JSON body.
pub(super) async fn read_json<T: DeserializeOwned>(request: Request) -> Result<T, Error> {
    content_length(request.headers(), JSON_BYTES_MAX)?;
    let body = read_body(request.into_body(), JSON_BYTES_MAX).await?;
    serde_json::from_slice(&body).map_err(|error| Error::invalid("body", error.to_string()))
}

/// Reports of clients about themselves. They are read, so that the connection can be used on, and kept by nobody.
pub(super) async fn forget(_: Reader, request: Request) -> Result<Json<Value>, ApiError> {
    read_json::<serde::de::IgnoredAny>(request).await?;
    Ok(Json(serde_json::json!({})))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::http::HeaderValue;

    use super::*;

    fn pieces(pieces: &[&'static [u8]]) -> Body {
        let pieces: Vec<Result<_, Infallible>> =
            pieces.iter().map(|piece| Ok(Bytes::from_static(piece))).collect();
        Body::from_stream(futures_util::stream::iter(pieces))
    }

    #[tokio::test]
    async fn bodies_are_put_together_up_to_the_limit() {
        let all = collect(pieces(&[b"ab", b"", b"cd"]), Some(4), 4, PATIENCE).await.unwrap();
        assert_eq!(all, "abcd");
        assert_eq!(collect(pieces(&[]), None, 4, PATIENCE).await.unwrap(), "");
        // Whatever was announced.
        for length in [None, Some(1)] {
            let read = collect(pieces(&[b"ab", b"cd", b"e"]), length, 4, PATIENCE).await;
            assert!(matches!(read, Err(Error::TooLarge { .. })), "{read:?}");
        }
    }

    #[tokio::test]
    async fn nobody_holds_memory_by_saying_nothing() {
        let (short, long) = (Duration::from_millis(50), Duration::from_secs(600));
        let never = || futures_util::stream::pending::<Result<Bytes, Infallible>>();
        for patience in
            [Patience { silence: short, whole: long }, Patience { silence: long, whole: short }]
        {
            let read = collect(Body::from_stream(never()), None, 4, patience).await;
            assert!(matches!(read, Err(Error::Busy { .. })), "{patience:?} {read:?}");
        }
        // Drop by drop is too slow, too.
        let drops = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b"x")), ()))
        });
        let patience = Patience { silence: long, whole: short };
        let read = collect(Body::from_stream(drops), None, usize::MAX, patience).await;
        assert!(matches!(read, Err(Error::Busy { .. })), "{read:?}");
    }

    #[test]
    fn lengths_are_looked_at_before_anything_is_read() {
        let length = |text: &'static str| {
            let headers = [(header::CONTENT_LENGTH, HeaderValue::from_static(text))];
            content_length(&headers.into_iter().collect(), 100)
        };
        assert_eq!(content_length(&HeaderMap::new(), 100).unwrap(), None);
        assert_eq!(length("100").unwrap(), Some(100));
        assert!(matches!(length("101"), Err(Error::TooLarge { .. })));
        assert!(matches!(length("18446744073709551615"), Err(Error::TooLarge { .. })));
        for text in ["", "-1", "1e3", "18446744073709551616"] {
            assert!(matches!(length(text), Err(Error::Invalid(_))), "{text}");
        }
    }
}
