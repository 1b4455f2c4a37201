//! `POST .../git-upload-pack`: listing refs and fetching objects.

use std::io::Cursor;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use steelyard_git::pktline;
use steelyard_git::protocol::ls_refs::{V2Command, answer_ls_refs, read_v2_command};
use steelyard_service::Hub;
use steelyard_service::fetch::GitRefs;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Refusal, UPLOAD_PACK, Version, answer, body, failure_text, git_protocol, version_of};
use crate::ApiError;
use crate::extract::{Caller, Target};

/// Largest request of a fetch, unpacked: the client lists what it has.
const REQUEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(super) async fn upload_pack(
    State(hub): State<Hub>,
    caller: Result<Caller, ApiError>,
    target: Result<Target, ApiError>,
    request: Request,
) -> Result<Response, Refusal> {
    let (Caller(actor), target) = (caller?, target?);
    let (parts, body) = request.into_parts();
    let protocol = git_protocol(&parts.headers).map(str::to_owned);
    let mut body = body::open(&parts.headers, body, REQUEST_BYTES_MAX, Arc::default())?;
    // Before a byte is read: strangers cost nothing, and learn nothing.
    let refs = hub.git_refs(&actor, target.kind, &target.id).await?;
    if version_of(protocol.as_deref()) != Version::V2 {
        return Ok(fetch(&hub, refs, protocol.as_deref(), body).await);
    }
    let (command, head) = match read_v2_command(&mut body).await {
        Ok(read) => read,
        Err(error) => return Ok(complain(&error.to_string())),
    };
    match command {
        V2Command::LsRefs(wanted) => {
            Ok(answer(UPLOAD_PACK, "result", answer_ls_refs(&wanted, &refs.refs, Some(&refs.head))))
        }
        V2Command::Fetch => {
            Ok(fetch(&hub, refs, protocol.as_deref(), Cursor::new(head).chain(body)).await)
        }
        V2Command::Empty => Ok(answer(UPLOAD_PACK, "result", Body::empty())),
        V2Command::Other(name) => {
            Ok(complain(&format!("unknown command \"{}\"", name.escape_debug())))
        }
    }
}

async fn fetch<R>(hub: &Hub, refs: GitRefs, protocol: Option<&str>, request: R) -> Response
where
    R: AsyncRead + Send + Unpin + 'static,
{
    match hub.fetch(refs, protocol, request).await {
        Ok(output) => answer(UPLOAD_PACK, "result", Body::from_stream(output)),
        Err(error) => complain(&failure_text(error)),
    }
}

/// A message that git prints after `fatal: remote error: `.
fn complain(message: &str) -> Response {
    answer(UPLOAD_PACK, "result", pktline::err_packet(message))
}
