//! Shards that lie. Nothing panics, nothing takes more memory than the bytes justify, and every error says where and why.

use proptest::prelude::*;
use proptest::sample::Index;
use steelyard_core::XetHash;
use steelyard_xet::shard::{ShardEntry, ShardFault};
use steelyard_xet::{
    FileCheck, FileFault, Shard, ShardError, ShardLimits, parse_shard, verify_file,
};

use crate::make::{self, File, Tables, WITH_METADATA, WITH_VERIFICATION, end, header, record};
use crate::{answer, clients, memory, targets};

fn tables() -> (Tables, XetHash, XetHash) {
    let long = make::xorb(&(0..5).map(make::chunk).collect::<Vec<_>>());
    let short = make::xorb(&[10, 11].map(make::chunk));
    let (x, y) = (long.0, short.0);
    ([long, short].into(), x, y)
}

/// A file of two terms.
fn sound() -> (Tables, File) {
    let (tables, x, y) = tables();
    let file = make::file(&tables, &[(x, 1..4), (y, 0..2)]);
    (tables, file)
}

fn refused(bytes: &[u8]) -> ShardError {
    parse_shard(bytes, &ShardLimits::default()).unwrap_err()
}

fn fault(bytes: &[u8]) -> String {
    refused(bytes).to_string()
}

fn only_file(shard: Shard) -> steelyard_xet::ShardFile {
    assert_eq!(shard.files.len(), 1);
    shard.files.into_iter().next().unwrap()
}

/// The fault of the file when it is checked, after the shard has been read.
fn file_fault(tables: &Tables, file: &File) -> FileFault {
    let shard = parse_shard(&make::shard(std::slice::from_ref(file)), &ShardLimits::default());
    let file = only_file(shard.unwrap());
    let error = verify_file(&file, |xorb| tables.get(xorb)).unwrap_err();
    assert_eq!(error.file, file.hash);
    error.fault
}

#[test]
fn a_sound_file_is_registered() {
    let (tables, file) = sound();
    let shard = parse_shard(&make::shard(std::slice::from_ref(&file)), &ShardLimits::default());
    let parsed = only_file(shard.unwrap());
    let verified = verify_file(&parsed, |xorb| tables.get(xorb)).unwrap();
    let sizes = file.terms.iter().map(|term| u64::from(term.2)).sum::<u64>();
    assert_eq!(verified.size, sizes);
    assert_eq!(verified.first_chunk, Some(make::chunk(1).0));
    for (verified, (xorb, run, raw_len, _)) in verified.terms.iter().zip(&file.terms) {
        assert_eq!((&verified.xorb, &verified.chunks, &verified.raw_len), (xorb, run, raw_len));
        assert_eq!(verified.stored, tables[xorb].stored_range(run.clone()).unwrap());
    }
}

#[test]
fn a_file_may_be_checked_term_by_term() {
    let (tables, file) = sound();
    let shard = parse_shard(&make::shard(std::slice::from_ref(&file)), &ShardLimits::default());
    let parsed = only_file(shard.unwrap());
    let mut check = FileCheck::new(&parsed).unwrap();
    while let Some(term) = check.next_term() {
        assert_eq!(check.open_terms().first(), Some(term));
        let table = &tables[&term.xorb];
        check.add(table).unwrap();
    }
    check.add(&tables[&file.terms[0].0]).unwrap();
    let verified = verify_file(&parsed, |xorb| tables.get(xorb)).unwrap();
    assert_eq!(check.finish(), Ok(verified));
    // Whoever stops early has no file.
    let mut check = FileCheck::new(&parsed).unwrap();
    check.add(&tables[&file.terms[0].0]).unwrap();
    let computed = make::file(&tables, &[(file.terms[0].0, 1..4)]).hash;
    assert_eq!(check.finish().unwrap_err().fault, FileFault::FileHash { computed });
}

#[test]
fn the_empty_file_has_no_terms_and_the_hash_zero() {
    let (tables, _) = sound();
    let empty = File { hash: XetHash::ZERO, terms: vec![] };
    let shard = parse_shard(&make::shard(&[empty]), &ShardLimits::default()).unwrap();
    let verified = verify_file(&only_file(shard), |xorb| tables.get(xorb)).unwrap();
    assert_eq!((verified.size, verified.terms.len(), verified.first_chunk), (0, 0, None));
    let named = File { hash: make::chunk(1).0, terms: vec![] };
    assert_eq!(file_fault(&tables, &named), FileFault::FileHash { computed: XetHash::ZERO });
}

