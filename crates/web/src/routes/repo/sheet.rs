//! What a repository's page says beside its counters: gathered once, and kept while nothing has happened on the hub.
//!
//! The position in the log of events is asked for before anything is read. A sheet that was gathered after the same position
//! is as good as one gathered now (`service/src/discovery/position.rs`); the repository itself and the right to see it
//! are asked for each time.

use std::sync::Arc;

use steelyard_card::license::{LineageEntry, LinkState};
use steelyard_card::report;
use steelyard_card::snippets::Snippet;
use steelyard_card::{Facts, front_matter};
use steelyard_core::{Oid, RepoKind};
use steelyard_service::Result;
use steelyard_service::discovery::query::Query;
use steelyard_service::discovery::{
    Facet, FoundRepo, Lineage, Reported, SearchRequest, Sort, weight_faults,
};
use steelyard_service::repos::RepoRow;
use steelyard_service::revisions::{Content, Snapshot};

use super::super::chat::is_talked_to;
use super::super::leaderboard::Said;
use crate::examples::{self, Example};
use crate::facts::{self, Fact, Sources};
use crate::frame::Visit;
use crate::markdown::{Place, Rendered};
use crate::{chart, format, links};

/// Results and ancestors that are shown.
const RESULTS: usize = 60;
const ANCESTORS: usize = 30;
/// Spaces, models of a data set, and tags that are shown.
const SPACES: usize = 6;
const TAGS: usize = 60;
/// About how much memory a sheet takes beside its texts.
const SHEET_BYTES: usize = 8 * 1024;

/// One result of an evaluation.
pub(super) struct ResultRow {
    pub(super) dataset: String,
    pub(super) href: Option<String>,
    pub(super) detail: String,
    pub(super) metric: String,
    pub(super) shots: String,
    pub(super) value: String,
    pub(super) origin: Said,
}

/// An ancestor, or the model itself.
pub(super) struct AncestorRow {
    pub(super) id: String,
    pub(super) href: Option<String>,
    pub(super) depth: u32,
    pub(super) relation: &'static str,
    pub(super) license: String,
    pub(super) state: &'static str,
    pub(super) obligations: Vec<String>,
}

pub(super) struct FamilyLink {
    pub(super) label: &'static str,
    pub(super) count: String,
    pub(super) href: String,
}

/// Models whose cards name a data set: how many, where they are listed, and those that are loaded most.
pub(super) struct Trained {
    pub(super) count: String,
    pub(super) href: String,
    pub(super) models: Vec<(String, String)>,
}

/// What is known of a repository and does not change without an event.
pub(crate) struct Sheet {
    /// The log's position before it was gathered, and the commit it speaks of.
    position: u64,
    commit: Option<Oid>,
    pub(super) facts: Vec<Fact>,
    pub(super) card: Option<Arc<Rendered>>,
    pub(super) card_problem: Option<String>,
    /// What is wrong with files of weights, and with what a dataset measures.
    pub(super) faults: Vec<String>,
    /// Examples that the card has, unless its text shows them itself.
    pub(super) examples: Vec<Example>,
    pub(super) score: Option<u8>,
    pub(super) beam: Option<String>,
    pub(super) newest: Option<(String, String)>,
    pub(super) results: Vec<ResultRow>,
    pub(super) ancestors: Vec<AncestorRow>,
    pub(super) conflicts: Vec<String>,
    pub(super) family: Vec<FamilyLink>,
    pub(super) spaces: Vec<(String, String)>,
    /// Models that name the data set.
    pub(super) trained: Option<Trained>,
    pub(super) snippets: Vec<Snippet>,
    pub(super) tags: Vec<String>,
    pub(super) disclaimer: &'static str,
}

impl Sheet {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let card = self.card.as_ref().map_or(0, |card| card.bytes());
        let code: usize = self.snippets.iter().map(|snippet| snippet.code.len()).sum();
        let examples: usize = self.examples.iter().map(Example::bytes).sum();
        SHEET_BYTES + card + code + examples
    }
}

/// The sheet of a repository that the visitor may see: the kept one, if it still holds.
pub(super) async fn of(
    visit: &Visit,
    position: u64,
    row: &RepoRow,
    snapshot: Option<&Snapshot>,
) -> Result<Arc<Sheet>> {
    let commit = snapshot.map(|snapshot| snapshot.commit);
    let key = visit.web.sheet_key(row.id, &visit.actor, &visit.origin);
    if let Some(kept) = visit.web.sheets().get(&key)
        && kept.position == position
        && kept.commit == commit
    {
        return Ok(kept);
    }
    let sheet = Arc::new(gather(visit, position, row, snapshot).await?);
    visit.web.sheets().insert(key, Arc::clone(&sheet));
    Ok(sheet)
}

