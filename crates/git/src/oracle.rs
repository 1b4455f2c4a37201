//! The real git, for tests: a throw-away repository whose answers ours must equal.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use steelyard_core::{Oid, RepoPath, Timestamp};

use crate::commit::{Commit, Signature};
use crate::edit::{TreeOp, apply_ops};
use crate::object::ObjectKind;
use crate::pack::{BuiltPack, PackBuilder};
use crate::store::{ObjectSource, PackSet};
use crate::tree::EntryMode;

/// A temporary repository with a working tree.
pub(crate) struct Oracle {
    dir: tempfile::TempDir,
}

impl Oracle {
    pub(crate) fn new() -> Self {
        let oracle = Self { dir: tempfile::tempdir().unwrap() };
        oracle.git(&["init", "-q", "-b", "main"], b"");
        oracle
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs git, which must succeed; says what it printed.
    pub(crate) fn git(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let (success, out) = self.try_git(args, input);
        assert!(success, "git {args:?}: {}", String::from_utf8_lossy(&out));
        out
    }

    /// Runs git; says whether it succeeded and what it printed.
    pub(crate) fn try_git(&self, args: &[&str], input: &[u8]) -> (bool, Vec<u8>) {
        let mut child = Command::new("git")
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // Git may stop reading early; then its exit status tells.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let mut printed = output.stdout;
        if !output.status.success() {
            printed.extend_from_slice(&output.stderr);
        }
        (output.status.success(), printed)
    }

    /// Runs git; says what it printed as trimmed text.
    pub(crate) fn text(&self, args: &[&str]) -> String {
        String::from_utf8(self.git(args, b"")).unwrap().trim().to_owned()
    }

    /// Where a pack of that trailer is kept.
    pub(crate) fn pack_path(&self, trailer: &Oid) -> PathBuf {
        self.path().join(format!(".git/objects/pack/pack-{trailer}.pack"))
    }

    /// Writes a self-contained pack and our idx of it into the repository.
    pub(crate) fn install(&self, pack: &BuiltPack) {
        let path = self.pack_path(&pack.trailer);
        std::fs::write(&path, &pack.bytes).unwrap();
        std::fs::write(path.with_extension("idx"), pack.toc.to_idx_v2(&pack.trailer)).unwrap();
    }

    /// Lets git index a pack, which may lack bases, with its strictest checks.
    pub(crate) fn index_pack(&self, pack: &BuiltPack) {
        self.git(&["index-pack", "--stdin", "--strict", "--fix-thin"], &pack.bytes);
    }
}

/// A repository made by this crate: its packs, in order.
#[derive(Default)]
pub(crate) struct Repo {
    pub(crate) set: PackSet,
    pub(crate) packs: Vec<BuiltPack>,
}

impl Repo {
    pub(crate) fn push(&mut self, pack: BuiltPack) {
        self.set = self.set.with_pack(Arc::new(pack.clone().into_pack()));
        self.packs.push(pack);
    }

    /// Commits operations as one pack; says the id of the commit.
    pub(crate) fn commit(&mut self, parents: &[Oid], ops: &[TreeOp], seconds: i64) -> Oid {
        let base = parents.first().map(|parent| self.tree_of(parent));
        let mut builder = PackBuilder::new();
        for content in 0..4u8 {
            builder.add(ObjectKind::Blob, &blob(content)).unwrap();
        }
        let tree = apply_ops(&self.set, base, ops, &mut builder).unwrap();
        self.finish_commit(builder, tree, parents, seconds)
    }

    pub(crate) fn finish_commit(
        &mut self,
        mut builder: PackBuilder,
        tree: Oid,
        parents: &[Oid],
        seconds: i64,
    ) -> Oid {
        let author = Signature::new("A U Thor", "a@example.org", Timestamp::from_secs(seconds));
        let commit = Commit {
            tree,
            parents: parents.to_vec(),
            committer: author.clone(),
            author,
            extra: vec![],
            message: Bytes::from_static(b"message\n"),
        };
        let oid = builder.add(ObjectKind::Commit, &commit.encode()).unwrap();
        self.push(builder.finish().unwrap());
        oid
    }

    pub(crate) fn tree_of(&self, commit: &Oid) -> Oid {
        let object = self.set.read(commit).unwrap().unwrap();
        Commit::parse(&object.data).unwrap().tree
    }

    /// All packs in one that needs no other.
    pub(crate) fn concat(&self) -> BuiltPack {
        let data: Vec<_> = self
            .packs
            .iter()
            .map(|pack| crate::pack::PackData::new(pack.bytes.clone()).unwrap())
            .collect();
        let inputs: Vec<_> = data.iter().zip(self.packs.iter().map(|pack| &pack.toc)).collect();
        crate::pack::concat(&inputs, &self.set).unwrap()
    }
}

/// One of a few contents.
pub(crate) fn blob(content: u8) -> Vec<u8> {
    format!("content {content}\n").repeat(3).into_bytes()
}

/// The id of one of a few contents.
pub(crate) fn blob_oid(content: u8) -> Oid {
    crate::object::hash_object(ObjectKind::Blob, &blob(content)).unwrap()
}

/// Makes a file with one of a few contents.
pub(crate) fn put(path: &str, content: u8) -> TreeOp {
    TreeOp::Put {
        path: RepoPath::parse(path).unwrap(),
        mode: EntryMode::File,
        oid: blob_oid(content),
    }
}

/// A path of few names, chosen by a number, so that paths often meet.
pub(crate) fn path(number: usize) -> String {
    const NAMES: [&str; 6] = ["a", "a.b", "a-b", "a0", "b", "ab"];
    let mut rest = number;
    let mut parts = Vec::new();
    for _ in 0..=rest % 3 {
        rest /= 3;
        parts.push(NAMES[rest % NAMES.len()]);
        rest /= NAMES.len();
    }
    parts.join("/")
}
