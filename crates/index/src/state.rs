//! Everything the index holds, and how a change of a repository goes through all of it.

use steelyard_core::RepoKind;

use crate::document::{Counters, Document};
use crate::evals::{self, Evals};
use crate::facets::FacetLists;
use crate::history::History;
use crate::lineage::Lineage;
use crate::names::Names;
use crate::orders::{LANES, Order, keys};
use crate::slots::Slots;
use crate::terms::{HAS_LINKS, Space, TERMS_MAX, Terms};

/// The parts; each knows nothing of the others.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) slots: Slots,
    pub(crate) terms: Terms,
    pub(crate) names: Names,
    pub(crate) orders: [Order; LANES],
    pub(crate) history: History,
    pub(crate) lineage: Lineage,
    pub(crate) evals: Evals,
    pub(crate) facets: FacetLists,
}

/// What of a slot others depend on.
#[derive(Debug, PartialEq)]
struct Kinship {
    name: (RepoKind, String),
    is_private: bool,
    traits: u16,
    bases: Vec<u32>,
}

impl State {
    /// Adds a repository or replaces what was known of it.
    pub(crate) fn put(&mut self, document: &Document) {
        let found = self.slots.find(document.repo_id);
        let before = found.map(|slot| (keys(&self.slots, slot), self.kinship(slot)));
        let slot = found.unwrap_or_else(|| self.slots.create(document.repo_id));
        let old_bases = if found.is_some() { self.base_slots(slot) } else { Vec::new() };
        self.fill(slot, document);
        self.record_order(slot, before.as_ref().map(|(keys, _)| keys));
        let kinship = self.kinship(slot);
        let before = before.map(|(_, kinship)| kinship);
        if before.as_ref() != Some(&kinship) {
            self.refresh_parents(&old_bases);
            self.refresh_parents(&self.base_slots(slot));
            self.refresh_parents(&[slot]);
            if let Some(Kinship { name: (kind, id), .. }) =
                before.filter(|before| before.name != kinship.name)
            {
                self.refresh_children_of(kind, &id);
            }
            self.refresh_descendants(slot);
        }
        self.tidy();
    }

    /// Adds a repository while nobody reads yet; [`Self::finish_loading`] does the rest for all at once.
    pub(crate) fn load(&mut self, document: &Document, counters: &Counters) {
        let slot = self
            .slots
            .find(document.repo_id)
            .unwrap_or_else(|| self.slots.create(document.repo_id));
        self.slots.set_counters(slot, counters);
        self.fill(slot, document);
    }

    /// Makes a readable index of what was loaded, as of `micros`.
    pub(crate) fn finish_loading(&mut self, micros: i64) {
        let universe = self.slots.universe();
        self.slots.settle();
        self.terms.settle(universe);
        self.names.settle(universe);
        self.evals.settle();
        self.orders = std::array::from_fn(|lane| Order::build(&self.slots, lane));
        self.history = History::starting_at(micros);
        self.load_lineage();
        self.facets.refresh(&mut self.terms);
    }

    /// Forgets a repository.
    pub(crate) fn remove(&mut self, repo_id: i64) {
        let Some(slot) = self.slots.find(repo_id) else { return };
        for (lane, key) in keys(&self.slots, slot).into_iter().enumerate() {
            self.orders[lane].remove(slot, repo_id, key);
        }
        let (kind, id) = (self.slots.kind(slot), self.slots.id(slot).to_owned());
        let bases = self.base_slots(slot);
        self.names.remove(slot, &id);
        self.set_terms(slot, Vec::new());
        self.slots.clear_id(slot);
        self.slots.free(slot);
        self.lineage.forget(slot);
        self.refresh_parents(&bases);
        self.refresh_children_of(kind, &id);
        self.tidy();
    }

    /// Takes new counters; repositories that are not here are passed over.
    pub(crate) fn set_counters(&mut self, repo_id: i64, counters: &Counters) {
        let Some(slot) = self.slots.find(repo_id) else { return };
        let before = keys(&self.slots, slot);
        self.slots.set_counters(slot, counters);
        self.record_order(slot, Some(&before));
        self.merge_orders();
    }

    fn fill(&mut self, slot: u32, document: &Document) {
        let universe = self.slots.universe();
        let is_named = self.slots.id(slot) == document.id && self.slots.kind(slot) == document.kind;
        if !is_named {
            if !self.slots.id(slot).is_empty() {
                let id = self.slots.id(slot).to_owned();
                self.names.remove(slot, &id);
                self.slots.clear_id(slot);
            }
            self.slots.set_id(slot, document.kind, &document.id);
            self.names.insert(slot, &document.id, universe);
        }
        self.slots.set_columns(slot, document);
        let terms = self.terms_of(document);
        self.set_terms(slot, terms);
        self.add_evals(slot, document);
    }

