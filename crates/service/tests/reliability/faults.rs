//! Every call of a store fails once, before or after its effect: each use case says so clearly, leaves nothing half
//! done, and succeeds when it is tried again.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use steelyard_core::fault::Moment;
use steelyard_core::{Oid, RepoId, Revision, Sha256, Visibility};
use steelyard_git::protocol::receive::{PushCapabilities, ReceiveRequest, RefCommand};
use steelyard_git::{Commit, EntryMode, ObjectKind, PackBuilder, Signature, Tree, TreeEntry};
use steelyard_service::commits::{CommitRequest, Operation};
use steelyard_service::repos::{DuplicateRepo, UpdateSettings};
use steelyard_service::{Error, Hub};

use crate::invariants;
use crate::world::{
    MODEL, World, create, id, on_both_stores, path, put, put_large, random, request,
};

/// More calls than any use case makes: beyond it, the loop itself is broken.
const CALLS_MAX: u64 = 400;

on_both_stores!(
    creating_a_repository,
    committing_small_files,
    committing_large_packs,
    committing_with_a_parent,
    committing_large_files,
    opening_a_pull_request,
    uploading_a_large_file,
    uploading_in_parts,
    creating_and_deleting_branches,
    creating_and_deleting_tags,
    squashing,
    duplicating,
    moving,
    deleting_a_repository,
    changing_settings,
    pushing,
    reading,
);
on_both_stores!(slow: compacting, sweeping);

/// What somebody wants of the hub, once per fault.
trait Wish {
    /// Makes what the wish needs, under names that contain `tag`; nothing fails meanwhile.
    async fn prepare(&mut self, world: &World, tag: &str);
    /// The calls under test.
    async fn attempt(&mut self, world: &World) -> Result<(), Error>;
    /// Looks at the result of an attempt that succeeded, or that failed after its effect.
    async fn granted(&mut self, world: &World);
    /// True for an answer that says that the wish was granted by an earlier attempt, whose answer was lost.
    fn is_done(&self, _error: &Error) -> bool {
        false
    }
}

async fn survives(world: World, mut wish: impl Wish) {
    let checked = AtomicI64::new(0);
    // Until a round is over its repositories are looked at again and again.
    let look = async || invariants::check(&world.db, &world.blobs, checked.load(SeqCst)).await;
    for moment in [Moment::Before, Moment::After] {
        let mut n = 0;
        loop {
            n += 1;
            assert!(n < CALLS_MAX, "an attempt without faults still fails");
            wish.prepare(
                &world,
                &format!("{}{n}", if moment == Moment::Before { "b" } else { "a" }),
            )
            .await;
            world.db.faults().arm(n, moment);
            let result = wish.attempt(&world).await;
            let fired = world.db.faults().disarm();
            match &result {
                // It did not matter, or it was overcome.
                Ok(()) => {}
                Err(Error::Unavailable(_)) if fired => {}
                Err(error) if fired && moment == Moment::After && wish.is_done(error) => {}
                Err(error) => panic!("call {n} {moment:?}: not a clear answer: {error:?}"),
            }
            look().await;
            if let Err(error) = &result {
                match wish.attempt(&world).await {
                    Ok(()) => {}
                    Err(again) if wish.is_done(&again) => {}
                    Err(again) => panic!("retry after call {n} {moment:?} ({error:?}): {again:?}"),
                }
                look().await;
            }
            wish.granted(&world).await;
            checked.store(look().await, SeqCst);
            if !fired {
                assert!(result.is_ok(), "failed without a fault: {result:?}");
                break;
            }
        }
        assert!(n > 1, "no call was failed");
    }
    invariants::check(&world.db, &world.blobs, 0).await;
}

#[derive(Default)]
struct Create(String);

impl Wish for Create {
    async fn prepare(&mut self, _: &World, tag: &str) {
        self.0 = format!("create-{tag}");
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        world.hub.create_repo(&world.alice, &create(&self.0)).await.map(drop)
    }
    async fn granted(&mut self, world: &World) {
        assert!(world.file(&id("alice", &self.0), "main", ".gitattributes").await.is_some());
    }
    fn is_done(&self, error: &Error) -> bool {
        matches!(error, Error::Conflict { existing: Some(_), .. })
    }
}

