//! Users and invitations.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_core::Secret;
use steelyard_http::ApiError;
use steelyard_service::accounts::{AccountKind, AccountRow, CreateUser};
use steelyard_service::{Error, Result};

use crate::frame::{Frame, Visit};
use crate::routes::account::Outcome;
use crate::submission::Submission;
use crate::{format, respond};

struct Line {
    name: String,
    full_name: String,
    email: String,
    is_admin: bool,
    is_disabled: bool,
    created: String,
}

impl Line {
    fn of(row: AccountRow) -> Self {
        Self {
            full_name: if row.full_name == row.name { String::new() } else { row.full_name },
            name: row.name,
            email: row.email.unwrap_or_default(),
            is_admin: row.is_admin,
            is_disabled: row.disabled_at.is_some(),
            created: format::date(row.created_at),
        }
    }
}

struct Invited {
    id: i64,
    email: String,
    made: String,
    until: String,
}

/// A code that is shown only now.
struct Fresh {
    what: String,
    code: String,
    page: &'static str,
}

#[derive(Template)]
#[template(path = "admin/users.html")]
struct UsersPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    origin: String,
    fresh: Option<Fresh>,
    text: String,
    lines: Vec<Line>,
    next: Option<String>,
    invited: Vec<Invited>,
    typed: CreateUser,
}

#[derive(Template)]
#[template(path = "admin/user.html")]
struct UserPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    origin: String,
    fresh: Option<Fresh>,
    user: Line,
}

const DONE: &[(&str, &str)] = &[
    ("revoked", "The invitation is taken back."),
    ("promoted", "They administrate the hub now."),
    ("demoted", "They administrate the hub no longer."),
    ("disabled", "They are disabled; their sessions, tokens and apps have ended."),
    ("enabled", "They are enabled. They sign in with their password; tokens must be made anew."),
];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show(&visit, StatusCode::OK, outcome, None, CreateUser::default()).await?)
}

async fn show(
    visit: &Visit,
    status: StatusCode,
    outcome: Outcome,
    fresh: Option<Fresh>,
    typed: CreateUser,
) -> Result<Response> {
    let text = visit.params.get("q").unwrap_or_default().trim().to_owned();
    let after = visit.params.get("after").unwrap_or_default();
    let (hub, actor, now) = (&visit.hub, &visit.actor, visit.hub.now());
    let mut rows = hub.admin_accounts(actor, AccountKind::User, &text, after).await?;
    // A search shows its best hits; it has no second page.
    let more = super::cut(&mut rows) && text.is_empty();
    let next = rows.last().filter(|_| more);
    let next = next.map(|last| super::next("/admin/users", &[("after", &*last.name)]));
    let invited = hub.list_invitations(actor).await?.into_iter().map(|row| Invited {
        id: row.id,
        email: row.email.unwrap_or_default(),
        made: format::ago(row.created_at, now),
        until: format::date(row.expires_at),
    });
    let page = UsersPage {
        frame: visit.frame.clone(),
        tab: "users",
        csrf: visit.csrf(),
        outcome,
        origin: visit.origin.clone(),
        fresh,
        text,
        lines: rows.into_iter().map(Line::of).collect(),
        next,
        invited: invited.collect(),
        typed,
    };
    respond::form(status, &page)
}

pub(in crate::routes) async fn create(sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    visit.hub.check_administrator(&visit.actor)?;
    let typed = CreateUser {
        name: sent.get("name").trim().to_owned(),
        full_name: sent.given("full_name"),
        email: sent.given("email"),
        is_admin: sent.is_set("is_admin"),
    };
    let made = match sent.get("action") {
        "revoke" => {
            let id = sent.get("id").parse();
            let id = id.map_err(|_| Error::invalid("id", "must be an invitation's number"))?;
            visit.hub.revoke_invitation(&visit.actor, id).await?;
            return Ok(respond::see_other("/admin/users?done=revoked"));
        }
        "invite" => {
            let made = visit.hub.create_invitation(&visit.actor, typed.email.as_deref()).await;
            made.map(|code| fresh("An invitation, good once and for seven days", &code, "/join"))
        }
        _ => visit.hub.admin_create_user(&visit.actor, &typed).await.map(|code| {
            let what = format!("{} sets a password with this code, within a day", typed.name);
            fresh(&what, &code, "/reset")
        }),
    };
    match made {
        Ok(fresh) => {
            let none = CreateUser::default();
            Ok(show(visit, StatusCode::OK, Outcome::default(), Some(fresh), none).await?)
        }
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(visit, status, outcome, None, typed).await?)
        }
    }
}

fn fresh(what: &str, code: &Secret, page: &'static str) -> Fresh {
    Fresh { what: what.to_owned(), code: code.expose().to_owned(), page }
}

pub(in crate::routes) async fn user(
    Path(name): Path<String>,
    visit: Visit,
) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show_user(&visit, &name, StatusCode::OK, outcome, None).await?)
}

async fn show_user(
    visit: &Visit,
    name: &str,
    status: StatusCode,
    outcome: Outcome,
    fresh: Option<Fresh>,
) -> Result<Response> {
    let user = visit.hub.admin_account(&visit.actor, AccountKind::User, name).await?;
    let page = UserPage {
        frame: visit.frame.clone(),
        tab: "users",
        csrf: visit.csrf(),
        outcome,
        origin: visit.origin.clone(),
        fresh,
        user: Line::of(user),
    };
    respond::form(status, &page)
}

pub(in crate::routes) async fn change(
    Path(name): Path<String>,
    sent: Submission,
) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    let (hub, actor) = (&visit.hub, &visit.actor);
    hub.check_administrator(actor)?;
    let result = match sent.get("action") {
        "reset" => match hub.create_reset_code(actor, &name).await {
            Ok(code) => {
                let code =
                    fresh("A new password, with this code and within a day", &code, "/reset");
                let none = Outcome::default();
                return Ok(show_user(visit, &name, StatusCode::OK, none, Some(code)).await?);
            }
            Err(error) => Err(error),
        },
        "promote" => hub.set_user_admin(actor, &name, true).await.map(|()| "promoted"),
        "demote" => hub.set_user_admin(actor, &name, false).await.map(|()| "demoted"),
        "disable" => hub.set_user_disabled(actor, &name, true).await.map(|()| "disabled"),
        "enable" => hub.set_user_disabled(actor, &name, false).await.map(|()| "enabled"),
        _ => Err(Error::invalid("action", "must be reset, promote, demote, disable or enable")),
    };
    match result {
        Ok(done) => Ok(respond::see_other(&format!("/admin/users/{name}?done={done}"))),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show_user(visit, &name, status, outcome, None).await?)
        }
    }
}
