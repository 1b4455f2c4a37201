//! Who was made from whom, and what the licences of a whole lineage ask.
//!
//! The children of a model are the postings of its id in [`Space::BASE`], so a child may be known before its base.
//! What everyone may know of the licences of each lineage is kept, one bit set for each trait: own traits, those of
//! all public ancestors, and [`LicenseTraits::UNKNOWN_ANCESTOR`] where an ancestor is missing or private. When an
//! ancestor changes, its descendants are worked out again. For viewers who may see private repositories, only the
//! descendants of those differ, and are worked out when asked ([`State::private_lineage`]).

use std::collections::{HashSet, VecDeque};

use hashbrown::HashMap;
use steelyard_core::{LicenseTraits, RepoKind};

use crate::bitset::BitSet;
use crate::postings::View;
use crate::request::Viewer;
use crate::search::set::Set;
use crate::state::State;
use crate::terms::Space;

/// Whoever has more ancestors than this has an unknown one.
pub const ANCESTORS_MAX: usize = 256;
/// How many descendants of private repositories are worked out for one query.
const PRIVATE_DESCENDANTS_MAX: usize = 100_000;

/// What keeps a lineage from being used commercially, or from being known well enough.
pub(crate) const NOT_COMMERCIAL: [LicenseTraits; 4] = [
    LicenseTraits::NON_COMMERCIAL,
    LicenseTraits::UNKNOWN_TERMS,
    LicenseTraits::UNDECLARED,
    LicenseTraits::UNKNOWN_ANCESTOR,
];

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    /// By trait, in the order of [`LicenseTraits::NAMED`]: whose lineage has it, for everyone.
    traits: [BitSet; LicenseTraits::NAMED.len()],
    /// Whose lineage has any trait.
    any: BitSet,
    /// Whose lineage has any of [`NOT_COMMERCIAL`].
    not_commercial: BitSet,
    /// Models that some repository names as its base.
    parents: BitSet,
}

impl Lineage {
    /// Whose lineage has a trait, by its place in [`LicenseTraits::NAMED`].
    pub(crate) fn with(&self, index: usize) -> &BitSet {
        &self.traits[index]
    }

    pub(crate) fn any(&self) -> &BitSet {
        &self.any
    }

    pub(crate) fn not_commercial(&self) -> &BitSet {
        &self.not_commercial
    }

    fn put(&mut self, slot: u32, traits: LicenseTraits) {
        for (set, (one, _)) in self.traits.iter_mut().zip(LicenseTraits::NAMED) {
            set.set(slot, traits.contains(one));
        }
        self.any.set(slot, !traits.is_empty());
        self.not_commercial.set(slot, NOT_COMMERCIAL.into_iter().any(|one| traits.contains(one)));
    }

    pub(crate) fn forget(&mut self, slot: u32) {
        self.put(slot, LicenseTraits::NONE);
        self.parents.remove(slot);
    }

    pub(crate) fn bytes(&self) -> usize {
        let more = self.any.bytes() + self.not_commercial.bytes() + self.parents.bytes();
        self.traits.iter().map(BitSet::bytes).sum::<usize>() + more
    }
}

impl State {
    /// True when the viewer may know of a slot.
    pub(crate) fn may_see(&self, viewer: &Viewer, slot: u32) -> bool {
        match viewer {
            Viewer::All => true,
            Viewer::Everyone => !self.slots.private.contains(slot),
            Viewer::Sees(owners) => {
                !self.slots.private.contains(slot) || owners.contains(&self.slots.owner(slot))
            }
        }
    }

    pub(crate) fn base_terms(&self, slot: u32) -> Vec<u32> {
        self.terms.of_slot(slot).filter(|term| self.terms.space(*term) == Space::BASE).collect()
    }

    /// The base models of a slot that are here.
    pub(crate) fn base_slots(&self, slot: u32) -> Vec<u32> {
        self.base_terms(slot)
            .into_iter()
            .filter_map(|term| self.base_slot(term, &Viewer::All))
            .collect()
    }

    /// The base model of that term, if it is here and the viewer may know of it.
    pub(crate) fn base_slot(&self, term: u32, viewer: &Viewer) -> Option<u32> {
        let slot = self.slots.find_id(RepoKind::Model, self.terms.word(term))?;
        self.may_see(viewer, slot).then_some(slot)
    }

