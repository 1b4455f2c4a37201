//! Data for tests, the same on every machine: the hashes in `upstream.rs` were made from it.

/// Splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Bytes that cannot be compressed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut out: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).collect();
    out.truncate(len);
    out
}

/// Words and numbers.
pub fn text(seed: u64, len: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "the",
        "model",
        "layer",
        "of",
        "attention",
        "weights",
        "and",
        "a",
        "token",
        "is",
        "\n",
        "embedding",
        "in",
        "to",
        "norm",
        "head",
    ];
    let mut random = Random(seed);
    let mut out = Vec::with_capacity(len + 16);
    while out.len() < len {
        let value = random.next();
        out.extend_from_slice(WORDS[(value % 16) as usize].as_bytes());
        out.push(b' ');
        if value >> 60 == 0 {
            out.extend_from_slice(format!("{} ", value >> 32).as_bytes());
        }
    }
    out.truncate(len);
    out
}

/// Numbers in bf16, near to normally distributed around zero with deviation 0.02.
pub fn weights(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut out: Vec<u8> = (0..len.div_ceil(2))
        .flat_map(|_| {
            let value = random.next();
            let sum: i32 = (0..4).map(|n| i32::from((value >> (16 * n)) as u16) - 32_768).sum();
            let bits = (sum as f32 * (0.02 / 37_837.0)).to_bits();
            ((bits >> 16) as u16).to_le_bytes()
        })
        .collect();
    out.truncate(len);
    out
}
