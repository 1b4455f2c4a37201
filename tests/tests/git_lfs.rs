//! git and git-lfs, unmodified: a real model pushed and pulled, and what must be refused.

use std::path::Path;

use steelyard_testkit::{HfVersion, tools};
use steelyard_tests::{Client, Hub, Stores, assert_same, copy_model};

fn create(alice: &Client, hub: &Hub, name: &str) {
    let body = format!("{{\"name\": \"{name}\"}}");
    let url = format!("{}/api/repos/create", hub.url());
    alice.curl(&["--fail", "-X", "POST", "-d", &body, &url]).success();
}

fn clone(alice: &Client, hub: &Hub, repo: &str, folder: &str) -> std::path::PathBuf {
    let parent = hub.scratch("clones");
    alice.git(&parent, &["clone", &alice.git_url(repo), folder]).success();
    let dir = parent.join(folder);
    alice.git(&dir, &["lfs", "install", "--local"]).success();
    dir
}

fn commit_all(alice: &Client, dir: &Path, message: &str) {
    alice.git(dir, &["add", "-A"]).success();
    alice.git(dir, &["commit", "-m", message]).success();
}

fn model_round_trip(stores: Stores, replicas: usize) {
    let Some(hub) = Hub::on(stores).replicas(replicas).start() else { return };
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    create(&alice, &hub, "minilm");
    let first = clone(&alice, &hub, "alice/minilm", "first");
    let model = hub.scratch("model");
    copy_model(&tools::real_model().unwrap(), &model);
    copy_model(&model, &first);
    commit_all(&alice, &first, "the model");
    let pointer = alice.git(&first, &["show", "HEAD:model.safetensors"]).success();
    assert!(pointer.starts_with("version https://git-lfs.github.com/spec/v1"), "{pointer}");
    alice.git(&first, &["push", "origin", "main"]).success();

    let second = clone(&alice, &hub, "alice/minilm", "second");
    alice.git(&second, &["lfs", "pull"]).success();
    assert_same(&model, &second);
    let down = hub.scratch("down");
    alice.hf(HfVersion::V2_4_0, &["download", "alice/minilm", "--local-dir", down.to_str().unwrap()]).success();
    assert_same(&model, &down);

    // The other way: what the API commits, git pulls.
    let note = alice.home().join("note.txt");
    std::fs::write(&note, "from the API\n").unwrap();
    alice.hf(HfVersion::V2_4_0, &["upload", "alice/minilm", note.to_str().unwrap(), "note.txt"]).success();
    alice.git(&second, &["pull"]).success();
    assert_eq!(std::fs::read_to_string(second.join("note.txt")).unwrap(), "from the API\n");
    hub.fsck().unwrap();
}

#[test]
fn the_real_model_goes_round_through_git_on_the_embedded_default() {
    model_round_trip(Stores::Embedded, 1);
}

#[test]
fn the_real_model_goes_round_through_git_on_two_replicas_in_turn() {
    model_round_trip(Stores::ScaledOut, 2);
}

#[test]
fn a_large_file_outside_lfs_is_refused_with_its_path_and_what_to_do() {
    let hub = Hub::on(Stores::Embedded).start().unwrap();
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    create(&alice, &hub, "plain");
    let dir = clone(&alice, &hub, "alice/plain", "plain");
    std::fs::create_dir(dir.join("data")).unwrap();
    std::fs::write(dir.join("data/big.txt"), "line of text\n".repeat(900_000)).unwrap();
    commit_all(&alice, &dir, "too big");
    let told = alice.git(&dir, &["push", "origin", "main"]).failure();
    assert!(told.contains("data/big.txt") && told.contains("git lfs"), "{told}");
    let log = alice.git(&dir, &["ls-remote", "origin", "main"]).success();
    let head = alice.git(&dir, &["rev-parse", "HEAD"]).success();
    assert!(!log.contains(head.trim()), "the branch did not move");
}

#[test]
fn a_pointer_to_a_file_that_was_never_uploaded_is_refused() {
    let hub = Hub::on(Stores::Embedded).start().unwrap();
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    create(&alice, &hub, "pointer");
    let dir = clone(&alice, &hub, "alice/pointer", "pointer");
    let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n", "ab".repeat(32));
    std::fs::write(dir.join("fake.txt"), text).unwrap();
    commit_all(&alice, &dir, "a lie");
    let told = alice.git(&dir, &["push", "--no-verify", "origin", "main"]).failure();
    assert!(told.contains("fake.txt"), "{told}");
}

#[test]
fn private_repositories_do_not_exist_for_strangers() {
    let hub = Hub::on(Stores::Embedded).start().unwrap();
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    let mallory = Client::new(&hub, "mallory", &hub.user("mallory"));
    let body = "{\"name\": \"secret\", \"private\": true}";
    alice.curl(&["--fail", "-X", "POST", "-d", body, &format!("{}/api/repos/create", hub.url())]).success();
    let parent = hub.scratch("strangers");
    for who in [&mallory, &Client::new(&hub, "nobody", "")] {
        let hidden = who.git(&parent, &["clone", &who.git_url("alice/secret"), "x"]).failure();
        let missing = who.git(&parent, &["clone", &who.git_url("alice/nothing"), "x"]).failure();
        assert_eq!(hidden.replace("secret", "nothing"), missing);
    }
    alice.git(&parent, &["clone", &alice.git_url("alice/secret"), "mine"]).success();
}
