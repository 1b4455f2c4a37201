//! Lists of repositories. The structured query is the one state of such a page: every facet is a link that puts a term into
//! it or takes it out, so that an address says what a person would have typed.

mod facets;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use steelyard_core::RepoKind;
use steelyard_http::{ApiError, Params, listing_request};
use steelyard_service::discovery::query::{Query, QueryError};
use steelyard_service::discovery::{Found, SearchRequest, Sort};
use steelyard_service::{Error, Result};

use self::facets::FacetBox;
use super::change::made_at;
use crate::frame::{Frame, Visit};
use crate::hits::{self, HitRow};
use crate::{format, links, respond};

pub(crate) use facets::Counted;

/// Repositories on a page.
const PAGE: usize = 30;
/// Pages that a reader may ask for at once.
const LIMIT_MAX: usize = 100;

/// An order.
pub(super) struct SortLink {
    label: &'static str,
    href: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage {
    frame: Frame,
    kind: RepoKind,
    title: &'static str,
    total: String,
    all_words: bool,
    slip: Option<Slip>,
    /// The query as it was understood, and other conditions of the address, each with the address without it.
    chips: Vec<(String, String)>,
    facets: Vec<FacetBox>,
    sorts: Vec<SortLink>,
    rows: Vec<HitRow>,
    next: Option<String>,
    first: Option<String>,
    /// Where one is made.
    make: Option<&'static str>,
    /// Other parameters than the query, which a new search keeps.
    kept: Vec<(String, String)>,
}

/// What is wrong with a query, and where.
pub(super) struct Slip {
    pub(super) message: String,
    /// The query with a line below it that points to the place.
    pub(super) pointing: String,
    pub(super) hint: Option<String>,
}

impl Slip {
    pub(super) fn of(wrong: &QueryError, text: &str) -> Self {
        Self {
            message: wrong.message.clone(),
            pointing: wrong.pointing(text),
            hint: wrong.hint.clone(),
        }
    }
}

pub(super) async fn page(kind: RepoKind, visit: Visit) -> Result<Response, ApiError> {
    let as_markdown = visit.as_markdown || visit.uri.path().ends_with(".md");
    let (mut request, slip) = asked(kind, &visit, !as_markdown)?;
    request.limit = match visit.params.get("limit") {
        Some(_) => request.limit.min(LIMIT_MAX),
        None => PAGE,
    };
    request.with_total = true;
    request.facets = facets::wanted(kind, &visit.params);
    if visit.params.get("sort").is_none_or(str::is_empty) && !request.query.words.is_empty() {
        request.sort = Sort::Relevance;
    }
    let mut found = visit.hub.search_words(&visit.actor, request.clone()).await?;
    facets::widen(&visit, &request, &mut found).await?;
    let mut page = ListPage::new(kind, &visit, &request.query, request.sort, &found);
    if as_markdown {
        return Ok(respond::markdown(page.as_markdown()));
    }
    let status = if slip.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    page.slip = slip;
    Ok(respond::page_with(status, &page)?)
}

/// What the address asks for. To a person a slip in the query is told above the list that is found without it.
fn asked(kind: RepoKind, visit: &Visit, is_page: bool) -> Result<(SearchRequest, Option<Slip>)> {
    let params = visit.params.without(facets::MORE);
    match listing_request(kind, &params) {
        Err(Error::Query(wrong)) if is_page && visit.is_browser => {
            let slip = Slip::of(&wrong, &visit.frame.query);
            Ok((listing_request(kind, &params.without("q").without("cursor"))?, Some(slip)))
        }
        read => Ok((read?, None)),
    }
}

impl ListPage {
    fn new(kind: RepoKind, visit: &Visit, query: &Query, sort: Sort, found: &Found) -> Self {
        let path = format!("/{}", kind.plural());
        let place = Place { path: &path, params: &visit.params };
        let cursor = found.next.as_ref().map(|next| next.encode());
        Self {
            title: title(kind),
            total: format::full(found.total.unwrap_or_default()),
            all_words: found.all_words,
            slip: None,
            chips: chips(&place, query),
            facets: facets::boxes(&place, query, &found.facets, kind),
            sorts: sorts(&place, sort, !query.words.is_empty(), kind),
            rows: hits::rows(visit, &found.repos),
            next: cursor.map(|cursor| place.with(&[("cursor", &cursor)])),
            first: visit.params.get("cursor").map(|_| place.with(&[("cursor", "")])),
            make: made_at(kind),
            kept: kept(&visit.params),
            frame: visit
                .frame
                .clone()
                .section(kind.plural())
                .markdown(Place { path: &format!("{path}.md"), params: &visit.params }.with(&[])),
            kind,
        }
    }

