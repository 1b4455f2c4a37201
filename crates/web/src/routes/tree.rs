//! A folder: its entries with their last commits and sizes, and the switch of branches and tags.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use steelyard_core::page::Page;
use steelyard_http::{ApiError, Target, cursor};
use steelyard_service::refs::RefList;
use steelyard_service::revisions::{CommitInfo, Entry, EntryKind, Snapshot};
use steelyard_service::{Action, Error, Missing, Result};

use super::in_either_form;
use super::proposal::Proposal;
use super::repo::{Head, revision_of};
use crate::frame::{Frame, Visit};
use crate::markdown::{Place, Rendered};
use crate::state::blocking;
use crate::{format, hits, links, respond};

/// Refs of one group that the switch offers.
const REFS: usize = 100;

/// A step of the path.
#[derive(Debug, Clone)]
pub(super) struct Crumb {
    pub(super) name: String,
    pub(super) href: String,
}

/// The switch of branches and tags.
#[derive(Debug, Default)]
pub(super) struct Refs {
    /// Title of the group, then name and address of each ref.
    pub(super) groups: Vec<(&'static str, Vec<(String, String)>)>,
    pub(super) is_cut: bool,
    /// Where they are made and deleted, for those who may.
    pub(super) manage: Option<String>,
}

struct EntryRow {
    name: String,
    href: String,
    download: Option<String>,
    is_folder: bool,
    is_large: bool,
    size: String,
    commit: Option<CommitRow>,
}

/// A commit in a list.
#[derive(Debug, Clone)]
pub(super) struct CommitRow {
    pub(super) title: String,
    pub(super) message: String,
    pub(super) author: String,
    pub(super) short: String,
    pub(super) href: String,
    pub(super) tree: String,
    pub(super) age: String,
    pub(super) date: String,
}

impl CommitRow {
    pub(super) fn new(visit: &Visit, base: &str, commit: &CommitInfo) -> Self {
        let oid = commit.oid.to_string();
        Self {
            title: match commit.title.trim() {
                "" => "no message".to_owned(),
                title => title.chars().take(200).collect(),
            },
            message: commit.message.trim().chars().take(4000).collect(),
            author: commit.author.clone(),
            short: oid.chars().take(8).collect(),
            href: format!("{base}/commit/{oid}"),
            tree: format!("{base}/tree/{oid}"),
            age: format::ago(commit.date, visit.hub.now()),
            date: format::date(commit.date),
        }
    }
}

#[derive(Template)]
#[template(path = "tree.html")]
struct TreePage {
    frame: Frame,
    head: Head,
    proposal: Option<Proposal>,
    crumbs: Vec<Crumb>,
    refs: Refs,
    path: String,
    last: Option<CommitRow>,
    parent: Option<String>,
    entries: Vec<EntryRow>,
    next: Option<String>,
    readme: Option<Arc<Rendered>>,
    /// The reader may change files here, or propose to.
    is_open: bool,
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    in_either_form(visit, target, show).await
}

async fn show(visit: &Visit, target: &Target, as_markdown: bool) -> Result<Response> {
    let (text, folder) = target.revision_and_path()?;
    let (revision, text) = revision_of(&text)?;
    let (kind, id) = (target.kind, &target.id);
    let snapshot = visit.hub.snapshot(&visit.actor, kind, id, &revision, Action::ReadRepo).await?;
    let folder = folder.trim_matches('/').to_owned();
    let listed = match listed(visit, &snapshot, &folder).await {
        Err(Error::NotFound(Missing::Entry { .. })) if is_file(&snapshot, &folder)? => {
            let base = links::repo(kind, &snapshot.repo.repo);
            return Ok(respond::see_other(&links::at(&base, "blob", &text, &folder)));
        }
        listed => listed?,
    };
    let head = Head::of(visit, &snapshot.repo, &text, "files").await?;
    let readme = folder_readme(visit, &snapshot, &head, &folder).await?;
    let list = visit.hub.list_refs(&visit.actor, kind, id).await?;
    let own = head.at("tree", &folder);
    let next = listed.page.next.as_ref();
    let page = TreePage {
        frame: visit.frame.clone().section(kind.plural()).markdown(format!("{own}.md")),
        crumbs: crumbs(&head, &folder),
        is_open: is_open(&list, &head),
        proposal: Proposal::of(visit, &snapshot.repo, &head).await?,
        refs: refs(&list, &head, "tree", &folder),
        parent: folder
            .rsplit_once('/')
            .map(|(parent, _)| head.at("tree", parent))
            .or_else(|| (!folder.is_empty()).then(|| head.at("tree", ""))),
        entries: listed.page.items.iter().map(|entry| entry_row(visit, &head, entry)).collect(),
        next: next.map(|next| format!("{own}{}", links::query(&[("cursor", &next.encode())]))),
        last: folder.is_empty().then(|| CommitRow::new(visit, &head.base, &listed.last)),
        path: folder,
        readme,
        head,
    };
    match as_markdown {
        true => Ok(respond::markdown(page.as_markdown())),
        false => respond::page(&page),
    }
}

/// Whether a path is that of a file.
pub(super) fn is_file(snapshot: &Snapshot, path: &str) -> Result<bool> {
    let entry = snapshot.find_entry(path)?;
    Ok(entry.is_some_and(|entry| matches!(entry.kind, EntryKind::File { .. })))
}

/// A page of a folder with its last commits. Both follow from the commit alone, so they are kept under its id.
async fn listed(visit: &Visit, snapshot: &Snapshot, folder: &str) -> Result<Arc<Listed>> {
    let after = cursor(&visit.params)?;
    let place = after.as_ref().map(|after| after.encode()).unwrap_or_default();
    let key = (snapshot.repo.id, snapshot.commit, format!("{folder}\0{place}"));
    if let Some(known) = visit.web.listings().get(&key) {
        return Ok(known);
    }
    let (at, folder) = (snapshot.clone(), folder.to_owned());
    let found = blocking(move || {
        let mut page = at.list_folder(&folder, after)?;
        // Folders first, each part by name, as people expect.
        page.items.sort_by_key(|entry| !matches!(entry.kind, EntryKind::Directory));
        Ok(Arc::new(Listed { page, last: at.commit_info()? }))
    });
    let found = found.await?;
    visit.web.listings().insert(key, Arc::clone(&found));
    Ok(found)
}

/// A page of a folder, and the commit it is of.
pub(crate) struct Listed {
    page: Page<Entry>,
    last: CommitInfo,
}

impl Listed {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let text = |entry: &Entry| {
            let commit = entry.last_commit.as_ref();
            entry.path.len() + commit.map_or(0, |one| one.title.len() + one.message.len()) + 240
        };
        512 + self.page.items.iter().map(text).sum::<usize>()
    }
}

