//! Knowing an id gives nothing: objects come out only through a repository that has them, to people who may read it.

use std::path::PathBuf;

use serde_json::{Value, json};
use steelyard_tests::{Client, Http, Hub, Stores};

/// Alice has a private repository with a secret and a large file; Mallory has a public one and every id of Alice's.
struct Scene {
    hub: Hub,
    alice: Http,
    mallory: Http,
    mallorys: Client,
    commit: String,
    tree: String,
    blob: String,
    oid: String,
    size: usize,
}

impl Scene {
    fn start(stores: Stores) -> Option<Self> {
        let hub = Hub::on(stores).start()?;
        let (alice_token, mallory_token) = (hub.user("alice"), hub.user("mallory"));
        let alice = Http::new(&hub.url(), &alice_token);
        let mallory = Http::new(&hub.url(), &mallory_token);
        alice.create_model("secret", true);
        mallory.create_model("own", false);
        let alices = Client::new(&hub, "alice", &alice_token);
        let mallorys = Client::new(&hub, "mallory", &mallory_token);
        let large = vec![7_u8; 100_000];
        let oid = upload(&hub, &alices, &alice, "alice/secret", &large);
        let made = alice.commit("alice/secret", "main", None, &[("key.txt", "the key")]).unwrap();
        assert_eq!(made.status, 200, "{}", made.text());
        let dir = hub.scratch("alices");
        alices.git(&dir, &["clone", "--quiet", &alices.git_url("alice/secret"), "."]).success();
        let id_of = |what: &str| alices.git(&dir, &["rev-parse", what]).success().trim().to_owned();
        let (commit, tree, blob) = (id_of("HEAD"), id_of("HEAD^{tree}"), id_of("HEAD:key.txt"));
        Some(Self { alice, mallory, mallorys, commit, tree, blob, oid, size: large.len(), hub })
    }

    /// What Mallory's git gets when it asks a repository for an object by its id.
    fn fetches(&self, repo: &str, id: &str) -> bool {
        let dir = self.hub.scratch(&format!("fetch-{}", id.len() + repo.len()));
        if !dir.join(".git").exists() {
            self.mallorys.git(&dir, &["init", "--quiet", "."]).success();
        }
        let url = self.mallorys.git_url(repo);
        let mut got = false;
        for protocol in ["2", "0"] {
            let version = format!("protocol.version={protocol}");
            got |= self.mallorys.git(&dir, &["-c", &version, "fetch", "--quiet", &url, id]).ok;
        }
        got |= self.mallorys.git(&dir, &["cat-file", "-e", id]).ok;
        got
    }

    fn own_clone(&self) -> PathBuf {
        let dir = self.hub.scratch("mallorys");
        if !dir.join(".git").exists() {
            self.mallorys
                .git(&dir, &["clone", "--quiet", &self.mallorys.git_url("mallory/own"), "."])
                .success();
        }
        dir
    }
}

/// Uploads a large file and commits it as `w.bin`; returns its SHA-256.
fn upload(hub: &Hub, client: &Client, http: &Http, repo: &str, data: &[u8]) -> String {
    let file = client.home().join("upload");
    std::fs::write(&file, data).unwrap();
    let sum =
        client.command(std::path::Path::new("/usr/bin/sha256sum")).arg(&file).output().unwrap();
    let oid = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
    let batch = batch(http, repo, "upload", &oid, data.len());
    let href = batch["actions"]["upload"]["href"].as_str().unwrap();
    let nobody = Client::new(hub, "nobody", "");
    let body = format!("@{}", file.display());
    nobody
        .curl(&["--fail", "-X", "PUT", "--data-binary", &body, "-H", "Content-Type:", href])
        .success();
    let made = commit_pointer(http, repo, &oid, Some(data.len()));
    assert_eq!(made, 200);
    oid
}

/// One object of a batch answer.
fn batch(http: &Http, repo: &str, operation: &str, oid: &str, size: usize) -> Value {
    let wanted = json!({"operation": operation, "transfers": ["basic"], "objects": [{"oid": oid, "size": size}]});
    let answer = http.post(&format!("/{repo}.git/info/lfs/objects/batch"), &wanted);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["objects"][0].clone()
}

/// Commits a large file by its hash; returns the status.
fn commit_pointer(http: &Http, repo: &str, oid: &str, size: Option<usize>) -> u16 {
    let header = json!({"key": "header", "value": {"summary": "large"}});
    let value = json!({"path": "w.bin", "algo": "sha256", "oid": oid, "size": size});
    let body = format!("{header}\n{}", json!({"key": "lfsFile", "value": value}));
    http.send("POST", &format!("/api/models/{repo}/commit/main"), body.as_bytes()).unwrap().status
}

