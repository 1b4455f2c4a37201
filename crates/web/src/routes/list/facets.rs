//! The vocabularies beside a list. A facet that the query narrows is counted as if it did not, so that its other words stay
//! to be chosen instead.

use std::sync::Arc;

use steelyard_core::RepoKind;
use steelyard_http::Params;
use steelyard_service::Result;
use steelyard_service::discovery::query::{Condition, Number, Query, Term};
use steelyard_service::discovery::{Facet, FacetCount, Found, SearchRequest, Sort};

use super::{Place, parse_query};
use crate::frame::Visit;
use crate::state::who;
use crate::{format, hits, links};

/// Words shown of a facet at first.
const WORDS: usize = 12;
/// The parameter that names the facet of which all words are shown.
pub(super) const MORE: &str = "more";
/// How many parameters a model has, and the term that asks for it.
const SIZES: [(&str, &str); 4] = [
    ("Under 1B", "params:<1B"),
    ("1B to 8B", "params:1B..8B"),
    ("8B to 70B", "params:8B..70B"),
    ("Over 70B", "params:>70B"),
];

/// A vocabulary beside the list.
#[derive(Debug)]
pub(super) struct FacetBox {
    /// Its name in addresses.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) is_open: bool,
    pub(super) words: Vec<FacetWord>,
    /// What leads to all of its words, or back to the first.
    pub(super) more: Option<(&'static str, String)>,
    /// There are more words than the list tells.
    pub(super) is_cut: bool,
}

/// A word of it: a link that asks for it, or takes it out of the query.
#[derive(Debug)]
pub(super) struct FacetWord {
    pub(super) label: String,
    /// Empty where nobody counted.
    pub(super) count: String,
    pub(super) href: String,
    pub(super) is_chosen: bool,
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

fn is_whole(params: &Params, facet: Facet) -> bool {
    params.all(MORE).contains(&facet.as_str())
}

/// What is to be counted for a list, and how many words of each.
pub(super) fn wanted(kind: RepoKind, params: &Params) -> Vec<(Facet, usize)> {
    let words = |facet| match facet {
        facet if is_whole(params, facet) => SearchRequest::FACET_WORDS_MAX,
        // Every other word may be the name of a class, which is not shown.
        Facet::Architecture => 2 * WORDS + 1,
        _ => WORDS + 1,
    };
    facets_of(kind).iter().map(|(facet, _, _)| (*facet, words(*facet))).collect()
}

/// Counts that are kept: whoever goes from word to word of a facet asks the same question each time.
pub(crate) struct Counted {
    /// The log's position before it was counted.
    position: u64,
    counts: Vec<FacetCount>,
}

impl Counted {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.counts.iter().map(|one| one.word.len() + size_of::<FacetCount>()).sum()
    }
}

/// The words of the only facet that a request asks for.
async fn counted(visit: &Visit, position: u64, request: SearchRequest) -> Result<Arc<Counted>> {
    let key = (who(&visit.actor), format!("{request:?}"));
    if let Some(kept) = visit.web.counts().get(&key)
        && kept.position == position
    {
        return Ok(kept);
    }
    let facet = visit.hub.search_words(&visit.actor, request).await?.facets.pop();
    let counts = facet.map(|(_, counts)| counts).unwrap_or_default();
    let counted = Arc::new(Counted { position, counts });
    visit.web.counts().insert(key, Arc::clone(&counted));
    Ok(counted)
}

/// Counts each facet that the query narrows without its own words. The words that are asked for stay, whatever their count.
pub(super) async fn widen(visit: &Visit, asked: &SearchRequest, found: &mut Found) -> Result<()> {
    let is_narrowed = |facet: &Facet| !chosen(&asked.query, *facet).is_empty();
    if !found.facets.iter().any(|(facet, _)| is_narrowed(facet)) {
        return Ok(());
    }
    let position = visit.hub.log_position().await?;
    for (facet, own) in &mut found.facets {
        let chosen = chosen(&asked.query, *facet);
        let words = asked.facets.iter().find(|(one, _)| one == facet).copied();
        let (Some(words), false) = (words, chosen.is_empty()) else { continue };
        let mut request = SearchRequest {
            facets: vec![words],
            sort: Sort::LastModified,
            limit: 0,
            cursor: None,
            with_total: false,
            ..asked.clone()
        };
        request.query.terms.retain(|term| !is_of(term, *facet));
        let mut counts = counted(visit, position, request).await?.counts.clone();
        for word in chosen {
            if !counts.iter().any(|one| one.word.eq_ignore_ascii_case(word)) {
                let known = own.iter().find(|one| one.word.eq_ignore_ascii_case(word));
                let none = FacetCount { word: word.to_owned(), count: 0 };
                counts.push(known.cloned().unwrap_or(none));
            }
        }
        *own = counts;
    }
    Ok(())
}

/// Whether a term asks for words of a facet.
fn is_of(term: &Term, facet: Facet) -> bool {
    !term.is_negated && matches!(term.condition, Condition::Word(of, _) if of == facet)
}

/// The words of a facet that a query asks for.
fn chosen(query: &Query, facet: Facet) -> Vec<&str> {
    let words = query.terms.iter().filter(|term| is_of(term, facet)).map(|term| &term.condition);
    let words = words.flat_map(|condition| match condition {
        Condition::Word(_, words) => words.as_slice(),
        _ => &[],
    });
    words.map(String::as_str).collect()
}

pub(super) fn boxes(
    place: &Place<'_>,
    query: &Query,
    counted: &[(Facet, Vec<FacetCount>)],
    kind: RepoKind,
) -> Vec<FacetBox> {
    let boxes = facets_of(kind).iter().filter_map(|(facet, title, is_open)| {
        let (_, counts) = counted.iter().find(|(one, _)| one == facet)?;
        Some(one_box(place, query, (*facet, counts), title, *is_open))
    });
    let mut boxes: Vec<FacetBox> = boxes.filter(|one| !one.words.is_empty()).collect();
    let sizes = sizes(place, query);
    if kind == RepoKind::Model && (!boxes.is_empty() || sizes.words.iter().any(|one| one.is_chosen))
    {
        boxes.insert(boxes.len().min(1), sizes);
    }
    boxes
}

fn one_box(
    place: &Place<'_>,
    query: &Query,
    (facet, counts): (Facet, &[FacetCount]),
    title: &'static str,
    is_open: bool,
) -> FacetBox {
    let is_whole = is_whole(place.params, facet);
    let words = counts.iter().map(|one| {
        let (text, is_chosen) = toggled(query, facet, &one.word);
        FacetWord {
            label: label(facet, &one.word),
            count: format::short(one.count),
            href: place.with(&[("q", &text)]),
            is_chosen,
        }
    });
    let is_shown = |one: &(&FacetCount, FacetWord)| {
        one.1.is_chosen || facet != Facet::Architecture || !is_class(&one.0.word)
    };
    let shown = counts.iter().zip(words).filter(is_shown).map(|(_, word)| word);
    let mut words: Vec<FacetWord> = shown.collect();
    let has_more = words.len() > WORDS;
    if !is_whole {
        let mut at = 0;
        words.retain(|word| {
            at += 1;
            at <= WORDS || word.is_chosen
        });
    }
    let name = facet.as_str();
    let leads = |to: &str| format!("{}#{name}", place.with(&[(MORE, to)]));
    FacetBox {
        name,
        title,
        is_open: is_open || is_whole || words.iter().any(|word| word.is_chosen),
        words,
        more: match is_whole {
            true => Some(("Show fewer", leads(""))),
            false => has_more.then(|| ("Show all", leads(name))),
        },
        is_cut: is_whole && counts.len() >= SearchRequest::FACET_WORDS_MAX,
    }
}

/// How many parameters: links, without counts.
fn sizes(place: &Place<'_>, query: &Query) -> FacetBox {
    let is_size = |term: &Term| {
        !term.is_negated && matches!(term.condition, Condition::Number(Number::Parameters, _))
    };
    let word = |(label, text): &(&str, &str)| {
        let wanted = parse_query(text).ok()?.terms.pop()?;
        let is_chosen =
            query.terms.iter().any(|term| is_size(term) && term.condition == wanted.condition);
        let mut changed = query.clone();
        changed.terms.retain(|term| !is_size(term));
        if !is_chosen {
            changed.terms.push(wanted);
        }
        let href = place.with(&[("q", &changed.to_text())]);
        Some(FacetWord { label: (*label).to_owned(), count: String::new(), href, is_chosen })
    };
    FacetBox {
        name: "parameters",
        title: "Parameters",
        is_open: true,
        words: SIZES.iter().filter_map(word).collect(),
        more: None,
        is_cut: false,
    }
}

/// The query that asks for this word and no other of the facet, or that asks for it no more; and whether it did.
fn toggled(query: &Query, facet: Facet, word: &str) -> (String, bool) {
    let is_it = |held: &str| held.eq_ignore_ascii_case(word);
    let is_chosen = chosen(query, facet).into_iter().any(is_it);
    let mut changed = query.clone();
    if !is_chosen {
        changed.terms.retain(|term| !is_of(term, facet));
        changed.terms.push(links::term(facet, word));
        return (changed.to_text(), false);
    }
    for term in changed.terms.iter_mut().filter(|term| is_of(term, facet)) {
        if let Condition::Word(_, words) = &mut term.condition {
            words.retain(|held| !is_it(held));
        }
    }
    let is_empty =
        |term: &Term| matches!(&term.condition, Condition::Word(_, words) if words.is_empty());
    changed.terms.retain(|term| !is_empty(term));
    (changed.to_text(), true)
}

/// Whether a word among the architectures is the name of a class, `bertformaskedlm`, beside the family, `bert`.
fn is_class(word: &str) -> bool {
    // "Former" is a part of many a family's name.
    let is_for = |(at, _): (usize, &str)| at > 0 && !word[at..].starts_with("former");
    word.ends_with("model") || word.match_indices("for").any(is_for)
}

fn label(facet: Facet, word: &str) -> String {
    match facet {
        Facet::Task => hits::task_name(word),
        Facet::Library => hits::library_name(word),
        Facet::Language => hits::language_name(word),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
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
    fn another_word_of_a_facet_takes_the_place_of_the_one_before() {
        let query = parse_query("license:mit,gemma -license:other lang:en").unwrap();
        let (switched, _) = toggled(&query, Facet::License, "apache-2.0");
        assert_eq!(switched, "-license:other lang:en license:apache-2.0");
        let (left, chosen) = toggled(&query, Facet::License, "gemma");
        assert_eq!((left.as_str(), chosen), ("license:mit -license:other lang:en", true));
    }

    #[test]
    fn sizes_take_each_others_place() {
        let params = Params::parse(b"q=params:1B..8B");
        let place = Place { path: "/models", params: &params };
        let query = parse_query("lang:en params:1B..8B").unwrap();
        let words = sizes(&place, &query).words;
        let hrefs: Vec<(&str, bool)> =
            words.iter().map(|word| (word.href.as_str(), word.is_chosen)).collect();
        assert_eq!(hrefs[0], ("/models?q=lang%3Aen+params%3A%3C1B", false));
        assert_eq!(hrefs[1], ("/models?q=lang%3Aen", true));
        assert_eq!(hrefs[3], ("/models?q=lang%3Aen+params%3A%3E70B", false));
    }

    #[test]
    fn classes_are_told_from_families() {
        for class in ["bertforsequenceclassification", "llamaforcausallm", "gpt2lmheadmodel"] {
            assert!(is_class(class), "{class}");
        }
        for family in ["bert", "segformer", "informer", "switch_transformers", "xlm", "mask2former"]
        {
            assert!(!is_class(family), "{family}");
        }
    }
}
