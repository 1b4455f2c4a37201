//! The configuration in force.

use askama::Template;
use axum::response::Response;
use steelyard_http::ApiError;

use crate::frame::{Frame, Visit};
use crate::respond;

#[derive(Template)]
#[template(path = "admin/config.html")]
struct ConfigPage {
    frame: Frame,
    tab: &'static str,
    text: String,
}

pub(in crate::routes) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let text = visit.hub.configuration(&visit.actor)?.to_owned();
    let page = ConfigPage { frame: visit.frame, tab: "configuration", text };
    Ok(respond::page(&page)?)
}
