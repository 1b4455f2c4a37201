//! Contents of files: `resolve` and `raw`.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use steelyard_core::{RepoKind, Revision};
use steelyard_service::revisions::{Content, Entry, EntryKind, LfsInfo, Snapshot};
use steelyard_service::{Action, Hub};

use crate::error::REPO_COMMIT;
use crate::extract::{Caller, Target};
use crate::file::{FileReply, respond_bytes, respond_stream};
use crate::{Access, ApiError, Route};

const LINKED_ETAG: HeaderName = HeaderName::from_static("x-linked-etag");
const LINKED_SIZE: HeaderName = HeaderName::from_static("x-linked-size");

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
/// misses the headers; GET of a large file goes to the object store when that can be reached directly.
async fn resolve(
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
    let immutable = matches!(parsed, Revision::Commit(_));
    match snapshot.content(&entry)? {
        Content::Regular(bytes) => {
            let reply =
                reply_for(&snapshot, &entry, bytes.len() as u64, entry.oid.to_string(), immutable);
            Ok(respond_bytes(&method, &headers, reply, bytes))
        }
        Content::Large(lfs) => {
            large(&hub, &snapshot, &entry, lfs, immutable, &method, &headers).await
        }
    }
}

async fn large(
    hub: &Hub,
    snapshot: &Snapshot,
    entry: &Entry,
    lfs: LfsInfo,
    immutable: bool,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    hub.check_linked(snapshot, &entry.path, lfs.sha256).await?;
    let mut reply = reply_for(snapshot, entry, lfs.size, lfs.sha256.to_string(), immutable);
    reply.headers.insert(LINKED_SIZE, HeaderValue::from(lfs.size));
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", lfs.sha256)) {
        reply.headers.insert(LINKED_ETAG, etag);
    }
    if *method == Method::GET
        && let Some(url) = hub.direct_download_url(lfs.sha256, &entry.path).await?
        && let Ok(location) = HeaderValue::from_str(&url)
    {
        let mut headers = reply.headers;
        headers.insert(header::LOCATION, location);
        return Ok((StatusCode::FOUND, headers).into_response());
    }
    respond_stream(method, headers, reply, |range| async move {
        hub.open_content(&lfs.sha256, range).await
    })
    .await
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
                   ETag,Link,Accept-Ranges,Content-Range";
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    FileReply { path: &entry.path, size, etag: Some(etag), immutable, headers }
}
