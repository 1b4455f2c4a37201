//! Xorbs made to deceive: each is refused, and the error says which chunk and why.

use std::io::Write;

use steelyard_core::XetHash;
use steelyard_xet::compress::DecompressError;
use steelyard_xet::{
    CheckedXorb, ChunkFault, XorbError, check_xorb, chunk_hash, decode_chunks, xorb_hash,
};

use crate::data::{noise, text};
use crate::hash;

const SOUND: &[u8] = include_bytes!("xorbs/mixed.lz4.xorb");
const SOUND_HASH: &str = "85c140f8fd481ad94ef74c04c05a720f89a1f0b12004db9db6fd7a9639d143e6";
const FOOTER_0: &[u8] = include_bytes!("xorbs/mixed.lz4.footer0.xorb");
const FOOTER_1: &[u8] = include_bytes!("xorbs/mixed.lz4.footer1.xorb");

/// A chunk whose header says what it is told to say.
fn chunk(scheme: u8, payload: &[u8], raw_len: usize) -> Vec<u8> {
    let mut out = vec![0];
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes()[..3]);
    out.push(scheme);
    out.extend_from_slice(&(raw_len as u32).to_le_bytes()[..3]);
    out.extend_from_slice(payload);
    out
}

fn raw_chunk(data: &[u8]) -> Vec<u8> {
    chunk(0, data, data.len())
}

