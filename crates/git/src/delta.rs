//! Deltas: apply them, and make small ones between two versions of a folder.
//!
//! Format: two sizes, then instructions; either "copy this range of the base" or "insert these bytes"
//! (<https://git-scm.com/docs/pack-format#_deltified_representation>).

use std::cmp::Ordering;

use crate::GitError;
use crate::tree::{EntryRef, Scan, order};

/// Longest run that one copy instruction of a version 2 pack can name.
const COPY_MAX: usize = 0xff_ffff;
/// Longest run that one insert instruction can carry.
const INSERT_MAX: usize = 0x7f;
/// A copy costs up to eight bytes; shorter runs are cheaper inserted.
const COPY_MIN: usize = 8;

/// The sizes at the head of a delta, and what follows them.
pub(crate) fn sizes(delta: &[u8]) -> Result<(u64, u64, &[u8]), GitError> {
    let (base, rest) = size(delta)?;
    let (result, rest) = size(rest)?;
    Ok((base, result, rest))
}

/// Applies a delta to its base; the result may have at most `limit` bytes.
pub fn apply(base: &[u8], delta: &[u8], limit: u64) -> Result<Vec<u8>, GitError> {
    let (base_size, result_size, mut code) = sizes(delta)?;
    if base_size != base.len() as u64 {
        return Err(malformed("the base has another size"));
    }
    if result_size > limit {
        return Err(GitError::TooLarge { what: "object", limit });
    }
    let result_size = usize::try_from(result_size).map_err(|_| malformed("a size overflows"))?;
    // No instruction yields more than the base or 127 bytes, so a short delta cannot make us reserve much.
    let reserve = result_size.min(code.len().saturating_mul(base.len().max(INSERT_MAX)));
    let mut out = Vec::with_capacity(reserve);
    while let Some((&op, rest)) = code.split_first() {
        code = rest;
        let run = if op & 0x80 != 0 {
            let (offset, length) = copy_operands(op, &mut code)?;
            let end = offset.checked_add(length).ok_or_else(|| malformed("a size overflows"))?;
            base.get(offset..end).ok_or_else(|| malformed("a copy reaches outside the base"))?
        } else if op != 0 {
            let (run, rest) = code
                .split_at_checked(usize::from(op))
                .ok_or_else(|| malformed("an insert is cut short"))?;
            code = rest;
            run
        } else {
            return Err(malformed("instruction 0 is reserved"));
        };
        if run.len() > result_size - out.len() {
            return Err(malformed("the result is larger than announced"));
        }
        out.extend_from_slice(run);
    }
    if out.len() == result_size {
        Ok(out)
    } else {
        Err(malformed("the result is smaller than announced"))
    }
}

fn copy_operands(op: u8, code: &mut &[u8]) -> Result<(usize, usize), GitError> {
    let mut operands = [0usize; 7];
    for (bit, operand) in operands.iter_mut().enumerate() {
        if op & (1 << bit) != 0 {
            let (&byte, rest) =
                code.split_first().ok_or_else(|| malformed("a copy is cut short"))?;
            *operand = usize::from(byte);
            *code = rest;
        }
    }
    let [a, b, c, d, x, y, z] = operands;
    let length = x | y << 8 | z << 16;
    Ok((a | b << 8 | c << 16 | d << 24, if length == 0 { 0x1_0000 } else { length }))
}

fn size(bytes: &[u8]) -> Result<(u64, &[u8]), GitError> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((value, &bytes[index + 1..]));
        }
    }
    Err(malformed("a size is cut short or overflows"))
}

/// Writes a delta: ranges of the base and new bytes, in the order of the result.
#[derive(Debug)]
pub(crate) struct DeltaWriter {
    code: Vec<u8>,
    pending: Vec<u8>,
    copy: std::ops::Range<usize>,
    base_size: usize,
    result_size: usize,
}

impl DeltaWriter {
    /// A delta against a base of that size.
    pub(crate) fn new(base_size: usize) -> Self {
        Self { code: Vec::new(), pending: Vec::new(), copy: 0..0, base_size, result_size: 0 }
    }

