//! The hashes below come from `MerkleHashSubtree::from_chunks` of `xet-core-structures` 1.8.0.

use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::hash::{chunk_hash, file_hash};

/// The chunk numbered so.
pub(crate) fn chunk(number: u32) -> Node {
    let len = (8192 + u64::from(number) * 7919 % 120_000).min(131_072);
    (chunk_hash(&number.to_le_bytes()), len)
}

fn chunks(numbers: Range<u32>) -> Vec<Node> {
    numbers.map(chunk).collect()
}

/// Hash of the nodes in the protocol's order, each with its length.
pub(crate) fn digest(subtree: &Subtree) -> String {
    let bytes: Vec<u8> = subtree
        .nodes()
        .flat_map(|(hash, len)| [hash.as_bytes().as_slice(), &len.to_le_bytes()].concat())
        .collect();
    chunk_hash(&bytes).to_string()
}

type Case = ((Range<u32>, bool, bool), &'static [(usize, usize)], &'static str);

const CASES: &[Case] = &[
    (
        (0..1, true, true),
        &[(1, 0)],
        "bfa99ed0219e1b83ba7109a88916cd2434aa8d4a00db1d324c221a64ecca0214",
    ),
    (
        (0..2, true, true),
        &[(0, 0), (1, 0)],
        "5f32996bc61de220a34418a243c2b735ec70b9d3fddbf60aec033d4864a745b5",
    ),
    (
        (0..2, false, true),
        &[(2, 0)],
        "3585ccb68eeb809abe5866ec32c21658785d28abde7f5ee2e4af3c8b37bbca41",
    ),
    (
        (0..12, true, true),
        &[(0, 0), (0, 0), (1, 0)],
        "5b22c0c42a338addfbbbacad7cc4b128a644234d4995850a16ca5ff566d4c12a",
    ),
    (
        (0..12, true, false),
        &[(12, 0)],
        "4c72b8e6b81a3d403a7f646be10c400b91e4f702bcdaf24de144ea8f41db4dd9",
    ),
    (
        (0..100, true, true),
        &[(0, 0), (0, 0), (0, 0), (1, 0)],
        "90b89cbcfc3a2c7974caa9d737c6559bbc4b4f7420dc8a25e8669f7e690702f1",
    ),
    (
        (0..100, true, false),
        &[(0, 31), (13, 0)],
        "8cd597460c2dba3f3ca660d063d90c9d95cde75cda76bb0560814b07d7ab4efa",
    ),
    (
        (0..100, false, true),
        &[(69, 0), (7, 0)],
        "32768537d39ed6e3a4f486b54bacce156003f6734e267fda3bcf240784f37554",
    ),
    (
        (0..100, false, false),
        &[(100, 0)],
        "c58655ec60335ebc7a1a55d9de136012dd0d27e30dfbf77e39b8db15f762773b",
    ),
    (
        (7..107, false, false),
        &[(62, 4), (7, 0)],
        "191afa538f92407e1b5a40333fbfe36f996e0b8f54a8a4147a96baf2e4c57de7",
    ),
    (
        (0..3000, true, true),
        &[(0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (1, 0)],
        "80088e40bab1af3cbb84efd8a0b582b4e4005609001c58c4dfc27a1d5dacab19",
    ),
    (
        (0..3000, true, false),
        &[(0, 4), (0, 40), (0, 37), (10, 0)],
        "58da8550907b98ea51dde212b203c0eedcf7c3c8fd54655a968226ee1a0e1daf",
    ),
    (
        (0..3000, false, true),
        &[(69, 0), (28, 0), (12, 0), (14, 0)],
        "072f93100b8040f1adbb180f7bebc82eddfc517246e88be256ddd1becd6f3251",
    ),
    (
        (0..3000, false, false),
        &[(69, 4), (28, 40), (12, 37), (6, 0)],
        "d31e6f0f34be925e70f8d17a7feecc70703f7909327a6a72ca9f1072193443ba",
    ),
];

#[test]
fn subtrees_are_those_of_upstream() {
    for ((numbers, is_at_start, is_at_end), levels, expected) in CASES {
        let subtree = Subtree::new(*is_at_start, chunks(numbers.clone()), *is_at_end);
        assert_eq!(subtree.levels().collect::<Vec<_>>(), *levels, "{numbers:?}");
        assert_eq!(digest(&subtree), *expected);
        assert_eq!(subtree.len(), subtree.nodes().count());
    }
}

#[test]
fn a_file_without_chunks_has_the_hash_zero() {
    let empty = Subtree::new(true, vec![], true);
    assert!(empty.is_empty());
    assert_eq!(empty.file_hash(), Some(XetHash::ZERO));
    assert_eq!(Subtree::new(true, vec![], false).file_hash(), None);
    let joined = Subtree::new(true, vec![], false).join(Subtree::new(false, vec![], true));
    assert_eq!(joined.unwrap().file_hash(), Some(XetHash::ZERO));
}

#[test]
fn what_does_not_follow_is_not_joined() {
    let run = |is_at_start, is_at_end| Subtree::new(is_at_start, chunks(0..9), is_at_end);
    assert_eq!(run(true, true).join(run(false, true)), Err(NotAdjacent));
    assert_eq!(run(true, false).join(run(true, true)), Err(NotAdjacent));
    assert!(run(false, false).join(run(false, false)).is_ok());
}

#[test]
fn a_long_run_has_few_nodes() {
    let subtree = Subtree::new(false, chunks(0..200_000), false);
    assert!(subtree.len() < 600, "{} nodes", subtree.len());
    // But equal chunks may never end a group, so that nothing is decided.
    let number = (0..).find(|number| !may_end_group(&chunk(*number).0)).unwrap();
    assert_eq!(Subtree::new(false, vec![chunk(number); 1000], false).len(), 1000);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Many chunks of one kind make groups of all lengths.
    #[test]
    fn runs_join_to_the_file(
        numbers in prop::collection::vec(prop_oneof![0..9_u32, any::<u32>()], 0..600),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let chunks: Vec<Node> = numbers.into_iter().map(chunk).collect();
        let mut cuts: Vec<usize> =
            cuts.iter().map(|cut| cut.index(chunks.len() + 1)).chain([0, chunks.len()]).collect();
        cuts.sort_unstable();
        let count = cuts.len() - 1;
        let runs: Vec<Subtree> = cuts
            .windows(2)
            .enumerate()
            .map(|(index, cut)| {
                Subtree::new(index == 0, chunks[cut[0]..cut[1]].to_vec(), index + 1 == count)
            })
            .collect();
        let expected = Some(file_hash(&chunks));
        let join = |one: Subtree, next: Subtree| one.join(next).unwrap();
        prop_assert_eq!(runs.clone().into_iter().reduce(join).unwrap().file_hash(), expected);
        // From the right it gives the same.
        let backward = runs.into_iter().rev().reduce(|next, one| join(one, next)).unwrap();
        prop_assert_eq!(backward.file_hash(), expected);
    }
}
