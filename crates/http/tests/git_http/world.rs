//! A hub on a real port, and the git program with nobody's configuration.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use steelyard_core::{Namespace, RepoId, RepoKind, RepoName, TokenRole, Visibility};
use steelyard_db::repo::{self, RepoRow};
use steelyard_service::repos::CreateRepo;
use steelyard_service::{Actor, Hub};
use steelyard_testkit::{Stores, TestHub, tools};
use tempfile::TempDir;

pub const MODEL: &str = "alice/m";
/// A pack of no objects.
pub const EMPTY_PACK: &[u8] = b"PACK\0\0\0\x02\0\0\0\0\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

/// A hub with the users `alice` and `bob`, alice's public model `m`, and a directory for clones.
pub struct World {
    pub test: TestHub,
    /// Without user and password.
    pub base: String,
    pub alice: String,
    pub bob: String,
    pub dir: TempDir,
}

/// What a git command said.
pub struct Said {
    pub ok: bool,
    pub out: String,
    pub err: String,
}

impl World {
    pub async fn start() -> Self {
        Self::start_on(Stores::Embedded).await
    }

    pub async fn start_on(stores: Stores) -> Self {
        let mut test = TestHub::start(stores).await.unwrap();
        let hub = test.hub.clone();
        let base = test.serve(&hub).await.unwrap();
        let alice = test.user("alice", TokenRole::Write).await.unwrap();
        let bob = test.user("bob", TokenRole::Write).await.unwrap();
        let world = Self { test, base, alice, bob, dir: tempfile::tempdir().unwrap() };
        world.create("m", Visibility::Public).await;
        world
    }

    pub async fn actor(&self, token: &str) -> Actor {
        self.test.hub.authenticate(token, "test").await.unwrap()
    }

    pub async fn create(&self, name: &str, visibility: Visibility) {
        let wanted = CreateRepo {
            kind: RepoKind::Model,
            namespace: None,
            name: RepoName::parse(name).unwrap(),
            visibility: Some(visibility),
            settings: json!({}),
        };
        self.test.hub.create_repo(&self.actor(&self.alice).await, &wanted).await.unwrap();
    }

    pub async fn row(&self, repo: &str) -> RepoRow {
        let mut conn = self.test.hub.db().read().await.unwrap();
        repo::find_repo(&mut conn, RepoKind::Model, &repo_id(repo)).await.unwrap().unwrap()
    }

    /// Makes branches protected.
    pub async fn protect(&self, repo: &str, branches: &[&str]) {
        let id = self.row(repo).await.id;
        let mut tx = self.test.hub.db().write().await.unwrap();
        let settings = json!({"protected_branches": branches});
        repo::update_repo(&mut tx, id, None, None, Some(&settings)).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub fn url(&self, repo: &str) -> String {
        url(&self.base, &self.alice, repo)
    }

    pub fn git(&self, cwd: &Path, args: &[&str]) -> Said {
        git(self.dir.path(), cwd, args)
    }

    /// As [`Self::git`]; it must succeed.
    pub fn run(&self, cwd: &Path, args: &[&str]) -> String {
        let said = self.git(cwd, args);
        assert!(said.ok, "git {args:?} failed:\n{}{}", said.out, said.err);
        said.out.trim_end().to_owned()
    }

    /// As [`Self::git`]; it must fail, and what it printed is returned.
    pub fn fail(&self, cwd: &Path, args: &[&str]) -> String {
        let said = self.git(cwd, args);
        assert!(!said.ok, "git {args:?} succeeded:\n{}{}", said.out, said.err);
        format!("{}{}", said.out, said.err)
    }

    /// A clone of `repo` by alice, in a folder `name`.
    pub fn clone(&self, repo: &str, name: &str, options: &[&str]) -> PathBuf {
        let url = self.url(repo);
        let args = [&["clone", "-q"], options, &[&url, name]].concat();
        self.run(self.dir.path(), &args);
        self.dir.path().join(name)
    }

    /// Creates a ref with a pack of one's own making; says the report.
    pub fn post_push(&self, repo: &str, new: &str, name: &str, pack: &[u8]) -> String {
        self.post_push_as("report-status", repo, new, name, pack)
    }

    /// As [`Self::post_push`], with other capabilities.
    pub fn post_push_as(
        &self,
        capabilities: &str,
        repo: &str,
        new: &str,
        name: &str,
        pack: &[u8],
    ) -> String {
        let zero = "0".repeat(40);
        let command = format!("{zero} {new} {name}\0 {capabilities}");
        let head = format!("{:04x}{command}0000", command.len() + 4);
        let file = self.dir.path().join("request");
        std::fs::write(&file, [head.as_bytes(), pack].concat()).unwrap();
        let body = format!("@{}", file.display());
        let url = format!("{}/git-receive-pack", self.url(repo));
        let output = Command::new("curl")
            .args(["-s", "-X", "POST", &url, "--data-binary", &body])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The refs as another git sees them: lines of id and name.
    pub fn ls_remote(&self, repo: &str) -> String {
        self.run(self.dir.path(), &["ls-remote", &self.url(repo)])
    }
}

/// Runs git, which finds no configuration but that in `home`.
pub fn git(home: &Path, cwd: &Path, args: &[&str]) -> Said {
    let output: Output = Command::new(tools::git().unwrap())
        .args([
            "-c",
            "user.name=Alice",
            "-c",
            "user.email=alice@example.org",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .current_dir(cwd)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { ok: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) }
}

pub fn url(base: &str, token: &str, repo: &str) -> String {
    base.replace("http://", &format!("http://user:{token}@")) + "/" + repo
}

pub fn repo_id(repo: &str) -> RepoId {
    let (namespace, name) = repo.split_once('/').unwrap();
    RepoId::new(Namespace::parse(namespace).unwrap(), RepoName::parse(name).unwrap())
}

/// Writes files and commits them; says the commit's id.
pub fn commit(world: &World, work: &Path, files: &[(&str, &[u8])]) -> String {
    for (name, content) in files {
        let path = work.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    world.run(work, &["add", "-A"]);
    world.run(work, &["commit", "-q", "-m", files[0].0]);
    world.run(work, &["rev-parse", "HEAD"])
}

/// Bytes that no compression makes smaller.
pub fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    steelyard_testkit::TestRng::seeded(seed).bytes(bytes)
}

/// The hub's rows about a ref.
pub async fn ref_of(hub: &Hub, repo_id: i64, name: &str) -> Option<steelyard_db::refs::RefRow> {
    let mut conn = hub.db().read().await.unwrap();
    let name = steelyard_core::RefName::parse(name).unwrap();
    steelyard_db::refs::find_ref(&mut conn, repo_id, &name).await.unwrap()
}
