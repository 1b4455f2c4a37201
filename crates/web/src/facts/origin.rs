//! Where a repository comes from, and what was measured of it.

use steelyard_card::license::{LineageEntry, LinkState};
use steelyard_core::RepoKind;
use steelyard_service::discovery::{Lineage, Reported};

use super::{Line, WORDS};
use crate::{format, links};

/// Results that the column shows.
const RESULTS: usize = 4;

/// The models that one was made from, then the way up from the first of them to a root, each with how the one below it was
/// made from it.
pub(super) fn ancestry(lineage: &Lineage) -> Vec<Line> {
    let is_above = |entry: &&LineageEntry| entry.depth > 1 && lineage.path.contains(&entry.id);
    let above = lineage.licenses.chain.iter().filter(is_above).take(WORDS);
    let above = above.map(|entry| {
        let line = base(entry);
        Line { text: format!("← {}", line.text), ..line }
    });
    bases(lineage).into_iter().chain(above).collect()
}

/// The models that one was made from directly.
pub(crate) fn bases(lineage: &Lineage) -> Vec<Line> {
    let direct = lineage.licenses.chain.iter().filter(|entry| entry.depth == 1);
    direct.take(WORDS).map(base).collect()
}

fn base(entry: &LineageEntry) -> Line {
    let line = Line {
        text: entry.id.clone(),
        href: match entry.state {
            LinkState::Known => links::named(RepoKind::Model, &entry.id),
            LinkState::Missing | LinkState::Cycle => None,
        },
        ..Line::default()
    };
    match entry.relation {
        Some(relation) => line.figure(relation.as_str()),
        None => line,
    }
}

/// What the repository itself reports: the first result on each of the first data sets.
pub(super) fn measured(results: &[Reported]) -> Vec<Line> {
    let mut seen: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for Reported { result, .. } in results.iter().filter(|one| one.pull_request.is_none()) {
        if seen.contains(&result.dataset.as_str()) || lines.len() >= RESULTS {
            continue;
        }
        seen.push(&result.dataset);
        let dataset = result.dataset_name.as_ref().unwrap_or(&result.dataset);
        let metric = result.metric_name.as_ref().unwrap_or(&result.metric);
        let text = format!("{dataset} · {metric}");
        lines.push(Line::link(text, "#results").figure(format::measured(result.value)));
    }
    if !lines.is_empty() && results.len() > lines.len() {
        lines.push(Line::link(format!("All {}", results.len()), "#results"));
    }
    lines
}