#[test]
fn what_a_file_claims_must_follow_from_the_tables() {
    let (tables, file) = sound();
    let (x, y) = (file.terms[0].0, file.terms[1].0);
    let changed = |change: &dyn Fn(&mut File)| {
        let mut file = file.clone();
        change(&mut file);
        file_fault(&tables, &file)
    };
    let stranger = make::chunk(77).0;
    assert_eq!(
        changed(&|file| file.terms[1].0 = stranger),
        FileFault::UnknownXorb { term: 1, xorb: stranger }
    );
    for (start, end) in [(2, 6), (5, 6), (0, u32::MAX), (u32::MAX - 1, u32::MAX)] {
        // Such ranges name more chunks than any shard may.
        let limits = ShardLimits { chunks: u64::MAX, ..ShardLimits::default() };
        let mut file = file.clone();
        file.terms[0].1 = start..end;
        let shard = parse_shard(&make::shard(&[file]), &limits).unwrap();
        let error = verify_file(&only_file(shard), |xorb| tables.get(xorb)).unwrap_err();
        let expected = FileFault::OutOfBounds { term: 0, xorb: x, start, end, count: 5 };
        assert_eq!(error.fault, expected);
    }
    let actual = file.terms[1].2;
    for claimed in [0, actual - 1, actual + 1, u32::MAX] {
        let found = changed(&|file| file.terms[1].2 = claimed);
        assert_eq!(found, FileFault::Length { term: 1, claimed, actual });
    }
    assert_eq!(changed(&|file| file.terms[0].3 = stranger), FileFault::RangeHash { term: 0 });
    assert_eq!(
        changed(&|file| file.terms[0].3 = file.terms[1].3),
        FileFault::RangeHash { term: 0 }
    );
    let computed = file.hash;
    assert_eq!(changed(&|file| file.hash = stranger), FileFault::FileHash { computed });
    let computed = make::file(&tables, &[(y, 0..2), (x, 1..4)]).hash;
    assert_eq!(changed(&|file| file.terms.reverse()), FileFault::FileHash { computed });
    let computed = make::file(&tables, &[(x, 1..4)]).hash;
    assert_eq!(changed(&|file| file.terms.truncate(1)), FileFault::FileHash { computed });
}

#[test]
fn a_file_must_have_a_verification_entry_for_each_term() {
    let (tables, file) = sound();
    let shard = parse_shard(&make::shard(&[file]), &ShardLimits::default()).unwrap();
    let mut parsed = only_file(shard);
    parsed.range_hashes.pop();
    let error = verify_file(&parsed, |xorb| tables.get(xorb)).unwrap_err();
    assert_eq!(error.fault, FileFault::VerificationCount { terms: 2, entries: 1 });
    let hash = make::chunk(1).0;
    for flags in [0, WITH_METADATA] {
        let bytes = [header(0), record(&hash, [flags, 0, 0, 0]), end(), end(), end()].concat();
        let error = refused(&bytes);
        assert_eq!(error.entry, ShardEntry::File { index: 0, hash });
        assert_eq!(error.fault, ShardFault::NoVerification);
    }
}

#[test]
fn a_shard_cut_off_anywhere_is_refused() {
    let sound = [
        clients::FIRST,
        clients::SECOND,
        clients::JAVASCRIPT,
        clients::WITH_FOOTER,
        clients::WITHOUT_FOOTER,
        answer::UPSTREAM,
    ];
    for shard in sound {
        for len in 0..shard.len() {
            refused(&shard[..len]);
        }
        for more in [1, 7, 48, 200] {
            refused(&[shard, &vec![0; more]].concat());
        }
    }
}

#[test]
fn counts_that_lie_cost_no_memory() {
    let hash = make::chunk(1).0;
    let limits = ShardLimits {
        file_terms: usize::MAX,
        terms: usize::MAX,
        files: usize::MAX,
        ..ShardLimits::default()
    };
    for count in [1, 1000, u32::MAX / 2, u32::MAX / 48, u32::MAX - 1, u32::MAX] {
        for flags in [WITH_VERIFICATION, WITH_VERIFICATION | WITH_METADATA] {
            let bytes = [header(0), record(&hash, [flags, count, 0, 0]), end()].concat();
            let peak = memory::peak_of(|| {
                let error = parse_shard(&bytes, &limits).unwrap_err();
                assert_eq!(error.entry, ShardEntry::File { index: 0, hash });
                let records = 2 * u64::from(count) + u64::from(flags & WITH_METADATA != 0);
                let fault = ShardFault::Truncated { needed: 48 * records, left: 48 };
                assert_eq!(error.fault, fault);
            });
            assert!(peak < 4096, "{peak}");
        }
        let bytes = [header(0), end(), record(&hash, [0, count, 0, 0])].concat();
        let error = refused(&bytes);
        assert_eq!(error.entry, ShardEntry::Xorb { index: 0 });
        let fault = ShardFault::Truncated { needed: 48 * u64::from(count), left: 0 };
        assert_eq!(error.fault, fault);
    }
}

