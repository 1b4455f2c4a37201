//! The card report: what is there, what is missing, what can be trusted, each with its evidence.

use askama::Template;
use axum::response::Response;
use steelyard_card::report::{CardReport, SectionState, SignalState};
use steelyard_core::Revision;
use steelyard_http::{ApiError, Target};
use steelyard_service::{Action, Result};

use super::repo::Head;
use crate::frame::{Frame, Visit};
use crate::respond;

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
        frame: visit.frame.clone().section(target.kind.plural()),
        head: Head::of(&visit, &row, "main", "report").await?,
        score,
        problem,
        sections: sections.into_iter().map(section).collect(),
        signals: signals.into_iter().map(signal).collect(),
        fixes: fixes.into_iter().map(|fix| (fix.title, fix.why, fix.patch)).collect(),
    };
    Ok(respond::page(&page)?)
}
