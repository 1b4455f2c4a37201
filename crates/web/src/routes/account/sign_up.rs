//! Making an account.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::Result;
use steelyard_service::login::{SignUp, SignUpRule};

use super::Outcome;
use crate::frame::{Frame, Visit};
use crate::respond;
use crate::submission::{OpenForm, Submission, keep_session};

#[derive(Template)]
#[template(path = "account/join.html")]
struct JoinPage {
    frame: Frame,
    csrf: String,
    outcome: Outcome,
    is_closed: bool,
    needs_invitation: bool,
    name: String,
    email: String,
    invitation: String,
}

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    if !visit.actor.is_anonymous() {
        return Ok(respond::see_other("/"));
    }
    Ok(show(&visit, StatusCode::OK, Outcome::default(), ["", "", ""])?)
}

fn show(
    visit: &Visit,
    status: StatusCode,
    outcome: Outcome,
    [name, email, invitation]: [&str; 3],
) -> Result<Response> {
    let form = OpenForm::of(visit);
    let rule = visit.hub.settings().login.sign_up;
    let page = JoinPage {
        frame: visit.frame.clone(),
        csrf: form.csrf.clone(),
        outcome,
        is_closed: rule == SignUpRule::Closed,
        needs_invitation: rule == SignUpRule::Invitation,
        name: name.to_owned(),
        email: email.to_owned(),
        invitation: invitation.to_owned(),
    };
    Ok(form.on(respond::form(status, &page)?))
}

pub(in crate::routes) async fn sign_up(sent: Submission) -> Result<Response, ApiError> {
    let wanted = SignUp {
        name: sent.get("name").trim().to_owned(),
        email: sent.given("email"),
        password: sent.secret("password"),
        invitation: sent.given("invitation"),
    };
    match sent.visit.hub.sign_up(&wanted, &sent.visitor).await {
        Ok(secret) => {
            let mut response = respond::see_other("/setup");
            keep_session(&mut response, &secret, &sent.visit);
            Ok(response)
        }
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            let fields = ["name", "email", "invitation"].map(|name| sent.get(name));
            Ok(show(&sent.visit, status, outcome, fields)?)
        }
    }
}
