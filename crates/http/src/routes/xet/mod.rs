//! Xet: tokens for the content store, copies of its files, and the content store itself under `/api/xet`.
//!
//! What clients call `casUrl` is [`token::cas_url`]. They put `/v1/…` or `/v2/…` behind it, and take some answers to routes
//! that a store does not have for "go on without": so nothing is answered below it but by the rows here, and everything
//! else is a 404 in JSON, a wrong method too.

mod body;
mod chunks;
mod duplicate;
mod fetch;
mod frames;
mod reconstructions;
mod shards;
pub(crate) mod token;
mod windows;
mod xorbs;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::routing::{MethodRouter, get, head, post};
use steelyard_core::{RepoKind, XetHash};
use steelyard_service::xet::{XetScope, XetToken};
use steelyard_service::{Action, Error, Hub, Missing};

use crate::openapi::Parameter;
use crate::wire::EmptyResponse;
use crate::wire::xet::{
    DuplicateFilesRequest, DuplicateFilesResponse, FileChunkHashesResponse, FileKeyRequest,
    ReconstructionV1Response, ReconstructionV2Response, ReconstructionsResponse, ShardFrame,
    ShardUploadedResponse, XetTokenResponse, XorbGrantRequest, XorbGrantResponse,
    XorbUploadedResponse,
};
use crate::{Access, ApiError, Route, extract};

/// Where the content store begins.
pub(crate) const ROOT: &str = "/api/xet";
/// Answers with addresses or tokens are nobody else's, and not for long.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const BYTES: &str = "application/octet-stream";
const NDJSON: &str = "application/x-ndjson";

pub(super) fn add(table: &mut Vec<Route>) {
    add_to_repositories(table);
    add_writing(table);
    add_reading(table);
}

fn add_to_repositories(table: &mut Vec<Route>) {
    for kind in RepoKind::ALL {
        let base = format!("/api/{}/{{ns}}/{{name}}", kind.plural());
        let route = |verb: &str, action, summary, handler: MethodRouter<Hub>| {
            let path = format!("{base}/{verb}/{{*rest}}");
            let route = Route::new(&["GET"], path, Access::Repo(action), summary, handler);
            route.rest("{revision}").gives::<XetTokenResponse>()
        };
        let summary = "Gives a token to read files from the content store";
        table.push(route("xet-read-token", Action::ReadContent, summary, get(token::read)));
        let summary = "Gives a token to upload files to the content store";
        let write = route("xet-write-token", Action::WriteContent, summary, get(token::write));
        table.push(write.query(CREATE_PR));
        let (path, read) =
            (format!("{base}/lfs-files/duplicate"), Access::Repo(Action::ReadContent));
        let summary = "Lets another repository have large files of this one";
        let duplicate = Route::new(&["POST"], path, read, summary, post(duplicate::duplicate));
        let duplicate = duplicate.takes::<DuplicateFilesRequest>();
        table.push(duplicate.gives::<DuplicateFilesResponse>().fails(&[413]));
    }
}

const CREATE_PR: &[Parameter] = &[Parameter::flag(
    "create_pr",
    "For a commit that opens a pull request, which whoever may see the repository may do; the revision is not looked at.",
)];

fn add_writing(table: &mut Vec<Route>) {
    let route = |methods, path: &str, summary, handler: MethodRouter<Hub>| {
        let access = Access::Xet(XetScope::Write);
        Route::new(methods, format!("{ROOT}{path}"), access, summary, handler)
    };
    let summary = "Tells whether a xorb must be uploaded (not with 200), and where to (201: there, 404: here)";
    let path = "/v1/xorb-grants/{prefix}/{hash}";
    let grant = route(&["POST"], path, summary, post(xorbs::grant));
    table.push(grant.takes::<XorbGrantRequest>().gives::<XorbGrantResponse>().fails(&[413]));
    let summary = "Takes over a xorb that was uploaded under a grant";
    let path = "/v1/xorb-commits/{prefix}/{hash}/grant/{id}";
    let commit = route(&["POST"], path, summary, post(xorbs::commit)).gives::<EmptyResponse>();
    table.push(commit.fails(&[413]));
    let (path, summary) = ("/v1/xorbs/{prefix}/{hash}", "Takes a xorb");
    let upload = route(&["POST"], path, summary, post(xorbs::upload));
    let upload = upload.carries(Some(BYTES), None).gives::<XorbUploadedResponse>();
    table.push(upload.fails(&[413]));
    let shard = |path, summary, handler| {
        route(&["POST"], path, summary, handler).carries(Some(BYTES), None).fails(&[413])
    };
    let v1 = shard("/v1/shards", "Registers files put together from xorbs", post(shards::register));
    table.push(v1.gives::<ShardUploadedResponse>());
    let summary = "Registers files put together from xorbs, and tells how far it has come";
    let v2 = shard("/v2/shards", summary, post(shards::register_telling));
    table.push(v2.gives_as::<ShardFrame>(NDJSON));
}

