//! What forms send: read with a limit, and only if the form was ours.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use steelyard_core::Secret;
use steelyard_http::{ApiError, Params, browser, read_body};
use steelyard_service::login::Visitor;
use steelyard_service::{Error, Hub, Result};

use crate::frame::Visit;

/// Largest form, in bytes: a card and its metadata.
const FORM_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The cookie that forms of people without a session are tied to.
const FORM_COOKIE: &str = "steelyard_form";
/// How long such a form may lie open, in seconds.
const FORM_SECS: i64 = 3600;

/// A form that was sent from a page of this hub.
pub(crate) struct Submission {
    pub(crate) visit: Visit,
    /// Where it comes from.
    pub(crate) visitor: Visitor,
    fields: Params,
}

impl FromRequest<Hub> for Submission {
    type Rejection = ApiError;

    async fn from_request(request: Request, hub: &Hub) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, hub).await?;
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
            return Err(Error::invalid(
                "content-type",
                "must be application/x-www-form-urlencoded",
            )
            .into());
        }
        let fields = Params::parse(&read_body(body, FORM_BYTES_MAX).await?);
        check_form(&parts.headers, &visit, fields.get("csrf"))?;
        let visitor = browser::visitor(&parts, hub);
        Ok(Self { visit, visitor, fields })
    }
}

/// Fails for a form that was not sent from a page of this hub; `token` is its field `csrf`.
pub(crate) fn check_form(headers: &HeaderMap, visit: &Visit, token: Option<&str>) -> Result<()> {
    // Nobody can make a browser send a token of the API, so whoever brings one is no forged form.
    if headers.contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    browser::check_origin(headers, &visit.hub)?;
    let session = browser::session_secret(headers).filter(|_| visit.session.is_some());
    let form = browser::cookie(headers, FORM_COOKIE).map(Secret::new);
    let mut secrets = session.iter().chain(&form);
    if secrets.any(|secret| browser::is_ours(token, secret)) {
        return Ok(());
    }
    let message = "this form is out of date; go back, load the page again and send it once more";
    Err(Error::Forbidden(message.to_owned()))
}

impl Submission {
    /// The value of a field; empty where the form had none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.fields.get(name).unwrap_or_default()
    }

    /// What somebody typed into a field that may stay empty.
    pub(crate) fn given(&self, name: &str) -> Option<String> {
        Some(self.get(name).trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// A field whose value no log may show.
    pub(crate) fn secret(&self, name: &str) -> Secret {
        Secret::new(self.get(name))
    }

    /// Whether a box was ticked.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }
}

/// A form for people who may have no session: what it carries, and the cookie that it is tied to.
pub(crate) struct OpenForm {
    pub(crate) csrf: String,
    cookie: Option<HeaderValue>,
}

impl OpenForm {
    pub(crate) fn of(visit: &Visit) -> Self {
        let csrf = visit.csrf();
        if !csrf.is_empty() {
            return Self { csrf, cookie: None };
        }
        let secret = visit.hub.fresh_secret();
        let cookie = cookie(FORM_COOKIE, secret.expose(), FORM_SECS, &visit.origin);
        Self { csrf: browser::csrf_token(&secret), cookie: Some(cookie) }
    }

    /// The page with the form, with the cookie.
    pub(crate) fn on(self, mut page: Response) -> Response {
        if let Some(cookie) = self.cookie {
            page.headers_mut().append(header::SET_COOKIE, cookie);
        }
        page
    }
}

/// A cookie that scripts cannot read and that other sites' forms do not carry.
fn cookie(name: &str, value: &str, lives_secs: i64, origin: &str) -> HeaderValue {
    let secure = if origin.starts_with("https://") { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; Max-Age={lives_secs}; HttpOnly; SameSite=Lax{secure}");
    // Secrets are hexadecimal.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Lets the browser keep the secret of a session.
pub(crate) fn keep_session(response: &mut Response, secret: &Secret, visit: &Visit) {
    let lives = visit.hub.settings().login.session_idle_secs;
    let kept = cookie(browser::SESSION_COOKIE, secret.expose(), lives, &visit.origin);
    response.headers_mut().append(header::SET_COOKIE, kept);
}

/// Lets the browser forget it.
pub(crate) fn forget_session(response: &mut Response, visit: &Visit) {
    let gone = cookie(browser::SESSION_COOKIE, "", 0, &visit.origin);
    response.headers_mut().append(header::SET_COOKIE, gone);
}