    /// The result goes on with this range of `base`.
    pub(crate) fn copy(&mut self, base: &[u8], range: std::ops::Range<usize>) {
        if range.is_empty() {
            return;
        }
        self.result_size += range.len();
        if self.copy.end == range.start && !self.copy.is_empty() {
            self.copy.end = range.end;
            return;
        }
        self.flush_copy(base);
        self.copy = range;
    }

    /// The result goes on with these bytes.
    pub(crate) fn insert(&mut self, base: &[u8], bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.result_size += bytes.len();
        self.flush_copy(base);
        self.pending.extend_from_slice(bytes);
    }

    /// The finished delta.
    pub(crate) fn finish(mut self, base: &[u8]) -> Vec<u8> {
        self.flush_copy(base);
        self.flush_insert();
        let mut delta = Vec::with_capacity(self.code.len() + 10);
        push_size(self.base_size, &mut delta);
        push_size(self.result_size, &mut delta);
        delta.extend_from_slice(&self.code);
        delta
    }

    fn flush_copy(&mut self, base: &[u8]) {
        let mut range = std::mem::take(&mut self.copy);
        if range.is_empty() {
            return;
        }
        if range.len() < COPY_MIN || range.end > u32::MAX as usize {
            self.pending.extend_from_slice(&base[range]);
            return;
        }
        self.flush_insert();
        while !range.is_empty() {
            let length = range.len().min(COPY_MAX);
            self.push_copy(range.start, length);
            range.start += length;
        }
    }

    fn push_copy(&mut self, offset: usize, length: usize) {
        let place = self.code.len();
        self.code.push(0x80);
        let mut flags = 0x80u8;
        let length = if length == 0x1_0000 { 0 } else { length };
        let offset = offset.to_le_bytes();
        let length = length.to_le_bytes();
        for (bit, byte) in offset[..4].iter().chain(&length[..3]).enumerate() {
            if *byte != 0 {
                flags |= 1 << bit;
                self.code.push(*byte);
            }
        }
        self.code[place] = flags;
    }

    fn flush_insert(&mut self) {
        for run in self.pending.chunks(INSERT_MAX) {
            self.code.push(u8::try_from(run.len()).expect("a chunk has at most 127 bytes"));
            self.code.extend_from_slice(run);
        }
        self.pending.clear();
    }
}

fn push_size(mut value: usize, out: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits fit a byte");
        value >>= 7;
        out.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            break;
        }
    }
}

/// Makes a delta from one version of a folder to another, entry by entry; either may hold any bytes.
///
/// Where the bytes are no tree, what lies between the common head and the common tail is inserted whole.
pub fn tree_delta(base: &[u8], new: &[u8]) -> Vec<u8> {
    let head = common_prefix(base, new);
    let tail = common_prefix_rev(&base[head..], &new[head..]);
    let (base_end, new_end) = (base.len() - tail, new.len() - tail);
    let whole = |writer: &mut DeltaWriter| {
        writer.copy(base, 0..head);
        writer.insert(base, &new[head..new_end]);
        writer.copy(base, base_end..base.len());
    };
    let mut writer = DeltaWriter::new(base.len());
    // One changed entry is best told as one hunk; several are looked at entry by entry.
    if new_end - head <= 2 * 64 || by_entries(base, new, &mut writer).is_err() {
        writer = DeltaWriter::new(base.len());
        whole(&mut writer);
    }
    writer.finish(base)
}

/// Merges the two sorted lists of entries; what is equal is copied.
fn by_entries(base: &[u8], new: &[u8], writer: &mut DeltaWriter) -> Result<(), GitError> {
    let (mut old, mut old_start) = (Scan::new(base), 0);
    let mut fresh = Scan::new(new);
    let mut old_entry = old.next_entry()?;
    loop {
        let new_start = fresh.offset();
        let Some(entry) = fresh.next_entry()? else { return Ok(()) };
        let bytes = &new[new_start..fresh.offset()];
        while let Some(candidate) = old_entry
            && compare(candidate, entry) == Ordering::Less
        {
            old_start = old.offset();
            old_entry = old.next_entry()?;
        }
        let old_bytes = &base[old_start..old.offset()];
        if old_entry.is_some_and(|candidate| compare(candidate, entry) == Ordering::Equal) {
            let shared = common_prefix(old_bytes, bytes);
            writer.copy(base, old_start..old_start + shared);
            writer.insert(base, &bytes[shared..]);
        } else {
            writer.insert(base, bytes);
        }
    }
}

