//! What large files take, and what clears away.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::Result;
use steelyard_service::admin::SWEEPS;
use steelyard_service::xet::Amount;

use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::submission::Submission;
use crate::{format, respond};

struct Sum {
    name: &'static str,
    count: Option<String>,
    bytes: String,
}

struct Sweep {
    kind: &'static str,
    what: &'static str,
    last: Option<String>,
}

struct Step {
    what: String,
    count: String,
    bytes: String,
    goes: &'static str,
}

#[derive(Template)]
#[template(path = "admin/storage.html")]
struct StoragePage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    sums: Vec<Sum>,
    ratio: String,
    steps: Vec<Step>,
    sweeps: Vec<Sweep>,
}

const DONE: &[(&str, &str)] = &[("sweep", "It runs as soon as a worker is free.")];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show(&visit, StatusCode::OK, outcome).await?)
}

async fn show(visit: &Visit, status: StatusCode, outcome: Outcome) -> Result<Response> {
    let (hub, now) = (&visit.hub, visit.hub.now());
    let known = hub.last_successes(&visit.actor).await?;
    let usage = hub.hub_usage().await?;
    let sum = |name, amount: Amount| Sum {
        name,
        count: Some(format::full(amount.count)),
        bytes: format::bytes(amount.bytes),
    };
    let stored =
        Sum { name: "Stored for them", count: None, bytes: format::bytes(usage.stored_bytes) };
    let sums = vec![
        sum("Large files, as readers see them", usage.linked),
        stored,
        sum("In blocks of chunks", usage.xorbs),
        sum("As they came", usage.raw),
        sum("Blocks that nothing uses", usage.unused),
        sum("Left over, gone within hours", usage.left_over),
    ];
    let ratio = match usage.stored_bytes {
        0 => "–".to_owned(),
        stored => format!("{:.2}", usage.linked.bytes as f64 / stored as f64),
    };
    let steps = hub.explain_gc(now).await?.into_iter().filter(|step| step.amount.count > 0);
    let steps = steps.map(|step| Step {
        what: step.why.to_owned(),
        count: format::full(step.amount.count),
        bytes: format::bytes(step.amount.bytes),
        goes: step.goes,
    });
    let last = |kind: &str| known.iter().find(|(of, _)| of == kind).map(|(_, at)| *at);
    let sweeps = SWEEPS.map(|(kind, what)| Sweep {
        kind,
        what,
        last: last(kind).map(|at| format::ago(at, now)),
    });
    let page = StoragePage {
        frame: visit.frame.clone(),
        tab: "storage",
        csrf: visit.csrf(),
        outcome,
        sums,
        ratio,
        steps: steps.collect(),
        sweeps: sweeps.into(),
    };
    respond::form(status, &page)
}

pub(in crate::routes) async fn sweep(sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    match visit.hub.sweep_now(&visit.actor, sent.get("kind")).await {
        Ok(()) => Ok(respond::see_other("/admin/storage?done=sweep")),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(visit, status, outcome).await?)
        }
    }
}
