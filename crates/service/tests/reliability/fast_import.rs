//! Sequences of commits through the hub give the trees that `git fast-import` gives for the same operations.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use proptest::prelude::*;
use steelyard_core::RepoId;
use steelyard_service::commits::Operation;
use steelyard_service::lfs::Pointer;

use crate::world::{MODEL, World, path, put, put_large, random, request};

/// What a step does, before it is known whether it is possible.
#[derive(Debug, Clone)]
enum Step {
    Put(usize, u8),
    /// Content too large for a row of the database.
    PutLarge(usize, u8),
    PutPointer(usize),
    DeleteFile(usize),
    DeleteFolder(usize),
}

/// Few paths, so that they meet: files where folders were, names that sort around `/`, names in other scripts.
const PATHS: &[&str] = &[
    "a",
    "a/b",
    "a/b/c",
    "a/b/d",
    "a.txt",
    "a-b",
    "a0",
    "b/c",
    "b/c/d/e",
    "ünï/中",
    "ünï",
    ".gitattributes",
    "README.md",
    "z z/q",
];

fn step() -> impl Strategy<Value = Step> {
    let at = 0..PATHS.len();
    prop_oneof![
        6 => (at.clone(), any::<u8>()).prop_map(|(at, content)| Step::Put(at, content % 5)),
        1 => (at.clone(), any::<u8>()).prop_map(|(at, content)| Step::PutLarge(at, content % 3)),
        1 => at.clone().prop_map(Step::PutPointer),
        2 => at.clone().prop_map(Step::DeleteFile),
        2 => at.prop_map(Step::DeleteFolder),
    ]
}

fn commits() -> impl Strategy<Value = Vec<Vec<Step>>> {
    prop::collection::vec(prop::collection::vec(step(), 1..8), 1..7)
}

/// A working tree, as simple as can be.
#[derive(Debug, Clone, Default)]
struct Model(BTreeMap<String, Bytes>);

impl Model {
    fn put(&mut self, at: &str, content: Bytes) {
        self.delete_folder(at);
        for (end, _) in at.match_indices('/') {
            self.0.remove(&at[..end]);
        }
        self.0.insert(at.to_owned(), content);
    }

    fn delete_folder(&mut self, at: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|file, _| !file.strip_prefix(at).is_some_and(|rest| rest.starts_with('/')));
        self.0.len() < before
    }

    /// Applies a step, if it is possible.
    fn apply(&mut self, step: &Step, pointer: Pointer) -> Option<Operation> {
        match step {
            Step::Put(at, content) => {
                let content =
                    Bytes::from(format!("content {content}\n").repeat(usize::from(*content)));
                self.put(PATHS[*at], content.clone());
                Some(put(PATHS[*at], content))
            }
            Step::PutLarge(at, content) => {
                let content = random(u64::from(*content), 70_000);
                self.put(PATHS[*at], content.clone());
                Some(put(PATHS[*at], content))
            }
            Step::PutPointer(at) => {
                self.put(PATHS[*at], pointer_text(pointer));
                Some(put_large(PATHS[*at], pointer))
            }
            Step::DeleteFile(at) => {
                self.0.remove(PATHS[*at]).map(|_| Operation::DeleteFile(path(PATHS[*at])))
            }
            Step::DeleteFolder(at) => {
                self.delete_folder(PATHS[*at]).then(|| Operation::DeleteFolder(path(PATHS[*at])))
            }
        }
    }
}

fn pointer_text(pointer: Pointer) -> Bytes {
    let Pointer { sha256, size } = pointer;
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n").into()
}

/// One commit in the language of `git fast-import`, as the operations say it.
fn fast_import(stream: &mut Vec<u8>, operations: &[Operation], pointer: Pointer) {
    stream.extend_from_slice(b"commit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata 1\nm\n");
    for operation in operations {
        let at = operation.path();
        let content = match operation {
            Operation::File { content, .. } => content.clone(),
            Operation::LfsFile { .. } => pointer_text(pointer),
            Operation::DeleteFile(_) | Operation::DeleteFolder(_) => {
                writeln!(stream, "D \"{at}\"").unwrap();
                continue;
            }
        };
        writeln!(stream, "M 100644 inline \"{at}\"\ndata {}", content.len()).unwrap();
        stream.extend_from_slice(&content);
        stream.push(b'\n');
    }
    stream.push(b'\n');
}

/// The trees of the commits of a stream, oldest first.
fn trees_of(dir: &Path, stream: &[u8]) -> Vec<String> {
    let git = |args: &[&str], input: &[u8]| {
        let mut command = Command::new("git");
        command
            .args(args)
            .current_dir(dir)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "-q", "--bare", "."], b"");
    git(&["fast-import", "--quiet", "--force"], stream);
    git(&["log", "--reverse", "--format=%T", "main"], b"").lines().map(str::to_owned).collect()
}

async fn check(world: &World, repo: &RepoId, commits: Vec<Vec<Step>>) -> Result<(), TestCaseError> {
    let pointer = world.upload(repo, &random(9, 4000)).await.unwrap();
    let mut model = Model::default();
    let attributes = world.file(repo, "main", ".gitattributes").await.unwrap();
    model.put(".gitattributes", attributes.clone());
    let mut stream = Vec::new();
    fast_import(&mut stream, &[put(".gitattributes", attributes)], pointer);
    let mut trees = Vec::new();
    let other = world.second_hub().await;
    for (n, steps) in commits.iter().enumerate() {
        let operations: Vec<_> =
            steps.iter().filter_map(|step| model.apply(step, pointer)).collect();
        fast_import(&mut stream, &operations, pointer);
        // Two replicas take turns, so that each builds on what it has to load.
        let hub = if n % 2 == 0 { &world.hub } else { &other };
        hub.commit(&world.alice, MODEL, repo, "main", request(operations)).await.unwrap();
        trees.push(world.snapshot(repo, "main").await.unwrap().tree.to_string());
    }
    let dir = tempfile::tempdir().unwrap();
    prop_assert_eq!(&trees_of(dir.path(), &stream)[1..], &trees);
    let snapshot = world.snapshot(repo, "main").await.unwrap();
    let listed: Vec<_> = snapshot
        .list_files(1000)
        .unwrap()
        .iter()
        .map(|file| file.path_text().into_owned())
        .collect();
    let expected: Vec<_> = model.0.keys().cloned().collect();
    prop_assert_eq!(listed, expected);
    for (at, content) in &model.0 {
        let entry = snapshot.get_file(at).unwrap();
        prop_assert_eq!(&snapshot.blob(entry.oid).unwrap(), content);
    }
    Ok(())
}

#[test]
fn commits_give_the_trees_of_git_fast_import() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = runtime.block_on(World::embedded());
    let count = std::sync::atomic::AtomicU64::new(0);
    let config =
        ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(commits in commits())| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        runtime.block_on(async {
            let repo = world.repo(&format!("import-{n}")).await;
            check(&world, &repo, commits).await
        })?;
    });
    runtime.block_on(crate::invariants::check(&world.db, &world.blobs, 0));
}