fn compare(a: EntryRef<'_>, b: EntryRef<'_>) -> Ordering {
    order((a.name, a.mode.is_tree()), (b.name, b.mode.is_tree()))
}

pub(crate) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 256;
    let shared = a.len().min(b.len());
    let mut at = 0;
    while at + STEP <= shared && a[at..at + STEP] == b[at..at + STEP] {
        at += STEP;
    }
    at + a[at..shared].iter().zip(&b[at..shared]).take_while(|(x, y)| x == y).count()
}

pub(crate) fn common_prefix_rev(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 256;
    let shared = a.len().min(b.len());
    let (a, b) = (&a[a.len() - shared..], &b[b.len() - shared..]);
    let mut left = shared;
    while left >= STEP && a[left - STEP..left] == b[left - STEP..left] {
        left -= STEP;
    }
    let (a, b) = (a[..left].iter().rev(), b[..left].iter().rev());
    shared - left + a.zip(b).take_while(|(x, y)| x == y).count()
}

fn malformed(rule: &str) -> GitError {
    GitError::malformed("delta", rule)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use steelyard_core::Oid;

    use super::*;
    use crate::tree::{EntryMode, Tree, TreeEntry};

    fn tree(names: &std::collections::BTreeMap<u16, u8>) -> Bytes {
        let entries = names.iter().map(|(name, oid)| TreeEntry {
            mode: EntryMode::File,
            name: format!("file{name}").into(),
            oid: Oid::new([*oid; 20]),
        });
        Tree::from_entries(entries.collect()).unwrap().data().clone()
    }

    proptest! {
        #[test]
        fn trees_survive(a in prop::collection::btree_map(0..2000u16, 0..4u8, 0..200),
                         changes in prop::collection::btree_map(0..2000u16, 0..6u8, 0..20)) {
            let mut b = a.clone();
            for (name, change) in changes {
                if change == 5 { b.remove(&name); } else { b.insert(name, change); }
            }
            let (a, b) = (tree(&a), tree(&b));
            let delta = tree_delta(&a, &b);
            prop_assert_eq!(&apply(&a, &delta, 1 << 20).unwrap(), &b);
            prop_assert!(apply(&a, &delta, (b.len() as u64).saturating_sub(1)).is_err() || b.is_empty());
        }

        #[test]
        fn any_bytes_survive(a in prop::collection::vec(0..3u8, 0..900), b in prop::collection::vec(0..3u8, 0..900)) {
            prop_assert_eq!(apply(&a, &tree_delta(&a, &b), 1 << 20).unwrap(), b);
        }

        #[test]
        fn hostile_deltas_are_errors(base in prop::collection::vec(any::<u8>(), 0..50),
                                     delta in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(result) = apply(&base, &delta, 1 << 20) {
                prop_assert!(result.len() <= 1 << 20);
            }
        }
    }

    #[test]
    fn one_change_in_a_large_folder_is_told_in_few_bytes() {
        let mut names: std::collections::BTreeMap<u16, u8> = (0..60_000).map(|n| (n, 1)).collect();
        let a = tree(&names);
        names.insert(31_000, 2);
        let b = tree(&names);
        assert!(tree_delta(&a, &b).len() < 50);
        names.insert(5, 3);
        names.remove(&59_000);
        let c = tree(&names);
        let delta = tree_delta(&a, &c);
        assert!(delta.len() < 120, "{}", delta.len());
        assert_eq!(apply(&a, &delta, 1 << 30).unwrap(), c);
    }

    #[test]
    fn long_copies_are_split_and_64_kib_is_zero() {
        for size in [0x1_0000, 0xff_ffff, 0x100_0000, 0x200_0001] {
            let base = vec![7; size];
            let delta = tree_delta(&base, &base);
            assert_eq!(apply(&base, &delta, 1 << 30).unwrap().len(), size);
        }
    }
}