fn on_every_route(http: &Http, repo: &str, revision: &str, path: &str) -> Vec<u16> {
    [
        format!("/{repo}/resolve/{revision}/{path}"),
        format!("/{repo}/raw/{revision}/{path}"),
        format!("/api/models/{repo}/revision/{revision}"),
        format!("/api/models/{repo}/tree/{revision}"),
        format!("/api/models/{repo}/commits/{revision}"),
    ]
    .iter()
    .map(|path| http.get(path).status)
    .collect()
}

fn ids_of_others_are_unknown(stores: Stores) {
    let Some(scene) = Scene::start(stores) else { return };
    assert_eq!(on_every_route(&scene.alice, "alice/secret", &scene.commit, "key.txt"), [200; 5]);
    for revision in [&scene.commit, &scene.commit[..10], &scene.tree, &scene.blob] {
        assert_eq!(
            on_every_route(&scene.mallory, "mallory/own", revision, "key.txt"),
            [404; 5],
            "{revision}"
        );
    }
    // A private repository is not even there, whatever one knows of it.
    assert_eq!(on_every_route(&scene.mallory, "alice/secret", &scene.commit, "key.txt"), [404; 5]);
    let missing =
        on_every_route(&Http::new(&scene.hub.url(), ""), "alice/missing", "main", "key.txt");
    let hidden =
        on_every_route(&Http::new(&scene.hub.url(), ""), "alice/secret", &scene.commit, "key.txt");
    assert_eq!(hidden, missing);
    for id in [&scene.commit, &scene.tree, &scene.blob] {
        assert!(!scene.fetches("mallory/own", id), "{id}");
        assert!(!scene.fetches("alice/secret", id), "{id}");
    }
    // Nor does it become known by being named in what Mallory writes.
    let target = scene
        .mallory
        .post("/api/models/mallory/own/branch/stolen", &json!({"startingPoint": scene.commit}));
    assert_eq!(target.status, 404, "{}", target.text());
    let target = scene
        .mallory
        .post(&format!("/api/models/mallory/own/tag/{}", scene.commit), &json!({"tag": "stolen"}));
    assert_eq!(target.status, 404, "{}", target.text());
}

