//! Hostile input: random bytes, and sound input with a few bytes changed. No panic, and nothing unsound gets through.

mod targets;

use std::process::Command;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use steelyard_core::RefName;
use steelyard_http::file::{RangeRequest, parse_range};

const COMMIT: &str = concat!(
    "{\"key\":\"header\",\"value\":{\"summary\":\"s\",\"description\":\"d\",\"parentCommit\":\"abcdef\"}}\n",
    "{\"key\":\"file\",\"value\":{\"content\":\"aGk=\",\"path\":\"a/b.txt\",\"encoding\":\"base64\"}}\n",
    "{\"key\":\"file\",\"value\":{\"content\":\"text\",\"path\":\"c\",\"encoding\":\"utf-8\"}}\n",
    "{\"key\":\"lfsFile\",\"value\":{\"path\":\"w\",\"algo\":\"sha256\",\"oid\":\"",
    "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\",\"size\":5}}\n",
    "{\"key\":\"deletedFile\",\"value\":{\"path\":\"x\"}}\n",
    "{\"key\":\"deletedFolder\",\"value\":{\"path\":\"y/\"}}\n",
);

/// 512 cases of each property, or as many as `STEELYARD_FUZZ_CASES` says.
fn config() -> ProptestConfig {
    let cases = std::env::var("STEELYARD_FUZZ_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(512);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn changed(sound: &[u8], changes: &[(Index, u8, bool)]) -> Vec<u8> {
    let mut data = sound.to_vec();
    for (at, byte, cut) in changes {
        if data.is_empty() {
            break;
        }
        let at = at.index(data.len());
        match cut {
            true => drop(
                data.drain(at..(at + usize::from(*byte)).min(sound.len().min(data.len())).max(at)),
            ),
            false => data[at] = *byte,
        }
    }
    data
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8, bool)>> {
    prop::collection::vec((any::<Index>(), any::<u8>(), prop::bool::weighted(0.1)), 0..5)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_bytes(data in prop::collection::vec(any::<u8>(), 0..300)) {
        for target in [targets::ndjson, targets::range, targets::paths, targets::names] {
            target(&data);
        }
    }

    #[test]
    fn changed_commits(changes in changes()) {
        targets::ndjson(&changed(COMMIT.as_bytes(), &changes));
    }

    #[test]
    fn likely_paths(text in "([.a-zA-Z~1: /\\\\\u{200c}\u{feff}]|[.]git|[.][.]|git~1|/){0,12}") {
        targets::paths(text.as_bytes());
        let file = serde_json::json!({"key": "file", "value": {"path": text, "content": "x", "encoding": "utf-8"}});
        let body = format!("{{\"key\":\"header\",\"value\":{{\"summary\":\"s\"}}}}\n{file}\n");
        targets::ndjson(body.as_bytes());
    }

    #[test]
    fn likely_ranges(size in any::<u64>(), text in "(bytes|BYTES|items)? ?[=:] ?[0-9]{0,21}-?[0-9]{0,21}(,[0-9]{1,3}-)?") {
        targets::range(&[&size.to_le_bytes()[..], text.as_bytes()].concat());
    }

    #[test]
    fn likely_names(text in "(refs/(heads|tags|pr)/)?[a-zA-Z0-9._/@{}~^:?*\\[ -]{0,20}(\\.lock)?") {
        targets::names(text.as_bytes());
    }

    /// What the range says is what is sent: held against a plain reading of RFC 9110, section 14.1.2.
    #[test]
    fn ranges_mean_what_the_standard_says(first in 0..40_u64, last in 0..40_u64, suffix in 0..40_u64, size in 0..30_u64) {
        let ask = |text: String| {
            let headers = HeaderMap::from_iter([(header::RANGE, text.parse().unwrap())]);
            parse_range(&headers, size)
        };
        let bytes: Vec<u64> = (0..size).collect();
        let expect = |wanted: Vec<u64>| match (wanted.first(), wanted.last()) {
            (Some(first), Some(last)) => RangeRequest::Part(*first..*last + 1),
            _ => RangeRequest::Unsatisfiable,
        };
        if first <= last {
            let wanted = bytes.iter().copied().filter(|byte| (first..=last).contains(byte)).collect();
            prop_assert_eq!(ask(format!("bytes={first}-{last}")), expect(wanted));
        } else {
            prop_assert_eq!(ask(format!("bytes={first}-{last}")), RangeRequest::Full);
        }
        let wanted = bytes.iter().copied().filter(|byte| *byte >= first).collect();
        prop_assert_eq!(ask(format!("bytes={first}-")), expect(wanted));
        let wanted = bytes.iter().copied().filter(|byte| size - byte <= suffix).collect();
        prop_assert_eq!(ask(format!("bytes=-{suffix}")), expect(wanted));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// A ref that is accepted is one for git.
    #[test]
    fn refs_are_refs_for_git(texts in prop::collection::vec("[a-c./@-]{1,9}(\\.lock|[{~^:?*\\[ ]a)?", 1..5)) {
        for text in texts {
            let name = format!("refs/heads/{text}");
            if RefName::parse(&name).is_ok() {
                let status = Command::new("git").args(["check-ref-format", &name]).status().unwrap();
                prop_assert!(status.success(), "{name}");
            }
        }
    }
}

#[test]
fn sound_input_is_accepted() {
    let request =
        steelyard_http::routes::parse_commit(&Bytes::from_static(COMMIT.as_bytes()), false);
    assert_eq!(request.unwrap().operations.len(), 5);
}

/// Nesting, long numbers, long lines: bounded work, clear refusals.
#[test]
fn hostile_commits_are_refused() {
    let header = "{\"key\":\"header\",\"value\":{\"summary\":\"s\"}}\n";
    for line in [
        "[".repeat(100_000),
        "{\"key\":".repeat(50_000),
        format!(
            "{{\"key\":\"lfsFile\",\"value\":{{\"path\":\"a\",\"oid\":\"x\",\"size\":{}}}}}",
            "9".repeat(10_000)
        ),
        format!(
            "{{\"key\":\"file\",\"value\":{{\"path\":\"{}\",\"content\":\"\"}}}}",
            "a/".repeat(60_000)
        ),
        format!(
            "{{\"key\":\"file\",\"value\":{{\"path\":\"a\",\"content\":\"{}\"}}}}",
            "\\ud800".repeat(100)
        ),
    ] {
        let body = Bytes::from(format!("{header}{line}\n"));
        let refused = steelyard_http::routes::parse_commit(&body, false).unwrap_err().to_string();
        assert!(
            refused.contains("line 2") && refused.len() < 1000,
            "{} bytes: {:.200}",
            refused.len(),
            refused
        );
    }
}
