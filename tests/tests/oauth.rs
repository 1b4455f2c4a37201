//! `hf auth login` without arguments: the real client shows a code, somebody allows it on a page, and the client goes on by
//! itself.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use steelyard_testkit::HfVersion;
use steelyard_tests::{Client, Hub, Ran, Stores};

const PASSWORD: &str = "a beam and a poise";
/// How long the client may take to show its code.
const PATIENCE: Duration = Duration::from_secs(60);

/// A person with a browser, which curl stands for: it keeps cookies and sends forms back.
struct Person {
    client: Client,
    url: String,
}

impl Person {
    fn page(&self, path: &str, form: &[&str]) -> String {
        let jar = self.client.home().join("jar").to_str().unwrap().to_owned();
        let url = format!("{}{path}", self.url);
        let mut args = vec!["--location", "--cookie", &jar, "--cookie-jar", &jar];
        args.extend(["--header", "Accept: text/html", &url]);
        for field in form {
            args.extend(["--data-urlencode", field]);
        }
        self.client.curl(&args).success()
    }

    /// Loads the page of a form and sends the form somewhere.
    fn submit(&self, page: &str, to: &str, fields: &[&str]) -> String {
        let csrf =
            format!("csrf={}", between(&self.page(page, &[]), "name=\"csrf\" value=\"", "\""));
        self.page(to, &[fields, &[csrf.as_str()]].concat())
    }

    fn sign_in(hub: &Hub, name: &str) -> Self {
        let code = hub.admin(&["admin", "user", "reset", name, "--json"]);
        let code = format!("code={}", code["resetCode"].as_str().unwrap());
        let person = Self { client: Client::new(hub, "person", ""), url: hub.url() };
        let password = format!("password={PASSWORD}");
        let set = person.submit("/reset", "/reset", &["action=set", &code, &password]);
        assert!(set.contains("Your password is set"), "{set}");
        let home =
            person.submit("/login", "/login", &[&format!("name={name}"), &password, "next=/"]);
        assert!(home.contains(name), "{home}");
        person
    }
}

fn between(text: &str, before: &str, after: &str) -> String {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or(String::new(), |(found, _)| found.to_owned())
}

/// Starts `hf auth login` and answers the code that it shows.
fn log_in(client: &Client, person: &Person, action: &str) -> Ran {
    let (out, err) = (client.home().join("out"), client.home().join("err"));
    let file = |path: &Path| Stdio::from(std::fs::File::create(path).unwrap());
    let hf = HfVersion::V2_4_0.venv().unwrap().hf();
    let mut command = client.command(&hf);
    command.args(["auth", "login"]).env("PYTHONUNBUFFERED", "1");
    command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err));
    let mut child = command.spawn().unwrap();
    let started = Instant::now();
    let code = loop {
        let shown = std::fs::read_to_string(&out).unwrap();
        if let Some((_, rest)) = shown.split_once("user_code=") {
            let code: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            if code.len() == 9 {
                break code;
            }
        }
        if started.elapsed() > PATIENCE || child.try_wait().unwrap().is_some() {
            let told = std::fs::read_to_string(&err).unwrap();
            let _ = child.kill();
            panic!("no code: {shown} {told}");
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let page = format!("/oauth/device?user_code={code}");
    let asked = person.page(&page, &[]);
    assert!(asked.contains("<strong>huggingface_hub</strong>"), "{asked}");
    assert!(asked.contains("127.0.0.1"), "{asked}");
    let action = format!("action={action}");
    person.submit(&page, "/oauth/device/decide", &[&format!("user_code={code}"), &action]);
    let ok = child.wait().unwrap().success();
    let read = |path| std::fs::read_to_string(path).unwrap();
    Ran { ok, stdout: read(&out), stderr: read(&err) }
}

fn the_client_logs_in(stores: Stores, replicas: usize) {
    let Some(hub) = Hub::on(stores).replicas(replicas).start() else { return };
    hub.user("alice");
    let person = Person::sign_in(&hub, "alice");
    let client = Client::new(&hub, "laptop", "");
    log_in(&client, &person, "deny").failure();
    log_in(&client, &person, "allow").success();
    let version = HfVersion::V2_4_0;
    let me = client.hf(version, &["auth", "whoami"]).success();
    assert!(me.contains("alice"), "{me}");
    let file = client.home().join("words.txt");
    std::fs::write(&file, "weighed").unwrap();
    let upload = ["upload", "alice/weighed", file.to_str().unwrap(), "words.txt"];
    client.hf(version, &upload).success();
    let read = ["--fail", &format!("{}/alice/weighed/raw/main/words.txt", hub.url())];
    assert_eq!(Client::new(&hub, "reader", "").curl(&read).success(), "weighed");
    // What was allowed stands on a page and is taken back there.
    let settings = person.page("/settings/applications", &[]);
    let id = format!("id={}", between(&settings, "name=\"id\" value=\"", "\""));
    person.submit("/settings/applications", "/settings/applications", &["action=revoke", &id]);
    client.hf(version, &["auth", "whoami"]).failure();
    hub.fsck().unwrap();
}

#[test]
fn the_2_4_client_logs_in_by_itself_on_the_embedded_default() {
    the_client_logs_in(Stores::Embedded, 1);
}

#[test]
fn the_2_4_client_logs_in_by_itself_on_two_replicas_in_turn() {
    the_client_logs_in(Stores::ScaledOut, 2);
}
