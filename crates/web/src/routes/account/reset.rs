//! A forgotten password: asking for a code, and using one. The code is typed, so that it stands in no address and no log.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::Result;

use super::Outcome;
use crate::frame::{Frame, Visit};
use crate::respond;
use crate::submission::{OpenForm, Submission};

#[derive(Template)]
#[template(path = "account/reset.html")]
struct ResetPage {
    frame: Frame,
    csrf: String,
    outcome: Outcome,
    can_mail: bool,
}

const DONE: &[(&str, &str)] =
    &[("sent", "If there is such an account and it has a mail address, a code is on its way.")];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show(&visit, StatusCode::OK, outcome)?)
}

fn show(visit: &Visit, status: StatusCode, outcome: Outcome) -> Result<Response> {
    let form = OpenForm::of(visit);
    let can_mail = visit.hub.can_mail();
    let page = ResetPage { frame: visit.frame.clone(), csrf: form.csrf.clone(), outcome, can_mail };
    Ok(form.on(respond::form(status, &page)?))
}

pub(in crate::routes) async fn reset(sent: Submission) -> Result<Response, ApiError> {
    let hub = &sent.visit.hub;
    let is_request = sent.get("action") == "request";
    let result = match is_request {
        true => hub.request_reset(sent.get("name"), &sent.visitor).await,
        false => {
            hub.reset_password(sent.get("code"), &sent.secret("password"), &sent.visitor).await
        }
    };
    match result {
        Ok(()) if is_request => Ok(respond::see_other("/reset?done=sent")),
        Ok(()) => Ok(respond::see_other("/login?done=password")),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(&sent.visit, status, outcome)?)
        }
    }
}