    fn terms_of(&mut self, document: &Document) -> Vec<u32> {
        let mut words: Vec<(Space, String)> = Vec::with_capacity(32);
        let mut add = |space: Space, word: &str| {
            if words.len() < TERMS_MAX && word.len() <= crate::terms::WORD_BYTES_MAX {
                words.push((space, word.to_owned()));
            }
        };
        if let Some((namespace, _)) = document.id.split_once('/') {
            add(Space::AUTHOR, namespace);
        }
        document.base_models.iter().for_each(|id| add(Space::BASE, id));
        document.words.iter().for_each(|(facet, word)| add(Space::facet(*facet), word));
        document.bits.iter().for_each(|bits| add(Space::BITS, &bits.to_string()));
        document.tags.iter().for_each(|tag| add(Space::TAG, tag));
        if !document.linked_models.is_empty() || !document.linked_datasets.is_empty() {
            add(Space::FLAG, HAS_LINKS);
        }
        document.linked_models.iter().for_each(|id| add(Space::LINKED_MODEL, id));
        document.linked_datasets.iter().for_each(|id| add(Space::LINKED_DATASET, id));
        for point in document.evals.iter().filter(|point| point.value.is_finite()) {
            for dataset in &point.datasets {
                point
                    .metrics
                    .iter()
                    .for_each(|metric| add(Space::EVAL, &evals::word(dataset, metric)));
            }
        }
        words.into_iter().map(|(space, word)| self.terms.intern(space, &word)).collect()
    }

    fn set_terms(&mut self, slot: u32, terms: Vec<u32>) {
        let old_evals: Vec<u32> = self
            .terms
            .of_slot(slot)
            .filter(|term| self.terms.space(*term) == Space::EVAL)
            .collect();
        for term in old_evals {
            self.evals.remove(term, slot);
        }
        let removed = self.terms.replace(slot, terms, self.slots.universe());
        self.terms.release_unused(&removed);
    }

    fn add_evals(&mut self, slot: u32, document: &Document) {
        for point in &document.evals {
            for dataset in &point.datasets {
                for metric in &point.metrics {
                    if let Some(term) = self.terms.find(Space::EVAL, &evals::word(dataset, metric))
                        && self.terms.slots_of_term(term).contains(slot)
                    {
                        self.evals.insert(term, slot, metric, point.value);
                    }
                }
            }
        }
    }

    fn record_order(&mut self, slot: u32, before: Option<&[u64; LANES]>) {
        let repo_id = self.slots.repo_ids[slot as usize];
        let after = keys(&self.slots, slot);
        if before.is_none() {
            self.history.created(slot);
        }
        for (lane, key) in after.into_iter().enumerate() {
            match before.map(|before| before[lane]) {
                None => self.orders[lane].create(slot, repo_id, key),
                Some(old) if old != key => {
                    self.orders[lane].change(slot, repo_id, old, key);
                    self.history.changed(lane, slot, old);
                }
                Some(_) => {}
            }
        }
    }

    fn kinship(&self, slot: u32) -> Kinship {
        Kinship {
            name: (self.slots.kind(slot), self.slots.id(slot).to_owned()),
            is_private: self.slots.private.contains(slot),
            traits: self.slots.traits[slot as usize].bits(),
            bases: self.base_terms(slot),
        }
    }

    fn tidy(&mut self) {
        self.merge_orders();
        if self.facets.changed(self.slots.len()) {
            self.facets.refresh(&mut self.terms);
        }
    }

    fn merge_orders(&mut self) {
        for (lane, order) in self.orders.iter_mut().enumerate() {
            if order.needs_merge() {
                order.merge(&self.slots, lane);
            }
        }
    }

    /// About how many bytes each part takes.
    pub(crate) fn bytes(&self) -> [(&'static str, usize); 7] {
        [
            ("columns", self.slots.bytes()),
            ("terms", self.terms.bytes()),
            ("names", self.names.bytes()),
            ("orders", self.orders.iter().map(Order::bytes).sum()),
            ("lineage", self.lineage.bytes()),
            ("evals", self.evals.bytes()),
            ("history", self.history.bytes()),
        ]
    }
}
