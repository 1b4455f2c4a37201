//! What a hub keeps in memory for Xet: keys, and caches that may be lost.

use std::sync::Arc;

use hmac::{Hmac, Mac};
use moka::sync::Cache;
use sha2::Sha256;
use steelyard_core::{Secret, Timestamp};

use super::XetSettings;
use super::memory::Memory;
use super::standing::{StandingKey, XetRepo};

/// Standings that are remembered at a time.
const STANDINGS_MAX: u64 = 10_000;

/// Keys and caches.
pub(crate) struct XetState {
    master: Hmac<Sha256>,
    /// Signs tokens.
    pub(super) token_key: Hmac<Sha256>,
    /// Memory for bodies.
    pub(super) memory: Memory,
    /// What users of tokens were last found to be allowed, and when.
    pub(super) standings: Cache<StandingKey, (Timestamp, Arc<XetRepo>)>,
}

impl XetState {
    /// A state without memories; `secret` is shared by all replicas.
    pub(crate) fn new(secret: &Secret, settings: &XetSettings) -> Self {
        let master = keyed(secret.expose().as_bytes());
        let token_key = keyed(&derive(&master, "token"));
        let memory = Memory::new(settings.memory_bytes);
        Self { master, token_key, memory, standings: Cache::new(STANDINGS_MAX) }
    }

    /// A key for one purpose, the same on all replicas. Knowing it tells nothing of the others.
    pub(super) fn key(&self, purpose: &str) -> [u8; 32] {
        derive(&self.master, purpose)
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
        let state = |secret: &str| XetState::new(&Secret::new(secret), &XetSettings::default());
        assert_eq!(state("a").key("dedup"), state("a").key("dedup"));
        assert_ne!(state("a").key("dedup"), state("a").key("mask"));
        assert_ne!(state("a").key("dedup"), state("b").key("dedup"));
    }
}
