//! Xet, as today's clients speak it with all defaults on: nothing is set but the hub's address and a token.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use steelyard_testkit::{FaultProxy, HfVersion, tools};
use steelyard_tests::{Client, Http, Hub, Stores, assert_same, copy_model};

fn suite(stores: Stores, replicas: usize, version: HfVersion) {
    let Some(hub) = Hub::on(stores).replicas(replicas).start() else { return };
    let client = Client::new(&hub, "alice", &hub.user("alice"));
    let prefix = format!("v{}", version.number().replace('.', "-"));
    client.script(version, "xet_suite.py", &["alice", &prefix]).success();
    hub.fsck().unwrap();
}

#[test]
fn the_2_4_client_stores_large_files_on_the_embedded_default() {
    suite(Stores::Embedded, 1, HfVersion::V2_4_0);
}

#[test]
fn the_1_33_client_stores_large_files_on_the_embedded_default() {
    suite(Stores::Embedded, 1, HfVersion::V1_33_0);
}

#[test]
fn the_1_10_client_stores_large_files_on_the_embedded_default() {
    suite(Stores::Embedded, 1, HfVersion::V1_10_2);
}

#[test]
fn the_0_36_client_stores_large_files_on_the_embedded_default() {
    suite(Stores::Embedded, 1, HfVersion::V0_36_2);
}

#[test]
fn the_2_4_client_stores_large_files_on_two_replicas_in_turn() {
    suite(Stores::ScaledOut, 2, HfVersion::V2_4_0);
}

#[test]
fn the_1_33_client_stores_large_files_on_two_replicas_in_turn() {
    suite(Stores::ScaledOut, 2, HfVersion::V1_33_0);
}

#[test]
fn the_1_10_client_stores_large_files_on_two_replicas_in_turn() {
    suite(Stores::ScaledOut, 2, HfVersion::V1_10_2);
}

#[test]
fn the_0_36_client_stores_large_files_on_two_replicas_in_turn() {
    suite(Stores::ScaledOut, 2, HfVersion::V0_36_2);
}

fn javascript(stores: Stores, replicas: usize) {
    let Some(hub) = Hub::on(stores).replicas(replicas).start() else { return };
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    let folder = hub.scratch("files");
    std::fs::create_dir(folder.join("sub")).unwrap();
    std::fs::write(folder.join("config.json"), "{}\n").unwrap();
    std::fs::write(folder.join("model.safetensors"), noise(1, 9_000_000)).unwrap();
    std::fs::write(folder.join("sub/text.bin"), "a line of text\n".repeat(200_000)).unwrap();
    alice.javascript("huggingface_js.mjs", &["alice", folder.to_str().unwrap()]).success();
    hub.fsck().unwrap();
}

#[test]
fn huggingface_js_stores_large_files_on_the_embedded_default() {
    javascript(Stores::Embedded, 1);
}

#[test]
fn huggingface_js_stores_large_files_on_two_replicas_in_turn() {
    javascript(Stores::ScaledOut, 2);
}

/// Bytes that do not compress, the same for the same seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

fn upload(client: &Client, version: HfVersion, repo: &str, folder: &Path) {
    client.hf(version, &["upload", repo, folder.to_str().unwrap(), "."]).success();
}

fn download(hub: &Hub, client: &Client, version: HfVersion, repo: &str, name: &str) -> PathBuf {
    let down = hub.scratch(name);
    client.hf(version, &["download", repo, "--local-dir", down.to_str().unwrap()]).success();
    down
}

/// The entries of a listing by their paths.
fn tree(http: &Http, repo: &str) -> Vec<Value> {
    let answer = http.get(&format!("/api/models/{repo}/tree/main?recursive=true"));
    answer.json().as_array().unwrap().clone()
}

fn xet_hash(http: &Http, repo: &str, path: &str) -> Option<String> {
    let entries = tree(http, repo);
    let found = entries.iter().find(|entry| entry["path"] == path).unwrap();
    found["xetHash"].as_str().map(str::to_owned)
}

