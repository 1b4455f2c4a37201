//! Repositories of everybody, private ones too.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_core::page::Cursor;
use steelyard_core::{RepoId, RepoKind};
use steelyard_http::ApiError;
use steelyard_service::repos::ListQuery;
use steelyard_service::{Error, Result};

use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::submission::Submission;
use crate::{format, links, respond};

struct Line {
    kind: &'static str,
    id: String,
    href: String,
    is_private: bool,
    is_disabled: bool,
    size: String,
    modified: String,
}

#[derive(Template)]
#[template(path = "admin/repos.html")]
struct ReposPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    kinds: [&'static str; 4],
    kind: String,
    text: String,
    /// The query of this address, which what is done here keeps.
    here: String,
    has_disabled: bool,
    lines: Vec<Line>,
    next: Option<String>,
}

const DONE: &[(&str, &str)] = &[
    ("disabled", "The repository is disabled."),
    ("enabled", "The repository is enabled."),
    ("deleted", "The repository is deleted."),
];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show(&visit, StatusCode::OK, outcome).await?)
}

async fn show(visit: &Visit, status: StatusCode, outcome: Outcome) -> Result<Response> {
    visit.hub.check_administrator(&visit.actor)?;
    let text = visit.params.get("q").unwrap_or_default().trim().to_owned();
    let kind = visit.params.get("kind").unwrap_or_default().to_owned();
    let query = ListQuery {
        kind: RepoKind::ALL.into_iter().find(|known| known.as_str() == kind),
        search: text.split_whitespace().map(str::to_owned).take(10).collect(),
        limit: Some(steelyard_service::admin::PAGE),
        cursor: visit.params.get("cursor").map(Cursor::parse).transpose()?,
        ..ListQuery::default()
    };
    let found = visit.hub.list_repos(&visit.actor, &query).await?;
    let next = found.next.map(|cursor| {
        let pairs = [("q", &*text), ("kind", &*kind), ("cursor", &*cursor.encode())];
        super::next("/admin/repos", &pairs)
    });
    let mut lines = Vec::with_capacity(found.items.len());
    for row in found.items {
        lines.push(Line {
            kind: row.kind.as_str(),
            href: links::repo(row.kind, &row.repo),
            id: row.repo.to_string(),
            is_private: row.visibility.is_private(),
            is_disabled: row.disabled,
            size: format::bytes(visit.hub.used_storage(&row).await?.unsigned_abs()),
            modified: format::date(row.last_modified),
        });
    }
    let page = ReposPage {
        frame: visit.frame.clone(),
        tab: "repos",
        csrf: visit.csrf(),
        outcome,
        kinds: RepoKind::ALL.map(RepoKind::as_str),
        here: here(visit, ""),
        has_disabled: lines.iter().any(|line| line.is_disabled),
        kind,
        text,
        lines,
        next,
    };
    respond::form(status, &page)
}

/// The query of the list that is shown, and what was done there.
fn here(visit: &Visit, done: &str) -> String {
    let given = |name: &'static str| (name, visit.params.get(name).unwrap_or_default());
    links::query(&[given("q"), given("kind"), given("cursor"), ("done", done)])
}

pub(in crate::routes) async fn change(sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    visit.hub.check_administrator(&visit.actor)?;
    match act(&sent).await {
        Ok(done) => Ok(respond::see_other(&format!("/admin/repos{}", here(visit, done)))),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(visit, status, outcome).await?)
        }
    }
}

async fn act(sent: &Submission) -> Result<&'static str> {
    let (hub, actor) = (&sent.visit.hub, &sent.visit.actor);
    let kind = RepoKind::ALL.into_iter().find(|known| known.as_str() == sent.get("kind"));
    let kind = kind.ok_or_else(|| Error::invalid("kind", "must be a kind of repository"))?;
    let id = RepoId::parse(sent.get("id"))?;
    match sent.get("action") {
        "disable" => hub.set_repo_disabled(actor, kind, &id, true).await.map(|()| "disabled"),
        "enable" => hub.set_repo_disabled(actor, kind, &id, false).await.map(|()| "enabled"),
        "delete" if sent.get("typed") != sent.get("id") => Err(Error::invalid(
            "name",
            "must be typed as it is, so that nothing is deleted by chance",
        )),
        "delete" => hub.delete_repo(actor, kind, &id).await.map(|()| "deleted"),
        _ => Err(Error::invalid("action", "must be disable, enable or delete")),
    }
}
