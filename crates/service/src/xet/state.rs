//! What a hub keeps in memory for Xet: keys, and caches that may be lost.

use std::sync::Arc;

use hmac::{Hmac, Mac};
use moka::sync::Cache;
use sha2::Sha256;
use steelyard_core::{Secret, Timestamp};

use super::XetSettings;
use super::dedup::DedupKeys;
use super::memory::Memory;
use super::standing::{StandingKey, XetRepo};
use super::views::Views;

/// Standings that are remembered at a time.
const STANDINGS_MAX: u64 = 10_000;

/// Keys and caches.
pub(crate) struct XetState {
    /// Signs tokens.
    pub(super) token_key: Hmac<Sha256>,
    /// Signs grants to put a xorb into the store.
    pub(super) grant_key: Hmac<Sha256>,
    /// Memory for bodies.
    pub(super) memory: Memory,
    /// What users of tokens were last found to be allowed, and when.
    pub(super) standings: Cache<StandingKey, (Timestamp, Arc<XetRepo>)>,
    /// Hides chunk hashes.
    pub(super) dedup_keys: DedupKeys,
    /// What readers know of files and xorbs.
    pub(super) views: Views,
}

impl XetState {
    /// A state without memories; `secret` is shared by all replicas.
    pub(crate) fn new(secret: &Secret, settings: &XetSettings) -> Self {
        let master = keyed(secret.expose().as_bytes());
        let token_key = keyed(&derive(&master, "token"));
        let grant_key = keyed(&derive(&master, "grant"));
        let memory = Memory::new(settings.memory_bytes);
        let dedup_keys = DedupKeys::new(derive(&master, "dedup"), derive(&master, "mask"));
        let standings = Cache::new(STANDINGS_MAX);
        let views = Views::new();
        Self { token_key, grant_key, memory, standings, dedup_keys, views }
    }
}

impl std::fmt::Debug for XetState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("XetState")
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// A key for one purpose, the same on all replicas. Knowing it tells nothing of the others.
fn derive(master: &Hmac<Sha256>, purpose: &str) -> [u8; 32] {
    let mut mac = master.clone();
    mac.update(b"steelyard-xet-1\0");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_purpose_and_secret_only() {
        let key = |secret: &[u8], purpose: &str| derive(&keyed(secret), purpose);
        assert_eq!(key(b"a", "dedup"), key(b"a", "dedup"));
        assert_ne!(key(b"a", "dedup"), key(b"a", "mask"));
        assert_ne!(key(b"a", "dedup"), key(b"b", "dedup"));
    }
}