fn frame(data: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// The hash that the protocol's own check would compute, which believes what the payloads inflate to.
fn believed(contents: &[&[u8]]) -> XetHash {
    let pairs: Vec<_> = contents.iter().map(|c| (chunk_hash(c), c.len() as u64)).collect();
    xorb_hash(&pairs)
}

fn refused(body: &[u8]) -> XorbError {
    check_xorb(body, &XetHash::ZERO).unwrap_err()
}

fn fault(index: u32, fault: ChunkFault) -> XorbError {
    XorbError::Chunk { index, fault }
}

fn payload(index: u32, error: DecompressError) -> XorbError {
    fault(index, ChunkFault::Payload(error))
}

fn sound() -> CheckedXorb {
    check_xorb(SOUND, &hash(SOUND_HASH)).unwrap()
}

#[test]
fn a_false_length_is_refused_though_the_hash_is_right() {
    let data = text(1, 5000);
    for (said, error) in [
        (4999, DecompressError::Longer { expected: 4999 }),
        (5001, DecompressError::Shorter { expected: 5001, actual: 5000 }),
    ] {
        let body = [raw_chunk(b"first"), chunk(1, &frame(&data), said)].concat();
        let error = payload(1, error);
        assert_eq!(check_xorb(&body, &believed(&[b"first", &data])), Err(error.clone()));
        assert_eq!(decode_chunks(&body, &mut Vec::new()), Err(error));
    }
}

#[test]
fn a_bomb_is_not_inflated() {
    let zeros = vec![0; 60 << 20];
    let bomb = frame(&zeros);
    assert!(bomb.len() < 300_000);
    // It is too long to call itself compressed.
    let lengths = ChunkFault::Grown { payload: bomb.len() as u32, raw: 65_536 };
    assert_eq!(refused(&chunk(1, &bomb, 65_536)), fault(0, lengths));
    // One block of it is not.
    let bomb = frame(&zeros[..4 << 20]);
    assert!(bomb.len() < 65_536);
    for scheme in [1, 2] {
        let error = payload(0, DecompressError::Longer { expected: 65_536 });
        assert_eq!(refused(&chunk(scheme, &bomb, 65_536)), error);
    }
}

#[test]
fn each_field_of_a_header_is_checked() {
    let header = |bytes: [u8; 8]| refused(&[&raw_chunk(b"first")[..], &bytes, &[0; 40]].concat());
    assert_eq!(header([1, 4, 0, 0, 0, 4, 0, 0]), fault(1, ChunkFault::Version(1)));
    assert_eq!(header([0, 4, 0, 0, 3, 4, 0, 0]), fault(1, ChunkFault::Scheme(3)));
    // "Automatic", which clients have in memory and no chunk may have.
    assert_eq!(header([0, 4, 0, 0, 99, 4, 0, 0]), fault(1, ChunkFault::Scheme(99)));
    assert_eq!(header([0; 8]), fault(1, ChunkFault::RawLength(0)));
    assert_eq!(header([0, 4, 0, 0, 1, 1, 0, 2]), fault(1, ChunkFault::RawLength(131_073)));
    assert_eq!(header([0, 4, 0, 0, 2, 255, 255, 255]), fault(1, ChunkFault::RawLength(16_777_215)));
    let lengths = ChunkFault::LengthsDiffer { payload: 4, raw: 5 };
    assert_eq!(header([0, 4, 0, 0, 0, 5, 0, 0]), fault(1, lengths));
    let lengths = ChunkFault::Grown { payload: 5, raw: 4 };
    assert_eq!(header([0, 5, 0, 0, 1, 4, 0, 0]), fault(1, lengths));
    let cut = ChunkFault::PayloadCut { need: 41, have: 40 };
    assert_eq!(header([0, 41, 0, 0, 0, 41, 0, 0]), fault(1, cut));
}

#[test]
fn a_xorb_cut_anywhere_is_refused() {
    let ends: Vec<_> = sound().table.entries().map(|entry| entry.stored.end as usize).collect();
    for len in 0..SOUND.len() {
        let error = check_xorb(&SOUND[..len], &hash(SOUND_HASH)).unwrap_err();
        let index = ends.iter().filter(|end| **end <= len).count() as u32;
        match error {
            XorbError::Empty => assert_eq!(len, 0),
            XorbError::Hash { .. } => assert!(ends.contains(&len)),
            XorbError::Chunk {
                index: found,
                fault: ChunkFault::HeaderCut { .. } | ChunkFault::PayloadCut { .. },
            } => {
                assert!(!ends.contains(&len));
                assert_eq!(found, index);
            }
            other => panic!("{len}: {other}"),
        }
    }
}

#[test]
fn nothing_may_follow_the_last_chunk() {
    let after = |bytes: &[u8]| check_xorb(&[SOUND, bytes].concat(), &hash(SOUND_HASH)).unwrap_err();
    assert_eq!(after(b"\0"), fault(5, ChunkFault::HeaderCut { have: 1 }));
    assert_eq!(after(b"XETBLO"), fault(5, ChunkFault::HeaderCut { have: 6 }));
    assert_eq!(after(b"rubbish behind it"), fault(5, ChunkFault::Version(b'r')));
    assert_eq!(after(&[0; 100]), fault(5, ChunkFault::RawLength(0)));
    assert!(matches!(after(&raw_chunk(b"one more")), XorbError::Hash { .. }));
}

#[test]
fn nothing_may_follow_a_frame_in_its_chunk() {
    // A client's decoder stops at the end of the frame and takes what follows for the next header.
    let data = text(1, 3000);
    let hidden = [frame(&data), raw_chunk(b"hidden")].concat();
    let body = chunk(1, &hidden, data.len());
    let error = payload(0, DecompressError::Trailing(14));
    assert_eq!(check_xorb(&body, &believed(&[&data])), Err(error));
    let two = [frame(&data[..1000]), frame(&data[1000..])].concat();
    let error = refused(&chunk(1, &two, data.len()));
    assert_eq!(error, payload(0, DecompressError::Trailing(frame(&data[1000..]).len())));
    // The same with a frame that has a checksum, which is read in another way.
    let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(&data).unwrap();
    let mut summed = encoder.finish().unwrap();
    check_xorb(&chunk(1, &summed, data.len()), &believed(&[&data])).unwrap();
    summed.push(0);
    let error = payload(0, DecompressError::Trailing(1));
    assert_eq!(refused(&chunk(1, &summed, data.len())), error);
    let last = summed.len() - 2;
    summed.truncate(last + 1);
    summed[last] ^= 1;
    let error = refused(&chunk(1, &summed, data.len()));
    assert!(matches!(
        error,
        XorbError::Chunk { fault: ChunkFault::Payload(DecompressError::Malformed(_)), .. }
    ));
}

#[test]
fn frames_that_decoders_read_differently_are_refused() {
    let malformed = |frame: &[u8], raw_len| match refused(&chunk(1, frame, raw_len)) {
        XorbError::Chunk {
            index: 0,
            fault: ChunkFault::Payload(DecompressError::Malformed(text)),
        } => text,
        other => panic!("{other}"),
    };
    let header = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
    let block = |bytes: &[u8]| [&(bytes.len() as u32 | 1 << 31).to_le_bytes()[..], bytes].concat();
    let end = [0; 4];
    let data = [7; 100];
    let sound = [&header[..], &block(&data[..50]), &block(&data[50..]), &end].concat();
    assert!(matches!(refused(&chunk(1, &sound, 119)), XorbError::Chunk { .. }));
    assert_eq!(refused(&chunk(1, &sound, 120)), {
        payload(0, DecompressError::Shorter { expected: 120, actual: 100 })
    });
    let empty = [&header[..], &block(&data[..50]), &block(b""), &block(&data[50..]), &end].concat();
    assert_eq!(malformed(&empty, 200), "a block is empty");
    let endless = [&header[..], &block(&data)].concat();
    assert_eq!(malformed(&endless, 200), "it is cut off");
    let cut = [&header[..], &block(&data)[..60]].concat();
    assert_eq!(malformed(&cut, 200), "it is cut off");
    let large = [&header[..], &block(&[7; 65_537]), &end].concat();
    assert_eq!(malformed(&large, 131_072), "a block is larger than its frame allows");
    malformed(b"no frame at all", 200);
    malformed(b"", 200);
    // The form of frames from before the format was settled: one block, and no end mark.
    let block = lz4_flex::block::compress(&data);
    let legacy =
        [&[0x02, 0x21, 0x4c, 0x18], &(block.len() as u32).to_le_bytes()[..], &block].concat();
    assert_eq!(malformed(&legacy, 100), "it does not start like one");
}

#[test]
fn counts_and_sums_end_at_the_limits() {
    let one = raw_chunk(b"x");
    let most = one.repeat(8192);
    let pairs = vec![(chunk_hash(b"x"), 1); 8192];
    assert_eq!(check_xorb(&most, &xorb_hash(&pairs)).unwrap().table.len(), 8192);
    assert_eq!(refused(&one.repeat(8193)), XorbError::ChunkCount);
    assert_eq!(decode_chunks(&one.repeat(8193), &mut Vec::new()), Err(XorbError::ChunkCount));

    let zeros = vec![0; 131_072];
    let large = chunk(1, &frame(&zeros), zeros.len());
    let pairs = vec![(chunk_hash(&zeros), 131_072); 8192];
    let checked = check_xorb(&large.repeat(8192), &xorb_hash(&pairs)).unwrap();
    assert_eq!(checked.raw_len, 1 << 30, "huggingface.js fills xorbs by what they take compressed");

    let body = vec![0; (65 << 20) + 1];
    assert_eq!(refused(&body), XorbError::BodyBytes(68_157_441));
    assert_eq!(refused(b""), XorbError::Empty);
}

#[test]
fn another_content_has_another_hash() {
    let expected = hash(SOUND_HASH);
    // The first byte of the second chunk, which is not compressed.
    let at = sound().table.stored_range(1..2).unwrap().start as usize + 8;
    let mut changed = SOUND.to_vec();
    changed[at] ^= 1;
    let error = check_xorb(&changed, &expected).unwrap_err();
    let XorbError::Hash { expected: found, computed } = error else { panic!("{error}") };
    assert_eq!(found, expected);
    check_xorb(&changed, &computed).unwrap();
}

#[test]
fn a_footer_is_dropped_if_it_is_the_one_of_these_chunks() {
    let expected = hash(SOUND_HASH);
    for whole in [FOOTER_0, FOOTER_1] {
        assert_eq!(check_xorb(whole, &expected), Ok(sound()));
        let free = whole.len() - 20..whole.len() - 4;
        for at in SOUND.len()..whole.len() {
            let mut changed = whole.to_vec();
            changed[at] ^= 1;
            let result = check_xorb(&changed, &expected);
            match (free.contains(&at), result) {
                (true, result) => assert_eq!(result, Ok(sound())),
                (false, Err(XorbError::Footer { last: 4, .. })) => {}
                // No footer at all, if its first seven bytes are not there.
                (false, Err(XorbError::Chunk { index: 5, fault: ChunkFault::Version(_) }))
                    if at < SOUND.len() + 7 => {}
                (false, other) => panic!("{at}: {other:?}"),
            }
        }
        for len in SOUND.len() + 7..whole.len() {
            let error = check_xorb(&whole[..len], &expected).unwrap_err();
            assert!(matches!(error, XorbError::Footer { last: 4, .. }), "{len}: {error}");
        }
        let rule = "must end the body and have the length that its chunks give it";
        let error = Err(XorbError::Footer { last: 4, rule });
        assert_eq!(check_xorb(&[whole, b"x"].concat(), &expected), error);
        let twice = [whole, &whole[SOUND.len()..]].concat();
        assert_eq!(check_xorb(&twice, &expected), error);
        assert_eq!(refused(&whole[SOUND.len()..]), XorbError::Empty);
        // A footer is for clients alone: where stored chunks are read there is none.
        let decoded = decode_chunks(whole, &mut Vec::new());
        assert_eq!(decoded, Err(fault(5, ChunkFault::Version(b'X'))));
    }
}

#[test]
fn errors_name_the_chunk_and_the_fault() {
    let body = [raw_chunk(&noise(1, 100)), chunk(1, &frame(&[0; 900]), 800)].concat();
    let text = "chunk 1 inflates to more than the 800 bytes it should have";
    assert_eq!(refused(&body).to_string(), text);
    let body = [raw_chunk(b"abc"), raw_chunk(b"")].concat();
    let text = "chunk 1 says to have 0 raw bytes; a chunk has 1 to 131072";
    assert_eq!(refused(&body).to_string(), text);
}
