//! SSH keys, kept for the day the hub speaks SSH.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::Result;

use super::Outcome;
use crate::frame::{Frame, Visit};
use crate::submission::Submission;
use crate::{format, respond};

struct Line {
    id: String,
    title: String,
    fingerprint: String,
    created: String,
}

#[derive(Template)]
#[template(path = "account/keys.html")]
struct KeysPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    lines: Vec<Line>,
    title: String,
    key: String,
}

const DONE: &[(&str, &str)] = &[("added", "The key is added."), ("deleted", "The key is deleted.")];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show(&visit, StatusCode::OK, outcome, ["", ""]).await?)
}

async fn show(
    visit: &Visit,
    status: StatusCode,
    outcome: Outcome,
    [title, key]: [&str; 2],
) -> Result<Response> {
    let keys = visit.hub.list_ssh_keys(&visit.actor).await?.into_iter();
    let lines = keys.map(|row| Line {
        id: row.public_id,
        title: row.title,
        fingerprint: row.fingerprint,
        created: format::date(row.created_at),
    });
    let page = KeysPage {
        frame: visit.frame.clone(),
        tab: "keys",
        csrf: visit.csrf(),
        outcome,
        lines: lines.collect(),
        title: title.to_owned(),
        key: key.to_owned(),
    };
    respond::form(status, &page)
}

pub(in crate::routes) async fn change(sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    if sent.get("action") == "delete" {
        visit.hub.delete_ssh_key(&visit.actor, sent.get("id")).await?;
        return Ok(respond::see_other("/settings/keys?done=deleted"));
    }
    let (title, key) = (sent.get("title"), sent.get("key"));
    match visit.hub.add_ssh_key(&visit.actor, title, key).await {
        Ok(()) => Ok(respond::see_other("/settings/keys?done=added")),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(visit, status, outcome, [title, key]).await?)
        }
    }
}
