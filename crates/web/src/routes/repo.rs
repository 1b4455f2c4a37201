//! The page of a repository: its card, and beside it what is known.

mod sheet;

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use steelyard_card::front_matter;
use steelyard_card::snippets::Snippet;
use steelyard_core::{RepoKind, RepoName, Revision};
use steelyard_http::{ApiError, Target};
use steelyard_service::counters::{Figures, StatsRow};
use steelyard_service::repos::{RepoRow, Rights};
use steelyard_service::revisions::Snapshot;
use steelyard_service::{Action, Error, Result};

use super::tree::is_file;
use crate::examples::Shown;
use crate::facts::{self, Fact};
use crate::frame::{Frame, Visit};
use crate::{chart, format, hits, links, respond};

pub(crate) use sheet::Sheet;

/// What all pages of a repository begin with.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) kind: RepoKind,
    pub(super) base: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) tab: &'static str,
    pub(super) revision: String,
    pub(super) is_private: bool,
    pub(super) gated: String,
    pub(super) likes: String,
    pub(super) downloads: String,
    pub(super) updated: String,
    pub(super) updated_on: String,
    /// What the reader may do here.
    pub(super) rights: Rights,
    /// What the forms of this head carry.
    pub(super) csrf: String,
}

impl Head {
    pub(super) async fn of(
        visit: &Visit,
        row: &RepoRow,
        revision: &str,
        tab: &'static str,
    ) -> Result<Self> {
        let stats = visit.hub.stats_of(row.id).await?;
        Self::with(visit, row, &stats, revision, tab).await
    }

    async fn with(
        visit: &Visit,
        row: &RepoRow,
        stats: &StatsRow,
        revision: &str,
        tab: &'static str,
    ) -> Result<Self> {
        Ok(Self {
            kind: row.kind,
            base: links::repo(row.kind, &row.repo),
            namespace: row.repo.namespace.to_string(),
            name: row.repo.name.to_string(),
            tab,
            revision: revision.to_owned(),
            is_private: row.visibility.is_private(),
            gated: row.gated.clone(),
            likes: format::short(stats.likes),
            downloads: format::short(stats.downloads_30d),
            updated: format::ago(row.last_modified, visit.hub.now()),
            updated_on: format::date(row.last_modified),
            rights: visit.hub.rights(&visit.actor, row).await?,
            csrf: visit.csrf(),
        })
    }

    /// `namespace/name`.
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The address of a page at the shown revision.
    pub(super) fn at(&self, verb: &str, path: &str) -> String {
        links::at(&self.base, verb, &self.revision, path)
    }
}

#[derive(Template)]
#[template(path = "repo.html")]
struct RepoPage {
    frame: Frame,
    head: Head,
    sheet: Arc<Sheet>,
    stored: Fact,
    spark: Option<String>,
    downloads_all: String,
    /// There is nothing yet but what the hub put there, and the reader may put something in.
    is_bare: bool,
    /// The address of this hub.
    origin: String,
    /// The commit that is shown.
    newest: Option<Commit>,
    /// The commit that the code to begin with names, and that code.
    pinned: Option<(Commit, Vec<Snippet>)>,
}

/// A commit, and where it is shown.
struct Commit {
    oid: String,
    href: String,
}

impl Commit {
    fn of(snapshot: &Snapshot) -> Self {
        let oid = snapshot.commit.to_string();
        let base = links::repo(snapshot.repo.kind, &snapshot.repo.repo);
        Self { href: format!("{base}/commit/{oid}"), oid }
    }

    fn short(&self) -> &str {
        self.oid.get(..8).unwrap_or_default()
    }
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let position = visit.hub.log_position().await?;
    let found = visit.hub.repo_with_head(&visit.actor, target.kind, &target.id).await;
    let ((row, snapshot), as_markdown) = match (found, target.id.name.as_str().strip_suffix(".md"))
    {
        // `name.md` is the page of `name`, unless a repository has that name.
        (Err(error @ Error::NotFound(_)), Some(name)) => {
            let Ok(name) = RepoName::parse(name) else { return Err(error.into()) };
            let id = steelyard_core::RepoId::new(target.id.namespace.clone(), name);
            (visit.hub.repo_with_head(&visit.actor, target.kind, &id).await?, true)
        }
        (found, _) => (found?, visit.as_markdown),
    };
    let sheet = sheet::of(&visit, position, &row, snapshot.as_ref()).await?;
    let figures = visit.hub.figures_of(row.id).await?;
    if as_markdown {
        return Ok(text(&row, snapshot.as_ref(), &sheet, &figures)?);
    }
    let revision = snapshot.as_ref().map_or("main", |snapshot| &snapshot.default_branch);
    let base = links::repo(row.kind, &row.repo);
    if let Some(file) = header_of(&visit, snapshot.as_ref())? {
        return Ok(respond::see_other(&links::at(&base, "blob", revision, file)));
    }
    let day = visit.hub.now().secs().div_euclid(86_400);
    let head = Head::with(&visit, &row, &figures.stats, revision, "card").await?;
    let page = RepoPage {
        frame: visit.frame.clone().section(row.kind.plural()).markdown(format!("{base}.md")),
        is_bare: head.rights.write && snapshot.as_ref().map_or(Ok(true), is_bare)?,
        origin: visit.origin.clone(),
        newest: snapshot.as_ref().map(Commit::of),
        pinned: pinned(&visit, &row, &sheet).await?,
        head,
        sheet,
        stored: facts::stored(figures.stored_bytes),
        spark: chart::downloads(&figures.days, day),
        downloads_all: format::full(figures.stats.downloads_all),
    };
    Ok(respond::page(&page)?)
}

