//! `POST .../git-receive-pack`: a push.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use steelyard_git::pktline::{self, Band};
use steelyard_git::protocol::receive::{
    COMMAND_BYTES_MAX, ReceiveRequest, read_request, report_status,
};
use steelyard_service::push::{PushAccess, PushReport};
use steelyard_service::{Error, Hub};
use tokio::sync::Notify;

use super::body::{self, GitBody, drain};
use super::{RECEIVE_PACK, Refusal, answer, failure_text};
use crate::ApiError;
use crate::extract::{Caller, Target};

/// How often a client that waits for the end of the checks is told that they go on.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// An empty packet of the payload, as git itself sends.
const STILL_ALIVE: &[u8] = b"0005\x01";

pub(super) async fn receive_pack(
    State(hub): State<Hub>,
    caller: Result<Caller, ApiError>,
    target: Result<Target, ApiError>,
    request: Request,
) -> Result<Response, Refusal> {
    let (Caller(actor), target) = (caller?, target?);
    let access = hub.authorize_push(&actor, target.kind, &target.id).await?;
    hub.require_git()?;
    let (parts, body) = request.into_parts();
    let ended = Arc::new(Notify::new());
    let limit = hub.settings().limits.push_pack_bytes_max.saturating_add(COMMAND_BYTES_MAX as u64);
    let mut body = body::open(&parts.headers, body, limit, Arc::clone(&ended))?;
    let request = match read_request(&mut body).await {
        Ok(request) => request,
        Err(error) => {
            drain(&mut body).await;
            return Err(Error::invalid("push", error.to_string()).into());
        }
    };
    if request.commands.is_empty() {
        // git tries its credentials before it sends much.
        drain(&mut body).await;
        return Ok(answer(RECEIVE_PACK, "result", Body::empty()));
    }
    let side_band = request.capabilities.side_band_64k;
    let mut push: Pin<Box<dyn Future<Output = Vec<u8>> + Send>> =
        Box::pin(run(hub, access, request, body));
    let slow = async {
        ended.notified().await;
        tokio::time::sleep(KEEP_ALIVE).await;
    };
    tokio::select! {
        report = &mut push => return Ok(answer(RECEIVE_PACK, "result", report)),
        () = slow, if side_band => {}
    }
    let stream = async_stream::stream! {
        loop {
            tokio::select! {
                report = &mut push => {
                    yield Ok::<_, Infallible>(Bytes::from(report));
                    break;
                }
                () = tokio::time::sleep(KEEP_ALIVE) => yield Ok(Bytes::from_static(STILL_ALIVE)),
            }
        }
    };
    Ok(answer(RECEIVE_PACK, "result", Body::from_stream(stream)))
}

/// Pushes, and says what came of it in the protocol's own words.
async fn run(hub: Hub, access: PushAccess, request: ReceiveRequest, mut body: GitBody) -> Vec<u8> {
    let report = hub.push(&access, &request, &mut body).await;
    drain(&mut body).await;
    let report = report.unwrap_or_else(|error| failed(&request, error));
    let capabilities = &request.capabilities;
    let mut out = Vec::new();
    if capabilities.side_band_64k && !report.messages.is_empty() {
        let text = report.messages.iter().map(|line| format!("{}\n", printable(line)));
        pktline::write_band(&mut out, Band::Progress, text.collect::<String>().as_bytes());
    }
    if capabilities.report_status {
        let unpack = match &report.unpack {
            Ok(()) => Ok(()),
            Err(text) => Err(text.as_str()),
        };
        out.extend(report_status(unpack, &report.refs, capabilities.side_band_64k));
    } else if capabilities.side_band_64k {
        out.extend_from_slice(pktline::FLUSH);
    }
    out
}

fn failed(request: &ReceiveRequest, error: Error) -> PushReport {
    let text = failure_text(error);
    let outcome = |name: &str| (name.to_owned(), Err(text.clone()));
    PushReport {
        unpack: Err(text.clone()),
        refs: request.commands.iter().map(|command| outcome(&command.name)).collect(),
        messages: Vec::new(),
    }
}

/// File names come from outside: nothing in them may steer a terminal.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