async fn creating_a_repository(world: World) {
    survives(world, Create::default()).await;
}

/// A commit of operations that are made anew for each round.
struct Committing {
    repo: RepoId,
    operations: fn(&str) -> Vec<Operation>,
    with_parent: bool,
    request: CommitRequest,
}

impl Committing {
    fn new(operations: fn(&str) -> Vec<Operation>, with_parent: bool) -> Self {
        Self { repo: id("alice", "none"), operations, with_parent, request: request(Vec::new()) }
    }
}

impl Wish for Committing {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.repo = world.repo(&format!("commit-{tag}")).await;
        let before =
            vec![put("kept.txt", "kept"), put("gone.txt", "gone"), put("folder/a.txt", "a")];
        // In every second round the hub under test has nothing of the repository in memory.
        let hub = if tag.ends_with(['0', '2', '4', '6', '8']) {
            world.second_hub().await
        } else {
            world.hub.clone()
        };
        let made =
            hub.commit(&world.alice, MODEL, &self.repo, "main", request(before)).await.unwrap();
        self.request = request((self.operations)(tag));
        self.request.parent = self.with_parent.then(|| made.oid.to_string());
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        world
            .hub
            .commit(&world.alice, MODEL, &self.repo, "main", self.request.clone())
            .await
            .map(drop)
    }
    async fn granted(&mut self, world: &World) {
        for operation in &self.request.operations {
            let found = world.file(&self.repo, "main", operation.path().as_str()).await;
            match operation {
                Operation::File { content, .. } => assert_eq!(found.as_ref(), Some(content)),
                _ => assert!(found.is_none()),
            }
        }
        assert_eq!(world.file(&self.repo, "main", "kept.txt").await.unwrap(), "kept");
        let history = world.snapshot(&self.repo, "main").await.unwrap();
        assert_eq!(history.count_commits(10).unwrap(), 3, "the commit was made once");
    }
    fn is_done(&self, error: &Error) -> bool {
        // The deletions of a commit whose answer was lost find nothing to delete; a parent is not the head any more.
        match error {
            Error::Stale => self.with_parent,
            Error::NotFound(_) => {
                self.request.operations.iter().any(|op| matches!(op, Operation::DeleteFile(_)))
            }
            _ => false,
        }
    }
}

async fn committing_small_files(world: World) {
    let operations =
        |tag: &str| vec![put("kept-2.txt", tag.to_owned()), put("folder/README.md", "# Hello\n")];
    survives(world, Committing::new(operations, false)).await;
}

async fn committing_large_packs(world: World) {
    // Too large for a row of the database, and a deletion on top.
    let operations = |tag: &str| {
        let seed = tag.bytes().map(u64::from).sum();
        vec![put("large.bin", random(seed, 150_000)), Operation::DeleteFile(path("gone.txt"))]
    };
    survives(world, Committing::new(operations, false)).await;
}

async fn committing_with_a_parent(world: World) {
    let operations =
        |tag: &str| vec![put("README.md", format!("---\nlicense: mit\n---\n# {tag}\n"))];
    survives(world, Committing::new(operations, true)).await;
}

/// Uploads a large file and commits it.
struct LargeFile {
    bytes: usize,
    commit: bool,
    data: Bytes,
    repo: RepoId,
}

impl LargeFile {
    fn new(bytes: usize, commit: bool) -> Self {
        Self { bytes, commit, data: Bytes::new(), repo: id("alice", "none") }
    }
}

impl Wish for LargeFile {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.repo = world.repo(&format!("large-{tag}")).await;
        let seed =
            tag.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        self.data = random(seed, self.bytes);
        if self.commit {
            world.upload(&self.repo, &self.data).await.unwrap();
        }
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        if !self.commit {
            return world.upload(&self.repo, &self.data).await.map(drop);
        }
        let operations = vec![put_large("weights.bin", crate::world::pointer_of(&self.data))];
        world
            .hub
            .commit(&world.alice, MODEL, &self.repo, "main", request(operations))
            .await
            .map(drop)
    }
    async fn granted(&mut self, world: &World) {
        let pointer = crate::world::pointer_of(&self.data);
        let link = world
            .hub
            .signed_download(world.repo_key(&self.repo).await, pointer.sha256)
            .await
            .unwrap();
        assert_eq!(link.size_bytes, pointer.size);
        assert_eq!(link.filename.as_deref(), self.commit.then_some("weights.bin"));
        let key = steelyard_blob::Key::lfs(&pointer.sha256);
        assert!(world.blobs.get(&key).await.unwrap().unwrap() == self.data);
    }
}

