//! The server dies at each fail point while a client waits: after a restart nothing acknowledged is lost, nothing is half
//! done, and the client's next attempt succeeds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use steelyard_testkit::TestRng;
use steelyard_tests::{Answer, Client, Http, Hub, Stores};

const REPO: &str = "alice/m";

/// What the client does when the server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// A commit of text files.
    Commit,
    /// A commit too large for a row of the database.
    LargeCommit,
    /// An upload to LFS and the commit that names it.
    Upload,
    /// `git push`.
    Push,
    /// `git push` of a pack too large for a row of the database.
    LargePush,
}

/// A hub whose server dies when it comes to the fail point for the second time, and a user.
struct Scene {
    hub: Hub,
    token: String,
    alice: Client,
}

impl Scene {
    fn start(stores: Stores, point: &str) -> Option<Self> {
        let hub = Hub::on(stores).env("STEELYARD_CRASH_AT", &format!("{point}:2")).start()?;
        let token = hub.user("alice");
        let alice = Client::new(&hub, "alice", &token);
        let scene = Self { hub, token, alice };
        scene.http().create_model("m", false);
        Some(scene)
    }

    /// After a restart the server has another port.
    fn restart(&mut self) {
        self.hub.kill_and_restart(0);
        self.alice = Client::new(&self.hub, "alice", &self.token);
    }

    fn http(&self) -> Http {
        Http::new(&self.hub.url(), &self.token)
    }

    /// Does the work for the `round`-th time; false when the server did not acknowledge it.
    fn attempt(&self, work: Work, round: u64) -> bool {
        match work {
            Work::Commit => {
                let (name, text) = (format!("file-{round}.txt"), format!("text {round}"));
                let files = [(&*name, &*text), ("README.md", "---\nlicense: mit\n---\n")];
                succeeded(self.http().commit(REPO, "main", None, &files))
            }
            Work::LargeCommit => {
                let (name, text) = (format!("file-{round}.txt"), large_text(round));
                succeeded(self.http().commit(REPO, "main", None, &[(&name, &text)]))
            }
            Work::Upload => self.upload(round).unwrap_or(false),
            Work::Push => self.push(round, &format!("text {round}")),
            Work::LargePush => self.push(round, &large_text(round)),
        }
    }

    /// What the work leaves at its path.
    fn expected(work: Work, round: u64) -> Vec<u8> {
        match work {
            Work::Commit | Work::Push => format!("text {round}").into_bytes(),
            Work::LargeCommit | Work::LargePush => large_text(round).into_bytes(),
            Work::Upload => large_file(round),
        }
    }

    /// `None` when the server did not answer.
    fn upload(&self, round: u64) -> Option<bool> {
        let data = large_file(round);
        let file = self.alice.home().join("upload");
        std::fs::write(&file, &data).unwrap();
        let oid = sha256_of(&self.alice, &file);
        let wanted = json!({"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": data.len()}]});
        let batch = answer(self.http().send(
            "POST",
            &format!("/{REPO}.git/info/lfs/objects/batch"),
            wanted.to_string().as_bytes(),
        ))?;
        let actions = &batch["objects"][0]["actions"];
        if let Some(href) = actions["upload"]["href"].as_str() {
            let data = format!("@{}", file.display());
            let mut args =
                vec!["--fail", "-X", "PUT", "--data-binary", &data, "-H", "Content-Type:"];
            // An address of the store is signed by itself and takes no token.
            let nobody = Client::new(&self.hub, "nobody", "");
            args.push(href);
            if !nobody.curl(&args).ok {
                return None;
            }
            let verify = actions["verify"]["href"].as_str()?;
            let path = &verify[self.hub.url().len()..];
            answer(self.http().send(
                "POST",
                path,
                json!({"oid": oid, "size": data_len(round)}).to_string().as_bytes(),
            ))?;
        }
        let header = json!({"key": "header", "value": {"summary": "large"}});
        let value = json!({"path": format!("file-{round}.txt"), "algo": "sha256", "oid": oid, "size": data.len()});
        let body = format!("{header}\n{}", json!({"key": "lfsFile", "value": value}));
        answer(self.http().send(
            "POST",
            &format!("/api/models/{REPO}/commit/main"),
            body.as_bytes(),
        ))?;
        Some(true)
    }

    /// Pushes one more file; the folder is kept between the rounds.
    fn push(&self, round: u64, text: &str) -> bool {
        let dir = self.hub.scratch("push");
        let url = self.alice.git_url(REPO);
        if !dir.join(".git").exists() {
            self.alice.git(&dir, &["clone", "--quiet", &url, "."]).success();
        }
        let file = format!("file-{round}.txt");
        if !dir.join(&file).exists() {
            std::fs::write(dir.join(&file), text).unwrap();
            self.alice.git(&dir, &["add", "-A"]).success();
            self.alice.git(&dir, &["commit", "--quiet", "-m", &file]).success();
        }
        self.alice.git(&dir, &["push", "--quiet", &url, "main"]).ok
    }

    fn file(&self, path: &str) -> Option<Vec<u8>> {
        let out = self.alice.home().join("download");
        let url = format!("{}/{REPO}/resolve/main/{path}", self.hub.url());
        let got =
            self.alice.curl(&["--location", "--fail", "--output", out.to_str().unwrap(), &url]);
        got.ok.then(|| std::fs::read(out).unwrap())
    }

    fn wait_for_death(&mut self, point: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.hub.is_running(0) {
            assert!(Instant::now() < end, "the server never came to {point}");
            sleep(Duration::from_millis(20));
        }
    }
}

