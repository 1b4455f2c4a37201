//! What an operator sets about limits takes effect, and a client is told which limit it met.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use steelyard_testkit::TestRng;
use steelyard_tests::{Client, Hub, Stores};

fn curl(client: &Client, hub: &Hub, path: &str, args: &[&str]) -> (String, String) {
    let url = format!("{}{path}", hub.url());
    let said = client.curl(&[args, &["--write-out", "\n%{http_code}", &url]].concat()).success();
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn sizes_above_the_operators_limits_are_refused() {
    let builder = Hub::on(Stores::Embedded)
        .env("STEELYARD_LIMITS__COMMIT_BODY_MAX", "2KiB")
        .env("STEELYARD_LIMITS__LFS_OBJECT_MAX", "1000B");
    let Some(hub) = builder.start() else { return };
    let client = Client::new(&hub, "alice", &hub.user("alice"));
    let create = ["-d", r#"{"name":"m"}"#];
    assert_eq!(curl(&client, &hub, "/api/repos/create", &create).0, "200");

    let header = r#"{"key":"header","value":{"summary":"s"}}"#;
    let commit = |content: &str| {
        let line = format!(
            r#"{{"key":"file","value":{{"path":"a","content":"{content}","encoding":"utf-8"}}}}"#
        );
        let body = client.home().join("body");
        fs::write(&body, format!("{header}\n{line}\n")).unwrap();
        let data = format!("@{}", body.display());
        curl(&client, &hub, "/api/models/alice/m/commit/main", &["--data-binary", &data])
    };
    assert_eq!(commit("small").0, "200");
    let (status, body) = commit(&"x".repeat(2048));
    assert_eq!(status, "413");
    assert!(body.contains("larger than the limit of 2048 bytes"), "{body}");

    let batch = |size: u64| {
        let oid = "ab".repeat(32);
        let body =
            format!(r#"{{"operation":"upload","objects":[{{"oid":"{oid}","size":{size}}}]}}"#);
        curl(&client, &hub, "/alice/m.git/info/lfs/objects/batch", &["-d", &body]).1
    };
    assert!(batch(1000).contains("\"upload\""));
    let refused = batch(1001);
    assert!(refused.contains("at most 1000 bytes") && !refused.contains("\"upload\""), "{refused}");
}

#[test]
fn failed_logins_are_counted_for_each_client_behind_a_proxy() {
    let builder = Hub::on(Stores::Embedded)
        .env("STEELYARD_ACCOUNTS__FAILURES_MAX", "2")
        .env("STEELYARD_ACCOUNTS__FAILURES_WINDOW", "1h")
        .env("STEELYARD_SERVER__TRUSTED_PROXIES", "1");
    let Some(hub) = builder.start() else { return };
    let guesser = Client::new(&hub, "guesser", "hf_wrong");
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    // What a client writes into the header itself stands before what the proxy adds.
    let who_am_i = |client: &Client, address: &str| {
        let header = format!("X-Forwarded-For: 6.6.6.6, {address}");
        curl(client, &hub, "/api/whoami-v2", &["-H", &header]).0
    };
    assert_eq!(who_am_i(&guesser, "10.0.0.1"), "401");
    assert_eq!(who_am_i(&guesser, "10.0.0.1"), "401");
    assert_eq!(who_am_i(&guesser, "10.0.0.1"), "429");
    assert_eq!(who_am_i(&alice, "10.0.0.1"), "429");
    assert_eq!(who_am_i(&alice, "10.0.0.2"), "200");
}

/// The files below a folder that are not the database's own.
fn stored_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        // The search index writes when it likes.
        if path.ends_with("cache/search") {
            continue;
        }
        if path.is_dir() {
            found.extend(stored_files(&path));
        } else if !path.to_str().unwrap().contains(".db") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn push_above_the_limit(limit: &str, shown: &str, sizes: &[usize]) {
    let builder = Hub::on(Stores::Embedded).env("STEELYARD_LIMITS__PUSH_PACK_MAX", limit);
    let Some(hub) = builder.start() else { return };
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    assert_eq!(curl(&alice, &hub, "/api/repos/create", &["-d", r#"{"name":"m"}"#]).0, "200");
    alice.git(alice.home(), &["clone", &alice.git_url("alice/m"), "m"]).success();
    let work = alice.home().join("m");
    let head = alice.git(&work, &["rev-parse", "HEAD"]).success();
    let before = stored_files(&hub.data(0));
    for size in sizes {
        // One commit of files that git itself may hold.
        for (number, part) in TestRng::seeded(*size as u64).bytes(*size).chunks(9 << 20).enumerate()
        {
            fs::write(work.join(format!("noise-{number}.txt")), part).unwrap();
        }
        alice.git(&work, &["add", "-A"]).success();
        alice.git(&work, &["commit", "-m", "too much"]).success();
        let told = alice.git(&work, &["push", "origin", "main"]).failure();
        let reason = format!("the pack is larger than the limit of {shown}");
        assert!(told.contains(&reason), "{size}: {told}");
        let refs = alice.git(&work, &["ls-remote", "origin"]).success();
        assert_eq!(refs.lines().count(), 2, "{refs}");
        assert!(refs.lines().all(|line| line.starts_with(head.trim())), "{refs}");
        alice.git(&work, &["reset", "--hard", head.trim()]).success();
    }
    // Directories of pushes are removed in the background.
    for _ in 0..100 {
        if stored_files(&hub.data(0)) == before {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(stored_files(&hub.data(0)), before, "nothing was stored");
    hub.fsck().unwrap();
    fs::write(work.join("small.txt"), "small").unwrap();
    alice.git(&work, &["add", "-A"]).success();
    alice.git(&work, &["commit", "-m", "small"]).success();
    alice.git(&work, &["push", "origin", "main"]).success();
}

#[test]
fn packs_above_the_operators_limit_are_refused_and_leave_nothing() {
    // In one request with its length, in pieces, and far above what is read of a request.
    push_above_the_limit("100KiB", "100 KiB", &[150 << 10, 2 << 20, 24 << 20]);
}

#[test]
fn a_limit_that_is_no_round_number_is_told_in_bytes() {
    push_above_the_limit("150000B", "150000 bytes", &[200_000]);
}