async fn committing_large_files(world: World) {
    survives(world, LargeFile::new(50_000, true)).await;
}

async fn uploading_a_large_file(world: World) {
    survives(world, LargeFile::new(700_000, false)).await;
}

async fn uploading_in_parts(world: World) {
    // Three parts on a directory, two on S3.
    let bytes = if world.db.is_postgres() { 5_500_000 } else { 900_000 };
    survives(world, LargeFile::new(bytes, false)).await;
}

struct OpenPullRequest(RepoId);

impl Wish for OpenPullRequest {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.0 = world.repo(&format!("pr-{tag}")).await;
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        let result = "- {dataset: {id: a/b, task_id: c}, value: 0.5}";
        let files = vec![put("new.txt", "new"), put(".eval_results/a.yaml", result)];
        let request = CommitRequest { create_pr: true, ..request(files) };
        let access = world.hub.commit_access(&world.alice, MODEL, &self.0, "main", true).await?;
        // Somebody who saw an error sends the same form again.
        let access = access.for_form(Sha256::new([7; 32]));
        let made = world.hub.commit_with(access, request).await?;
        assert_eq!(made.pull_request, Some(1), "whatever failed before, it is opened once");
        Ok(())
    }
    async fn granted(&mut self, world: &World) {
        assert_eq!(world.file(&self.0, "refs/pr/1", "new.txt").await.unwrap(), "new");
        assert!(world.file(&self.0, "main", "new.txt").await.is_none());
        let row = world
            .hub
            .repo(&world.alice, MODEL, &self.0, steelyard_service::Action::ReadRepo)
            .await
            .unwrap();
        let proposed = world.hub.results_of(&row).await.unwrap();
        let proposed: Vec<_> = proposed.iter().map(|one| one.pull_request).collect();
        assert_eq!(proposed, [Some(1)], "what it proposes is on record, once");
    }
}

async fn opening_a_pull_request(world: World) {
    survives(world, OpenPullRequest(id("alice", "none"))).await;
}

/// Creates and deletes a ref: two calls of the hub, both under test.
struct Refs {
    repo: RepoId,
    tags: bool,
    created: bool,
}

impl Wish for Refs {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.repo = world.repo(&format!("refs-{tag}")).await;
        let old = "old";
        let head = Revision::parse("main").unwrap();
        if self.tags {
            world.hub.create_tag(&world.alice, MODEL, &self.repo, &head, old, None).await.unwrap();
        } else {
            world.hub.create_branch(&world.alice, MODEL, &self.repo, old, None).await.unwrap();
        }
        self.created = false;
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        let (hub, alice) = (&world.hub, &world.alice);
        let head = Revision::parse("main").unwrap();
        if !self.created {
            let made = match self.tags {
                true => {
                    hub.create_tag(alice, MODEL, &self.repo, &head, "new", Some("about it")).await
                }
                false => hub.create_branch(alice, MODEL, &self.repo, "new", Some(&head)).await,
            };
            match made {
                Err(Error::Conflict { .. }) => {}
                other => other?,
            }
            self.created = true;
        }
        match self.tags {
            true => hub.delete_tag(alice, MODEL, &self.repo, "old").await,
            false => hub.delete_branch(alice, MODEL, &self.repo, "old").await,
        }
    }
    async fn granted(&mut self, world: &World) {
        let refs = world.hub.list_refs(&world.alice, MODEL, &self.repo).await.unwrap();
        let (found, expected) = match self.tags {
            true => (refs.tags, vec!["new"]),
            false => (refs.branches, vec!["main", "new"]),
        };
        let names: Vec<_> = found.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, expected);
    }
    fn is_done(&self, error: &Error) -> bool {
        self.created && matches!(error, Error::NotFound(_))
    }
}

async fn creating_and_deleting_branches(world: World) {
    survives(world, Refs { repo: id("alice", "none"), tags: false, created: false }).await;
}

