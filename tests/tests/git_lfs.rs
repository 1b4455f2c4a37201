//! git and git-lfs, unmodified: a real model pushed and pulled, and what must be refused.

use std::path::Path;

use steelyard_testkit::{HfVersion, tools};
use steelyard_tests::{Client, Http, Hub, Stores, assert_same, copy_model};

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
    alice
        .hf(HfVersion::V2_4_0, &["download", "alice/minilm", "--local-dir", down.to_str().unwrap()])
        .success();
    assert_same(&model, &down);

    // The other way: what the API commits, git pulls.
    let note = alice.home().join("note.txt");
    std::fs::write(&note, "from the API\n").unwrap();
    alice
        .hf(HfVersion::V2_4_0, &["upload", "alice/minilm", note.to_str().unwrap(), "note.txt"])
        .success();
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
    let text = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n",
        "ab".repeat(32)
    );
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
    alice
        .curl(&["--fail", "-X", "POST", "-d", body, &format!("{}/api/repos/create", hub.url())])
        .success();
    let parent = hub.scratch("strangers");
    for who in [&mallory, &Client::new(&hub, "nobody", "")] {
        let hidden = who.git(&parent, &["clone", &who.git_url("alice/secret"), "x"]).failure();
        let missing = who.git(&parent, &["clone", &who.git_url("alice/nothing"), "x"]).failure();
        assert_eq!(hidden.replace("secret", "nothing"), missing);
    }
    alice.git(&parent, &["clone", &alice.git_url("alice/secret"), "mine"]).success();
}

fn deleted_for_good(stores: Stores, replicas: usize) {
    let Some(hub) = Hub::on(stores).replicas(replicas).start() else { return };
    let token = hub.user("alice");
    let alice = Client::new(&hub, "alice", &token);
    create(&alice, &hub, "purged");
    let dir = clone(&alice, &hub, "alice/purged", "before");
    let (secret, kept) = ("secret ".repeat(2000), "kept ".repeat(2000));
    std::fs::create_dir_all(dir.join("deep/er")).unwrap();
    std::fs::write(dir.join("deep/er/secret.bin"), &secret).unwrap();
    std::fs::write(dir.join("kept.bin"), &kept).unwrap();
    commit_all(&alice, &dir, "both");
    alice.git(&dir, &["tag", "-a", "-m", "the first", "v1"]).success();
    alice.git(&dir, &["checkout", "-b", "side"]).success();
    std::fs::write(dir.join("side.txt"), "side\n").unwrap();
    commit_all(&alice, &dir, "aside");
    alice.git(&dir, &["checkout", "main"]).success();
    alice.git(&dir, &["mv", "deep/er/secret.bin", "other.bin"]).success();
    commit_all(&alice, &dir, "moved");
    alice.git(&dir, &["merge", "--no-ff", "-m", "merged", "side"]).success();
    alice.git(&dir, &["push", "origin", "main", "side", "v1"]).success();

    let http = Http::new(&hub.url(), &token);
    let files = http.get("/api/models/alice/purged/lfs-files").json();
    let size = u64::try_from(secret.len()).unwrap();
    let file = files.as_array().unwrap().iter().find(|file| file["size"] == size).unwrap();
    let body = serde_json::json!({"deletions": {"sha": [file["fileOid"]], "rewriteHistory": true}});
    let answer = http.post("/api/models/alice/purged/lfs-files/batch", &body);
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({"deleted": 1})));

    let after = clone(&alice, &hub, "alice/purged", "after");
    let told = alice.git(&after, &["fsck", "--full", "--strict"]).success();
    assert!(!told.contains("missing"), "{told}");
    let names = alice.git(&after, &["log", "--all", "--format=", "--name-only"]).success();
    assert!(names.contains("kept.bin") && names.contains("side.txt"), "{names}");
    let sha = file["oid"].as_str().unwrap();
    let found = alice.git(&after, &["log", "--all", "-S", sha, "--format=%H"]).success();
    assert_eq!(found, "", "no commit ever had the pointer");
    let titles = alice.git(&after, &["log", "--format=%s", "--topo-order"]).success();
    assert_eq!(
        titles.lines().collect::<Vec<_>>(),
        ["merged", "aside", "moved", "both", "initial commit"]
    );
    alice.git(&after, &["merge-base", "--is-ancestor", "v1", "origin/side"]).success();
    assert_eq!(alice.git(&after, &["cat-file", "-t", "v1"]).success(), "tag\n");
    alice.git(&after, &["lfs", "pull"]).success();
    assert!(std::fs::read_to_string(after.join("kept.bin")).unwrap() == kept);
    assert!(!after.join("other.bin").exists());

    std::fs::write(after.join("note.txt"), "later\n").unwrap();
    commit_all(&alice, &after, "later");
    alice.git(&after, &["push", "origin", "main"]).success();
    hub.fsck().unwrap();
}

#[test]
fn a_file_deleted_for_good_is_in_no_commit_on_the_embedded_default() {
    deleted_for_good(Stores::Embedded, 1);
}

#[test]
fn a_file_deleted_for_good_is_in_no_commit_on_two_replicas_in_turn() {
    deleted_for_good(Stores::ScaledOut, 2);
}
