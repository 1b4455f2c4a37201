//! What a hostile shard must not break. Driven by `hostile.rs` here and by libFuzzer in `fuzz/`.

use steelyard_core::XetHash;
use steelyard_xet::{
    ChunkTable, FileFault, Shard, ShardLimits, TableBuilder, parse_shard, verify_file,
};

/// Small enough that hostile bytes reach them.
pub const LIMITS: ShardLimits =
    ShardLimits { bytes: 1 << 20, files: 100, file_terms: 1000, terms: 2000, chunks: 20_000 };

/// A shard is refused, or it keeps the limits and each of its files can be checked.
pub fn shard(data: &[u8]) {
    let Ok(shard) = parse_shard(data, &LIMITS) else {
        return;
    };
    keeps_limits(&shard, data.len());
    let mut table = TableBuilder::new();
    let hash = XetHash::new([1; 32]);
    (0..100).for_each(|_| table.push(&hash, 108, 100).expect("a xorb has room for this"));
    let table = table.finish();
    for file in &shard.files {
        let verified = verify_file(file, |_| Some(&table));
        match verified {
            Ok(file) => assert!(file.pack(|_| 1).is_ok()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        let none = verify_file(file, |_| None::<&ChunkTable>);
        let is_unknown =
            none.is_err_and(|error| matches!(error.fault, FileFault::UnknownXorb { term: 0, .. }));
        assert!(is_unknown || file.terms.is_empty());
    }
}

fn keeps_limits(shard: &Shard, len: usize) {
    assert!(shard.files.len() <= LIMITS.files);
    let terms: usize = shard.files.iter().map(|file| file.terms.len()).sum();
    assert!(terms <= LIMITS.terms && 96 * terms < len);
    let all = || shard.files.iter().flat_map(|file| &file.terms);
    assert!(all().all(|term| term.chunks.start < term.chunks.end));
    let chunks: u64 = all().map(|term| u64::from(term.chunks.end - term.chunks.start)).sum();
    assert!(chunks <= LIMITS.chunks);
    for file in &shard.files {
        assert_eq!(file.terms.len(), file.range_hashes.len());
        assert!(file.terms.len() <= LIMITS.file_terms);
        assert_eq!(shard.files.iter().filter(|other| other.hash == file.hash).count(), 1);
    }
}
