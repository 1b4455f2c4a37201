//! THE error mapping: from [`steelyard_service::Error`] to status, headers and body.
//!
//! huggingface_hub decides by `X-Error-Code` and shows `X-Error-Message` (utils/_http.py, `hf_raise_for_status`),
//! so the strings here are a contract. A bare 404 means nothing to it: the code header must be there.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use steelyard_core::Invalid;
use steelyard_service::{Error, Missing};

pub(crate) const ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");
pub(crate) const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-error-message");
pub(crate) const REPO_COMMIT: HeaderName = HeaderName::from_static("x-repo-commit");

/// An error on its way to a client.
#[derive(Debug)]
pub struct ApiError {
    error: Error,
    origin: String,
}

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self { error: error.into(), origin: String::new() }
    }
}

impl ApiError {
    /// An error whose body names addresses of this hub.
    pub(crate) fn at(error: Error, origin: &str) -> Self {
        Self { error, origin: origin.to_owned() }
    }
}

/// What an answer refuses and why, beside its headers and its JSON body: whoever shows errors in another form reads this.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The words for people; of faults of the hub they say nothing but that.
    pub message: String,
    /// Of a query that cannot be read: where, and what to write instead.
    pub hint: Option<String>,
    /// The repository does not exist, or not for this caller. 401 where logging in may help.
    pub is_hidden_repo: bool,
    /// Somebody must sign in first.
    pub needs_login: bool,
}

/// What every representation of an error is made from.
#[derive(Debug)]
pub(crate) struct ErrorRecord {
    pub(crate) status: StatusCode,
    /// `X-Error-Code`, for the cases clients tell apart.
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
}

impl ErrorRecord {
    pub(crate) fn of(error: &Error) -> Self {
        let (status, code) = status_and_code(error);
        Self { status, code, message: error.to_string() }
    }
}

fn status_and_code(error: &Error) -> (StatusCode, Option<&'static str>) {
    match error {
        // 401 tells a stranger that logging in may help; both carry the code that makes it RepositoryNotFoundError.
        Error::NotFound(Missing::Repo { anonymous: true }) => {
            (StatusCode::UNAUTHORIZED, Some("RepoNotFound"))
        }
        Error::NotFound(Missing::Repo { anonymous: false }) => {
            (StatusCode::NOT_FOUND, Some("RepoNotFound"))
        }
        Error::NotFound(Missing::Revision(_)) => (StatusCode::NOT_FOUND, Some("RevisionNotFound")),
        Error::NotFound(Missing::Entry { .. } | Missing::Quarantined { .. }) => {
            (StatusCode::NOT_FOUND, Some("EntryNotFound"))
        }
        Error::NotFound(Missing::Other(_)) => (StatusCode::NOT_FOUND, None),
        Error::Moved { .. } => (StatusCode::TEMPORARY_REDIRECT, None),
        Error::Invalid(_) | Error::Query(_) => (StatusCode::BAD_REQUEST, None),
        Error::Conflict { .. } => (StatusCode::CONFLICT, None),
        Error::Stale => (StatusCode::PRECONDITION_FAILED, None),
        Error::BadCredentials | Error::LoginRequired(_) => (StatusCode::UNAUTHORIZED, None),
        Error::Forbidden(_) | Error::Disabled => (StatusCode::FORBIDDEN, None),
        Error::Gated { anonymous: true, .. } => (StatusCode::UNAUTHORIZED, Some("GatedRepo")),
        Error::Gated { anonymous: false, .. } => (StatusCode::FORBIDDEN, Some("GatedRepo")),
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, None),
        Error::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, None),
        Error::NotImplemented(_) => (StatusCode::NOT_IMPLEMENTED, None),
        Error::Busy { .. } | Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, None),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, None),
    }
}

/// Header values are latin-1 for the clients: anything beyond printable ASCII becomes `?`.
pub(crate) fn header_text(text: &str) -> HeaderValue {
    let ascii: String = text
        .chars()
        .take(1000)
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .collect();
    HeaderValue::from_str(&ascii).unwrap_or(HeaderValue::from_static("?"))
}

/// A redirect that the `moved` layer completes, because only it knows the request's path.
#[derive(Debug, Clone)]
pub(crate) struct MovedTo {
    pub(crate) from: String,
    pub(crate) to: String,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { error, origin } = self;
        let record = ErrorRecord::of(&error);
        log(&error, &record);
        let mut headers = HeaderMap::new();
        headers.insert(ERROR_MESSAGE, header_text(&record.message));
        if let Some(code) = record.code {
            headers.insert(ERROR_CODE, HeaderValue::from_static(code));
        }
        let mut body = json!({"error": record.message});
        if let Error::Query(query) = &error {
            body["at"] = json!({"start": query.at.start, "end": query.at.end});
            body["hint"] = json!(query.hint);
        }
        let mut moved = None;
        match &error {
            // Clients remember for good that this commit has no such file; so not for one that may come back.
            Error::NotFound(Missing::Entry { commit: Some(commit), .. }) => {
                headers.insert(REPO_COMMIT, header_text(&commit.to_string()));
            }
            Error::RateLimited { retry_after_secs } | Error::Busy { retry_after_secs, .. } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_secs));
            }
            Error::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Error::Conflict { existing: Some((kind, repo)), .. } => {
                // create_repo(exist_ok=True) reads this field.
                body["url"] = json!(format!("{origin}/{}{repo}", kind.url_prefix()));
            }
            Error::Invalid(Invalid { field, .. }) => body["field"] = json!(field),
            Error::Moved { from, to, .. } => {
                moved = Some(MovedTo { from: from.to_string(), to: to.to_string() });
            }
            _ => {}
        }
        let refusal = Refusal {
            message: record.message,
            hint: match &error {
                Error::Query(query) => query.hint.clone(),
                _ => None,
            },
            is_hidden_repo: matches!(error, Error::NotFound(Missing::Repo { .. })),
            needs_login: matches!(error, Error::LoginRequired(_)),
        };
        let mut response = (record.status, headers, axum::Json(body)).into_response();
        response.extensions_mut().insert(refusal);
        if let Some(moved) = moved {
            response.extensions_mut().insert(moved);
        }
        response
    }
}

/// Errors somebody must act on are logged here, once, with their whole chain; the client sees only the request id.
pub(crate) fn log(error: &Error, record: &ErrorRecord) {
    if !record.status.is_server_error() || record.status == StatusCode::NOT_IMPLEMENTED {
        return;
    }
    if let Error::Busy { .. } = error {
        tracing::warn!("request put off: {error}");
        return;
    }
    tracing::error!(code = error.code(), "request failed: {}", with_causes(error));
}

/// An error with everything that led to it.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