async fn creating_and_deleting_tags(world: World) {
    survives(world, Refs { repo: id("alice", "none"), tags: true, created: false }).await;
}

struct Squash(RepoId);

impl Wish for Squash {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.0 = world.repo(&format!("squash-{tag}")).await;
        world.commit(&self.0, vec![put("a.txt", "a")]).await;
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        world.hub.super_squash(&world.alice, MODEL, &self.0, "main", None).await
    }
    async fn granted(&mut self, world: &World) {
        let snapshot = world.snapshot(&self.0, "main").await.unwrap();
        assert_eq!(snapshot.count_commits(10).unwrap(), 1);
        assert_eq!(world.file(&self.0, "main", "a.txt").await.unwrap(), "a");
    }
}

async fn squashing(world: World) {
    survives(world, Squash(id("alice", "none"))).await;
}

#[derive(Default)]
struct Duplicate(String, Bytes);

impl Wish for Duplicate {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.0 = tag.to_owned();
        self.1 = random(tag.len() as u64, 30_000);
        let from = world.repo(&format!("from-{tag}")).await;
        let pointer = world.upload(&from, &self.1).await.unwrap();
        world.commit(&from, vec![put("a.txt", "a"), put_large("w.bin", pointer)]).await;
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        let wanted = DuplicateRepo {
            kind: MODEL,
            from: id("alice", &format!("from-{}", self.0)),
            to: id("alice", &format!("to-{}", self.0)),
            visibility: None,
        };
        world.hub.duplicate_repo(&world.alice, &wanted).await.map(drop)
    }
    async fn granted(&mut self, world: &World) {
        let copy = id("alice", &format!("to-{}", self.0));
        assert_eq!(world.file(&copy, "main", "a.txt").await.unwrap(), "a");
        let key = world.repo_key(&copy).await;
        world.hub.signed_download(key, crate::world::pointer_of(&self.1).sha256).await.unwrap();
    }
    fn is_done(&self, error: &Error) -> bool {
        matches!(error, Error::Conflict { existing: Some(_), .. })
    }
}

async fn duplicating(world: World) {
    survives(world, Duplicate::default()).await;
}

#[derive(Default)]
struct Move(String);

impl Wish for Move {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.0 = tag.to_owned();
        world.repo(&format!("before-{tag}")).await;
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        let (from, to) =
            (id("alice", &format!("before-{}", self.0)), id("alice", &format!("after-{}", self.0)));
        world.hub.move_repo(&world.alice, MODEL, &from, &to).await
    }
    async fn granted(&mut self, world: &World) {
        let (from, to) =
            (id("alice", &format!("before-{}", self.0)), id("alice", &format!("after-{}", self.0)));
        assert!(world.file(&to, "main", ".gitattributes").await.is_some());
        let old = world.snapshot(&from, "main").await.err();
        assert!(matches!(old, Some(Error::Moved { to: new, .. }) if new == to));
    }
    fn is_done(&self, error: &Error) -> bool {
        matches!(error, Error::Moved { .. })
    }
}

async fn moving(world: World) {
    survives(world, Move::default()).await;
}

struct Delete(RepoId);

impl Wish for Delete {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.0 = world.repo(&format!("delete-{tag}")).await;
        world.commit(&self.0, vec![put("a.txt", "a")]).await;
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        world.hub.delete_repo(&world.alice, MODEL, &self.0).await
    }
    async fn granted(&mut self, world: &World) {
        assert!(matches!(world.snapshot(&self.0, "main").await, Err(Error::NotFound(_))));
        // The name is free.
        let again = world.repo(self.0.name.as_str()).await;
        assert!(world.file(&again, "main", "a.txt").await.is_none());
    }
    fn is_done(&self, error: &Error) -> bool {
        matches!(error, Error::NotFound(_))
    }
}

async fn deleting_a_repository(world: World) {
    survives(world, Delete(id("alice", "none"))).await;
}

struct Settings(RepoId);

impl Wish for Settings {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.0 = world.repo(&format!("settings-{tag}")).await;
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        let wanted =
            UpdateSettings { visibility: Some(Visibility::Private), ..UpdateSettings::default() };
        world.hub.update_settings(&world.alice, MODEL, &self.0, wanted).await.map(drop)
    }
    async fn granted(&mut self, world: &World) {
        let row = world
            .hub
            .repo(&world.alice, MODEL, &self.0, steelyard_service::Action::ReadRepo)
            .await
            .unwrap();
        assert!(row.visibility.is_private());
    }
}

