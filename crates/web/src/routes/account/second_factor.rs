//! Password and second factor.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use qrcode::{Color, EcLevel, QrCode};
use steelyard_core::Secret;
use steelyard_http::ApiError;
use steelyard_service::{Error, Result};

use super::Outcome;
use crate::frame::{Frame, Visit};
use crate::respond;
use crate::submission::Submission;

#[derive(Template)]
#[template(path = "account/password.html")]
struct PasswordPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    outcome: Outcome,
    /// Recovery codes that are left; `None` without a second factor.
    factor: Option<i64>,
    begun: Option<Begun>,
    /// Recovery codes, shown only now.
    codes: Vec<String>,
}

/// A second factor that waits for its first code.
struct Begun {
    secret: String,
    picture: Picture,
}

/// The address of a secret as a picture that cameras read: dark squares of one unit, with the quiet zone around them.
struct Picture {
    side: usize,
    squares: String,
}

const DONE: &[(&str, &str)] = &[
    ("password", "Your password is changed; other browsers are signed out."),
    ("off", "The second factor is off."),
];

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let outcome = Outcome::done(visit.params.get("done"), DONE);
    let begins = visit.params.get("begin").is_some();
    Ok(show(&visit, StatusCode::OK, outcome, begins, Vec::new()).await?)
}

async fn show(
    visit: &Visit,
    status: StatusCode,
    outcome: Outcome,
    begins: bool,
    codes: Vec<Secret>,
) -> Result<Response> {
    let factor = visit.hub.second_factor(&visit.actor).await?;
    let begun = match begins && factor.is_none() {
        true => Some(begun(visit).await?),
        false => None,
    };
    let page = PasswordPage {
        frame: visit.frame.clone(),
        tab: "password",
        csrf: visit.csrf(),
        outcome,
        factor,
        begun,
        codes: codes.iter().map(|code| code.expose().to_owned()).collect(),
    };
    respond::form(status, &page)
}

async fn begun(visit: &Visit) -> Result<Begun> {
    let factor = visit.hub.begin_second_factor(&visit.actor).await?;
    let text = factor.secret.expose().as_bytes();
    let groups: Vec<_> = text.chunks(4).map(String::from_utf8_lossy).collect();
    Ok(Begun { secret: groups.join(" "), picture: picture(factor.address.expose())? })
}

fn picture(text: &str) -> Result<Picture> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(Error::internal)?;
    let (width, quiet) = (code.width(), 4);
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let squares = dark
        .map(|(at, _)| format!("M{} {}h1v1h-1z", at % width + quiet, at / width + quiet))
        .collect();
    Ok(Picture { side: width + 2 * quiet, squares })
}

pub(in crate::routes) async fn change(sent: Submission) -> Result<Response, ApiError> {
    let visit = &sent.visit;
    let (hub, actor, address) = (&visit.hub, &visit.actor, &sent.visitor.address);
    let confirms = sent.get("action") == "confirm";
    let result = match sent.get("action") {
        "password" => {
            let (old, new) = (sent.secret("current"), sent.secret("password"));
            hub.change_password(actor, &old, &new, address).await.map(|()| "password")
        }
        "confirm" => match hub.confirm_second_factor(actor, sent.get("code"), address).await {
            Ok(codes) => {
                return Ok(show(visit, StatusCode::OK, Outcome::default(), false, codes).await?);
            }
            Err(error) => Err(error),
        },
        "off" => {
            hub.remove_second_factor(actor, &sent.secret("current"), address).await.map(|()| "off")
        }
        _ => Err(Error::invalid("action", "must be password, confirm or off")),
    };
    match result {
        Ok(done) => Ok(respond::see_other(&format!("/settings/password?done={done}"))),
        Err(error) => {
            let (status, outcome) = Outcome::of(error)?;
            Ok(show(visit, status, outcome, confirms, Vec::new()).await?)
        }
    }
}
