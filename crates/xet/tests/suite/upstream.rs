//! Equality with the protocol's own crates.
//!
//! The values here and the files in `xorbs/` came once out of a program over `xet-core-structures` 1.8.0 and the chunker
//! of `xet-data` 1.8.0 (`deduplication/chunking.rs`), fed with the inputs of `data.rs`: chunks by
//! `Chunker::default().next_block`, hashes by `compute_data_hash`, `xorb_hash`, `file_hash`, `range_hash_from_chunks` and
//! `MerkleHash::hmac`, xorbs by `SerializedXorbObject::from_xorb_with_compression`, their old footer by
//! `XorbObjectInfoV0::serialize`. Those crates are no dependency of the tests because they bring 157 packages along.

use steelyard_core::XetHash;
use steelyard_xet::{
    Chunker, Compressor, FileHasher, Scheme, check_xorb, chunk_hash, decode_chunks, file_hash,
    is_dedup_eligible, keyed, range_hash, xorb_hash,
};

use crate::data::{noise, text, weights};
use crate::hash;

fn cut(data: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut chunker = Chunker::new();
    let mut keep = |chunk: &[u8]| chunks.push(chunk.to_vec());
    chunker.push(data, &mut keep);
    chunker.finish(&mut keep);
    chunks
}

fn check_cuts(data: &[u8], lens: &[usize], xorb: &str, file: &str) {
    let chunks = cut(data);
    assert_eq!(chunks.concat(), data);
    assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), lens);
    let pairs: Vec<_> = chunks.iter().map(|c| (chunk_hash(c), c.len() as u64)).collect();
    assert_eq!(xorb_hash(&pairs), hash(xorb));
    assert_eq!(file_hash(&pairs), hash(file));
}

#[test]
fn cuts_and_file_hashes() {
    check_cuts(
        &noise(1, 1_000_000),
        &[
            25125, 79372, 131072, 94636, 47914, 23867, 87072, 101590, 126580, 60335, 57398, 131072,
            33967,
        ],
        "331eaf2da386fd7d3db36c5d0f7b6e73d8e8e47097c94d5f4656fe232d46a334",
        "bbd7a795e3674155c7bd1a0c5ce67ff48408627391df945b272cefd7f13fdf33",
    );
    check_cuts(
        &text(4, 1_000_000),
        &[
            16010, 20103, 131072, 131072, 29105, 13275, 21174, 22798, 30430, 25153, 53952, 81151,
            18945, 68122, 73929, 121716, 67052, 46013, 28928,
        ],
        "f1c36ec5ef2d8c115efe2f6561e27e06a4533f61aa2edf6fa46fd2f6f58c60f1",
        "f3c63a33424e22fd85ef6ca56442f82c3049c8a79b747373fb6511ff187233a3",
    );
    check_cuts(
        &weights(5, 1_000_000),
        &[
            33032, 72871, 60073, 66463, 129855, 131072, 42921, 59372, 9808, 61868, 17410, 60211,
            40499, 53357, 14811, 131072, 15305,
        ],
        "a299073db602fe5b904cca82e78852792ada48484315f946a1b49d001af0c87e",
        "43709affa53e7790a42895b4ae60ef5d671160ff5c601ba88f75960c5317fef8",
    );
}

#[test]
fn cuts_of_constant_short_and_empty_data() {
    check_cuts(
        &[0; 500_000],
        &[131_072, 131_072, 131_072, 106_784],
        "2e951896648f2ad29b6e2f05ae57180f098cf89875e4bc7076857829a09ccbba",
        "e35d1e497d39cb2361ee6cc6ef5e9355ce1c6ea02e7d340b5a7b4346e96dedd8",
    );
    check_cuts(
        &[0x7f; 262_144],
        &[131_072, 131_072],
        "f339f7b3e5aec3ca1d691c70750f5638b1a0f2949ed2ad304f35a317763c966e",
        "4bc69657b915bdde64a39d8c34c24dae36c11e5319fe27a54aada59e5cbab4a8",
    );
    check_cuts(
        &noise(2, 8_191),
        &[8_191],
        "94a415b0c47c1b0a2086bca6e1fedb886dea3904de9ca225f6cc8eadd5675869",
        "17ffeba6a9aa346cc5d86293139b0dfc30efc1d877f22be986e6ed2cec8193db",
    );
    check_cuts(
        &noise(6, 1),
        &[1],
        "df93298cdbf67cd507aed28d6290c0cf7f9aa0aa88dfa629cffcf98680659410",
        "41f5539a8d8bdd7509fd9a319268aca47ea6d40b33394170182e09fa86345c7e",
    );
    check_cuts(&[], &[], &"0".repeat(64), &"0".repeat(64));
}