impl TreePage {
    fn as_markdown(&self) -> String {
        let folder = if self.path.is_empty() { "the root" } else { &self.path };
        let (id, revision) = (self.head.id(), &self.head.revision);
        let mut text = format!(
            "# {folder} of {id} at {revision}\n\n| name | size | last change | when |\n|---|--:|---|---|\n"
        );
        for entry in &self.entries {
            let (title, date) =
                entry.commit.as_ref().map_or(("", ""), |one| (&one.title, &one.date));
            let slash = if entry.is_folder { "/" } else { "" };
            text.push_str(&format!(
                "| [{}{slash}]({}) | {} | {} | {date} |\n",
                hits::escape_cell(&entry.name),
                entry.href,
                entry.size,
                hits::escape_cell(title),
            ));
        }
        if let Some(next) = &self.next {
            text.push_str(&format!("\n[more files]({next})\n"));
        }
        text
    }
}

/// Commits as a table in Markdown.
pub(super) fn commits_as_markdown(commits: &[CommitRow]) -> String {
    let mut text = String::from("| commit | message | author | date |\n|---|---|---|---|\n");
    for CommitRow { short, href, title, author, date, .. } in commits {
        let (title, author) = (hits::escape_cell(title), hits::escape_cell(author));
        text.push_str(&format!("| [{short}]({href}) | {title} | {author} | {date} |\n"));
    }
    text
}

