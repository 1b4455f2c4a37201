//! Real repositories, made by the git program under test.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use steelyard_core::Oid;
use steelyard_git::protocol::RefRecord;
use steelyard_git::tool::{GitBinary, GitVersion, ToolLimits};
use tempfile::TempDir;

pub const IDLE: Duration = Duration::from_secs(30);

/// Every git on this machine that is recent enough, at least one; or the one that `STEELYARD_TEST_GIT` names.
pub fn gits() -> Vec<GitBinary> {
    if let Some(named) = std::env::var_os("STEELYARD_TEST_GIT") {
        return vec![GitBinary::probe(Path::new(&named), ToolLimits::default()).unwrap()];
    }
    let mut found: Vec<GitBinary> = Vec::new();
    let paths = ["/usr/local/bin/git", "/usr/bin/git"].map(Path::new);
    let probed =
        paths.into_iter().filter_map(|path| GitBinary::probe(path, ToolLimits::default()).ok());
    for git in probed.chain(GitBinary::discover(None)) {
        if found.iter().all(|other| other.version() != git.version()) {
            found.push(git);
        }
    }
    assert!(!found.is_empty(), "these tests need a git program");
    found
}

/// The first release of a minor version.
pub fn since(major: u32, minor: u32) -> GitVersion {
    GitVersion { major, minor, patch: 0 }
}

/// A scratch directory and the git to use in it.
pub struct Fixture {
    pub dir: TempDir,
    pub program: PathBuf,
}

impl Fixture {
    pub fn new(git: &GitBinary) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), program: git.program().to_owned() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A git command that sees no configuration of this machine; dates are fixed.
    pub fn command(&self, cwd: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.dir.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_DATE", "1700000000 +0000")
            .env("GIT_COMMITTER_DATE", "1700000000 +0000")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
            .args(["-c", "init.defaultBranch=main", "-c", "http.postBuffer=64m"])
            .current_dir(cwd);
        command
    }

    pub fn run(&self, cwd: &Path, args: &[&str], stdin: &[u8]) -> Output {
        let mut child = self
            .command(cwd)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let stdin = stdin.to_vec();
        let writer = std::thread::spawn(move || {
            // A program that fails early may not read it all.
            let _ = pipe.write_all(&stdin);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    pub fn bytes(&self, cwd: &Path, args: &[&str], stdin: &[u8]) -> Vec<u8> {
        let output = self.run(cwd, args, stdin);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {stderr}");
        output.stdout
    }

    pub fn git(&self, cwd: &Path, args: &[&str]) -> String {
        String::from_utf8(self.bytes(cwd, args, b"")).unwrap().trim_end().to_owned()
    }

    pub fn oid(&self, cwd: &Path, args: &[&str], stdin: &[u8]) -> Oid {
        Oid::parse(String::from_utf8(self.bytes(cwd, args, stdin)).unwrap().trim()).unwrap()
    }

    /// A repository with a work tree, two commits, two branches, a light and an annotated tag.
    pub fn repository(&self, name: &str) -> PathBuf {
        let work = self.path(name);
        std::fs::create_dir(&work).unwrap();
        self.git(&work, &["init", "-q"]);
        let lines: String = (0..400).map(|n| format!("line {n} of the first file\n")).collect();
        self.commit(&work, "big.txt", &lines);
        self.git(&work, &["tag", "light"]);
        self.commit(&work, "dir/README.md", "# Model\n");
        self.git(&work, &["tag", "-a", "-m", "first", "v1.0"]);
        self.git(&work, &["branch", "dev/one", "HEAD~1"]);
        work
    }

    /// Commits one file on the current branch.
    pub fn commit(&self, work: &Path, file: &str, content: &str) -> Oid {
        let path = work.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self.git(work, &["add", "-A"]);
        self.git(work, &["commit", "-q", "-m", file]);
        self.oid(work, &["rev-parse", "HEAD"], b"")
    }

    pub fn refs(&self, repo: &Path) -> Vec<RefRecord> {
        let format = "--format=%(objectname) %(refname) %(*objectname)";
        let list = self.git(repo, &["for-each-ref", format]);
        let record = |line: &str| {
            let mut words = line.split(' ');
            let oid = Oid::parse(words.next().unwrap()).unwrap();
            let name = words.next().unwrap().to_owned();
            let peeled = words.next().and_then(|hex| Oid::parse(hex).ok());
            RefRecord { name, oid, peeled }
        };
        list.lines().map(record).collect()
    }

    /// A pack of everything that the refs reach.
    pub fn pack_all(&self, repo: &Path) -> Vec<u8> {
        self.bytes(repo, &["pack-objects", "--all", "--stdout", "-q", "--delta-base-offset"], b"")
    }

    /// A pack of exactly `oids`.
    pub fn pack_of(&self, repo: &Path, oids: &[Oid]) -> Vec<u8> {
        let list: String = oids.iter().map(|oid| format!("{oid}\n")).collect();
        self.bytes(repo, &["pack-objects", "--stdout", "-q"], list.as_bytes())
    }

    /// Writes an object without any check.
    pub fn write_object(&self, repo: &Path, kind: &str, content: &[u8]) -> Oid {
        self.oid(repo, &["hash-object", "-w", "--literally", "--stdin", "-t", kind], content)
    }
}
