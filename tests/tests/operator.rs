//! What an operator does: users, organisations and tokens from the shell, health, metrics, stopping.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use steelyard_testkit::{Launch, free_port, tools};
use steelyard_tests::{Client, Hub, Stores};

fn lifecycle(stores: Stores) {
    let Some(hub) = Hub::on(stores).start() else { return };
    let made = hub.admin(&[
        "admin",
        "user",
        "create",
        "__alice__",
        "--full-name",
        "Alice",
        "--email",
        "a@example.org",
        "--json",
    ]);
    assert_eq!(
        (made["name"].as_str(), made["isAdmin"].as_bool()),
        (Some("__alice__"), Some(false))
    );
    hub.admin(&["admin", "org", "create", "lab", "--default-visibility", "private", "--json"]);
    hub.admin(&[
        "admin",
        "org",
        "add-member",
        "lab",
        "__alice__",
        "--role",
        "contributor",
        "--json",
    ]);
    let taken = hub.command(&["admin", "user", "create", "LAB"]);
    assert!(!taken.status.success());
    assert_eq!(String::from_utf8_lossy(&taken.stderr), "error: the name LAB is taken\n");

    let chosen = "hf_abcdefghijklmnopqrstuvwxyz012345";
    hub.admin(&[
        "admin",
        "token",
        "create",
        "__alice__",
        "--name",
        "w",
        "--role",
        "write",
        "--value",
        chosen,
        "--json",
    ]);
    let alice = Client::new(&hub, "alice", chosen);
    let url = hub.url();
    let me: Value =
        serde_json::from_str(&alice.curl(&["--fail", &format!("{url}/api/whoami-v2")]).success())
            .unwrap();
    assert_eq!(me["orgs"][0]["name"], "lab");
    assert_eq!(me["orgs"][0]["roleInOrg"], "contributor");
    assert_eq!(me["auth"]["accessToken"]["displayName"], "w");

    // The organisation's default visibility holds for repositories that ask for none.
    let body = "{\"name\": \"m\", \"organization\": \"lab\"}";
    alice.curl(&["--fail", "-X", "POST", "-d", body, &format!("{url}/api/repos/create")]).success();
    let info: Value = serde_json::from_str(
        &alice.curl(&["--fail", &format!("{url}/api/models/lab/m")]).success(),
    )
    .unwrap();
    assert_eq!(info["private"], true);

    let users = hub.admin(&["admin", "user", "list", "--json"]);
    let names: Vec<&str> =
        users.as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["__alice__", "operator"]);
    assert_eq!(hub.admin(&["admin", "org", "list", "--json"])[0]["defaultVisibility"], "private");

    hub.admin(&["admin", "token", "revoke", "__alice__", "--name", "w", "--json"]);
    let told = alice.curl(&["-i", &format!("{url}/api/whoami-v2")]).success();
    assert!(told.starts_with("HTTP/1.1 401"), "{told}");
    assert!(hub.command(&["migrate", "--dry-run"]).status.success());
    hub.fsck().unwrap();
}

#[test]
fn accounts_are_made_beside_a_running_server_on_sqlite() {
    lifecycle(Stores::Embedded);
}

#[test]
fn accounts_are_made_beside_a_running_server_on_postgresql() {
    lifecycle(Stores::ScaledOut);
}

#[test]
fn a_server_tells_its_health_counts_and_stops_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let admin = format!("127.0.0.1:{}", free_port().unwrap());
    let data = dir.path().join("data");
    let mut server = Launch::new("steelyard", tools::steelyard().unwrap())
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--log-format",
            "json",
            "--admin-listen",
            &admin,
            "--data",
        ])
        .arg(&data)
        .spawn()
        .unwrap();
    let ready = server
        .wait_for_line("its address", Duration::from_secs(60), |line| line.contains("is ready at"))
        .unwrap();
    let url = ready.rsplit(' ').next().unwrap().to_owned();
    let curl = |url: &str| {
        let output =
            Command::new(tools::curl().unwrap()).args(["-s", "--fail", url]).output().unwrap();
        assert!(output.status.success(), "{url}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(curl(&format!("http://{admin}/health/live")), "alive\n");
    assert_eq!(curl(&format!("http://{admin}/health/ready")), "ready\n");
    curl(&format!("{url}/api/models"));
    let metrics = curl(&format!("http://{admin}/metrics"));
    assert!(
        metrics.contains(
            "steelyard_http_requests_total{method=\"GET\",route=\"/api/models\",status=\"2xx\"} 1"
        ),
        "{metrics}"
    );

    // A second server must not touch the first one's caches.
    let second = Command::new(tools::steelyard().unwrap())
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("another server runs on"));

    let status = server.terminate(Duration::from_secs(20)).unwrap();
    assert!(status.success(), "{status}: {}", server.output());
}

#[test]
fn the_first_start_says_how_to_get_in_and_later_ones_do_not() {
    let mut hub = Hub::on(Stores::Embedded).start().unwrap();
    let token = hub.admin_token().to_owned();
    assert!(token.starts_with("hf_"));
    let operator = Client::new(&hub, "operator", &token);
    let me = operator.curl(&["--fail", &format!("{}/api/whoami-v2", hub.url())]).success();
    assert!(me.contains("\"isAdmin\":true"), "{me}");
    hub.kill_and_restart(0);
    assert_eq!(hub.admin_token(), token, "no other token was made");
}
