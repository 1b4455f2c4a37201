use proptest::prelude::*;
use steelyard_core::Oid;

use super::*;

fn request(lines: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    pktline::write_text(&mut out, "command=ls-refs");
    pktline::write_text(&mut out, "agent=git/2.47.3");
    pktline::write_data(&mut out, b"object-format=sha1");
    out.extend_from_slice(pktline::DELIM);
    for line in lines {
        pktline::write_text(&mut out, line);
    }
    out.extend_from_slice(FLUSH);
    out
}

fn record(name: &str) -> RefRecord {
    RefRecord { name: name.into(), oid: Oid::new([7; 20]), peeled: None }
}

fn parse(lines: &[&str]) -> LsRefsRequest {
    match parse_v2_command(&request(lines)).unwrap() {
        V2Command::LsRefs(request) => request,
        other => panic!("{other:?}"),
    }
}

fn listed(lines: &[&str], names: &[&str], head: Option<&str>) -> Vec<String> {
    let refs: Vec<_> = names.iter().map(|name| record(name)).collect();
    let answer = answer_ls_refs(&parse(lines), &refs, head);
    pktline::decode_all(&answer)
        .filter_map(|packet| match packet.unwrap() {
            Packet::Data(data) => {
                let line = String::from_utf8(pktline::chomp(data).to_vec()).unwrap();
                Some(line.split_once(' ').unwrap().1.to_owned())
            }
            _ => None,
        })
        .collect()
}

const NAMES: [&str; 5] =
    ["refs/heads/dev", "refs/heads/main", "refs/pr/1", "refs/pr/12", "refs/tags/v1"];

#[test]
fn pull_requests_are_listed_only_on_request() {
    let plain = ["refs/heads/dev", "refs/heads/main", "refs/tags/v1"];
    assert_eq!(listed(&[], &NAMES, None), plain);
    assert_eq!(listed(&["ref-prefix refs/"], &NAMES, None), plain);
    assert_eq!(listed(&["ref-prefix refs/pr/1"], &NAMES, None), ["refs/pr/1", "refs/pr/12"]);
    assert_eq!(listed(&["ref-prefix refs/pr"], &NAMES, None), ["refs/pr/1", "refs/pr/12"]);
    assert_eq!(
        listed(&["ref-prefix refs/", "ref-prefix refs/pr/12"], &NAMES, None),
        ["refs/heads/dev", "refs/heads/main", "refs/pr/12", "refs/tags/v1"]
    );
}

#[test]
fn too_many_prefixes_count_as_none() {
    let many: Vec<_> = (0..PREFIXES_MAX).map(|n| format!("ref-prefix no/{n}")).collect();
    let mut lines: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(listed(&lines, &NAMES, None).len(), 3);
    lines.pop();
    assert_eq!(listed(&lines, &NAMES, None).len(), 0);
}

#[test]
fn head_is_told_as_git_tells_it() {
    let main = Some("refs/heads/main");
    assert_eq!(
        listed(&["symrefs", "ref-prefix HEAD"], &NAMES, main),
        ["HEAD symref-target:refs/heads/main"]
    );
    assert_eq!(listed(&["ref-prefix HEAD"], &NAMES, main), ["HEAD"]);
    let unborn = Some("refs/heads/none");
    assert_eq!(
        listed(&["symrefs", "unborn", "ref-prefix HEAD"], &NAMES, unborn),
        ["HEAD symref-target:refs/heads/none"]
    );
    assert!(listed(&["symrefs", "ref-prefix HEAD"], &NAMES, unborn).is_empty());
    assert!(listed(&["unborn", "ref-prefix HEAD"], &NAMES, unborn).is_empty());
    assert_eq!(listed(&["symrefs", "unborn", "ref-prefix refs/tags/"], &NAMES, main).len(), 1);
}

