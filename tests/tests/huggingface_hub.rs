//! huggingface_hub, unmodified, three generations of it, against one server and against two in turn.

use steelyard_testkit::HfVersion;
use steelyard_tests::{Client, Hub, Stores};

fn core_suite(stores: Stores, replicas: usize, version: HfVersion) {
    let Some(hub) = Hub::on(stores).replicas(replicas).start() else { return };
    let token = hub.user("__alice_x");
    let client = Client::new(&hub, "alice", &token);
    let prefix = format!("v{}", version.number().replace('.', "-"));
    client.script(version, "core_suite.py", &["__alice_x", &prefix]).success();
    hub.fsck().unwrap();
}

#[test]
fn the_2_4_client_works_on_the_embedded_default() {
    core_suite(Stores::Embedded, 1, HfVersion::V2_4_0);
}

#[test]
fn the_1_33_client_works_on_the_embedded_default() {
    core_suite(Stores::Embedded, 1, HfVersion::V1_33_0);
}

#[test]
fn the_0_36_client_works_on_the_embedded_default() {
    core_suite(Stores::Embedded, 1, HfVersion::V0_36_2);
}

#[test]
fn the_2_4_client_works_on_two_replicas_in_turn() {
    core_suite(Stores::ScaledOut, 2, HfVersion::V2_4_0);
}

#[test]
fn the_1_33_client_works_on_two_replicas_in_turn() {
    core_suite(Stores::ScaledOut, 2, HfVersion::V1_33_0);
}

#[test]
fn the_0_36_client_works_on_two_replicas_in_turn() {
    core_suite(Stores::ScaledOut, 2, HfVersion::V0_36_2);
}
