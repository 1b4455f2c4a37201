//! Packs good and bad.

use std::path::{Path, PathBuf};
use std::time::Duration;

use steelyard_core::Oid;
use steelyard_git::cache_dir::{self, FileSource};
use steelyard_git::tool::{GitBinary, IndexedPack, Quarantine, ToolError, ToolLimits};

use crate::fixture::{Fixture, IDLE, gits, since};

/// Mode, name and object of a tree's entry.
type Entry<'a> = (&'a str, &'a str, Oid);

/// A work repository, and the cache of a hub that has its first two commits.
struct Bench {
    git: GitBinary,
    fixture: Fixture,
    work: PathBuf,
    cache: PathBuf,
}

impl Bench {
    async fn new(git: &GitBinary) -> Self {
        let fixture = Fixture::new(git);
        let work = fixture.repository("repo");
        // A colon and a quote, because git splits lists of object directories at colons.
        let cache = fixture.path("ca:c\"he");
        cache_dir::write_skeleton(&cache).unwrap();
        let bench = Self { git: git.clone(), fixture, work, cache };
        let pack = bench.fixture.pack_all(&bench.work);
        let indexed = bench.index(&pack).await.unwrap();
        let name = format!("pack-{}", indexed.checksum);
        let (pack, idx) =
            (FileSource::Path(&indexed.pack_path), FileSource::Path(&indexed.idx_path));
        cache_dir::install_pack(&bench.cache, &name, pack, idx).unwrap();
        let refs = bench.fixture.refs(&bench.work);
        cache_dir::write_packed_refs(&bench.cache, &refs, "refs/heads/main").unwrap();
        std::fs::remove_dir_all(bench.objects()).unwrap();
        bench
    }

    fn objects(&self) -> PathBuf {
        self.fixture.path("quaran:tine")
    }

    async fn index(&self, pack: &[u8]) -> Result<IndexedPack, ToolError> {
        let objects = self.objects();
        let quarantine = Quarantine { objects: &objects, git_dir: &self.cache };
        self.git.index_pack(quarantine, pack, 1 << 20, IDLE).await
    }

    async fn connected(&self, tips: &[Oid]) -> Result<(), ToolError> {
        let objects = self.objects();
        let quarantine = Quarantine { objects: &objects, git_dir: &self.cache };
        self.git.connectivity(quarantine, tips, IDLE).await
    }

