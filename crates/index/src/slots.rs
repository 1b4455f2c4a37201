//! One row per repository, in columns, and the ways from keys and ids to rows.

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use steelyard_core::{LicenseTraits, RepoKind, Timestamp};

use crate::arena::Arena;
use crate::bitset::BitSet;
use crate::document::{Counters, Document};
use crate::keys::Keys;
use crate::postings::Postings;
use crate::query::Number;
use crate::rank::{RankFacts, rank};
use crate::terms::hash_folded;

/// Stands for "not known" in columns of numbers.
const ABSENT: u64 = u64::MAX;

/// The same in a column of small ones.
const ABSENT_NARROW: u32 = u32::MAX;

/// More likes than this are counted as so many.
const LIKES_MAX: u32 = ABSENT_NARROW - 1;

/// A column of numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column<'a> {
    Wide(&'a [u64]),
    Narrow(&'a [u32]),
}

impl Column<'_> {
    /// The number of a slot; the greatest of all when it is not known.
    pub(crate) fn get(self, slot: u32) -> u64 {
        match self {
            Self::Wide(values) => values[slot as usize],
            Self::Narrow(values) => match values[slot as usize] {
                ABSENT_NARROW => ABSENT,
                value => u64::from(value),
            },
        }
    }
}

/// Relations to a base model, by the number in the column less one.
pub(crate) const RELATIONS: [&str; 4] = ["adapter", "merge", "quantized", "finetune"];

/// The columns. A slot's number is its index; freed slots are used again.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    pub(crate) repo_ids: Vec<i64>,
    pub(crate) created: Vec<i64>,
    pub(crate) modified: Vec<i64>,
    pub(crate) downloads: Vec<u64>,
    pub(crate) likes: Vec<u32>,
    pub(crate) trends: Vec<f64>,
    pub(crate) ranks: Vec<f32>,
    pub(crate) traits: Vec<LicenseTraits>,
    owners: Vec<i64>,
    sizes: Vec<u64>,
    parameters: Vec<u64>,
    contexts: Vec<u32>,
    card_scores: Vec<u8>,
    relations: Vec<u8>,
    ids: Arena,
    pub(crate) live: BitSet,
    pub(crate) kinds: [BitSet; 4],
    pub(crate) private: Postings,
    pub(crate) gated: BitSet,
    pub(crate) successors: BitSet,
    private_by_owner: HashMap<i64, Vec<u32>>,
    free: Vec<u32>,
    by_repo: Keys,
    by_id: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

fn kind_number(kind: RepoKind) -> usize {
    match kind {
        RepoKind::Model => 0,
        RepoKind::Dataset => 1,
        RepoKind::Space => 2,
        RepoKind::Kernel => 3,
    }
}

impl Slots {
    /// How many slot numbers there are.
    pub(crate) fn universe(&self) -> u32 {
        self.repo_ids.len() as u32
    }

    /// How many of them hold a repository.
    pub(crate) fn len(&self) -> u32 {
        self.universe() - self.free.len() as u32
    }

    pub(crate) fn find(&self, repo_id: i64) -> Option<u32> {
        self.by_repo.get(repo_id)
    }

    /// The repository of that kind and id, in any case.
    pub(crate) fn find_id(&self, kind: RepoKind, id: &str) -> Option<u32> {
        let number = kind_number(kind);
        let hash = hash_folded(&self.hasher, number as u8, id.as_bytes());
        let is_it = |slot: &u32| {
            self.kinds[number].contains(*slot)
                && self.ids.get(*slot).eq_ignore_ascii_case(id.as_bytes())
        };
        self.by_id.find(hash, is_it).copied()
    }

    pub(crate) fn id(&self, slot: u32) -> &str {
        self.ids.text(slot)
    }

    pub(crate) fn id_bytes(&self, slot: u32) -> &[u8] {
        self.ids.get(slot)
    }

    pub(crate) fn kind(&self, slot: u32) -> RepoKind {
        let found =
            RepoKind::ALL.into_iter().find(|kind| self.kinds[kind_number(*kind)].contains(slot));
        found.unwrap_or(RepoKind::Model)
    }

    pub(crate) fn of_kind(&self, kind: RepoKind) -> &BitSet {
        &self.kinds[kind_number(kind)]
    }

    pub(crate) fn owner(&self, slot: u32) -> i64 {
        self.owners[slot as usize]
    }

