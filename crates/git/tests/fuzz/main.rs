//! Hostile input: random bytes, and sound input with a few bytes changed. No panic, and no more memory than the input
//! can justify.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod memory;
mod targets;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use steelyard_core::{Oid, Timestamp};
use steelyard_git::{
    Commit, EntryMode, ObjectKind, PackBuilder, Signature, Tree, TreeEntry, pktline,
};

/// What a target may hold: what the limits allow, several times over, and some for each byte of input.
fn memory_allowed(input: usize) -> usize {
    (40 << 20) + 64 * input
}

/// 512 cases of each property, or as many as `STEELYARD_FUZZ_CASES` says.
fn config() -> ProptestConfig {
    let cases = std::env::var("STEELYARD_FUZZ_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(512);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Runs a target on hostile bytes and looks at its memory.
fn run(target: fn(&[u8]), data: &[u8]) {
    let peak = memory::peak_of(|| target(data));
    assert!(peak <= memory_allowed(data.len()), "{} bytes of input took {peak} bytes", data.len());
}

/// Changes a few places: a byte is replaced, a range is cut out or repeated.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Cut(Index, u8),
    Repeat(Index, u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, length)| Change::Cut(at, length)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, length)| Change::Repeat(at, length)),
    ];
    prop::collection::vec(change, 0..6)
}

fn changed(sound: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut data = sound.to_vec();
    for change in changes.iter().filter(|_| !sound.is_empty()) {
        if data.is_empty() {
            break;
        }
        match change {
            Change::Set(at, byte) => {
                let at = at.index(data.len());
                data[at] = *byte;
            }
            Change::Cut(at, length) => {
                let at = at.index(data.len());
                let end = (at + usize::from(*length)).min(data.len());
                data.drain(at..end);
            }
            Change::Repeat(at, length) => {
                let at = at.index(data.len());
                let end = (at + usize::from(*length)).min(data.len());
                let piece = data[at..end].to_vec();
                data.splice(at..at, piece);
            }
        }
    }
    data
}

/// A pack with every kind of object, deltas included.
fn sound_pack() -> Bytes {
    let mut pack = PackBuilder::new();
    let text = "some text that repeats itself. ".repeat(40);
    let blob = pack.add(ObjectKind::Blob, text.as_bytes()).unwrap();
    let entries: Vec<_> = (0..60)
        .map(|n| TreeEntry {
            mode: EntryMode::File,
            name: format!("file-{n:03}").into(),
            oid: blob,
        })
        .collect();
    let first = Tree::from_entries(entries.clone()).unwrap();
    let tree = pack.add(ObjectKind::Tree, first.data()).unwrap();
    let mut entries = entries;
    entries[30].oid = Oid::new([7; 20]);
    let second = Tree::from_entries(entries).unwrap();
    let delta = steelyard_git::delta::tree_delta(first.data(), second.data());
    pack.add_ref_delta(tree, &delta, ObjectKind::Tree, second.data()).unwrap();
    let who = Signature::new("A", "a@b", Timestamp::from_secs(1));
    let commit = Commit {
        tree,
        parents: vec![Oid::new([1; 20])],
        author: who.clone(),
        committer: who,
        extra: Vec::new(),
        message: Bytes::from_static(b"message\n\nbody\n"),
    };
    pack.add(ObjectKind::Commit, &commit.encode()).unwrap();
    pack.finish().unwrap().bytes
}

fn sound_push() -> Vec<u8> {
    let mut out = Vec::new();
    let (a, b) = ("1".repeat(40), "2".repeat(40));
    pktline::write_data(
        &mut out,
        format!("{a} {b} refs/heads/main\0 report-status atomic agent=git/2\n").as_bytes(),
    );
    pktline::write_data(&mut out, format!("{b} {a} refs/tags/v1\n").as_bytes());
    out.extend_from_slice(b"0000PACK");
    out
}

fn sound_fetch() -> Vec<u8> {
    let mut out = Vec::new();
    for line in ["command=ls-refs\n", "agent=git/2\n"] {
        pktline::write_text(&mut out, line);
    }
    out.extend_from_slice(b"0001");
    for line in ["peel\n", "symrefs\n", "ref-prefix refs/heads/\n"] {
        pktline::write_text(&mut out, line);
    }
    out.extend_from_slice(b"0000");
    out
}

const COMMIT: &[u8] = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@b> 1 +0000\n\
    committer A <a@b> 1 +0000\ngpgsig x\n y\n\nmessage\n";