/// Bytes of all stored blocks and raw large files.
fn stored_bytes(hub: &Hub) -> u64 {
    let totals = hub.admin(&["storage", "explain", "--json"]);
    totals["storedBytes"].as_u64().unwrap()
}

fn fine_tunes(stores: Stores, replicas: usize) {
    let Some(hub) = Hub::on(stores).replicas(replicas).start() else { return };
    let token = hub.user("alice");
    let (alice, http) = (Client::new(&hub, "alice", &token), Http::new(&hub.url(), &token));
    let model = hub.scratch("model");
    copy_model(&tools::real_model().unwrap(), &model);
    // Saved by the program that will save the fine-tune, as is usual: the header then is the same, and by their first
    // chunk clients find what a file shares with others.
    let saved = model.join("model.safetensors");
    alice.script(HfVersion::V2_4_0, "fine_tune.py", &[saved.to_str().unwrap(), "0", "1"]).success();
    upload(&alice, HfVersion::V2_4_0, "alice/base", &model);
    let base = stored_bytes(&hub);
    assert!(xet_hash(&http, "alice/base", "model.safetensors").is_some());

    // A fresh machine: what it knows of stored content, it learns from the hub.
    let fresh = Client::new(&hub, "alice-elsewhere", &token);
    let tuned = hub.scratch("tuned");
    copy_model(&model, &tuned);
    let weights = tuned.join("model.safetensors");
    fresh
        .script(HfVersion::V2_4_0, "fine_tune.py", &[weights.to_str().unwrap(), "0.05", "1"])
        .success();
    std::fs::write(tuned.join("training.log"), "epoch 1\n").unwrap();
    upload(&fresh, HfVersion::V2_4_0, "alice/tuned", &tuned);
    let second = stored_bytes(&hub);
    assert!(second - base < base / 4, "a fine-tune cost {} bytes beside {base}", second - base);
    assert_same(&tuned, &download(&hub, &fresh, HfVersion::V1_33_0, "alice/tuned", "tuned-down"));

    // The same content as a second revision costs nothing more.
    upload(&fresh, HfVersion::V2_4_0, "alice/base", &tuned);
    let third = stored_bytes(&hub);
    assert!(third - second < 100_000, "known content cost {} bytes", third - second);
    assert_same(&tuned, &download(&hub, &alice, HfVersion::V2_4_0, "alice/base", "base-down"));
    hub.fsck().unwrap();
}

#[test]
fn a_fine_tune_shares_its_blocks_on_the_embedded_default() {
    fine_tunes(Stores::Embedded, 1);
}

#[test]
fn a_fine_tune_shares_its_blocks_on_two_replicas_in_turn() {
    fine_tunes(Stores::ScaledOut, 2);
}

fn crossing(stores: Stores, replicas: usize) {
    let Some(hub) = Hub::on(stores).replicas(replicas).start() else { return };
    let token = hub.user("alice");
    let (alice, http) = (Client::new(&hub, "alice", &token), Http::new(&hub.url(), &token));
    let model = hub.scratch("model");
    copy_model(&tools::real_model().unwrap(), &model);

    // Up by hf_xet, down by git-lfs and curl.
    upload(&alice, HfVersion::V2_4_0, "alice/by-xet", &model);
    let clones = hub.scratch("clones");
    alice.git(&clones, &["clone", &alice.git_url("alice/by-xet"), "by-xet"]).success();
    let clone = clones.join("by-xet");
    alice.git(&clone, &["lfs", "install", "--local"]).success();
    alice.git(&clone, &["lfs", "pull"]).success();
    assert_same(&model, &clone);

    // Up by git-lfs, down by hf_xet once the hub has put it into blocks.
    http.create_model("by-lfs", false);
    alice.git(&clones, &["clone", &alice.git_url("alice/by-lfs"), "by-lfs"]).success();
    let clone = clones.join("by-lfs");
    alice.git(&clone, &["lfs", "install", "--local"]).success();
    copy_model(&model, &clone);
    let weights = clone.join("model.safetensors");
    alice
        .script(HfVersion::V2_4_0, "fine_tune.py", &[weights.to_str().unwrap(), "0.05", "2"])
        .success();
    alice.git(&clone, &["add", "-A"]).success();
    alice.git(&clone, &["commit", "-m", "the model"]).success();
    alice.git(&clone, &["push", "origin", "main"]).success();
    let deadline = Instant::now() + Duration::from_secs(120);
    while xet_hash(&http, "alice/by-lfs", "model.safetensors").is_none() {
        assert!(Instant::now() < deadline, "the hub never put the file into blocks");
        std::thread::sleep(Duration::from_millis(300));
    }
    let down = download(&hub, &alice, HfVersion::V2_4_0, "alice/by-lfs", "by-lfs-down");
    assert!(
        std::fs::read(&weights).unwrap() == std::fs::read(down.join("model.safetensors")).unwrap()
    );
    hub.fsck().unwrap();
}

