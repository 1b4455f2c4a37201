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

use crate::openapi::{CURSOR, LIMIT, Parameter};
use crate::wire::EmptyResponse;
use crate::wire::lfs::{
    BatchRequest, BatchResponse, CompleteRequest, CreateLockRequest, LfsErrorResponse,
    LfsFileResponse, LfsFilesBatchRequest, LfsFilesDeletedResponse, LocksResponse, OneLockResponse,
    UnlockRequest, VerifyLocksRequest, VerifyLocksResponse, VerifyRequest,
};
use crate::{Access, Route};

const LFS_JSON: &str = "application/vnd.git-lfs+json";
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static(LFS_JSON);
const LFS_AUTHENTICATE: HeaderName = HeaderName::from_static("lfs-authenticate");
/// Longest error body that is rewritten, in bytes; ours are a line.
const ERROR_BYTES_MAX: usize = 64 * 1024;

pub(super) fn add(table: &mut Vec<Route>) {
    let (read, write) = (Access::Repo(Action::ReadContent), Access::Repo(Action::WriteContent));
    for kind in RepoKind::ALL {
        let base = format!("/{}{{ns}}/{{name}}/info/lfs", kind.url_prefix());
        let lfs = |methods, path: &str, access, summary, handler: MethodRouter<Hub>| {
            Route::new(methods, format!("{base}/{path}"), access, summary, speaks_lfs(handler))
        };
        let summary = "Tells where to upload or download objects; uploads ask for write access";
        // Uploads ask for more; the handler decides by the operation in the body.
        let batch = lfs(&["POST"], "objects/batch", read, summary, post(batch::batch));
        table.push(
            batch
                .takes_as::<BatchRequest>(LFS_JSON)
                .gives_as::<BatchResponse>(LFS_JSON)
                .fails(&[409, 413]),
        );
        let list = lfs(&["GET"], "locks", read, "Lists locks", get(locks::list)).query(LOCKS_QUERY);
        table.push(list.gives_as::<LocksResponse>(LFS_JSON));
        let create = lfs(&["POST"], "locks", write, "Locks a path", post(locks::create));
        table.push(
            create
                .takes_as::<CreateLockRequest>(LFS_JSON)
                .gives_as::<OneLockResponse>(LFS_JSON)
                .fails(&[409]),
        );
        let summary = "Lists locks by whose they are, before a push";
        let verify = lfs(&["POST"], "locks/verify", write, summary, post(locks::verify));
        table.push(
            verify
                .takes_as::<VerifyLocksRequest>(LFS_JSON)
                .gives_as::<VerifyLocksResponse>(LFS_JSON),
        );
        let unlock =
            lfs(&["POST"], "locks/{id}/unlock", write, "Releases a lock", post(locks::unlock));
        table
            .push(unlock.takes_as::<UnlockRequest>(LFS_JSON).gives_as::<OneLockResponse>(LFS_JSON));

        let base = format!("/api/{}/{{ns}}/{{name}}/lfs-files", kind.plural());
        let list =
            Route::new(&["GET"], base.clone(), write, "Lists the large files", get(files::list));
        table.push(list.query(&[LIMIT, CURSOR]).gives::<Vec<LfsFileResponse>>());
        let administer = Access::Repo(Action::AdministerRepo);
        let (path, summary) =
            (format!("{base}/batch"), "Deletes large files, from all commits too if asked");
        let delete =
            Route::new(&["POST"], path, administer, summary, post(files::delete)).fails(&[501]);
        table.push(delete.takes::<LfsFilesBatchRequest>().gives::<LfsFilesDeletedResponse>());
    }
    add_signed(table);
}

const LOCKS_QUERY: &[Parameter] = &[
    Parameter::text("path", "Only this path's."),
    Parameter::text("id", "Only this one."),
    LIMIT,
    CURSOR,
];

fn add_signed(table: &mut Vec<Route>) {
    let signed = |methods, path: &str, summary, handler: MethodRouter<Hub>| {
        Route::new(methods, path, Access::Signed, summary, speaks_lfs(handler))
    };
    let bytes = Some("application/octet-stream");
    let whole = signed(&["PUT"], "/lfs/upload/{id}", "Takes a large file", put(transfer::upload));
    table.push(whole.carries(bytes, None).fails(&[413]));
    let path = "/lfs/upload/{id}/part/{number}";
    let part = signed(&["PUT"], path, "Takes one part of a large file", put(transfer::upload_part));
    table.push(part.carries(bytes, None).fails(&[413]));
    let (path, summary) = ("/lfs/upload/{id}/complete", "Puts the parts of a large file together");
    let complete = signed(&["POST"], path, summary, post(transfer::complete));
    table.push(complete.takes::<CompleteRequest>().gives_as::<EmptyResponse>(LFS_JSON));
    let (path, summary) = ("/lfs/upload/{id}/verify", "Makes sure that a large file has arrived");
    let verify = signed(&["POST"], path, summary, post(transfer::verify));
    table.push(verify.takes_as::<VerifyRequest>(LFS_JSON).gives_as::<EmptyResponse>(LFS_JSON));
    let (path, summary) =
        ("/lfs/object/{repo}/{sha256}", "Gives a large file, whole or a range of it");
    table.push(signed(&["GET"], path, summary, get(transfer::download)).carries(None, bytes));
}

fn speaks_lfs(handler: MethodRouter<Hub>) -> MethodRouter<Hub> {
    handler.layer(from_fn(as_lfs))
}

/// Turns the body of an error into git-lfs's form; status and headers are the hub's usual ones.
async fn as_lfs(request: Request, next: Next) -> Response {
    let id =
        request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    // A lock that somebody holds is a 409 in its own form, and a bad range is the file's own answer.
    let is_done = response.headers().get(header::CONTENT_TYPE) == Some(&MEDIA_TYPE);
    if !is_error || is_done || status == StatusCode::RANGE_NOT_SATISFIABLE {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = Limited::new(body, ERROR_BYTES_MAX)
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let message = serde_json::from_slice(&body).ok().and_then(|body: serde_json::Value| {
        body.get("error").and_then(|text| text.as_str()).map(str::to_owned)
    });
    let message =
        message.unwrap_or_else(|| status.canonical_reason().unwrap_or("error").to_owned());
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
    if status == StatusCode::UNAUTHORIZED {
        parts
            .headers
            .insert(LFS_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Steelyard\""));
    }
    let body =
        serde_json::to_vec(&LfsErrorResponse { message, request_id: id }).unwrap_or_default();
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
