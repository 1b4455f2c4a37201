//! Pages of long lists: how many entries, and after which one.

use crate::Invalid;

/// One page of a list that is ordered by a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in order.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<Cursor>,
}

/// An opaque place in a list: the key of the last entry shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

impl Cursor {
    /// A cursor after the entry whose key is `key`.
    pub fn after(key: impl AsRef<[u8]>) -> Self {
        Self(key.as_ref().to_vec())
    }

    /// The key as text.
    pub fn as_text(&self) -> Result<&str, Invalid> {
        std::str::from_utf8(&self.0).map_err(|_| Self::rule())
    }

    /// The key as raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the `cursor` query parameter.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        hex::decode(text).map(Self).map_err(|_| Self::rule())
    }

    /// Writes the `cursor` query parameter.
    pub fn encode(&self) -> String {
        hex::encode(&self.0)
    }

    fn rule() -> Invalid {
        Invalid::new("cursor", "must be taken from a Link header of this server")
    }
}