#[test]
fn commands_are_told_apart() {
    let parse = |text: &str| parse_v2_command(text.as_bytes());
    assert_eq!(parse("0000").unwrap(), V2Command::Empty);
    assert_eq!(parse("0011command=fetch0001").unwrap(), V2Command::Fetch);
    assert_eq!(parse("0012command=fetch\n0001000fno-progress").unwrap(), V2Command::Fetch);
    assert_eq!(
        parse("0017command=object-info0000").unwrap(),
        V2Command::Other("object-info".into())
    );
    assert_eq!(
        parse("0014command=ls-refs\n0000").unwrap(),
        V2Command::LsRefs(LsRefsRequest::default())
    );
}

#[test]
fn broken_requests_say_what_is_wrong() {
    let cases = [
        ("0001", "command: is missing"),
        ("0012command=fetch\n0012command=fetch\n0000", "must be given once"),
        ("0019object-format=sha256\n0000", "object-format: must be sha1"),
        ("000bfoo=bar0000", "unknown: foo=bar"),
        ("0014command=ls-refs\n0001000bsymref\n0000", "unexpected argument: symref"),
        ("0014command=ls-refs\n000100010000", "must end with a flush"),
        ("0002", "response-end"),
        ("zzzz", "bad pkt-line length \"zzzz\" at byte 0"),
    ];
    for (wire, expected) in cases {
        let error = parse_v2_command(wire.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{wire}: {error}");
    }
    let whole = request(&["peel", "symrefs", "unborn", "ref-prefix refs/heads/"]);
    for end in 0..whole.len() {
        let error = parse_v2_command(&whole[..end]).unwrap_err();
        assert!(matches!(error, ProtocolError::Incomplete { .. }), "{end}: {error}");
    }
    let mut endless = Vec::new();
    pktline::write_text(&mut endless, "command=ls-refs");
    endless.extend_from_slice(pktline::DELIM);
    while endless.len() <= REQUEST_BYTES_MAX {
        pktline::write_data(&mut endless, b"peel");
    }
    let error = parse_v2_command(&endless).unwrap_err();
    assert!(matches!(error, ProtocolError::TooMany { .. }), "{error}");
}

#[tokio::test]
async fn a_request_is_read_no_further_than_needed() {
    let mut fetch = b"0012command=fetch\n0001".to_vec();
    let head = fetch.len();
    for _ in 0..10_000 {
        pktline::write_text(&mut fetch, "have 4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }
    fetch.extend_from_slice(FLUSH);
    for chunk in [1, 7, 100_000] {
        let mut reader = tokio::io::BufReader::with_capacity(chunk, fetch.as_slice());
        let (command, mut taken) = read_v2_command(&mut reader).await.unwrap();
        assert_eq!(command, V2Command::Fetch);
        assert!(taken.len() >= head && taken.len() < 20_000, "{}", taken.len());
        reader.read_to_end(&mut taken).await.unwrap();
        assert_eq!(taken, fetch);
    }
    let whole = request(&["peel"]);
    let mut slow = tokio::io::BufReader::with_capacity(3, whole.as_slice());
    let (command, taken) = read_v2_command(&mut slow).await.unwrap();
    assert!(matches!(command, V2Command::LsRefs(LsRefsRequest { peel: true, .. })));
    assert_eq!(taken, whole);
    let error = read_v2_command(&mut &whole[..whole.len() - 1]).await.unwrap_err();
    assert!(matches!(error, ProtocolError::Incomplete { .. }));
    let endless = [b"0014command=ls-refs\n0001".to_vec(), b"0004".repeat(2_000_000)].concat();
    let error = read_v2_command(&mut endless.as_slice()).await.unwrap_err();
    assert!(error.to_string().contains("unexpected argument"), "{error}");
}

proptest! {
    #[test]
    fn prefixes_match_as_a_linear_scan_does(
        prefixes in proptest::collection::vec("[ab/]{0,4}", 0..12),
        name in "[ab/]{0,6}",
    ) {
        let plain = prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
        let set = Prefixes::new(prefixes.into_iter().map(String::into_bytes).collect());
        prop_assert_eq!(set.matches(name.as_bytes()), plain);
    }
}
