//! The same answers by looking at every document.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use steelyard_core::{LicenseTraits, RepoKind};
use steelyard_index::query::{Bounds, Condition, LineageWanted, Number};
use steelyard_index::rank::{RankFacts, rank};
use steelyard_index::{
    Counters, Direction, Document, Facet, Linked, SearchRequest, Sort, TextHit, Viewer,
};

#[derive(Default, Clone)]
pub struct Naive {
    pub all: BTreeMap<i64, (Document, Counters)>,
}

fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

pub fn may_see(viewer: &Viewer, document: &Document) -> bool {
    match viewer {
        Viewer::All => true,
        Viewer::Everyone => !document.is_private,
        Viewer::Sees(owners) => !document.is_private || owners.contains(&document.owner_id),
    }
}

/// Models by lower-case id.
type Models<'a> = HashMap<String, &'a Document>;

/// A scan over documents.
struct Scan<'a> {
    models: Models<'a>,
    request: &'a SearchRequest,
}

impl<'a> Scan<'a> {
    fn model(&self, id: &str, viewer: &Viewer) -> Option<&'a Document> {
        self.models.get(&id.to_lowercase()).copied().filter(|model| may_see(viewer, model))
    }

    fn lineage(&self, document: &Document, viewer: &Viewer) -> LicenseTraits {
        let mut traits = document.license_traits;
        let mut seen = BTreeSet::from([document.repo_id]);
        let mut queue = vec![document];
        while let Some(one) = queue.pop() {
            for id in &one.base_models {
                match self.model(id, viewer) {
                    None => traits |= LicenseTraits::UNKNOWN_ANCESTOR,
                    Some(base) => {
                        traits |= base.license_traits;
                        if seen.insert(base.repo_id) {
                            queue.push(base);
                        }
                    }
                }
            }
        }
        traits
    }

    fn descends(&self, document: &Document, wanted: &[String], viewer: &Viewer) -> bool {
        let mut seen = BTreeSet::new();
        let mut queue = vec![document];
        while let Some(one) = queue.pop() {
            for id in &one.base_models {
                if wanted.iter().any(|wanted| same(wanted, id)) {
                    return true;
                }
                queue.extend(self.model(id, viewer).filter(|base| seen.insert(base.repo_id)));
            }
        }
        false
    }

    fn holds(&self, condition: &Condition, found: &(Document, Counters)) -> bool {
        let (document, counters) = found;
        let request = self.request;
        let within = |value: Option<u64>, bounds: &Bounds| {
            value.is_some_and(|value| bounds.contains(value as f64))
        };
        match condition {
            Condition::Word(facet, words) => words.iter().any(|word| {
                document.words.iter().any(|(one, other)| one == facet && same(word, other))
            }),
            Condition::Tag(tags) => {
                tags.iter().any(|tag| document.tags.iter().any(|other| same(tag, other)))
            }
            Condition::Author(names) => names.iter().any(|name| same(name, namespace(document))),
            Condition::Kind(kinds) => kinds.contains(&document.kind),
            Condition::NameContains(text) => {
                document.id.to_lowercase().contains(&text.to_lowercase())
            }
            Condition::Number(number, bounds) => match number {
                Number::SizeBytes => within(document.size_bytes, bounds),
                Number::Parameters => within(document.parameters, bounds),
                Number::ContextTokens => within(document.context_tokens.map(u64::from), bounds),
                Number::Downloads => within(Some(counters.downloads), bounds),
                Number::Likes => within(Some(counters.likes), bounds),
            },
            Condition::Bits(bounds) => {
                document.bits.iter().any(|bits| bounds.contains(f64::from(*bits)))
            }
            Condition::NewerThan(millis) => {
                document.created_at.millis() >= request.now.millis() - millis
            }
            Condition::CreatedSince(day) => document.created_at.secs() >= i64::from(*day) * 86_400,
            Condition::DescendsFrom(ids) => self.descends(document, ids, &request.viewer),
            Condition::Lineage(wanted) => {
                let traits = self.lineage(document, &request.viewer);
                match wanted {
                    LineageWanted::Permissive => traits.bits() == 0,
                    LineageWanted::Commercial => {
                        !["non-commercial", "unknown-terms", "undeclared", "unknown-ancestor"]
                            .iter()
                            .any(|word| traits.words().any(|other| other == *word))
                    }
                    LineageWanted::Has(one) => traits.contains(*one),
                }
            }
            Condition::Eval { dataset, metric, bounds } => document.evals.iter().any(|point| {
                point.datasets.contains(dataset)
                    && point.metrics.contains(metric)
                    && eval(metric, point.value, bounds)
            }),
            Condition::Gated(is_gated) => document.is_gated == *is_gated,
            Condition::HasSuccessor(has) => document.has_successor == *has,
            Condition::Any(conditions) => conditions.iter().any(|one| self.holds(one, found)),
        }
    }

    fn has_words(&self, document: &Document) -> bool {
        let id = document.id.to_lowercase();
        let is_found = |hit: &TextHit| hit.repo_id == document.repo_id;
        self.request.query.words.iter().all(|word| id.contains(&word.to_lowercase()))
            || self.request.text.iter().flatten().any(is_found)
    }

    fn matches(&self, found: &(Document, Counters)) -> bool {
        let request = self.request;
        let document = &found.0;
        let any = |ids: &[String], of: &[String]| {
            ids.iter().any(|id| of.iter().any(|other| same(id, other)))
        };
        may_see(&request.viewer, document)
            && self.has_words(document)
            && (request.kinds.is_empty() || request.kinds.contains(&document.kind))
            && request.tags.iter().all(|tag| document.tags.iter().any(|other| same(tag, other)))
            && request.author.as_ref().is_none_or(|author| same(author, namespace(document)))
            && request
                .name_contains
                .iter()
                .all(|text| document.id.to_lowercase().contains(&text.to_lowercase()))
            && request.conditions.iter().all(|condition| self.holds(condition, found))
            && request
                .query
                .terms
                .iter()
                .all(|term| self.holds(&term.condition, found) != term.is_negated)
            && request.linked.iter().all(|linked| match linked {
                Linked::Any => {
                    !document.linked_models.is_empty() || !document.linked_datasets.is_empty()
                }
                Linked::Models(ids) => any(ids, &document.linked_models),
                Linked::Datasets(ids) => any(ids, &document.linked_datasets),
            })
    }
}

