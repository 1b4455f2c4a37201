//! Cards and discovery: a catalogue of a hundred repositories, made and found by unmodified clients.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use steelyard_testkit::{HfVersion, tools};
use steelyard_tests::{Client, Http, Hub, Stores, copy_model};

/// What a change may take to be seen through another server, in seconds.
const LAG_SECS: &str = "0";

/// alice owns the catalogue and writes in acme, carol reads in acme, bob is a stranger to it.
struct Scene {
    hub: Hub,
    alice: Client,
    tokens: [String; 3],
    lag: &'static str,
}

impl Scene {
    fn start(stores: Stores, replicas: usize) -> Option<Self> {
        let hub = Hub::on(stores).replicas(replicas).start()?;
        let tokens = ["alice", "bob", "carol"].map(|name| hub.user(name));
        hub.admin(&["admin", "org", "create", "acme", "--json"]);
        for (user, role) in [("alice", "write"), ("carol", "read")] {
            hub.admin(&["admin", "org", "add-member", "acme", user, "--role", role, "--json"]);
        }
        let alice = Client::new(&hub, "alice", &tokens[0]);
        let lag = if replicas > 1 { LAG_SECS } else { "0" };
        Some(Self { hub, alice, tokens, lag })
    }

    /// Runs parts of the suite; all of them where none is named.
    #[track_caller]
    fn suite(&self, version: HfVersion, parts: &[&str]) {
        let [_, bob, carol] = &self.tokens;
        let mut args = vec![bob.as_str(), carol.as_str(), self.lag];
        args.extend(parts);
        self.alice.script(version, "discovery_suite.py", &args).success();
    }

    /// One server, asked as alice.
    fn http(&self, server: usize) -> Http {
        Http::new(&self.hub.url_of(server), &self.tokens[0])
    }
}

/// The parts that ask in the client's own words.
const CLIENT_PARTS: [&str; 7] =
    ["catalogue", "facts", "listings", "pages", "cards", "landing", "usage"];

fn discovery(stores: Stores, replicas: usize, version: HfVersion, parts: &[&str]) {
    let Some(scene) = Scene::start(stores, replicas) else { return };
    scene.suite(version, parts);
    scene.hub.fsck().unwrap();
}

#[test]
fn the_2_4_client_finds_what_it_made_on_the_embedded_default() {
    discovery(Stores::Embedded, 1, HfVersion::V2_4_0, &[]);
}

#[test]
fn the_1_33_client_finds_what_it_made_on_the_embedded_default() {
    discovery(Stores::Embedded, 1, HfVersion::V1_33_0, &CLIENT_PARTS);
}

#[test]
fn the_0_36_client_finds_what_it_made_on_the_embedded_default() {
    discovery(Stores::Embedded, 1, HfVersion::V0_36_2, &CLIENT_PARTS);
}

#[test]
fn the_2_4_client_finds_what_it_made_on_two_replicas_in_turn() {
    discovery(Stores::ScaledOut, 2, HfVersion::V2_4_0, &[]);
}

#[test]
fn the_1_33_client_finds_what_it_made_on_two_replicas_in_turn() {
    discovery(Stores::ScaledOut, 2, HfVersion::V1_33_0, &CLIENT_PARTS);
}

#[test]
fn the_0_36_client_finds_what_it_made_on_two_replicas_in_turn() {
    discovery(Stores::ScaledOut, 2, HfVersion::V0_36_2, &CLIENT_PARTS);
}

/// Listings and searches whose answers name everything the index holds.
const ANSWERS: [&str; 6] = [
    "/api/models?limit=500&full=true&sort=createdAt",
    "/api/datasets?limit=500&full=true&sort=createdAt",
    "/api/spaces?limit=500&full=true&sort=createdAt",
    "/api/models?limit=500&filter=text-generation&sort=createdAt&expand=safetensors&expand=childrenModelCount",
    "/api/search?q=license:apache-2.0%20lineage:permissive&type=model&limit=100",
    "/api/search/full-text?q=W%C3%B6rterbuch&type=model",
];

/// The answers of one server.
#[track_caller]
fn answers(http: &Http) -> Vec<Value> {
    let ask = |path: &&str| {
        let answer = http.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let mut answer = answer.json();
        // Scores weigh words by how often they were ever written, which each index knows for itself.
        let hits = answer.get_mut("hits").and_then(Value::as_array_mut);
        for hit in hits.into_iter().flatten() {
            hit.as_object_mut().unwrap().remove("score");
        }
        answer
    };
    ANSWERS.iter().map(ask).collect()
}

