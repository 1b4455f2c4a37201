//! git-lfs: the batch API, transfers by signed addresses, locks; and the Hub's lists of large files.

mod batch;
mod files;
mod locks;
mod transfer;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use steelyard_core::{RepoKind, Timestamp};
use steelyard_service::{Action, Error, Hub};

use crate::wire::lfs::LfsErrorResponse;
use crate::{Access, Route};

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.git-lfs+json");
const LFS_AUTHENTICATE: HeaderName = HeaderName::from_static("lfs-authenticate");
/// Longest error body that is rewritten, in bytes; ours are a line.
const ERROR_BYTES_MAX: usize = 64 * 1024;

pub(super) fn add(table: &mut Vec<Route>) {
    let (read, write) = (Access::Repo(Action::ReadContent), Access::Repo(Action::WriteContent));
    for kind in RepoKind::ALL {
        let base = format!("/{}{{ns}}/{{name}}/info/lfs", kind.url_prefix());
        let mut lfs = |methods, path: &str, access, handler: MethodRouter<Hub>| {
            table.push(Route::new(methods, format!("{base}/{path}"), access, speaks_lfs(handler)));
        };
        // Uploads ask for more; the handler decides by the operation in the body.
        lfs(&["POST"], "objects/batch", read, post(batch::batch));
        lfs(&["GET"], "locks", read, get(locks::list));
        lfs(&["POST"], "locks", write, post(locks::create));
        lfs(&["POST"], "locks/verify", write, post(locks::verify));
        lfs(&["POST"], "locks/{id}/unlock", write, post(locks::unlock));

        let base = format!("/api/{}/{{ns}}/{{name}}/lfs-files", kind.plural());
        table.push(Route::new(&["GET"], base.clone(), write, get(files::list)));
        let administer = Access::Repo(Action::AdministerRepo);
        table.push(Route::new(&["POST"], format!("{base}/batch"), administer, post(files::delete)));
    }
    let mut signed = |methods, path: &str, handler: MethodRouter<Hub>| {
        table.push(Route::new(methods, path, Access::Signed, speaks_lfs(handler)));
    };
    signed(&["PUT"], "/lfs/upload/{id}", put(transfer::upload));
    signed(&["PUT"], "/lfs/upload/{id}/part/{number}", put(transfer::upload_part));
    signed(&["POST"], "/lfs/upload/{id}/complete", post(transfer::complete));
    signed(&["POST"], "/lfs/upload/{id}/verify", post(transfer::verify));
    signed(&["GET"], "/lfs/object/{repo}/{sha256}", get(transfer::download));
}

fn speaks_lfs(handler: MethodRouter<Hub>) -> MethodRouter<Hub> {
    handler.layer(from_fn(as_lfs))
}

/// Turns the body of an error into git-lfs's form; status and headers are the hub's usual ones.
async fn as_lfs(request: Request, next: Next) -> Response {
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    // A lock that somebody holds is a 409 in its own form, and a bad range is the file's own answer.
    let is_done = response.headers().get(header::CONTENT_TYPE) == Some(&MEDIA_TYPE);
    if !is_error || is_done || status == StatusCode::RANGE_NOT_SATISFIABLE {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = Limited::new(body, ERROR_BYTES_MAX).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let message = serde_json::from_slice(&body).ok().and_then(|body: serde_json::Value| {
        body.get("error").and_then(|text| text.as_str()).map(str::to_owned)
    });
    let message = message.unwrap_or_else(|| status.canonical_reason().unwrap_or("error").to_owned());
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
    if status == StatusCode::UNAUTHORIZED {
        parts.headers.insert(LFS_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Steelyard\""));
    }
    let body = serde_json::to_vec(&LfsErrorResponse { message, request_id: id }).unwrap_or_default();
    Response::from_parts(parts, body.into())
}

/// JSON with git-lfs's media type.
struct LfsJson<T>(StatusCode, T);

impl<T: Serialize> IntoResponse for LfsJson<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.1).into_response();
        *response.status_mut() = self.0;
        response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
        response
    }
}

/// An address of this hub that needs no `Authorization` until `expires`.
fn signed_href(hub: &Hub, origin: &str, path: &str, expires: Timestamp) -> String {
    // The path is the purpose: a signature is good for one address, and every parameter of an address is in its path.
    format!("{origin}{path}?{}", hub.signer().sign(path, &[], expires))
}

/// Fails unless this hub signed the request's address and it is still good.
fn check_signature(hub: &Hub, uri: &axum::http::Uri) -> Result<(), Error> {
    let checked = hub.signer().verify(uri.path(), uri.query().unwrap_or(""), hub.now());
    checked.map(drop).map_err(|error| Error::Forbidden(format!("{error}; ask for a new one")))
}
