//! Bytes of stored xorbs, by addresses that this hub signed.
//!
//! A xorb holds chunks of many files, some of which the holder of an address may not read. So an address says which ranges
//! it is for, and nothing else is given out: not the whole, not less, not two ranges in one.

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use steelyard_blob::BlobStream;
use steelyard_core::{Timestamp, XetHash};
use steelyard_service::xet::FETCH_RANGES_MAX;
use steelyard_service::{Error, Hub, Missing};

use super::{BYTES, ROOT, no_store};
use crate::ApiError;

/// The field with the ranges: `0-131071_200000-262143`, in bytes, both ends included.
const RANGES: &str = "r";
const REFUSAL: &str = "this address is for other ranges; ask for each exactly as it was given";

/// Path and query of an address that is good for these ranges of a xorb.
pub(super) fn fetch_url<'a>(
    hub: &Hub,
    xorb: &XetHash,
    generation: u32,
    ranges: impl Iterator<Item = &'a Range<u64>>,
    expires: Timestamp,
) -> String {
    let path = format!("{ROOT}/x/{xorb}.{generation:08x}");
    let ranges: Vec<String> = ranges.map(text_of).collect();
    // The path is the purpose, as with all signed addresses.
    let query = hub.signer().sign(&path, &[(RANGES, &ranges.join("_"))], expires);
    format!("{path}?{query}")
}

fn text_of(range: &Range<u64>) -> String {
    format!("{}-{}", range.start, range.end.saturating_sub(1))
}

pub(super) async fn fetch(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let signed = signed_ranges(&hub, &uri)?;
    let wanted = wanted_ranges(&headers, &signed).ok_or(Error::Forbidden(REFUSAL.to_owned()))?;
    let (hash, generation) = xorb_of(&key).ok_or(Error::NotFound(Missing::Other("xorb")))?;
    let xorb = Xorb { hub, hash, generation };
    // The first one is opened before the status is out.
    let first = xorb.open(&wanted[0]).await?;
    Ok(match &wanted[..] {
        [range] => one_part(range, first),
        _ => xorb.parts(wanted, first),
    })
}

fn signed_ranges(hub: &Hub, uri: &Uri) -> Result<Vec<Range<u64>>, Error> {
    let signed = hub.signer().verify(uri.path(), uri.query().unwrap_or(""), hub.now());
    let fields = signed.map_err(|error| Error::Forbidden(format!("{error}; ask for a new one")))?;
    let ranges = fields.get(RANGES).unwrap_or("").split('_').map(parse_range);
    let ranges: Option<Vec<_>> = ranges.collect();
    ranges.ok_or_else(|| Error::internal("an address was signed with ranges that cannot be read"))
}

