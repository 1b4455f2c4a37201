use proptest::prelude::*;

use super::*;

fn packet() -> impl Strategy<Value = Packet<Vec<u8>>> {
    prop_oneof![
        6 => proptest::collection::vec(any::<u8>(), 0..300).prop_map(Packet::Data),
        1 => proptest::collection::vec(any::<u8>(), DATA_BYTES_MAX - 2..=DATA_BYTES_MAX)
            .prop_map(Packet::Data),
        1 => Just(Packet::Flush),
        1 => Just(Packet::Delim),
        1 => Just(Packet::ResponseEnd),
    ]
}

fn encode(packets: &[Packet<Vec<u8>>]) -> Vec<u8> {
    let mut out = Vec::new();
    for packet in packets {
        match packet {
            Packet::Data(data) => write_data(&mut out, data),
            Packet::Flush => out.extend_from_slice(FLUSH),
            Packet::Delim => out.extend_from_slice(DELIM),
            Packet::ResponseEnd => out.extend_from_slice(RESPONSE_END),
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn packets_survive_any_chunking(
        packets in proptest::collection::vec(packet(), 0..8),
        tail in proptest::collection::vec(any::<u8>(), 0..40),
        cuts in proptest::collection::vec(1_usize..5000, 1..6),
    ) {
        let mut wire = encode(&packets);
        let framed = wire.len();
        wire.extend_from_slice(&tail);
        let mut assembler = Assembler::new();
        let mut seen = Vec::new();
        let mut cuts = cuts.into_iter().cycle();
        let mut consumed = 0;
        while seen.len() < packets.len() {
            let end = wire.len().min(consumed + cuts.next().unwrap());
            let mut chunk = &wire[consumed..end];
            let before = chunk.len();
            while seen.len() < packets.len() {
                match assembler.next(&mut chunk).unwrap() {
                    Some(packet) => seen.push(packet),
                    None => break,
                }
            }
            consumed += before - chunk.len();
        }
        prop_assert_eq!(&seen, &packets);
        prop_assert_eq!(consumed, framed, "the bytes after the last packet stay unread");
        prop_assert_eq!(assembler.offset(), framed as u64);

        let mut walk = decode_all(&wire[..framed]);
        let whole: Vec<_> = walk.by_ref().map(Result::unwrap).collect();
        prop_assert_eq!(walk.consumed(), framed);
        prop_assert_eq!(whole.len(), packets.len());
        for (borrowed, owned) in whole.iter().zip(&packets) {
            let same = match (borrowed, owned) {
                (Packet::Data(a), Packet::Data(b)) => a == b,
                (Packet::Flush, Packet::Flush)
                | (Packet::Delim, Packet::Delim)
                | (Packet::ResponseEnd, Packet::ResponseEnd) => true,
                _ => false,
            };
            prop_assert!(same);
        }
    }

    #[test]
    fn hostile_bytes_never_panic_and_both_readers_agree(
        input in proptest::collection::vec(
            prop_oneof![Just(b'0'), Just(b'4'), Just(b'f'), any::<u8>()], 0..200),
    ) {
        let slices: Vec<_> = decode_all(&input).collect();
        let good = slices.iter().filter(|item| item.is_ok()).count();
        let mut assembler = Assembler::new();
        let mut rest = input.as_slice();
        let mut assembled = 0;
        let failed = loop {
            match assembler.next(&mut rest) {
                Ok(Some(_)) => assembled += 1,
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        prop_assert_eq!(assembled, good);
        let bad_length = matches!(slices.last(), Some(Err(ProtocolError::BadLength { .. })));
        prop_assert_eq!(failed, bad_length);
    }

    #[test]
    fn bands_reassemble(data in proptest::collection::vec(any::<u8>(), 0..200_000)) {
        let mut wire = Vec::new();
        write_band(&mut wire, Band::Data, &data);
        let mut joined = Vec::new();
        for packet in decode_all(&wire) {
            let Packet::Data(payload) = packet.unwrap() else { panic!("only data packets") };
            prop_assert_eq!(payload[0], 1);
            joined.extend_from_slice(&payload[1..]);
        }
        prop_assert_eq!(joined, data);
    }
}

#[test]
fn lengths_are_those_of_git() {
    let mut out = Vec::new();
    write_text(&mut out, "version 2");
    write_data(&mut out, b"");
    write_band(&mut out, Band::Progress, b"hi\n");
    write_band(&mut out, Band::Error, b"");
    assert_eq!(out, b"000eversion 2\n00040008\x02hi\n");
    assert_eq!(err_packet("no\nsuch repo\n"), b"0015ERR no such repo\n");
}

#[test]
fn long_messages_are_cut_at_a_character() {
    let packet = err_packet(&"ü".repeat(70_000));
    assert!(packet.len() < 5000);
    assert!(std::str::from_utf8(&packet).is_ok());
}

#[test]
fn a_bad_length_names_its_offset() {
    for bad in ["0003", "fff1", "ffff", "00g0", "-001", " 004", "+004"] {
        let wire = format!("0005a{bad}rest");
        let error = decode_all(wire.as_bytes()).nth(1).unwrap().unwrap_err();
        let ProtocolError::BadLength { offset, found } = &error else { panic!("{error}") };
        assert_eq!((*offset, found.as_str()), (5, bad));
        let mut assembler = Assembler::new();
        let mut input = wire.as_bytes();
        assembler.next(&mut input).unwrap();
        assert!(assembler.next(&mut input).unwrap_err().to_string().contains("byte 5"));
    }
}

#[test]
fn a_cut_packet_is_incomplete() {
    let wire = b"0009hello0009hel";
    let last = decode_all(wire).last().unwrap().unwrap_err();
    assert!(matches!(last, ProtocolError::Incomplete { offset: 9 }));
    let mut assembler = Assembler::new();
    let mut input = wire.as_slice();
    assembler.next(&mut input).unwrap();
    assert!(assembler.is_between_packets());
    assert_eq!(assembler.next(&mut input).unwrap(), None);
    assert!(!assembler.is_between_packets());
}
