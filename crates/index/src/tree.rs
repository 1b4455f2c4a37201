//! Questions about one model's lineage: its ancestors, its children, and how many of these there are.

use std::collections::BTreeMap;

use steelyard_core::LicenseTraits;

use crate::index::Index;
use crate::request::Viewer;
use crate::state::State;
use crate::terms::Space;

/// What a child is called whose card does not say how it was made.
const UNSAID: &str = "finetune";

/// A base model of a model, or of one of its ancestors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// Its id, as the child spells it.
    pub id: String,
    /// The repository, if it is here and the viewer may know of it.
    pub repo_id: Option<i64>,
    /// The repository that names it.
    pub child: i64,
    /// How that was made from it.
    pub relation: &'static str,
    /// How many steps away it is; a direct base is 1.
    pub depth: u32,
    /// What its own licence asks, if it is here.
    pub traits: Option<LicenseTraits>,
}

impl Index {
    /// How many models were made directly from the model of that id, by relation. Works for ids that are not here.
    pub fn children_counts(&self, id: &str, viewer: &Viewer) -> BTreeMap<&'static str, u64> {
        let state = self.state.read();
        let mut counts = BTreeMap::new();
        state.terms.slots_of(Space::BASE, id).for_each(|slot| {
            if state.may_see(viewer, slot) {
                *counts.entry(state.relation(slot)).or_insert(0) += 1;
            }
        });
        counts
    }

    /// The most downloaded children of the model of that id, of one relation or of all.
    pub fn children(
        &self,
        id: &str,
        relation: Option<&str>,
        viewer: &Viewer,
        limit: usize,
    ) -> Vec<i64> {
        let state = self.state.read();
        let mut children = Vec::new();
        state.terms.slots_of(Space::BASE, id).for_each(|slot| {
            if state.may_see(viewer, slot)
                && relation.is_none_or(|wanted| wanted == state.relation(slot))
            {
                let index = slot as usize;
                children.push((state.slots.downloads[index], state.slots.repo_ids[index]));
            }
        });
        children.sort_unstable_by(|left, right| right.cmp(left));
        children.into_iter().take(limit).map(|(_, repo_id)| repo_id).collect()
    }

    /// Every ancestor of a repository once, the nearest first; at most [`crate::ANCESTORS_MAX`] and those they name.
    pub fn ancestors(&self, repo_id: i64, viewer: &Viewer) -> Vec<Ancestor> {
        let state = self.state.read();
        let Some(slot) = state.slots.find(repo_id).filter(|slot| state.may_see(viewer, *slot))
        else {
            return Vec::new();
        };
        state.ancestors(slot, viewer)
    }

    /// What the licences of a repository and all its ancestors ask, as far as the viewer may know.
    pub fn lineage_traits(&self, repo_id: i64, viewer: &Viewer) -> Option<LicenseTraits> {
        let state = self.state.read();
        let slot = state.slots.find(repo_id).filter(|slot| state.may_see(viewer, *slot))?;
        Some(state.lineage_traits(slot, viewer))
    }
}

impl State {
    fn relation(&self, slot: u32) -> &'static str {
        self.slots.relation(slot).unwrap_or(UNSAID)
    }

    fn ancestors(&self, start: u32, viewer: &Viewer) -> Vec<Ancestor> {
        let mut found: Vec<Ancestor> = Vec::new();
        let mut seen = vec![(start, 0)];
        let mut at = 0;
        while let Some((slot, depth)) = seen.get(at).copied().filter(|_| at <= crate::ANCESTORS_MAX)
        {
            at += 1;
            for term in self.base_terms(slot) {
                let base = self.base_slot(term, viewer);
                let id = self.terms.word(term);
                let is_known = match base {
                    Some(base) => seen.iter().any(|(other, _)| *other == base),
                    None => found.iter().any(|other| other.id.eq_ignore_ascii_case(id)),
                };
                if is_known {
                    continue;
                }
                seen.extend(base.map(|base| (base, depth + 1)));
                found.push(Ancestor {
                    id: id.to_owned(),
                    repo_id: base.map(|base| self.slots.repo_ids[base as usize]),
                    child: self.slots.repo_ids[slot as usize],
                    relation: self.relation(slot),
                    depth: depth + 1,
                    traits: base.map(|base| self.slots.traits[base as usize]),
                });
            }
        }
        found
    }
}
