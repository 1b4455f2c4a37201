//! Browsers: the cookie that holds a session's secret, and the token that shows that a form is ours.
//!
//! A cookie goes with every request to the hub, whoever made the browser send it. So it counts by itself only for requests that
//! change nothing; the others must carry a token that is made from the secret and that no other site can read: in the
//! field `csrf` of a form, or in `X-CSRF-Token`. `SameSite=Lax` and the check of `Origin` stand before that.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};
use sha2::{Digest, Sha256};
use steelyard_core::Secret;
use steelyard_service::login::{BrowserSession, Visitor};
use steelyard_service::{Error, Hub};

use crate::extract::{address_of, origin_of};

/// The cookie of a session.
pub const SESSION_COOKIE: &str = "steelyard_session";
/// Carries the token of requests that scripts make.
const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
/// A secret is 64 hexadecimal digits; longer ones are not looked at.
const SECRET_BYTES_MAX: usize = 128;

/// The value of a cookie.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).map(str::trim);
    pairs.find_map(|pair| {
        pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value)
    })
}

/// The secret of the session that a browser came with, whether it is live or not.
pub fn session_secret(headers: &HeaderMap) -> Option<Secret> {
    let value = cookie(headers, SESSION_COOKIE)?;
    (!value.is_empty() && value.len() <= SECRET_BYTES_MAX).then(|| Secret::new(value))
}

/// What forms of a browser with this secret must carry.
pub fn csrf_token(secret: &Secret) -> String {
    hex::encode(Sha256::new().chain_update("csrf ").chain_update(secret.expose()).finalize())
}

/// Whether a request's own token is the one of this secret.
pub fn is_ours(token: Option<&str>, secret: &Secret) -> bool {
    token.is_some_and(|token| token.as_bytes() == csrf_token(secret).as_bytes())
}

/// Fails for a request that another site made the browser send, as far as the browser says so.
pub fn check_origin(headers: &HeaderMap, hub: &Hub) -> Result<(), Error> {
    let refuse = || Error::Forbidden("this form was sent from another site".to_owned());
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(&HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| !["same-origin", "none"].contains(&site)) {
        return Err(refuse());
    }
    let host = |address: &str| {
        address.split_once("://").map_or(address, |(_, rest)| rest).to_ascii_lowercase()
    };
    let Some(origin) = text(&header::ORIGIN) else { return Ok(()) };
    // The scheme may differ: a proxy may speak TLS for the hub.
    let known = [Some(host(&origin_of(headers, hub))), text(&header::HOST).map(host)];
    if known.contains(&Some(host(origin))) { Ok(()) } else { Err(refuse()) }
}

/// Where a request to sign in comes from.
pub fn visitor(parts: &Parts, hub: &Hub) -> Visitor {
    let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    Visitor { address: address_of(parts, hub), user_agent: agent.unwrap_or_default().to_owned() }
}

/// The live session a request came with, for a request that changes nothing or carries the session's token.
pub(crate) async fn session_of(parts: &Parts, hub: &Hub) -> Result<Option<BrowserSession>, Error> {
    let Some(secret) = session_secret(&parts.headers) else { return Ok(None) };
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&parts.method);
    if !is_safe {
        let token = parts.headers.get(CSRF_HEADER).and_then(|token| token.to_str().ok());
        if !is_ours(token, &secret) {
            return Ok(None);
        }
        check_origin(&parts.headers, hub)?;
    }
    hub.browser_session(&secret).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "theme=dark; steelyard_session=abc".parse().unwrap());
        headers.append(header::COOKIE, "other=x=y".parse().unwrap());
        assert_eq!(cookie(&headers, "theme"), Some("dark"));
        assert_eq!(cookie(&headers, "other"), Some("x=y"));
        assert_eq!(cookie(&headers, "them"), None);
        assert_eq!(session_secret(&headers).unwrap().expose(), "abc");
    }

    #[test]
    fn a_token_belongs_to_one_secret() {
        let (one, other) = (Secret::new("one"), Secret::new("other"));
        assert!(is_ours(Some(&csrf_token(&one)), &one));
        assert!(!is_ours(Some(&csrf_token(&one)), &other));
        assert!(!is_ours(None, &one));
        assert_ne!(csrf_token(&one), "one");
    }
}
