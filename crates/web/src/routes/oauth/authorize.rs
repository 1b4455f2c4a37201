//! A web app sent somebody here: who asks, for what, and where the answer goes.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use steelyard_core::Timestamp;
use steelyard_http::{ApiError, Params, read_body};
use steelyard_service::oauth::{AuthorizeRequest, Consent, Refused};
use steelyard_service::{Error, Result};

use crate::frame::{Frame, Visit};
use crate::submission::Submission;
use crate::{links, respond};

/// What an app may send along: the fields of [`AuthorizeRequest`].
const FIELDS: [&str; 10] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
];
/// Largest request that an app may send as a form, in bytes.
const REQUEST_BYTES_MAX: usize = 16 * 1024;
/// Who has just signed in because an app asked for it may take so long over the question, in seconds.
const FRESH_SECS: i64 = 600;

#[derive(Template)]
#[template(path = "oauth/authorize.html")]
struct AuthorizePage {
    frame: Frame,
    csrf: String,
    app: String,
    owner: Option<String>,
    website: Option<String>,
    words: Vec<&'static str>,
    /// Where the answer goes: a host.
    goes_to: String,
    user: String,
    fields: Vec<(&'static str, String)>,
}

fn request<'v>(value: impl Fn(&str) -> &'v str) -> AuthorizeRequest {
    let given = |name| value(name).to_owned();
    AuthorizeRequest {
        client_id: given("client_id"),
        redirect_uri: given("redirect_uri"),
        response_type: given("response_type"),
        scope: given("scope"),
        state: given("state"),
        nonce: given("nonce"),
        code_challenge: given("code_challenge"),
        code_challenge_method: given("code_challenge_method"),
        prompt: given("prompt"),
        max_age: given("max_age"),
    }
}

/// An app may send the request as a form. The browser then brings no cookie along, so it is sent here once more.
pub(in crate::routes) async fn take(request: Request) -> Result<Response, ApiError> {
    let sent = Params::parse(&read_body(request.into_body(), REQUEST_BYTES_MAX).await?);
    let fields = FIELDS.iter().filter_map(|name| Some((*name, sent.get(name)?)));
    Ok(respond::see_other(&address(fields)))
}

/// The address of the question.
fn address<'f>(fields: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    format!("/oauth/authorize?{}", query.extend_pairs(fields).finish())
}

/// To the page that asks for the password, and from there back to the question.
fn sign_in_again(visit: &Visit) -> Response {
    let fields = FIELDS.iter().filter(|name| !["prompt", "max_age"].contains(name));
    let fields = fields.filter_map(|name| Some((*name, visit.params.get(name)?)));
    let fresh = FRESH_SECS.to_string();
    let next = address(fields.chain([("max_age", &*fresh)]));
    respond::see_other(&format!("/login?again=1&next={}", links::encode_value(&next)))
}

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let asked = request(|name| visit.params.get(name).unwrap_or_default());
    if !asked.is_silent() {
        visit.hub.own_account(&visit.actor).await?;
    }
    let consent = match visit.hub.check_authorize(&asked, &visit.origin).await {
        Ok(consent) => consent,
        Err(refused) => return Ok(answer(refused)?),
    };
    if asked.is_silent() {
        let is_signed_in = !visit.actor.is_anonymous();
        return Ok(answer(asked.refuse_silently(is_signed_in, &visit.origin))?);
    }
    if signed_in_at(&visit).is_some_and(|at| asked.wants_sign_in(at, visit.hub.now())) {
        return Ok(sign_in_again(&visit));
    }
    let origin = origin_of(&asked.redirect_uri);
    let fields = FIELDS.map(|name| (name, visit.params.get(name).unwrap_or_default().to_owned()));
    Ok(show(&visit, consent, origin, fields.into())?)
}

fn show(
    visit: &Visit,
    consent: Consent,
    origin: &str,
    fields: Vec<(&'static str, String)>,
) -> Result<Response> {
    let page = AuthorizePage {
        frame: visit.frame.clone(),
        csrf: visit.csrf(),
        app: consent.client.name,
        owner: consent.client.owner,
        website: consent.client.website,
        words: super::words(visit, &consent.scopes),
        goes_to: origin.split_once("://").map_or("", |(_, host)| host).to_owned(),
        user: visit.actor.user().map(|user| user.name.clone()).unwrap_or_default(),
        fields,
    };
    respond::form_to(StatusCode::OK, &page, origin)
}

pub(in crate::routes) async fn decide(sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    visit.hub.own_account(&visit.actor).await?;
    let allows = match sent.get("action") {
        "allow" => true,
        "deny" => false,
        _ => return Err(Error::invalid("action", "must be allow or deny").into()),
    };
    let asked = request(|name| sent.get(name));
    let (at, origin) = (signed_in_at(visit), &visit.origin);
    match visit.hub.decide_authorize(&visit.actor, at, &asked, allows, origin).await {
        Ok(address) => Ok(answer(Refused::Back(address))?),
        Err(refused) => Ok(answer(refused)?),
    }
}

fn signed_in_at(visit: &Visit) -> Option<Timestamp> {
    visit.session.as_ref().map(|session| session.row.created_at)
}

/// Back to the app, at an address that it registered; or an error of the hub.
fn answer(refused: Refused) -> Result<Response> {
    let address = match refused {
        Refused::Here(error) => return Err(error),
        Refused::Back(address) => address,
    };
    let mut response = respond::see_other("/");
    let to = HeaderValue::from_str(&address).map_err(Error::internal)?;
    response.headers_mut().insert(header::LOCATION, to);
    // The address carries a code.
    let hidden = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(header::REFERRER_POLICY, hidden);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Scheme, host and port of a registered address, whose letters were checked when it was registered.
fn origin_of(uri: &str) -> &str {
    let authority = uri.find("://").map_or(0, |at| at + 3);
    let end = uri[authority..].find(['/', '?']).map_or(uri.len(), |at| authority + at);
    &uri[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_end_before_the_path() {
        assert_eq!(origin_of("https://app.example/cb?x=/"), "https://app.example");
        assert_eq!(origin_of("http://localhost:7860"), "http://localhost:7860");
        assert_eq!(origin_of("https://app.example?x"), "https://app.example");
    }
}
