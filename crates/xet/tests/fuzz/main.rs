//! Hostile input: random bytes, and xorbs of real clients with a few bytes changed. No panic, and no more memory than the
//! input can justify.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

#[path = "../../../git/tests/fuzz/memory.rs"]
mod memory;
mod targets;

use std::fs;
use std::io::Write;
use std::path::Path;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use proptest::prelude::*;
use proptest::sample::Index;
use steelyard_core::XetHash;
use steelyard_xet::xorb::ChunkHeader;
use steelyard_xet::{Scheme, XorbError, check_xorb};

/// What checking may hold: the buffers of the most lavish LZ4 frame, and some for each byte of input.
fn memory_allowed(input: usize) -> usize {
    (20 << 20) + 16 * input
}

/// 512 cases of each property, or as many as `STEELYARD_FUZZ_CASES` says.
fn config() -> ProptestConfig {
    let cases = std::env::var("STEELYARD_FUZZ_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(512);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
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
    for change in changes {
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
                data.drain(at..(at + usize::from(*length)).min(data.len()));
            }
            Change::Repeat(at, length) => {
                let at = at.index(data.len());
                let piece = data[at..(at + usize::from(*length)).min(data.len())].to_vec();
                data.splice(at..at, piece);
            }
        }
    }
    data
}

fn sound_xorbs() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/xorbs");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|path| fs::read(path).unwrap()).collect()
}

fn check(data: &[u8]) {
    let peak = memory::peak_of(|| drop(check_xorb(data, &XetHash::ZERO)));
    assert!(peak <= memory_allowed(data.len()), "{} bytes of input took {peak} bytes", data.len());
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_bytes(data in prop::collection::vec(any::<u8>(), 0..600)) {
        check(&data);
        targets::xorb(&data);
        targets::chunk_header(&data);
    }

    /// Random bytes behind a header that lets them through.
    #[test]
    fn random_payloads(
        scheme in 0..3_u8, raw_len in 1..700_u16, payload in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let [p0, p1] = (payload.len() as u16).to_le_bytes();
        let [r0, r1] = raw_len.to_le_bytes();
        let plain = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
        let framed = [plain.as_slice(), &payload].concat();
        for payload in [payload, framed] {
            let data = [&[0, p0, p1, 0, scheme, r0, r1, 0], payload.as_slice()].concat();
            check(&data);
            targets::xorb(&data);
            targets::chunk_header(&data);
        }
    }

    #[test]
    fn changed_xorbs(changes in changes(), which in any::<Index>()) {
        let data = changed(&sound_xorbs()[which.index(15)], &changes);
        check(&data);
        targets::xorb(&data);
        targets::chunk_header(&data);
    }
}

/// Chunks whose frames ask for the largest buffers that a decoder can be made to hold.
#[test]
fn lavish_frames_take_their_memory_one_after_the_other() {
    let data = vec![7; 60_000];
    let info = FrameInfo::new().block_size(BlockSize::Max4MB).block_mode(BlockMode::Linked);
    let mut encoder = FrameEncoder::with_frame_info(info.content_checksum(true), Vec::new());
    encoder.write_all(&data).unwrap();
    let frame = encoder.finish().unwrap();
    let header = ChunkHeader {
        scheme: Scheme::Lz4,
        payload_len: frame.len() as u32,
        raw_len: data.len() as u32,
    };
    let xorb = [&header.to_bytes()[..], &frame].concat().repeat(50);
    let error = check_xorb(&xorb, &XetHash::ZERO).unwrap_err();
    assert!(matches!(error, XorbError::Hash { .. }), "{error}");
    check(&xorb);
}

#[test]
fn sound_input_is_accepted() {
    // The changes start from something that gets through, or they would test nothing.
    let xorbs = sound_xorbs();
    assert_eq!(xorbs.len(), 15);
    for xorb in xorbs {
        let error = check_xorb(&xorb, &XetHash::ZERO).unwrap_err();
        let XorbError::Hash { computed, .. } = error else { panic!("{error}") };
        assert!(check_xorb(&xorb, &computed).is_ok());
        targets::xorb(&xorb);
    }
}
