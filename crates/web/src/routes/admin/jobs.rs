//! Background work: what waits, what runs, what failed.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::{Error, Result};

use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::submission::Submission;
use crate::{format, respond};

const STATES: [&str; 4] = ["waiting", "running", "failed", "done"];

struct Line {
    id: i64,
    kind: String,
    subject: String,
    state: String,
    when: String,
    attempts: i64,
    owner: Option<String>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/jobs.html")]
struct JobsPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    states: [&'static str; 4],
    state: String,
    lines: Vec<Line>,
    next: Option<String>,
}

const DONE: &[(&str, &str)] = &[("retry", "The job waits for a worker.")];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show(&visit, StatusCode::OK, outcome).await?)
}

async fn show(visit: &Visit, status: StatusCode, outcome: Outcome) -> Result<Response> {
    let state = visit.params.get("state").unwrap_or_default().to_owned();
    let before = visit.params.get("before").and_then(|before| before.parse().ok());
    let mut rows = visit.hub.admin_jobs(&visit.actor, &state, before).await?;
    let more = super::cut(&mut rows);
    let next = rows.last().filter(|_| more).map(|last| {
        super::next("/admin/jobs", &[("state", &*state), ("before", &last.id.to_string())])
    });
    let now = visit.hub.now();
    let lines = rows.into_iter().map(|row| Line {
        id: row.id,
        when: match row.finished_at {
            Some(at) if row.state != "waiting" => format!("ended {}", format::ago(at, now)),
            _ if row.run_at > now => format!("due in {} s", row.run_at.secs() - now.secs()),
            _ => format!("due {}", format::ago(row.run_at, now)),
        },
        kind: row.kind,
        subject: row.subject,
        state: row.state,
        attempts: row.attempts,
        owner: row.lease_owner,
        error: row.last_error,
    });
    let page = JobsPage {
        frame: visit.frame.clone(),
        tab: "jobs",
        csrf: visit.csrf(),
        outcome,
        states: STATES,
        lines: lines.collect(),
        state,
        next,
    };
    respond::form(status, &page)
}

pub(in crate::routes) async fn retry(sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    visit.hub.check_administrator(&visit.actor)?;
    let id = sent.get("id").parse().map_err(|_| Error::invalid("id", "must be a job's number"))?;
    match visit.hub.retry_job(&visit.actor, id).await {
        Ok(()) => Ok(respond::see_other("/admin/jobs?done=retry")),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(visit, status, outcome).await?)
        }
    }
}
