//! How files are put together: `reconstructions` in both versions, for one file or several; and the sizes of files.

use std::collections::BTreeSet;
use std::ops::Range;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use steelyard_core::{Timestamp, XetHash};
use steelyard_service::xet::{FetchRange, FetchWay, Reconstruction, XetToken, XorbFetch};
use steelyard_service::{Error, Hub};

use super::fetch::fetch_url;
use super::xorbs::sized;
use super::{Bearer, Reader, body, hash_of, no_store};
use crate::ApiError;
use crate::error::{ERROR_MESSAGE, header_text};
use crate::extract::{Origin, Params};
use crate::wire::xet::{
    FileKeyRequest, ReconstructionV1Response, ReconstructionV2Response, ReconstructionsResponse,
};

/// Most files in one request.
const FILES_MAX: usize = 1024;
/// Name spaces that files may be asked for in.
const PREFIXES: &[&str] = &["default", "default-merkledb"];
/// Terms from which on the making of an answer gets a thread of its own: each may take a signature.
const TERMS_INLINE_MAX: usize = 2000;
/// What a term takes in an answer, with the address of its xorb.
const TERM_JSON_BYTES: usize = 560;
const BEHIND_THE_END: &str = "the range begins behind the end of the file";

pub(super) async fn v1(
    State(hub): State<Hub>,
    Bearer(token): Reader,
    Origin(origin): Origin,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Some(plan) = plan(&hub, &token, &hash, &headers).await? else {
        return Ok(behind_the_end());
    };
    let addresses = Addresses::new(&hub, origin, plan.expires_at);
    answer(plan.terms.len(), move || {
        ReconstructionV1Response::new(&plan, &|fetch, ranges| addresses.of(fetch, ranges))
    })
    .await
}

pub(super) async fn v2(
    State(hub): State<Hub>,
    Bearer(token): Reader,
    Origin(origin): Origin,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Some(plan) = plan(&hub, &token, &hash, &headers).await? else {
        return Ok(behind_the_end());
    };
    let addresses = Addresses::new(&hub, origin, plan.expires_at);
    answer(plan.terms.len(), move || {
        ReconstructionV2Response::new(&plan, &|fetch, ranges| addresses.of(fetch, ranges))
    })
    .await
}

async fn plan(
    hub: &Hub,
    token: &XetToken,
    hash: &str,
    headers: &HeaderMap,
) -> Result<Option<Reconstruction>, Error> {
    let hash = XetHash::parse(hash)?;
    hub.reconstruct_file(token, &hash, range_of(headers)?).await
}

/// The bytes of a file that a `Range` header names. A client that writes something else would put its file together from
/// the wrong bytes, so nothing is ignored here.
fn range_of(headers: &HeaderMap) -> Result<Option<Range<u64>>, Error> {
    let Some(value) = headers.get(header::RANGE) else { return Ok(None) };
    let range = value.to_str().ok().and_then(|text| {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        // So that what is behind the end of every file is a range, too.
        let first = number(first)?.min(u64::MAX - 1);
        let end = if last.is_empty() { u64::MAX } else { number(last)?.saturating_add(1) };
        (first < end).then_some(first..end)
    });
    let range = range.ok_or_else(|| Error::invalid("Range", "must be bytes=FIRST-LAST"))?;
    Ok(Some(range))
}

/// Digits only; what does not fit is behind the end of every file.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Clients take this for the end of the file.
fn behind_the_end() -> Response {
    let message = [(ERROR_MESSAGE, header_text(BEHIND_THE_END))];
    let body = no_store(Json(json!({"error": BEHIND_THE_END})));
    (StatusCode::RANGE_NOT_SATISFIABLE, message, body).into_response()
}

pub(super) async fn batch(
    State(hub): State<Hub>,
    Bearer(token): Reader,
    Origin(origin): Origin,
    params: Params,
) -> Result<Response, ApiError> {
    let files = params.all("file_id").into_iter().map(XetHash::parse);
    let files = files.collect::<Result<Vec<_>, _>>()?;
    several(&hub, &token, origin, files).await
}

