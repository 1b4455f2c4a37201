//! The event log.

use askama::Template;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::admin::EventQuery;

use crate::frame::{Frame, Visit};
use crate::{links, respond};

struct Line {
    at: String,
    kind: String,
    actor: Option<String>,
    repo: Option<(String, String)>,
    payload: String,
}

#[derive(Template)]
#[template(path = "admin/events.html")]
struct EventsPage {
    frame: Frame,
    tab: &'static str,
    query: EventQuery,
    lines: Vec<Line>,
    next: Option<String>,
}

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let given = |name: &str| visit.params.get(name).unwrap_or_default().trim().to_owned();
    let query = EventQuery {
        kind: given("kind"),
        actor: given("actor"),
        repo: given("repo"),
        before: given("before").parse().ok(),
    };
    let mut rows = visit.hub.admin_events(&visit.actor, &query).await?;
    let more = super::cut(&mut rows);
    let next = rows.last().filter(|_| more).map(|last| {
        let before = last.id.to_string();
        let pairs = [
            ("kind", &*query.kind),
            ("actor", &query.actor),
            ("repo", &query.repo),
            ("before", &before),
        ];
        super::next("/admin/events", &pairs)
    });
    let lines = rows.into_iter().map(|row| Line {
        at: row.at.to_string().chars().take(19).collect::<String>().replace('T', " "),
        kind: row.kind,
        actor: row.actor,
        repo: row.repo.map(|(kind, id)| (links::repo(kind, &id), id.to_string())),
        payload: row.payload,
    });
    let (lines, frame) = (lines.collect(), visit.frame.clone());
    let page = EventsPage { frame, tab: "events", query, lines, next };
    Ok(respond::page(&page)?)
}
