//! Editing files in place: `GET file-chunk-hashes`.

use std::ops::Range;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use steelyard_core::XetHash;
use steelyard_service::{Error, Hub};
use steelyard_xet::windows::DIRTY_RANGES_MAX;

use super::fetch::parse_range;
use super::{Bearer, Reader, no_store};
use crate::ApiError;
use crate::wire::xet::FileChunkHashesResponse;

/// The ranges that will be overwritten, as `Range` writes them.
const RANGE_DIRTY: HeaderName = HeaderName::from_static("x-range-dirty");

pub(super) async fn find(
    State(hub): State<Hub>,
    Bearer(token): Reader,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let hash = XetHash::parse(&hash)?;
    let dirty = dirty_ranges(&headers)?;
    let found = hub.file_chunk_windows(&token, &hash, &dirty).await?;
    Ok(no_store(axum::Json(FileChunkHashesResponse::from(found))).into_response())
}

fn dirty_ranges(headers: &HeaderMap) -> Result<Vec<Range<u64>>, Error> {
    let invalid = || {
        let rule = format!("must be bytes=FIRST-LAST,… with at most {DIRTY_RANGES_MAX} ranges");
        Error::invalid("X-Range-Dirty", rule)
    };
    let set =
        headers.get(RANGE_DIRTY).and_then(|value| value.to_str().ok()?.strip_prefix("bytes="));
    let ranges = set.ok_or_else(invalid)?.split(',').map(|text| parse_range(text.trim()));
    let ranges: Option<Vec<_>> = ranges.take(DIRTY_RANGES_MAX + 1).collect();
    ranges.filter(|ranges| ranges.len() <= DIRTY_RANGES_MAX).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(text: &str) -> Result<Vec<Range<u64>>, Error> {
        let value = HeaderValue::from_str(text).unwrap();
        dirty_ranges(&[(RANGE_DIRTY, value)].into_iter().collect())
    }

    #[test]
    fn dirty_ranges_are_read() {
        assert_eq!(read("bytes=0-9,20-20, 30-31").unwrap(), [0..10, 20..21, 30..32]);
        assert!(dirty_ranges(&HeaderMap::new()).is_err());
        for text in ["", "bytes=", "0-9", "bytes=5-4", "bytes=0-", "bytes=-1", "bytes=0-9,,20-21"] {
            assert!(read(text).is_err(), "{text}");
        }
        let many = |count: usize| format!("bytes={}", vec!["1-2"; count].join(","));
        assert_eq!(read(&many(DIRTY_RANGES_MAX)).unwrap().len(), DIRTY_RANGES_MAX);
        assert!(read(&many(DIRTY_RANGES_MAX + 1)).is_err());
    }
}