impl Naive {
    /// All hits in order.
    pub fn hits(&self, request: &SearchRequest) -> Vec<i64> {
        let documents = self.all.values().map(|(document, _)| document);
        let models = documents
            .filter(|document| document.kind == RepoKind::Model)
            .map(|document| (document.id.to_lowercase(), document))
            .collect();
        let scan = Scan { models, request };
        let mut found: Vec<&(Document, Counters)> =
            self.all.values().filter(|found| scan.matches(found)).collect();
        found.sort_by(|left, right| {
            let order =
                compare(request.sort, left, right).then(left.0.repo_id.cmp(&right.0.repo_id));
            if request.direction == Direction::Descending { order.reverse() } else { order }
        });
        found.into_iter().map(|(document, _)| document.repo_id).collect()
    }

    pub fn facet(&self, hits: &[i64], facet: Facet, limit: usize) -> Vec<(String, u64)> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        for repo_id in hits {
            let words: BTreeSet<&String> = self.all[repo_id]
                .0
                .words
                .iter()
                .filter(|(one, _)| *one == facet)
                .map(|(_, word)| word)
                .collect();
            for word in words {
                *counts.entry(word.clone()).or_default() += 1;
            }
        }
        let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
        counts.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
        counts.truncate(limit);
        counts
    }
}

fn namespace(document: &Document) -> &str {
    document.id.split('/').next().unwrap()
}

/// Percentages of f1 and the like are fractions; written anew.
fn eval(metric: &str, value: f64, bounds: &Bounds) -> bool {
    let scale = |value: f64| if metric != "bleu" && value > 1.0 { value / 100.0 } else { value };
    let mut bounds = *bounds;
    bounds.min.iter_mut().chain(&mut bounds.max).for_each(|end| end.value = scale(end.value));
    !value.is_nan() && bounds.contains(scale(value))
}

fn compare(sort: Sort, left: &(Document, Counters), right: &(Document, Counters)) -> Ordering {
    let rank_of = |(document, counters): &(Document, Counters)| {
        rank(&RankFacts {
            counters: *counters,
            created_at: document.created_at,
            card_score: document.card_score,
            has_successor: document.has_successor,
        })
    };
    match sort {
        Sort::CreatedAt => left.0.created_at.cmp(&right.0.created_at),
        Sort::LastModified => left.0.last_modified.cmp(&right.0.last_modified),
        Sort::Downloads => left.1.downloads.cmp(&right.1.downloads),
        Sort::Likes => left.1.likes.cmp(&right.1.likes),
        Sort::Trending => left.1.trend.total_cmp(&right.1.trend),
        Sort::Relevance => rank_of(left).total_cmp(&rank_of(right)),
    }
}
