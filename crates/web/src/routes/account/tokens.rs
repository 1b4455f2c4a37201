//! Access tokens.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_core::{Secret, TokenRole};
use steelyard_http::ApiError;
use steelyard_service::accounts::OwnToken;
use steelyard_service::{Error, Result};

use super::Outcome;
use crate::frame::{Frame, Visit};
use crate::submission::Submission;
use crate::{format, respond};

struct Line {
    id: String,
    name: String,
    role: &'static str,
    created: String,
    used: Option<String>,
    expires: Option<String>,
}

#[derive(Template)]
#[template(path = "account/tokens.html")]
struct TokensPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    origin: String,
    lines: Vec<Line>,
    /// The new token, shown only now.
    fresh: Option<String>,
    name: String,
}

const DONE: &[(&str, &str)] = &[("revoked", "The token is revoked.")];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show(&visit, StatusCode::OK, outcome, None, "").await?)
}

async fn show(
    visit: &Visit,
    status: StatusCode,
    outcome: Outcome,
    fresh: Option<Secret>,
    name: &str,
) -> Result<Response> {
    let now = visit.hub.now();
    let tokens = visit.hub.list_own_tokens(&visit.actor).await?.into_iter();
    let lines = tokens.map(|row| Line {
        id: row.public_id,
        name: row.name,
        role: row.role.as_str(),
        created: format::date(row.created_at),
        used: row.used_at.map(|at| format::ago(at, now)),
        expires: row.expires_at.map(format::date),
    });
    let page = TokensPage {
        frame: visit.frame.clone(),
        tab: "tokens",
        csrf: visit.csrf(),
        outcome,
        origin: visit.origin.clone(),
        lines: lines.collect(),
        fresh: fresh.map(|token| token.expose().to_owned()),
        name: name.to_owned(),
    };
    respond::form(status, &page)
}

pub(in crate::routes) async fn change(sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    match sent.get("action") {
        "revoke" => {
            visit.hub.revoke_own_token(&visit.actor, sent.get("id")).await?;
            Ok(respond::see_other("/settings/tokens?done=revoked"))
        }
        "create" => match create(&sent).await {
            Ok(token) => {
                Ok(show(visit, StatusCode::OK, Outcome::default(), Some(token), "").await?)
            }
            Err(error) => {
                let (status, outcome) = Outcome::of(error)?;
                Ok(show(visit, status, outcome, None, sent.get("name")).await?)
            }
        },
        _ => Err(Error::invalid("action", "must be create or revoke").into()),
    }
}

async fn create(sent: &Submission) -> Result<Secret> {
    let role = TokenRole::parse(sent.get("role"))?;
    let wanted = OwnToken { name: sent.get("name").to_owned(), role };
    sent.visit.hub.create_own_token(&sent.visit.actor, &wanted).await
}
