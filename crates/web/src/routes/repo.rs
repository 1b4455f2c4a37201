//! The page of a repository: its card, and beside it what is known.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use steelyard_card::eval::EvalResult;
use steelyard_card::license::{LineageEntry, LinkState};
use steelyard_card::report;
use steelyard_card::snippets::Snippet;
use steelyard_card::{Facts, front_matter};
use steelyard_core::{Oid, RepoKind, Revision};
use steelyard_http::{ApiError, Target};
use steelyard_service::counters::Usage;
use steelyard_service::discovery::Lineage;
use steelyard_service::repos::{RepoRow, Rights};
use steelyard_service::revisions::{Content, Snapshot};
use steelyard_service::{Action, Error, Result};

use crate::facts::{self, Fact, Sources};
use crate::frame::{Frame, Visit};
use crate::markdown::{Place, Rendered};
use crate::{chart, format, hits, links, respond};

/// Results and ancestors that are shown.
const RESULTS: usize = 60;
const ANCESTORS: usize = 30;
/// Spaces that are shown.
const SPACES: usize = 6;

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

    /// The address of a page at the shown revision.
    pub(super) fn at(&self, verb: &str, path: &str) -> String {
        links::at(&self.base, verb, &self.revision, path)
    }
}

/// One result of an evaluation.
struct ResultRow {
    dataset: String,
    href: Option<String>,
    detail: String,
    metric: String,
    shots: String,
    value: String,
    origin: &'static str,
}

/// An ancestor, or the model itself.
struct AncestorRow {
    id: String,
    href: Option<String>,
    depth: u32,
    relation: &'static str,
    license: String,
    state: &'static str,
    obligations: Vec<String>,
}

struct FamilyLink {
    label: &'static str,
    count: String,
    href: String,
}

#[derive(Template)]
#[template(path = "repo.html")]
struct RepoPage {
    frame: Frame,
    head: Head,
    facts: Vec<Fact>,
    card: Option<Arc<Rendered>>,
    card_problem: Option<String>,
    score: Option<u8>,
    beam: Option<String>,
    spark: Option<String>,
    downloads_all: String,
    newest: Option<(String, String)>,
    results: Vec<ResultRow>,
    ancestors: Vec<AncestorRow>,
    conflicts: Vec<String>,
    family: Vec<FamilyLink>,
    spaces: Vec<(String, String)>,
    snippets: Vec<Snippet>,
    tags: Vec<String>,
    disclaimer: &'static str,
    /// There is nothing yet but what the hub put there, and the reader may put something in.
    is_bare: bool,
    /// The address of this hub.
    origin: String,
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let found = visit.hub.repo(&visit.actor, target.kind, &target.id, Action::ReadRepo).await;
    let (row, as_markdown) = match (found, target.id.name.as_str().strip_suffix(".md")) {
        // `name.md` is the page of `name`, unless a repository has that name.
        (Err(error @ Error::NotFound(_)), Some(name)) => {
            let Ok(name) = steelyard_core::RepoName::parse(name) else { return Err(error.into()) };
            let id = steelyard_core::RepoId::new(target.id.namespace.clone(), name);
            (visit.hub.repo(&visit.actor, target.kind, &id, Action::ReadRepo).await?, true)
        }
        (found, _) => (found?, visit.as_markdown),
    };
    let snapshot = visit.hub.head(row.clone()).await?;
    if as_markdown {
        return text(&visit, &row, snapshot.as_ref()).await;
    }
    let page = build(&visit, row, snapshot).await?;
    Ok(respond::page(&page)?)
}

/// What a repository's page knows before it is laid out.
struct Known {
    facts: Facts,
    column: Vec<Fact>,
    lineage: Option<Lineage>,
    usage: Usage,
    parameters: Option<u64>,
}

impl Known {
    async fn gather(visit: &Visit, row: &RepoRow) -> Result<Self> {
        let (hub, actor) = (&visit.hub, &visit.actor);
        let facts: Facts = serde_json::from_value(row.facts.clone()).unwrap_or_default();
        let weights = hub.weights_on_record(row).await?;
        let lineage = match row.kind {
            RepoKind::Model => Some(hub.lineage(actor, &row.repo).await?),
            _ => None,
        };
        let used = hub.used_storage(row).await?;
        let column = facts::column(&Sources {
            kind: row.kind,
            facts: &facts,
            weights: &weights,
            lineage: lineage.as_ref(),
            used_bytes: u64::try_from(used).unwrap_or(0),
        });
        let counted = |part: &str| weights[part]["total"].as_u64().filter(|total| *total > 0);
        let parameters = counted("safetensors").or_else(|| counted("gguf"));
        let usage = hub.usage(actor, row.kind, &row.repo).await?;
        Ok(Self { facts, column, lineage, usage, parameters })
    }
}

