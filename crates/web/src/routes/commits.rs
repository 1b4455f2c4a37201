//! History: the commits of a revision or of one path, and what a commit changed.

use askama::Template;
use axum::response::Response;
use steelyard_http::{ApiError, Target, cursor};
use steelyard_service::revisions::{Change, Changes, Snapshot};
use steelyard_service::{Action, Error, Result};

use super::repo::{Head, revision_of};
use super::tree::{CommitRow, Crumb, Refs, crumbs, refs};
use crate::delta::{self, Delta};
use crate::frame::{Frame, Visit};
use crate::state::blocking;
use crate::{links, respond};

/// Commits on a page.
const PAGE: usize = 40;
/// Files of a commit that are listed, and bytes of them that are compared.
const FILES_MAX: usize = 200;
const COMPARED_BYTES_MAX: usize = 4 * 1024 * 1024;

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
    let (text, path) = target.revision_and_path()?;
    let (revision, text) = revision_of(&text)?;
    let (kind, id) = (target.kind, &target.id);
    let snapshot = visit.hub.snapshot(&visit.actor, kind, id, &revision, Action::ReadRepo).await?;
    let head = Head::of(&visit, &snapshot.repo, &text, "history").await?;
    let after = cursor(&visit.params)?;
    let of = path.clone();
    let (commits, next) = match path.as_str() {
        "" => {
            let list = move || snapshot.list_commits(after.as_ref(), Some(PAGE));
            let listed = blocking(list).await?;
            (listed.items, listed.next)
        }
        _ => (blocking(move || snapshot.list_commits_of(&of, PAGE)).await?, None),
    };
    if !path.is_empty() && commits.is_empty() {
        return Err(Error::invalid("path", "has no commit in this history").into());
    }
    let list = visit.hub.list_refs(&visit.actor, kind, id).await?;
    let page = HistoryPage {
        frame: visit.frame.clone().section(kind.plural()),
        refs: refs(&list, &head, ""),
        crumbs: crumbs(&head, &path),
        commits: commits.iter().map(|one| CommitRow::new(&visit, &head.base, one)).collect(),
        next: next.map(|next| {
            format!("{}{}", head.at("commits", ""), links::query(&[("cursor", &next.encode())]))
        }),
        path,
        head,
    };
    Ok(respond::page(&page)?)
}

/// A file that a commit changed.
struct FileDelta {
    path: String,
    /// `added`, `removed` or `changed`.
    what: &'static str,
    href: Option<String>,
    delta: Option<Delta>,
    /// Why nothing is compared.
    note: &'static str,
}

#[derive(Template)]
#[template(path = "commit.html")]
struct CommitPage {
    frame: Frame,
    head: Head,
    commit: CommitRow,
    oid: String,
    parents: Vec<(String, String)>,
    files: Vec<FileDelta>,
    added: usize,
    removed: usize,
    is_cut: bool,
}

pub(super) async fn commit(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let (revision, _) = revision_of(&target.tail()?)?;
    let (kind, id) = (target.kind, &target.id);
    let snapshot =
        visit.hub.snapshot(&visit.actor, kind, id, &revision, Action::ReadContent).await?;
    let oid = snapshot.commit.to_string();
    let head = Head::of(&visit, &snapshot.repo, &oid, "history").await?;
    let base = head.base.clone();
    let worked = visit.web.work(move || compared(&snapshot, &base)).await?;
    let (info, changes, files) = worked?;
    let of = |count: fn(&Delta) -> usize| {
        files.iter().filter_map(|file| file.delta.as_ref()).map(count).sum()
    };
    let parent = |oid: &steelyard_core::Oid| {
        let oid = oid.to_string();
        (oid.chars().take(8).collect(), format!("{}/commit/{oid}", head.base))
    };
    let page = CommitPage {
        frame: visit.frame.clone().section(kind.plural()),
        commit: CommitRow::new(&visit, &head.base, &info),
        parents: changes.parents.iter().map(parent).collect(),
        added: of(|delta| delta.added),
        removed: of(|delta| delta.removed),
        is_cut: changes.is_truncated,
        files,
        oid,
        head,
    };
    Ok(respond::page(&page)?)
}

type Compared = (steelyard_service::revisions::CommitInfo, Changes, Vec<FileDelta>);

fn compared(snapshot: &Snapshot, base: &str) -> Result<Compared> {
    let changes = snapshot.changes(FILES_MAX)?;
    let mut budget = COMPARED_BYTES_MAX;
    let mut files = Vec::with_capacity(changes.files.len());
    for change in &changes.files {
        files.push(file_delta(snapshot, base, change, &mut budget)?);
    }
    Ok((snapshot.commit_info()?, changes, files))
}

fn file_delta(
    snapshot: &Snapshot,
    base: &str,
    change: &Change,
    budget: &mut usize,
) -> Result<FileDelta> {
    let what = match (change.old, change.new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let oid = snapshot.commit.to_string();
    let href = change.new.map(|_| links::at(base, "blob", &oid, &change.path));
    let mut file = FileDelta { path: change.path.clone(), what, href, delta: None, note: "" };
    let side = |oid: Option<steelyard_core::Oid>| match oid {
        Some(oid) => snapshot.blob(oid),
        None => Ok(bytes::Bytes::new()),
    };
    if change.is_submodule {
        file.note = "another repository's commit";
        return Ok(file);
    }
    let (old, new) = (side(change.old)?, side(change.new)?);
    let size = old.len() + new.len();
    if old.len().max(new.len()) > delta::FILE_BYTES_MAX || size > *budget {
        file.note = "too large to be compared here";
        return Ok(file);
    }
    *budget -= size;
    match (text(&old), text(&new)) {
        (Some(old), Some(new)) => file.delta = Some(delta::compare(old, new)),
        _ => file.note = "not a text",
    }
    Ok(file)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}
