//! The like button.

use axum::response::Response;
use steelyard_http::{ApiError, Target};
use steelyard_service::{Action, Error};

use crate::submission::Submission;
use crate::{links, respond};

/// Likes, or no longer; each may be sent twice.
pub(super) async fn like(target: Target, sent: Submission) -> Result<Response, ApiError> {
    let (hub, actor) = (&sent.visit.hub, &sent.visit.actor);
    hub.repo(actor, target.kind, &target.id, Action::LikeRepo).await?;
    match sent.get("action") {
        "like" => hub.like(actor, target.kind, &target.id).await?,
        "unlike" => hub.unlike(actor, target.kind, &target.id).await?,
        _ => return Err(Error::invalid("action", "must be like or unlike").into()),
    };
    Ok(respond::see_other(&links::repo(target.kind, &target.id)))
}
