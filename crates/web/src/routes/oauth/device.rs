//! A code that a program showed: who asks, from where, for what.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::oauth::PendingDevice;
use steelyard_service::{Error, Result};

use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::submission::Submission;
use crate::{format, respond};

#[derive(Template)]
#[template(path = "oauth/device.html")]
struct DevicePage {
    frame: Frame,
    csrf: String,
    outcome: Outcome,
    code: String,
    asked: Option<Asked>,
    user: String,
}

/// What somebody is about to allow.
struct Asked {
    app: String,
    owner: Option<String>,
    address: String,
    program: String,
    since: String,
    words: Vec<&'static str>,
}

const DONE: &[(&str, &str)] = &[
    ("allowed", "Done. The program goes on by itself; you can close this page."),
    ("denied", "Refused. The program gets nothing."),
];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    visit.hub.own_account(&visit.actor).await?;
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    let code = visit.params.get("user_code").unwrap_or_default().trim().to_owned();
    if code.is_empty() {
        return Ok(show(&visit, StatusCode::OK, outcome, &code, None)?);
    }
    match visit.hub.pending_device(&visit.actor, &code, &visit.address).await {
        Ok(pending) => Ok(show(&visit, StatusCode::OK, outcome, &code, Some(&pending))?),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(&visit, status, outcome, &code, None)?)
        }
    }
}

fn show(
    visit: &Visit,
    status: StatusCode,
    outcome: Outcome,
    code: &str,
    pending: Option<&PendingDevice>,
) -> Result<Response> {
    let now = visit.hub.now();
    let asked = pending.map(|pending| Asked {
        app: pending.app.clone(),
        owner: pending.owner.clone(),
        address: pending.row.address.clone(),
        program: pending.row.user_agent.chars().take(80).collect(),
        since: format::ago(pending.row.created_at, now),
        words: super::words(visit, &pending.scopes),
    });
    let page = DevicePage {
        frame: visit.frame.clone(),
        csrf: visit.csrf(),
        outcome,
        code: code.chars().take(20).collect(),
        asked,
        user: visit.actor.user().map(|user| user.name.clone()).unwrap_or_default(),
    };
    respond::form(status, &page)
}

pub(in crate::routes) async fn decide(sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    visit.hub.own_account(&visit.actor).await?;
    let (allows, done) = match sent.get("action") {
        "allow" => (true, "allowed"),
        "deny" => (false, "denied"),
        _ => return Err(Error::invalid("action", "must be allow or deny").into()),
    };
    let code = sent.get("user_code");
    match visit.hub.decide_device(&visit.actor, code, allows, &sent.visitor.address).await {
        Ok(()) => Ok(respond::see_other(&format!("/oauth/device?done={done}"))),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(visit, status, outcome, "", None)?)
        }
    }
}
