//! People in front of a browser: Chromium reads the pages of a hub that holds a small catalogue and a few models of alice's.
//!
//! What is done there is written in `clients/browser/`; the head of its `suite.mjs` says how to add to it.

use std::path::Path;
use std::process::Command;

use steelyard_testkit::HfVersion;
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
    let told = alice.browser_with("suite.mjs", &["accounts", "applications"], &env).success();
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

/// The hub run by its operator.
fn administer(stores: Stores) {
    let hub = Hub::on(stores)
        .env("STEELYARD_ACCOUNTS__SIGN_UP", "invitation")
        .env("STEELYARD_ACCOUNTS__FAILURES_MAX", "1000");
    let Some(hub) = hub.start() else { return };
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    let reset = hub.command(&["admin", "user", "reset", "operator"]);
    let code = String::from_utf8(reset.stdout).unwrap();
    let env = [("STEELYARD_CODE", Path::new(code.trim()))];
    let told = alice.browser_with("suite.mjs", &["administering"], &env).success();
    eprintln!("{told}");
    hub.fsck().unwrap();
}

#[test]
fn operators_run_a_hub_on_the_embedded_default() {
    administer(Stores::Embedded);
}

#[test]
fn operators_run_a_hub_on_servers() {
    administer(Stores::ScaledOut);
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

/// Somebody new makes an account, a repository, uploads a model, describes and finds it; what the page then says fetches it.
fn arrive(stores: Stores) {
    let hub = Hub::on(stores).env("STEELYARD_ACCOUNTS__SIGN_UP", "open");
    let Some(hub) = hub.start() else { return };
    let alice = Client::new(&hub, "alice", &hub.user("alice"));
    let told = alice.browser("suite.mjs", &["newcomer"]).success();
    eprintln!("{told}");
    let lines = |word: &str| -> Vec<String> {
        told.lines().filter_map(|line| line.strip_prefix(word)).map(str::to_owned).collect()
    };
    let (commands, hashes) = (lines("COMMAND "), lines("SHA256 "));
    assert_eq!((commands.len(), hashes.len()), (2, 2), "{told}");
    let reader = Client::new(&hub, "reader", "");
    let venv = HfVersion::V2_4_0.venv().unwrap();
    for (command, hash) in commands.iter().zip(&hashes) {
        let home = reader.home().join(&hash[..8]);
        // Nothing is set but what the page says.
        let mut shell = reader.command(Path::new("/bin/sh"));
        let bin = venv.hf().parent().unwrap().display().to_string();
        shell.env_remove("HF_ENDPOINT").env("HF_HOME", &home);
        shell.env("PATH", format!("{bin}:/usr/bin:/bin")).args(["-c", command]);
        let ran = shell.output().unwrap();
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
        let found = Command::new("/bin/sh")
            .args(["-c", "find \"$0\" -name model.safetensors | head -1 | xargs sha256sum"])
            .arg(&home)
            .output()
            .unwrap();
        let found = String::from_utf8_lossy(&found.stdout);
        assert!(found.starts_with(hash.as_str()), "{command}: {found}");
    }
    hub.fsck().unwrap();
}

#[test]
fn a_newcomer_needs_nothing_but_the_pages_on_the_embedded_default() {
    arrive(Stores::Embedded);
}

#[test]
fn a_newcomer_needs_nothing_but_the_pages_on_servers() {
    arrive(Stores::ScaledOut);
}
