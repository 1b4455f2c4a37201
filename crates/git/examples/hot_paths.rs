//! Measures the hot paths: `cargo run --release -p steelyard-git --example hot_paths`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use steelyard_core::{Oid, RepoPath, Timestamp};
use steelyard_git::attributes::Attributes;
use steelyard_git::read::{ListOptions, list_tree, lookup_path};
use steelyard_git::walk::{last_commits, log, reachable};
use steelyard_git::{
    CachedSource, Commit, EntryMode, ObjectCache, ObjectKind, ObjectSource, PackBuilder, PackData,
    PackSet, Signature, TreeOp, apply_ops,
};

type Failure = Box<dyn std::error::Error>;

/// Runs `work` repeatedly and prints the median.
#[expect(clippy::print_stdout, reason = "printing is what this example does")]
fn measure(
    name: &str,
    rounds: usize,
    mut work: impl FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!("{name:55} {:>12.1?} (min {:.1?})", times[rounds / 2], times[0]);
    Ok(())
}

fn put(path: &str, oid: Oid) -> Result<TreeOp, Failure> {
    Ok(TreeOp::Put { path: RepoPath::parse(path)?, mode: EntryMode::File, oid })
}

/// A repository in memory.
struct Repo {
    packs: PackSet,
    cache: ObjectCache,
    head: Oid,
    tree: Oid,
    seconds: i64,
}

impl Repo {
    fn source(&self) -> CachedSource {
        CachedSource::new(self.packs.clone(), self.cache.clone(), 1)
    }

    /// One commit as one pack; what the server does for each request.
    fn build(
        &self,
        blobs: &[Bytes],
        ops: &[TreeOp],
    ) -> Result<(steelyard_git::BuiltPack, Oid, Oid), Failure> {
        let mut builder = PackBuilder::new();
        for blob in blobs {
            builder.add(ObjectKind::Blob, blob)?;
        }
        let base = (!self.head.is_zero()).then_some(self.tree);
        let tree = apply_ops(&self.source(), base, ops, &mut builder)?;
        let author = Signature::new("A", "a@b", Timestamp::from_secs(self.seconds));
        let parents = if self.head.is_zero() { vec![] } else { vec![self.head] };
        let message = Bytes::from_static(b"Upload");
        let commit =
            Commit { tree, parents, committer: author.clone(), author, extra: vec![], message };
        let head = builder.add(ObjectKind::Commit, &commit.encode())?;
        Ok((builder.finish()?, head, tree))
    }

    fn commit(&mut self, blobs: &[Bytes], ops: &[TreeOp]) -> Result<(), Failure> {
        let (pack, head, tree) = self.build(blobs, ops)?;
        self.packs = self.packs.with_pack(Arc::new(pack.into_pack()));
        (self.head, self.tree, self.seconds) = (head, tree, self.seconds + 1);
        Ok(())
    }

    fn new(paths: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut repo = Self {
            packs: PackSet::empty(),
            cache: ObjectCache::new(256 << 20),
            head: Oid::ZERO,
            tree: Oid::ZERO,
            seconds: 1,
        };
        let blob = text(0);
        let oid = steelyard_git::hash_object(ObjectKind::Blob, &blob)?;
        let ops: Vec<_> = paths.map(|path| put(&path, oid)).collect::<Result<_, _>>()?;
        repo.commit(&[blob], &ops)?;
        Ok(repo)
    }
}

/// About two kilobytes of text.
fn text(seed: usize) -> Bytes {
    let words = (0..300).map(|n| format!("{:x} ", (n + 1) * (seed + 7919) % 100_003));
    words.collect::<String>().into()
}

