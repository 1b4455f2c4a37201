//! Seeded chance.

/// A small generator (xorshift64*), the same on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of them, the first ones far more often.
    pub fn skewed<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let (left, right) = (self.below(all.len() as u64), self.below(all.len() as u64 + 1));
        &all[(left * right / (all.len() as u64 + 1)) as usize]
    }

    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }

    pub fn some<T: Clone>(&mut self, all: &[T], most: u64) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| self.skewed(all).clone()).collect()
    }
}
