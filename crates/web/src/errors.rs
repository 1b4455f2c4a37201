//! What is refused, for people: the same status and headers as for programs, with a calm page in place of the JSON.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use steelyard_http::{Refusal, browser};

use crate::frame::{self, Frame};
use crate::respond;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    /// Where signing in may help.
    login: Option<String>,
    status: u16,
    heading: &'static str,
    message: String,
    hint: Option<String>,
    request_id: String,
    is_ours: bool,
}

/// Gives browsers a page for what the hub refuses. A browser asks for `text/html`; no client of the API does.
pub(crate) async fn for_browsers(request: Request, next: Next) -> Response {
    let is_page = [Method::GET, Method::HEAD, Method::POST].contains(request.method())
        && !request.uri().path().starts_with("/api/")
        && wants_html(request.headers());
    if !is_page {
        return next.run(request).await;
    }
    let frame = Frame::of(request.headers(), request.uri());
    let here = match *request.method() {
        Method::POST => "/".to_owned(),
        _ => request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
    };
    let is_known = browser::session_secret(request.headers()).is_some();
    let mut response = next.run(request).await;
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return response;
    }
    // A form that says itself what was wrong with it.
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == respond::HTML) {
        return response;
    }
    let refusal = response.extensions_mut().remove::<Refusal>();
    let login = frame::login_address(&here);
    if refusal.as_ref().is_some_and(|refusal| refusal.needs_login) {
        return respond::see_other(&login);
    }
    as_page(frame, response, refusal, Some(login).filter(|_| !is_known))
}

fn as_page(
    frame: Frame,
    response: Response,
    refusal: Option<Refusal>,
    login: Option<String>,
) -> Response {
    // That logging in may help is said by the page; a 401 without a scheme to log in by is nothing for browsers.
    let is_hidden = refusal.as_ref().is_some_and(|refusal| refusal.is_hidden_repo);
    let status = if is_hidden { StatusCode::NOT_FOUND } else { response.status() };
    let told = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    let page = ErrorPage {
        frame,
        login: login.filter(|_| [401, 403, 404].contains(&status.as_u16())),
        status: status.as_u16(),
        heading: heading(status, is_hidden),
        message: refusal.as_ref().map_or_else(String::new, |refusal| refusal.message.clone()),
        hint: refusal.and_then(|refusal| refusal.hint),
        request_id: told.unwrap_or_default().to_owned(),
        is_ours: status.is_server_error(),
    };
    let Ok(body) = page.render() else { return response };
    let mut shown = respond::html(status, body);
    for (name, value) in response.headers() {
        let is_of_body = [header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name);
        if !is_of_body && !shown.headers().contains_key(name) {
            shown.headers_mut().insert(name.clone(), value.clone());
        }
    }
    shown
}

fn heading(status: StatusCode, is_hidden_repo: bool) -> &'static str {
    match status.as_u16() {
        _ if is_hidden_repo => "There is no such repository, or you may not see it",
        400 => "That cannot be read",
        401 => "This needs an account",
        403 => "This is not for everybody",
        404 => "There is nothing here",
        413 => "That is too much",
        429 | 503 => "The hub is busy",
        501 => "The hub does not do this",
        _ if status.is_server_error() => "Something went wrong on our side",
        _ => "That did not work",
    }
}

fn wants_html(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(','));
    types.any(|one| one.split(';').next().is_some_and(|name| name.trim() == "text/html"))
}
