//! Search over everything: repositories of every kind, what cards say, users and organisations.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_core::RepoKind;
use steelyard_http::{ApiError, cursor};
use steelyard_service::discovery::query::{Condition, Query};
use steelyard_service::discovery::{SearchRequest, Sort};
use steelyard_service::{Error, Result};

use super::list::{Place, Slip, parse_query};
use crate::frame::{Frame, Visit};
use crate::hits::{self, HitRow};
use crate::{format, respond};

const PAGE: usize = 20;
/// Accounts and hits in cards that are shown.
const ACCOUNTS: usize = 6;
const TEXTS: usize = 5;

struct KindLink {
    label: &'static str,
    count: String,
    href: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    frame: Frame,
    slip: Option<Slip>,
    kinds: Vec<KindLink>,
    rows: Vec<HitRow>,
    all_words: bool,
    texts: Vec<HitRow>,
    /// Name, display name, whether it is an organisation.
    accounts: Vec<(String, String, bool)>,
    next: Option<String>,
    examples: &'static [(&'static str, &'static str)],
}

/// Queries to begin with, and what they ask.
const EXAMPLES: &[(&str, &str)] = &[
    ("task:text-classification lang:en size:<100MB", "English classifiers under 100 MB"),
    ("format:gguf quant:4bit size:<8GB", "Four-bit GGUF files that fit into 8 GB"),
    ("lineage:permissive params:1B..8B", "Free of obligations all the way down"),
    ("eval:mmlu.acc>0.7 context:>=32k", "A result and a context at least so long"),
    ("kind:dataset modality:audio rows:>=1M", "Audio datasets of a million rows"),
];

pub(super) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let as_markdown = visit.as_markdown || visit.uri.path().ends_with(".md");
    let (query, slip) = match parse_query(&visit.frame.query) {
        Err(Error::Query(wrong)) if visit.is_browser && !as_markdown => {
            (Query::default(), Some(Slip::of(&wrong, &visit.frame.query)))
        }
        read => (read?, None),
    };
    let kind = match visit.params.get("type") {
        None | Some("") => None,
        Some(text) => Some(kind_of(text)?),
    };
    let is_empty = query.words.is_empty() && query.terms.is_empty();
    let place = Place { path: "/search", params: &visit.params };
    let mut page = SearchPage {
        frame: visit
            .frame
            .clone()
            .markdown(Place { path: "/search.md", params: &visit.params }.with(&[])),
        slip,
        kinds: Vec::new(),
        rows: Vec::new(),
        all_words: true,
        texts: Vec::new(),
        accounts: Vec::new(),
        next: None,
        examples: EXAMPLES,
    };
    if !is_empty {
        fill(&visit, &place, &query, kind, &mut page).await?;
    }
    if as_markdown {
        return Ok(respond::markdown(page.as_markdown()));
    }
    let status = if page.slip.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(respond::page_with(status, &page)?)
}

fn kind_of(text: &str) -> Result<RepoKind> {
    let known = RepoKind::ALL.into_iter();
    let mut found = known.filter(|kind| kind.as_str() == text || kind.plural() == text);
    found.next().ok_or_else(|| Error::invalid("type", "must be model, dataset, space or kernel"))
}

async fn fill(
    visit: &Visit,
    place: &Place<'_>,
    query: &Query,
    kind: Option<RepoKind>,
    page: &mut SearchPage,
) -> Result<()> {
    let (hub, actor) = (&visit.hub, &visit.actor);
    let ask = |kinds: Vec<RepoKind>| SearchRequest {
        kinds,
        query: query.clone(),
        sort: Sort::Relevance,
        with_total: true,
        ..SearchRequest::default()
    };
    let names_kind = query.terms.iter().any(|term| matches!(term.condition, Condition::Kind(_)));
    let mut request = ask(kind.into_iter().collect());
    (request.limit, request.cursor) = (PAGE, cursor(&visit.params)?);
    let is_first = request.cursor.is_none();
    let found = hub.search_words(actor, request).await?;
    if !names_kind {
        let chosen = (kind, found.total.unwrap_or_default());
        page.kinds = kind_links(visit, place, chosen, &ask).await?;
    }
    page.rows = hits::rows(visit, &found.repos);
    page.all_words = found.all_words;
    page.next = found.next.map(|next| place.with(&[("cursor", &next.encode())]));
    let words = query.words.join(" ");
    if !words.is_empty() && is_first {
        let kinds: Vec<RepoKind> = kind.into_iter().collect();
        let texts = hub.search_text(actor, &words, &kinds, TEXTS, 0).await?;
        let excerpts: Vec<String> = texts.hits.iter().map(|hit| hit.snippets.join(" … ")).collect();
        let repos: Vec<_> = texts.hits.into_iter().map(|hit| hit.repo).collect();
        page.texts = hits::rows(visit, &repos);
        for (row, excerpt) in page.texts.iter_mut().zip(excerpts) {
            row.excerpt = Some(excerpt).filter(|excerpt| !excerpt.is_empty());
        }
        page.texts.retain(|row| row.excerpt.is_some());
        let quick = hub.quick_search(actor, &words, ACCOUNTS).await?;
        let orgs = quick.orgs.into_iter().map(|org| (org.name, org.full_name, true));
        let users = quick.users.into_iter().map(|user| (user.name, user.full_name, false));
        page.accounts = orgs.chain(users).take(ACCOUNTS).collect();
    }
    Ok(())
}

async fn kind_links(
    visit: &Visit,
    place: &Place<'_>,
    (chosen, total): (Option<RepoKind>, u64),
    ask: &impl Fn(Vec<RepoKind>) -> SearchRequest,
) -> Result<Vec<KindLink>> {
    let kinds = [
        (None, "Everything"),
        (Some(RepoKind::Model), "Models"),
        (Some(RepoKind::Dataset), "Datasets"),
        (Some(RepoKind::Space), "Spaces"),
    ];
    let mut links = Vec::with_capacity(kinds.len());
    for (kind, label) in kinds {
        let total = if kind == chosen {
            total
        } else {
            let request = SearchRequest { limit: 1, ..ask(kind.into_iter().collect()) };
            visit.hub.search_words(&visit.actor, request).await?.total.unwrap_or_default()
        };
        links.push(KindLink {
            label,
            count: format::full(total),
            href: place.with(&[("type", kind.map_or("", RepoKind::as_str))]),
            is_chosen: kind == chosen,
        });
    }
    Ok(links)
}

impl SearchPage {
    fn as_markdown(&self) -> String {
        let mut text = format!("# Search: `{}`\n\n", self.frame.query.replace('`', "'"));
        if self.frame.query.is_empty() {
            text.push_str("Ask with `?q=`; examples:\n\n");
            for (query, about) in self.examples {
                text.push_str(&format!("- `{query}`: {about}\n"));
            }
            return text;
        }
        text.push_str(&hits::as_markdown(&self.rows));
        for (name, full_name, _) in &self.accounts {
            text.push_str(&format!("\n- [{name}](/{name}) {}", hits::escape_cell(full_name)));
        }
        if let Some(next) = &self.next {
            text.push_str(&format!("\n[next page]({next})\n"));
        }
        text
    }
}