pub(super) async fn batch_in_body(
    State(hub): State<Hub>,
    Bearer(token): Reader,
    Origin(origin): Origin,
    request: Request,
) -> Result<Response, ApiError> {
    let keys: Vec<FileKeyRequest> = body::read_json(request).await?;
    let file = |key: &FileKeyRequest| hash_of(&key.prefix, PREFIXES, &key.hash);
    let files = keys.iter().map(file).collect::<Result<Vec<_>, _>>()?;
    several(&hub, &token, origin, files).await
}

async fn several(
    hub: &Hub,
    token: &XetToken,
    origin: String,
    files: Vec<XetHash>,
) -> Result<Response, ApiError> {
    if files.len() > FILES_MAX {
        let (what, limit) = ("the list of files".to_owned(), format!("{FILES_MAX} files"));
        return Err(Error::TooLarge { what, limit }.into());
    }
    let files: Vec<XetHash> = BTreeSet::from_iter(files).into_iter().collect();
    if files.is_empty() {
        return Err(Error::invalid("file_id", "must name at least one file").into());
    }
    let plans = hub.reconstruct_files(token, &files).await?;
    let expires_at = plans.iter().map(|(_, plan)| plan.expires_at).min();
    let addresses = Addresses::new(hub, origin, expires_at.unwrap_or(hub.now()));
    let terms = plans.iter().map(|(_, plan)| plan.terms.len()).sum();
    answer(terms, move || {
        ReconstructionsResponse::new(&plans, &|fetch, ranges| addresses.of(fetch, ranges))
    })
    .await
}

/// Makes the addresses of an answer.
struct Addresses {
    hub: Hub,
    origin: String,
    expires_at: Timestamp,
}

impl Addresses {
    fn new(hub: &Hub, origin: String, expires_at: Timestamp) -> Self {
        Self { hub: hub.clone(), origin, expires_at }
    }

    fn of(&self, fetch: &XorbFetch, ranges: &[FetchRange]) -> String {
        match &fetch.way {
            FetchWay::Store { url } => url.clone(),
            FetchWay::Hub { generation } => {
                let ranges = ranges.iter().map(|range| &range.bytes);
                let path = fetch_url(&self.hub, &fetch.xorb, *generation, ranges, self.expires_at);
                format!("{}{path}", self.origin)
            }
        }
    }
}

/// Shapes and writes an answer with so many terms.
async fn answer<T: Serialize>(
    terms: usize,
    shape: impl FnOnce() -> T + Send + 'static,
) -> Result<Response, ApiError> {
    let write = move || {
        let mut json = Vec::with_capacity(TERM_JSON_BYTES * terms);
        serde_json::to_writer(&mut json, &shape()).map_err(Error::internal)?;
        Ok::<_, Error>(json)
    };
    let json = if terms > TERMS_INLINE_MAX {
        tokio::task::spawn_blocking(write).await.map_err(Error::internal)??
    } else {
        write()?
    };
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((content_type, no_store(json)).into_response())
}

pub(super) async fn size(
    State(hub): State<Hub>,
    Bearer(token): Reader,
    Path(hash): Path<String>,
) -> Result<Response, ApiError> {
    Ok(sized(hub.file_size(&token, &XetHash::parse(&hash)?).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_files_are_read_and_never_ignored() {
        let range = |text: &str| {
            let headers = [(header::RANGE, HeaderValue::from_str(text).unwrap())];
            range_of(&headers.into_iter().collect())
        };
        assert_eq!(range_of(&HeaderMap::new()).unwrap(), None);
        for (text, expected) in [
            ("bytes=0-0", 0..1),
            ("bytes=5-99", 5..100),
            ("bytes=5-", 5..u64::MAX),
            ("bytes=0-18446744073709551615", 0..u64::MAX),
            ("bytes=1-99999999999999999999999", 1..u64::MAX),
            ("bytes=99999999999999999999999-", u64::MAX - 1..u64::MAX),
        ] {
            assert_eq!(range(text).unwrap(), Some(expected), "{text}");
        }
        for text in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=-5",
            "bytes=5-4",
            "bytes=0-1,3-4",
            "items=0-1",
        ] {
            assert!(matches!(range(text), Err(Error::Invalid(_))), "{text}");
        }
    }
}