fn entry_row(visit: &Visit, head: &Head, entry: &Entry) -> EntryRow {
    let name = entry.path.rsplit('/').next().unwrap_or(&entry.path).to_owned();
    let (is_folder, size, is_large) = match &entry.kind {
        EntryKind::File { size, lfs } => (false, format::bytes(*size), lfs.is_some()),
        EntryKind::Directory | EntryKind::Submodule => (true, String::new(), false),
    };
    EntryRow {
        name,
        href: head.at(if is_folder { "tree" } else { "blob" }, &entry.path),
        download: (!is_folder).then(|| head.at("resolve", &entry.path)),
        is_folder,
        is_large,
        size,
        commit: entry.last_commit.as_ref().map(|commit| CommitRow::new(visit, &head.base, commit)),
    }
}

/// The text of a folder; that of the root is on the repository's own page.
async fn folder_readme(
    visit: &Visit,
    snapshot: &Snapshot,
    head: &Head,
    folder: &str,
) -> Result<Option<Arc<Rendered>>> {
    // Of a gated repository the card is for everybody; any other text is content.
    if folder.is_empty() || !snapshot.repo.gated.is_empty() {
        return Ok(None);
    }
    let Some(entry) = snapshot.find_entry(&format!("{folder}/README.md"))? else { return Ok(None) };
    let EntryKind::File { lfs: None, .. } = entry.kind else { return Ok(None) };
    let place = Place {
        base: head.base.clone(),
        revision: head.revision.clone(),
        folder: folder.to_owned(),
    };
    let text = String::from_utf8_lossy(&snapshot.blob(entry.oid)?).into_owned();
    Ok(Some(visit.web.card(entry.oid, &text, place).await?))
}

/// The steps from the root to a path, each with its folder's address.
pub(super) fn crumbs(head: &Head, path: &str) -> Vec<Crumb> {
    let mut crumbs = vec![Crumb { name: head.name.clone(), href: head.at("tree", "") }];
    let mut folder = String::new();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        if !folder.is_empty() {
            folder.push('/');
        }
        folder.push_str(name);
        crumbs.push(Crumb { name: name.to_owned(), href: head.at("tree", &folder) });
    }
    crumbs
}

/// Whether pages offer to change files at the shown revision: a branch, or a pull request.
pub(super) fn is_open(list: &RefList, head: &Head) -> bool {
    let named = |refs: &[(String, String, steelyard_core::Oid)]| {
        refs.iter().any(|(name, full, _)| [name, full].contains(&&head.revision))
    };
    let is_proposal = head.revision.starts_with("refs/pr/") && named(&list.pull_requests);
    head.rights.propose && (named(&list.branches) || is_proposal)
}

/// Branches, tags and the rest, each with the address of the same page there.
pub(super) fn refs(list: &RefList, head: &Head, verb: &str, path: &str) -> Refs {
    let groups = [
        ("Branches", &list.branches, false),
        ("Tags", &list.tags, false),
        ("Pull requests", &list.pull_requests, true),
        ("Conversions", &list.converts, true),
    ];
    let from = links::query(&[("from", &head.revision)]);
    let manage = head.rights.write.then(|| format!("{}/refs{from}", head.base));
    let mut refs = Refs { manage, ..Refs::default() };
    for (title, group, is_full) in groups {
        refs.is_cut |= group.len() > REFS;
        let link = |(name, full, _): &(String, String, _)| {
            let revision = if is_full { full } else { name };
            (name.clone(), links::at(&head.base, verb, revision, path))
        };
        if !group.is_empty() {
            refs.groups.push((title, group.iter().take(REFS).map(link).collect()));
        }
    }
    refs
}
