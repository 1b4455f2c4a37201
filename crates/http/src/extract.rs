//! From the parts of a request to what handlers work with: the hub, the actor, the repository, the revision.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine;
use percent_encoding::percent_decode_str;
use steelyard_core::{Invalid, Namespace, RepoId, RepoKind, RepoName};
use steelyard_service::{Actor, Error, Hub, Missing};

use crate::{ApiError, browser};

/// Longest address a proxy may report, in bytes: an IPv6 address with a zone and a port.
const FORWARDED_BYTES_MAX: usize = 64;

/// Whoever makes the request: by `Authorization: Bearer` or git's Basic (any user name, the token as password), else by the
/// session of a browser.
#[derive(Debug, Clone)]
pub struct Caller(pub Actor);

impl FromRequestParts<Hub> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, ApiError> {
        let Some(token) = token_of(&parts.headers)? else {
            let session = browser::session_of(parts, hub).await?;
            return Ok(Self(session.map_or(Actor::Anonymous, |session| session.actor)));
        };
        let actor = hub.authenticate(&token, &address_of(parts, hub)).await?;
        Ok(Self(actor))
    }
}

/// The address a request comes from, as far as it can be trusted.
#[derive(Debug, Clone)]
pub struct ClientAddress(pub String);

impl FromRequestParts<Hub> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, Self::Rejection> {
        Ok(Self(address_of(parts, hub)))
    }
}

pub(crate) fn address_of(parts: &Parts, hub: &Hub) -> String {
    if let Some(address) = forwarded_for(&parts.headers, hub.settings().trusted_proxies) {
        return address.to_owned();
    }
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or_else(|| "unknown".to_owned(), |info| info.0.ip().to_string())
}

/// The client's address as the outermost of so many trusted proxies saw it. What stands further left in
/// `X-Forwarded-For` came from the client, who may write there what they like.
fn forwarded_for(headers: &HeaderMap, trusted_proxies: usize) -> Option<&str> {
    let nth = trusted_proxies.checked_sub(1)?;
    let values = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let addresses: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let address = addresses.into_iter().rev().nth(nth)?;
    (address.len() <= FORWARDED_BYTES_MAX).then_some(address)
}

pub(crate) fn token_of(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| Error::BadCredentials)?;
    let (scheme, rest) = value.split_once(' ').ok_or(Error::BadCredentials)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(rest.trim().to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Error::BadCredentials);
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(rest.trim())
        .map_err(|_| Error::BadCredentials)?;
    let decoded = String::from_utf8(decoded).map_err(|_| Error::BadCredentials)?;
    let (_user, password) = decoded.split_once(':').ok_or(Error::BadCredentials)?;
    Ok(Some(password.to_owned()))
}

/// The repository a path names, and what follows its name, still percent-encoded.
///
/// Understands `/api/{models|datasets|spaces|kernels}/ns/name/rest` and `/[datasets/|...]ns/name[.git]/rest`.
#[derive(Debug, Clone)]
pub struct Target {
    /// Model, dataset, space or kernel.
    pub kind: RepoKind,
    /// `ns/name`.
    pub id: RepoId,
    rest: String,
}

impl FromRequestParts<Hub> for Target {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _hub: &Hub) -> Result<Self, ApiError> {
        // A name that breaks the rules names no repository: same answer as for one that does not exist.
        let anonymous = !parts.headers.contains_key(header::AUTHORIZATION)
            && browser::session_secret(&parts.headers).is_none();
        Self::parse(parts.uri.path())
            .ok_or_else(|| Error::NotFound(Missing::Repo { anonymous }).into())
    }
}

impl Target {
    /// What a path names that came in a text, not as a request.
    pub fn of_path(path: &str) -> Option<Self> {
        Self::parse(path)
    }

    fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let (kind, rest) = match path.strip_prefix("api/") {
            Some(path) => {
                let (plural, rest) = path.split_once('/')?;
                (RepoKind::from_plural(plural)?, rest)
            }
            None => RepoKind::split_url(path),
        };
        let (namespace, rest) = rest.split_once('/')?;
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let name = name.strip_suffix(".git").unwrap_or(name);
        let namespace = Namespace::parse(&decode(namespace).ok()?).ok()?;
        let name = RepoName::parse(&decode(name).ok()?).ok()?;
        Some(Self { kind, id: RepoId::new(namespace, name), rest: rest.to_owned() })
    }

    /// The revision and the path that follow a verb such as `tree` or `resolve`; the path may be empty.
    ///
    /// A revision is one segment (`refs%2Fpr%2F1`); fsspec also writes `refs/pr/1` and `refs/convert/x` plainly.
    pub fn revision_and_path(&self) -> Result<(String, String), Error> {
        let (_verb, rest) = self.rest.split_once('/').unwrap_or((&self.rest, ""));
        let mut segments = 1;
        if let Some(rest) = rest.strip_prefix("refs/")
            && (rest.starts_with("pr/") || rest.starts_with("convert/"))
        {
            segments = 3;
        }
        let end = rest.match_indices('/').nth(segments - 1).map_or(rest.len(), |(at, _)| at);
        let (revision, path) = rest.split_at(end);
        Ok((decode(revision)?, decode(path.trim_start_matches('/'))?))
    }

    /// The same without an ending of its last segment; none when it has not got it, or nothing else.
    pub fn without(&self, ending: &str) -> Option<Self> {
        let rest = self.rest.strip_suffix(ending).filter(|rest| !rest.ends_with('/'))?;
        Some(Self { rest: rest.to_owned(), ..self.clone() })
    }

    /// The word that follows the name: `tree`, `resolve`, ...
    pub fn verb(&self) -> &str {
        self.rest.split_once('/').map_or(&*self.rest, |(verb, _)| verb)
    }

    /// Everything that follows a verb, decoded: a branch or tag name.
    pub fn tail(&self) -> Result<String, Error> {
        let (_verb, rest) = self.rest.split_once('/').unwrap_or((&self.rest, ""));
        decode(rest)
    }
}

