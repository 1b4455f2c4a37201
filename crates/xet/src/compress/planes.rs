//! Byte grouping: bytes in groups of four, gathered into four planes one behind the other (`bg4_split`, `bg4_regroup`).
//!
//! When the length is no multiple of four, the first planes have one byte more.

/// Groups that are taken apart at once.
const BLOCK: usize = 16;

/// Lengths of the first, second and third plane of `len` bytes; the fourth has the rest.
fn lengths(len: usize) -> [usize; 3] {
    [len.div_ceil(4), (len + 2) / 4, (len + 1) / 4]
}

/// Gathers the planes of `data` in `out`, which has the same length.
pub(super) fn split(data: &[u8], out: &mut [u8]) {
    let [first, second, third] = lengths(data.len());
    let (p0, rest) = out.split_at_mut(first);
    let (p1, rest) = rest.split_at_mut(second);
    let (p2, p3) = rest.split_at_mut(third);
    let (groups, tail) = data.as_chunks::<4>();
    let full = groups.len();
    // In blocks of a fixed size, which compilers turn into instructions that move many bytes at once.
    let (blocks, others) = groups.as_chunks::<BLOCK>();
    let (a, a_rest) = p0[..full].as_chunks_mut::<BLOCK>();
    let (b, b_rest) = p1[..full].as_chunks_mut::<BLOCK>();
    let (c, c_rest) = p2[..full].as_chunks_mut::<BLOCK>();
    let (d, d_rest) = p3[..full].as_chunks_mut::<BLOCK>();
    for ((((block, a), b), c), d) in blocks.iter().zip(a).zip(b).zip(c).zip(d) {
        let words = block.map(u32::from_le_bytes);
        *a = words.map(|word| word as u8);
        *b = words.map(|word| (word >> 8) as u8);
        *c = words.map(|word| (word >> 16) as u8);
        *d = words.map(|word| (word >> 24) as u8);
    }
    let others = others.iter().zip(a_rest).zip(b_rest).zip(c_rest).zip(d_rest);
    for ((((group, a), b), c), d) in others {
        [*a, *b, *c, *d] = *group;
    }
    let ends = [p0.get_mut(full), p1.get_mut(full), p2.get_mut(full)];
    for (byte, end) in tail.iter().zip(ends) {
        *end.expect("the planes of the tail have one byte more") = *byte;
    }
}

/// Puts the bytes of the planes back where they were, in `out`, which has the same length.
pub(super) fn join(planes: &[u8], out: &mut [u8]) {
    let [first, second, third] = lengths(planes.len());
    let (p0, rest) = planes.split_at(first);
    let (p1, rest) = rest.split_at(second);
    let (p2, p3) = rest.split_at(third);
    let (groups, tail) = out.as_chunks_mut::<4>();
    let full = groups.len();
    let whole = groups.iter_mut().zip(&p0[..full]).zip(&p1[..full]);
    let whole = whole.zip(&p2[..full]).zip(&p3[..full]);
    for ((((group, a), b), c), d) in whole {
        *group = [*a, *b, *c, *d];
    }
    let ends = [p0.get(full), p1.get(full), p2.get(full)];
    for (byte, end) in tail.iter_mut().zip(ends) {
        *byte = *end.expect("the planes of the tail have one byte more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fourth_byte_forms_a_plane() {
        for len in 0..70_u8 {
            let data: Vec<u8> = (0..len).collect();
            let expected: Vec<u8> = (0..4).flat_map(|n| (n..len).step_by(4)).collect();
            let mut planes = vec![0; data.len()];
            split(&data, &mut planes);
            assert_eq!(planes, expected);
            let mut joined = vec![0; data.len()];
            join(&planes, &mut joined);
            assert_eq!(joined, data);
        }
    }
}
