//! Writes a changed folder: merges its changes into the sorted entries it had.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use steelyard_core::Oid;

use super::{Change, Folder};
use crate::GitError;
use crate::delta::{DeltaWriter, tree_delta};
use crate::object::{ObjectKind, hash_built_tree, hash_object};
use crate::pack::{DELTA_DEPTH_WRITTEN_MAX, PackBuilder};
use crate::read::get_tree;
use crate::store::ObjectSource;
use crate::tree::{EMPTY_TREE, EntryMode, Tree, encode_entry, order};

/// From this size on, a folder whose chain of deltas is full gets a delta against the bottom of that chain,
/// because deflating it whole costs far more.
const REBASE_BYTES_MIN: usize = 32 * 1024;

/// From this size on, looking for collision attacks takes most of the time a folder costs.
const PLAIN_HASH_BYTES_MIN: usize = 64 * 1024;

/// A name and what it is to be.
struct Insert {
    name: Box<[u8]>,
    mode: EntryMode,
    oid: Oid,
}

impl Folder {
    /// Writes the folder and the changed folders in it; says its id.
    pub(super) fn write(
        self,
        source: &dyn ObjectSource,
        builder: &mut PackBuilder,
    ) -> Result<Oid, GitError> {
        let unchanged = self.base.as_ref().map_or(EMPTY_TREE, |(oid, _)| *oid);
        let base = self.base.map(|(_, tree)| tree).unwrap_or_default();
        let (mut inserts, mut removed) = (Vec::new(), Vec::new());
        for (name, change) in self.changes {
            let entry = match change {
                Change::Removed => None,
                Change::Entry { mode, oid } => Some((mode, oid)),
                Change::Folder(folder) => Some((EntryMode::Tree, folder.write(source, builder)?)),
            };
            let entry = entry.filter(|entry| *entry != (EntryMode::Tree, EMPTY_TREE));
            if let Some(index) = base.index_of(&name) {
                let old = base.entry(index);
                if entry == Some((old.mode, old.oid)) {
                    continue;
                }
                removed.push(index);
            }
            if let Some((mode, oid)) = entry {
                inserts.push(Insert { name, mode, oid });
            }
        }
        if inserts.is_empty() && removed.is_empty() {
            return Ok(unchanged);
        }
        removed.sort_unstable();
        inserts.sort_unstable_by(|a, b| {
            order((&a.name, a.mode.is_tree()), (&b.name, b.mode.is_tree()))
        });
        let merged = Merge::new(base, &removed).run(&inserts)?;
        if merged.tree.is_empty() {
            return Ok(EMPTY_TREE);
        }
        merged.store(unchanged, source, builder)
    }
}

/// A folder's new state.
struct Merged {
    base: Arc<Tree>,
    tree: Tree,
    delta: Vec<u8>,
}

impl Merged {
    fn store(
        self,
        base: Oid,
        source: &dyn ObjectSource,
        builder: &mut PackBuilder,
    ) -> Result<Oid, GitError> {
        let data = self.tree.data().clone();
        let is_plain = data.len() >= PLAIN_HASH_BYTES_MIN && self.tree.leaves_little_room();
        let oid = match is_plain {
            true => hash_built_tree(&data),
            false => hash_object(ObjectKind::Tree, &data)?,
        };
        if is_plain {
            self.check_twin(&oid, source, builder)?;
        }
        if builder.contains(&oid) {
            return Ok(oid);
        }
        match self.best_delta(base, &oid, source)? {
            Some((base, delta)) => builder.add_ref_delta_hashed(oid, base, &delta)?,
            None => builder.add_hashed(oid, ObjectKind::Tree, &data)?,
        }
        source.offer_tree(&oid, self.tree);
        Ok(oid)
    }

    /// Makes sure that what has this id already is the same folder. See [`Tree::leaves_little_room`] for why this is
    /// enough for an id from plain SHA-1.
    fn check_twin(
        &self,
        oid: &Oid,
        source: &dyn ObjectSource,
        builder: &PackBuilder,
    ) -> Result<(), GitError> {
        let data = self.tree.data();
        if builder.contains(oid) {
            hash_object(ObjectKind::Tree, data)?;
        } else if let Some(twin) = source.read(oid)?
            && (twin.kind != ObjectKind::Tree || twin.data != *data)
        {
            return Err(GitError::Collision);
        }
        Ok(())
    }

