//! Administration of the hub. Every handler asks first whether its visitor administrates it, also before it looks at a form.

mod config;
mod events;
mod jobs;
mod orgs;
mod overview;
mod repos;
mod storage;
mod users;

use axum::routing::get;
use steelyard_http::{Access, Route};

use crate::links;

const METHODS: &[&str] = &["GET", "HEAD", "POST"];

/// Pages for administrators.
pub(super) fn add(table: &mut Vec<Route>) {
    let admin = Access::Admin;
    let mut show = |path: &str, what, handler| {
        table.push(Route::new(super::GET, path, admin, what, handler));
    };
    show("/admin", "The hub's health and what there is", get(overview::page));
    show("/admin/events", "The event log", get(events::page));
    show("/admin/configuration", "The configuration in force", get(config::page));
    let mut add = |path: &str, what, handler| {
        table.push(Route::new(METHODS, path, admin, what, handler));
    };
    add("/admin/users", "Users and invitations", get(users::page).post(users::create));
    let (page, change) = (users::user, users::change);
    add("/admin/users/{name}", "A user as administrators see them", get(page).post(change));
    add("/admin/orgs", "Organisations", get(orgs::page).post(orgs::create));
    let (page, change) = (orgs::members, orgs::change);
    add("/admin/orgs/{name}", "The members of an organisation", get(page).post(change));
    add("/admin/repos", "Repositories of everybody", get(repos::page).post(repos::change));
    add("/admin/jobs", "Background work", get(jobs::page).post(jobs::retry));
    add(
        "/admin/storage",
        "What is stored and cleared away",
        get(storage::page).post(storage::sweep),
    );
}

/// Where a list goes on: its own address with some parameters, of which empty ones are left out.
fn next(path: &str, pairs: &[(&str, &str)]) -> String {
    format!("{path}{}", links::query(pairs))
}

/// Cuts a list to a page; true when there was more.
fn cut<T>(rows: &mut Vec<T>) -> bool {
    let more = rows.len() > steelyard_service::admin::PAGE;
    rows.truncate(steelyard_service::admin::PAGE);
    more
}
