//! Randomness as a value that tests can seed.

/// A source of random bytes, good enough for secrets outside tests.
pub trait Rng: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}
