//! What holds for all data: nothing is lost, and the way it comes in does not matter.

use std::borrow::Cow;

use proptest::prelude::*;
use steelyard_core::XetHash;
use steelyard_xet::{
    BuiltXorb, CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, ChunkTable, Chunker, Chunks, Compression,
    Compressor, FileHasher, PushError, Scheme, StreamDecoder, XorbBuilder, check_xorb, chunk_hash,
    compress, decode_chunks, file_hash, first_cut, keyed, xorb_hash,
};

use crate::data::{noise, text, weights};

fn content(len_max: usize) -> impl Strategy<Value = Vec<u8>> {
    (0..5_u8, any::<u64>(), 1..=len_max).prop_map(|(kind, seed, len)| match kind {
        0 => noise(seed, len),
        1 => text(seed, len),
        2 => weights(seed, len),
        3 => vec![seed as u8; len],
        _ => [noise(seed, len / 2), text(seed, len - len / 2)].concat(),
    })
}

fn cut(data: &[u8], pieces: &[usize]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut keep = |chunk: &[u8]| chunks.push(chunk.to_vec());
    let mut chunker = Chunker::new();
    let mut rest = data;
    for len in pieces {
        let (piece, after) = rest.split_at((*len).min(rest.len()));
        chunker.push(piece, &mut keep);
        rest = after;
    }
    chunker.push(rest, &mut keep);
    chunker.finish(&mut keep);
    chunks
}

fn build(chunks: &[Vec<u8>], compression: Compression) -> BuiltXorb {
    let mut builder = XorbBuilder::new(compression);
    for (index, chunk) in chunks.iter().enumerate() {
        assert_eq!(builder.push(chunk_hash(chunk), chunk), Ok(index as u32));
    }
    let built = builder.finish().unwrap();
    assert!(builder.is_empty() && builder.finish().is_none());
    built
}

