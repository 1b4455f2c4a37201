//! Pages on their way out: the headers that keep browsers from doing anything a page does not say.

use askama::Template;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use steelyard_service::{Error, Result};

use crate::links;

/// No script and no style but the hub's own files, no frame around or inside. Cards may show pictures, sounds and films from
/// elsewhere, over TLS.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; \
                      media-src 'self' https:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// The media type of every page.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

fn common() -> HeaderMap {
    let pairs: [(HeaderName, &'static str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        // What a page shows depends on who looks, and may change at any moment.
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::VARY, "Authorization, Cookie, Accept"),
    ];
    pairs.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

/// A page.
pub(crate) fn page(template: &impl Template) -> Result<Response> {
    page_with(StatusCode::OK, template)
}

/// A page that says itself what was wrong with the request.
pub(crate) fn page_with(status: StatusCode, template: &impl Template) -> Result<Response> {
    let body = template.render().map_err(Error::internal)?;
    Ok(html(status, body))
}

/// A page with a PDF in a frame, which may come from the object store. It shows no other content of users.
pub(crate) fn page_with_frame(template: &impl Template) -> Result<Response> {
    let mut response = page(template)?;
    let policy = HeaderValue::from_str(&format!("{POLICY}; frame-src 'self' http: https:"));
    let policy = policy.map_err(Error::internal)?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// HTML that a template made.
pub(crate) fn html(status: StatusCode, body: String) -> Response {
    let mut headers = common();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    (status, headers, body).into_response()
}

/// A page as Markdown, for programs that read.
pub(crate) fn markdown(body: String) -> Response {
    let mut headers = common();
    let text = HeaderValue::from_static("text/markdown; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    (headers, body).into_response()
}

/// To another page of the hub, which the browser asks for with GET.
pub(crate) fn see_other(to: &str) -> Response {
    let mut headers = common();
    let to = HeaderValue::from_str(links::local(to)).unwrap_or(HeaderValue::from_static("/"));
    headers.insert(header::LOCATION, to);
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// A page that holds a secret, or refuses what a form sent: no cache keeps it.
pub(crate) fn form(status: StatusCode, template: &impl Template) -> Result<Response> {
    let body = template.render().map_err(Error::internal)?;
    let mut response = html(status, body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A form whose answer leads to another site, which some browsers take for a part of sending it.
pub(crate) fn form_to(
    status: StatusCode,
    template: &impl Template,
    origin: &str,
) -> Result<Response> {
    let mut response = form(status, template)?;
    let policy = POLICY.replace("form-action 'self'", &format!("form-action 'self' {origin}"));
    let policy = HeaderValue::from_str(&policy).map_err(Error::internal)?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}
