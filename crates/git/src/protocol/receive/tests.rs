use proptest::prelude::*;
use tokio::io::AsyncReadExt;

use super::*;

const A: &str = "1111111111111111111111111111111111111111";
const B: &str = "2222222222222222222222222222222222222222";
const ZERO: &str = "0000000000000000000000000000000000000000";

fn push(lines: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        pktline::write_data(&mut out, line.as_bytes());
    }
    out.extend_from_slice(FLUSH);
    out
}

fn parse(wire: &[u8]) -> Result<ReceiveRequest, ProtocolError> {
    let mut parser = ReceiveParser::new();
    let mut rest = wire;
    parser.feed(&mut rest)?;
    parser.finish()
}

fn typical() -> Vec<u8> {
    push(&[
        format!("shallow {A}\n"),
        format!(
            "{A} {B} refs/heads/main\0 report-status-v2 side-band-64k object-format=sha1 atomic quiet agent=git/2.47.3"
        ),
        format!("{ZERO} {B} refs/heads/new\n"),
        format!("{A} {ZERO} refs/tags/old"),
    ])
}

#[test]
fn a_typical_push() {
    let request = parse(&typical()).unwrap();
    assert_eq!(request.shallow, [Oid::parse(A).unwrap()]);
    assert_eq!(
        request.capabilities,
        PushCapabilities {
            report_status: true,
            side_band_64k: true,
            quiet: true,
            atomic: true,
            agent: Some("git/2.47.3".into()),
        }
    );
    let names: Vec<_> = request.commands.iter().map(|command| command.name.as_str()).collect();
    assert_eq!(names, ["refs/heads/main", "refs/heads/new", "refs/tags/old"]);
    assert!(request.commands[1].is_create() && !request.commands[0].is_create());
    assert!(request.commands[2].is_delete() && !request.commands[1].is_delete());
    assert!(request.expects_pack());
}

#[test]
fn deletions_bring_no_pack_and_a_lone_flush_is_a_probe() {
    let request = parse(&push(&[format!("{A} {ZERO} refs/heads/x\0report-status")])).unwrap();
    assert!(!request.expects_pack());
    let probe = parse(b"0000").unwrap();
    assert!(probe.commands.is_empty() && !probe.expects_pack());
}

#[tokio::test]
async fn the_pack_stays_in_the_reader() {
    let mut wire = typical();
    wire.extend_from_slice(b"PACK\0\0\0\x02rest");
    for capacity in [1, 3, 64, 8192] {
        let mut reader = tokio::io::BufReader::with_capacity(capacity, wire.as_slice());
        let request = read_request(&mut reader).await.unwrap();
        assert_eq!(request.commands.len(), 3);
        let mut pack = Vec::new();
        reader.read_to_end(&mut pack).await.unwrap();
        assert_eq!(pack, b"PACK\0\0\0\x02rest");
    }
}

#[test]
fn broken_pushes_say_what_is_wrong() {
    let cases = [
        (format!("{A} {B}"), "command: must be"),
        (format!("{A} {B} "), "command: must be"),
        (format!("{A}-{B} refs/heads/x"), "command: must be"),
        (format!("{}x {B} refs/heads/x", &A[1..]), "command: must be"),
        ("shallow abc".to_owned(), "shallow: must be"),
        (format!("push-cert\0push-cert={A}"), "signed pushes"),
        (format!("{A} {B} refs/heads/x\0object-format=sha256"), "must be sha1"),
    ];
    for (line, expected) in cases {
        let error = parse(&push(std::slice::from_ref(&line))).unwrap_err().to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
    let mut bad_name = format!("{A} {B} refs/heads/").into_bytes();
    bad_name.push(0xff);
    let mut wire = Vec::new();
    pktline::write_data(&mut wire, &bad_name);
    assert!(parse(&wire).unwrap_err().to_string().contains("UTF-8"));
    assert!(parse(b"0001").is_err());
    assert!(matches!(parse(b""), Err(ProtocolError::Incomplete { offset: 0 })));
    let whole = typical();
    assert!(matches!(parse(&whole[..whole.len() - 4]), Err(ProtocolError::Incomplete { .. })));
}

#[test]
fn floods_are_refused() {
    let line = format!("{A} {B} refs/heads/x");
    let error = parse(&push(&vec![line; PUSH_COMMANDS_MAX + 1])).unwrap_err();
    assert!(matches!(error, ProtocolError::TooMany { limit: PUSH_COMMANDS_MAX, .. }), "{error}");
    let long = format!("{A} {B} refs/heads/{}", "x".repeat(60_000));
    let error = parse(&push(&vec![long; 100])).unwrap_err();
    assert!(matches!(error, ProtocolError::TooMany { limit: COMMAND_BYTES_MAX, .. }), "{error}");
}

#[test]
fn reports_read_as_git_writes_them() {
    let results = vec![
        ("refs/heads/main".to_owned(), Ok(())),
        ("refs/heads/dev".to_owned(), Err("protected\nbranch".to_owned())),
    ];
    let plain = report_status(Ok(()), &results, false);
    assert_eq!(
        String::from_utf8(plain.clone()).unwrap(),
        "000eunpack ok\n0017ok refs/heads/main\n0027ng refs/heads/dev protected branch\n0000"
    );
    let banded = report_status(Ok(()), &results, true);
    let mut packets = pktline::decode_all(&banded);
    let Some(Ok(Packet::Data(payload))) = packets.next() else { panic!() };
    assert_eq!((payload[0], &payload[1..]), (1, plain.as_slice()));
    assert_eq!(packets.next().unwrap().unwrap(), Packet::Flush);
    assert!(packets.next().is_none());
    assert_eq!(report_status(Err(""), &[], false), b"0012unpack failed\n0000");
}

#[test]
fn a_report_of_the_longest_name_fits_its_packet() {
    let name = "x".repeat(pktline::DATA_BYTES_MAX - 82);
    let report = report_status(Ok(()), &[(name, Err("no".repeat(2000)))], true);
    assert!(pktline::decode_all(&report).all(|packet| packet.is_ok()));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&input);
        let mut framed = Vec::new();
        pktline::write_data(&mut framed, &input);
        let _ = parse(&framed);
    }
}