fn succeeded(answer: std::io::Result<Answer>) -> bool {
    let Ok(answer) = answer else { return false };
    assert_eq!(answer.status, 200, "{}", answer.text());
    true
}

fn answer(answer: std::io::Result<Answer>) -> Option<Value> {
    let answer = answer.ok()?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    Some(answer.json())
}

/// Text that no compression brings under the size of a row.
fn large_text(round: u64) -> String {
    TestRng::seeded(round).bytes(150_000).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn data_len(round: u64) -> usize {
    large_file(round).len()
}

fn large_file(round: u64) -> Vec<u8> {
    TestRng::seeded(round + 1000).bytes(600_000)
}

fn sha256_of(client: &Client, file: &Path) -> String {
    let output = client.command(Path::new("/usr/bin/sha256sum")).arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

fn crash_and_look(stores: Stores, work: Work, point: &str) {
    let Some(mut scene) = Scene::start(stores, point) else { return };
    assert!(scene.attempt(work, 1), "the first round passes the point unharmed");
    let before = scene.http().head(REPO, "main");
    assert!(!scene.attempt(work, 2), "{point} lies before the answer");
    scene.wait_for_death(point);
    scene.restart();

    scene.hub.fsck().unwrap_or_else(|errors| panic!("after {point}: {errors}"));
    assert_eq!(
        scene.file("file-1.txt").unwrap(),
        Scene::expected(work, 1),
        "what was acknowledged is there"
    );
    let after = scene.http().head(REPO, "main");
    let landed = scene.file("file-2.txt");
    assert_eq!(landed.is_some(), after != before, "the ref is old or new, and so are the files");
    assert!(landed.is_none_or(|bytes| bytes == Scene::expected(work, 2)));

    assert!(scene.attempt(work, 2), "a retry succeeds");
    assert!(scene.attempt(work, 3), "and so does what comes after");
    for round in 1..=3 {
        assert_eq!(scene.file(&format!("file-{round}.txt")).unwrap(), Scene::expected(work, round));
    }
    let log = scene.http().get(&format!("/api/models/{REPO}/commits/main")).json();
    assert_eq!(log.as_array().unwrap().len(), 4, "nothing was committed twice: {log}");
    scene.hub.fsck().unwrap();
}

macro_rules! crash_tests {
    ($($name:ident: $stores:ident $work:ident $point:literal),* $(,)?) => {
        $(#[test]
        fn $name() {
            crash_and_look(Stores::$stores, Work::$work, $point);
        })*
    };
}

crash_tests! {
    commit_built: Embedded Commit "commit.built",
    commit_before_commit: Embedded Commit "commit.before_commit",
    commit_after_commit: Embedded Commit "commit.after_commit",
    large_commit_bytes_synced: Embedded LargeCommit "blob.put.synced",
    large_commit_pack_stored: Embedded LargeCommit "pack.stored",
    large_commit_before_commit: Embedded LargeCommit "commit.before_commit",
    lfs_bytes_synced: Embedded Upload "blob.upload.synced",
    lfs_bytes_visible: Embedded Upload "blob.upload.visible",
    lfs_bytes_durable: Embedded Upload "lfs.bytes_durable",
    lfs_row_written: Embedded Upload "lfs.row_written",
    lfs_link_written: Embedded Upload "lfs.link_written",
    push_quarantined: Embedded Push "push.quarantined",
    push_stored: Embedded Push "push.stored",
    push_before_commit: Embedded Push "push.before_commit",
    push_after_commit: Embedded Push "push.after_commit",
    large_push_stored: Embedded LargePush "push.stored",
    large_push_pack_stored: Embedded LargePush "pack.stored",
    scaled_out_commit_before_commit: ScaledOut Commit "commit.before_commit",
    scaled_out_commit_after_commit: ScaledOut Commit "commit.after_commit",
    scaled_out_pack_stored: ScaledOut LargeCommit "pack.stored",
    scaled_out_lfs_bytes_durable: ScaledOut Upload "lfs.bytes_durable",
    scaled_out_lfs_link_written: ScaledOut Upload "lfs.link_written",
    scaled_out_push_stored: ScaledOut LargePush "push.stored",
    scaled_out_push_before_commit: ScaledOut Push "push.before_commit",
    scaled_out_push_after_commit: ScaledOut Push "push.after_commit",
}

/// A large file is deleted from all of history by a server that dies over it.
fn purge_and_look(stores: Stores, point: &str) {
    let Some(hub) = Hub::on(stores).env("STEELYARD_CRASH_AT", point).start() else { return };
    let token = hub.user("alice");
    let alice = Client::new(&hub, "alice", &token);
    let mut scene = Scene { hub, token, alice };
    scene.http().create_model("m", false);
    assert!(scene.attempt(Work::Upload, 1));
    assert!(scene.attempt(Work::Commit, 2));
    assert!(purge(&scene).is_none(), "{point} lies before the answer");
    scene.wait_for_death(point);
    scene.restart();

    scene.hub.fsck().unwrap_or_else(|errors| panic!("after {point}: {errors}"));
    assert_eq!(scene.file("file-2.txt").unwrap(), Scene::expected(Work::Commit, 2));
    if let Some(bytes) = scene.file("file-1.txt") {
        assert_eq!(bytes, Scene::expected(Work::Upload, 1), "nothing was deleted, or everything");
    }
    assert!(purge(&scene).is_some(), "a retry succeeds");
    assert!(scene.file("file-1.txt").is_none());
    assert!(scene.attempt(Work::Upload, 1), "and the same file may come back");
    assert_eq!(scene.file("file-1.txt").unwrap(), Scene::expected(Work::Upload, 1));
    scene.hub.fsck().unwrap();
}

/// Deletes every large file of the repository for good; `None` when the server did not answer.
fn purge(scene: &Scene) -> Option<()> {
    let files = scene.http().get(&format!("/api/models/{REPO}/lfs-files")).json();
    let ids: Vec<&Value> = files.as_array()?.iter().map(|file| &file["fileOid"]).collect();
    if ids.is_empty() {
        return Some(());
    }
    let body = json!({"deletions": {"sha": ids, "rewriteHistory": true}}).to_string();
    let path = format!("/api/models/{REPO}/lfs-files/batch");
    answer(scene.http().send("POST", &path, body.as_bytes())).map(|_| ())
}

macro_rules! purge_tests {
    ($($name:ident: $stores:ident Purge $point:literal),* $(,)?) => {
        $(#[test]
        fn $name() {
            purge_and_look(Stores::$stores, $point);
        })*
    };
}

purge_tests! {
    purge_rewritten: Embedded Purge "lfs.purge.rewritten",
    purge_before_commit: Embedded Purge "lfs.purge.before_commit",
    purge_after_commit: Embedded Purge "lfs.purge.after_commit",
    scaled_out_purge_after_commit: ScaledOut Purge "lfs.purge.after_commit",
}

/// A long tail is joined by a server that dies over it.
mod slow {
    use super::*;

    #[test]
    fn joining_the_tail() {
        let hub = Hub::on(Stores::Embedded)
            .env("STEELYARD_CRASH_AT", "join.before_commit")
            .start()
            .unwrap();
        let token = hub.user("alice");
        let alice = Client::new(&hub, "alice", &token);
        let mut scene = Scene { hub, token, alice };
        scene.http().create_model("m", false);
        let mut acknowledged = 0;
        // The server dies somewhere behind the 32nd commit.
        while scene.hub.is_running(0) && acknowledged < 2000 {
            if scene.attempt(Work::Commit, acknowledged + 1) {
                acknowledged += 1;
            }
        }
        assert!(acknowledged >= 31, "{acknowledged}");
        scene.wait_for_death("join.before_commit");
        scene.restart();
        scene.hub.fsck().unwrap();
        let path = |round: u64| format!("file-{round}.txt");
        assert!(scene.attempt(Work::Commit, acknowledged + 1));
        for round in 1..=acknowledged + 1 {
            let found = scene.http().get(&format!("/{REPO}/raw/main/{}", path(round)));
            assert_eq!(found.body, Scene::expected(Work::Commit, round));
        }
        scene.hub.fsck().unwrap();
    }
}

/// Every `.rs` file below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The texts between `before` and the next quotation mark.
fn quoted(text: &str, before: &str) -> BTreeSet<String> {
    text.split(before)
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn every_fail_point_of_the_sources_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut points = BTreeSet::new();
    for krate in std::fs::read_dir(root.join("crates")).unwrap() {
        let mut files = Vec::new();
        sources(&krate.unwrap().path().join("src"), &mut files);
        for file in files {
            points.extend(quoted(&std::fs::read_to_string(file).unwrap(), "crash_point(\""));
        }
    }
    assert!(points.len() > 20, "{points:?}");
    let here = std::fs::read_to_string(root.join("tests/tests/crash.rs")).unwrap();
    let (mut tested, mut in_process) = (BTreeSet::new(), BTreeSet::new());
    for suite in std::fs::read_dir(root.join("crates/service/tests")).unwrap() {
        if let Ok(text) = std::fs::read_to_string(suite.unwrap().path().join("crashes.rs")) {
            in_process.extend(quoted(&text, " => \""));
        }
    }
    for work in ["Commit", "LargeCommit", "Upload", "Push", "LargePush", "Purge"] {
        tested.extend(quoted(&here, &format!("Embedded {work} \"")));
    }
    assert!(
        tested.len() >= 14 && in_process.len() >= 22,
        "the lists were found: {tested:?} {in_process:?}"
    );
    tested.extend(in_process);
    assert_eq!(
        points.difference(&tested).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "these have no test"
    );
    assert_eq!(
        tested.difference(&points).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "these do not exist any more"
    );
}
