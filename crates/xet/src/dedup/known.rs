//! The chunks that may be referred to: those of the xorbs that were learned, and those of the xorbs in the making.

use std::collections::{HashMap, HashSet, VecDeque};

use steelyard_core::XetHash;

use super::Source;
use crate::table::ChunkTable;

/// Xorbs and where each of their chunks is, within a limit.
#[derive(Debug)]
pub(super) struct KnownChunks {
    chunks_max: usize,
    places: HashMap<XetHash, Place>,
    /// The xorbs from the oldest to the newest; the number of the first is `first_slot`.
    slots: VecDeque<Slot>,
    sources: HashSet<Source>,
    first_slot: u64,
    /// The chunks of the xorb under construction, and its number among the new ones.
    open: Vec<XetHash>,
    open_number: u32,
    chunks: usize,
}

/// A chunk: the slot of its xorb, and its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    slot: u64,
    pub(super) index: u32,
}

#[derive(Debug)]
struct Slot {
    source: Source,
    table: ChunkTable,
}

/// The slot of the xorb under construction.
const OPEN: u64 = u64::MAX;

impl Place {
    /// The place behind this one in the same xorb.
    pub(super) fn next(self) -> Self {
        Self { index: self.index + 1, ..self }
    }

    /// The same position in the slot that the xorb has moved to.
    pub(super) fn moved(self, slot: u64) -> Self {
        Self { slot, ..self }
    }
}

impl KnownChunks {
    pub(super) fn new(chunks_max: usize) -> Self {
        Self {
            chunks_max,
            places: HashMap::new(),
            slots: VecDeque::new(),
            sources: HashSet::new(),
            first_slot: 0,
            open: Vec::new(),
            open_number: 0,
            chunks: 0,
        }
    }

    pub(super) fn find(&self, hash: &XetHash) -> Option<Place> {
        self.places.get(hash).copied()
    }

    pub(super) fn has(&self, source: Source) -> bool {
        self.sources.contains(&source)
    }

    /// The chunk at a place; `None` behind the end of the xorb, or when the xorb was forgotten.
    pub(super) fn hash_at(&self, place: Place) -> Option<XetHash> {
        match place.slot {
            OPEN => self.open.get(place.index as usize).copied(),
            _ => self.slot(place)?.table.hash(place.index),
        }
    }

    /// The xorb of a place that was just found, with its table unless it is under construction.
    pub(super) fn xorb(&self, place: Place) -> (Source, Option<ChunkTable>) {
        match self.slot(place) {
            Some(slot) => (slot.source, Some(slot.table.clone())),
            None => (Source::New(self.open_number), None),
        }
    }

    fn slot(&self, place: Place) -> Option<&Slot> {
        let index = place.slot.checked_sub(self.first_slot)?;
        self.slots.get(usize::try_from(index).ok()?)
    }

    /// Remembers a xorb, and forgets the oldest ones if they are too many.
    pub(super) fn add(&mut self, source: Source, table: ChunkTable) {
        if !self.sources.insert(source) {
            return;
        }
        self.chunks += table.len() as usize;
        while self.chunks > self.chunks_max && self.forget_oldest() {}
        let slot = self.first_slot + self.slots.len() as u64;
        for (index, entry) in (0..).zip(table.entries()) {
            let place = self.places.entry(entry.hash).or_insert(Place { slot, index });
            // The newest xorb is nearest to what comes next in the file; within it the first place is, where a run of
            // equal chunks is longest.
            if place.slot != slot {
                *place = Place { slot, index };
            }
        }
        self.slots.push_back(Slot { source, table });
    }

    fn forget_oldest(&mut self) -> bool {
        let Some(slot) = self.slots.pop_front() else {
            return false;
        };
        for entry in slot.table.entries() {
            if self.places.get(&entry.hash).is_some_and(|place| place.slot == self.first_slot) {
                self.places.remove(&entry.hash);
            }
        }
        self.sources.remove(&slot.source);
        self.chunks -= slot.table.len() as usize;
        self.first_slot += 1;
        true
    }

    /// Number of the xorb under construction among the new ones.
    pub(super) fn open(&self) -> u32 {
        self.open_number
    }

    /// True when the xorb under construction has chunks.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Adds a chunk to the xorb under construction; its position there.
    pub(super) fn note_new(&mut self, hash: XetHash) -> u32 {
        let index = u32::try_from(self.open.len()).expect("a xorb has at most 8192 chunks");
        let place = Place { slot: OPEN, index };
        self.open.push(hash);
        let known = self.places.entry(hash).or_insert(place);
        if known.slot != OPEN {
            *known = place;
        }
        index
    }

    /// Closes the xorb under construction; the slot it gets, or `None` when the table is not that of its chunks.
    pub(super) fn close(&mut self, table: &ChunkTable) -> Option<u64> {
        let is_same = table.len() as usize == self.open.len()
            && table.entries().zip(&self.open).all(|(entry, hash)| entry.hash == *hash);
        if !is_same || self.open.is_empty() {
            return None;
        }
        let source = Source::New(self.open_number);
        self.open.clear();
        self.open_number += 1;
        // All places in the open xorb are overwritten, because its hashes are in the table.
        self.add(source, table.clone());
        Some(self.first_slot + self.slots.len() as u64 - 1)
    }
}