    /// The repositories that name a slot as their base.
    pub(crate) fn children(&self, slot: u32) -> View<'_> {
        if !self.lineage.parents.contains(slot) {
            return View::Slice(&[]);
        }
        self.terms.slots_of(Space::BASE, self.slots.id(slot))
    }

    /// What the lineage of a slot asks, as far as the viewer may know it.
    pub(crate) fn lineage_traits(&self, slot: u32, viewer: &Viewer) -> LicenseTraits {
        let mut traits = self.slots.traits[slot as usize];
        let mut seen = vec![slot];
        let mut at = 0;
        while let Some(one) = seen.get(at).copied() {
            at += 1;
            for term in
                self.terms.of_slot(one).filter(|term| self.terms.space(*term) == Space::BASE)
            {
                match self.base_slot(term, viewer) {
                    None => traits |= LicenseTraits::UNKNOWN_ANCESTOR,
                    Some(base) if seen.contains(&base) => {}
                    Some(_) if seen.len() > ANCESTORS_MAX => {
                        return traits | LicenseTraits::UNKNOWN_ANCESTOR;
                    }
                    Some(base) => {
                        traits |= self.slots.traits[base as usize];
                        seen.push(base);
                    }
                }
            }
        }
        traits
    }

    /// Everything made, directly or through others, from the models of these ids, as far as the viewer may know.
    /// A model counts as made from itself only where somebody says so.
    pub(crate) fn descendants(&self, ids: &[String], viewer: &Viewer) -> Set {
        let mut found = BitSet::default();
        let mut queue = Vec::new();
        for id in ids {
            self.add_children(self.terms.slots_of(Space::BASE, id), viewer, &mut found, &mut queue);
        }
        while let Some(slot) = queue.pop() {
            self.add_children(self.children(slot), viewer, &mut found, &mut queue);
        }
        Set::Dense(found)
    }

    /// Adds children that are new; those that have children themselves go into the queue.
    fn add_children(
        &self,
        children: View<'_>,
        viewer: &Viewer,
        found: &mut BitSet,
        queue: &mut Vec<u32>,
    ) {
        children.for_each(|child| {
            if self.may_see(viewer, child)
                && found.insert(child)
                && self.lineage.parents.contains(child)
            {
                queue.push(child);
            }
        });
    }

    /// The descendants whose traits are others for this viewer than for everyone, with those traits.
    pub(crate) fn private_lineage(&self, viewer: &Viewer) -> HashMap<u32, LicenseTraits> {
        let mut roots = Vec::new();
        match viewer {
            Viewer::Everyone => return HashMap::new(),
            Viewer::All => self.slots.private.view().for_each(|slot| roots.push(slot)),
            Viewer::Sees(owners) => {
                owners.iter().for_each(|owner| roots.extend(self.slots.private_of(*owner)));
            }
        }
        let (mut found, mut queue) = (BitSet::default(), Vec::new());
        for root in roots {
            self.add_children(self.children(root), viewer, &mut found, &mut queue);
        }
        while let Some(slot) = queue.pop() {
            self.add_children(self.children(slot), viewer, &mut found, &mut queue);
        }
        let slots = found.iter().take(PRIVATE_DESCENDANTS_MAX);
        slots.map(|slot| (slot, self.lineage_traits(slot, viewer))).collect()
    }

    /// Works out the lineages of everything loaded.
    pub(crate) fn load_lineage(&mut self) {
        let parents: Vec<u32> = self
            .terms
            .in_space(Space::BASE)
            .filter(|term| self.terms.slots_of_term(*term).len() > 0)
            .filter_map(|term| self.base_slot(term, &Viewer::All))
            .collect();
        self.lineage.parents = parents.into_iter().collect();
        for slot in 0..self.slots.universe() {
            self.refresh_lineage(slot);
        }
    }

    fn refresh_lineage(&mut self, slot: u32) {
        let traits = self.lineage_traits(slot, &Viewer::Everyone);
        self.lineage.put(slot, traits);
    }

    /// Finds out which of these slots are parents, after their names or their children changed.
    pub(crate) fn refresh_parents(&mut self, slots: &[u32]) {
        for slot in slots.iter().copied() {
            let is_model = self.slots.of_kind(RepoKind::Model).contains(slot);
            let is_parent =
                is_model && self.terms.slots_of(Space::BASE, self.slots.id(slot)).len() > 0;
            self.lineage.parents.set(slot, is_parent);
        }
    }

    /// Works out a slot and everything that descends from it again.
    pub(crate) fn refresh_descendants(&mut self, slot: u32) {
        let mut changed = vec![slot];
        self.collect_descendants(self.children(slot), &mut changed);
        for slot in changed {
            self.refresh_lineage(slot);
        }
    }

    /// Works out again what names a model of that id, which is there no longer.
    pub(crate) fn refresh_children_of(&mut self, kind: RepoKind, id: &str) {
        if kind != RepoKind::Model {
            return;
        }
        let mut changed = Vec::new();
        self.collect_descendants(self.terms.slots_of(Space::BASE, id), &mut changed);
        for slot in changed {
            self.refresh_lineage(slot);
        }
    }

    fn collect_descendants(&self, children: View<'_>, found: &mut Vec<u32>) {
        let mut seen: HashSet<u32> = found.iter().copied().collect();
        let mut queue = VecDeque::new();
        let mut add = |view: View<'_>, queue: &mut VecDeque<u32>| {
            view.for_each(|child| {
                if seen.insert(child) {
                    found.push(child);
                    queue.push_back(child);
                }
            });
        };
        add(children, &mut queue);
        while let Some(slot) = queue.pop_front() {
            add(self.children(slot), &mut queue);
        }
    }
}