const TAG: &[u8] = b"object 4b825dc642cb6eb9a060e54bf8d69288fbee4904\ntype commit\ntag v1\n\
    tagger A <a@b> 1 +0000\n\nmessage\n";
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n\
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
const PATTERNS: &[u8] = b"*.bin filter=lfs diff=lfs merge=lfs -text\n**/a[a-z!]*?/b lfs\n!/x/**\n[attr]y lfs\na/b/c.bin";

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_bytes(data in prop::collection::vec(any::<u8>(), 0..600)) {
        for target in [
            targets::pkt_line, targets::receive, targets::pack, targets::tables, targets::objects, targets::deltas,
            targets::patterns,
        ] {
            run(target, &data);
        }
    }

    #[test]
    fn changed_packs(changes in changes()) {
        run(targets::pack, &changed(&sound_pack(), &changes));
    }

    #[test]
    fn changed_tables(changes in changes()) {
        let bytes = sound_pack();
        let limits = steelyard_git::pack::VerifyLimits::default();
        let toc = steelyard_git::pack::verify(bytes, &steelyard_git::store::NoObjects, limits).unwrap();
        run(targets::tables, &changed(toc.encode(), &changes));
        run(targets::tables, &changed(&toc.to_idx_v2(&Oid::new([3; 20])), &changes));
    }

    #[test]
    fn changed_requests(changes in changes()) {
        for sound in [sound_push(), sound_fetch()] {
            let data = changed(&sound, &changes);
            run(targets::pkt_line, &data);
            run(targets::receive, &data);
        }
    }

    #[test]
    fn changed_objects(changes in changes()) {
        let tree = Tree::from_entries(vec![
            TreeEntry { mode: EntryMode::Tree, name: Bytes::from_static(b"a"), oid: Oid::new([1; 20]) },
            TreeEntry { mode: EntryMode::Executable, name: Bytes::from_static(b"b"), oid: Oid::new([2; 20]) },
        ]).unwrap();
        for sound in [COMMIT, TAG, POINTER, tree.data()] {
            run(targets::objects, &changed(sound, &changes));
        }
    }

    #[test]
    fn changed_deltas(changes in changes(), text in "[ab ]{50,100}") {
        let delta = steelyard_git::delta::tree_delta(text.as_bytes(), text.replace('a', "b").as_bytes());
        run(targets::deltas, &changed(&[text.as_bytes(), &delta].concat(), &changes));
    }

    #[test]
    fn changed_patterns(changes in changes()) {
        run(targets::patterns, &changed(PATTERNS, &changes));
    }
}

/// Patterns that keep a naive matcher busy for years.
#[test]
fn no_pattern_takes_forever() {
    let path = format!("{}b", "a/".repeat(120));
    for pattern in
        ["**/".repeat(40) + "c", "*a".repeat(60), "[a-z]*".repeat(60) + "!", "**/*a".repeat(50)]
    {
        let text = format!("{pattern} filter=lfs\n{path}");
        targets::patterns(text.as_bytes());
        let long = format!("{pattern} filter=lfs\n{}", "a".repeat(4000));
        targets::patterns(long.as_bytes());
    }
}

/// A pack of a few bytes that claims to be enormous.
#[test]
fn claims_reserve_no_memory() {
    for count in [1_u32, u32::MAX] {
        for size in [0xff_u8, 0x7f] {
            let mut pack = b"PACK\0\0\0\x02".to_vec();
            pack.extend_from_slice(&count.to_be_bytes());
            // A blob whose size takes as many bytes as the format allows.
            pack.extend_from_slice(&[0xbf, size, size, size, size, size, size, 0x01]);
            pack.extend_from_slice(&[0x78, 0x9c, 0x03, 0, 0, 0, 0, 1]);
            pack.extend_from_slice(&[0; 20]);
            let peak = memory::peak_of(|| targets::pack(&pack));
            assert!(peak < 4 << 20, "{peak}");
        }
    }
}

#[test]
fn sound_input_is_accepted() {
    let pack = sound_pack();
    let limits = targets::LIMITS;
    // The changes start from something that gets through, or they would test nothing.
    assert_eq!(
        steelyard_git::pack::verify(pack, &steelyard_git::store::NoObjects, limits).unwrap().len(),
        4
    );
    let mut parser = steelyard_git::protocol::receive::ReceiveParser::new();
    let push = sound_push();
    assert!(parser.feed(&mut &*push).unwrap());
    assert!(steelyard_git::protocol::ls_refs::parse_v2_command(&sound_fetch()).is_ok());
    assert!(Commit::parse(&Bytes::from_static(COMMIT)).is_ok());
    assert!(steelyard_git::Tag::parse(&Bytes::from_static(TAG)).is_ok());
    assert!(steelyard_git::lfs_pointer::parse(POINTER).is_some());
}
