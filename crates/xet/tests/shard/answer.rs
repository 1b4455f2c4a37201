//! The answer to a dedup query is byte for byte what `xet-core-structures` 1.8.0 exports for the same xorbs
//! (`export_as_keyed_shard_streaming`), so that its reader finds every chunk.

use steelyard_core::XetHash;
use steelyard_xet::{
    DedupAnswer, DedupChunk, DedupXorb, ShardLimits, keyed, parse_shard, write_dedup_shard,
};

use crate::make;

pub const UPSTREAM: &[u8] = include_bytes!("clients/dedup-answer.shard");

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn xorb(chunks: &[u32]) -> DedupXorb {
    let chunks: Vec<_> = chunks.iter().map(|number| make::chunk(*number)).collect();
    let (hash, _) = make::xorb(&chunks);
    let chunks = chunks.into_iter().map(|(hash, raw_len)| DedupChunk { hash, raw_len }).collect();
    DedupXorb { hash, chunks }
}

fn answer() -> DedupAnswer {
    let footer = &UPSTREAM[UPSTREAM.len() - 200..];
    let mut xorbs = vec![xorb(&[0, 1, 2, 3, 4]), xorb(&[3, 10, 11, 11, 12]), xorb(&[20])];
    // Upstream sorts them by the words of the hash.
    xorbs.sort_by_key(|xorb| [0, 8, 16, 24].map(|at| number(xorb.hash.as_bytes(), at)));
    DedupAnswer {
        xorbs,
        key: [7; 32],
        created_secs: number(footer, 104),
        expires_secs: number(footer, 112),
    }
}

#[test]
fn an_answer_is_what_upstream_writes() {
    assert_eq!(write_dedup_shard(&answer()), UPSTREAM);
}

#[test]
fn chunks_are_hidden_under_the_key() {
    let bytes = write_dedup_shard(&answer());
    let contains = |hash: &XetHash| bytes.windows(32).any(|window| window == hash.as_bytes());
    // Not the 20th: alone in its xorb it has the xorb's hash, which the answer must name.
    for chunk in [0, 1, 2, 3, 4, 10, 11, 12] {
        let (hash, _) = make::chunk(chunk);
        assert!(!contains(&hash));
        assert!(contains(&keyed(&hash, &[7; 32])));
    }
}

/// What a client does with an answer: it searches the table of chunks for the first word of the hash.
#[test]
fn the_tables_lead_to_every_chunk_in_any_order_of_xorbs() {
    let mut answer = answer();
    answer.xorbs.reverse();
    let bytes = write_dedup_shard(&answer);
    let footer = &bytes[bytes.len() - 200..];
    let xorbs_at = number(footer, 16) as usize;
    let (table_at, count) = (number(footer, 56) as usize, number(footer, 64) as usize);
    let small = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let entries: Vec<_> = (0..count)
        .map(|index| table_at + 16 * index)
        .map(|at| (number(&bytes, at), small(at + 8), small(at + 12)))
        .collect();
    assert!(entries.is_sorted_by_key(|entry| entry.0));
    assert_eq!(count, 11);
    for xorb in &answer.xorbs {
        let mut raw_start = 0;
        for (index, chunk) in (0..).zip(&xorb.chunks) {
            let hash = keyed(&chunk.hash, &answer.key);
            let first_word = number(hash.as_bytes(), 0);
            let found = entries.iter().any(|(word, record, position)| {
                let header = xorbs_at + 48 * *record as usize;
                let entry = header + 48 * (1 + index as usize);
                *word == first_word
                    && *position == index
                    && bytes[header..header + 32] == *xorb.hash.as_bytes()
                    && bytes[entry..entry + 32] == *hash.as_bytes()
                    && (small(entry + 32), small(entry + 36)) == (raw_start, chunk.raw_len)
            });
            assert!(found);
            raw_start += chunk.raw_len;
        }
    }
    let (table_at, count) = (number(footer, 40) as usize, number(footer, 48) as usize);
    let xorbs: Vec<_> = (0..count)
        .map(|index| table_at + 12 * index)
        .map(|at| (number(&bytes, at), xorbs_at + 48 * small(at + 8) as usize))
        .collect();
    assert_eq!(count, 3);
    assert!(xorbs.is_sorted());
    for (word, header) in xorbs {
        let hash = &bytes[header..header + 32];
        assert!(
            number(hash, 0) == word && answer.xorbs.iter().any(|xorb| xorb.hash.as_bytes() == hash)
        );
    }
    // The answer is a sound shard with a footer and no files.
    assert_eq!(parse_shard(&bytes, &ShardLimits::default()).unwrap().files, []);
}

#[test]
fn an_empty_answer_is_a_sound_shard() {
    let answer = DedupAnswer { xorbs: vec![], key: [1; 32], created_secs: 1, expires_secs: 2 };
    let bytes = write_dedup_shard(&answer);
    assert_eq!(bytes.len(), 3 * 48 + 200);
    assert_eq!(parse_shard(&bytes, &ShardLimits::default()).unwrap().files, []);
}