async fn build(visit: &Visit, row: RepoRow, snapshot: Option<Snapshot>) -> Result<RepoPage> {
    let (hub, actor) = (&visit.hub, &visit.actor);
    let revision = snapshot.as_ref().map_or("main", |snapshot| &snapshot.default_branch).to_owned();
    let known = Known::gather(visit, &row).await?;
    let readme = snapshot.as_ref().map(readme).transpose()?.flatten();
    let card = match &readme {
        Some((oid, text)) => Some(card(visit, &row, *oid, text, &revision).await?),
        None => None,
    };
    let lineage = known.lineage.as_ref();
    let is_model = row.kind == RepoKind::Model;
    let spaces = if is_model { hub.spaces_using(actor, &row.repo).await? } else { Vec::new() };
    let snippets = match &snapshot {
        Some(_) => hub.snippets(actor, row.kind, &row.repo, None, &visit.origin).await?,
        None => Vec::new(),
    };
    let is_bare = snapshot.as_ref().map_or(Ok(true), is_bare)?;
    let head = Head::of(visit, &row, &revision, "card").await?;
    let day = visit.hub.now().secs().div_euclid(86_400);
    let base = links::repo(row.kind, &row.repo);
    let newest = lineage.and_then(|lineage| lineage.newest_version.clone());
    let space = |id: &String| Some((id.clone(), links::named(RepoKind::Space, id)?));
    Ok(RepoPage {
        frame: visit.frame.clone().section(row.kind.plural()).markdown(format!("{base}.md")),
        is_bare: is_bare && head.rights.write,
        origin: visit.origin.clone(),
        head,
        score: readme.as_ref().map(|(_, text)| report::score(row.kind, text, &known.facts)),
        card,
        card_problem: known.facts.card_problem.clone(),
        beam: known.parameters.map(chart::beam),
        spark: chart::downloads(&known.usage.days, day),
        downloads_all: format::full(known.usage.stats.downloads_all),
        newest: newest.and_then(|id| Some((id.clone(), links::named(RepoKind::Model, &id)?))),
        results: results(hub.results_of(&row).await?),
        ancestors: ancestors(lineage),
        conflicts: lineage.map(conflicts).unwrap_or_default(),
        family: lineage.map(|lineage| family(lineage, &row)).unwrap_or_default(),
        spaces: spaces.iter().take(SPACES).filter_map(space).collect(),
        snippets,
        tags: known.facts.tags.iter().take(60).cloned().collect(),
        disclaimer: lineage.map_or("", |lineage| lineage.licenses.disclaimer),
        facts: known.column,
    })
}

/// Whether nobody has put in more than a new repository begins with.
fn is_bare(snapshot: &Snapshot) -> Result<bool> {
    let files = snapshot.list_files(3)?;
    let first = |path: &str| [".gitattributes", "README.md"].contains(&path);
    Ok(files.iter().all(|file| first(&file.path_text())))
}

/// The card's object id and its text.
pub(super) fn readme(snapshot: &Snapshot) -> Result<Option<(Oid, String)>> {
    let Some(entry) = snapshot.find_entry("README.md")? else { return Ok(None) };
    match snapshot.content(&entry)? {
        Content::Regular(bytes) => {
            Ok(Some((entry.oid, String::from_utf8_lossy(&bytes).into_owned())))
        }
        Content::Large(_) => Ok(None),
    }
}

async fn card(
    visit: &Visit,
    row: &RepoRow,
    oid: Oid,
    text: &str,
    revision: &str,
) -> Result<Arc<Rendered>> {
    let place = Place {
        base: links::repo(row.kind, &row.repo),
        revision: revision.to_owned(),
        folder: String::new(),
    };
    visit.web.card(oid, text, place).await
}

