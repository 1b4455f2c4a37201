//! People in front of a browser: Chromium reads the pages of a hub that holds a small catalogue and a few models of alice's.
//!
//! What is done there is written in `clients/browser/`; the head of its `suite.mjs` says how to add to it.

use steelyard_tests::{Client, Hub, Stores};

/// Repositories of the seeded catalogue: more than two pages of models.
const REPOS: &str = "120";

fn browse(stores: Stores, groups: &[&str]) {
    let Some(hub) = Hub::on(stores).start() else { return };
    let seeded = hub.command(&["dev", "seed", "--repos", REPOS]);
    assert!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    let told = alice.browser("suite.mjs", groups).success();
    // How long each flow took; shown where a test's output is.
    eprintln!("{told}");
    hub.fsck().unwrap();
}

#[test]
fn people_read_on_the_embedded_default() {
    browse(Stores::Embedded, &["reading"]);
}

#[test]
fn people_read_on_servers() {
    browse(Stores::ScaledOut, &["reading"]);
}

#[test]
fn nothing_hostile_runs_on_the_embedded_default() {
    browse(Stores::Embedded, &["hostile"]);
}

#[test]
fn nothing_hostile_runs_on_servers() {
    browse(Stores::ScaledOut, &["hostile"]);
}

/// Pages look the same on any store.
#[test]
fn everybody_can_use_the_pages() {
    browse(Stores::Embedded, &["accessible"]);
}

/// Accounts on a hub that lets everybody make one and writes its mail into a folder.
fn account(stores: Stores) {
    let mail = tempfile::tempdir().unwrap();
    let hub = Hub::on(stores)
        .env("STEELYARD_ACCOUNTS__SIGN_UP", "open")
        // A suite signs in more often than a person does.
        .env("STEELYARD_ACCOUNTS__FAILURES_MAX", "1000")
        .env("STEELYARD_MAIL__FROM", "The hub <hub@example.org>")
        .env("STEELYARD_MAIL__FOLDER", mail.path().to_str().unwrap());
    let Some(hub) = hub.start() else { return };
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    let env = [("STEELYARD_MAIL", mail.path())];
    let told = alice.browser_with("suite.mjs", &["accounts"], &env).success();
    eprintln!("{told}");
    hub.fsck().unwrap();
}

#[test]
fn people_have_accounts_on_the_embedded_default() {
    account(Stores::Embedded);
}

#[test]
fn people_have_accounts_on_servers() {
    account(Stores::ScaledOut);
}

/// Repositories changed by people who made an account for it.
fn change(stores: Stores) {
    let hub = Hub::on(stores)
        .env("STEELYARD_ACCOUNTS__SIGN_UP", "open")
        .env("STEELYARD_ACCOUNTS__FAILURES_MAX", "1000");
    let Some(hub) = hub.start() else { return };
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    let told = alice.browser("suite.mjs", &["changing"]).success();
    eprintln!("{told}");
    hub.fsck().unwrap();
}

#[test]
fn people_change_things_on_the_embedded_default() {
    change(Stores::Embedded);
}

#[test]
fn people_change_things_on_servers() {
    change(Stores::ScaledOut);
}
