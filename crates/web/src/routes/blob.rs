//! A file: the fitting viewer, or what there is to say of it and a way to have it.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use steelyard_card::front_matter;
use steelyard_card::gguf::parse_contents;
use steelyard_http::{ApiError, Target};
use steelyard_service::revisions::{Entry, EntryKind, Snapshot};
use steelyard_service::{Action, Error, Hub, Result};

use super::in_either_form;
use super::proposal::Proposal;
use super::repo::{Head, revision_of};
use super::tree::{CommitRow, Crumb, Refs, crumbs, is_open, refs};
use crate::frame::{Frame, Visit};
use crate::markdown::{Place, Rendered};
use crate::state::blocking;
use crate::viewers::notebook::{self, Cell};
use crate::viewers::table::{self, Table};
use crate::viewers::tensors::{self, Tensors};
use crate::viewers::{self, Code, TEXT_BYTES_MAX, Viewer};
use crate::{format, highlight, hits, links, respond};

/// Bytes of a large file that are looked at: it may be a text of gigabytes.
const LARGE_BYTES_MAX: u64 = 512 * 1024;
/// Largest notebook that is shown, in bytes.
const NOTEBOOK_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Longest filter of tensors.
const FILTER_BYTES_MAX: usize = 200;

/// What is shown.
enum View {
    Code(Code),
    Markdown {
        metadata: Option<String>,
        body: Arc<Rendered>,
        source: String,
    },
    Table(Table),
    Notebook(Vec<Cell>),
    Image,
    Audio,
    Video,
    /// Version, and pages where they can be counted.
    Pdf(String, Option<usize>),
    Tensors(Tensors),
    Gguf {
        facts: Vec<(&'static str, String)>,
        tensors: Tensors,
        template: Option<String>,
    },
    /// Why nothing is.
    Nothing(&'static str),
}

#[derive(Template)]
#[template(path = "blob.html")]
struct BlobPage {
    frame: Frame,
    head: Head,
    proposal: Option<Proposal>,
    crumbs: Vec<Crumb>,
    refs: Refs,
    path: String,
    name: String,
    size: String,
    size_full: String,
    sha256: Option<String>,
    download: String,
    raw: String,
    history: String,
    blame: Option<String>,
    permalink: String,
    last: Option<CommitRow>,
    view: View,
    /// The reader may change the file here, or propose to.
    is_open: bool,
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    in_either_form(visit, target, show).await
}

async fn show(visit: &Visit, target: &Target, as_markdown: bool) -> Result<Response> {
    let (text, path) = target.revision_and_path()?;
    let (revision, text) = revision_of(&text)?;
    let (kind, id) = (target.kind, &target.id);
    let snapshot =
        visit.hub.snapshot(&visit.actor, kind, id, &revision, Action::ReadContent).await?;
    let (at, of) = (snapshot.clone(), path.clone());
    let mut found = blocking(move || at.paths_info(&[of], true)).await?;
    if path.is_empty() || found.iter().any(|entry| entry.kind == EntryKind::Directory) {
        let base = links::repo(kind, &snapshot.repo.repo);
        return Ok(respond::see_other(&links::at(&base, "tree", &text, &path)));
    }
    let entry = found.pop().filter(|entry| matches!(entry.kind, EntryKind::File { .. }));
    let entry = entry.ok_or_else(|| Error::no_entry(path.as_str(), snapshot.commit))?;
    let EntryKind::File { size, lfs } = entry.kind else {
        return Err(Error::no_entry(path, snapshot.commit));
    };
    let head = Head::of(visit, &snapshot.repo, &text, "files").await?;
    let view = view(visit, &snapshot, &head, &entry, size).await?;
    let list = visit.hub.list_refs(&visit.actor, kind, id).await?;
    let own = format!("{}.md", head.at("blob", &path));
    let page = BlobPage {
        is_open: is_open(&list, &head),
        proposal: Proposal::of(visit, &snapshot.repo, &head).await?,
        frame: visit.frame.clone().section(kind.plural()).markdown(own),
        crumbs: crumbs(&head, &path),
        refs: refs(&list, &head, "blob", &path),
        name: path.rsplit('/').next().unwrap_or(&path).to_owned(),
        size: format::bytes(size),
        size_full: format::full(size),
        sha256: lfs.map(|lfs| lfs.sha256.to_string()),
        download: head.at("resolve", &path),
        raw: head.at("raw", &path),
        history: head.at("commits", &path),
        blame: lfs.is_none().then(|| head.at("blame", &path)).filter(|_| view.has_lines()),
        permalink: links::at(&head.base, "blob", &snapshot.commit.to_string(), &path),
        last: entry.last_commit.as_ref().map(|one| CommitRow::new(visit, &head.base, one)),
        path,
        view,
        head,
    };
    if as_markdown {
        let text = match page.view.has_lines() {
            true => beginning(&visit.hub, &snapshot, &entry, Viewer::Text).await?,
            false => bytes::Bytes::new(),
        };
        return Ok(respond::markdown(
            page.as_markdown(viewers::text_of(&text).unwrap_or_default()),
        ));
    }
    match page.view {
        View::Pdf(..) => respond::page_with_frame(&page),
        _ => respond::page(&page),
    }
}

impl View {
    /// Whether the file is a text.
    fn has_lines(&self) -> bool {
        matches!(self, Self::Code(_) | Self::Markdown { .. } | Self::Table(_) | Self::Notebook(_))
    }
}

impl BlobPage {
    fn as_markdown(&self, text: &str) -> String {
        let (id, revision) = (self.head.id(), &self.head.revision);
        let mut out =
            format!("# {} of {id} at {revision}\n\n- Size: {}\n", self.path, self.size_full);
        if let Some(sha256) = &self.sha256 {
            out.push_str(&format!("- SHA-256: {sha256}\n"));
        }
        if let Some(CommitRow { title, href, date, .. }) = &self.last {
            out.push_str(&format!(
                "- Last change: [{}]({href}), {date}\n",
                hits::escape_cell(title)
            ));
        }
        out.push_str(&format!("- [Download]({})\n\n", self.download));
        match &self.view {
            View::Tensors(tensors) | View::Gguf { tensors, .. } => {
                out.push_str(&tensors.as_markdown());
            }
            View::Nothing(why) => out.push_str(why),
            view if view.has_lines() => {
                let name = highlight::language_of_file(&self.path);
                let name = name.map_or_else(String::new, |language| language.name.to_lowercase());
                out.push_str(&hits::fenced(text, &name));
            }
            _ => {}
        }
        out
    }
}

async fn view(
    visit: &Visit,
    snapshot: &Snapshot,
    head: &Head,
    entry: &Entry,
    size: u64,
) -> Result<View> {
    let viewer = Viewer::of(&entry.path);
    if size == 0 {
        return Ok(View::Nothing("The file is empty."));
    }
    let view = match viewer {
        Viewer::Image => View::Image,
        Viewer::Audio => View::Audio,
        Viewer::Video => View::Video,
        Viewer::Pdf => {
            let head = beginning(&visit.hub, snapshot, entry, viewer).await?;
            match viewers::pdf(&head) {
                Some((version, pages)) => {
                    View::Pdf(version, pages.filter(|_| head.len() as u64 >= size))
                }
                None => View::Nothing("This is no PDF, whatever its name says."),
            }
        }
        Viewer::Safetensors => safetensors(visit, snapshot, &entry.path).await?,
        Viewer::Gguf => gguf(visit, snapshot, &entry.path).await?,
        _ => return text_view(visit, snapshot, head, entry, (viewer, size)).await,
    };
    debug_assert!(!viewer.reads_text());
    Ok(view)
}

/// By what tensors are looked for.
fn filter_of(visit: &Visit) -> Result<&str> {
    let filter = visit.params.get("filter").unwrap_or_default();
    match filter.len() <= FILTER_BYTES_MAX {
        true => Ok(filter),
        false => {
            let rule = format!("must be at most {FILTER_BYTES_MAX} bytes long");
            Err(Error::invalid("filter", rule))
        }
    }
}

async fn safetensors(visit: &Visit, snapshot: &Snapshot, path: &str) -> Result<View> {
    let filter = filter_of(visit)?;
    match visit.hub.safetensors_header(snapshot, path).await {
        Ok(header) => Ok(View::Tensors(tensors::of_safetensors(&header, filter))),
        Err(Error::Invalid(_)) => {
            Ok(View::Nothing("This file has no safetensors header that can be read."))
        }
        Err(error) => Err(error),
    }
}

async fn gguf(visit: &Visit, snapshot: &Snapshot, path: &str) -> Result<View> {
    let filter = filter_of(visit)?.to_owned();
    let Some((header, head)) = visit.hub.gguf_head(snapshot, path).await? else {
        return Ok(View::Nothing("This file has no GGUF header that can be read."));
    };
    let listed = visit.web.work(move || {
        let contents = parse_contents(&head).unwrap_or_default();
        tensors::of_gguf(&contents, &filter)
    });
    Ok(View::Gguf {
        facts: tensors::gguf_facts(&header),
        tensors: listed.await?,
        template: header.chat_template.as_deref().map(|template| coloured(template, "jinja")),
    })
}

fn coloured(text: &str, language: &str) -> String {
    let mut html = String::new();
    match highlight::language(language) {
        Some(language) => highlight::block_into(&mut html, text, language),
        None => highlight::escape_into(&mut html, text),
    }
    html
}

/// The beginning of a file: of one in git as much as is shown, of a large one less.
async fn beginning(
    hub: &Hub,
    snapshot: &Snapshot,
    entry: &Entry,
    viewer: Viewer,
) -> Result<bytes::Bytes> {
    let is_large = matches!(entry.kind, EntryKind::File { lfs: Some(_), .. });
    let limit = match viewer {
        Viewer::Notebook => NOTEBOOK_BYTES_MAX,
        _ if is_large => LARGE_BYTES_MAX,
        _ => TEXT_BYTES_MAX as u64,
    };
    hub.read_head(snapshot, &entry.path, limit).await
}

async fn text_view(
    visit: &Visit,
    snapshot: &Snapshot,
    head: &Head,
    entry: &Entry,
    (viewer, size): (Viewer, u64),
) -> Result<View> {
    let bytes = beginning(&visit.hub, snapshot, entry, viewer).await?;
    if viewers::text_of(&bytes).is_none() {
        return Ok(View::Nothing("This is no text, so there is nothing to read here."));
    }
    let wants_source = visit.params.flag("plain");
    let place = Place {
        base: head.base.clone(),
        revision: head.revision.clone(),
        folder: entry.path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned(),
    };
    if viewer == Viewer::Markdown && !wants_source {
        let text = viewers::text_of(&bytes).unwrap_or_default();
        let metadata =
            front_matter::split(text).ok().flatten().map(|split| coloured(split.yaml, "yaml"));
        let body = visit.web.card(entry.oid, text, place).await?;
        let source = format!("{}?plain=1", head.at("blob", &entry.path));
        return Ok(View::Markdown { metadata, body, source });
    }
    let path = entry.path.clone();
    visit
        .web
        .work(move || {
            let text = viewers::text_of(&bytes).unwrap_or_default();
            match viewer {
                Viewer::Table(separator) if !wants_source => {
                    View::Table(table::read(text, separator, text.len() as u64 >= size))
                }
                Viewer::Notebook if !wants_source => match notebook::read(text, &place) {
                    Some(cells) => View::Notebook(cells),
                    None => View::Code(viewers::code("a.json", text, size)),
                },
                _ => View::Code(viewers::code(&path, text, size)),
            }
        })
        .await
}
