//! Organisations and their members.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_core::{OrgRole, Visibility};
use steelyard_http::ApiError;
use steelyard_service::accounts::AccountKind;
use steelyard_service::{Error, Result};

use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::submission::Submission;
use crate::{format, respond};

const ROLES: [OrgRole; 4] = [OrgRole::Read, OrgRole::Contributor, OrgRole::Write, OrgRole::Admin];

struct Line {
    name: String,
    full_name: String,
    created: String,
}

#[derive(Template)]
#[template(path = "admin/orgs.html")]
struct OrgsPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    text: String,
    lines: Vec<Line>,
    next: Option<String>,
    name: String,
    full_name: String,
}

struct Member {
    name: String,
    role: &'static str,
}

#[derive(Template)]
#[template(path = "admin/org.html")]
struct OrgPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    org: Line,
    members: Vec<Member>,
    roles: [&'static str; 4],
    typed: String,
}

const DONE: &[(&str, &str)] = &[
    ("created", "The organisation is there. Who shall belong to it?"),
    ("set", "Saved."),
    ("removed", "They belong to it no longer."),
];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    Ok(show(&visit, StatusCode::OK, Outcome::default(), ["", ""]).await?)
}

async fn show(
    visit: &Visit,
    status: StatusCode,
    outcome: Outcome,
    [name, full_name]: [&str; 2],
) -> Result<Response> {
    let text = visit.params.get("q").unwrap_or_default().trim().to_owned();
    let after = visit.params.get("after").unwrap_or_default();
    let kind = AccountKind::Org;
    let mut rows = visit.hub.admin_accounts(&visit.actor, kind, &text, after).await?;
    let more = super::cut(&mut rows) && text.is_empty();
    let next = rows.last().filter(|_| more);
    let next = next.map(|last| super::next("/admin/orgs", &[("after", &*last.name)]));
    let lines = rows.into_iter().map(|row| Line {
        name: row.name,
        full_name: row.full_name,
        created: format::date(row.created_at),
    });
    let page = OrgsPage {
        frame: visit.frame.clone(),
        tab: "orgs",
        csrf: visit.csrf(),
        outcome,
        text,
        lines: lines.collect(),
        next,
        name: name.to_owned(),
        full_name: full_name.to_owned(),
    };
    respond::form(status, &page)
}

pub(in crate::routes) async fn create(sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    let (name, full_name) = (sent.get("name").trim(), sent.get("full_name"));
    let visibility = match sent.is_set("is_private") {
        true => Visibility::Private,
        false => Visibility::Public,
    };
    match visit.hub.admin_create_org(&visit.actor, name, full_name, visibility).await {
        Ok(()) => Ok(respond::see_other(&format!("/admin/orgs/{name}?done=created"))),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(visit, status, outcome, [name, full_name]).await?)
        }
    }
}

pub(in crate::routes) async fn members(
    Path(name): Path<String>,
    visit: Visit,
) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show_org(&visit, &name, StatusCode::OK, outcome, "").await?)
}

async fn show_org(
    visit: &Visit,
    name: &str,
    status: StatusCode,
    outcome: Outcome,
    typed: &str,
) -> Result<Response> {
    let org = visit.hub.admin_account(&visit.actor, AccountKind::Org, name).await?;
    let members = visit.hub.admin_members(&visit.actor, name).await?.into_iter();
    let members = members.map(|(row, role)| Member { name: row.name, role: role.as_str() });
    let created = format::date(org.created_at);
    let page = OrgPage {
        frame: visit.frame.clone(),
        tab: "orgs",
        csrf: visit.csrf(),
        outcome,
        org: Line { name: org.name, full_name: org.full_name, created },
        members: members.collect(),
        roles: ROLES.map(OrgRole::as_str),
        typed: typed.to_owned(),
    };
    respond::form(status, &page)
}

pub(in crate::routes) async fn change(
    Path(name): Path<String>,
    sent: Submission,
) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    visit.hub.check_administrator(&visit.actor)?;
    let user = sent.get("user").trim();
    let (role, done) = match sent.get("action") {
        "remove" => (None, "removed"),
        "set" => (Some(OrgRole::parse(sent.get("role"))?), "set"),
        _ => return Err(Error::invalid("action", "must be set or remove").into()),
    };
    match visit.hub.admin_set_member(&visit.actor, &name, user, role).await {
        Ok(()) => Ok(respond::see_other(&format!("/admin/orgs/{name}?done={done}"))),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show_org(visit, &name, status, outcome, user).await?)
        }
    }
}