#[test]
fn limits_hold() {
    let (tables, x, _) = tables();
    let one = |first: u32| make::file(&tables, &[(x, first..first + 1)]);
    let files = [one(0), one(1), make::file(&tables, &[(x, 2..3), (x, 0..5)])];
    let bytes = make::shard(&files);
    let exact = ShardLimits { bytes: bytes.len(), files: 3, file_terms: 2, terms: 4, chunks: 8 };
    assert_eq!(parse_shard(&bytes, &exact).unwrap().files.len(), 3);
    let third = ShardEntry::File { index: 2, hash: files[2].hash };
    let last = ShardEntry::Term { file: 2, index: 1 };
    let many = |what, found, limit| ShardFault::TooMany { what, found, limit };
    let len = bytes.len() as u64;
    for (limits, entry, fault) in [
        (
            ShardLimits { bytes: bytes.len() - 1, ..exact },
            ShardEntry::Shard,
            many("bytes", len, len - 1),
        ),
        (ShardLimits { files: 2, ..exact }, third, many("files", 3, 2)),
        (ShardLimits { file_terms: 1, ..exact }, third, many("terms in one file", 2, 1)),
        (ShardLimits { terms: 3, ..exact }, third, many("terms in all files", 4, 3)),
        (ShardLimits { chunks: 7, ..exact }, last, many("chunks in all files", 8, 7)),
    ] {
        assert_eq!(parse_shard(&bytes, &limits), Err(ShardError { entry, fault }));
    }
}

#[test]
fn ranges_that_overflow_are_counted_not_wrapped() {
    let (_, x, _) = tables();
    // Three such terms are more chunks than fit a u32.
    let term = (x, 0..u32::MAX, u32::MAX, x);
    let file = File { hash: x, terms: vec![term.clone(), term.clone(), term] };
    let limits = ShardLimits { chunks: 3 * u64::from(u32::MAX) - 1, ..ShardLimits::default() };
    let error = parse_shard(&make::shard(&[file]), &limits).unwrap_err();
    assert_eq!(error.entry, ShardEntry::Term { file: 0, index: 2 });
    assert!(matches!(error.fault, ShardFault::TooMany { .. }));
    for (start, end) in [(0, 0), (5, 5), (5, 4), (u32::MAX, 0)] {
        let file = File { hash: x, terms: vec![(x, start..end, 1, x)] };
        let error = refused(&make::shard(&[file]));
        assert_eq!(error.entry, ShardEntry::Term { file: 0, index: 0 });
        assert_eq!(error.fault, ShardFault::EmptyRange { start, end });
    }
}

#[test]
fn a_file_that_comes_twice_is_one_file() {
    let (tables, x, y) = tables();
    let file = make::file(&tables, &[(x, 0..5)]);
    let split = make::file(&tables, &[(x, 0..2), (x, 2..5)]);
    assert_eq!(file.hash, split.hash);
    let other = make::file(&tables, &[(y, 0..1)]);
    let shard = make::shard(&[file.clone(), other.clone(), split.clone()]);
    let parsed = parse_shard(&shard, &ShardLimits::default()).unwrap();
    let found: Vec<_> = parsed.files.iter().map(|file| (file.hash, file.terms.len())).collect();
    assert_eq!(found, [(file.hash, 1), (other.hash, 1)]);

    let with_sha256 = |file: &File, byte: u8| {
        let mut records = make::file_records(file);
        records[32..36].copy_from_slice(&(WITH_VERIFICATION | WITH_METADATA).to_le_bytes());
        [records, record(&XetHash::new([byte; 32]), [0; 4])].concat()
    };
    // A claim that only one of them makes is the file's claim.
    let bytes =
        [header(0), make::file_records(&file), with_sha256(&split, 3), end(), end()].concat();
    let parsed = only_file(parse_shard(&bytes, &ShardLimits::default()).unwrap());
    assert_eq!(parsed.sha256.unwrap().as_bytes(), &[3; 32]);
    let bytes = [header(0), with_sha256(&file, 3), with_sha256(&split, 3), end(), end()].concat();
    only_file(parse_shard(&bytes, &ShardLimits::default()).unwrap());
    let bytes = [header(0), with_sha256(&file, 3), with_sha256(&split, 4), end(), end()].concat();
    let error = refused(&bytes);
    assert_eq!(error.entry, ShardEntry::File { index: 1, hash: file.hash });
    assert_eq!(error.fault, ShardFault::Contradiction);
}

