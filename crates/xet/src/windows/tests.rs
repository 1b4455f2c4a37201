//! The windows and gaps of the first test come from `ChunkWindowBuilder` of `xet-client` 1.8.0.

#![expect(clippy::single_range_in_vec_init, reason = "a client may name one range")]

use proptest::prelude::*;

use super::*;
use crate::hash::{chunk_hash, file_hash};
use crate::subtree::tests::{chunk, digest};

fn find(dirty: &[Range<u64>], chunks: &[Node]) -> FileWindows {
    let size = chunks.iter().map(|chunk| chunk.1).sum();
    let mut finder = WindowFinder::new(dirty, size).unwrap();
    chunks.iter().for_each(|(hash, len)| finder.push(*hash, *len as u32).unwrap());
    finder.finish()
}

fn two_hundred() -> Vec<Node> {
    (0..200).map(chunk).collect()
}

const SIZE: u64 = 13_426_500;

/// Dirty ranges, the windows they give, and the digests of the gaps.
type Case = (&'static [Range<u64>], &'static [Range<u64>], &'static [&'static str]);

const CASES: &[Case] = &[
    (
        &[0..1],
        &[0..80_282],
        &["", "d0fd929ca1ab142f0cc5d501e6e9d70305f47be806bc7f213bef59e9e8e9acdf"],
    ),
    (
        &[SIZE - 1..SIZE],
        &[13_402_427..SIZE],
        &["26b9f0c223319f7e7cdceabe5f8d87fde5efe3734a3e13acf8796a9289b6c035", ""],
    ),
    (&[0..SIZE], &[0..SIZE], &["", ""]),
    (
        &[1_000_000..1_000_001],
        &[954_375..1_149_797],
        &[
            "e678bc70676d2be40729571ba564d58b9b76497ed0e85a4c9767486414d85737",
            "a753b9e256c5c2c763fbb5b1e0d1d728ea24a6de27d92f9763485456ba9aa201",
        ],
    ),
    (
        &[
            1_000_000..1_100_000,
            1_100_000..1_100_001,
            5_000_000..5_000_001,
            5_200_000..5_200_001,
            9_000_000..9_000_001,
        ],
        &[954_375..1_188_450, 4_955_427..5_245_607, 8_922_518..9_250_532],
        &[
            "e678bc70676d2be40729571ba564d58b9b76497ed0e85a4c9767486414d85737",
            "11d498e572ffe66a93deb80c98c4d21e76d3cea6162329055ba8da890b55eda4",
            "be7afc708137d650ac6b6dbae472b5ae665ae06e2be1770377ff1c0cad379e26",
            "8904814e840de07423caad7a4a90d3d27a6064fedc1f1ec56b0043cb60879329",
        ],
    ),
];

#[test]
fn windows_are_those_of_upstream() {
    let chunks = two_hundred();
    for (dirty, windows, gaps) in CASES {
        let found = find(dirty, &chunks);
        assert_eq!(found.windows, *windows);
        let digests: Vec<String> =
            found.gaps.iter().map(|gap| gap.as_ref().map(digest).unwrap_or_default()).collect();
        assert_eq!(digests, *gaps);
        assert_eq!(found.chunks, 200);
    }
}

#[test]
fn one_chunk_may_hold_many_ranges() {
    let chunks = two_hundred();
    let one = find(&[1_000_000..1_000_001, 9_000_000..9_000_001], &chunks);
    let mut dirty: Vec<_> = (0..5).map(|n| 1_000_000 + 2 * n..1_000_001 + 2 * n).collect();
    dirty.push(9_000_000..9_000_001);
    assert_eq!(find(&dirty, &chunks), one);
    assert_eq!(one.windows, [954_375..1_149_797, 8_922_518..9_250_532]);
}