    /// A delta that is clearly smaller than the whole, and its base.
    fn best_delta(
        &self,
        base: Oid,
        oid: &Oid,
        source: &dyn ObjectSource,
    ) -> Result<Option<(Oid, Vec<u8>)>, GitError> {
        // What the repository already contains may be what the base rests on: a delta would close a circle.
        if self.base.is_empty() || source.contains(oid)? {
            return Ok(None);
        }
        let size = self.tree.data().len();
        let is_small = |delta: &Vec<u8>| delta.len() + 2 * Oid::LEN < size / 2;
        let Some(chain) = source.delta_chain(&base)? else { return Ok(None) };
        if chain.depth < DELTA_DEPTH_WRITTEN_MAX {
            let delta = is_small(&self.delta).then(|| (base, self.delta.clone()));
            return Ok(delta);
        }
        if size < REBASE_BYTES_MIN {
            return Ok(None);
        }
        let root = get_tree(source, &chain.root)?;
        let delta = tree_delta(root.data(), self.tree.data());
        Ok(is_small(&delta).then_some((chain.root, delta)))
    }
}

/// Builds the new bytes, the places of the entries in them, and the delta, in one pass.
struct Merge<'a> {
    base: Arc<Tree>,
    removed: &'a [usize],
    data: Vec<u8>,
    starts: Vec<u32>,
    delta: DeltaWriter,
}

impl<'a> Merge<'a> {
    fn new(base: Arc<Tree>, removed: &'a [usize]) -> Self {
        let bytes = base.data().len();
        Self {
            removed,
            data: Vec::with_capacity(bytes + 256),
            starts: Vec::with_capacity(base.len() + 4),
            delta: DeltaWriter::new(bytes),
            base,
        }
    }

    fn run(mut self, inserts: &[Insert]) -> Result<Merged, GitError> {
        let mut from = 0;
        for insert in inserts {
            let place = self.base.position(&insert.name, insert.mode.is_tree());
            let to = place.unwrap_or_else(|to| to);
            self.copy_entries(from..to);
            self.insert_entry(insert, place.ok());
            from = to;
        }
        self.copy_entries(from..self.base.len());
        if u32::try_from(self.data.len()).is_err() {
            return Err(GitError::TooLarge { what: "tree", limit: u32::MAX.into() });
        }
        let delta = self.delta.finish(self.base.data());
        let tree = Tree::from_parts(Bytes::from(self.data), self.starts);
        Ok(Merged { base: self.base, tree, delta })
    }

    /// Copies entries of the base, except those that are removed.
    fn copy_entries(&mut self, mut entries: Range<usize>) {
        while let Some((&next, rest)) = self.removed.split_first() {
            if next >= entries.end {
                break;
            }
            self.removed = rest;
            self.copy_run(entries.start..next);
            entries.start = next + 1;
        }
        self.copy_run(entries);
    }

    fn copy_run(&mut self, entries: Range<usize>) {
        if entries.is_empty() {
            return;
        }
        let bytes = self.base.start(entries.start)..self.base.start(entries.end);
        // Offsets wrap where the run moves towards the front; the total is checked at the end.
        let shift = low_word(self.data.len()).wrapping_sub(low_word(bytes.start));
        let starts = &self.base.starts()[entries];
        self.starts.extend(starts.iter().map(|start| start.wrapping_add(shift)));
        self.data.extend_from_slice(&self.base.data()[bytes.clone()]);
        self.delta.copy(self.base.data(), bytes);
    }

    fn insert_entry(&mut self, insert: &Insert, replaced: Option<usize>) {
        let start = self.data.len();
        self.starts.push(low_word(start));
        encode_entry(insert.mode, &insert.name, &insert.oid, &mut self.data);
        let bytes = &self.data[start..];
        let old = replaced.map_or(0..0, |index| self.base.range(index));
        let pairs = self.base.data()[old.clone()].iter().zip(bytes);
        let shared = pairs.take_while(|(a, b)| a == b).count();
        self.delta.copy(self.base.data(), old.start..old.start + shared);
        self.delta.insert(self.base.data(), &bytes[shared..]);
    }
}

fn low_word(value: usize) -> u32 {
    u32::try_from(value & u32::MAX as usize).expect("the mask fits u32")
}
