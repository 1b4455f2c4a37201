//! Turns a request into sets that are joined and checks that are made one by one.

use hashbrown::HashMap;
use steelyard_core::{LicenseTraits, RepoKind};

use crate::bitset::BitSet;
use crate::evals;
use crate::lineage::NOT_COMMERCIAL;
use crate::names::{Candidates, Pattern};
use crate::postings::View;
use crate::query::{Bounds, Condition, LineageWanted};
use crate::request::{Linked, SearchRequest, Viewer};
use crate::search::check::{Check, Test};
use crate::search::set::Set;
use crate::slots::Slots;
use crate::state::State;
use crate::terms::{HAS_LINKS, Space};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// A set of slots, borrowed or worked out.
#[derive(Debug)]
enum Operand<'a> {
    View(View<'a>),
    Owned(Set),
}

impl Operand<'_> {
    fn view(&self) -> View<'_> {
        match self {
            Self::View(view) => *view,
            Self::Owned(set) => set.view(),
        }
    }
}

/// What must hold, apart by how it is found out.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    must: Vec<Operand<'a>>,
    must_not: Vec<Operand<'a>>,
    checks: Vec<Check>,
}

impl Plan<'_> {
    /// The slots that meet everything but the checks, and the checks, the cheap ones first.
    pub(super) fn resolve(mut self, slots: &Slots) -> (Set, Vec<Check>) {
        self.must.sort_by_cached_key(|operand| operand.view().len());
        let mut operands = self.must.into_iter();
        let mut set = match operands.next() {
            Some(Operand::Owned(set)) => set,
            Some(Operand::View(view)) => Set::of(view),
            None => Set::Dense(slots.live.clone()),
        };
        for operand in operands {
            if matches!(&set, Set::Sparse(slots) if slots.is_empty()) {
                break;
            }
            set.and(operand.view());
        }
        for operand in &self.must_not {
            set.and_not(operand.view());
        }
        self.checks.sort_by_key(Check::cost);
        (set, self.checks)
    }

    pub(super) fn check(&mut self, test: Test, is_negated: bool) {
        self.checks.push(Check { test, is_negated });
    }
}

impl<'a> Plan<'a> {
    fn view(&mut self, view: View<'a>, is_negated: bool) {
        self.operand(Operand::View(view), is_negated);
    }

    pub(super) fn owned(&mut self, set: Set, is_negated: bool) {
        self.operand(Operand::Owned(set), is_negated);
    }

    fn operand(&mut self, operand: Operand<'a>, is_negated: bool) {
        if is_negated { &mut self.must_not } else { &mut self.must }.push(operand);
    }
}

impl State {
    pub(super) fn plan<'a>(&'a self, request: &'a SearchRequest) -> Plan<'a> {
        let mut plan = Plan::default();
        self.plan_kinds(&mut plan, &request.kinds, false);
        for tag in &request.tags {
            plan.view(self.terms.slots_of(Space::TAG, tag), false);
        }
        if let Some(author) = &request.author {
            plan.view(self.terms.slots_of(Space::AUTHOR, author), false);
        }
        for pattern in &request.name_contains {
            self.plan_name(&mut plan, pattern, false);
        }
        for linked in &request.linked {
            match linked {
                Linked::Models(ids) => self.plan_any(&mut plan, Space::LINKED_MODEL, ids, false),
                Linked::Datasets(ids) => {
                    self.plan_any(&mut plan, Space::LINKED_DATASET, ids, false);
                }
                Linked::Any => plan.view(self.terms.slots_of(Space::FLAG, HAS_LINKS), false),
            }
        }
        for condition in &request.conditions {
            self.plan_condition(&mut plan, condition, false, request);
        }
        for term in &request.query.terms {
            self.plan_condition(&mut plan, &term.condition, term.is_negated, request);
        }
        if !request.query.words.is_empty() {
            self.plan_words(&mut plan, request);
        }
        self.plan_viewer(&mut plan, &request.viewer);
        plan
    }

