//! Files on their way out: ranges, conditions, and the headers that keep browsers from running what users uploaded.

use std::future::Future;
use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::ApiError;
use crate::error::with_causes;

/// What may stand unescaped in `filename*` (RFC 8187, attr-char).
const ATTR_ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Content types by extension. HTML and XML are shown as text: user content shares the hub's origin.
const TYPES: &[(&str, &str)] = &[
    ("bmp", "image/bmp"),
    ("css", "text/plain; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("htm", "text/plain; charset=utf-8"),
    ("html", "text/plain; charset=utf-8"),
    ("ipynb", "application/json"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/plain; charset=utf-8"),
    ("json", "application/json"),
    ("jsonl", "text/plain; charset=utf-8"),
    ("md", "text/plain; charset=utf-8"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("py", "text/plain; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("toml", "text/plain; charset=utf-8"),
    ("txt", "text/plain; charset=utf-8"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("xml", "text/plain; charset=utf-8"),
    ("yaml", "text/plain; charset=utf-8"),
    ("yml", "text/plain; charset=utf-8"),
];

/// Files without an extension that are text.
const TEXT_NAMES: &[&str] =
    &[".gitattributes", ".gitignore", "dockerfile", "license", "makefile", "notice", "readme"];

/// What the `Range` header asks of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeRequest {
    /// Everything: there is no usable range.
    Full,
    /// These bytes; never empty.
    Part(Range<u64>),
    /// Bytes the file does not have.
    Unsatisfiable,
}

/// Reads `Range: bytes=a-b`, `bytes=a-` or `bytes=-n`. Anything else, several ranges included, is ignored, as RFC 9110
/// section 14.2 allows.
pub fn parse_range(headers: &HeaderMap, size: u64) -> RangeRequest {
    let text = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    text.and_then(|text| range_of(text, size)).unwrap_or(RangeRequest::Full)
}

fn range_of(text: &str, size: u64) -> Option<RangeRequest> {
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?;
        if suffix == 0 || size == 0 {
            return Some(RangeRequest::Unsatisfiable);
        }
        return Some(RangeRequest::Part(size.saturating_sub(suffix)..size));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    if first >= size {
        return Some(RangeRequest::Unsatisfiable);
    }
    Some(RangeRequest::Part(first..last.saturating_add(1).min(size)))
}

/// A number as `Range` writes it: digits only. What does not fit is beyond the end of any file.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// A file to send.
#[derive(Debug)]
pub struct FileReply<'a> {
    /// Its path; the last part is the name it is saved under.
    pub path: &'a str,
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: Option<String>,
    /// True when it never changes under this address.
    pub immutable: bool,
    /// Further headers; they win over those made here.
    pub headers: HeaderMap,
}

/// What is left to do once the request's conditions were looked at.
enum Plan {
    /// Answer with this and no body of the file.
    Done(StatusCode),
    /// Send everything.
    Whole,
    /// Send these bytes.
    Part(Range<u64>),
}

/// Answers with a file that is in memory.
pub fn respond_bytes(
    method: &Method,
    request: &HeaderMap,
    reply: FileReply<'_>,
    bytes: Bytes,
) -> Response {
    let plan = plan(method, request, &reply);
    let body = match &plan {
        Plan::Done(_) => Body::empty(),
        Plan::Whole => Body::from(bytes),
        Plan::Part(range) => {
            let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            Body::from(bytes.slice(index(range.start)..index(range.end)))
        }
    };
    assemble(method, reply, &plan, body)
}

/// Answers with a file that is read while it is sent. `open` is asked for a range only when bytes are to be sent.
pub async fn respond_stream<S, E, Opening>(
    method: &Method,
    request: &HeaderMap,
    reply: FileReply<'_>,
    open: impl FnOnce(Range<u64>) -> Opening,
) -> Result<Response, ApiError>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
    Opening: Future<Output = steelyard_service::Result<S>>,
{
    let plan = plan(method, request, &reply);
    let range = match &plan {
        Plan::Done(_) => None,
        Plan::Whole => Some(0..reply.size),
        Plan::Part(range) => Some(range.clone()),
    };
    let body = match range {
        None => Body::empty(),
        // The status is out when a read fails: all that is left is to break the connection off, and to say so here.
        Some(range) => Body::from_stream(open(range).await?.inspect_err(|error| {
            tracing::error!(error = with_causes(error), "a download broke off");
        })),
    };
    Ok(assemble(method, reply, &plan, body))
}

fn plan(method: &Method, request: &HeaderMap, reply: &FileReply<'_>) -> Plan {
    if let (Some(etag), Some(wanted)) = (&reply.etag, request.get(header::IF_NONE_MATCH))
        && wanted.to_str().is_ok_and(|wanted| names_etag(wanted, etag))
    {
        return Plan::Done(StatusCode::NOT_MODIFIED);
    }
    if method == Method::HEAD {
        return Plan::Done(StatusCode::OK);
    }
    // A range of another version would be glued to the wrong bytes.
    if let Some(condition) = request.get(header::IF_RANGE) {
        let quoted = reply.etag.as_ref().map(|etag| format!("\"{etag}\""));
        if quoted.as_deref().map(str::as_bytes) != Some(condition.as_bytes()) {
            return Plan::Whole;
        }
    }
    match parse_range(request, reply.size) {
        RangeRequest::Full => Plan::Whole,
        RangeRequest::Part(range) => Plan::Part(range),
        RangeRequest::Unsatisfiable => Plan::Done(StatusCode::RANGE_NOT_SATISFIABLE),
    }
}

fn names_etag(list: &str, etag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/").trim_matches('"') == etag)
}

fn assemble(method: &Method, reply: FileReply<'_>, plan: &Plan, body: Body) -> Response {
    let status = match plan {
        Plan::Done(status) => *status,
        Plan::Whole => StatusCode::OK,
        Plan::Part(_) => StatusCode::PARTIAL_CONTENT,
    };
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    if let Some(etag) = &reply.etag {
        set(header::ETAG, format!("\"{etag}\""));
    }
    let caching =
        if reply.immutable { "private, max-age=31536000, immutable" } else { "private, no-cache" };
    set(header::CACHE_CONTROL, caching.to_owned());
    match plan {
        Plan::Done(StatusCode::RANGE_NOT_SATISFIABLE) => {
            set(header::CONTENT_RANGE, format!("bytes */{}", reply.size));
            set(header::CONTENT_LENGTH, "0".to_owned());
        }
        Plan::Done(StatusCode::NOT_MODIFIED) => {}
        Plan::Part(range) => {
            set(
                header::CONTENT_RANGE,
                format!("bytes {}-{}/{}", range.start, range.end - 1, reply.size),
            );
            set(header::CONTENT_LENGTH, (range.end - range.start).to_string());
        }
        Plan::Done(_) | Plan::Whole => set(header::CONTENT_LENGTH, reply.size.to_string()),
    }
    let name = file_name(reply.path);
    let content_type = content_type(name);
    set(header::CONTENT_TYPE, content_type.to_owned());
    set(header::CONTENT_DISPOSITION, content_disposition(name));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned());
    set(header::CONTENT_SECURITY_POLICY, policy(content_type).to_owned());
    headers.extend(reply.headers);
    debug_assert!(method != Method::HEAD || matches!(plan, Plan::Done(_)), "a HEAD has no body");
    (status, headers, body).into_response()
}

/// What a browser that shows a file may do with it: nothing but show it. A PDF is shown by the browser's own viewer, which has
/// a sandbox of its own and does not work in this one; only the hub's pages may put it into a frame.
fn policy(content_type: &str) -> &'static str {
    match content_type {
        "application/pdf" => "frame-ancestors 'self'",
        _ => "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The content type by the name's extension; unknown ones are bytes.
pub fn content_type(name: &str) -> &'static str {
    let lower = name.to_ascii_lowercase();
    if TEXT_NAMES.contains(&lower.as_str()) {
        return "text/plain; charset=utf-8";
    }
    let extension = lower.rsplit_once('.').map_or("", |(_, extension)| extension);
    TYPES
        .iter()
        .find(|(known, _)| *known == extension)
        .map_or("application/octet-stream", |(_, found)| found)
}

/// `inline; filename*=UTF-8''x; filename="x";` with everything escaped that could end the value early.
pub fn content_disposition(name: &str) -> String {
    let encoded = utf8_percent_encode(name, ATTR_ESCAPED);
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' || c == ' ' { c } else { '_' })
        .collect();
    format!("inline; filename*=UTF-8''{encoded}; filename=\"{plain}\";")
}

#[cfg(test)]
mod tests;
