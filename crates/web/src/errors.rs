//! What is refused, for people: the same status and headers as for programs, with a calm page in place of the JSON.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use steelyard_core::Secret;
use steelyard_http::{Refusal, browser};
use steelyard_service::Hub;

use crate::doctor::refusals::{Refused, short};
use crate::frame::{self, Frame, Reader};
use crate::{Web, respond};

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
pub(crate) async fn for_browsers(
    State((web, hub)): State<(Web, Hub)>,
    request: Request,
    next: Next,
) -> Response {
    let asked = Asked::of(&request);
    let is_page = [Method::GET, Method::HEAD, Method::POST].contains(request.method())
        && !request.uri().path().starts_with("/api/")
        && wants_html(request.headers());
    let page = is_page.then(|| PageRequest::of(&request));
    let mut response = next.run(request).await;
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return response;
    }
    // A form that says itself what was wrong with it.
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == respond::HTML) {
        return response;
    }
    let refusal = response.extensions_mut().remove::<Refusal>();
    asked.note(&web, &response, refusal.as_ref());
    let Some(mut page) = page else {
        // Programs get what they were given.
        return response;
    };
    if refusal.as_ref().is_some_and(|refusal| refusal.needs_login) {
        return respond::see_other(&page.login);
    }
    if response.status().is_client_error() && response.status() != StatusCode::TOO_MANY_REQUESTS {
        page.recognise(&hub).await;
    }
    as_page(page, response, refusal)
}

/// What is kept of a browser's request until its answer is there. Nothing is for programs.
struct PageRequest {
    frame: Frame,
    uri: Uri,
    /// The sign-in page that leads back to what was asked for.
    login: String,
    /// A session came along, whether it is live or not: signing in is no news to them.
    session: Option<Secret>,
}

impl PageRequest {
    fn of(request: &Request) -> Self {
        Self {
            frame: Frame::of(request.headers(), request.uri()),
            uri: request.uri().clone(),
            login: login_of(request),
            session: browser::session_secret(request.headers()),
        }
    }

    /// Whoever is signed in keeps the menu of their account. What goes wrong here is shown to nobody.
    async fn recognise(&mut self, hub: &Hub) {
        let Some(secret) = &self.session else { return };
        if let Ok(Some(session)) = hub.browser_session(secret).await {
            self.frame.reader = Some(Reader::of(&session.actor, Some(secret), &self.uri));
        }
    }
}

/// The sign-in page that leads back to what was asked for.
fn login_of(request: &Request) -> String {
    let here = match *request.method() {
        Method::POST => "/",
        _ => request.uri().path_and_query().map_or("/", |path| path.as_str()),
    };
    frame::login_address(here)
}

/// What the doctor may be asked of a request, if it is refused.
struct Asked {
    method: Method,
    path: Uri,
    host: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    had_token: bool,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let headers = request.headers();
        Self {
            method: request.method().clone(),
            path: request.uri().clone(),
            host: headers.get(header::HOST).cloned(),
            user_agent: headers.get(header::USER_AGENT).cloned(),
            had_token: headers.contains_key(header::AUTHORIZATION),
        }
    }

    fn note(self, web: &Web, response: &Response, refusal: Option<&Refusal>) {
        let text = |value: Option<&HeaderValue>| {
            value.and_then(|value| value.to_str().ok()).map(short).unwrap_or_default()
        };
        let id = text(response.headers().get("x-request-id"));
        let refused = Refused {
            method: self.method.to_string(),
            path: short(self.path.path()),
            host: text(self.host.as_ref()),
            user_agent: text(self.user_agent.as_ref()),
            had_token: self.had_token,
            status: response.status().as_u16(),
            code: text(response.headers().get("x-error-code")),
            message: refusal.map(|refusal| short(&refusal.message)).unwrap_or_default(),
        };
        web.refusals().note(&id, refused);
    }
}

fn as_page(asked: PageRequest, response: Response, refusal: Option<Refusal>) -> Response {
    // That logging in may help is said by the page; a 401 without a scheme to log in by is nothing for browsers.
    let is_hidden = refusal.as_ref().is_some_and(|refusal| refusal.is_hidden_repo);
    let status = if is_hidden { StatusCode::NOT_FOUND } else { response.status() };
    let told = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    let page = ErrorPage {
        frame: asked.frame,
        login: (asked.session.is_none() && (is_hidden || [401, 403].contains(&status.as_u16())))
            .then_some(asked.login),
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

/// Whether a browser asks; no client of the API asks for `text/html`.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(','));
    types.any(|one| one.split(';').next().is_some_and(|name| name.trim() == "text/html"))
}
