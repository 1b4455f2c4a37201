//! all-MiniLM-L6-v2 goes round: pushed and pulled by every client, every byte compared.

use std::path::{Path, PathBuf};

use steelyard_testkit::{HfVersion, tools};
use steelyard_tests::{Client, Hub, Stores, assert_same, copy_model};

/// The model, in a folder that clients may write to.
fn model(hub: &Hub) -> PathBuf {
    let folder = hub.scratch("model");
    copy_model(&tools::real_model().unwrap(), &folder);
    folder
}

fn round_trip(stores: Stores, replicas: usize) {
    let Some(hub) = Hub::on(stores).replicas(replicas).start() else { return };
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    let model = model(&hub);
    for version in HfVersion::ALL {
        let repo = format!("alice/minilm-{}", version.number().replace('.', "-"));
        alice.hf(version, &["upload", &repo, model.to_str().unwrap(), "."]).success();
        let down = hub.scratch(&format!("down-{}", version.number()));
        alice.hf(version, &["download", &repo, "--local-dir", down.to_str().unwrap()]).success();
        assert_same(&model, &down);
    }
    read_back(&hub, &alice, &model, "alice/minilm-2-4-0");
    hub.fsck().unwrap();
}

fn read_back(hub: &Hub, alice: &Client, model: &Path, repo: &str) {
    let info = alice.curl(&[&format!("{}/api/models/{repo}", hub.url())]).success();
    let sha = info.split("\"sha\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let folder = model.to_str().unwrap();
    alice.script(HfVersion::V2_4_0, "from_pretrained.py", &[repo, &sha, folder]).success();
    let url = format!("{}/{repo}/resolve/{sha}/model.safetensors", hub.url());
    let part = alice.home().join("part");
    alice
        .curl(&["-L", "--fail", "-r", "1000000-1999999", "-o", part.to_str().unwrap(), &url])
        .success();
    let whole = std::fs::read(model.join("model.safetensors")).unwrap();
    assert_eq!(std::fs::read(part).unwrap(), whole[1_000_000..2_000_000]);
    let head = alice.curl(&["-I", "--fail", &url]).success().to_lowercase();
    assert!(head.contains(&format!("x-linked-size: {}", whole.len())), "{head}");
    assert!(head.contains(&format!("x-repo-commit: {sha}")), "{head}");
}

#[test]
fn the_real_model_goes_round_on_the_embedded_default() {
    round_trip(Stores::Embedded, 1);
}

#[test]
fn the_real_model_goes_round_on_two_replicas_in_turn() {
    round_trip(Stores::ScaledOut, 2);
}