async fn changing_settings(world: World) {
    survives(world, Settings(id("alice", "none"))).await;
}

/// Pushes a commit made by hand on top of main.
struct Push {
    repo: RepoId,
    head: Oid,
    commit: Oid,
    pack: Bytes,
}

impl Wish for Push {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.repo = world.repo(&format!("push-{tag}")).await;
        self.head = world.head(&self.repo, "main").await;
        let mut pack = PackBuilder::new();
        // Every third one is too large for a row of the database.
        let size = if tag.len().is_multiple_of(3) { 100_000 } else { 500 };
        let blob = pack.add(ObjectKind::Blob, &random(1, size)).unwrap();
        let entry =
            TreeEntry { mode: EntryMode::File, name: Bytes::from_static(b"pushed.bin"), oid: blob };
        let tree =
            pack.add(ObjectKind::Tree, Tree::from_entries(vec![entry]).unwrap().data()).unwrap();
        let who = Signature::new("Alice", "alice@example.org", world.hub.now());
        let commit = Commit {
            tree,
            parents: vec![self.head],
            author: who.clone(),
            committer: who,
            extra: Vec::new(),
            message: Bytes::from_static(b"pushed\n"),
        };
        self.commit = pack.add(ObjectKind::Commit, &commit.encode()).unwrap();
        self.pack = pack.finish().unwrap().bytes;
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        let command =
            RefCommand { name: "refs/heads/main".to_owned(), old: self.head, new: self.commit };
        let request = ReceiveRequest {
            commands: vec![command],
            capabilities: PushCapabilities { report_status: true, ..PushCapabilities::default() },
            ..ReceiveRequest::default()
        };
        let access = world.hub.authorize_push(&world.alice, MODEL, &self.repo).await?;
        let report = world.hub.push(&access, &request, &*self.pack).await?;
        assert_eq!(report.unpack, Ok(()));
        match &report.refs[0].1 {
            Ok(()) => Ok(()),
            Err(reason) => Err(Error::conflict(reason.clone())),
        }
    }
    async fn granted(&mut self, world: &World) {
        assert_eq!(world.head(&self.repo, "main").await, self.commit);
        assert!(world.file(&self.repo, "main", "pushed.bin").await.is_some());
    }
    fn is_done(&self, error: &Error) -> bool {
        // The ref is where the push wants it, and not where the client believes.
        matches!(error, Error::Conflict { .. })
    }
}

async fn pushing(world: World) {
    if world.hub.git().is_none() {
        eprintln!("skipped: no git program");
        return;
    }
    let push =
        Push { repo: id("alice", "none"), head: Oid::ZERO, commit: Oid::ZERO, pack: Bytes::new() };
    survives(world, push).await;
}

/// Joins a long tail, and drops what a squash cut off two weeks ago.
struct Compact(RepoId);

impl Wish for Compact {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.0 = world.repo(&format!("compact-{tag}")).await;
        for n in 0..4 {
            world.commit(&self.0, vec![put(&format!("file-{n}"), random(n, 30_000))]).await;
        }
        world.hub.super_squash(&world.alice, MODEL, &self.0, "main", None).await.unwrap();
        world.clock.advance(Duration::from_secs(15 * 24 * 3600));
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        let tally = world.hub.run_jobs_until_idle().await?;
        // A job that fails is tried again later, and this is later.
        if tally.failed > 0 {
            world.clock.advance(Duration::from_secs(3600));
            return Err(Error::Unavailable("a job failed".into()));
        }
        Ok(())
    }
    async fn granted(&mut self, world: &World) {
        for n in 0..4 {
            let found = world.file(&self.0, "main", &format!("file-{n}")).await;
            assert!(found.unwrap() == random(n, 30_000));
        }
        let other = world.second_hub().await;
        assert_eq!(read_through(&other, world, &self.0).await, 5);
        clear_away(world, &self.0).await;
    }
}

/// Half months until nothing is left of a deleted repository. Large files in xorbs take longest: a week until the
/// repository is purged, a day for the content, a month for its file, a day for the xorb; and each is condemned in one
/// round and goes in a later one, by the order in which the jobs come.
const ROUNDS_UNTIL_GONE: usize = 12;

