//! Lists of repositories. The structured query is the one state of such a page: every facet is a link that puts a term into
//! it or takes it out, so that an address says what a person would have typed.

use askama::Template;
use axum::response::Response;
use steelyard_core::RepoKind;
use steelyard_http::{ApiError, Params, listing_request};
use steelyard_service::discovery::query::{Query, Term};
use steelyard_service::discovery::{Facet, FacetCount, Found, Sort};
use steelyard_service::{Error, Result};

use crate::frame::{Frame, Visit};
use crate::hits::{self, HitRow};
use crate::{format, links, respond};

/// Repositories on a page.
const PAGE: usize = 30;
/// Words shown of a facet.
const WORDS: usize = 12;
/// Pages that a reader may ask for at once.
const LIMIT_MAX: usize = 100;

/// A vocabulary beside the list.
#[derive(Debug)]
pub(super) struct FacetBox {
    pub(super) title: &'static str,
    pub(super) is_open: bool,
    pub(super) words: Vec<FacetWord>,
}

/// A word of it: a link that adds it to the query, or takes it out.
#[derive(Debug)]
pub(super) struct FacetWord {
    pub(super) label: String,
    pub(super) count: String,
    pub(super) href: String,
    pub(super) is_chosen: bool,
}

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
    /// The query as it was understood, and other conditions of the address, each with the address without it.
    chips: Vec<(String, String)>,
    facets: Vec<FacetBox>,
    sorts: Vec<SortLink>,
    rows: Vec<HitRow>,
    next: Option<String>,
    first: Option<String>,
    /// Other parameters than the query, which a new search keeps.
    kept: Vec<(String, String)>,
}

pub(super) async fn page(kind: RepoKind, visit: Visit) -> Result<Response, ApiError> {
    let mut request = listing_request(kind, &visit.params)?;
    request.limit = match visit.params.get("limit") {
        Some(_) => request.limit.min(LIMIT_MAX),
        None => PAGE,
    };
    request.with_total = true;
    request.facets = facets_of(kind).iter().map(|(facet, _, _)| (*facet, WORDS)).collect();
    if visit.params.get("sort").is_none_or(str::is_empty) && !request.query.words.is_empty() {
        request.sort = Sort::Relevance;
    }
    let (query, sort) = (request.query.clone(), request.sort);
    let found = visit.hub.search_words(&visit.actor, request).await?;
    let page = ListPage::new(kind, &visit, &query, sort, &found);
    if visit.as_markdown || visit.uri.path().ends_with(".md") {
        return Ok(respond::markdown(page.as_markdown()));
    }
    Ok(respond::page(&page)?)
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
            chips: chips(&place, query),
            facets: facet_boxes(&place, query, &found.facets, kind),
            sorts: sorts(&place, sort, !query.words.is_empty(), kind),
            rows: hits::rows(visit, &found.repos),
            next: cursor.map(|cursor| place.with(&[("cursor", &cursor)])),
            first: visit.params.get("cursor").map(|_| place.with(&[("cursor", "")])),
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

/// The facets of a kind: vocabulary, title, whether it is open at first.
fn facets_of(kind: RepoKind) -> &'static [(Facet, &'static str, bool)] {
    match kind {
        RepoKind::Model | RepoKind::Kernel => &[
            (Facet::Task, "Task", true),
            (Facet::Library, "Library", true),
            (Facet::License, "Licence", true),
            (Facet::Format, "Format", false),
            (Facet::Quantization, "Quantization", false),
            (Facet::Architecture, "Architecture", false),
            (Facet::Language, "Language", false),
            (Facet::Dataset, "Trained on", false),
            (Facet::App, "Runs in", false),
        ],
        RepoKind::Dataset => &[
            (Facet::Task, "Task", true),
            (Facet::Modality, "Modality", true),
            (Facet::SizeCategory, "Rows", true),
            (Facet::Format, "Format", false),
            (Facet::Language, "Language", false),
            (Facet::License, "Licence", true),
        ],
        RepoKind::Space => &[(Facet::Sdk, "Built with", true), (Facet::License, "Licence", true)],
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

fn facet_boxes(
    place: &Place<'_>,
    query: &Query,
    counted: &[(Facet, Vec<FacetCount>)],
    kind: RepoKind,
) -> Vec<FacetBox> {
    let boxes = facets_of(kind).iter().map(|(facet, title, is_open)| {
        let counts = counted.iter().find(|(one, _)| one == facet).map(|(_, counts)| counts);
        let words: Vec<FacetWord> = counts
            .into_iter()
            .flatten()
            .map(|one| {
                let (text, is_chosen) = toggled(query, *facet, &one.word);
                FacetWord {
                    label: label(*facet, &one.word),
                    count: format::short(one.count),
                    href: place.with(&[("q", &text)]),
                    is_chosen,
                }
            })
            .collect();
        let is_open = *is_open || words.iter().any(|word| word.is_chosen);
        FacetBox { title, is_open, words }
    });
    boxes.filter(|one| !one.words.is_empty()).collect()
}

/// The query with this term, or without it where it has it; and whether it has it.
fn toggled(query: &Query, facet: Facet, word: &str) -> (String, bool) {
    let wanted = links::term(facet, word);
    let is_it = |term: &Term| !term.is_negated && term.condition == wanted.condition;
    let mut changed = query.clone();
    let is_chosen = query.terms.iter().any(is_it);
    if is_chosen {
        changed.terms.retain(|term| !is_it(term));
    } else {
        changed.terms.push(wanted);
    }
    (changed.to_text(), is_chosen)
}

fn label(facet: Facet, word: &str) -> String {
    match facet {
        Facet::Task => hits::task_name(word),
        Facet::Library => hits::library_name(word),
        Facet::Language => hits::language_name(word),
        _ => word.to_owned(),
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
    let shape = ["q", "sort", "cursor", "limit", "direction"];
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
    let is_kept = |pair: &&(String, String)| pair.0 != "q" && pair.0 != "cursor";
    params.pairs().iter().filter(is_kept).cloned().collect()
}

/// Reads a structured query; what is wrong with it is told with the place.
pub(super) fn parse_query(text: &str) -> Result<Query> {
    Query::parse(text).map_err(Error::Query)
}

#[cfg(test)]
mod tests {
    use steelyard_service::discovery::query::Condition;

    use super::*;

    #[test]
    fn a_facet_is_a_term_that_comes_and_goes() {
        let query = parse_query("bert license:mit").unwrap();
        let (with, chosen) = toggled(&query, Facet::Task, "text-classification");
        assert_eq!((with.as_str(), chosen), ("bert license:mit task:text-classification", false));
        let (without, chosen) = toggled(&query, Facet::License, "mit");
        assert_eq!((without.as_str(), chosen), ("bert", true));
        let again = parse_query(&toggled(&query, Facet::Dataset, "a b:c,d").0).unwrap();
        assert_eq!(
            again.terms[1].condition,
            Condition::Word(Facet::Dataset, vec!["a b:c,d".into()])
        );
    }

    #[test]
    fn another_query_begins_at_the_first_page() {
        let params = Params::parse(b"q=a&cursor=00&sort=likes&author=x");
        let place = Place { path: "/models", params: &params };
        assert_eq!(place.with(&[("q", "b&c")]), "/models?sort=likes&author=x&q=b%26c");
        assert_eq!(place.without("author", "x"), "/models?q=a&sort=likes");
    }
}