/// The hash of a run by the protocol's words: level by level, over all nodes at once.
fn slow_hash(mut nodes: Vec<(XetHash, u64)>) -> XetHash {
    while nodes.len() > 1 {
        let mut above = Vec::new();
        let mut rest = nodes.as_slice();
        while !rest.is_empty() {
            let ends = |n: &usize| {
                let last: [u8; 8] = rest[*n].0.as_bytes()[24..].try_into().unwrap();
                *n == 8 || u64::from_le_bytes(last).is_multiple_of(4)
            };
            let len = (2..rest.len()).find(ends).map_or(rest.len(), |n| n + 1);
            let lines = rest[..len].iter().map(|(hash, len)| format!("{hash} : {len}\n"));
            let key = [
                1, 126, 197, 199, 165, 71, 41, 150, 253, 148, 102, 102, 180, 138, 2, 230, 93, 221,
                83, 111, 55, 199, 109, 210, 248, 99, 82, 230, 74, 83, 113, 63,
            ];
            let hash = blake3::keyed_hash(&key, lines.collect::<String>().as_bytes());
            let sum = rest[..len].iter().map(|(_, len)| len).sum();
            above.push((XetHash::new(*hash.as_bytes()), sum));
            rest = &rest[len..];
        }
        nodes = above;
    }
    nodes[0].0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_do_not_depend_on_the_pieces(
        data in content(600_000), pieces in prop::collection::vec(0..150_000_usize, 0..8),
    ) {
        let whole = cut(&data, &[]);
        prop_assert!(whole.concat() == data);
        let (last, others) = whole.split_last().unwrap();
        prop_assert!(others.iter().all(|c| (CHUNK_BYTES_MIN..=CHUNK_BYTES_MAX).contains(&c.len())));
        prop_assert!((1..=CHUNK_BYTES_MAX).contains(&last.len()));
        prop_assert_eq!(&cut(&data, &pieces), &whole);
        let mut rest = &data[..];
        for chunk in others {
            prop_assert_eq!(first_cut(rest), Some(chunk.len()));
            rest = &rest[chunk.len()..];
        }
        let last_cut = first_cut(rest).unwrap_or(rest.len());
        prop_assert_eq!(last_cut, last.len());
        // Whether it ends is decided by its own bytes: with one fewer it is open.
        prop_assert_eq!(first_cut(&whole[0][..whole[0].len() - 1]), None);
    }

    #[test]
    fn an_insertion_moves_few_cuts(seed in any::<u64>(), at in 0..1_000_000_usize) {
        let data = noise(seed, 2_000_000);
        let mut changed = data.clone();
        changed.splice(at..at, *b"inserted");
        let before: std::collections::HashSet<_> = cut(&data, &[]).into_iter().collect();
        let fresh = cut(&changed, &[]).iter().filter(|chunk| !before.contains(*chunk)).count();
        prop_assert!(fresh <= 8, "{} chunks are new", fresh);
    }

    #[test]
    fn a_run_hashes_level_by_level(
        lens in prop::collection::vec(0..u64::from(u32::MAX), 1..400), seed in any::<u64>(),
    ) {
        let chunks: Vec<_> = lens.iter().enumerate()
            .map(|(n, len)| (chunk_hash(&[n as u64, seed].map(u64::to_le_bytes).concat()), *len))
            .collect();
        let expected = slow_hash(chunks.clone());
        prop_assert_eq!(xorb_hash(&chunks), expected);
        let mut hasher = FileHasher::new();
        chunks.iter().for_each(|(hash, len)| hasher.push(*hash, *len));
        prop_assert_eq!(hasher.finish(), keyed(&expected, &[0; 32]));
        prop_assert_eq!(file_hash(&chunks), keyed(&expected, &[0; 32]));
    }

    #[test]
    fn compression_gives_back_the_bytes(data in content(300_000)) {
        let mut compressor = Compressor::new();
        for scheme in [Scheme::None, Scheme::Lz4, Scheme::Bg4Lz4] {
            let stored = compressor.compress(scheme, &data).to_vec();
            let mut out = b"before".to_vec();
            compress::decompress_into(scheme, &stored, data.len(), &mut out).unwrap();
            prop_assert_eq!(&out[6..], &data[..]);
            let mut out = b"before".to_vec();
            prop_assert!(compress::decompress_into(scheme, &stored, data.len() - 1, &mut out).is_err());
            prop_assert!(compress::decompress_into(scheme, &stored, data.len() + 1, &mut out).is_err());
            prop_assert_eq!(&out[..], b"before");
        }
    }

    #[test]
    fn built_xorbs_are_sound_and_come_back(
        chunks in prop::collection::vec(content(20_000), 1..80), sampled in any::<bool>(),
        pieces in prop::collection::vec(1..9000_usize, 1..9),
    ) {
        let built = build(&chunks, if sampled { Compression::Sampled } else { Compression::Off });
        let pairs: Vec<_> = chunks.iter().map(|c| (chunk_hash(c), c.len() as u64)).collect();
        prop_assert_eq!(built.hash, xorb_hash(&pairs));
        let raw_bytes = chunks.concat().len();
        prop_assert!(built.bytes.len() <= raw_bytes + 8 * chunks.len());
        let checked = check_xorb(&built.bytes, &built.hash).unwrap();
        prop_assert_eq!(&checked.table, &built.table);
        prop_assert_eq!((checked.stored_len, checked.raw_len as usize), (built.bytes.len(), raw_bytes));
        let table = ChunkTable::from_packed(built.table.packed().clone()).unwrap();
        prop_assert_eq!(&table, &built.table);

        let one_by_one: Vec<Vec<u8>> = Chunks::new(&built.bytes).map(|c| c.unwrap().into_owned()).collect();
        prop_assert_eq!(&one_by_one, &chunks);
        let mut stream = StreamDecoder::new();
        let mut out = Vec::new();
        let mut rest = &built.bytes[..];
        for len in pieces.iter().cycle() {
            let (piece, after) = rest.split_at((*len).min(rest.len()));
            stream.push(piece, &mut out).unwrap();
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        stream.finish().unwrap();
        prop_assert_eq!(out, chunks.concat());
        prop_assert_eq!((stream.chunks() as usize, stream.raw_bytes() as usize), (chunks.len(), raw_bytes));
    }

    #[test]
    fn runs_of_chunks_are_read_by_the_table(chunks in prop::collection::vec(content(3000), 2..40), a in any::<u32>(), b in any::<u32>()) {
        let built = build(&chunks, Compression::Sampled);
        let n = chunks.len() as u32;
        let (start, end) = (a % n, a % n + 1 + b % (n - a % n));
        let stored = built.table.stored_range(start..end).unwrap();
        let mut out = Vec::new();
        let stored = &built.bytes[stored.start as usize..stored.end as usize];
        prop_assert_eq!(decode_chunks(stored, &mut out), Ok(end - start));
        let raw = built.table.raw_range(start..end).unwrap();
        prop_assert_eq!(&out[..], &chunks.concat()[raw.start as usize..raw.end as usize]);
        prop_assert_eq!(built.table.chunk_at_raw(raw.start), Some(start));
        prop_assert_eq!(built.table.chunk_at_raw(raw.end - 1), Some(end - 1));
    }
}

#[test]
fn compression_is_chosen_by_what_it_saves() {
    let schemes = |chunks: &[Vec<u8>]| -> Vec<u8> {
        let built = build(chunks, Compression::Sampled);
        let entries = built.table.entries();
        entries.map(|entry| built.bytes[entry.stored.start as usize + 4]).collect()
    };
    let bytes = 60_000;
    assert_eq!(schemes(&[noise(1, bytes), text(2, bytes)]), [0, 0], "the sample was noise");
    assert_eq!(schemes(&[text(1, bytes), noise(2, bytes), text(3, bytes)]), [1, 0, 1]);
    assert_eq!(schemes(&[weights(1, bytes), weights(2, bytes)]), [2, 2]);
    // The 33rd chunk is the next sample.
    let mut chunks: Vec<_> = (0..32).map(|seed| noise(seed, 1000)).collect();
    chunks.push(text(0, bytes));
    assert_eq!(schemes(&chunks), [vec![0; 32], vec![1]].concat());
}

#[test]
fn a_xorb_taken_piece_by_piece_is_the_same() {
    let chunks: Vec<_> = (0..9).map(|seed| text(seed, 50_000)).collect();
    let whole = build(&chunks, Compression::Sampled);
    for every in 1..=chunks.len() {
        let mut builder = XorbBuilder::new(Compression::Sampled);
        let mut taken = Vec::new();
        for some in chunks.chunks(every) {
            for chunk in some {
                builder.push(chunk_hash(chunk), chunk).unwrap();
            }
            taken.extend_from_slice(&builder.take_bytes(b"old".to_vec()));
        }
        let rest = builder.finish().unwrap();
        assert!(rest.bytes.is_empty() && builder.finish().is_none());
        assert_eq!(BuiltXorb { bytes: taken.into(), ..rest }, whole, "every {every}");
    }
}

#[test]
fn a_new_file_is_sampled_anew() {
    let mut builder = XorbBuilder::new(Compression::Sampled);
    let (first, second) = (noise(1, 5000), text(2, 5000));
    builder.push(chunk_hash(&first), &first).unwrap();
    builder.start_file();
    builder.push(chunk_hash(&second), &second).unwrap();
    assert_eq!((builder.len(), builder.raw_bytes()), (2, 10_000));
    let built = builder.finish().unwrap();
    assert_eq!((built.bytes[4], built.bytes[5008 + 4]), (0, 1));
}

#[test]
fn a_saving_below_three_percent_is_left() {
    // A part that repeats in noise: 20 of 1000 bytes, then 100.
    for (repeated, scheme) in [(20, 0), (100, 1)] {
        let mut chunk = noise(1, 10_000);
        let source = chunk[..repeated * 10].to_vec();
        chunk[5000..5000 + source.len()].copy_from_slice(&source);
        let built = build(&[chunk], Compression::Sampled);
        assert_eq!(built.bytes[4], scheme, "{repeated}");
    }
}

#[test]
fn a_xorb_is_full_at_its_limits() {
    let mut builder = XorbBuilder::new(Compression::Off);
    let chunk = vec![1; CHUNK_BYTES_MAX];
    for _ in 0..512 {
        assert!(!builder.is_full_for(chunk.len()));
        builder.push(XetHash::ZERO, &chunk).unwrap();
    }
    assert!(builder.is_full_for(1));
    assert_eq!(builder.push(XetHash::ZERO, b"x"), Err(PushError::Full));
    assert_eq!(builder.finish().unwrap().bytes.len(), (64 << 20) + 8 * 512);

    for _ in 0..8192 {
        assert!(!builder.is_full_for(1));
        builder.push(XetHash::ZERO, b"x").unwrap();
    }
    assert!(builder.is_full_for(1));
    assert_eq!(builder.push(XetHash::ZERO, b"x"), Err(PushError::Full));
    assert_eq!(builder.finish().unwrap().table.len(), 8192);

    assert_eq!(builder.push(XetHash::ZERO, b""), Err(PushError::Length(0)));
    let long = vec![0; CHUNK_BYTES_MAX + 1];
    assert_eq!(builder.push(XetHash::ZERO, &long), Err(PushError::Length(131_073)));
    assert!(builder.finish().is_none());
}

#[test]
fn raw_chunks_are_borrowed() {
    let built = build(&[noise(1, 500), text(2, 5000)], Compression::Off);
    assert!(Chunks::new(&built.bytes).all(|chunk| matches!(chunk, Ok(Cow::Borrowed(_)))));
    let built = build(&[text(2, 5000)], Compression::Sampled);
    assert!(Chunks::new(&built.bytes).all(|chunk| matches!(chunk, Ok(Cow::Owned(_)))));
}