/// A push that names objects which only another repository has is refused, and leaves nothing to fetch.
fn pushes_cannot_borrow(stores: Stores) {
    let Some(scene) = Scene::start(stores) else { return };
    let dir = scene.own_clone();
    let git = |args: &[&str]| scene.mallorys.git(&dir, args);
    // A tree that points to Alice's file: git makes it without having the file.
    let shell = |script: &str| {
        let mut command = scene.mallorys.command(std::path::Path::new("/bin/sh"));
        let output = command.args(["-ec", script]).current_dir(&dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let tree =
        shell(&format!("printf '100644 blob {}\\tkey.txt\\n' | git mktree --missing", scene.blob));
    let tree = String::from_utf8(tree).unwrap().trim().to_owned();
    let commit =
        git(&["commit-tree", "-m", "borrowed", "-p", "HEAD", &tree]).success().trim().to_owned();
    // Git itself refuses to push a hole, so the pack is sent by hand.
    let head = scene.mallory.head("mallory/own", "main");
    let pack = shell(&format!("printf '{commit}\\n{tree}\\n' | git pack-objects --stdout --quiet"));
    let mut body = {
        let line = format!("{head} {commit} refs/heads/main\0 report-status\n");
        format!("{:04x}{line}0000", line.len() + 4).into_bytes()
    };
    body.extend(pack);
    let answer = scene.mallory.send("POST", "/mallory/own.git/git-receive-pack", &body).unwrap();
    let told = answer.text();
    assert!(
        answer.status >= 400
            || told.contains("ng refs/heads/main")
            || told.contains("unpack error"),
        "{told}"
    );
    assert_eq!(scene.mallory.head("mallory/own", "main"), head);
    for id in [&commit, &tree, &scene.blob] {
        assert!(!scene.fetches("mallory/own", id), "what was quarantined is not given out: {id}");
        assert_eq!(
            scene.mallory.get(&format!("/api/models/mallory/own/revision/{id}")).status,
            404
        );
    }
}

fn a_hash_gives_nothing(stores: Stores) {
    let Some(scene) = Scene::start(stores) else { return };
    let (oid, size) = (&scene.oid, scene.size);
    let own = batch(&scene.mallory, "mallory/own", "download", oid, size);
    assert!(own["actions"].is_null() && own["error"]["code"] == 404, "{own}");
    // Uploading is offered as if nobody had it.
    let up = batch(&scene.mallory, "mallory/own", "upload", oid, size);
    assert!(up["actions"]["upload"]["href"].is_string(), "{up}");
    for size in [Some(size), None] {
        assert!((400..500).contains(&commit_pointer(&scene.mallory, "mallory/own", oid, size)));
    }
    // The pointer as a text file, over HTTP and by git.
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n");
    let made =
        scene.mallory.commit("mallory/own", "main", None, &[("stolen.bin", &pointer)]).unwrap();
    assert!(made.status == 400 && made.text().contains("was not uploaded"), "{}", made.text());
    let dir = scene.own_clone();
    std::fs::write(dir.join("pushed.bin"), &pointer).unwrap();
    scene
        .mallorys
        .git(&dir, &["-c", "filter.lfs.clean=cat", "-c", "filter.lfs.required=false", "add", "-A"])
        .success();
    scene.mallorys.git(&dir, &["commit", "--quiet", "-m", "pointer"]).success();
    let told = scene.mallorys.git(&dir, &["push", "--quiet", "origin", "main"]).failure();
    assert!(told.contains("pushed.bin") && told.contains("was not uploaded"), "{told}");
    assert_eq!(scene.mallory.get("/mallory/own/resolve/main/pushed.bin").status, 404);
    // Bytes that are not the content make no link, whatever hash they came under.
    let href = up["actions"]["upload"]["href"].as_str().unwrap();
    let wrong = scene.mallorys.home().join("wrong");
    std::fs::write(&wrong, vec![8_u8; size]).unwrap();
    let body = format!("@{}", wrong.display());
    let nobody = Client::new(&scene.hub, "nobody", "");
    nobody.curl(&["-X", "PUT", "--data-binary", &body, "-H", "Content-Type:", href]);
    let verify = up["actions"]["verify"]["href"].as_str().unwrap();
    let verified =
        scene.mallory.post(&verify[scene.hub.url().len()..], &json!({"oid": oid, "size": size}));
    assert!((400..500).contains(&verified.status), "{}", verified.text());
    assert!((400..500).contains(&commit_pointer(&scene.mallory, "mallory/own", oid, Some(size))));
    let own = batch(&scene.mallory, "mallory/own", "download", oid, size);
    assert!(own["actions"].is_null(), "{own}");
    // Alice's file has not suffered.
    let theirs = batch(&scene.alice, "alice/secret", "download", oid, size);
    let href = theirs["actions"]["download"]["href"].as_str().unwrap();
    let out = scene.hub.scratch("out").join("file");
    nobody.curl(&["--fail", "--output", out.to_str().unwrap(), href]).success();
    assert!(std::fs::read(&out).unwrap() == vec![7_u8; size]);
}

fn what_was_deleted_is_gone(stores: Stores) {
    let Some(scene) = Scene::start(stores) else { return };
    let theirs = batch(&scene.alice, "alice/secret", "download", &scene.oid, scene.size);
    let signed = theirs["actions"]["download"]["href"].as_str().unwrap().to_owned();
    let deleted =
        scene.alice.send("DELETE", "/api/repos/delete", br#"{"name": "secret"}"#).unwrap();
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    assert_eq!(on_every_route(&scene.alice, "alice/secret", &scene.commit, "key.txt"), [404; 5]);
    // The name is free, and the new repository has nothing of the old one.
    scene.alice.create_model("secret", true);
    assert_eq!(on_every_route(&scene.alice, "alice/secret", &scene.commit, "key.txt"), [404; 5]);
    let again = batch(&scene.alice, "alice/secret", "download", &scene.oid, scene.size);
    assert!(again["actions"].is_null(), "{again}");
    assert!((400..500).contains(&commit_pointer(
        &scene.alice,
        "alice/secret",
        &scene.oid,
        Some(scene.size)
    )));
    // An address that the hub itself signed dies with the repository; the store's own lives for an hour.
    if signed.starts_with(&scene.hub.url()) {
        let status = scene.alice.get(&signed[scene.hub.url().len()..]).status;
        assert_eq!(status, 404);
    }
}

macro_rules! on_both_stores {
    ($($case:ident),* $(,)?) => {
        mod embedded {
            $(#[test]
            fn $case() {
                super::$case(steelyard_tests::Stores::Embedded);
            })*
        }
        mod scaled_out {
            $(#[test]
            fn $case() {
                super::$case(steelyard_tests::Stores::ScaledOut);
            })*
        }
    };
}

on_both_stores!(
    ids_of_others_are_unknown,
    pushes_cannot_borrow,
    a_hash_gives_nothing,
    what_was_deleted_is_gone
);