fn commits_and_walks() -> Result<(), Failure> {
    let mut repo = Repo::new((0..1000).map(|n| format!("d{}/f{n}", n / 50)))?;
    for step in 0..1000usize {
        let blob = text(step + 1);
        let oid = steelyard_git::hash_object(ObjectKind::Blob, &blob)?;
        repo.commit(
            &[blob],
            &[put(&format!("d{}/f{}", step % 20, (step % 20) * 50 + step % 50), oid)?],
        )?;
    }
    let blob = text(5000);
    let oid = steelyard_git::hash_object(ObjectKind::Blob, &blob)?;
    let ops = [put("d7/f360", oid)?, put("d7/new", oid)?];
    measure("commit of one 2 KiB file, 1k files, 50 per folder", 1000, || {
        black_box(repo.build(std::slice::from_ref(&blob), &ops)?);
        Ok(())
    })?;
    let source = repo.source();
    measure("path to blob content, cached trees, 1001 packs", 1000, || {
        let entry = lookup_path(&source, &repo.tree, "d3/f160")?.ok_or("missing")?;
        black_box(source.read(&entry.oid)?);
        Ok(())
    })?;
    measure("read tree at depth <= 20 without cache", 1000, || {
        black_box(repo.packs.find_tree(&repo.tree)?);
        Ok(())
    })?;
    measure("recursive listing of 1,000 files", 100, || {
        let options = ListOptions { recursive: true, limit: 2000, ..Default::default() };
        black_box(list_tree(&source, &repo.tree, options)?);
        Ok(())
    })?;
    measure("log, first page of 50", 100, || {
        black_box(log(&source, &repo.head, None, 0, 50)?);
        Ok(())
    })?;
    let names: Vec<String> = (0..50).map(|n| format!("f{}", 150 + n)).collect();
    let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
    measure("last commits of a folder of 50 over 1,000 commits", 20, || {
        black_box(last_commits(&source, &repo.head, "d3", &names, 10_000)?);
        Ok(())
    })?;
    measure("everything reachable, 1,000 commits", 5, || {
        black_box(reachable(&source, &[repo.head], &|_| false, &mut |_| Ok(()))?);
        Ok(())
    })?;
    measure("concatenation of 1,001 packs", 10, || {
        let packs: Vec<_> = repo.packs.packs().collect();
        let inputs: Vec<(&PackData, _)> =
            packs.iter().map(|pack| (pack.data(), pack.toc())).collect();
        black_box(steelyard_git::pack::concat(&inputs, &repo.packs)?);
        Ok(())
    })
}

fn large_folders() -> Result<(), Failure> {
    let mut flat = Repo::new((0..100_000).map(|n| format!("train-{n:06}.parquet")))?;
    let blob = text(1);
    let oid = steelyard_git::hash_object(ObjectKind::Blob, &blob)?;
    let ops = [put("train-050000.parquet", oid)?];
    flat.source().find_tree(&flat.tree)?;
    measure("commit of one file into 100,000 in one folder", 20, || {
        black_box(flat.build(std::slice::from_ref(&blob), &ops)?);
        Ok(())
    })?;
    for step in 0..20usize {
        flat.commit(std::slice::from_ref(&blob), &[put(&format!("new-{step}"), oid)?])?;
    }
    measure("the same, when the chain of deltas is full", 5, || {
        black_box(flat.build(std::slice::from_ref(&blob), &ops)?);
        Ok(())
    })?;
    measure("first page of 1,000 of that folder", 50, || {
        let options = ListOptions { limit: 1000, after: Some(b"train-05"), ..Default::default() };
        black_box(list_tree(&flat.source(), &flat.tree, options)?);
        Ok(())
    })?;
    measure("reading and parsing that folder without cache", 5, || {
        black_box(flat.packs.find_tree(&flat.tree)?);
        Ok(())
    })?;
    let empty = Repo::new(std::iter::empty())?;
    let many = (0..25_000).map(|n| put(&format!("d{}/e{}/f{n}", n % 7, n % 113), oid));
    let many: Vec<_> = many.collect::<Result<_, _>>()?;
    measure("25,000 operations in 791 folders", 5, || {
        black_box(empty.build(&[], &many)?);
        Ok(())
    })?;
    let rules = "*.bin filter=lfs\n*.safetensors filter=lfs\nsaved_model/**/* filter=lfs\n*tfevents* filter=lfs\n";
    let attributes = Attributes::parse(rules.repeat(10).as_bytes());
    measure("attributes of one path against 40 rules", 1000, || {
        black_box(attributes.is_lfs("checkpoints/step-1000/config.json"));
        Ok(())
    })
}

fn main() -> Result<(), Failure> {
    commits_and_walks()?;
    large_folders()
}
