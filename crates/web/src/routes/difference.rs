//! What differs between two revisions of a repository: `…/compare/{a}..{b}`, the commits that only `b` has and the files that
//! differ from `a`.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use steelyard_core::Revision;
use steelyard_http::{ApiError, Target};
use steelyard_service::refs::RefList;
use steelyard_service::revisions::{CommitInfo, Snapshot};
use steelyard_service::{Action, Error, Result};

use super::changes::{Deltas, FILES_MAX};
use super::in_either_form;
use super::repo::Head;
use super::tree::{CommitRow, commits_as_markdown};
use crate::frame::{Frame, Visit};
use crate::{links, respond};

/// Commits that are listed.
const COMMITS_MAX: usize = 100;
/// Revisions that the fields offer.
const OFFERED_MAX: usize = 200;

/// Two revisions side by side.
struct Difference {
    commits: Vec<CommitRow>,
    has_more_commits: bool,
    deltas: Deltas,
    /// The same the other way round.
    reverse: String,
}

#[derive(Template)]
#[template(path = "difference.html")]
struct DifferencePage {
    frame: Frame,
    head: Head,
    from: String,
    to: String,
    offered: Vec<String>,
    difference: Option<Difference>,
}

/// The form; with both fields filled in it leads to the comparison.
pub(super) async fn choice(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let row = visit.hub.repo(&visit.actor, target.kind, &target.id, Action::ReadContent).await?;
    let field = |name: &str| visit.params.get(name).unwrap_or_default().trim().to_owned();
    let (from, to) = (field("from"), field("to"));
    for revision in [&from, &to].into_iter().filter(|revision| !revision.is_empty()) {
        Revision::parse(revision)?;
    }
    if !from.is_empty() && !to.is_empty() {
        let address = address(&links::repo(row.kind, &row.repo), &from, &to);
        let address = HeaderValue::from_str(&address).map_err(Error::internal)?;
        return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response());
    }
    let head = Head::of(&visit, &row, "main", "history").await?;
    let list = visit.hub.list_refs(&visit.actor, target.kind, &target.id).await?;
    let page = DifferencePage {
        frame: visit.frame.clone().section(target.kind.plural()),
        offered: offered(&list),
        from: if from.is_empty() { "main".to_owned() } else { from },
        to,
        difference: None,
        head,
    };
    Ok(respond::page(&page)?)
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    in_either_form(visit, target, show).await
}

async fn show(visit: &Visit, target: &Target, as_markdown: bool) -> Result<Response> {
    let asked = target.tail()?;
    // Names of branches and tags cannot contain two dots.
    let Some((from, to)) = asked.split_once("..").filter(|(_, to)| !to.starts_with('.')) else {
        return Err(Error::invalid("compare", "must be two revisions with two dots between them"));
    };
    let (kind, id) = (target.kind, &target.id);
    let at = async |revision: &str| {
        let revision = Revision::parse(revision)?;
        visit.hub.snapshot(&visit.actor, kind, id, &revision, Action::ReadContent).await
    };
    let (old, new) = (at(from).await?, at(to).await?);
    let head = Head::of(visit, &new.repo, to, "history").await?;
    let base = head.base.clone();
    let (commits, has_more_commits, deltas) =
        visit.web.work(move || compared(&old, &new, &base)).await??;
    let list = visit.hub.list_refs(&visit.actor, kind, id).await?;
    let own = format!("{}.md", address(&head.base, from, to));
    let page = DifferencePage {
        frame: visit.frame.clone().section(kind.plural()).markdown(own),
        offered: offered(&list),
        difference: Some(Difference {
            commits: commits.iter().map(|one| CommitRow::new(visit, &head.base, one)).collect(),
            has_more_commits,
            deltas,
            reverse: address(&head.base, to, from),
        }),
        from: from.to_owned(),
        to: to.to_owned(),
        head,
    };
    match as_markdown {
        true => Ok(respond::markdown(page.as_markdown())),
        false => respond::page(&page),
    }
}

fn address(base: &str, from: &str, to: &str) -> String {
    format!("{base}/compare/{}..{}", links::segment(from), links::segment(to))
}

fn compared(old: &Snapshot, new: &Snapshot, base: &str) -> Result<(Vec<CommitInfo>, bool, Deltas)> {
    let (commits, has_more) = new.commits_beyond(old, COMMITS_MAX)?;
    let changes = new.changes_since(old, FILES_MAX)?;
    let deltas = Deltas::of(new, base, &changes.files, changes.is_truncated)?;
    Ok((commits, has_more, deltas))
}

fn offered(list: &RefList) -> Vec<String> {
    let short = list.branches.iter().chain(&list.tags).map(|(name, _, _)| name.clone());
    let full = list.pull_requests.iter().chain(&list.converts).map(|(_, full, _)| full.clone());
    short.chain(full).take(OFFERED_MAX).collect()
}

impl DifferencePage {
    fn as_markdown(&self) -> String {
        let mut text = format!("# {}: {}..{}\n\n", self.head.id(), self.from, self.to);
        if let Some(Difference { commits, deltas, .. }) = &self.difference {
            text.push_str(&commits_as_markdown(commits));
            text.push_str(&format!("\n{}", deltas.as_markdown()));
        }
        text
    }
}
