use parking_lot::Mutex;
use steelyard_core::Rng;

/// Random bytes that are the same in every run with the same seed (xoshiro256**, not for secrets).
#[derive(Debug)]
pub struct TestRng {
    state: Mutex<[u64; 4]>,
}

impl TestRng {
    /// Starts the sequence that belongs to `seed`.
    pub fn seeded(seed: u64) -> Self {
        // splitmix64, as xoshiro's authors advise: it never yields the forbidden all-zero state.
        let mut at = seed;
        let state = std::array::from_fn(|_| {
            at = at.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = at;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        });
        Self { state: Mutex::new(state) }
    }

    /// The next number.
    pub fn next_u64(&self) -> u64 {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let result = state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
        result
    }

    /// The next number below `bound`, which must not be zero.
    pub fn below(&self, bound: u64) -> u64 {
        assert!(bound > 0, "no number is below zero");
        // The high half of the product is as even as 64 bits allow, and needs no loop.
        u64::try_from((u128::from(self.next_u64()) * u128::from(bound)) >> 64)
            .expect("the product is below bound << 64")
    }

    /// The next `count` bytes.
    pub fn bytes(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.fill(&mut bytes);
        bytes
    }
}

impl Rng for TestRng {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_fixes_the_sequence() {
        let (one, same, other) = (TestRng::seeded(1), TestRng::seeded(1), TestRng::seeded(2));
        let bytes = one.bytes(37);
        assert_eq!(bytes, same.bytes(37));
        assert_ne!(bytes, other.bytes(37));
    }

    #[test]
    fn below_reaches_every_number_and_never_the_bound() {
        let rng = TestRng::seeded(7);
        let mut seen = [0_u32; 5];
        for _ in 0..5000 {
            seen[usize::try_from(rng.below(5)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|&count| count > 800), "{seen:?}");
    }
}
