//! What every request goes through: a request id, a span, metrics, redirects of moved repositories.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use steelyard_service::Hub;
use tracing::Instrument;

use crate::error::MovedTo;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const REQUEST_ID_BYTES_MAX: usize = 200;

/// Gives the request an id (its own `X-Request-Id`, else its `X-Amzn-Trace-Id`, else a fresh one), which the response
/// carries: huggingface_hub shows it in every error.
pub(crate) async fn identify(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers()).unwrap_or_else(|| fresh(&hub));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".to_owned());
    let started = Instant::now();
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or(""), %method, route);
    let mut response = next.run(request).instrument(span.clone()).await;
    response.headers_mut().insert(REQUEST_ID, id);
    let (status, elapsed) = (response.status().as_u16(), started.elapsed());
    span.in_scope(|| {
        tracing::debug!(status, duration_ms = elapsed.as_secs_f64() * 1000.0, "answered");
    });
    count(&method, &route, status, elapsed.as_secs_f64());
    response
}

fn request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(REQUEST_ID).or_else(|| headers.get(TRACE_ID))?;
    let is_sound = value.len() <= REQUEST_ID_BYTES_MAX && value.to_str().is_ok();
    is_sound.then(|| value.clone())
}

fn fresh(hub: &Hub) -> HeaderValue {
    HeaderValue::from_str(&hub.fresh_request_id()).unwrap_or(HeaderValue::from_static("none"))
}

fn count(method: &Method, route: &str, status: u16, seconds: f64) {
    let class = match status {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    // Methods come from outside; only the known ones become labels.
    let method = match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    let labels =
        [("method", method.to_owned()), ("route", route.to_owned()), ("status", class.to_owned())];
    metrics::counter!("steelyard_http_requests_total", &labels).increment(1);
    metrics::histogram!("steelyard_http_request_seconds", &labels[..2]).record(seconds);
}

/// Completes the redirect of a renamed repository: same path and query, the name replaced, relative, so that it works
/// behind any proxy and clients keep their credentials.
pub(crate) async fn follow_moves(request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let mut response = next.run(request).await;
    let Some(moved) = response.extensions_mut().remove::<MovedTo>() else { return response };
    let path = uri.path();
    // Names are compared folded, so the path may spell the old one differently.
    let at = path.to_ascii_lowercase().find(&format!("/{}", moved.from.to_ascii_lowercase()));
    let Some(at) = at else { return response };
    let rest = &path[at + 1 + moved.from.len()..];
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{}/{}{rest}{query}", &path[..at], moved.to);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
