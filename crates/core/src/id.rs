//! Public ids: 24 hexadecimal characters, the `_id` and `id` fields of the Hub API.

use std::fmt;

use crate::{Invalid, Rng, Timestamp};

/// An opaque id shown to clients: 4 bytes of creation time, 8 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicId([u8; 12]);

impl PublicId {
    /// Makes a fresh id.
    pub fn generate(now: Timestamp, rng: &dyn Rng) -> Self {
        let mut bytes = [0; 12];
        let seconds = u32::try_from(now.millis() / 1000).unwrap_or(u32::MAX);
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        rng.fill(&mut bytes[4..]);
        Self(bytes)
    }

    /// Parses 24 hexadecimal characters.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let mut bytes = [0; 12];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| Invalid::new("id", "must be 24 hexadecimal characters"))?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
