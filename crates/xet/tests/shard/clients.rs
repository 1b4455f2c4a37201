//! Shards as clients send them.
//!
//! Two of `clients/` were captured from the Python client's hf_xet 1.8.0 and one from huggingface.js 2.17.5 while they
//! uploaded `a`, `b` and `c`; the rest were written by `xet-core-structures` 1.8.0.

use std::collections::HashMap;

use steelyard_core::{Sha256, XetHash};
use steelyard_xet::{
    Chunker, Shard, ShardFile, ShardLimits, Terms, chunk_hash, parse_shard, verify_file,
};

use crate::make::{self, Tables};

pub const FIRST: &[u8] = include_bytes!("clients/hf_xet-1.8.0-first.shard");
pub const SECOND: &[u8] = include_bytes!("clients/hf_xet-1.8.0-second.shard");
pub const JAVASCRIPT: &[u8] = include_bytes!("clients/huggingface_js-2.17.5.shard");
pub const WITH_FOOTER: &[u8] = include_bytes!("clients/with-footer.shard");
pub const WITHOUT_FOOTER: &[u8] = include_bytes!("clients/without-footer.shard");

/// Hash, SHA-256 and size of each file, as the clients reported them.
const A: (&str, &str, u64) = (
    "04745ed3d4399754ab65557623784ed84063c4bccbabd8b3c346e44a12bdc042",
    "38256762b87fcba2a68b7c53195935960c251f2c8e087fc1836eeb551670f32d",
    400_000,
);
const B: (&str, &str, u64) = (
    "d01256aff6ce9c49c78a293fa6bb9658889736db243a28a4f6f5e589d3c8f3b2",
    "f3d2af30ba06bbe293f536ff9cc412600ce46ab6fe9f5bcc131369715b770ae4",
    401_000,
);
const C: (&str, &str, u64) = (
    "bcdabd01e6286721f6fc4f53bdc8eebeabbd1c260a1e2dc597638010acb294c5",
    "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882",
    10,
);

/// What the files were made of; the same formula made the captured uploads.
fn noise(mut seed: u64, len: usize) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn a() -> Vec<u8> {
    noise(1, 400_000)
}

fn b() -> Vec<u8> {
    let a = a();
    [&a[..200_000], &noise(2, 1000), &a[200_000..]].concat()
}

type Chunk = (XetHash, u32);

fn chunks(data: &[u8]) -> Vec<Chunk> {
    let mut chunker = Chunker::new();
    let mut chunks = Vec::new();
    let mut each = |chunk: &[u8]| chunks.push((chunk_hash(chunk), chunk.len() as u32));
    chunker.push(data, &mut each);
    chunker.finish(&mut each);
    chunks
}

fn parse(bytes: &[u8]) -> Shard {
    parse_shard(bytes, &ShardLimits::default()).unwrap()
}

/// Finds the file in the shard, and that it is what the client said.
fn check(shard: &Shard, tables: &Tables, expected: (&str, &str, u64)) -> (ShardFile, Terms) {
    let (hash, sha256, size) = expected;
    let hash = XetHash::parse(hash).unwrap();
    let file = shard.files.iter().find(|file| file.hash == hash).unwrap();
    assert_eq!(file.sha256, Some(Sha256::parse(sha256).unwrap()));
    let verified = verify_file(file, |xorb| tables.get(xorb)).unwrap();
    assert_eq!(verified.size, size);
    let terms = verified.pack(|_| 1).unwrap();
    assert_eq!(terms.total_raw(), size);
    (file.clone(), terms)
}