    fn as_markdown(&self) -> String {
        let mut text = format!("# {}\n\n{} in all", self.title, self.total);
        if !self.frame.query.is_empty() {
            text.push_str(&format!(", query `{}`", self.frame.query.replace('`', "'")));
        }
        text.push_str(&format!("\n\n{}", hits::as_markdown(&self.rows)));
        if let Some(next) = &self.next {
            text.push_str(&format!("\n[next page]({next})\n"));
        }
        text
    }
}

/// A page's address, to make others from.
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    pub(super) params: &'a Params,
}

impl Place<'_> {
    /// The address with these parameters instead; empty ones are left out. Another query or order begins at the first page.
    pub(super) fn with(&self, changes: &[(&str, &str)]) -> String {
        let is_changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for (name, value) in self.params.pairs() {
            if !is_changed(name) && name != "cursor" {
                pairs.push((name, value));
            }
        }
        pairs.extend(changes);
        format!("{}{}", self.path, links::query(&pairs))
    }

    /// The address without one of its pairs.
    fn without(&self, name: &str, value: &str) -> String {
        let is_other =
            |(key, held): &&(String, String)| !(key == name && held == value) && key != "cursor";
        let pairs = self.params.pairs().iter().filter(is_other);
        let pairs: Vec<(&str, &str)> = pairs.map(|(key, held)| (&**key, &**held)).collect();
        format!("{}{}", self.path, links::query(&pairs))
    }
}

fn title(kind: RepoKind) -> &'static str {
    match kind {
        RepoKind::Model => "Models",
        RepoKind::Dataset => "Datasets",
        RepoKind::Space => "Spaces",
        RepoKind::Kernel => "Kernels",
    }
}

/// What narrows the list, each with the address that takes it back.
fn chips(place: &Place<'_>, query: &Query) -> Vec<(String, String)> {
    let mut chips = Vec::new();
    for (at, word) in query.words.iter().enumerate() {
        let mut rest = query.clone();
        rest.words.remove(at);
        chips.push((format!("“{word}”"), place.with(&[("q", &rest.to_text())])));
    }
    for (at, term) in query.terms.iter().enumerate() {
        let mut rest = query.clone();
        rest.terms.remove(at);
        let one = Query { words: Vec::new(), terms: vec![term.clone()] };
        chips.push((one.to_text(), place.with(&[("q", &rest.to_text())])));
    }
    let shape = ["q", "sort", "cursor", "limit", "direction", facets::MORE];
    for (name, value) in place.params.pairs() {
        if !shape.contains(&name.as_str()) && !value.is_empty() {
            chips.push((format!("{name}: {value}"), place.without(name, value)));
        }
    }
    chips
}

fn sorts(place: &Place<'_>, chosen: Sort, has_words: bool, kind: RepoKind) -> Vec<SortLink> {
    let mut all = vec![
        (Sort::Trending, "Trending", "trendingScore"),
        (Sort::Downloads, "Downloads", "downloads"),
        (Sort::Likes, "Likes", "likes"),
        (Sort::LastModified, "Updated", "lastModified"),
        (Sort::CreatedAt, "Created", "createdAt"),
    ];
    if has_words {
        all.insert(0, (Sort::Relevance, "Best match", "relevance"));
    }
    // Nobody downloads a Space.
    all.retain(|(sort, _, _)| kind != RepoKind::Space || *sort != Sort::Downloads);
    let link = |(sort, label, name): (Sort, &'static str, &str)| SortLink {
        label,
        href: place.with(&[("sort", name)]),
        is_chosen: sort == chosen,
    };
    all.into_iter().map(link).collect()
}

/// What a new query keeps of the address.
fn kept(params: &Params) -> Vec<(String, String)> {
    let is_kept =
        |pair: &&(String, String)| !["q", "cursor", facets::MORE].contains(&pair.0.as_str());
    params.pairs().iter().filter(is_kept).cloned().collect()
}

/// Reads a structured query; what is wrong with it is told with the place.
pub(super) fn parse_query(text: &str) -> Result<Query> {
    Query::parse(text).map_err(Error::Query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_query_begins_at_the_first_page() {
        let params = Params::parse(b"q=a&cursor=00&sort=likes&author=x");
        let place = Place { path: "/models", params: &params };
        assert_eq!(place.with(&[("q", "b&c")]), "/models?sort=likes&author=x&q=b%26c");
        assert_eq!(place.without("author", "x"), "/models?q=a&sort=likes");
    }
}
