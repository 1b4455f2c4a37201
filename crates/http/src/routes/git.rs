//! git's smart HTTP protocol: `info/refs`, `git-upload-pack`, `git-receive-pack`.
//!
//! Errors that come before the protocol proper are plain text with a real status, because git prints such a text after
//! `remote: ` and asks for credentials at a 401. Once a request was taken on, errors travel inside the protocol: git
//! throws the body of an error status away there.

mod body;
mod fetch;
mod push;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use steelyard_core::RepoKind;
use steelyard_git::pktline;
use steelyard_git::protocol::advert;
use steelyard_service::{Action, Error, Hub};

use crate::error::ERROR_MESSAGE;
use crate::extract::{Caller, Params, Target};
use crate::openapi::Parameter;
use crate::{Access, ApiError, Route};

/// How the hub calls itself towards git.
const AGENT: &str = concat!("steelyard/", env!("CARGO_PKG_VERSION"));
const UPLOAD_PACK: &str = "git-upload-pack";
const RECEIVE_PACK: &str = "git-receive-pack";

pub(super) fn add(table: &mut Vec<Route>) {
    let (read, write) = (Access::Repo(Action::ReadContent), Access::Repo(Action::WriteContent));
    for kind in RepoKind::ALL {
        let base = format!("/{}{{ns}}/{{name}}", kind.url_prefix());
        let (path, summary) = (format!("{base}/info/refs"), "Begins a clone, a fetch or a push");
        let refs = Route::new(&["GET"], path, read, summary, get(info_refs))
            .query(REFS_QUERY)
            .fails(&[501]);
        table.push(refs.carries(None, Some("application/x-git-upload-pack-advertisement")));
        let path = format!("{base}/{UPLOAD_PACK}");
        let fetch = Route::new(
            &["POST"],
            path,
            read,
            "Gives refs and objects to git",
            post(fetch::upload_pack),
        );
        let types =
            ("application/x-git-upload-pack-request", "application/x-git-upload-pack-result");
        table.push(fetch.carries(Some(types.0), Some(types.1)).fails(&[413, 501]));
        let path = format!("{base}/{RECEIVE_PACK}");
        let push =
            Route::new(&["POST"], path, write, "Takes a push from git", post(push::receive_pack));
        let types =
            ("application/x-git-receive-pack-request", "application/x-git-receive-pack-result");
        table.push(push.carries(Some(types.0), Some(types.1)).fails(&[413, 501]));
    }
}

const REFS_QUERY: &[Parameter] =
    &[Parameter::text("service", "`git-upload-pack` or `git-receive-pack`.")];

/// The version of the protocol that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V0,
    V1,
    V2,
}

/// The `Git-Protocol` header: keys and values between colons, of which the highest known version counts.
fn version_of(header: Option<&str>) -> Version {
    let words = || header.into_iter().flat_map(|text| text.split(':'));
    if words().any(|word| word == "version=2") {
        Version::V2
    } else if words().any(|word| word == "version=1") {
        Version::V1
    } else {
        Version::V0
    }
}

fn git_protocol(headers: &HeaderMap) -> Option<&str> {
    headers.get("git-protocol")?.to_str().ok()
}

async fn info_refs(
    State(hub): State<Hub>,
    caller: Result<Caller, ApiError>,
    target: Result<Target, ApiError>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (Caller(actor), target) = (caller?, target?);
    let (kind, id) = (target.kind, &target.id);
    match params.get("service") {
        Some(UPLOAD_PACK) => {
            let version = version_of(git_protocol(&headers));
            let body = if version == Version::V2 {
                hub.repo(&actor, kind, id, Action::ReadContent).await?;
                hub.require_git()?;
                advert::upload_pack_v2_advert(AGENT)
            } else {
                let found = hub.git_refs(&actor, kind, id).await?;
                hub.require_git()?;
                let advert = advert::upload_pack_v0_advert(&found.refs, Some(&found.head), AGENT);
                if version == Version::V1 { announce_v1(&advert) } else { advert }
            };
            Ok(answer(UPLOAD_PACK, "advertisement", body))
        }
        Some(RECEIVE_PACK) => {
            let refs = hub.pushable_refs(&actor, kind, id).await?;
            hub.require_git()?;
            Ok(answer(RECEIVE_PACK, "advertisement", advert::receive_pack_advert(&refs, AGENT)))
        }
        Some(_) => {
            Err(Error::invalid("service", format!("must be {UPLOAD_PACK} or {RECEIVE_PACK}"))
                .into())
        }
        None => {
            hub.repo(&actor, kind, id, Action::ReadContent).await?;
            let rule = "is missing: this hub speaks git's smart HTTP protocol only; use git 1.6.6 or later";
            Err(Error::invalid("service", rule).into())
        }
    }
}

/// Protocol v1 is v0 with a line before the refs.
fn announce_v1(advert: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(advert.len() + 16);
    let mut packets = pktline::decode_all(advert);
    // The service line and its flush come first.
    let _ = (packets.next(), packets.next());
    let (service, refs) = advert.split_at(packets.consumed());
    out.extend_from_slice(service);
    pktline::write_text(&mut out, "version 1");
    out.extend_from_slice(refs);
    out
}

/// A protocol message as a response that nobody caches.
fn answer(service: &str, what: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let content_type = format!("application/x-{service}-{what}");
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_str(&content_type).expect("a fixed ASCII text"),
    );
    forbid_caching(headers);
    response
}

fn forbid_caching(headers: &mut HeaderMap) {
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, max-age=0, must-revalidate"),
    );
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("Fri, 01 Jan 1980 00:00:00 GMT"));
}

/// The text of an error, logged where somebody must act on it.
fn failure_text(error: Error) -> String {
    text_of(&ApiError::from(error).into_response())
}

fn text_of(response: &Response) -> String {
    let text = response.headers().get(ERROR_MESSAGE).and_then(|text| text.to_str().ok());
    text.unwrap_or("internal error").to_owned()
}

/// An error as git shows it: the status of THE mapping, plain text, and a challenge where credentials may help.
struct Refusal(ApiError);

impl<E> From<E> for Refusal
where
    ApiError: From<E>,
{
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let response = self.0.into_response();
        let text = format!("{}\n", text_of(&response));
        let (mut parts, _json) = response.into_parts();
        let headers = &mut parts.headers;
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        forbid_caching(headers);
        if parts.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"steelyard\""),
            );
        }
        Response::from_parts(parts, Body::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_known_version_counts() {
        assert_eq!(version_of(None), Version::V0);
        assert_eq!(version_of(Some("version=2")), Version::V2);
        assert_eq!(version_of(Some("version=1:version=2:x=y")), Version::V2);
        assert_eq!(version_of(Some("version=1")), Version::V1);
        assert_eq!(version_of(Some("version=22")), Version::V0);
    }

    #[test]
    fn version_1_is_announced_behind_the_service() {
        let advert = announce_v1(&advert::upload_pack_v0_advert(&[], None, AGENT));
        let text = String::from_utf8(advert).unwrap();
        assert!(text.starts_with("001e# service=git-upload-pack\n0000000eversion 1\n0"), "{text}");
        assert!(text.ends_with("\n0000"), "{text}");
    }

    #[test]
    fn refusals_are_plain_text_with_a_challenge() {
        let response = Refusal::from(Error::LoginRequired("pushing".to_owned())).into_response();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Basic realm=\"steelyard\"");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        let response = Refusal::from(Error::Forbidden("no".to_owned())).into_response();
        assert!(!response.headers().contains_key(header::WWW_AUTHENTICATE));
    }
}