#[test]
fn errors_say_where_and_what() {
    let (tables, file) = sound();
    let sound = make::shard(std::slice::from_ref(&file));
    let with = |at: usize, bytes: &[u8]| {
        let mut shard = sound.clone();
        shard[at..at + bytes.len()].copy_from_slice(bytes);
        fault(&shard)
    };
    assert_eq!(fault(b""), "malformed shard, header: needs 48 bytes, 0 are left");
    assert_eq!(with(3, b"!"), "malformed shard, header: not the tag of a shard");
    assert_eq!(with(32, &[3]), "malformed shard, header: version 3, not 2");
    assert_eq!(
        with(40, &[199]),
        "malformed shard, header: announces a footer of 199 bytes, not 0 or 200"
    );
    let hash = file.hash;
    let flags = with(48 + 32, &[1, 0, 0, 0x80]);
    assert_eq!(flags, format!("malformed shard, file 0 ({hash}): unknown flags 0x80000001"));
    // With a third term the first verification entry is taken for one.
    let third = with(48 + 36, &[3]);
    assert_eq!(third, "malformed shard, term 2 of file 0: chunk range 0..0 is empty");
    let footer = with(40, &[200]);
    assert_eq!(footer, "malformed shard, footer: needs 200 bytes, 0 are left");
    let mut unknown = file;
    unknown.terms[0].0 = hash;
    let error = file_fault(&tables, &unknown).to_string();
    assert_eq!(error, format!("term 0: xorb {hash} does not exist"));
}

#[test]
fn a_footer_must_agree_with_the_sections() {
    for sound in [clients::WITH_FOOTER, clients::JAVASCRIPT, answer::UPSTREAM] {
        let footer = sound.len() - 200;
        let has_tables = sound[footer + 24..footer + 72].iter().any(|byte| *byte != 0);
        let fields: &[(usize, &str)] = &[
            (8, "files"),
            (16, "xorbs"),
            (192, "footer"),
            (24, "file lookup table"),
            (40, "xorb lookup table"),
            (56, "chunk lookup table"),
            (64, "end of the lookup tables"),
        ];
        for (at, part) in &fields[..if has_tables { 7 } else { 3 }] {
            let mut shard = sound.to_vec();
            shard[footer + at + 1] ^= 1;
            let error = refused(&shard);
            assert_eq!(error.entry, ShardEntry::Footer);
            assert!(
                matches!(error.fault, ShardFault::Offset { part: found, .. } if found == *part),
                "{error} at {at}"
            );
            let mut shard = sound.to_vec();
            shard[footer + at..footer + at + 8].fill(0xff);
            assert_eq!(refused(&shard).entry, ShardEntry::Footer);
        }
        let mut shard = sound.to_vec();
        shard[footer] = 2;
        assert_eq!(refused(&shard).fault, ShardFault::Version { found: 2, expected: 1 });
        // Bytes that no table accounts for.
        let mut shard = sound.to_vec();
        shard.splice(footer..footer, [0; 16]);
        let footer_offset = shard.len() - 8;
        shard[footer_offset..].copy_from_slice(&(footer as u64 + 16).to_le_bytes());
        let error = refused(&shard);
        assert_eq!(error.entry, ShardEntry::Footer);
        let is_trailing = error.fault == ShardFault::Trailing(16);
        assert_eq!(is_trailing, !has_tables, "{error}");
    }
}