    pub(crate) fn relation(&self, slot: u32) -> Option<&'static str> {
        RELATIONS.get(usize::from(self.relations[slot as usize]).wrapping_sub(1)).copied()
    }

    pub(crate) fn private_of(&self, owner_id: i64) -> &[u32] {
        self.private_by_owner.get(&owner_id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn column(&self, number: Number) -> Column<'_> {
        match number {
            Number::SizeBytes => Column::Wide(&self.sizes),
            Number::Parameters => Column::Wide(&self.parameters),
            Number::Downloads => Column::Wide(&self.downloads),
            Number::ContextTokens => Column::Narrow(&self.contexts),
            Number::Likes => Column::Narrow(&self.likes),
        }
    }

    pub(crate) fn number(&self, number: Number, slot: u32) -> Option<f64> {
        let value = self.column(number).get(slot);
        (value != ABSENT).then_some(value as f64)
    }

    /// A slot for a repository that has none.
    pub(crate) fn create(&mut self, repo_id: i64) -> u32 {
        let slot = self.free.pop().unwrap_or(self.universe());
        if slot == self.universe() {
            self.grow();
        }
        let index = slot as usize;
        self.repo_ids[index] = repo_id;
        (self.downloads[index], self.likes[index], self.trends[index]) = (0, 0, 0.0);
        self.live.insert(slot);
        self.by_repo.set(repo_id, Some(slot));
        slot
    }

    fn grow(&mut self) {
        self.repo_ids.push(0);
        self.created.push(0);
        self.modified.push(0);
        self.downloads.push(0);
        self.likes.push(0);
        self.trends.push(0.0);
        self.ranks.push(0.0);
        self.traits.push(LicenseTraits::NONE);
        self.owners.push(0);
        self.sizes.push(ABSENT);
        self.parameters.push(ABSENT);
        self.contexts.push(ABSENT_NARROW);
        self.card_scores.push(0);
        self.relations.push(0);
    }

    /// Frees a slot; its id must have been taken away.
    pub(crate) fn free(&mut self, slot: u32) {
        self.by_repo.set(self.repo_ids[slot as usize], None);
        self.set_private(slot, self.owner(slot), false);
        self.live.remove(slot);
        self.gated.remove(slot);
        self.successors.remove(slot);
        self.free.push(slot);
    }

    /// Gives a slot its kind and id.
    pub(crate) fn set_id(&mut self, slot: u32, kind: RepoKind, id: &str) {
        self.ids.set(slot, id.as_bytes());
        self.kinds[kind_number(kind)].insert(slot);
        let (ids, kinds, hasher) = (&self.ids, &self.kinds, &self.hasher);
        let hash_of = |slot: &u32| {
            let kind = kinds.iter().position(|set| set.contains(*slot)).unwrap_or(0);
            hash_folded(hasher, kind as u8, ids.get(*slot))
        };
        self.by_id.insert_unique(hash_of(&slot), slot, hash_of);
    }

    /// Takes a slot's kind and id away.
    pub(crate) fn clear_id(&mut self, slot: u32) {
        let kind = self.kind(slot);
        let hash = hash_folded(&self.hasher, kind_number(kind) as u8, self.ids.get(slot));
        if let Ok(entry) = self.by_id.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.kinds[kind_number(kind)].remove(slot);
        self.ids.set(slot, b"");
    }

    /// Fills the columns that a document decides, but the id and the kind.
    pub(crate) fn set_columns(&mut self, slot: u32, document: &Document) {
        let index = slot as usize;
        self.set_private(slot, self.owner(slot), false);
        self.owners[index] = document.owner_id;
        self.set_private(slot, document.owner_id, document.is_private);
        self.created[index] = document.created_at.millis();
        self.modified[index] = document.last_modified.millis();
        self.sizes[index] = document.size_bytes.unwrap_or(ABSENT);
        self.parameters[index] = document.parameters.unwrap_or(ABSENT);
        self.contexts[index] = document.context_tokens.unwrap_or(ABSENT_NARROW);
        self.card_scores[index] = document.card_score;
        self.traits[index] = document.license_traits;
        let relation = RELATIONS.iter().position(|known| Some(*known) == document.base_relation);
        self.relations[index] = relation.map_or(0, |at| at as u8 + 1);
        self.gated.set(slot, document.is_gated);
        self.successors.set(slot, document.has_successor);
        self.refresh_rank(slot);
    }

    /// Fills the columns that use decides.
    pub(crate) fn set_counters(&mut self, slot: u32, counters: &Counters) {
        let index = slot as usize;
        self.downloads[index] = counters.downloads;
        self.likes[index] = u32::try_from(counters.likes).unwrap_or(LIKES_MAX).min(LIKES_MAX);
        self.trends[index] = if counters.trend.is_nan() { 0.0 } else { counters.trend };
        self.refresh_rank(slot);
    }

    fn refresh_rank(&mut self, slot: u32) {
        let index = slot as usize;
        self.ranks[index] = rank(&RankFacts {
            counters: Counters {
                downloads: self.downloads[index],
                likes: u64::from(self.likes[index]),
                trend: self.trends[index],
                downloads_all_time: 0,
            },
            created_at: Timestamp::from_millis(self.created[index]),
            card_score: self.card_scores[index],
            has_successor: self.successors.contains(slot),
        });
    }

    fn set_private(&mut self, slot: u32, owner_id: i64, is_private: bool) {
        if is_private {
            self.private.insert(slot, self.repo_ids.len() as u32);
            let owned = self.private_by_owner.entry(owner_id).or_default();
            if !owned.contains(&slot) {
                owned.push(slot);
            }
        } else if self.private.contains(slot) {
            self.private.remove(slot);
            if let Some(owned) = self.private_by_owner.get_mut(&owner_id) {
                owned.retain(|other| *other != slot);
                if owned.is_empty() {
                    self.private_by_owner.remove(&owner_id);
                }
            }
        }
    }

    pub(crate) fn settle(&mut self) {
        let universe = self.universe();
        self.private.settle(universe);
        self.ids.shrink();
        self.repo_ids.shrink_to_fit();
        self.created.shrink_to_fit();
        self.modified.shrink_to_fit();
        self.downloads.shrink_to_fit();
        self.likes.shrink_to_fit();
        self.trends.shrink_to_fit();
        self.ranks.shrink_to_fit();
        self.traits.shrink_to_fit();
        self.owners.shrink_to_fit();
        self.sizes.shrink_to_fit();
        self.parameters.shrink_to_fit();
        self.contexts.shrink_to_fit();
    }

    pub(crate) fn bytes(&self) -> usize {
        // Seven columns of eight bytes, three of four, one of two, two of one.
        let columns = self.repo_ids.capacity() * (7 * 8 + 3 * 4 + 2 + 2);
        let sets = self.live.bytes() * 4 + self.private.bytes() + self.private.len() as usize * 8;
        let tables =
            self.by_repo.bytes() + self.by_id.capacity() * 5 * 8 / 7 + self.free.capacity() * 4;
        columns + sets + tables + self.ids.bytes()
    }
}
