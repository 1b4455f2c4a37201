//! What an operator sets about limits takes effect, and a client is told which limit it met.

use std::fs;

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
