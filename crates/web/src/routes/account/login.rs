//! Signing in and out.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_http::ApiError;
use steelyard_service::login::{Attempt, SignIn, SignUpRule};
use steelyard_service::{Error, Result};

use super::Outcome;
use crate::frame::{Frame, Visit};
use crate::submission::{OpenForm, Submission, forget_session, keep_session};
use crate::{links, respond};

#[derive(Template)]
#[template(path = "account/login.html")]
struct LoginPage {
    frame: Frame,
    csrf: String,
    outcome: Outcome,
    next: String,
    name: String,
    can_join: bool,
}

#[derive(Template)]
#[template(path = "account/code.html")]
struct CodePage {
    frame: Frame,
    csrf: String,
    outcome: Outcome,
    next: String,
}

const DONE: &[(&str, &str)] =
    &[("password", "Your password is set. Sign in with it."), ("out", "You are signed out.")];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let next = links::local(visit.params.get("next").unwrap_or("/")).to_owned();
    // An app may want whoever is signed in to prove it once more.
    let is_asked_again = visit.params.get("again").is_some();
    if !visit.actor.is_anonymous() && !is_asked_again {
        return Ok(respond::see_other(&next));
    }
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    Ok(show(&visit, StatusCode::OK, outcome, &next, "")?)
}

fn show(
    visit: &Visit,
    status: StatusCode,
    outcome: Outcome,
    next: &str,
    name: &str,
) -> Result<Response> {
    let form = OpenForm::of(visit);
    let page = LoginPage {
        frame: visit.frame.clone(),
        csrf: form.csrf.clone(),
        outcome,
        next: next.to_owned(),
        name: name.chars().take(254).collect(),
        can_join: visit.hub.settings().login.sign_up != SignUpRule::Closed,
    };
    Ok(form.on(respond::form(status, &page)?))
}

pub(in crate::routes) async fn sign_in(sent: Submission) -> Result<Response, ApiError> {
    let next = links::local(sent.get("next")).to_owned();
    let attempt = Attempt { name: sent.get("name").to_owned(), password: sent.secret("password") };
    let visit = &sent.visit;
    match visit.hub.sign_in(&attempt, &sent.visitor).await {
        Ok(SignIn::Done(secret)) => {
            let mut response = respond::see_other(&next);
            keep_session(&mut response, &secret, visit);
            Ok(response)
        }
        Ok(SignIn::CodeNeeded(secret)) => {
            let next = links::encode_value(&next);
            let mut response = respond::see_other(&format!("/login/code?next={next}"));
            keep_session(&mut response, &secret, visit);
            Ok(response)
        }
        Ok(SignIn::Refused) => {
            let words = "There is no account with this name and password.";
            Ok(show(
                visit,
                StatusCode::UNAUTHORIZED,
                Outcome::problem(words),
                &next,
                &attempt.name,
            )?)
        }
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(visit, status, outcome, &next, &attempt.name)?)
        }
    }
}

pub(in crate::routes) async fn code(visit: Visit) -> Result<Response, ApiError> {
    let next = links::local(visit.params.get("next").unwrap_or("/")).to_owned();
    if !visit.session.as_ref().is_some_and(|session| session.row.awaits_code) {
        return Ok(respond::see_other(&crate::frame::login_address(&next)));
    }
    Ok(show_code(&visit, StatusCode::OK, Outcome::default(), &next)?)
}

fn show_code(visit: &Visit, status: StatusCode, outcome: Outcome, next: &str) -> Result<Response> {
    let form = OpenForm::of(visit);
    let page = CodePage {
        frame: visit.frame.clone(),
        csrf: form.csrf.clone(),
        outcome,
        next: next.to_owned(),
    };
    Ok(form.on(respond::form(status, &page)?))
}

pub(in crate::routes) async fn enter_code(sent: Submission) -> Result<Response, ApiError> {
    let next = links::local(sent.get("next")).to_owned();
    let visit = &sent.visit;
    let waiting = visit.session.as_ref().filter(|session| session.row.awaits_code);
    let Some(waiting) = waiting else {
        return Err(Error::LoginRequired("sign in again; the code came too late".to_owned()).into());
    };
    match visit.hub.sign_in_with_code(waiting, sent.get("code"), &sent.visitor).await {
        Ok(SignIn::Done(secret) | SignIn::CodeNeeded(secret)) => {
            let mut response = respond::see_other(&next);
            keep_session(&mut response, &secret, visit);
            Ok(response)
        }
        Ok(SignIn::Refused) => {
            let words = "This is not the code that the app shows now, nor a recovery code.";
            Ok(show_code(visit, StatusCode::UNAUTHORIZED, Outcome::problem(words), &next)?)
        }
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show_code(visit, status, outcome, &next)?)
        }
    }
}

pub(in crate::routes) async fn sign_out(sent: Submission) -> Result<Response, ApiError> {
    if let Some(session) = &sent.visit.session {
        sent.visit.hub.sign_out(session).await?;
    }
    let mut response = respond::see_other("/login?done=out");
    forget_session(&mut response, &sent.visit);
    Ok(response)
}