#[test]
fn the_python_client_twice() {
    let small = chunks(b"0123456789");
    let first = make::xorb(&[chunks(&a()), small].concat());
    let known = chunks(&a());
    let new: Vec<Chunk> = chunks(&b()).into_iter().filter(|chunk| !known.contains(chunk)).collect();
    let second = make::xorb(&new);
    let tables: Tables = [first.clone(), second.clone()].into();

    let shard = parse(FIRST);
    assert_eq!(shard.files.len(), 2);
    check(&shard, &tables, A);
    let (file, _) = check(&shard, &tables, C);
    assert_eq!((file.terms.len(), file.terms[0].raw_len), (1, 10));

    // The second upload refers to the xorb of the first.
    let shard = parse(SECOND);
    assert_eq!(shard.files.len(), 1);
    let (file, _) = check(&shard, &tables, B);
    let xorbs: Vec<_> = file.terms.iter().map(|term| term.xorb).collect();
    assert_eq!(xorbs, [first.0, second.0, first.0]);
}

/// Cuts the data into chunks of these lengths.
fn cut(mut data: &[u8], lengths: &[usize]) -> Vec<Chunk> {
    let chunks = lengths.iter().map(|len| {
        let (chunk, rest) = data.split_at(*len);
        data = rest;
        (chunk_hash(chunk), *len as u32)
    });
    let chunks = chunks.collect();
    assert!(data.is_empty());
    chunks
}

/// This client cuts elsewhere (it lets a chunk have 8128 bytes), so that the same content is another file.
#[test]
fn javascript_sends_a_footer_without_tables() {
    let in_a = cut(&a(), &[64_662, 8128, 123_982, 22_053, 131_072, 32_553, 17_550]);
    let in_b = cut(&b(), &[64_662, 8128, 123_982, 23_053, 131_072, 32_553, 17_550]);
    let tables: Tables =
        [make::xorb(&[in_a.clone(), vec![in_b[3]], chunks(b"0123456789")].concat())].into();
    let shard = parse(JAVASCRIPT);
    // The same content came under two names.
    assert_eq!(shard.files.len(), 3);
    let a = ("fc7202430acaa5efa12abf62be512d7f25364385a024793dbe1f1c7b294636c3", A.1, A.2);
    let b = ("79193f7f7518a457ed2a8462aea7ea5d43c760f37f6a8e5c72cdc1206eb8d42d", B.1, B.2);
    for expected in [a, b, C] {
        check(&shard, &tables, expected);
    }
    // The hub may be asked for a file by the hash of its first chunk.
    let verified = verify_file(&shard.files[0], |xorb| tables.get(xorb)).unwrap();
    assert_eq!(verified.first_chunk, Some(in_a[0].0));
}

#[test]
fn with_and_without_a_footer_a_shard_is_the_same() {
    let shard = parse(WITH_FOOTER);
    assert_eq!(parse(WITHOUT_FOOTER), shard);
    let xorbs = [
        make::xorb(&(0..5).map(make::chunk).collect::<Vec<_>>()),
        make::xorb(&[3, 10, 11, 11, 12].map(make::chunk)),
        make::xorb(&[make::chunk(20)]),
    ];
    let [x, y, z] = [0, 1, 2].map(|index: usize| xorbs[index].0);
    let tables: Tables = xorbs.into();
    let sha256 = |first: u8| Some(Sha256::new(std::array::from_fn(|index| first + index as u8)));
    let runs = [
        (vec![(x, 0..5)], sha256(0)),
        (vec![(y, 1..3), (x, 2..4), (z, 0..1)], sha256(16)),
        (vec![(z, 0..1)], None),
    ];
    let by_hash: HashMap<_, _> = shard.files.iter().map(|file| (file.hash, file)).collect();
    assert_eq!(by_hash.len(), 3);
    for (runs, sha256) in runs {
        let expected = make::file(&tables, &runs);
        let found = by_hash[&expected.hash];
        assert_eq!(found.sha256, sha256);
        let terms: Vec<_> = found
            .terms
            .iter()
            .zip(&found.range_hashes)
            .map(|(term, hash)| (term.xorb, term.chunks.clone(), term.raw_len, *hash))
            .collect();
        assert_eq!(terms, expected.terms);
        verify_file(found, |xorb| tables.get(xorb)).unwrap();
    }
}
