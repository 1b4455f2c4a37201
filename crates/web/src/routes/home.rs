//! The front page: search first, then what is used and what is new.

use askama::Template;
use axum::response::Response;
use steelyard_core::RepoKind;
use steelyard_http::ApiError;
use steelyard_service::Result;
use steelyard_service::discovery::{Found, SearchRequest, Sort};

use crate::frame::{Frame, Visit};
use crate::hits::{self, HitRow};
use crate::{format, respond};

/// Rows of each table.
const MODELS: usize = 8;
const OTHERS: usize = 5;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    counts: Vec<(RepoKind, String)>,
    /// The reader's own, of every kind.
    yours: Vec<HitRow>,
    trending: Vec<HitRow>,
    recent: Vec<HitRow>,
    datasets: Vec<HitRow>,
    spaces: Vec<HitRow>,
}

pub(super) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let found = async |kind, sort, limit, with_total| {
        let request = SearchRequest {
            kinds: vec![kind],
            sort,
            limit,
            with_total,
            ..SearchRequest::default()
        };
        visit.hub.search(&visit.actor, request).await
    };
    let trending = found(RepoKind::Model, Sort::Trending, MODELS, true).await?;
    let recent = found(RepoKind::Model, Sort::LastModified, MODELS, false).await?;
    let datasets = found(RepoKind::Dataset, Sort::Trending, OTHERS, true).await?;
    let spaces = found(RepoKind::Space, Sort::Trending, OTHERS, true).await?;
    let yours = match visit.actor.user() {
        Some(user) => own(&visit, &user.name).await?,
        None => Vec::new(),
    };
    let total = |found: &Found| format::full(found.total.unwrap_or_default());
    let page = HomePage {
        counts: vec![
            (RepoKind::Model, total(&trending)),
            (RepoKind::Dataset, total(&datasets)),
            (RepoKind::Space, total(&spaces)),
        ],
        yours,
        trending: hits::rows(&visit, &trending.repos),
        recent: hits::rows(&visit, &recent.repos),
        datasets: hits::rows(&visit, &datasets.repos),
        spaces: hits::rows(&visit, &spaces.repos),
        frame: visit.frame.clone().markdown("/index.md".to_owned()),
    };
    if visit.as_markdown || visit.uri.path().ends_with(".md") {
        return Ok(respond::markdown(page.as_markdown()));
    }
    Ok(respond::page(&page)?)
}

async fn own(visit: &Visit, name: &str) -> Result<Vec<HitRow>> {
    let request = SearchRequest {
        kinds: RepoKind::ALL.to_vec(),
        author: Some(name.to_owned()),
        sort: Sort::LastModified,
        limit: OTHERS,
        ..SearchRequest::default()
    };
    let found = visit.hub.search(&visit.actor, request).await?;
    Ok(hits::rows(visit, &found.repos))
}

impl HomePage {
    fn as_markdown(&self) -> String {
        let mut text = String::from("# Steelyard\n\n");
        for (kind, count) in &self.counts {
            text.push_str(&format!("- [{count} {}](/{}.md)\n", kind.plural(), kind.plural()));
        }
        let tables = [
            ("Yours", &self.yours),
            ("Trending models", &self.trending),
            ("Recently updated models", &self.recent),
            ("Datasets", &self.datasets),
            ("Spaces", &self.spaces),
        ];
        for (title, rows) in
            tables.into_iter().filter(|(title, rows)| *title != "Yours" || !rows.is_empty())
        {
            text.push_str(&format!("\n## {title}\n\n{}", hits::as_markdown(rows)));
        }
        text
    }
}
