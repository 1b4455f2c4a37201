//! Places in a listing: after which value and repository, and since when it is being read.

use steelyard_core::page::Cursor;

use crate::request::{Direction, IndexError};

const VERSION: u8 = 1;
const LEN: usize = 30;
const ASCENDING: u8 = 0x80;

/// A place in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which order; see [`crate::orders::Lane`] and [`WORDS`].
    pub(crate) order: u8,
    pub(crate) direction: Direction,
    /// The key of the last hit shown.
    pub(crate) key: u64,
    /// The last hit shown.
    pub(crate) repo_id: i64,
    /// The moment as of which the listing is read, in microseconds.
    pub(crate) moment: i64,
}

/// The order by score, where words were asked for.
pub(crate) const WORDS: u8 = 0x7f;

impl Place {
    pub(crate) fn encode(self) -> Cursor {
        let mut bytes = Vec::with_capacity(LEN);
        let direction = if self.direction == Direction::Ascending { ASCENDING } else { 0 };
        bytes.extend([VERSION, self.order | direction]);
        bytes.extend(self.key.to_be_bytes());
        bytes.extend(self.repo_id.to_be_bytes());
        bytes.extend(self.moment.to_be_bytes());
        bytes.extend(checksum(&bytes).to_be_bytes());
        Cursor::after(bytes)
    }

    /// Reads a cursor, which must be of that order and direction.
    pub(crate) fn decode(
        cursor: &Cursor,
        order: u8,
        direction: Direction,
    ) -> Result<Self, IndexError> {
        let bytes: &[u8; LEN] = cursor.as_bytes().try_into().map_err(|_| IndexError::Cursor)?;
        let number = |at: usize| {
            bytes[at..at + 8].iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte))
        };
        let place = Self {
            order: bytes[1] & !ASCENDING,
            direction: if bytes[1] & ASCENDING == 0 {
                Direction::Descending
            } else {
                Direction::Ascending
            },
            key: number(2),
            repo_id: number(10) as i64,
            moment: number(18) as i64,
        };
        let is_ours = bytes[0] == VERSION && checksum(&bytes[..26]).to_be_bytes() == bytes[26..];
        if is_ours && place.order == order && place.direction == direction {
            Ok(place)
        } else {
            Err(IndexError::Cursor)
        }
    }
}

/// FNV-1a. It finds damage; a forged cursor is only a place in a list the viewer may read anyway.
fn checksum(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        order: 3,
        direction: Direction::Ascending,
        key: u64::MAX - 5,
        repo_id: -7,
        moment: 1 << 50,
    };

    #[test]
    fn places_survive_the_wire() {
        let wire = PLACE.encode().encode();
        let read = Cursor::parse(&wire).unwrap();
        assert_eq!(Place::decode(&read, 3, Direction::Ascending), Ok(PLACE));
        assert_eq!(Place::decode(&read, 3, Direction::Descending), Err(IndexError::Cursor));
        assert_eq!(Place::decode(&read, 2, Direction::Ascending), Err(IndexError::Cursor));
    }

    #[test]
    fn damage_is_seen() {
        let good = PLACE.encode().as_bytes().to_vec();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(
                Place::decode(&Cursor::after(bad), 3, Direction::Ascending),
                Err(IndexError::Cursor)
            );
            assert!(Place::decode(&Cursor::after(&good[..at]), 3, Direction::Ascending).is_err());
        }
    }
}