/// A file of as many terms as a shard of 64 MiB holds, one chunk each.
#[test]
fn a_file_of_very_many_short_terms() {
    let chunk = make::chunk(1).0;
    let (xorb, table) = make::xorb(&[(chunk, 1)]);
    let tables: Tables = [(xorb, table)].into();
    let runs = vec![(xorb, 0..1); 699_000];
    let file = make::file(&tables, &runs);
    let bytes = make::shard(std::slice::from_ref(&file));
    assert!(bytes.len() < 64 << 20);
    let mut found = None;
    let peak = memory::peak_of(|| {
        let shard = parse_shard(&bytes, &ShardLimits::default()).unwrap();
        found = Some(only_file(shard));
    });
    assert!(peak < 2 * bytes.len(), "{peak} bytes for {}", bytes.len());
    let found = found.unwrap();
    let peak = memory::peak_of(|| {
        let verified = verify_file(&found, |xorb| tables.get(xorb)).unwrap();
        assert_eq!((verified.size, verified.terms.len()), (699_000, 699_000));
    });
    assert!(peak < bytes.len(), "{peak} bytes for {}", bytes.len());
    let million = vec![0; 48 + 48 + 96 * 1_000_000 + 96];
    assert!(matches!(refused(&million).fault, ShardFault::TooMany { what: "bytes", .. }));
}

/// Terms of 8192 chunks each would let 64 MiB name five thousand million chunks.
#[test]
fn chunks_are_limited_and_cost_no_memory() {
    let (xorb, table) = make::xorb(&vec![(make::chunk(1).0, 1); 8192]);
    let tables: Tables = [(xorb, table)].into();
    let file = make::file(&tables, &vec![(xorb, 0..8192); 40]);
    let bytes = make::shard(&[file]);
    let limits = ShardLimits { chunks: 8192 * 40, ..ShardLimits::default() };
    let parsed = only_file(parse_shard(&bytes, &limits).unwrap());
    let peak = memory::peak_of(|| {
        assert_eq!(verify_file(&parsed, |xorb| tables.get(xorb)).unwrap().size, 8192 * 40);
    });
    assert!(peak < 1 << 20, "{peak}");
    let limits = ShardLimits { chunks: 8192 * 40 - 1, ..limits };
    let error = parse_shard(&bytes, &limits).unwrap_err();
    assert_eq!(error.entry, ShardEntry::Term { file: 0, index: 39 });
}

/// 512 cases of each property, or as many as `STEELYARD_FUZZ_CASES` says.
fn config() -> ProptestConfig {
    let cases = std::env::var("STEELYARD_FUZZ_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(512);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Replaces a byte or a number, cuts records out, repeats them.
#[derive(Debug, Clone)]
enum Change {
    Byte(Index, u8),
    Number(Index, u32),
    Cut(Index, u8),
    Repeat(Index, u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let number = prop_oneof![0_u32..10, Just(u32::MAX), Just(1 << 31), any::<u32>()];
    let change = prop_oneof![
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        2 => (any::<Index>(), number).prop_map(|(at, number)| Change::Number(at, number)),
        1 => (any::<Index>(), 1_u8..4).prop_map(|(at, count)| Change::Cut(at, count)),
        1 => (any::<Index>(), 1_u8..4).prop_map(|(at, count)| Change::Repeat(at, count)),
    ];
    prop::collection::vec(change, 0..4)
}

fn changed(sound: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut data = sound.to_vec();
    for change in changes {
        let records = data.len() / 48;
        if records < 4 {
            break;
        }
        let run = |at: &Index, count: u8| {
            let start = at.index(records);
            48 * start..48 * (start + usize::from(count)).min(records)
        };
        match change {
            Change::Byte(at, byte) => {
                let at = at.index(data.len());
                data[at] = *byte;
            }
            Change::Number(at, number) => {
                let at = 4 * at.index(data.len() / 4);
                data[at..at + 4].copy_from_slice(&number.to_le_bytes());
            }
            Change::Cut(at, count) => drop(data.drain(run(at, *count))),
            Change::Repeat(at, count) => {
                let run = run(at, *count);
                let piece = data[run.clone()].to_vec();
                data.splice(run.start..run.start, piece);
            }
        }
    }
    data
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_bytes(data in prop::collection::vec(any::<u8>(), 0..600)) {
        targets::shard(&data);
        targets::shard(&[header(0), data.clone()].concat());
        targets::shard(&[header(200), data].concat());
    }

    #[test]
    fn changed_shards(changes in changes()) {
        let sound = [
            clients::FIRST, clients::SECOND, clients::JAVASCRIPT, clients::WITH_FOOTER, clients::WITHOUT_FOOTER,
            answer::UPSTREAM,
        ];
        for shard in sound {
            let data = changed(shard, &changes);
            let peak = memory::peak_of(|| targets::shard(&data));
            // The table that the target checks files against, and what the bytes justify.
            prop_assert!(peak <= 64 * 1024 + 4 * data.len(), "{} bytes took {peak}", data.len());
        }
    }
}