/// Removes a repository without a trace, so that the next round has no more to do than this one.
async fn clear_away(world: &World, repo: &RepoId) {
    world.hub.delete_repo(&world.alice, MODEL, repo).await.unwrap();
    let mut left = Vec::new();
    for _ in 0..ROUNDS_UNTIL_GONE {
        world.clock.advance(Duration::from_secs(15 * 24 * 3600));
        assert_eq!(world.hub.run_jobs_until_idle().await.unwrap().failed, 0);
        left.clear();
        for family in steelyard_blob::Family::ALL {
            left.extend(world.blobs.list(family, None, 10).await.unwrap());
        }
        if left.is_empty() {
            return;
        }
    }
    panic!("something stays behind: {left:?}");
}

/// How many files another replica sees.
async fn read_through(hub: &Hub, world: &World, id: &RepoId) -> usize {
    let revision = Revision::parse("main").unwrap();
    let action = steelyard_service::Action::ReadContent;
    hub.snapshot(&world.alice, MODEL, id, &revision, action)
        .await
        .unwrap()
        .list_files(100)
        .unwrap()
        .len()
}

async fn compacting(world: World) {
    survives(world, Compact(id("alice", "none"))).await;
}

/// Large files that nobody links to, and deleted repositories, go; everything else stays.
struct Sweep(RepoId);

impl Wish for Sweep {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.0 = world.repo(&format!("kept-{tag}")).await;
        let gone = world.repo(&format!("gone-{tag}")).await;
        let kept = world.upload(&self.0, &random(1, 3000)).await.unwrap();
        world
            .commit(&self.0, vec![put_large("w.bin", kept), put("a.bin", random(2, 90_000))])
            .await;
        let lost = world.upload(&gone, &random(3, 3001)).await.unwrap();
        world.commit(&gone, vec![put_large("w.bin", lost), put("a.bin", random(4, 90_000))]).await;
        // Both files are put into xorbs, where clearing away takes the most steps.
        assert_eq!(world.hub.run_jobs_until_idle().await.unwrap().failed, 0);
        world.hub.delete_repo(&world.alice, MODEL, &gone).await.unwrap();
        world.clock.advance(Duration::from_secs(40 * 24 * 3600));
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        // Each sweep condemns in one round what goes in the next.
        for _ in 0..3 {
            let (hub, now) = (&world.hub, world.hub.now());
            hub.purge_repos(now).await?;
            hub.sweep_lfs(now).await?;
            hub.sweep_xet(now).await?;
            hub.sweep_packs(now).await?;
            world.clock.advance(Duration::from_secs(31 * 24 * 3600));
        }
        Ok(())
    }
    async fn granted(&mut self, world: &World) {
        assert!(world.file(&self.0, "main", "a.bin").await.unwrap() == random(2, 90_000));
        let kept = crate::world::pointer_of(&random(1, 3000));
        world.hub.signed_download(world.repo_key(&self.0).await, kept.sha256).await.unwrap();
        clear_away(world, &self.0).await;
    }
}

async fn sweeping(world: World) {
    survives(world, Sweep(id("alice", "none"))).await;
}

/// Reading with nothing in memory: from the database, the object store and the cache directory.
struct Read(RepoId);

impl Wish for Read {
    async fn prepare(&mut self, world: &World, tag: &str) {
        self.0 = world.repo(&format!("read-{tag}")).await;
        // Written through another replica, so that this one must load it.
        let other = world.second_hub().await;
        let operations = vec![put("small.txt", "small"), put("large.bin", random(3, 200_000))];
        other.commit(&world.alice, MODEL, &self.0, "main", request(operations)).await.unwrap();
    }
    async fn attempt(&mut self, world: &World) -> Result<(), Error> {
        let snapshot = world.snapshot(&self.0, "main").await?;
        assert_eq!(snapshot.list_files(100)?.len(), 3);
        let entry = snapshot.get_file("large.bin")?;
        assert!(snapshot.blob(entry.oid)? == random(3, 200_000));
        Ok(())
    }
    async fn granted(&mut self, _: &World) {}
}

async fn reading(world: World) {
    survives(world, Read(id("alice", "none"))).await;
}