fn results(found: Vec<EvalResult>) -> Vec<ResultRow> {
    let row = |result: EvalResult| {
        let detail = [&result.config, &result.split].into_iter().flatten().cloned();
        let detail: Vec<String> = detail.collect();
        ResultRow {
            href: links::named(RepoKind::Dataset, &result.dataset),
            dataset: result.dataset_name.unwrap_or(result.dataset),
            detail: detail.join(" / "),
            metric: result.metric_name.unwrap_or(result.metric),
            shots: result.shots.map_or_else(String::new, |shots| shots.to_string()),
            value: format::measured(result.value),
            origin: match result.origin.as_str() {
                "self" => "self-reported",
                other => other,
            },
        }
    };
    found.into_iter().take(RESULTS).map(row).collect()
}

fn ancestors(lineage: Option<&Lineage>) -> Vec<AncestorRow> {
    let chain = lineage.map_or(&[][..], |lineage| &lineage.licenses.chain);
    let row = |entry: &LineageEntry| AncestorRow {
        id: entry.id.clone(),
        href: match entry.state {
            LinkState::Known => links::named(RepoKind::Model, &entry.id),
            LinkState::Missing | LinkState::Cycle => None,
        },
        depth: entry.depth.min(6),
        relation: entry.relation.map_or("", |relation| relation.as_str()),
        license: entry
            .license_title
            .clone()
            .or_else(|| entry.license_name.clone())
            .or_else(|| entry.license.clone())
            .unwrap_or_default(),
        state: match entry.state {
            LinkState::Known => "",
            LinkState::Missing => "not on this hub",
            LinkState::Cycle => "a circle",
        },
        obligations: entry.obligations.iter().map(|one| one.text.clone()).collect(),
    };
    chain.iter().take(ANCESTORS).map(row).collect()
}

fn conflicts(lineage: &Lineage) -> Vec<String> {
    let found = lineage.licenses.conflicts.iter().take(6);
    found
        .map(|conflict| format!("{} ← {}: {}", conflict.child, conflict.ancestor, conflict.because))
        .collect()
}

fn family(lineage: &Lineage, row: &RepoRow) -> Vec<FamilyLink> {
    let count = &lineage.children;
    let kinds = [
        ("Fine-tunes", "finetune", count.finetune),
        ("Adapters", "adapter", count.adapter),
        ("Quantizations", "quantized", count.quantized),
        ("Merges", "merge", count.merge),
    ];
    let link = |(label, relation, count): (&'static str, &str, i64)| FamilyLink {
        label,
        count: format::full(u64::try_from(count).unwrap_or(0)),
        href: format!(
            "/models{}",
            links::query(&[("filter", &format!("base_model:{relation}:{}", row.repo))])
        ),
    };
    kinds.into_iter().filter(|(_, _, count)| *count > 0).map(link).collect()
}

/// The page for programs that read: the facts, then the card as it was written.
async fn text(
    visit: &Visit,
    row: &RepoRow,
    snapshot: Option<&Snapshot>,
) -> Result<Response, ApiError> {
    let known = Known::gather(visit, row).await?;
    let mut text = format!("# {} ({})\n\n", row.repo, row.kind);
    text.push_str(&facts::as_markdown(&known.column));
    text.push_str(&format!(
        "- Downloads in 30 days: {}\n- Likes: {}\n- Updated: {}\n",
        known.usage.stats.downloads_30d,
        known.usage.stats.likes,
        format::date(row.last_modified),
    ));
    if let Some(lineage) = &known.lineage {
        if lineage.path.len() > 1 {
            text.push_str(&format!("- Made from: {}\n", lineage.path[1..].join(" ← ")));
        }
        if let Some(newest) = &lineage.newest_version {
            text.push_str(&format!("- Newer version: {}\n", hits::escape_cell(newest)));
        }
    }
    let results = results(visit.hub.results_of(row).await?);
    if !results.is_empty() {
        text.push_str(
            "\n| dataset | detail | metric | shots | value | origin |\n|---|---|---|--:|--:|---|\n",
        );
    }
    for result in results {
        let cells = [result.dataset, result.detail, result.metric, result.shots, result.value];
        let cells: Vec<String> = cells.iter().map(|cell| hits::escape_cell(cell)).collect();
        text.push_str(&format!("| {} | {} |\n", cells.join(" | "), result.origin));
    }
    let readme = snapshot.map(readme).transpose()?.flatten();
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