    fn plan_viewer<'a>(&'a self, plan: &mut Plan<'a>, viewer: &Viewer) {
        let private = &self.slots.private;
        match viewer {
            Viewer::All => {}
            _ if private.len() == 0 => {}
            Viewer::Everyone => plan.view(private.view(), true),
            Viewer::Sees(owners) => {
                let mut hidden = Set::of(private.view());
                let own: Vec<View<'_>> = owners
                    .iter()
                    .map(|owner| self.slots.private_of(*owner))
                    .map(View::Slice)
                    .collect();
                hidden.and_not(Set::union(own.into_iter()).view());
                plan.owned(hidden, true);
            }
        }
    }

    fn plan_kinds<'a>(&'a self, plan: &mut Plan<'a>, kinds: &[RepoKind], is_negated: bool) {
        let of_kind = |kind: RepoKind| dense(self.slots.of_kind(kind));
        match kinds {
            [] => {}
            [kind] => plan.view(of_kind(*kind), is_negated),
            many => plan.owned(Set::union(many.iter().copied().map(of_kind)), is_negated),
        }
    }

    fn plan_any<'a>(
        &'a self,
        plan: &mut Plan<'a>,
        space: Space,
        words: &[String],
        is_negated: bool,
    ) {
        match words {
            [word] => plan.view(self.terms.slots_of(space, word), is_negated),
            many => {
                let views = many.iter().map(|word| self.terms.slots_of(space, word));
                plan.owned(Set::union(views), is_negated);
            }
        }
    }

    fn plan_name<'a>(&'a self, plan: &mut Plan<'a>, pattern: &str, is_negated: bool) {
        let must_look = match self.names.candidates(pattern) {
            Candidates::Everywhere if is_negated => return plan.owned(Set::empty(), false),
            Candidates::Everywhere => return,
            Candidates::Exact(set) => return plan.owned(set, is_negated),
            Candidates::Unknown => None,
            Candidates::Among(set) => Some(set),
        };
        if let Some(candidates) = must_look.filter(|_| !is_negated) {
            plan.owned(candidates, false);
        }
        plan.check(Test::Name(Box::new(Pattern::new(pattern))), is_negated);
    }

    fn plan_condition<'a>(
        &'a self,
        plan: &mut Plan<'a>,
        condition: &Condition,
        not: bool,
        request: &SearchRequest,
    ) {
        match condition {
            Condition::Word(facet, words) => self.plan_any(plan, Space::facet(*facet), words, not),
            Condition::Tag(tags) => self.plan_any(plan, Space::TAG, tags, not),
            Condition::Author(names) => self.plan_any(plan, Space::AUTHOR, names, not),
            Condition::Kind(kinds) if kinds.is_empty() => plan.owned(Set::empty(), not),
            Condition::Kind(kinds) => self.plan_kinds(plan, kinds, not),
            Condition::NameContains(text) => self.plan_name(plan, text, not),
            Condition::Number(number, bounds) => plan.check(Test::number(*number, *bounds), not),
            Condition::Bits(bounds) => self.plan_bits(plan, *bounds, not),
            Condition::NewerThan(millis) => {
                let since = request.now.millis().saturating_sub(*millis);
                plan.check(Test::CreatedSince(since), not);
            }
            Condition::CreatedSince(day) => {
                plan.check(Test::CreatedSince(i64::from(*day) * DAY_MS), not);
            }
            Condition::Any(conditions) => self.plan_alternatives(plan, conditions, not, request),
            Condition::DescendsFrom(ids) => plan.owned(self.descendants(ids, &request.viewer), not),
            Condition::Lineage(wanted) => self.plan_lineage(plan, *wanted, not, &request.viewer),
            Condition::Eval { dataset, metric, bounds } => {
                let term = self.terms.find(Space::EVAL, &evals::word(dataset, metric));
                let bounds = evals::comparable(metric, *bounds);
                let slots = term.map(|term| self.evals.within(term, bounds)).unwrap_or_default();
                plan.owned(Set::Sparse(slots), not);
            }
            Condition::Gated(is_gated) => plan.view(dense(&self.slots.gated), not == *is_gated),
            Condition::HasSuccessor(has) => plan.view(dense(&self.slots.successors), not == *has),
        }
    }

    fn plan_alternatives<'a>(
        &'a self,
        plan: &mut Plan<'a>,
        conditions: &[Condition],
        is_negated: bool,
        request: &SearchRequest,
    ) {
        let (mut sets, mut checked) = (Vec::new(), Vec::new());
        for condition in conditions {
            let mut alternative = Plan::default();
            self.plan_condition(&mut alternative, condition, false, request);
            let (set, checks) = alternative.resolve(&self.slots);
            if checks.is_empty() {
                sets.push(set);
            } else {
                checked.push((set, checks));
            }
        }
        let set = Set::union(sets.iter().map(Set::view));
        if checked.is_empty() {
            plan.owned(set, is_negated);
        } else {
            plan.check(Test::Any(set, checked), is_negated);
        }
    }

    fn plan_bits<'a>(&'a self, plan: &mut Plan<'a>, bounds: Bounds, is_negated: bool) {
        let wanted = (0..=u8::MAX).filter(|bits| bounds.contains(f64::from(*bits)));
        let views: Vec<View<'_>> = wanted
            .map(|bits| self.terms.slots_of(Space::BITS, &bits.to_string()))
            .filter(|view| view.len() > 0)
            .collect();
        plan.owned(Set::union(views.into_iter()), is_negated);
    }

    /// Whose lineage is as wanted, as far as the viewer may know.
    fn plan_lineage<'a>(
        &'a self,
        plan: &mut Plan<'a>,
        wanted: LineageWanted,
        not: bool,
        viewer: &Viewer,
    ) {
        let own = self.private_lineage(viewer);
        let (set, is_negated) = match wanted {
            LineageWanted::Permissive => (dense(self.lineage.any()), !not),
            LineageWanted::Commercial => (dense(self.lineage.not_commercial()), !not),
            LineageWanted::Has(traits) => {
                match LicenseTraits::NAMED.iter().position(|(one, _)| *one == traits) {
                    Some(index) => (dense(self.lineage.with(index)), not),
                    None => return plan.owned(self.with_traits(traits, &own), not),
                }
            }
        };
        if own.is_empty() {
            return plan.view(set, is_negated);
        }
        let mut set = Set::of(set).into_dense();
        for (slot, traits) in own {
            let is_in = match wanted {
                LineageWanted::Permissive => !traits.is_empty(),
                LineageWanted::Commercial => {
                    NOT_COMMERCIAL.into_iter().any(|one| traits.contains(one))
                }
                LineageWanted::Has(wanted) => traits.contains(wanted),
            };
            set.set(slot, is_in);
        }
        plan.owned(Set::Dense(set), is_negated);
    }

    /// Whose lineage has all of these traits; `own` are those that differ for the viewer.
    fn with_traits(&self, traits: LicenseTraits, own: &HashMap<u32, LicenseTraits>) -> Set {
        let mut found = self.slots.live.clone();
        for (index, (one, _)) in LicenseTraits::NAMED.into_iter().enumerate() {
            if traits.contains(one) {
                found.and(self.lineage.with(index));
            }
        }
        for (slot, of_viewer) in own {
            found.set(*slot, of_viewer.contains(traits));
        }
        Set::Dense(found)
    }
}

fn dense(set: &BitSet) -> View<'_> {
    View::Dense(set, set.len())
}
