//! Contents of files: `resolve` and `raw`.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use steelyard_core::{RepoKind, Revision, XetHash};
use steelyard_service::counters::Download;
use steelyard_service::lfs::Home;
use steelyard_service::revisions::{Content, Entry, EntryKind, LfsInfo, Snapshot};
use steelyard_service::xet::XetScope;
use steelyard_service::{Action, Hub};

use super::xet::token::{cas_url, token_path};
use crate::error::REPO_COMMIT;
use crate::extract::{Caller, ClientAddress, Origin, Target};
use crate::file::{FileReply, respond_bytes, respond_stream};
use crate::{Access, ApiError, Route};

const LINKED_ETAG: HeaderName = HeaderName::from_static("x-linked-etag");
const LINKED_SIZE: HeaderName = HeaderName::from_static("x-linked-size");
const XET_HASH: HeaderName = HeaderName::from_static("x-xet-hash");
/// What huggingface_hub sends with every request of a download.
const DOWNLOAD_COUNTER: HeaderName = HeaderName::from_static("x-hf-download-counter");
/// How huggingface.js asks where a file can be had from.
const XET_FILE_INFO: &str = "application/vnd.xet-fileinfo+json";

pub(super) fn add(table: &mut Vec<Route>) {
    let read = Access::Repo(Action::ReadContent);
    for kind in RepoKind::ALL {
        let base = format!("/{}{{ns}}/{{name}}", kind.url_prefix());
        let (path, summary) =
            (format!("{base}/resolve/{{*rest}}"), "Gives a file's content, whole or a range of it");
        table.push(file(Route::new(&["GET", "HEAD"], path, read, summary, get(resolve))));
        let (path, summary) = (
            format!("{base}/raw/{{*rest}}"),
            "Gives the bytes git holds: of a large file, its pointer",
        );
        table.push(file(Route::new(&["GET", "HEAD"], path, read, summary, get(raw))));
    }
}

fn file(route: Route) -> Route {
    route.rest("{revision}/{path}").carries(None, Some("application/octet-stream"))
}

/// The file as its author meant it: large files come from the object store.
///
/// HEAD is answered here and not by a redirect, because huggingface_hub follows redirects within one origin and then
/// misses the headers; GET of a large file goes to the object store when that can be reached directly. What is stored in
/// xorbs is put together here for every client that does not do that itself: the headers tell who can.
async fn resolve(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    ClientAddress(address): ClientAddress,
    target: Target,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (revision, path) = target.revision_and_path()?;
    let parsed = Revision::parse(&revision)?;
    let snapshot =
        hub.snapshot(&actor, target.kind, &target.id, &parsed, Action::ReadContent).await?;
    let entry = snapshot.get_file(&path)?;
    let immutable = matches!(parsed, Revision::Commit(_));
    let response = match snapshot.content(&entry)? {
        Content::Regular(bytes) => {
            let reply =
                reply_for(&snapshot, &entry, bytes.len() as u64, entry.oid.to_string(), immutable);
            respond_bytes(&method, &headers, reply, bytes)
        }
        Content::Large(lfs) => {
            let reply = reply_for(&snapshot, &entry, lfs.size, lfs.sha256.to_string(), immutable);
            let call = Call { hub: &hub, origin: &origin, method: &method, headers: &headers };
            call.large(&snapshot, &entry.path, lfs, reply).await?
        }
    };
    if !response.status().is_client_error() {
        hub.count_download(&Download {
            repo: &snapshot.repo,
            path: &entry.path,
            is_head: method == Method::HEAD,
            is_continued: is_continued(&headers),
            actor: &actor,
            address: &address,
            user_agent: text_of(&headers, header::USER_AGENT).unwrap_or_default(),
            counter: text_of(&headers, DOWNLOAD_COUNTER),
        });
    }
    Ok(response)
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// True for a request of a part of a file that is not its beginning: what was begun elsewhere goes on.
fn is_continued(headers: &HeaderMap) -> bool {
    let range = text_of(headers, header::RANGE).and_then(|range| range.strip_prefix("bytes="));
    range.is_some_and(|range| !range.trim_start().starts_with("0-"))
}

/// A request for a file.
struct Call<'a> {
    hub: &'a Hub,
    origin: &'a str,
    method: &'a Method,
    headers: &'a HeaderMap,
}