pub(crate) fn decode(text: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(Into::into)
        .map_err(|_| Error::Invalid(Invalid::new("path", "must be percent-encoded UTF-8")))
}

/// The query string as pairs. Clients write lists as `k=a&k=b` or `k[]=a&k[]=b`; both are accepted everywhere.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::parse(parts.uri.query().unwrap_or("").as_bytes()))
    }
}

impl Params {
    /// Reads `application/x-www-form-urlencoded` text.
    pub fn parse(text: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(text);
        Self(
            pairs
                .map(|(key, value)| (key.trim_end_matches("[]").to_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// These pairs.
    pub(crate) fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The first value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Every value of a key, in order.
    pub fn all(&self, key: &str) -> Vec<&str> {
        self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }

    /// True for `true`, `1`, `True` and an empty value.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some("true" | "True" | "1" | ""))
    }

    /// All but one key.
    pub fn without(&self, key: &str) -> Self {
        Self(self.0.iter().filter(|(name, _)| name != key).cloned().collect())
    }

    /// The pairs, to build the address of the next page.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// The address by which the client reaches this hub, without trailing slash.
#[derive(Debug, Clone)]
pub struct Origin(pub String);

impl FromRequestParts<Hub> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, Self::Rejection> {
        Ok(Self(origin_of(&parts.headers, hub)))
    }
}

/// The configured public address, else the `Host` the client used.
pub(crate) fn origin_of(headers: &HeaderMap, hub: &Hub) -> String {
    if let Some(url) = &hub.settings().public_url {
        return url.clone();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // A Host with anything but a name and a port could smuggle a path or markup into answers.
    let is_sound =
        |host: &&str| host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b));
    format!("http://{}", host.filter(is_sound).unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_from_raw_paths() {
        let cases = [
            (
                "/api/models/a/b/tree/refs%2Fpr%2F1/x%2Fy",
                RepoKind::Model,
                "a/b",
                "refs/pr/1",
                "x/y",
            ),
            ("/api/datasets/a/b/tree/main", RepoKind::Dataset, "a/b", "main", ""),
            (
                "/a/b/resolve/feature%2Fx/d/e%20f.txt",
                RepoKind::Model,
                "a/b",
                "feature/x",
                "d/e f.txt",
            ),
            ("/datasets/a/b/resolve/refs/pr/12/f", RepoKind::Dataset, "a/b", "refs/pr/12", "f"),
            (
                "/spaces/a/b/resolve/refs/convert/parquet/f",
                RepoKind::Space,
                "a/b",
                "refs/convert/parquet",
                "f",
            ),
            ("/a/b/resolve/refs/heads", RepoKind::Model, "a/b", "refs", "heads"),
        ];
        for (path, kind, id, revision, file) in cases {
            let target = Target::parse(path).unwrap();
            assert_eq!((target.kind, target.id.to_string().as_str()), (kind, id), "{path}");
            assert_eq!(
                target.revision_and_path().unwrap(),
                (revision.to_owned(), file.to_owned()),
                "{path}"
            );
        }
        assert_eq!(Target::parse("/a/b.git/info/refs").unwrap().id.to_string(), "a/b");
        assert!(Target::parse("/api/models/gpt2").is_none());
        assert!(Target::parse("/api/models/a..b/c").is_none());
    }

    #[test]
    fn only_trusted_proxies_say_who_the_client_is() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "6.6.6.6, 1.1.1.1".parse().unwrap());
        headers.append("x-forwarded-for", "2.2.2.2".parse().unwrap());
        assert_eq!(forwarded_for(&headers, 0), None);
        assert_eq!(forwarded_for(&headers, 1), Some("2.2.2.2"));
        assert_eq!(forwarded_for(&headers, 2), Some("1.1.1.1"));
        assert_eq!(forwarded_for(&headers, 4), None);
        assert_eq!(forwarded_for(&HeaderMap::new(), 1), None);
    }

    #[test]
    fn lists_may_carry_brackets() {
        let params = Params::parse(b"expand[]=a&expand=b&recursive=True&x=%20");
        assert_eq!(params.all("expand"), ["a", "b"]);
        assert!(params.flag("recursive"));
        assert_eq!(params.get("x"), Some(" "));
    }
}