#[test]
fn cuts_of_a_longer_stream() {
    let chunks = cut(&noise(3, 8_000_000));
    assert_eq!(chunks.len(), 117);
    let lens: Vec<u8> = chunks.iter().flat_map(|c| (c.len() as u32).to_le_bytes()).collect();
    let expected = "8116c11195aa71d35b4319962e6eba2aba5b5410a1b7027a1c3a355e792b4ea6";
    assert_eq!(chunk_hash(&lens), hash(expected));
    let mut hasher = FileHasher::new();
    chunks.iter().for_each(|chunk| hasher.push(chunk_hash(chunk), chunk.len() as u64));
    let expected = "c501743c865bf6835c0a1e03c9781ad9225e843ae5360a2568d5cd890ec76826";
    assert_eq!(hasher.finish(), hash(expected));
}

/// A window of 64 bytes whose rolling hash asks for a cut, put around the places where a cut begins to be allowed and
/// where it is forced.
#[test]
fn cuts_near_the_limits() {
    let window = noise(20_400, 64);
    let cases: [(usize, usize, &[usize]); 11] = [
        (40_000, 8_127, &[40_000]),
        (40_000, 8_128, &[40_000]),
        (40_000, 8_190, &[40_000]),
        (40_000, 8_191, &[40_000]),
        (40_000, 8_192, &[8_192, 31_808]),
        (40_000, 8_193, &[8_193, 31_807]),
        (40_000, 9_000, &[9_000, 31_000]),
        (40_000, 39_999, &[39_999, 1]),
        (140_000, 131_071, &[131_071, 8_929]),
        (140_000, 131_072, &[131_072, 8_928]),
        (140_000, 131_073, &[131_072, 8_928]),
    ];
    for (len, end, lens) in cases {
        let mut data = vec![0; len];
        data[end - 64..end].copy_from_slice(&window);
        assert_eq!(cut(&data).iter().map(Vec::len).collect::<Vec<_>>(), lens, "{end}");
    }
}

fn number_hash(number: u32) -> XetHash {
    chunk_hash(&number.to_le_bytes())
}

#[test]
fn hashes_of_runs_of_chunks() {
    let expected = [
        (
            1,
            "aa58199b044a93cfc8a2a6ab463fb7fe50d858a654fb825a1acb31fb0f139aba",
            "f9dad440e3591467c390a229cc33de3968234a3929ccd34fc6ad64a49b463bba",
        ),
        (
            2,
            "efe20ad732db6e7e8e6dfd793c4f3ae1fc1c5bace2fc43e7fc8df3514c21de70",
            "4523ca5a76474bd83801c6468b4581d9ebc893e7da470dfe3a2a3ed20ae409f3",
        ),
        (
            3,
            "8a52dc46fa95ef7f6db3f5ea9371344ee42de915340d2fc2aa2e3457d812dfbb",
            "51535d03ed7a092aa189937a9b31340a1721d4db2c09302c30df52d273dfd00b",
        ),
        (
            4,
            "b982105a7b6a8c45b739720035a40d452a2378b1b66187811aa2c8c589d2e498",
            "8d5b342f893b0524aad1d98a6b5f4ac69bae2bb14a9f7b583e6fcab47d045466",
        ),
        (
            8,
            "e1e230800114206aa490db6d996262c128a3491256f99088dfe0884fbe4c8329",
            "72c62965deb1950e1c9cd555797bf057b7af0af70d318dc543546d5300b0a0ea",
        ),
        (
            9,
            "9e303f0f2c84d591f37c23db8cd408d668dba3c10e3279dbf378cd0e91664814",
            "dca541ba8ffaeaa727f14e52b6dfe6707005662fb2d594a76661f2fd3e0bd979",
        ),
        (
            10,
            "3398b5d25c5c3ebb946afab44610803915fdb2aa64be96ae2f062597fd3499da",
            "6ae8f0f3377b29e567a21b3ba4fecb4055dbdc6b7174e1e9d4691cd495320f62",
        ),
        (
            27,
            "ed43adfe073e32689aa8fb0203dd3faeb62f8046c5fccc2f9f597f3e2e5e28bf",
            "9587ed8639830d6fa3a97aaedfdbc11ab27af1cb8dce846666cd4024b64018ab",
        ),
        (
            100,
            "c54ec036d5424f3a6ddf35b99c6ed262f70cb2609712fa65ccbe5ec38f7faec3",
            "8b3795d6e683b917041f9769b2826d58eba558948a0ad4269af93c7ab09123e7",
        ),
        (
            1000,
            "55ab02a32fe6cfd8c9037ebd167051b9286de612dbf85889a7f12cec513ea104",
            "04a7ce63d1c42b681ba797fed1d3e2333911cdfe84251fcaf71ab191a49c042d",
        ),
        (
            8192,
            "6862a69aab9255f687a915c4cf219840df68edc0fafeb44a02d7d966044132a9",
            "5ba89724d09464d5483d824327151b0fd66a6491c25bbb0463f948dfaa00c706",
        ),
    ];
    for (count, xorb, file) in expected {
        let chunks: Vec<_> =
            (0..count).map(|n| (number_hash(n), u64::from(n) * 1_000_003)).collect();
        assert_eq!(xorb_hash(&chunks), hash(xorb), "{count}");
        assert_eq!(file_hash(&chunks), hash(file), "{count}");
    }
    let same = [(number_hash(0), 7); 40];
    let expected = "919b0c0970e0456f0089f12fc93214cf6afdd04288c69e127398120d0a029d54";
    assert_eq!(xorb_hash(&same), hash(expected));
    assert_eq!((xorb_hash(&[]), file_hash(&[])), (XetHash::ZERO, XetHash::ZERO));
}

