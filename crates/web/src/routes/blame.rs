//! A text file with the commit that each of its lines comes from.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use steelyard_http::{ApiError, Target};
use steelyard_service::revisions::{Blamed, EntryKind, Snapshot};
use steelyard_service::{Action, Error, Result};

use super::in_either_form;
use super::repo::{Head, revision_of};
use super::tree::{CommitRow, Crumb, Refs, crumbs, refs};
use crate::frame::{Frame, Visit};
use crate::{highlight, hits, links, respond, viewers};

/// Largest file whose lines are traced, in bytes and in lines.
const FILE_BYTES_MAX: u64 = 512 * 1024;
const LINES_MAX: usize = 10_000;

/// Lines in a row that come from one commit; none where the search ended before it was found.
struct Part {
    commit: Option<CommitRow>,
    /// The same lines before that commit.
    before: Option<String>,
    /// Number and highlighted text of each line.
    lines: Vec<(usize, String)>,
}

#[derive(Template)]
#[template(path = "blame.html")]
struct BlamePage {
    frame: Frame,
    head: Head,
    crumbs: Vec<Crumb>,
    refs: Refs,
    path: String,
    file: String,
    history: String,
    /// Why nothing is shown.
    refusal: Option<&'static str>,
    is_complete: bool,
    parts: Vec<Part>,
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    in_either_form(visit, target, show).await
}

/// A text, and where its lines come from.
type Traced = (bytes::Bytes, Arc<Blamed>);

async fn show(visit: &Visit, target: &Target, as_markdown: bool) -> Result<Response> {
    let (text, path) = target.revision_and_path()?;
    let (revision, text) = revision_of(&text)?;
    let (kind, id) = (target.kind, &target.id);
    let snapshot =
        visit.hub.snapshot(&visit.actor, kind, id, &revision, Action::ReadContent).await?;
    let traced = traced(visit, &snapshot, &path).await?;
    let head = Head::of(visit, &snapshot.repo, &text, "files").await?;
    let (parts, refusal) = match &traced {
        Ok(traced) => (parts(visit, &head, &path, traced).await?, None),
        Err(refusal) => (Vec::new(), Some(*refusal)),
    };
    let list = visit.hub.list_refs(&visit.actor, kind, id).await?;
    let page = BlamePage {
        frame: visit
            .frame
            .clone()
            .section(kind.plural())
            .markdown(format!("{}.md", head.at("blame", &path))),
        crumbs: crumbs(&head, &path),
        refs: refs(&list, &head, "blame", &path),
        file: head.at("blob", &path),
        history: head.at("commits", &path),
        is_complete: traced.as_ref().map_or(true, |(_, blamed)| blamed.is_complete),
        path,
        refusal,
        parts,
        head,
    };
    match &traced {
        Ok(traced) if as_markdown => Ok(respond::markdown(page.as_markdown(traced))),
        _ => respond::page(&page),
    }
}

/// Traces the lines, or says in words why it does not.
async fn traced(
    visit: &Visit,
    snapshot: &Snapshot,
    path: &str,
) -> Result<Result<Traced, &'static str>> {
    let entry = snapshot.get_file(path)?;
    let EntryKind::File { size, lfs } = entry.kind else {
        return Err(Error::no_entry(path, snapshot.commit));
    };
    if lfs.is_some() {
        return Ok(Err("This file is stored apart from git, which knows nothing of its lines."));
    }
    if size > FILE_BYTES_MAX {
        return Ok(Err("This file is larger than 512 KiB: too large to trace each line."));
    }
    let bytes = snapshot.blob(entry.oid)?;
    let Some(text) = viewers::text_of(&bytes) else {
        return Ok(Err("This is no text, so it has no lines."));
    };
    if text.lines().count() > LINES_MAX {
        return Ok(Err("This file has more than 10,000 lines: too many to trace each."));
    }
    let key = (snapshot.repo.id, snapshot.commit, path.to_owned());
    if let Some(known) = visit.web.blames().get(&key) {
        return Ok(Ok((bytes, known)));
    }
    let (at, of) = (snapshot.clone(), path.to_owned());
    let found = visit.web.work(move || at.blame(&of)).await??;
    let found = Arc::new(found.ok_or_else(|| Error::no_entry(path, snapshot.commit))?);
    // What a limit cut short may be found on a quieter machine.
    if found.is_complete {
        visit.web.blames().insert(key, Arc::clone(&found));
    }
    Ok(Ok((bytes, found)))
}

async fn parts(
    visit: &Visit,
    head: &Head,
    path: &str,
    (bytes, blamed): &Traced,
) -> Result<Vec<Part>> {
    let (of, bytes) = (path.to_owned(), bytes.clone());
    let highlighted = visit.web.work(move || {
        let text = viewers::text_of(&bytes).unwrap_or_default();
        highlight::lines(text, highlight::language_of_file(&of))
    });
    let mut parts: Vec<Part> = Vec::new();
    let mut last = None;
    for (number, (line, place)) in highlighted.await?.into_iter().zip(&blamed.lines).enumerate() {
        if last != Some(*place) {
            let commit = place.and_then(|place| blamed.commits.get(place));
            parts.push(Part {
                commit: commit.map(|one| CommitRow::new(visit, &head.base, one)),
                before: commit
                    .map(|one| links::at(&head.base, "commits", &one.oid.to_string(), path)),
                lines: Vec::new(),
            });
            last = Some(*place);
        }
        if let Some(part) = parts.last_mut() {
            part.lines.push((number + 1, line));
        }
    }
    Ok(parts)
}

impl BlamePage {
    fn as_markdown(&self, (bytes, _): &Traced) -> String {
        let text = viewers::text_of(bytes).unwrap_or_default();
        let mut lines = text.lines();
        let mut body = String::new();
        for part in &self.parts {
            let (short, date) =
                part.commit.as_ref().map_or(("????????", ""), |one| (&one.short, &one.date));
            for (number, _) in &part.lines {
                let line = lines.next().unwrap_or_default();
                body.push_str(&format!("{short} {date:10} {number:5} {line}\n"));
            }
        }
        let cut =
            if self.is_complete { "" } else { "Lines of ???????? are older than was looked.\n\n" };
        format!(
            "# {} of {} at {}: where its lines come from\n\n{cut}{}",
            self.path,
            self.head.id(),
            self.head.revision,
            hits::fenced(&body, "")
        )
    }
}
