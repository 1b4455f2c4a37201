//! The pages as rows of the table of routes: each says who may see it, and a test asks every one (`tests/permissions.rs`).

mod account;
mod admin;
mod blame;
mod blob;
mod change;
mod changes;
mod chat;
mod commits;
mod compare;
mod difference;
mod docs;
mod doctor;
mod help;
mod home;
mod leaderboard;
mod list;
mod oauth;
mod profile;
mod proposal;
mod repo;
mod report;
mod search;
mod tree;

use axum::response::Response;
use axum::routing::{get, post};
use steelyard_core::RepoKind;
use steelyard_http::{Access, ApiError, Route, Target};
use steelyard_service::{Action, Error, Missing, Result};

use crate::assets;
use crate::frame::Visit;

pub(crate) use list::Counted;
pub(crate) use repo::Sheet;
pub(crate) use tree::Listed;

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
    change::add(&mut table);
    oauth::add(&mut table);
    admin::add(&mut table);
    let mut open = |path: &str, what, handler| {
        table.push(Route::new(GET, path, Access::Anyone, what, handler));
    };
    open("/docs", "The guides", get(docs::index));
    open("/docs.md", "The guides, as Markdown", get(docs::index));
    open("/docs/api", "The HTTP interface, to be read", get(docs::api));
    open("/docs/api.md", "The HTTP interface, as Markdown", get(docs::api));
    open("/docs/{guide}", "A guide", get(docs::guide));
    open("/doctor", "Why a request failed", get(doctor::page));
    open("/doctor.md", "Why a request failed, as Markdown", get(doctor::page));
    open("/{ns}", "A user or an organisation", get(profile::page));
    let what = "Examines a failed request";
    table.push(Route::new(&["POST"], "/doctor", Access::Anyone, what, post(doctor::examine)));
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
    add("/blame/{*rest}", content, "Which commit each line of a file comes from", get(blame::page));
    add("/compare", content, "Chooses two revisions to compare", get(difference::choice));
    add("/compare/{*rest}", content, "What differs between two revisions", get(difference::page));
    if kind == RepoKind::Dataset {
        let what = "What models report of a dataset, ranked where it was measured in the same way";
        add("/leaderboard", read, what, get(leaderboard::page));
        add("/leaderboard.md", read, what, get(leaderboard::page));
    }
    if kind == RepoKind::Model {
        let what = "How a model is talked to: its chat template on a sample, its tokens";
        add("/chat", content, what, get(chat::page));
        add("/chat.md", content, what, get(chat::page));
    }
    add(
        "/report.md",
        read,
        "What is there and what is missing in a card, as Markdown",
        get(report::page),
    );
    add("/commits/{*rest}", read, "The history of a revision or a file", get(commits::history));
    // What a commit shows are contents of files.
    add("/commit/{*rest}", content, "What a commit changed", get(commits::commit));
}

/// The page of what an address names, or its Markdown. An address that ends in `.md` is that of the Markdown if nothing has the
/// name with it: files and revisions may end so themselves.
async fn in_either_form(
    visit: Visit,
    target: Target,
    show: impl AsyncFn(&Visit, &Target, bool) -> Result<Response>,
) -> Result<Response, ApiError> {
    let shown = show(&visit, &target, visit.as_markdown).await;
    let is_missing =
        matches!(shown, Err(Error::NotFound(Missing::Entry { .. } | Missing::Revision(_))));
    match target.without(".md").filter(|_| is_missing) {
        Some(target) => Ok(show(&visit, &target, true).await.or(shown)?),
        None => Ok(shown?),
    }
}
