//! Tokens for the content store.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use steelyard_core::{RepoId, RepoKind};
use steelyard_service::xet::{XetGrant, XetScope};
use steelyard_service::{Actor, Error, Hub, Missing};

use super::{NO_STORE, ROOT};
use crate::ApiError;
use crate::extract::{Caller, Origin, Params, Target};
use crate::wire::xet::XetTokenResponse;

const CAS_URL: HeaderName = HeaderName::from_static("x-xet-cas-url");
const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-xet-access-token");
const EXPIRATION: HeaderName = HeaderName::from_static("x-xet-token-expiration");

/// A revision is one segment of a path, so its slashes are written `%2F`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where the content store is, for whoever reaches the hub at `origin`.
pub(crate) fn cas_url(origin: &str) -> String {
    format!("{origin}{ROOT}")
}

/// The path that gives tokens for a repository at a revision.
pub(crate) fn token_path(kind: RepoKind, id: &RepoId, scope: XetScope, revision: &str) -> String {
    let verb = match scope {
        XetScope::Read => "xet-read-token",
        XetScope::Write => "xet-write-token",
    };
    let revision = utf8_percent_encode(revision, SEGMENT);
    format!("/api/{}/{id}/{verb}/{revision}", kind.plural())
}

/// A token as headers: huggingface_hub reads these (utils/_xet.py), and git-xet wants the same names in the LFS batch.
pub(crate) fn token_headers(grant: &XetGrant, cas_url: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let exp = grant.expires_at.secs().to_string();
    for (name, value) in
        [(CAS_URL, cas_url), (ACCESS_TOKEN, grant.token.expose()), (EXPIRATION, &exp)]
    {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(name == ACCESS_TOKEN);
            headers.insert(name, value);
        }
    }
    headers
}

pub(super) async fn read(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    target: Target,
) -> Result<Response, ApiError> {
    grant(&hub, &actor, &origin, &target, XetScope::Read, false).await
}

pub(super) async fn write(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    target: Target,
    params: Params,
) -> Result<Response, ApiError> {
    grant(&hub, &actor, &origin, &target, XetScope::Write, params.flag("create_pr")).await
}

async fn grant(
    hub: &Hub,
    actor: &Actor,
    origin: &str,
    target: &Target,
    scope: XetScope,
    create_pr: bool,
) -> Result<Response, ApiError> {
    let (revision, path) = target.revision_and_path()?;
    let (kind, id) = (target.kind, &target.id);
    let grant = hub.grant_xet_token(actor, kind, id, scope, &revision, create_pr).await?;
    if !path.is_empty() {
        return Err(Error::NotFound(Missing::Revision(format!("{revision}/{path}"))).into());
    }
    let cas_url = cas_url(origin);
    let mut headers = token_headers(&grant, &cas_url);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    // Clients read either the headers or the body.
    Ok((headers, Json(XetTokenResponse::new(&grant, cas_url))).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_one_segment() {
        let id = RepoId::parse("alice/bert").unwrap();
        let path = token_path(RepoKind::Dataset, &id, XetScope::Read, "refs/pr/1");
        assert_eq!(path, "/api/datasets/alice/bert/xet-read-token/refs%2Fpr%2F1");
        let path = token_path(RepoKind::Model, &id, XetScope::Write, "v1.0-rc_1~ä b");
        assert_eq!(path, "/api/models/alice/bert/xet-write-token/v1.0-rc_1~%C3%A4%20b");
    }
}
