//! What models report of a dataset: a table for each way of measuring.

use askama::Template;
use axum::response::Response;
use steelyard_card::eval::Origin;
use steelyard_core::RepoKind;
use steelyard_http::{ApiError, Target};
use steelyard_service::discovery::{Rank, Ranking};
use steelyard_service::{Action, Result};

use super::repo::Head;
use crate::frame::{Frame, Visit};
use crate::{format, hits, links, respond};

/// Tables that are shown, and rows of each.
const TABLES: usize = 40;
const ROWS: usize = 100;

/// Who says so, and where it can be seen.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) href: Option<String>,
}

impl Said {
    /// Of a result of the repository at the address `base`.
    pub(super) fn of(origin: Origin, pull_request: Option<i64>, base: &str) -> Self {
        if let Some(number) = pull_request {
            let href = links::at(base, "tree", &format!("refs/pr/{number}"), ".eval_results");
            return Self { text: format!("proposed in #{number}"), href: Some(href) };
        }
        let text = match origin {
            Origin::SelfReported => "self-reported",
            Origin::Verified => "verified",
            Origin::ThirdParty => "third-party",
        };
        Self { text: text.to_owned(), href: None }
    }
}

struct Line {
    rank: u64,
    model: String,
    href: String,
    value: String,
    origin: Said,
    /// Who measured, and where it can be read, if it can be.
    source: Option<Said>,
    notes: Option<String>,
}

struct Table {
    metric: String,
    origin: String,
    /// Everything else of the way it was measured.
    measured: String,
    less_is_better: bool,
    /// What the reports do not tell.
    untold: String,
    lines: Vec<Line>,
    /// How many there are beyond those shown.
    more: usize,
}

impl Table {
    fn has_sources(&self) -> bool {
        self.lines.iter().any(|line| line.source.is_some())
    }

    fn has_notes(&self) -> bool {
        self.lines.iter().any(|line| line.notes.is_some())
    }
}

#[derive(Template)]
#[template(path = "leaderboard.html")]
struct LeaderboardPage {
    frame: Frame,
    head: Head,
    tables: Vec<Table>,
    /// Ways of measuring that are not shown.
    more: usize,
    roots_only: bool,
    is_truncated: bool,
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let (hub, actor) = (&visit.hub, &visit.actor);
    let row = hub.repo(actor, RepoKind::Dataset, &target.id, Action::ReadRepo).await?;
    let roots_only = visit.params.flag("base_model");
    let board = hub.leaderboard(actor, &row.repo, roots_only).await?;
    let more = board.rankings.len().saturating_sub(TABLES);
    let page = LeaderboardPage {
        frame: visit
            .frame
            .clone()
            .section(target.kind.plural())
            .markdown(format!("{}/leaderboard.md", links::repo(row.kind, &row.repo))),
        head: Head::of(&visit, &row, "main", "leaderboard").await?,
        tables: board.rankings.into_iter().take(TABLES).map(table).collect(),
        more,
        roots_only,
        is_truncated: board.is_truncated,
    };
    if visit.as_markdown || visit.uri.path().ends_with(".md") {
        return Ok(respond::markdown(page.as_markdown()));
    }
    Ok(respond::page(&page)?)
}

fn table(ranking: Ranking) -> Table {
    let Ranking { key, origin, less_is_better, ranks } = ranking;
    let mut measured = key.to_string();
    // "f1 on alice/bench, config x": the metric stands above, the dataset at the head of the page.
    let said = format!("{} on {}", key.metric, key.dataset);
    measured = measured.replacen(&said, "", 1).trim_start_matches(", ").to_owned();
    Table {
        origin: Said::of(origin, None, "").text,
        untold: key.untold().join(", "),
        metric: key.metric,
        measured,
        less_is_better,
        more: ranks.len().saturating_sub(ROWS),
        lines: ranks.into_iter().take(ROWS).map(line).collect(),
    }
}

fn line(rank: Rank) -> Line {
    let href = links::repo(RepoKind::Model, &rank.model);
    let source = rank.result.source;
    let named = source.name.or(source.org).or(source.user).or_else(|| source.url.clone());
    let is_address = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    Line {
        rank: rank.rank,
        model: rank.model.to_string(),
        value: format::measured(rank.result.value),
        origin: Said::of(rank.result.origin, rank.pull_request, &href),
        source: named.map(|text| Said { text, href: source.url.filter(is_address) }),
        notes: rank.result.notes,
        href,
    }
}

impl LeaderboardPage {
    fn as_markdown(&self) -> String {
        let mut text = format!("# What models report of {}\n", self.head.id());
        for table in &self.tables {
            let metric = hits::escape_cell(&table.metric);
            text.push_str(&format!("\n## {metric}, {}\n\n", table.origin));
            if !table.measured.is_empty() {
                text.push_str(&format!("{}\n\n", hits::escape_cell(&table.measured)));
            }
            if !table.untold.is_empty() {
                text.push_str(&format!("Not told: {}.\n\n", table.untold));
            }
            text.push_str(
                "| rank | model | value | origin | source | notes |\n|--:|---|--:|---|---|---|\n",
            );
            for line in &table.lines {
                let source = line.source.as_ref().map_or("", |said| said.text.as_str());
                let notes = line.notes.as_deref().unwrap_or_default();
                let cells = [line.model.as_str(), &line.value, &line.origin.text, source, notes];
                let cells: Vec<String> = cells.iter().map(|cell| hits::escape_cell(cell)).collect();
                text.push_str(&format!("| {} | {} |\n", line.rank, cells.join(" | ")));
            }
        }
        text
    }
}
