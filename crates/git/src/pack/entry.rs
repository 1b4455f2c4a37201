//! The header of one entry of a pack.

use steelyard_core::Oid;

use crate::GitError;
use crate::object::ObjectKind;

/// How an entry stores its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Whole.
    Whole(ObjectKind),
    /// As a delta against an earlier entry of the same pack.
    OfsDelta {
        /// Where the base starts.
        base_offset: u32,
    },
    /// As a delta against the object with that id, in this pack or another of the repository.
    RefDelta {
        /// The base.
        base: Oid,
    },
}

/// The header of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryHeader {
    /// How the object is stored.
    pub kind: EntryKind,
    /// Size of the inflated content or delta.
    pub size: u64,
    /// Where the zlib stream starts.
    pub data_offset: usize,
}

/// Parses the header at `offset` of a pack without its trailer.
pub(crate) fn parse(body: &[u8], offset: u32) -> Result<EntryHeader, GitError> {
    let start = offset as usize;
    if start < super::HEADER_LEN {
        return Err(malformed("starts inside the header"));
    }
    let mut bytes = body.get(start..).unwrap_or_default().iter().copied();
    let mut next = || bytes.next().ok_or_else(|| malformed("is cut short"));
    let mut byte = next()?;
    let kind = byte >> 4 & 7;
    let mut size = u64::from(byte & 0x0f);
    let mut shift = 4;
    let mut length = 1;
    while byte & 0x80 != 0 {
        if shift > 53 {
            return Err(malformed("has a size that overflows"));
        }
        byte = next()?;
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        length += 1;
    }
    let kind = match kind {
        1 => EntryKind::Whole(ObjectKind::Commit),
        2 => EntryKind::Whole(ObjectKind::Tree),
        3 => EntryKind::Whole(ObjectKind::Blob),
        4 => EntryKind::Whole(ObjectKind::Tag),
        6 => {
            let mut byte = next()?;
            length += 1;
            let mut distance = u64::from(byte & 0x7f);
            while byte & 0x80 != 0 {
                byte = next()?;
                length += 1;
                distance = (distance + 1) << 7 | u64::from(byte & 0x7f);
                if distance > u64::from(u32::MAX) {
                    return Err(malformed("has a base outside the pack"));
                }
            }
            let distance = u32::try_from(distance).expect("the loop kept it small");
            match offset.checked_sub(distance) {
                Some(base_offset) if distance > 0 && base_offset as usize >= super::HEADER_LEN => {
                    EntryKind::OfsDelta { base_offset }
                }
                _ => return Err(malformed("has a base outside the pack")),
            }
        }
        7 => {
            let base = body
                .get(start + length..start + length + Oid::LEN)
                .ok_or_else(|| malformed("is cut short"))?;
            length += Oid::LEN;
            EntryKind::RefDelta {
                base: Oid::from_slice(base).expect("the slice has the length of an id"),
            }
        }
        _ => return Err(malformed("has a kind that git does not know")),
    };
    Ok(EntryHeader { kind, size, data_offset: start + length })
}

/// Appends the header of an entry that starts at the end of `out`.
pub(crate) fn write(kind: EntryKind, size: u64, out: &mut Vec<u8>) {
    let start = out.len();
    let code = match kind {
        EntryKind::Whole(ObjectKind::Commit) => 1,
        EntryKind::Whole(ObjectKind::Tree) => 2,
        EntryKind::Whole(ObjectKind::Blob) => 3,
        EntryKind::Whole(ObjectKind::Tag) => 4,
        EntryKind::OfsDelta { .. } => 6,
        EntryKind::RefDelta { .. } => 7u8,
    };
    let mut rest = size >> 4;
    let mut byte = code << 4 | low(size, 0x0f);
    while rest != 0 {
        out.push(byte | 0x80);
        byte = low(rest, 0x7f);
        rest >>= 7;
    }
    out.push(byte);
    match kind {
        EntryKind::Whole(_) => {}
        EntryKind::OfsDelta { base_offset } => {
            let mut distance = start as u64 - u64::from(base_offset);
            let mut digits = [0; 10];
            let mut at = digits.len() - 1;
            digits[at] = low(distance, 0x7f);
            distance >>= 7;
            while distance != 0 {
                distance -= 1;
                at -= 1;
                digits[at] = 0x80 | low(distance, 0x7f);
                distance >>= 7;
            }
            out.extend_from_slice(&digits[at..]);
        }
        EntryKind::RefDelta { base } => out.extend_from_slice(base.as_bytes()),
    }
}

fn low(value: u64, mask: u8) -> u8 {
    u8::try_from(value & u64::from(mask)).expect("the mask fits a byte")
}

fn malformed(rule: &str) -> GitError {
    GitError::malformed("pack entry", rule)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_round_trip(start in 12usize..40_000, distance in 1u32..40_000, size in 0u64..1 << 56) {
            let mut kinds = vec![
                EntryKind::Whole(ObjectKind::Tag),
                EntryKind::RefDelta { base: Oid::new([9; 20]) },
            ];
            if let Some(base_offset) = (start as u32).checked_sub(distance).filter(|base| *base >= 12) {
                kinds.push(EntryKind::OfsDelta { base_offset });
            }
            for kind in kinds {
                let mut out = vec![0; start];
                write(kind, size, &mut out);
                let header = parse(&out, start as u32).unwrap();
                prop_assert_eq!(header, EntryHeader { kind, size, data_offset: out.len() });
                prop_assert!(parse(&out[..out.len() - 1], start as u32).is_err());
            }
        }

        #[test]
        fn hostile_headers_are_errors(bytes in prop::collection::vec(any::<u8>(), 12..60), at in 0u32..70) {
            if let Ok(header) = parse(&bytes, at) {
                prop_assert!(header.data_offset <= bytes.len());
            }
        }
    }
}
