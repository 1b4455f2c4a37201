//! Reads a pack of unknown origin from end to end.

use std::collections::HashMap;

use bytes::Bytes;
use steelyard_core::Oid;

use super::entry::EntryKind;
use super::{HEADER_LEN, PackData, Toc, TocEntry};
use crate::GitError;
use crate::delta;
use crate::object::{OBJECT_BYTES_MAX, Object, ObjectKind, hash_object};
use crate::store::ObjectSource;

/// Most bytes held at once along a chain of deltas.
const HELD_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What a pack may cost to read.
#[derive(Debug, Clone, Copy)]
pub struct VerifyLimits {
    /// Largest object, in bytes.
    pub object_bytes_max: u64,
    /// All objects together, inflated, in bytes.
    pub total_bytes_max: u64,
}

impl Default for VerifyLimits {
    fn default() -> Self {
        Self { object_bytes_max: OBJECT_BYTES_MAX, total_bytes_max: u64::MAX }
    }
}

/// Checks a pack's trailer, inflates and hashes every object, and makes its table of contents.
///
/// Bases that the pack lacks are read from `bases`.
pub fn verify(
    bytes: Bytes,
    bases: &dyn ObjectSource,
    limits: VerifyLimits,
) -> Result<Toc, GitError> {
    let data = PackData::new(bytes)?;
    data.check_trailer()?;
    let mut reading = Reading {
        data,
        budget: limits.total_bytes_max,
        limits,
        entries: Vec::new(),
        by_offset: HashMap::new(),
        by_oid: HashMap::new(),
    };
    reading.scan()?;
    reading.resolve_own()?;
    reading.resolve_foreign(bases)?;
    let records = reading.entries.iter().map(Entry::record).collect::<Result<_, _>>()?;
    Toc::new(records)
}

struct Entry {
    offset: u32,
    crc32: u32,
    kind: EntryKind,
    oid: Option<Oid>,
}

impl Entry {
    fn record(&self) -> Result<TocEntry, GitError> {
        match (self.oid, self.kind) {
            (Some(oid), _) => Ok(TocEntry { oid, crc32: self.crc32, offset: self.offset }),
            (None, EntryKind::RefDelta { base }) => Err(GitError::Missing(base)),
            (None, _) => Err(malformed("has a base that cannot be resolved")),
        }
    }
}

/// An object whose deltas are being resolved.
struct Frame {
    kind: ObjectKind,
    data: Bytes,
    children: Vec<usize>,
}

struct Reading {
    data: PackData,
    limits: VerifyLimits,
    budget: u64,
    entries: Vec<Entry>,
    /// Deltas that wait for the entry at an offset.
    by_offset: HashMap<u32, Vec<usize>>,
    /// Deltas that wait for an object.
    by_oid: HashMap<Oid, Vec<usize>>,
}

impl Reading {
    /// Reads all entries in order and hashes those that are whole.
    fn scan(&mut self) -> Result<(), GitError> {
        let mut start = HEADER_LEN;
        for index in 0..self.data.count() as usize {
            let offset = u32::try_from(start).expect("the pack is smaller than 4 GiB");
            let header = self.data.entry(offset)?;
            let (content, end) =
                self.data.inflate_counted(&header, self.limits.object_bytes_max)?;
            self.spend(content.len())?;
            let oid = match header.kind {
                EntryKind::Whole(kind) => Some(hash_object(kind, &content)?),
                EntryKind::OfsDelta { base_offset } => {
                    self.by_offset.entry(base_offset).or_default().push(index);
                    None
                }
                EntryKind::RefDelta { base } => {
                    self.by_oid.entry(base).or_default().push(index);
                    None
                }
            };
            let crc32 = crc32fast::hash(&self.data.body()[start..end]);
            self.entries.push(Entry { offset, crc32, kind: header.kind, oid });
            start = end;
        }
        if start == self.data.body().len() {
            Ok(())
        } else {
            Err(GitError::malformed("pack", "has bytes after its last object"))
        }
    }

    /// Resolves every chain that ends at a whole object of the pack.
    fn resolve_own(&mut self) -> Result<(), GitError> {
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            let (EntryKind::Whole(kind), Some(oid)) = (entry.kind, entry.oid) else { continue };
            let offset = entry.offset;
            let children = self.children(offset, &oid);
            if children.is_empty() {
                continue;
            }
            let header = self.data.entry(offset)?;
            let content = self.data.inflate(&header, self.limits.object_bytes_max)?;
            self.resolve(Frame { kind, data: content.into(), children })?;
        }
        Ok(())
    }

    /// Resolves what is left with bases from outside.
    fn resolve_foreign(&mut self, bases: &dyn ObjectSource) -> Result<(), GitError> {
        let wanted: Vec<Oid> = self.by_oid.keys().copied().collect();
        for oid in wanted {
            if !self.by_oid.contains_key(&oid) {
                continue;
            }
            let Some(Object { kind, data }) = bases.read(&oid)? else { continue };
            let children = self.by_oid.remove(&oid).unwrap_or_default();
            self.resolve(Frame { kind, data, children })?;
        }
        Ok(())
    }

    /// Resolves all deltas that rest on one object, depth first.
    fn resolve(&mut self, root: Frame) -> Result<(), GitError> {
        let mut held = root.data.len() as u64;
        let mut stack = vec![root];
        while let Some(frame) = stack.last_mut() {
            let Some(index) = frame.children.pop() else {
                held -= frame.data.len() as u64;
                stack.pop();
                continue;
            };
            let (kind, base) = (frame.kind, frame.data.clone());
            let offset = self.entries[index].offset;
            let header = self.data.entry(offset)?;
            let code = self.data.inflate(&header, self.limits.object_bytes_max)?;
            let content = delta::apply(&base, &code, self.limits.object_bytes_max)?;
            self.spend(content.len())?;
            let oid = hash_object(kind, &content)?;
            self.entries[index].oid = Some(oid);
            let children = self.children(offset, &oid);
            if !children.is_empty() {
                held += content.len() as u64;
                if held > HELD_BYTES_MAX {
                    return Err(GitError::TooLarge {
                        what: "chain of deltas in bytes",
                        limit: HELD_BYTES_MAX,
                    });
                }
                stack.push(Frame { kind, data: content.into(), children });
            }
        }
        Ok(())
    }

    /// Takes the deltas that wait for an object.
    fn children(&mut self, offset: u32, oid: &Oid) -> Vec<usize> {
        let mut children = self.by_offset.remove(&offset).unwrap_or_default();
        children.extend(self.by_oid.remove(oid).unwrap_or_default());
        children
    }

    fn spend(&mut self, bytes: usize) -> Result<(), GitError> {
        self.budget = self.budget.checked_sub(bytes as u64).ok_or(GitError::TooLarge {
            what: "content of the pack",
            limit: self.limits.total_bytes_max,
        })?;
        Ok(())
    }
}

fn malformed(rule: &str) -> GitError {
    GitError::malformed("pack entry", rule)
}