impl Call<'_> {
    async fn large(
        &self,
        snapshot: &Snapshot,
        path: &str,
        lfs: LfsInfo,
        mut reply: FileReply<'_>,
    ) -> Result<Response, ApiError> {
        let hub = self.hub;
        let link = hub.get_link(snapshot, path, lfs.sha256).await?;
        reply.headers.insert(LINKED_SIZE, HeaderValue::from(lfs.size));
        if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", lfs.sha256)) {
            reply.headers.insert(LINKED_ETAG, etag);
        }
        if let Home::Xet { hash, .. } | Home::Claimed { hash, .. } = link.home {
            let xet = XetAddresses::of(self.origin, snapshot, &hash);
            xet.describe(&mut reply.headers);
            if accepts(self.headers, XET_FILE_INFO) {
                return Ok(xet.into_response(reply.headers));
            }
        }
        if *self.method == Method::GET
            && let Some(url) = hub.direct_download_url(&link, path).await?
            && let Ok(location) = HeaderValue::from_str(&url)
        {
            let mut headers = reply.headers;
            headers.insert(header::LOCATION, location);
            return Ok((StatusCode::FOUND, headers).into_response());
        }
        respond_stream(self.method, self.headers, reply, |range| async move {
            hub.open_content(&link, range).await
        })
        .await
    }
}

/// Where a client gets what it needs to put a file together from xorbs.
struct XetAddresses {
    hash: XetHash,
    /// Gives tokens.
    token: String,
    /// Says what to fetch.
    reconstruction: String,
}

impl XetAddresses {
    fn of(origin: &str, snapshot: &Snapshot, hash: &XetHash) -> Self {
        let (repo, commit) = (&snapshot.repo, snapshot.commit.to_string());
        let token = token_path(repo.kind, &repo.repo, XetScope::Read, &commit);
        let reconstruction = format!("{}/v2/reconstructions/{hash}", cas_url(origin));
        Self { hash: *hash, token: format!("{origin}{token}"), reconstruction }
    }

    /// Says it in headers: huggingface_hub reads the hash and `xet-auth` (utils/_xet.py), huggingface.js both links.
    fn describe(&self, headers: &mut HeaderMap) {
        let links = format!(
            "<{}>; rel=\"xet-auth\", <{}>; rel=\"xet-reconstruction-info\"",
            self.token, self.reconstruction
        );
        let values = [(XET_HASH, self.hash.to_string()), (header::LINK, links)];
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        headers.insert(header::VARY, HeaderValue::from_static("Origin, Authorization, Accept"));
    }

    /// Says it in a body, too, to a client that asked for nothing else.
    fn into_response(self, mut headers: HeaderMap) -> Response {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(XET_FILE_INFO));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        let body = json!({
            "hash": self.hash,
            "refreshUrl": self.token,
            "reconstructionUrl": self.reconstruction,
        });
        (StatusCode::OK, headers, body.to_string()).into_response()
    }
}

/// True when the request names a media type among those it takes.
fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(','));
    types.any(|one| one.split(';').next().is_some_and(|name| name.trim() == wanted))
}

/// The bytes git holds: for a large file, its pointer.
async fn raw(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (revision, path) = target.revision_and_path()?;
    let parsed = Revision::parse(&revision)?;
    let snapshot =
        hub.snapshot(&actor, target.kind, &target.id, &parsed, Action::ReadContent).await?;
    let entry = snapshot.get_file(&path)?;
    let bytes = snapshot.blob(entry.oid)?;
    let immutable = matches!(parsed, Revision::Commit(_));
    let mut reply =
        reply_for(&snapshot, &entry, bytes.len() as u64, entry.oid.to_string(), immutable);
    if matches!(entry.kind, EntryKind::File { lfs: Some(_), .. }) {
        reply
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    Ok(respond_bytes(&method, &headers, reply, bytes))
}

fn reply_for<'a>(
    snapshot: &Snapshot,
    entry: &'a Entry,
    size: u64,
    etag: String,
    immutable: bool,
) -> FileReply<'a> {
    let mut headers = HeaderMap::new();
    if let Ok(commit) = HeaderValue::from_str(&snapshot.commit.to_string()) {
        headers.insert(REPO_COMMIT, commit);
    }
    headers.insert(header::VARY, HeaderValue::from_static("Origin, Authorization"));
    let exposed = "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Linked-Size,X-Linked-ETag,\
                   X-Xet-Hash,ETag,Link,Accept-Ranges,Content-Range";
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    FileReply { path: &entry.path, size, etag: Some(etag), immutable, headers }
}
