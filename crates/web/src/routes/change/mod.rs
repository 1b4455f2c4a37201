//! Changing repositories from a browser: making them, putting files in, editing, deleting, and their settings.
//!
//! Every page is a form that works without a script; what was sent is done by one call of the service, and the answer leads to
//! a page that shows the outcome. Sent twice, it has one effect: commits carry their parent, and who finds their change there
//! already is led to it.

mod card;
mod create;
mod delete;
mod edit;
mod fields;
mod ground;
mod like;
mod nearest;
mod refs;
mod save;
mod settings;
mod upload;
mod words;

use axum::routing::{get, post};
use steelyard_core::RepoKind;
use steelyard_http::{Access, Route};
use steelyard_service::Action;

const METHODS: &[&str] = &["GET", "HEAD", "POST"];
const POST: &[&str] = &["POST"];
/// Kinds that can be made in a browser, and the addresses of their forms.
const MADE: [(RepoKind, &str); 3] = [
    (RepoKind::Model, "/new"),
    (RepoKind::Dataset, "/new-dataset"),
    (RepoKind::Space, "/new-space"),
];

/// Where a repository of a kind is made.
pub(super) fn made_at(kind: RepoKind) -> Option<&'static str> {
    MADE.iter().find(|(made, _)| *made == kind).map(|(_, path)| *path)
}

/// Pages of change.
pub(super) fn add(table: &mut Vec<Route>) {
    for (kind, path) in MADE {
        let form = get(move |visit| create::page(kind, visit));
        let form = form.post(move |sent| create::create(kind, sent));
        table.push(Route::new(METHODS, path, Access::User, "Makes a repository", form));
    }
    for kind in RepoKind::ALL {
        repo_pages(table, kind);
    }
}

fn repo_pages(table: &mut Vec<Route>, kind: RepoKind) {
    let base = format!("/{}{{ns}}/{{name}}", kind.url_prefix());
    // Who may not write may still propose; the handlers ask the service for each change.
    let propose = Access::Repo(Action::ProposeChange);
    let write = Access::Repo(Action::WriteContent);
    let administer = Access::Repo(Action::AdministerRepo);
    let mut add = |rest: &str, access, what, handler| {
        table.push(Route::new(METHODS, format!("{base}{rest}"), access, what, handler));
    };
    add("/upload/{*rest}", propose, "Uploads files", get(upload::page).post(upload::upload));
    add("/edit/{*rest}", propose, "Edits or renames a file", get(edit::page).post(edit::change));
    add("/new/{*rest}", propose, "Writes a new file", get(edit::page).post(edit::change));
    add("/delete/{*rest}", propose, "Deletes a file", get(delete::page).post(delete::delete));
    let (page, change) = (settings::page, settings::change);
    add("/settings", administer, "Settings of a repository", get(page).post(change));
    add("/refs", write, "Branches and tags", get(refs::page).post(refs::change));
    let like = Access::Repo(Action::LikeRepo);
    let what = "Likes a repository, or no longer";
    table.push(Route::new(POST, format!("{base}/like"), like, what, post(like::like)));
}
