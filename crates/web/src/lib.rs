//! The pages: everything a browser sees.
//!
//! A handler asks `steelyard-service` for data, as the API does and with the same permissions, and fills a template. The
//! crate knows no SQL and compares no roles. What users wrote is shown only after [`markdown`] and its sanitiser, or
//! escaped by the templates; no page has a script or a style of its own in it, and the policy every page is sent with
//! forbids them (`respond.rs`).

mod assets;
mod chart;
mod chat;
mod delta;
mod doctor;
mod errors;
mod examples;
mod facts;
mod format;
mod frame;
mod hits;
mod links;
mod multipart;
mod respond;
mod routes;
mod state;
mod submission;
mod viewers;

pub mod highlight;
pub mod markdown;

use axum::{Extension, Router};
use steelyard_service::Hub;

pub use routes::table;
pub use state::Web;

/// The whole hub as one service: what programs ask and what people see.
pub fn build_router(hub: Hub) -> Router {
    let web = Web::default();
    let state = (web.clone(), hub.clone());
    steelyard_http::build_router_with(hub, table())
        .layer(axum::middleware::from_fn_with_state(state, errors::for_browsers))
        .layer(Extension(web))
}
