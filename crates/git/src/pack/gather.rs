//! Puts the packs of several commits into one, entry by entry.

use std::collections::HashSet;

use super::HEADER_LEN;
use super::builder::{BuiltPack, PackWriter};
use super::entry::{EntryKind, parse};
use crate::GitError;

/// One pack with the objects of all of `packs`, each once, in the order in which they first come.
///
/// Unlike [`concat`](super::concat()) it copies every entry as it is: deltas keep the bases they have, so the result
/// needs outside of it what the packs need outside of all of them. Only packs of a
/// [`PackBuilder`](super::PackBuilder) can be put together this way, because their deltas name bases by id.
pub fn gather(packs: &[BuiltPack]) -> Result<BuiltPack, GitError> {
    if let [only] = packs {
        return Ok(only.clone());
    }
    let mut known = HashSet::with_capacity(packs.iter().map(|pack| pack.toc.len()).sum());
    let bytes = packs.iter().map(|pack| pack.bytes.len()).sum();
    let mut writer = PackWriter::with_capacity(bytes);
    for pack in packs {
        let body = body_of(pack);
        let order = pack.toc.by_offset();
        let entry = |place: usize| order.get(place).map(|index| pack.toc.entry(*index as usize));
        for place in 0..order.len() {
            let record = entry(place).expect("the loop counts the entries");
            if !known.insert(record.oid) {
                continue;
            }
            if let EntryKind::OfsDelta { .. } = parse(body, record.offset)?.kind {
                return Err(GitError::malformed("pack", "must name the bases of its deltas by id"));
            }
            let end = entry(place + 1).map_or(body.len(), |next| next.offset as usize);
            let bytes = body.get(record.offset as usize..end);
            let bytes = bytes.ok_or_else(|| GitError::malformed("pack entry", "is cut short"))?;
            writer.push_entry(record.oid, record.crc32, bytes)?;
        }
    }
    writer.finish()
}

fn body_of(pack: &BuiltPack) -> &[u8] {
    let end = pack.bytes.len().saturating_sub(steelyard_core::Oid::LEN).max(HEADER_LEN);
    pack.bytes.get(..end).unwrap_or_default()
}
