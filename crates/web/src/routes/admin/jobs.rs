//! Background work: what waits, what runs, what failed.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_core::Timestamp;
use steelyard_http::ApiError;
use steelyard_service::admin::{JobLine, JobProgress};
use steelyard_service::{Error, Result};

use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::submission::Submission;
use crate::{format, links, respond};

const STATES: [&str; 4] = ["waiting", "running", "failed", "done"];

struct Line {
    id: i64,
    kind: String,
    subject: String,
    /// Address and name of the repository that it is about.
    repo: Option<(String, String)>,
    state: String,
    when: String,
    attempts: i64,
    owner: Option<String>,
    error: Option<String>,
    progress: Option<Told>,
}

/// How far a job has come, in words; and in figures for a bar where it is known how far there is to go.
struct Told {
    words: String,
    bar: Option<(u64, u64)>,
}

fn told(progress: &JobProgress, is_running: bool) -> Told {
    let count = |count: u64| match &*progress.unit {
        "bytes" => format::bytes(count),
        _ => format::full(count),
    };
    let unit = if progress.unit == "bytes" { "" } else { &progress.unit };
    let words = match progress.total.filter(|total| is_running || *total != progress.done) {
        Some(total) => format!("{} of {} {unit}", count(progress.done), count(total)),
        None => format!("{} {unit}", count(progress.done)),
    };
    let bar = progress.total.filter(|total| is_running && *total > 0);
    let bar = bar.map(|total| (progress.done.min(total), total));
    Told { words: words.trim_end().to_owned(), bar }
}

/// When a job is due, or how long it has run, or when it ended and after how long.
fn when(row: &JobLine, now: Timestamp) -> String {
    let since = |start: Timestamp, end: Timestamp| format::span(end.secs() - start.secs());
    match (&*row.state, row.started_at, row.finished_at) {
        ("running", Some(start), _) => format!("for {}", since(start, now)),
        ("done" | "failed", Some(start), Some(end)) => {
            format!("{}, took {}", format::ago(end, now), since(start, end))
        }
        ("done" | "failed", None, Some(end)) => format::ago(end, now),
        _ if row.run_at > now => format!("due in {}", since(now, row.run_at)),
        _ => format!("due {}", format::ago(row.run_at, now)),
    }
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
    let next = rows.last().filter(|_| more).map(|(last, _)| {
        super::next("/admin/jobs", &[("state", &*state), ("before", &last.id.to_string())])
    });
    let now = visit.hub.now();
    let lines = rows.into_iter().map(|(row, repo)| Line {
        repo: repo.map(|repo| (links::repo(repo.kind, &repo.repo), repo.repo.to_string())),
        id: row.id,
        when: when(&row, now),
        progress: row.progress.as_ref().map(|progress| told(progress, row.state == "running")),
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