/// The index is derived: a server that died has it back when it says that it is ready, and every replica has the same.
fn the_index_comes_back(stores: Stores, replicas: usize) {
    let Some(mut scene) = Scene::start(stores, replicas) else { return };
    scene.suite(HfVersion::V2_4_0, &["catalogue"]);
    let before = answers(&scene.http(0));
    assert!(before.iter().all(|answer| !answer.to_string().is_empty()));
    assert!(before[0].as_array().unwrap().len() > 60, "{}", before[0]);
    scene.hub.kill_and_restart(0);
    for (path, (old, new)) in ANSWERS.iter().zip(before.iter().zip(answers(&scene.http(0)))) {
        assert_eq!(*old, new, "{path} after the restart");
    }
    // What happens after the restart is seen too, by whoever is asked.
    let readme = "---\nlicense: mit\ntags: [after-the-restart]\n---\n";
    scene.http(0).create_model("afterwards", false);
    let made =
        scene.http(0).commit("alice/afterwards", "main", None, &[("README.md", readme)]).unwrap();
    assert_eq!(made.status, 200, "{}", made.text());
    let start = Instant::now();
    for server in 0..replicas {
        let found = || scene.http(server).get("/api/models?filter=after-the-restart").json();
        while found().as_array().is_none_or(Vec::is_empty) {
            let patience = Duration::from_secs(if server == 0 { 0 } else { 2 });
            assert!(start.elapsed() < patience, "server {server} does not know of the commit");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(found()[0]["id"], json!("alice/afterwards"));
    }
}

#[test]
fn the_index_comes_back_after_a_restart() {
    the_index_comes_back(Stores::Embedded, 1);
}

#[test]
fn the_index_comes_back_on_one_of_two_replicas() {
    the_index_comes_back(Stores::ScaledOut, 2);
}

/// all-MiniLM-L6-v2 with its own card and files is understood and found.
#[test]
fn the_real_model_is_found_by_what_it_is() {
    let scene = Scene::start(Stores::Embedded, 1).unwrap();
    let folder = scene.hub.scratch("model");
    copy_model(&tools::real_model().unwrap(), &folder);
    let folder = folder.to_str().unwrap();
    scene.alice.hf(HfVersion::V2_4_0, &["upload", "alice/all-MiniLM-L6-v2", folder, "."]).success();
    let http = scene.http(0);
    let info = http.get("/api/models/alice/all-MiniLM-L6-v2").json();
    assert_eq!(info["pipeline_tag"], "sentence-similarity", "{info}");
    assert_eq!(info["library_name"], "sentence-transformers");
    assert_eq!(info["config"]["model_type"], "bert");
    assert_eq!(info["cardData"]["license"], "apache-2.0");
    assert_eq!(info["safetensors"]["parameters"]["F32"], 22_713_216);
    assert_eq!(info["safetensors"]["total"], 22_713_728);
    let tags: Vec<&str> =
        info["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for tag in ["sentence-transformers", "safetensors", "bert", "en", "license:apache-2.0"] {
        assert!(tags.contains(&tag), "{tag} is not in {tags:?}");
    }
    for (query, is_found) in [
        ("size:%3C100MB", true),
        ("size:%3E100MB", false),
        (
            "task:sentence-similarity lang:en license:apache-2.0 lineage:permissive size:%3C100MB params:20M..30M",
            true,
        ),
        ("minilm format:safetensors", true),
        ("task:sentence-similarity params:1B..8B", false),
    ] {
        let path = format!("/api/search?type=model&q={}", query.replace(' ', "%20"));
        let found = http.get(&path).json();
        let hits: Vec<&Value> =
            found["hits"].as_array().into_iter().flatten().map(|hit| &hit["id"]).collect();
        let wanted = if is_found { vec![json!("alice/all-MiniLM-L6-v2")] } else { Vec::new() };
        assert_eq!(hits, wanted.iter().collect::<Vec<_>>(), "{query}: {found}");
    }
    let snippets = http.get("/api/models/alice/all-MiniLM-L6-v2/snippets").text();
    assert!(snippets.contains("SentenceTransformer"), "{snippets}");
    let report = http.get("/api/models/alice/all-MiniLM-L6-v2/card-report");
    assert_eq!(report.status, 200, "{}", report.text());
}

/// `steelyard search` and `steelyard card check`, as a newcomer runs them against a running hub.
fn the_command_line_finds_and_checks(stores: Stores) {
    let Some(scene) = Scene::start(stores, 1) else { return };
    let http = scene.http(0);
    let card = "---\nlicense: apache-2.0\nlanguage: en\npipeline_tag: fill-mask\n---\n# Small\n\nA zebra.\n";
    for (name, private) in [("small", false), ("hidden", true)] {
        http.create_model(name, private);
        let made =
            http.commit(&format!("alice/{name}"), "main", None, &[("README.md", card)]).unwrap();
        assert_eq!(made.status, 200, "{}", made.text());
    }
    let run = |args: &[&str], token: &str| {
        let mut args = args.to_vec();
        let url = scene.hub.url();
        args.extend(["--endpoint", url.as_str(), "--token", token]);
        let output = scene.hub.command(&args);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let [alice, bob, _] = &scene.tokens;
    let query = "task:fill-mask lang:en license:apache-2.0 zebra";
    let (code, found, error) = run(&["search", query, "--json"], bob);
    assert_eq!(code, Some(0), "{error}");
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["total"], 1, "{found}");
    assert_eq!(found["hits"][0]["id"], "alice/small");
    let (_, table, _) = run(&["search", query], alice);
    assert!(table.contains("alice/small") && table.contains("alice/hidden"), "{table}");
    assert!(table.trim_end().ends_with("2 found"), "{table}");
    let (code, _, error) = run(&["search", "task:fill-mask size:<100elephants"], bob);
    assert_eq!(code, Some(1));
    assert!(error.contains('^') && error.contains("size:<100elephants"), "{error}");

    let (code, told, error) = run(&["card", "check", "alice/small"], bob);
    assert_eq!(code, Some(0), "{error}");
    assert!(told.contains("sections written:") && told.contains("signs of care:"), "{told}");
    let (code, _, error) = run(&["card", "check", "alice/hidden"], bob);
    assert_eq!(code, Some(1), "what is hidden is not there");
    assert!(error.contains("404"), "{error}");
    let folder = scene.hub.scratch("card");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("README.md"), "---\nlicense: [mit\n---\n# A\n").unwrap();
    let (code, told, error) = run(&["card", "check", folder.to_str().unwrap()], bob);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.starts_with("README.md:") && error.contains("would refuse"), "{told}{error}");
}

#[test]
fn the_command_line_finds_and_checks_on_the_embedded_default() {
    the_command_line_finds_and_checks(Stores::Embedded);
}

#[test]
fn the_command_line_finds_and_checks_on_servers() {
    the_command_line_finds_and_checks(Stores::ScaledOut);
}
