//! Joins packs without inflating and deflating again.

use std::collections::HashMap;

use steelyard_core::Oid;

use super::builder::{BuiltPack, PackWriter};
use super::entry::{EntryHeader, EntryKind};
use super::{DELTA_DEPTH_WRITTEN_MAX, PackData, Toc};
use crate::GitError;
use crate::object::OBJECT_BYTES_MAX;
use crate::store::ObjectSource;

/// Deepest chain in the result; git's own repacking goes to 50 by default.
const DEPTH_MAX: u32 = 2 * DELTA_DEPTH_WRITTEN_MAX + 10;

/// Joins packs into one that needs no other: each object once, every delta after its base.
///
/// `bases` must hold every object of the packs and the bases they lack; it is asked only for such bases, and for
/// objects whose chain of deltas would become circular or too deep. Entries are checked against their CRC-32.
pub fn concat(
    packs: &[(&PackData, &Toc)],
    bases: &dyn ObjectSource,
) -> Result<BuiltPack, GitError> {
    concat_kept(packs, bases, &|_| true)
}

/// Like [`concat`], but leaves out the objects for which `keep` does not hold.
///
/// A delta against an object that is left out becomes a whole object, so the result needs nothing that was left out.
pub fn concat_kept(
    packs: &[(&PackData, &Toc)],
    bases: &dyn ObjectSource,
    keep: &dyn Fn(&Oid) -> bool,
) -> Result<BuiltPack, GitError> {
    let mut joined = Joined::plan(packs, bases, keep)?;
    for number in 0..joined.inputs.len() {
        for place in 0..joined.inputs[number].order.len() {
            let oid = joined.inputs[number].oid_at_place(place);
            if keep(&oid) {
                joined.write_with_bases(oid)?;
            }
        }
    }
    joined.writer.finish()
}

/// A pack that is read from.
struct Input<'a> {
    data: &'a PackData,
    toc: &'a Toc,
    /// Indices into the table of contents, by offset.
    order: Vec<u32>,
}

/// What is known of an object of the result.
enum State {
    /// To be copied from that place in the order of that input.
    Pending { input: u32, place: u32 },
    /// Waits for its base to be written.
    Waiting { input: u32, place: u32 },
    /// Starts at that offset of the result.
    Written { offset: u32, depth: u32 },
}

struct Joined<'a> {
    inputs: Vec<Input<'a>>,
    states: HashMap<Oid, State>,
    writer: PackWriter,
    bases: &'a dyn ObjectSource,
    keep: &'a dyn Fn(&Oid) -> bool,
}

impl<'a> Joined<'a> {
    fn plan(
        packs: &[(&'a PackData, &'a Toc)],
        bases: &'a dyn ObjectSource,
        keep: &'a dyn Fn(&Oid) -> bool,
    ) -> Result<Self, GitError> {
        let count = packs.iter().map(|(_, toc)| toc.len()).sum();
        let mut states = HashMap::with_capacity(count);
        let mut inputs = Vec::with_capacity(packs.len());
        for (number, (data, toc)) in packs.iter().enumerate() {
            if toc.len() != data.count() as usize {
                return Err(GitError::malformed("table of contents", "is of another pack"));
            }
            let input = Input { data, toc, order: toc.by_offset() };
            let number = u32::try_from(number).map_err(|_| too_many())?;
            for place in 0..input.order.len() {
                let pending = State::Pending {
                    input: number,
                    place: u32::try_from(place).map_err(|_| too_many())?,
                };
                let oid = input.oid_at_place(place);
                if keep(&oid) {
                    states.entry(oid).or_insert(pending);
                }
            }
            inputs.push(input);
        }
        let bytes = packs.iter().map(|(data, _)| data.bytes().len()).sum();
        Ok(Self { inputs, states, writer: PackWriter::with_capacity(bytes), bases, keep })
    }