#[test]
fn untouched_bytes_are_told_apart() {
    let found = find(CASES[4].0, &two_hundred());
    for untouched in [0..954_375, 0..1, 1_188_450..1_188_451, 5_245_607..8_922_518, 9_250_532..SIZE]
    {
        assert!(found.leaves_alone(&untouched), "{untouched:?}");
    }
    for touched in [0..954_376, 954_375..954_376, 1_188_449..1_188_451, 0..SIZE, 9_250_531..SIZE] {
        assert!(!found.leaves_alone(&touched), "{touched:?}");
    }
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "clients send such ranges")]
fn ranges_that_make_no_sense_are_refused() {
    let error = |dirty: &[Range<u64>]| WindowFinder::new(dirty, 100).unwrap_err();
    for outside in
        [vec![], vec![100..101], vec![5..5, 7..7], vec![9..3], vec![u64::MAX - 1..u64::MAX]]
    {
        assert_eq!(error(&outside), DirtyError::Outside);
    }
    assert_eq!(error(&[5..10, 9..12]), DirtyError::Order(1));
    assert_eq!(error(&[0..1, 5..10, 2..3]), DirtyError::Order(2));
    assert_eq!(error(&vec![0..0; 10_001]), DirtyError::TooMany(10_001));
    assert!(WindowFinder::new(&[0..u64::MAX], 1).is_ok());
    assert!(WindowFinder::new(&[0..u64::MAX], 0).is_err());
}

/// More chunks than a gap holds at a time.
#[test]
fn long_gaps_are_joined_from_parts() {
    let chunks: Vec<Node> =
        (0..150_000_u32).map(|number| (chunk_hash(&number.to_le_bytes()), 20_000)).collect();
    let found = find(&[1_400_000_000..1_400_000_001], &chunks);
    assert_eq!(found.windows, [1_400_000_000..1_400_060_000]);
    assert!(found.gaps.iter().flatten().all(|gap| gap.len() < 700));
    let window = Subtree::new(false, chunks[70_000..70_003].to_vec(), false);
    let [Some(before), Some(behind)] = &found.gaps[..] else {
        panic!("a gap is missing");
    };
    let file = before.clone().join(window).unwrap().join(behind.clone()).unwrap();
    assert_eq!(file.file_hash(), Some(file_hash(&chunks)));
}

/// Equal chunks of a hash that never ends a group: all of them would have to be answered.
#[test]
fn a_gap_that_cannot_be_summed_up_is_refused() {
    let hash = XetHash::new([1; 32]);
    let mut finder = WindowFinder::new(&[0..1], u64::MAX).unwrap();
    let refused_at = (0_usize..).find(|_| finder.push(hash, 20_000).is_err()).unwrap();
    assert!((GAP_NODES_MAX..GAP_NODES_MAX + 2 * BATCH_CHUNKS).contains(&refused_at));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What a client does with the answer: it joins the gaps with the chunks of the windows.
    #[test]
    fn gaps_and_windows_give_the_file(
        numbers in prop::collection::vec(any::<u32>(), 1..120),
        points in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let chunks: Vec<Node> = numbers.into_iter().map(chunk).collect();
        let size: u64 = chunks.iter().map(|chunk| chunk.1).sum();
        let mut points: Vec<u64> = points.iter().map(|point| point.index(size as usize) as u64).collect();
        points.sort_unstable();
        points.dedup();
        let dirty: Vec<Range<u64>> = points.iter().map(|point| *point..point + 1).collect();
        let found = find(&dirty, &chunks);
        prop_assert_eq!(found.gaps.len(), found.windows.len() + 1);
        prop_assert!(found.windows.is_sorted_by(|one, next| one.end <= next.start));
        for range in &dirty {
            prop_assert!(!found.leaves_alone(range));
            prop_assert!(found.windows.iter().any(|window| window.start <= range.start && range.end <= window.end));
        }
        let mut parts = Vec::new();
        let mut gaps = found.gaps.into_iter();
        parts.extend(gaps.next().flatten());
        for (window, gap) in found.windows.iter().zip(gaps) {
            let mut start = 0;
            let inside: Vec<Node> = chunks
                .iter()
                .filter(|chunk| {
                    let is_inside = window.contains(&start);
                    start += chunk.1;
                    is_inside
                })
                .copied()
                .collect();
            let len: u64 = inside.iter().map(|chunk| chunk.1).sum();
            prop_assert_eq!(len, window.end - window.start);
            parts.push(Subtree::new(parts.is_empty(), inside, window.end == size));
            parts.extend(gap);
        }
        let file = parts.into_iter().reduce(|one, next| one.join(next).unwrap()).unwrap();
        prop_assert_eq!(file.file_hash(), Some(file_hash(&chunks)));
    }
}