    /// A commit on top of `HEAD` whose tree has these raw entries, and its pack.
    fn commit_of(&self, entries: &[Entry<'_>]) -> (Oid, Vec<u8>) {
        let mut tree = Vec::new();
        for (mode, name, oid) in entries {
            tree.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            tree.extend_from_slice(oid.as_bytes());
        }
        let tree = self.fixture.write_object(&self.work, "tree", &tree);
        let args = ["commit-tree", "-m", "made", "-p", "HEAD", &tree.to_string()];
        let commit = self.fixture.oid(&self.work, &args, b"");
        let mut oids = vec![commit, tree];
        oids.extend(entries.iter().map(|(_, _, oid)| *oid));
        oids.sort();
        oids.dedup();
        (commit, self.fixture.pack_of(&self.work, &oids))
    }

    fn blob(&self, content: &str) -> Oid {
        self.fixture.write_object(&self.work, "blob", content.as_bytes())
    }
}

fn refused(result: Result<IndexedPack, ToolError>, expected: &str) {
    let error = result.expect_err(expected);
    assert!(error.is_refusal(), "{error}");
    let text = error.to_string();
    assert!(text.contains(expected), "{expected}: {text}");
    assert!(!text.contains("quaran") && !text.contains("/tmp"), "no local paths: {text}");
}

#[tokio::test]
async fn good_packs_pass() {
    for git in gits() {
        let bench = Bench::new(&git).await;
        let readme = bench.blob("# Model\nnew\n");
        let (commit, pack) = bench.commit_of(&[("100644", "README.md", readme)]);
        let indexed = bench.index(&pack).await.unwrap();
        assert_eq!(indexed.n_objects, 3);
        assert_eq!(indexed.pack_bytes, pack.len() as u64);
        assert_eq!(indexed.checksum.as_bytes(), &pack[pack.len() - 20..]);
        assert_eq!(std::fs::read(&indexed.pack_path).unwrap(), pack);
        assert!(std::fs::read(&indexed.idx_path).unwrap().starts_with(b"\xfftOc"));
        bench.connected(&[commit]).await.unwrap();
        let names = std::fs::read_dir(bench.objects().join("pack")).unwrap().count();
        assert_eq!(names, 2, "nothing but pack and index");
        // A pack is no more than its bytes: what follows them is not looked at.
        let long = [pack.as_slice(), &[0; 200_000]].concat();
        assert_eq!(bench.index(&long).await.unwrap(), indexed);
    }
}

#[tokio::test]
async fn thin_packs_are_completed_and_empty_ones_accepted() {
    for git in gits() {
        let bench = Bench::new(&git).await;
        let old = std::fs::read_to_string(bench.work.join("big.txt")).unwrap();
        let tip = bench.fixture.commit(&bench.work, "big.txt", &format!("{old}more\n"));
        let args = ["pack-objects", "--thin", "--revs", "--stdout", "-q"];
        let range = format!("{tip}\n^{tip}~1\n");
        let pack = bench.fixture.bytes(&bench.work, &args, range.as_bytes());
        let indexed = bench.index(&pack).await.unwrap();
        assert!(indexed.n_objects > 3 && indexed.pack_bytes > pack.len() as u64, "{indexed:?}");
        bench.connected(&[tip]).await.unwrap();

        let empty = bench.fixture.pack_of(&bench.work, &[]);
        assert_eq!(bench.index(&empty).await.unwrap().n_objects, 0);
        let known = bench.fixture.oid(&bench.work, &["rev-parse", "HEAD~2"], b"");
        bench.connected(&[known]).await.unwrap();
        bench.connected(&[]).await.unwrap();
    }
}

#[tokio::test]
async fn trees_that_harm_a_checkout_are_refused() {
    for git in gits() {
        let bench = Bench::new(&git).await;
        let blob = bench.blob("content");
        let tree = bench.fixture.write_object(&bench.work, "tree", b"");
        let cases: [(&[Entry<'_>], &str); 9] = [
            (&[("100644", ".git", blob)], "hasDotgit"),
            (&[("40000", ".GiT", tree)], "hasDotgit"),
            (&[("40000", "git~1", tree)], "hasDotgit"),
            (&[("40000", "..", tree)], "hasDotdot"),
            (&[("40000", ".", tree)], "hasDot"),
            (&[("100644", "../x", blob)], "fullPathname"),
            (&[("100644", "a", blob), ("100755", "a", blob)], "duplicateEntries"),
            (&[("100644", "b", blob), ("100644", "a", blob)], "treeNotSorted"),
            (&[("100645", "a", blob)], "badFilemode"),
        ];
        for (entries, expected) in cases {
            // Git before 2.38 took every mode for one it knows, as checkouts do.
            if expected == "badFilemode" && git.version() < since(2, 38) {
                continue;
            }
            let (_, pack) = bench.commit_of(entries);
            refused(bench.index(&pack).await, expected);
        }
        let null = b"100644 a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let null = bench.fixture.write_object(&bench.work, "tree", null);
        refused(bench.index(&bench.fixture.pack_of(&bench.work, &[null])).await, "nullSha1");
    }
}

#[tokio::test]
async fn submodules_that_run_commands_are_refused() {
    for git in gits() {
        let bench = Bench::new(&git).await;
        let cases = [
            ("[submodule \"a\"]\n\tpath = a\n\turl = -u./x\n", "gitmodulesUrl"),
            ("[submodule \"a/../../b\"]\n\tpath = a\n\turl = https://x/y\n", "gitmodulesName"),
            ("[submodule \"a\"]\n\tpath = -x\n\turl = https://x/y\n", "gitmodulesPath"),
            (
                "[submodule \"a\"]\n\tpath = a\n\turl = https://x/y\n\tupdate = !rm\n",
                "gitmodulesUpdate",
            ),
        ];
        for (content, expected) in cases {
            let blob = bench.blob(content);
            let (_, pack) = bench.commit_of(&[("100644", ".gitmodules", blob)]);
            refused(bench.index(&pack).await, expected);
        }
        let link = bench.blob("elsewhere");
        let (_, pack) = bench.commit_of(&[("120000", ".gitmodules", link)]);
        refused(bench.index(&pack).await, "gitmodulesSymlink");
    }
}

#[tokio::test]
async fn old_faults_are_let_pass() {
    for git in gits() {
        let bench = Bench::new(&git).await;
        let tree = bench.fixture.write_object(&bench.work, "tree", b"");
        let (padded, pack) = bench.commit_of(&[("040000", "dir", tree)]);
        bench.index(&pack).await.unwrap();
        bench.connected(&[padded]).await.unwrap();
        for ident in ["A <a@b> 1 +051800", "A <a@b>1 +0000"] {
            let content = format!("tree {tree}\nauthor {ident}\ncommitter {ident}\n\nx\n");
            let commit = bench.fixture.write_object(&bench.work, "commit", content.as_bytes());
            let pack = bench.fixture.pack_of(&bench.work, &[commit, tree]);
            bench.index(&pack).await.unwrap();
        }
    }
}

#[tokio::test]
async fn incomplete_and_broken_packs_are_refused() {
    for git in gits() {
        let bench = Bench::new(&git).await;
        let blob = bench.blob("not sent");
        let mut tree = b"100644 a\0".to_vec();
        tree.extend_from_slice(blob.as_bytes());
        let tree = bench.fixture.write_object(&bench.work, "tree", &tree);
        let lonely = bench.fixture.pack_of(&bench.work, &[tree]);
        refused(bench.index(&lonely).await, &blob.to_string());

        let (_, pack) = bench.commit_of(&[("100644", "README.md", blob)]);
        refused(bench.index(&pack[..pack.len() - 30]).await, "early EOF");
        refused(bench.index(b"PACK").await, "early EOF");
        refused(bench.index(b"<html>no pack at all, but long enough</html>").await, "signature");
        let mut flipped = pack.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x40;
        assert!(bench.index(&flipped).await.unwrap_err().is_refusal());

        let objects = bench.objects();
        let quarantine = Quarantine { objects: &objects, git_dir: &bench.cache };
        let result = git.index_pack(quarantine, pack.as_slice(), 20, IDLE).await;
        assert!(matches!(result, Err(ToolError::PackTooLarge { limit: 20 })), "{result:?}");
    }
}

#[tokio::test]
async fn what_is_not_connected_is_refused() {
    for git in gits() {
        let bench = Bench::new(&git).await;
        let blob = bench.blob("never sent");
        let mut tree = b"100644 a\0".to_vec();
        tree.extend_from_slice(blob.as_bytes());
        let tree = bench.fixture.write_object(&bench.work, "tree", &tree).to_string();
        let commit = bench.fixture.oid(&bench.work, &["commit-tree", "-m", "x", &tree], b"");
        // Nothing of it is there.
        let error = bench.connected(&[commit]).await.unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains(&commit.to_string()), "{error}");

        // The child is complete, but its parent lacks a blob: only the walk along the history finds that.
        let parent = commit.to_string();
        let empty = bench.fixture.write_object(&bench.work, "tree", b"");
        let args = ["commit-tree", "-m", "y", "-p", &parent, &empty.to_string()];
        let child = bench.fixture.oid(&bench.work, &args, b"");
        let pack = bench.fixture.pack_of(&bench.work, &[child, empty]);
        refused(bench.index(&pack).await, &parent);
        let error = bench.connected(&[child]).await.unwrap_err();
        assert!(error.is_refusal(), "{error}");

        // An object that lies in the cache but that no ref reaches any more may lack what it refers to.
        let head = bench.fixture.oid(&bench.work, &["rev-parse", "HEAD"], b"");
        cache_dir::write_packed_refs(&bench.cache, &[], "refs/heads/main").unwrap();
        bench.connected(&[head]).await.unwrap();
    }
}

#[tokio::test]
async fn slow_and_aborted_uploads_end() {
    for git in gits() {
        let bench = Bench::new(&git).await;
        let objects = bench.objects();
        let quarantine = Quarantine { objects: &objects, git_dir: &bench.cache };
        let (_open, never) = tokio::io::duplex(64);
        let result = git.index_pack(quarantine, never, 100, Duration::from_millis(100)).await;
        assert!(matches!(result, Err(ToolError::Timeout { .. })), "{result:?}");

        let missing = Quarantine { objects: &objects, git_dir: Path::new("/nonexistent") };
        let error = git.index_pack(missing, b"".as_slice(), 100, IDLE).await.unwrap_err();
        assert!(!error.is_refusal(), "{error}");
    }
}

#[tokio::test]
async fn a_git_out_of_memory_is_not_the_clients_fault() {
    for git in gits() {
        let bench = Bench::new(&git).await;
        let limits = ToolLimits { memory_bytes_max: 6 << 20, ..ToolLimits::default() };
        let noise: String = (0_u64..700_000).map(|n| format!("{:x}", n * n * 0x9e37)).collect();
        let (_, pack) = bench.commit_of(&[("100644", "a", bench.blob(&noise))]);
        let small = Bench { git: git.clone().with_limits(limits), ..bench };
        let objects = small.objects();
        let quarantine = Quarantine { objects: &objects, git_dir: &small.cache };
        let result = small.git.index_pack(quarantine, pack.as_slice(), 1 << 30, IDLE).await;
        assert!(matches!(result, Err(ToolError::Exit { .. })), "{result:?}");
    }
}
