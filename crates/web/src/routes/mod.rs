//! The pages as rows of the table of routes: each says who may see it, and a test asks every one (`tests/permissions.rs`).

mod account;
mod admin;
mod blob;
mod commits;
mod compare;
mod help;
mod home;
mod list;
mod oauth;
mod profile;
mod repo;
mod report;
mod search;
mod tree;

use axum::routing::get;
use steelyard_core::RepoKind;
use steelyard_http::{Access, Route};
use steelyard_service::Action;

use crate::assets;

const GET: &[&str] = &["GET", "HEAD"];
/// Kinds that have pages.
const KINDS: [RepoKind; 4] = RepoKind::ALL;

/// Every page.
pub fn table() -> Vec<Route> {
    let mut table = Vec::new();
    let mut open = |path: &str, what, handler| {
        table.push(Route::new(GET, path, Access::Anyone, what, handler));
    };
    open("/", "The hub at a glance", get(home::page));
    open("/index.md", "The hub at a glance, as Markdown", get(home::page));
    open("/search", "Finds repositories and accounts", get(search::page));
    open("/search.md", "Finds repositories and accounts, as Markdown", get(search::page));
    open("/compare", "Puts up to five models side by side", get(compare::page));
    open("/compare.md", "Puts up to five models side by side, as Markdown", get(compare::page));
    open("/setup", "How each client is pointed at this hub", get(help::setup));
    open("/setup.md", "How each client is pointed at this hub, as Markdown", get(help::setup));
    open("/llms.txt", "What programs that read can ask of this hub", get(help::llms));
    open("/api/openapi.json", "Describes the routes that programs use", get(help::openapi));
    open("/favicon.ico", "The hub's mark", get(assets::favicon));
    open("/static/{file}", "Styles, scripts and the mark", get(assets::get));
    account::add(&mut table);
    oauth::add(&mut table);
    admin::add(&mut table);
    let mut open = |path: &str, what, handler| {
        table.push(Route::new(GET, path, Access::Anyone, what, handler));
    };
    open("/{ns}", "A user or an organisation", get(profile::page));
    for kind in KINDS {
        let handler = move |visit| list::page(kind, visit);
        let what = "Lists repositories, with filters and their counts";
        for path in [format!("/{}", kind.plural()), format!("/{}.md", kind.plural())] {
            table.push(Route::new(GET, path, Access::Anyone, what, get(handler)));
        }
        repo_pages(&mut table, kind);
    }
    table
}

fn repo_pages(table: &mut Vec<Route>, kind: RepoKind) {
    let base = format!("/{}{{ns}}/{{name}}", kind.url_prefix());
    let (read, content) = (Access::Repo(Action::ReadRepo), Access::Repo(Action::ReadContent));
    let mut add = |rest: &str, access, what, handler| {
        table.push(Route::new(GET, format!("{base}{rest}"), access, what, handler));
    };
    add("", read, "A repository's card and facts", get(repo::page));
    add("/report", read, "What is there and what is missing in a card", get(report::page));
    add("/tree/{*rest}", read, "A folder of a repository", get(tree::page));
    add("/blob/{*rest}", content, "A file of a repository", get(blob::page));
    add("/commits/{*rest}", read, "The history of a revision or a file", get(commits::history));
    // What a commit shows are contents of files.
    add("/commit/{*rest}", content, "What a commit changed", get(commits::commit));
}