async fn gather(
    visit: &Visit,
    position: u64,
    row: &RepoRow,
    snapshot: Option<&Snapshot>,
) -> Result<Sheet> {
    let (hub, actor) = (&visit.hub, &visit.actor);
    let known: Facts = serde_json::from_value(row.facts.clone()).unwrap_or_default();
    let weights = hub.weights_on_record(row).await?;
    let is_model = row.kind == RepoKind::Model;
    let lineage = if is_model { Some(hub.lineage(actor, &row.repo).await?) } else { None };
    let lineage = lineage.as_ref();
    let spaces = if is_model { hub.spaces_using(actor, &row.repo).await? } else { Vec::new() };
    let readme = snapshot.map(readme).transpose()?.flatten();
    let text = readme.as_ref().map_or("", |(_, text)| text);
    let snippets = match snapshot {
        Some(snapshot) if !is_empty(snapshot, text)? => {
            hub.snippets_at(snapshot, None, &visit.origin)?
        }
        _ => Vec::new(),
    };
    let reported = hub.results_of(row).await?;
    let (mut card, mut examples) = (None, Vec::new());
    if let (Some((oid, text)), Some(snapshot)) = (&readme, snapshot) {
        card = Some(rendered(visit, row, *oid, text, &snapshot.default_branch).await?);
        if !examples::are_in_text(front_matter::body(text)) {
            examples =
                examples::of(known.card_data.as_ref(), &place(row, &snapshot.default_branch));
        }
    }
    let has_template = known.tokenizer.as_ref().is_some_and(|one| one.chat_template.is_some())
        || weights["gguf"]["chat_template"].is_string();
    let sources =
        Sources { kind: row.kind, facts: &known, weights: &weights, lineage, results: &reported };
    let counted = |part: &str| weights[part]["total"].as_u64().filter(|total| *total > 0);
    let parameters = counted("safetensors").or_else(|| counted("gguf"));
    let newest = lineage.and_then(|lineage| lineage.newest_version.clone());
    let space = |id: &String| Some((id.clone(), links::named(RepoKind::Space, id)?));
    Ok(Sheet {
        position,
        commit: snapshot.map(|snapshot| snapshot.commit),
        facts: {
            let mut column = facts::column(&sources);
            let is_talked_to = || is_talked_to(&known, row.repo.name.as_str());
            if is_model && snapshot.is_some() && (has_template || is_talked_to()) {
                column.push(facts::chat(&links::repo(row.kind, &row.repo), has_template));
            }
            column
        },
        card,
        examples,
        score: readme.as_ref().map(|(_, text)| report::score(row.kind, text, &known)),
        beam: parameters.map(chart::beam),
        newest: newest.and_then(|id| Some((id.clone(), links::named(RepoKind::Model, &id)?))),
        results: results(&links::repo(row.kind, &row.repo), reported),
        ancestors: ancestors(lineage),
        conflicts: lineage.map(conflicts).unwrap_or_default(),
        family: lineage.map(|lineage| family(lineage, row)).unwrap_or_default(),
        spaces: spaces.iter().take(SPACES).filter_map(space).collect(),
        trained: trained(visit, row).await?,
        snippets,
        tags: known.tags.iter().take(TAGS).cloned().collect(),
        disclaimer: lineage.map_or("", |lineage| lineage.licenses.disclaimer),
        faults: faults(&weights, known.benchmark_problem),
        card_problem: known.card_problem,
    })
}

fn faults(weights: &serde_json::Value, of_benchmark: Option<String>) -> Vec<String> {
    weight_faults(weights).into_iter().chain(of_benchmark).collect()
}

/// Whether there is nothing to be loaded yet: no file but those that a repository begins with, and no words in its card.
fn is_empty(snapshot: &Snapshot, readme: &str) -> Result<bool> {
    Ok(super::is_bare(snapshot)? && front_matter::body(readme).trim().is_empty())
}

async fn trained(visit: &Visit, row: &RepoRow) -> Result<Option<Trained>> {
    if row.kind != RepoKind::Dataset {
        return Ok(None);
    }
    let id = row.repo.to_string();
    let request = SearchRequest {
        kinds: vec![RepoKind::Model],
        query: Query { words: Vec::new(), terms: vec![links::term(Facet::Dataset, &id)] },
        sort: Sort::Downloads,
        limit: SPACES,
        with_total: true,
        ..SearchRequest::default()
    };
    let found = visit.hub.search(&visit.actor, request).await?;
    let model =
        |one: &FoundRepo| (one.row.repo.to_string(), links::repo(RepoKind::Model, &one.row.repo));
    Ok((!found.repos.is_empty()).then(|| Trained {
        count: format::full(found.total.unwrap_or_default()),
        href: links::listed(RepoKind::Model, Facet::Dataset, &id),
        models: found.repos.iter().map(model).collect(),
    }))
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

fn place(row: &RepoRow, revision: &str) -> Place {
    Place {
        base: links::repo(row.kind, &row.repo),
        revision: revision.to_owned(),
        folder: String::new(),
    }
}

async fn rendered(
    visit: &Visit,
    row: &RepoRow,
    oid: Oid,
    text: &str,
    revision: &str,
) -> Result<Arc<Rendered>> {
    visit.web.card(oid, text, place(row, revision)).await
}

fn results(base: &str, found: Vec<Reported>) -> Vec<ResultRow> {
    let row = |Reported { result, pull_request }: Reported| {
        let detail = [&result.config, &result.split].into_iter().flatten().cloned();
        let detail: Vec<String> = detail.collect();
        ResultRow {
            href: links::named(RepoKind::Dataset, &result.dataset),
            dataset: result.dataset_name.unwrap_or(result.dataset),
            detail: detail.join(" / "),
            metric: result.metric_name.unwrap_or(result.metric),
            shots: result.shots.map_or_else(String::new, |shots| shots.to_string()),
            value: format::measured(result.value),
            origin: Said::of(result.origin, pull_request, base),
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