#[test]
fn other_hashes() {
    let expected = "a8803506f7aff014f19aa9e9b79dc6455c49672570f96156071329698dd0284e";
    assert_eq!(chunk_hash(b"abc"), hash(expected));
    let five: Vec<_> = (0..5).map(number_hash).collect();
    let expected = "a10ad459393fc3cdf1e37414a9521066dcf58cb14609961f3fcc015723bf5a51";
    assert_eq!(range_hash(&five), hash(expected));
    let expected = "dde3853846ecbc12bc3f251e97a56c0ae27425293d1030f22e45828bba2e7083";
    assert_eq!(keyed(&five[0], &[7; 32]), hash(expected));
    let eligible: Vec<_> = (0..20_000).filter(|n| is_dedup_eligible(&number_hash(*n))).collect();
    let expected = [
        1399, 1443, 1704, 2366, 3136, 3235, 3747, 6245, 7606, 8014, 8420, 9431, 9958, 11940, 16027,
        19157,
    ];
    assert_eq!(eligible, expected);
}

/// The chunks of the files in `xorbs/`.
fn contents(name: &str) -> Vec<Vec<u8>> {
    match name {
        "text" => vec![text(10, 700), text(11, 1501), text(12, 64), text(13, 999)],
        "weights" => vec![weights(20, 1203), weights(21, 800), weights(22, 1001)],
        _ => vec![text(30, 900), noise(31, 700), weights(32, 1602), vec![0; 4000], noise(33, 1)],
    }
}

macro_rules! xorbs {
    ($($name:literal)*) => {
        [$(($name, include_bytes!(concat!("xorbs/", $name, ".xorb")).as_slice())),*]
    };
}

#[test]
fn xorbs_of_every_scheme_and_footer() {
    let xorbs = xorbs!(
        "text.none" "text.lz4" "text.lz4.footer0" "text.lz4.footer1" "text.bg4"
        "weights.none" "weights.lz4" "weights.lz4.footer0" "weights.lz4.footer1" "weights.bg4"
        "mixed.none" "mixed.lz4" "mixed.lz4.footer0" "mixed.lz4.footer1" "mixed.bg4"
    );
    for (name, body) in xorbs {
        let (kind, form) = name.split_once('.').unwrap();
        let expected = hash(match kind {
            "text" => "8de50b55c6c5fcc6660e3017eebe48cbb18be5f4dd5382207adbc90fccfe59e6",
            "weights" => "e57bbe62037089649a3b3df1a3d9a07c60a3827b0bbc1a7ed608970c239983c1",
            _ => "85c140f8fd481ad94ef74c04c05a720f89a1f0b12004db9db6fd7a9639d143e6",
        });
        let chunks = contents(kind);
        let checked = check_xorb(body, &expected).unwrap();
        let n = chunks.len();
        let footer = match form.rsplit_once('.') {
            Some((_, "footer0")) => 64 + 36 * n,
            Some((_, "footer1")) => 96 + 40 * n,
            _ => 0,
        };
        assert_eq!(checked.stored_len, body.len() - footer, "{name}");
        assert_eq!(checked.table.stored_bytes() as usize, checked.stored_len, "{name}");
        assert_eq!(checked.raw_len as usize, chunks.concat().len(), "{name}");
        let hashes: Vec<_> = checked.table.entries().map(|entry| entry.hash).collect();
        assert_eq!(hashes, chunks.iter().map(|c| chunk_hash(c)).collect::<Vec<_>>(), "{name}");
        let mut raw = Vec::new();
        assert_eq!(decode_chunks(&body[..checked.stored_len], &mut raw), Ok(n as u32), "{name}");
        assert_eq!(raw, chunks.concat(), "{name}");
    }
}

/// Compressed chunks come out as the same bytes, so that a client and this crate write the same xorb.
#[test]
fn compressed_bytes() {
    let mut compressor = Compressor::new();
    let xorbs = [
        (Scheme::Lz4, include_bytes!("xorbs/text.lz4.xorb").as_slice()),
        (Scheme::Bg4Lz4, include_bytes!("xorbs/text.bg4.xorb")),
    ];
    for (scheme, stored) in xorbs {
        let mut made = Vec::new();
        for chunk in contents("text") {
            let payload = compressor.compress(scheme, &chunk);
            let (scheme, payload) = if payload.len() < chunk.len() {
                (scheme, payload)
            } else {
                (Scheme::None, &*chunk)
            };
            made.push(0);
            made.extend_from_slice(&(payload.len() as u32).to_le_bytes()[..3]);
            made.push(scheme.byte());
            made.extend_from_slice(&(chunk.len() as u32).to_le_bytes()[..3]);
            made.extend_from_slice(payload);
        }
        assert_eq!(made, stored, "{scheme:?}");
    }
}
