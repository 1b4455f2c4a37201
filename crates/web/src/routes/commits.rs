//! History: the commits of a revision or of one path, and what a commit changed.

use askama::Template;
use axum::response::Response;
use steelyard_core::Oid;
use steelyard_core::page::Page;
use steelyard_http::{ApiError, Target, cursor};
use steelyard_service::revisions::{CommitInfo, Snapshot};
use steelyard_service::{Action, Error, Result};

use super::changes::{Deltas, FILES_MAX};
use super::in_either_form;
use super::repo::{Head, revision_of};
use super::tree::{CommitRow, Crumb, Refs, commits_as_markdown, crumbs, refs};
use crate::frame::{Frame, Visit};
use crate::state::blocking;
use crate::{links, respond};

/// Commits on a page.
const PAGE: usize = 40;

#[derive(Template)]
#[template(path = "commits.html")]
struct HistoryPage {
    frame: Frame,
    head: Head,
    refs: Refs,
    crumbs: Vec<Crumb>,
    path: String,
    commits: Vec<CommitRow>,
    next: Option<String>,
}

pub(super) async fn history(visit: Visit, target: Target) -> Result<Response, ApiError> {
    in_either_form(visit, target, show_history).await
}

async fn show_history(visit: &Visit, target: &Target, as_markdown: bool) -> Result<Response> {
    let (text, path) = target.revision_and_path()?;
    let (revision, text) = revision_of(&text)?;
    let (kind, id) = (target.kind, &target.id);
    let snapshot = visit.hub.snapshot(&visit.actor, kind, id, &revision, Action::ReadRepo).await?;
    let head = Head::of(visit, &snapshot.repo, &text, "history").await?;
    let after = cursor(&visit.params)?;
    let (is_first, of, commit) = (after.is_none(), path.clone(), snapshot.commit);
    let listed = blocking(move || match of.as_str() {
        "" => snapshot.list_commits(after.as_ref(), Some(PAGE)),
        of => snapshot.list_commits_of(of, after.as_ref(), PAGE),
    });
    let Page { items: commits, next } = listed.await?;
    if is_first && commits.is_empty() && next.is_none() {
        return Err(Error::no_entry(path, commit));
    }
    let list = visit.hub.list_refs(&visit.actor, kind, id).await?;
    let own = head.at("commits", &path);
    let next = next.map(|next| format!("{own}{}", links::query(&[("cursor", &next.encode())])));
    let page = HistoryPage {
        frame: visit.frame.clone().section(kind.plural()).markdown(format!("{own}.md")),
        refs: refs(&list, &head, "commits", &path),
        crumbs: crumbs(&head, &path),
        commits: commits.iter().map(|one| CommitRow::new(visit, &head.base, one)).collect(),
        next,
        path,
        head,
    };
    if as_markdown {
        let of = if page.path.is_empty() { &page.head.revision } else { &page.path };
        let mut text = format!("# History of {of} in {}\n\n", page.head.id());
        text.push_str(&commits_as_markdown(&page.commits));
        if let Some(next) = &page.next {
            text.push_str(&format!("\n[earlier commits]({next})\n"));
        }
        return Ok(respond::markdown(text));
    }
    respond::page(&page)
}

#[derive(Template)]
#[template(path = "commit.html")]
struct CommitPage {
    frame: Frame,
    head: Head,
    commit: CommitRow,
    oid: String,
    parents: Vec<(String, String)>,
    deltas: Deltas,
}

pub(super) async fn commit(visit: Visit, target: Target) -> Result<Response, ApiError> {
    in_either_form(visit, target, show_commit).await
}

async fn show_commit(visit: &Visit, target: &Target, as_markdown: bool) -> Result<Response> {
    let (revision, _) = revision_of(&target.tail()?)?;
    let (kind, id) = (target.kind, &target.id);
    let snapshot =
        visit.hub.snapshot(&visit.actor, kind, id, &revision, Action::ReadContent).await?;
    let oid = snapshot.commit.to_string();
    let head = Head::of(visit, &snapshot.repo, &oid, "history").await?;
    let base = head.base.clone();
    let (info, parents, deltas) = visit.web.work(move || compared(&snapshot, &base)).await??;
    let parent = |oid: &Oid| {
        let oid = oid.to_string();
        (oid.chars().take(8).collect(), format!("{}/commit/{oid}", head.base))
    };
    let own = format!("{}/commit/{oid}.md", head.base);
    let page = CommitPage {
        frame: visit.frame.clone().section(kind.plural()).markdown(own),
        commit: CommitRow::new(visit, &head.base, &info),
        parents: parents.iter().map(parent).collect(),
        deltas,
        oid,
        head,
    };
    if as_markdown {
        let CommitRow { title, message, author, date, .. } = &page.commit;
        let mut text = format!("# {title}\n\n{author}, {date}, {}\n\n", page.oid);
        if !message.is_empty() {
            text.push_str(&format!("{message}\n\n"));
        }
        text.push_str(&page.deltas.as_markdown());
        return Ok(respond::markdown(text));
    }
    respond::page(&page)
}

type Compared = (CommitInfo, Vec<Oid>, Deltas);

fn compared(snapshot: &Snapshot, base: &str) -> Result<Compared> {
    let changes = snapshot.changes(FILES_MAX)?;
    let deltas = Deltas::of(snapshot, base, &changes.files, changes.is_truncated)?;
    Ok((snapshot.commit_info()?, changes.parents, deltas))
}
