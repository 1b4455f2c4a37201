//! What others see of an account.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::Result;
use steelyard_service::accounts::ProfileChange;

use super::Outcome;
use crate::frame::{Frame, Visit};
use crate::respond;
use crate::submission::Submission;

#[derive(Template)]
#[template(path = "account/profile.html")]
struct OwnPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    name: String,
    change: ProfileChange,
}

const DONE: &[(&str, &str)] = &[("saved", "Saved.")];

/// The settings begin with the profile.
pub(in crate::routes) async fn home(visit: Visit) -> Result<Response, ApiError> {
    visit.hub.own_account(&visit.actor).await?;
    Ok(respond::see_other("/settings/profile"))
}

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let row = visit.hub.own_account(&visit.actor).await?;
    let change = ProfileChange {
        full_name: row.full_name,
        email: row.email.unwrap_or_default(),
        about: row.about.unwrap_or_default(),
        website: row.website.unwrap_or_default(),
    };
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show(&visit, StatusCode::OK, outcome, change)?)
}

fn show(
    visit: &Visit,
    status: StatusCode,
    outcome: Outcome,
    change: ProfileChange,
) -> Result<Response> {
    let name = visit.actor.user().map(|user| user.name.clone()).unwrap_or_default();
    let csrf = visit.csrf();
    let page = OwnPage { frame: visit.frame.clone(), tab: "profile", csrf, outcome, name, change };
    respond::form(status, &page)
}

pub(in crate::routes) async fn change(sent: Submission) -> Result<Response, ApiError> {
    let change = ProfileChange {
        full_name: sent.get("full_name").to_owned(),
        email: sent.get("email").to_owned(),
        about: sent.get("about").to_owned(),
        website: sent.get("website").to_owned(),
    };
    match sent.visit.hub.change_profile(&sent.visit.actor, &change).await {
        Ok(()) => Ok(respond::see_other("/settings/profile?done=saved")),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(&sent.visit, status, outcome, change)?)
        }
    }
}