fn add_reading(table: &mut Vec<Route>) {
    let route = |methods, path: &str, summary, handler: MethodRouter<Hub>| {
        let access = Access::Xet(XetScope::Read);
        Route::new(methods, format!("{ROOT}{path}"), access, summary, handler)
    };
    let (path, summary) = ("/v1/xorbs/{prefix}/{hash}", "Tells the stored size of a xorb");
    table.push(route(&["HEAD"], path, summary, head(xorbs::size)));
    let (path, summary) = ("/v1/files/{hash}", "Tells the size of a file");
    table.push(route(&["HEAD"], path, summary, head(reconstructions::size)));
    let (path, summary) =
        ("/v1/chunks/{prefix}/{hash}", "Tells which xorbs hold a chunk and what follows it");
    table.push(route(&["GET"], path, summary, get(chunks::find)).carries(None, Some(BYTES)));
    let summary = "Tells what to fetch to put a file together, or a range of it";
    let v1 = route(&["GET"], "/v1/reconstructions/{hash}", summary, get(reconstructions::v1));
    table.push(v1.gives::<ReconstructionV1Response>());
    let v2 = route(&["GET"], "/v2/reconstructions/{hash}", summary, get(reconstructions::v2));
    table.push(v2.gives::<ReconstructionV2Response>());
    let (path, summary) =
        ("/v1/reconstructions", "Tells what to fetch to put several files together");
    let batch = route(&["GET"], path, summary, get(reconstructions::batch));
    table.push(batch.query(FILE_IDS).gives::<ReconstructionsResponse>().fails(&[413]));
    let batch = route(&["POST"], path, summary, post(reconstructions::batch_in_body));
    let batch = batch.takes::<Vec<FileKeyRequest>>().gives::<ReconstructionsResponse>();
    table.push(batch.fails(&[413]));
    let (path, summary) =
        ("/v2/file-chunk-hashes/{hash}", "Tells what is needed to edit a file in place");
    let windows = route(&["GET"], path, summary, get(windows::find)).fails(&[501]);
    table.push(windows.gives::<FileChunkHashesResponse>());
    // The protocol's pages have it below the store; hf_xet 1.8 takes it for a path of the host (cas_client/telemetry).
    for path in [format!("{ROOT}/v1/telemetry"), "/v1/telemetry".to_owned()] {
        let (access, summary) =
            (Access::Xet(XetScope::Read), "Takes a client's report, and forgets it");
        let telemetry = Route::new(&["POST"], path, access, summary, post(body::forget));
        table.push(telemetry.takes::<serde_json::Value>().gives::<EmptyResponse>().fails(&[413]));
    }
    let (path, summary) = ("/x/{key}", "Gives ranges of a xorb: those the address was signed for");
    let path = format!("{ROOT}{path}");
    let fetch = Route::new(&["GET"], path, Access::Signed, summary, get(fetch::fetch));
    table.push(fetch.carries(None, Some(BYTES)));
}

const FILE_IDS: &[Parameter] = &[Parameter::list("file_id", "The Xet hash of a file.")];

/// Whoever comes with a token of the content store: any valid one, or one that may write.
struct Bearer<const WRITES: bool>(XetToken);

/// With any token.
type Reader = Bearer<false>;
/// With a token that may write.
type Writer = Bearer<true>;

impl<const WRITES: bool> FromRequestParts<Hub> for Bearer<WRITES> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, ApiError> {
        let needs = if WRITES { XetScope::Write } else { XetScope::Read };
        let text = extract::token_of(&parts.headers)?;
        let text = text.ok_or_else(|| {
            Error::LoginRequired("get one from xet-read-token or xet-write-token".to_owned())
        })?;
        Ok(Self(hub.verify_xet_token(&text, needs)?))
    }
}

/// The hash of a path such as `default/{hash}`. Everything has the one prefix; chunks are known by another name, too.
fn hash_of(prefix: &str, known: &[&str], hash: &str) -> Result<XetHash, Error> {
    if !known.contains(&prefix) {
        return Err(Error::NotFound(Missing::Other("prefix")));
    }
    Ok(XetHash::parse(hash)?)
}

/// What must not be kept by anybody on the way.
fn no_store<T>(answer: T) -> ([(header::HeaderName, HeaderValue); 1], T) {
    ([(header::CACHE_CONTROL, NO_STORE)], answer)
}
