//! The card report: what is there, what is missing, what can be trusted, each with its evidence.

use askama::Template;
use axum::response::Response;
use steelyard_card::report::{CardReport, SectionState, SignalState};
use steelyard_core::Revision;
use steelyard_http::{ApiError, Target};
use steelyard_service::{Action, Result};

use super::repo::Head;
use crate::frame::{Frame, Visit};
use crate::{hits, links, respond};

struct SectionLine {
    title: &'static str,
    state: &'static str,
    tone: &'static str,
    words: usize,
    weight: u32,
}

struct SignalLine {
    title: &'static str,
    state: &'static str,
    tone: &'static str,
    evidence: Vec<String>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    frame: Frame,
    head: Head,
    score: u8,
    problem: Option<String>,
    sections: Vec<SectionLine>,
    signals: Vec<SignalLine>,
    /// Title, why, patch.
    fixes: Vec<(String, String, String)>,
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let row = visit.hub.repo(&visit.actor, target.kind, &target.id, Action::ReadRepo).await?;
    let revision = Revision::parse("HEAD")?;
    let report = visit.hub.card_report(&visit.actor, target.kind, &target.id, &revision).await?;
    let CardReport { score, sections, signals, fixes, problem } = report;
    let section = |section: steelyard_card::report::Section| {
        let (state, tone) = match section.state {
            SectionState::Present => ("written", "good"),
            SectionState::Placeholder => ("a placeholder", "mind"),
            SectionState::Empty => ("empty", "mind"),
            SectionState::Missing => ("missing", "bad"),
        };
        SectionLine {
            title: section.title,
            state,
            tone,
            words: section.words,
            weight: section.weight,
        }
    };
    let signal = |signal: steelyard_card::report::Signal| {
        let (state, tone) = match signal.state {
            SignalState::Yes => ("yes", "good"),
            SignalState::No => ("no", "bad"),
            _ => ("not known", "mind"),
        };
        let evidence = signal.evidence.into_iter().map(|one| match one.line {
            Some(line) => format!("{} (line {line})", one.text),
            None => one.text,
        });
        SignalLine { title: signal.title, state, tone, evidence: evidence.collect() }
    };
    let page = ReportPage {
        frame: visit
            .frame
            .clone()
            .section(target.kind.plural())
            .markdown(format!("{}/report.md", links::repo(row.kind, &row.repo))),
        head: Head::of(&visit, &row, "main", "report").await?,
        score,
        problem,
        sections: sections.into_iter().map(section).collect(),
        signals: signals.into_iter().map(signal).collect(),
        fixes: fixes.into_iter().map(|fix| (fix.title, fix.why, fix.patch)).collect(),
    };
    if visit.as_markdown || visit.uri.path().ends_with(".md") {
        return Ok(respond::markdown(page.as_markdown()));
    }
    Ok(respond::page(&page)?)
}

impl ReportPage {
    fn as_markdown(&self) -> String {
        let mut text = format!("# Report on {}: {} of 100\n\n", self.head.id(), self.score);
        if let Some(problem) = &self.problem {
            text.push_str(&format!("The metadata cannot be read: {problem}\n\n"));
        }
        text.push_str("| section | state | words | weight |\n|---|---|--:|--:|\n");
        for SectionLine { title, state, words, weight, .. } in &self.sections {
            text.push_str(&format!("| {title} | {state} | {words} | {weight} |\n"));
        }
        text.push_str("\n| question | answer | why |\n|---|---|---|\n");
        for SignalLine { title, state, evidence, .. } in &self.signals {
            let why = hits::escape_cell(&evidence.join("; "));
            text.push_str(&format!("| {title} | {state} | {why} |\n"));
        }
        for (title, why, patch) in &self.fixes {
            text.push_str(&format!("\n## {title}\n\n{why}\n\n{}", hits::fenced(patch, "diff")));
        }
        text
    }
}