    /// Writes an object, before it the bases it needs.
    fn write_with_bases(&mut self, oid: Oid) -> Result<(), GitError> {
        let mut stack = vec![oid];
        while let Some(&oid) = stack.last() {
            let (input, place) = match self.states.get(&oid).expect("only planned ids are pushed") {
                State::Pending { input, place } | State::Waiting { input, place } => {
                    (*input, *place)
                }
                State::Written { .. } => {
                    stack.pop();
                    continue;
                }
            };
            let source = &self.inputs[input as usize];
            let (header, stream) = source.entry(place as usize)?;
            let base = match header.kind {
                EntryKind::Whole(_) => None,
                EntryKind::OfsDelta { base_offset } => Some(source.oid_at(base_offset)?),
                EntryKind::RefDelta { base } => Some(base),
            };
            let Some(base) = base else {
                self.copy(oid, header.kind, header.size, stream, 0)?;
                stack.pop();
                continue;
            };
            match self.states.get(&base) {
                Some(State::Written { depth, .. }) if *depth >= DEPTH_MAX => {
                    self.write_whole(oid)?;
                    stack.pop();
                }
                Some(State::Written { offset, depth }) => {
                    let (kind, depth) = (EntryKind::OfsDelta { base_offset: *offset }, depth + 1);
                    self.copy(oid, kind, header.size, stream, depth)?;
                    stack.pop();
                }
                Some(State::Pending { .. }) => {
                    self.states.insert(oid, State::Waiting { input, place });
                    stack.push(base);
                }
                None if !(self.keep)(&base) => {
                    self.write_whole(oid)?;
                    stack.pop();
                }
                // Not among the packs; or it waits for this very object, which happens when two packs hold
                // each other's objects as deltas.
                None | Some(State::Waiting { .. }) => self.write_whole(base)?,
            }
        }
        Ok(())
    }

    fn copy(
        &mut self,
        oid: Oid,
        kind: EntryKind,
        size: u64,
        stream: &[u8],
        depth: u32,
    ) -> Result<(), GitError> {
        let offset = self.position()?;
        self.writer.push_raw(oid, kind, size, stream)?;
        self.states.insert(oid, State::Written { offset, depth });
        Ok(())
    }

    fn write_whole(&mut self, oid: Oid) -> Result<(), GitError> {
        let object = self.bases.read(&oid)?.ok_or(GitError::Missing(oid))?;
        let offset = self.position()?;
        self.writer.push(oid, EntryKind::Whole(object.kind), &object.data)?;
        self.states.insert(oid, State::Written { offset, depth: 0 });
        Ok(())
    }

    fn position(&self) -> Result<u32, GitError> {
        u32::try_from(self.writer.position())
            .map_err(|_| GitError::TooLarge { what: "pack", limit: u32::MAX.into() })
    }
}

impl<'a> Input<'a> {
    fn oid_at_place(&self, place: usize) -> Oid {
        self.toc.entry(self.order[place] as usize).oid
    }

    fn oid_at(&self, offset: u32) -> Result<Oid, GitError> {
        let place = self
            .order
            .binary_search_by_key(&offset, |index| self.toc.entry(*index as usize).offset)
            .map_err(|_| malformed("has a base that the table of contents does not know"))?;
        Ok(self.oid_at_place(place))
    }

    /// The header and zlib stream of the entry at a place in the order of offsets.
    fn entry(&self, place: usize) -> Result<(EntryHeader, &'a [u8]), GitError> {
        let body = self.data.body();
        let record = self.toc.entry(self.order[place] as usize);
        let next = self.order.get(place + 1);
        let end = next.map_or(body.len(), |next| self.toc.entry(*next as usize).offset as usize);
        let bytes = body
            .get(record.offset as usize..end)
            .ok_or_else(|| malformed("lies outside the pack"))?;
        if crc32fast::hash(bytes) != record.crc32 {
            return Err(malformed("does not match its checksum"));
        }
        let header = self.data.entry(record.offset)?;
        if header.size > OBJECT_BYTES_MAX {
            return Err(GitError::TooLarge { what: "object", limit: OBJECT_BYTES_MAX });
        }
        let stream =
            body.get(header.data_offset..end).ok_or_else(|| malformed("lies outside the pack"))?;
        Ok((header, stream))
    }
}

fn malformed(rule: &str) -> GitError {
    GitError::malformed("pack entry", rule)
}

fn too_many() -> GitError {
    GitError::TooLarge { what: "number of objects", limit: u32::MAX.into() }
}