#[test]
fn what_one_client_stores_every_other_reads_on_the_embedded_default() {
    crossing(Stores::Embedded, 1);
}

#[test]
fn what_one_client_stores_every_other_reads_on_two_replicas_in_turn() {
    crossing(Stores::ScaledOut, 2);
}

fn growing_files(stores: Stores, replicas: usize) {
    let Some(hub) = Hub::on(stores).replicas(replicas).start() else { return };
    let token = hub.user("alice");
    let alice = Client::new(&hub, "alice", &token);
    let folder = hub.scratch("growing");
    alice.script(HfVersion::V2_4_0, "grow.py", &[folder.to_str().unwrap(), "0"]).success();
    upload(&alice, HfVersion::V2_4_0, "alice/growing", &folder);
    let before = stored_bytes(&hub);
    alice.script(HfVersion::V2_4_0, "grow.py", &[folder.to_str().unwrap(), "1"]).success();
    upload(&alice, HfVersion::V2_4_0, "alice/growing", &folder);
    let grown = stored_bytes(&hub) - before;
    assert!(
        grown < before / 8,
        "2 % more rows and a longer header cost {grown} bytes beside {before}"
    );
    let fresh = Client::new(&hub, "alice-elsewhere", &token);
    assert_same(&folder, &download(&hub, &fresh, HfVersion::V1_10_2, "alice/growing", "grown"));
    hub.fsck().unwrap();
}

#[test]
fn a_file_that_grew_shares_its_blocks_on_the_embedded_default() {
    growing_files(Stores::Embedded, 1);
}

#[test]
fn a_file_that_grew_shares_its_blocks_on_two_replicas_in_turn() {
    growing_files(Stores::ScaledOut, 2);
}

/// Seconds after which neither a token nor an address of the hub below is taken any more.
const EXPIRED_SECS: u64 = 11;

/// A line so slow that every token and address given out at the start has ended before the end.
#[test]
fn transfers_outlive_their_tokens_and_addresses() {
    let builder = Hub::on(Stores::Embedded).env("STEELYARD_XET__TOKEN_TTL", "5s");
    let Some(hub) = builder.env("STEELYARD_XET__ADDRESS_TTL", "5s").start() else { return };
    let address = hub.url().trim_start_matches("http://").parse().unwrap();
    let proxy = FaultProxy::new(address).unwrap();
    let url = format!("http://{}", proxy.address());
    let alice = Client::new(&hub, "alice", &hub.user("alice")).at(&url);
    let folder = hub.scratch("slow");
    for number in 0..2 {
        let path = folder.join(format!("part-{number}.bin"));
        std::fs::write(path, noise(number + 1, 4_000_000)).unwrap();
    }
    let patiently = |what: &dyn Fn()| {
        proxy.slow_down(200_000);
        let started = Instant::now();
        what();
        proxy.heal();
        let took = started.elapsed();
        assert!(took > Duration::from_secs(EXPIRED_SECS), "over after {took:?}: nothing ended");
    };
    patiently(&|| upload(&alice, HfVersion::V2_4_0, "alice/slow", &folder));
    hub.fsck().unwrap();
    patiently(&|| {
        let down = download(&hub, &alice, HfVersion::V2_4_0, "alice/slow", "slow-down");
        assert_same(&folder, &down);
    });
}
