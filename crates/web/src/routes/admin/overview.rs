//! The hub at a glance.

use askama::Template;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::admin::Health;

use crate::frame::{Frame, Visit};
use crate::{format, respond};

struct Store {
    name: &'static str,
    problem: Option<String>,
    millis: u128,
}

struct Queue {
    kind: String,
    state: String,
    count: String,
    is_bad: bool,
}

#[derive(Template)]
#[template(path = "admin/overview.html")]
struct OverviewPage {
    frame: Frame,
    tab: &'static str,
    version: &'static str,
    node: String,
    git: bool,
    mail: bool,
    stores: [Store; 2],
    counts: Vec<(String, String)>,
    queue: Vec<Queue>,
}

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let overview = visit.hub.overview(&visit.actor).await?;
    let count = |n: i64| format::full(n.unsigned_abs());
    let store =
        |name, health: Health| Store { name, problem: health.problem, millis: health.millis };
    let (mut counts, mut queue) = (Vec::new(), Vec::new());
    if let Some(found) = overview.counts {
        counts.push(("Users".to_owned(), count(found.users)));
        counts.push(("Organisations".to_owned(), count(found.orgs)));
        for (kind, n) in found.repos {
            let mut letters = kind.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            let name = first.into_iter().chain(letters).collect::<String>();
            counts.push((format!("{name}s"), count(n)));
        }
        // What is done is history.
        let live = found.jobs.into_iter().filter(|(_, state, _)| state != "done");
        queue.extend(live.map(|(kind, state, n)| Queue {
            is_bad: state == "failed",
            kind,
            state,
            count: count(n),
        }));
    }
    let page = OverviewPage {
        frame: visit.frame.clone(),
        tab: "overview",
        version: env!("CARGO_PKG_VERSION"),
        node: visit.hub.settings().node.clone(),
        git: visit.hub.git().is_some(),
        mail: visit.hub.can_mail(),
        stores: [store("Database", overview.database), store("Objects", overview.objects)],
        counts,
        queue,
    };
    Ok(respond::page(&page)?)
}
