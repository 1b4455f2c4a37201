//! What people see when an app wants to come to their account. What apps ask by themselves is in `steelyard-http`.

mod authorize;
mod device;

use axum::routing::{get, post};
use steelyard_core::TokenRole;
use steelyard_http::{Access, Route};
use steelyard_service::oauth::Scopes;

use crate::frame::Visit;

const POST: &[&str] = &["POST"];

/// Pages of consent.
pub(super) fn add(table: &mut Vec<Route>) {
    let session = Access::Session;
    let what = "Asks whether a program without a browser may sign in";
    table.push(Route::new(super::GET, "/oauth/device", session, what, get(device::page)));
    let what = "Lets a program without a browser sign in, or refuses it";
    table.push(Route::new(POST, "/oauth/device/decide", session, what, post(device::decide)));
    let what = "Asks whether an app may come to an account";
    table.push(Route::new(super::GET, "/oauth/authorize", session, what, get(authorize::page)));
    let (what, anyone) = ("The same, for apps that send a form", Access::Anyone);
    table.push(Route::new(POST, "/oauth/authorize", anyone, what, post(authorize::take)));
    let what = "Lets an app come to an account, or refuses it";
    table.push(Route::new(POST, "/oauth/authorize/decide", session, what, post(authorize::decide)));
}

/// What an app may do once its visitor allowed it.
fn words(visit: &Visit, scopes: &Scopes) -> Vec<&'static str> {
    let mut words = scopes.words();
    let is_admin = visit.actor.user().is_some_and(|user| user.is_admin);
    if is_admin && scopes.role() == Some(TokenRole::Write) {
        words.push("administrate the hub, because you do");
    }
    words
}