/// The ranges of the one `Range` header; each must be one of the signed ones, and none may come twice.
fn wanted_ranges(headers: &HeaderMap, signed: &[Range<u64>]) -> Option<Vec<Range<u64>>> {
    let mut values = headers.get_all(header::RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let set = value.to_str().ok()?.strip_prefix("bytes=")?;
    let mut wanted: Vec<Range<u64>> = Vec::new();
    for text in set.split(',') {
        let range = parse_range(text.trim())?;
        let is_fresh = wanted.len() < FETCH_RANGES_MAX && !wanted.contains(&range);
        if !is_fresh || !signed.contains(&range) {
            return None;
        }
        wanted.push(range);
    }
    Some(wanted)
}

/// Reads `FIRST-LAST`; no range is empty.
pub(super) fn parse_range(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain(first) || !is_plain(last) {
        return None;
    }
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(first..last.checked_add(1)?)
}

fn xorb_of(key: &str) -> Option<(XetHash, u32)> {
    let (hash, generation) = key.split_once('.')?;
    Some((XetHash::parse(hash).ok()?, u32::from_str_radix(generation, 16).ok()?))
}

struct Xorb {
    hub: Hub,
    hash: XetHash,
    generation: u32,
}

impl Xorb {
    async fn open(&self, range: &Range<u64>) -> Result<BlobStream, Error> {
        self.hub.open_xorb(&self.hash, self.generation, range.clone()).await
    }

    /// Several ranges as `multipart/byteranges` (RFC 9110, section 14.6), in the order they were asked for.
    fn parts(self, ranges: Vec<Range<u64>>, first: BlobStream) -> Response {
        // Nobody who stores a xorb can know what will stand between its parts.
        let boundary = format!("steelyard-{}", self.hub.fresh_request_id());
        let heads: Vec<String> = ranges.iter().map(|range| head(&boundary, range)).collect();
        let tail = format!("\r\n--{boundary}--\r\n");
        let text_bytes: usize = heads.iter().map(String::len).sum::<usize>() + tail.len();
        let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        let body = async_stream::try_stream! {
            let mut first = Some(first);
            for (range, head) in ranges.iter().zip(heads) {
                yield Bytes::from(head);
                let mut part = match first.take() {
                    Some(first) => first,
                    None => self.open(range).await?,
                };
                while let Some(piece) = part.next().await {
                    yield piece.map_err(Error::from)?;
                }
            }
            yield Bytes::from(tail);
        };
        let content_type = format!("multipart/byteranges; boundary={boundary}");
        partial(&content_type, bytes + text_bytes as u64, body)
    }
}

fn head(boundary: &str, range: &Range<u64>) -> String {
    let range = text_of(range);
    format!("\r\n--{boundary}\r\nContent-Type: {BYTES}\r\nContent-Range: bytes {range}/*\r\n\r\n")
}

fn one_part(range: &Range<u64>, stream: BlobStream) -> Response {
    let stream = stream.map_err(Error::from);
    let mut response = partial(BYTES, range.end - range.start, stream);
    // How large the whole is, is none of their business.
    let content_range = HeaderValue::from_str(&format!("bytes {}/*", text_of(range)));
    if let Ok(content_range) = content_range {
        response.headers_mut().insert(header::CONTENT_RANGE, content_range);
    }
    response
}

fn partial(
    content_type: &str,
    length: u64,
    body: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
) -> Response {
    // The status is out when a read fails: all that is left is to break the connection off, and to say so here.
    let body = body.inspect_err(|error| tracing::error!(%error, "a download broke off"));
    let content_type =
        HeaderValue::from_str(content_type).unwrap_or(HeaderValue::from_static(BYTES));
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    let body = no_store(Body::from_stream(body));
    (StatusCode::PARTIAL_CONTENT, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts and ends.
    fn wanted(values: &[&str]) -> Option<Vec<(u64, u64)>> {
        let signed = [0..10, 20..30, 30..31];
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::RANGE, HeaderValue::from_str(value).unwrap());
        }
        let wanted = wanted_ranges(&headers, &signed)?;
        Some(wanted.into_iter().map(|range| (range.start, range.end)).collect())
    }

    #[test]
    fn signed_ranges_are_given_in_the_order_of_the_request() {
        assert_eq!(wanted(&["bytes=0-9"]), Some(vec![(0, 10)]));
        assert_eq!(wanted(&["bytes=30-30"]), Some(vec![(30, 31)]));
        assert_eq!(wanted(&["bytes=20-29, 0-9"]), Some(vec![(20, 30), (0, 10)]));
        assert_eq!(wanted(&["bytes=0-9,20-29,30-30"]), Some(vec![(0, 10), (20, 30), (30, 31)]));
    }

    #[test]
    fn nothing_else_is_given() {
        for refused in [
            &[][..],
            &[""],
            &["bytes="],
            &["bytes=0-"],
            &["bytes=-10"],
            &["bytes=0-8"],
            &["bytes=1-9"],
            &["bytes=0-10"],
            &["bytes=20-30"],
            &["bytes=10-19"],
            &["bytes=0-9,10-19"],
            &["bytes=0-9,0-9"],
            &["bytes=+0-9"],
            &["bytes=0-9,"],
            &["bytes=9-0"],
            &["items=0-9"],
            &["bytes=0-9", "bytes=20-29"],
            &["bytes=0-18446744073709551615"],
        ] {
            assert_eq!(wanted(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn keys_name_a_xorb_and_its_generation() {
        let hash = XetHash::new(std::array::from_fn(|i| i as u8));
        assert_eq!(xorb_of(&format!("{hash}.0000002a")), Some((hash, 42)));
        for key in [hash.to_string(), format!("{hash}."), format!("{hash}.xy"), "a.0".to_owned()] {
            assert_eq!(xorb_of(&key), None, "{key}");
        }
    }
}