impl RepoPage {
    fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.sheet.facts.iter().chain([&self.stored])
    }

    fn snippets(&self) -> &[Snippet] {
        self.pinned.as_ref().map_or(&self.sheet.snippets, |(_, snippets)| snippets)
    }
}

/// The file whose header the address asks for, as links to the Hub do, if it is there.
fn header_of<'v>(visit: &'v Visit, snapshot: Option<&Snapshot>) -> Result<Option<&'v str>> {
    let (Some(file), Some(snapshot)) = (visit.params.get("show_tensors"), snapshot) else {
        return Ok(None);
    };
    Ok(is_file(snapshot, file)?.then_some(file))
}

/// The code to begin with, as it names the commit that the address asks for.
async fn pinned(
    visit: &Visit,
    row: &RepoRow,
    sheet: &Sheet,
) -> Result<Option<(Commit, Vec<Snippet>)>> {
    let asked = visit.params.get("revision").filter(|asked| !asked.is_empty());
    let Some(asked) = asked.filter(|_| !sheet.snippets.is_empty()) else { return Ok(None) };
    let (hub, revision) = (&visit.hub, Revision::parse(asked)?);
    let action = Action::ReadRepo;
    let snapshot = hub.snapshot(&visit.actor, row.kind, &row.repo, &revision, action).await?;
    let snippets = hub.snippets_at(&snapshot, Some(&revision), &visit.origin)?;
    Ok(Some((Commit::of(&snapshot), snippets)))
}

/// Whether nobody has put in more than a new repository begins with.
fn is_bare(snapshot: &Snapshot) -> Result<bool> {
    let files = snapshot.list_files(3)?;
    let first = |path: &str| [".gitattributes", "README.md"].contains(&path);
    Ok(files.iter().all(|file| first(&file.path_text())))
}

/// The page for programs that read: the facts, then the card as it was written.
fn text(
    row: &RepoRow,
    snapshot: Option<&Snapshot>,
    sheet: &Sheet,
    figures: &Figures,
) -> Result<Response> {
    let mut text = format!("# {} ({})\n\n", row.repo, row.kind);
    text.push_str(&facts::as_markdown(
        sheet.facts.iter().chain([&facts::stored(figures.stored_bytes)]),
    ));
    text.push_str(&format!(
        "- Downloads in 30 days: {}\n- Likes: {}\n- Updated: {}\n",
        figures.stats.downloads_30d,
        figures.stats.likes,
        format::date(row.last_modified),
    ));
    if let Some((newest, _)) = &sheet.newest {
        text.push_str(&format!("- Newer version: {}\n", hits::escape_cell(newest)));
    }
    if !sheet.results.is_empty() {
        text.push_str(
            "\n| dataset | detail | metric | shots | value | origin |\n|---|---|---|--:|--:|---|\n",
        );
    }
    for result in &sheet.results {
        let cells = [&result.dataset, &result.detail, &result.metric, &result.shots, &result.value];
        let cells: Vec<String> = cells.iter().map(|cell| hits::escape_cell(cell)).collect();
        text.push_str(&format!("| {} | {} |\n", cells.join(" | "), result.origin.text));
    }
    let readme = snapshot.map(sheet::readme).transpose()?.flatten();
    if let Some((_, card)) = readme {
        text.push_str(&format!("\n---\n\n{}", front_matter::body(&card)));
    }
    Ok(respond::markdown(text))
}

/// The revision of a request, parsed, and how it is called.
pub(super) fn revision_of(text: &str) -> Result<(Revision, String)> {
    let text = if text.is_empty() { "main" } else { text };
    Ok((Revision::parse(text)?, text.to_owned()))
}
