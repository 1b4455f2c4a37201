//! Commits that wait for each other on one replica land together: each is still its own, fails alone, and is answered
//! only when it is on record.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use steelyard_core::fault::{Moment, arm_crash};
use steelyard_core::{Oid, RepoId, Revision, Rng, Sha256};
use steelyard_db::{Tx, refs};
use steelyard_git::tool::GitBinary;
use steelyard_service::commits::{CommitRequest, Committed, Operation};
use steelyard_service::revisions::CommitInfo;
use steelyard_service::{Actor, Error, Hub, HubParts, HubSettings};
use steelyard_testkit::TestRng;
use tokio::task::JoinHandle;

use crate::invariants;
use crate::world::{MODEL, World, on_both_stores, path, put, put_large, random, request};

on_both_stores!(
    sixty_four_writers_make_one_line,
    a_stale_parent_and_a_wrong_operation_fail_alone,
    who_hangs_up_takes_nobody_along,
    branches_and_pull_requests_land_in_between,
    a_fault_of_ours_costs_no_later_commit,
    a_large_file_deleted_for_good_is_not_named_by_who_waited,
    two_replicas_take_turns,
    a_form_that_is_sent_at_once_opens_one_pull_request,
    who_commits_and_who_proposes_never_wait_in_a_circle,
    every_call_of_a_group_may_fail,
);

/// Keeps writers of the repository waiting. The first commit that comes has the turn and waits for the lock; those that
/// come after it wait for their turn, and then land as one group.
async fn hold(world: &World, repo: &RepoId) -> Tx {
    let key = world.repo_key(repo).await;
    let mut tx = world.db.write().await.unwrap();
    refs::lock_git(&mut tx, key).await.unwrap();
    tx
}

type Outcome = Result<Committed, Error>;

fn start(
    hub: &Hub,
    actor: &Actor,
    repo: &RepoId,
    branch: &str,
    wanted: CommitRequest,
) -> JoinHandle<Outcome> {
    let (hub, actor, repo, branch) = (hub.clone(), actor.clone(), repo.clone(), branch.to_owned());
    tokio::spawn(async move { hub.commit(&actor, MODEL, &repo, &branch, wanted).await })
}

/// Starts commits to `main` one after the other; they stand in the queue in that order.
async fn line_up(
    world: &World,
    repo: &RepoId,
    wanted: Vec<CommitRequest>,
) -> Vec<JoinHandle<Outcome>> {
    let mut tasks = Vec::new();
    for one in wanted {
        tasks.push(start(&world.hub, &world.alice, repo, "main", one));
        settle().await;
    }
    tasks
}

/// Long enough for a commit to come to its queue.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

fn file(name: &str) -> CommitRequest {
    CommitRequest { summary: format!("adds {name}"), ..request(vec![put(name, name.to_owned())]) }
}

/// The history of a branch, oldest first.
async fn history(world: &World, repo: &RepoId, branch: &str) -> Vec<CommitInfo> {
    let snapshot = world.snapshot(repo, branch).await.unwrap();
    let mut commits = snapshot.list_commits(None, Some(1000)).unwrap().items;
    commits.reverse();
    commits
}

/// The number of the change that brought a commit.
async fn seq_of(world: &World, oid: Oid) -> i64 {
    let sql = "SELECT seq FROM git_reflog WHERE new_oid = $1";
    let rows = world.db.read().await.unwrap().fetch_all(sql, vec![oid.into()]).await.unwrap();
    assert_eq!(rows.len(), 1, "the log tells of each commit once");
    rows[0].int("seq").unwrap()
}

async fn sixty_four_writers_make_one_line(world: World) {
    let repo = world.repo("many").await;
    let users = [world.alice.clone(), world.user("bob").await];
    let admin = |actor: &Actor| match actor.clone() {
        Actor::User(user) => {
            Actor::User(steelyard_service::access::UserActor { is_admin: true, ..user })
        }
        Actor::Anonymous => Actor::Anonymous,
    };
    let held = hold(&world, &repo).await;
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let wanted = CommitRequest {
                summary: format!("message {n}"),
                ..request(vec![put(&format!("w{n}.txt"), format!("text {n}"))])
            };
            start(&world.hub, &admin(&users[n % 2]), &repo, "main", wanted)
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(held);
    let mut acknowledged = Vec::new();
    for task in tasks {
        acknowledged.push(task.await.unwrap().unwrap().oid);
    }
    invariants::check(&world.db, &world.blobs, 0).await;
    let commits = history(&world, &repo, "main").await;
    assert_eq!(commits.len(), 65, "one for each, and the repository's first");
    let mut seqs = BTreeSet::new();
    for (n, oid) in acknowledged.iter().enumerate() {
        let place = commits.iter().position(|commit| commit.oid == *oid).unwrap();
        let (commit, parent) = (&commits[place], &commits[place - 1]);
        assert_eq!(commit.title, format!("message {n}"));
        assert_eq!(commit.author, ["alice", "bob"][n % 2]);
        // This commit brings its own file, and keeps what was there.
        let tree = async |oid: &Oid| {
            let snapshot = world.snapshot(&repo, &oid.to_string()).await.unwrap();
            snapshot
                .list_files(100)
                .unwrap()
                .into_iter()
                .map(|file| file.path)
                .collect::<BTreeSet<_>>()
        };
        let (before, after) = (tree(&parent.oid).await, tree(&commit.oid).await);
        assert!(before.is_subset(&after) && after.len() == before.len() + 1);
        let text = world.file(&repo, &oid.to_string(), &format!("w{n}.txt")).await;
        assert_eq!(text.unwrap(), format!("text {n}"));
        seqs.insert(seq_of(&world, *oid).await);
    }
    assert!(seqs.len() < 32, "they landed in groups: {seqs:?}");
    let packs = steelyard_db::pack::list_packs(
        &mut world.db.read().await.unwrap(),
        world.repo_key(&repo).await,
        0,
    )
    .await
    .unwrap();
    assert!(packs.len() <= seqs.len() + 4, "the objects of a group share packs");
    let events = steelyard_db::event::list_events(&mut world.db.read().await.unwrap(), 0, 1000)
        .await
        .unwrap();
    let told: Vec<_> = events
        .iter()
        .filter(|event| event.kind == "repo.content")
        .map(|event| event.payload["updatedRefs"][0]["newSha"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = commits[1..].iter().map(|commit| commit.oid.to_string()).collect();
    assert_eq!(told, expected, "an event for each commit, in order");
}

async fn a_stale_parent_and_a_wrong_operation_fail_alone(world: World) {
    let repo = world.repo("picky").await;
    world.hub.create_branch(&world.alice, MODEL, &repo, "side", None).await.unwrap();
    let head = world.commit(&repo, vec![put("kept.txt", "kept")]).await;
    let held = hold(&world, &repo).await;
    // It has the turn, and keeps it until the lock is free.
    let first = start(&world.hub, &world.alice, &repo, "side", file("side.txt"));
    settle().await;
    let on = |name: &str| CommitRequest { parent: Some(head.to_string()), ..file(name) };
    let wrong =
        |name: &str| request(vec![put(name, "half"), Operation::DeleteFile(path("missing.txt"))]);
    let wanted = vec![
        wrong("x.txt"),
        on("a.txt"),
        on("b.txt"),
        file("c.txt"),
        wrong("y.txt"),
        file("c.txt"),
    ];
    let tasks = line_up(&world, &repo, wanted).await;
    drop(held);
    first.await.unwrap().unwrap();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    let [wrong_first, a, stale, c, wrong_later, same] = &outcomes[..] else { panic!() };
    assert!(matches!(wrong_first, Err(Error::NotFound(_))), "{wrong_first:?}");
    assert!(matches!(wrong_later, Err(Error::NotFound(_))), "{wrong_later:?}");
    assert!(matches!(stale, Err(Error::Stale)), "{stale:?}");
    let (a, c) = (a.as_ref().unwrap().oid, c.as_ref().unwrap().oid);
    assert_eq!(same.as_ref().unwrap().oid, c, "what changes nothing is answered by the head");
    let oids: Vec<_> =
        history(&world, &repo, "main").await.iter().map(|commit| commit.oid).collect();
    assert_eq!(oids[1..], [head, a, c]);
    assert_eq!(seq_of(&world, a).await, seq_of(&world, c).await, "they landed together");
    for gone in ["x.txt", "y.txt", "b.txt"] {
        assert!(world.file(&repo, "main", gone).await.is_none());
    }
    invariants::check(&world.db, &world.blobs, 0).await;
}

async fn who_hangs_up_takes_nobody_along(world: World) {
    let repo = world.repo("impatient").await;
    let held = hold(&world, &repo).await;
    let begun = start(&world.hub, &world.alice, &repo, "main", file("begun.txt"));
    settle().await;
    let tasks = line_up(&world, &repo, ["a.txt", "gone.txt", "b.txt"].map(file).to_vec()).await;
    begun.abort();
    tasks[1].abort();
    settle().await;
    drop(held);
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.is_ok_and(|outcome| outcome.is_ok()), n != 1);
    }
    assert!(begun.await.unwrap_err().is_cancelled());
    // What was begun is finished, what only waited is not.
    for (name, there) in
        [("begun.txt", true), ("a.txt", true), ("gone.txt", false), ("b.txt", true)]
    {
        assert_eq!(world.file(&repo, "main", name).await.is_some(), there, "{name}");
    }
    world.commit(&repo, vec![put("later.txt", "later")]).await;
    invariants::check(&world.db, &world.blobs, 0).await;
}

async fn branches_and_pull_requests_land_in_between(world: World) {
    let repo = world.repo("forked").await;
    for branch in ["one", "two"] {
        world.hub.create_branch(&world.alice, MODEL, &repo, branch, None).await.unwrap();
    }
    let held = hold(&world, &repo).await;
    let mut tasks = Vec::new();
    for n in 0..18 {
        let (branch, create_pr) = match n % 6 {
            0 | 3 => ("main", false),
            1 | 4 => ("one", false),
            2 => ("two", false),
            _ => ("main", true),
        };
        let wanted = CommitRequest { create_pr, ..file(&format!("f{n}.txt")) };
        tasks.push((branch, create_pr, n, start(&world.hub, &world.alice, &repo, branch, wanted)));
        settle().await;
    }
    drop(held);
    let mut numbers = Vec::new();
    for (branch, create_pr, n, task) in tasks {
        let made = task.await.unwrap().unwrap();
        let name = format!("f{n}.txt");
        match made.pull_request {
            Some(number) => {
                assert!(create_pr);
                numbers.push(number);
                let revision = format!("refs/pr/{number}");
                assert_eq!(world.head(&repo, &revision).await, made.oid);
                assert_eq!(world.file(&repo, &revision, &name).await.unwrap(), name);
                assert!(world.file(&repo, "main", &name).await.is_none());
            }
            None => {
                assert!(!create_pr);
                assert_eq!(world.file(&repo, branch, &name).await.unwrap(), name);
            }
        }
    }
    assert_eq!(numbers, [1, 2, 3]);
    for (branch, count) in [("main", 7), ("one", 7), ("two", 4)] {
        assert_eq!(history(&world, &repo, branch).await.len(), count, "{branch}");
    }
    invariants::check(&world.db, &world.blobs, 0).await;
}

/// What randomness does when a commit asks for it, just before it writes its pack.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Fine,
    /// Fails once in a way that nobody expects.
    Panics,
    /// Keeps whoever asks waiting.
    Blocks,
}

struct Moody {
    rng: TestRng,
    mood: Mutex<Mood>,
    changed: Condvar,
}

impl Moody {
    /// A replica of its own whose randomness is this.
    async fn hub(world: &World) -> (Arc<Self>, Hub) {
        let rng =
            Self { rng: TestRng::seeded(3), mood: Mutex::new(Mood::Fine), changed: Condvar::new() };
        let rng = Arc::new(rng);
        let parts = HubParts {
            db: world.db.clone(),
            blobs: world.blobs.clone(),
            git: GitBinary::discover(None),
            clock: world.clock.clone(),
            rng: rng.clone(),
            settings: HubSettings { node: "moody".to_owned(), ..world.hub.settings().clone() },
        };
        let hub = Hub::open(parts).await.unwrap();
        (rng, hub)
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
        self.changed.notify_all();
    }
}

impl Rng for Moody {
    fn fill(&self, bytes: &mut [u8]) {
        let mut mood = self.mood.lock().unwrap();
        if *mood == Mood::Blocks {
            // Other tasks go on meanwhile.
            let wait = |mood| self.changed.wait_while(mood, |mood| *mood == Mood::Blocks);
            mood = tokio::task::block_in_place(|| wait(mood)).unwrap();
        }
        let was = std::mem::replace(&mut *mood, Mood::Fine);
        drop(mood);
        assert!(was == Mood::Fine, "as a fault of ours would");
        self.rng.fill(bytes);
    }
}

async fn a_fault_of_ours_costs_no_later_commit(world: World) {
    let (rng, hub) = Moody::hub(&world).await;
    let repo = world.repo("fragile").await;
    let held = hold(&world, &repo).await;
    let first = start(&hub, &world.alice, &repo, "main", file("first.txt"));
    settle().await;
    let victims: Vec<_> =
        ["a.txt", "b.txt"].map(|name| start(&hub, &world.alice, &repo, "main", file(name))).into();
    settle().await;
    rng.set(Mood::Panics);
    drop(held);
    first.await.unwrap().unwrap();
    for victim in victims {
        let error = victim.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Internal(_)), "{error:?}");
    }
    for name in ["a.txt", "later.txt"] {
        start(&hub, &world.alice, &repo, "main", file(name)).await.unwrap().unwrap();
    }
    assert_eq!(history(&world, &repo, "main").await.len(), 4);
    invariants::check(&world.db, &world.blobs, 0).await;
}

async fn a_large_file_deleted_for_good_is_not_named_by_who_waited(world: World) {
    let (rng, hub) = Moody::hub(&world).await;
    let repo = world.repo("regretted").await;
    let secret = world.upload(&repo, &random(5, 4000)).await.unwrap();
    world.commit(&repo, vec![put_large("secret.bin", secret)]).await;
    // The first one has the turn and does not come to its transaction; the others were checked and wait.
    rng.set(Mood::Blocks);
    let first = start(&hub, &world.alice, &repo, "main", file("first.txt"));
    settle().await;
    let again = request(vec![put_large("again.bin", secret)]);
    let again = start(&hub, &world.alice, &repo, "main", again);
    settle().await;
    let neighbour = start(&hub, &world.alice, &repo, "main", file("neighbour.txt"));
    settle().await;
    let files = world.hub.list_lfs_files(&world.alice, MODEL, &repo, None, None).await.unwrap();
    let ids: Vec<_> = files.items.iter().map(|link| link.public_id.clone()).collect();
    let deleted = world.hub.purge_lfs_files(&world.alice, MODEL, &repo, &ids).await.unwrap();
    assert_eq!(deleted, 1);
    rng.set(Mood::Fine);
    first.await.unwrap().unwrap();
    neighbour.await.unwrap().unwrap();
    let refused = again.await.unwrap().unwrap_err();
    assert!(matches!(&refused, Error::Invalid(rule) if rule.to_string().contains("not uploaded")));
    for (name, there) in
        [("secret.bin", false), ("again.bin", false), ("first.txt", true), ("neighbour.txt", true)]
    {
        assert_eq!(world.file(&repo, "main", name).await.is_some(), there, "{name}");
    }
    invariants::check(&world.db, &world.blobs, 0).await;
}

async fn two_replicas_take_turns(world: World) {
    let repo = world.repo("shared").await;
    let hubs = [world.hub.clone(), world.second_hub().await];
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let tasks: Vec<_> = (0..32)
            .map(|n| {
                let wanted = file(&format!("r{round}-{n}.txt"));
                start(&hubs[n % 2], &world.alice, &repo, "main", wanted)
            })
            .collect();
        for task in tasks {
            acknowledged.push(task.await.unwrap().unwrap().oid);
        }
    }
    let commits = history(&world, &repo, "main").await;
    let found: BTreeSet<_> = commits.iter().map(|commit| commit.oid).collect();
    assert_eq!(commits.len(), 97);
    assert!(acknowledged.iter().all(|oid| found.contains(oid)));
    let snapshot = world.snapshot(&repo, "main").await.unwrap();
    assert_eq!(snapshot.list_files(1000).unwrap().len(), 97);
    invariants::check(&world.db, &world.blobs, 0).await;
}

async fn who_commits_and_who_proposes_never_wait_in_a_circle(world: World) {
    let repo = world.repo("crossed").await;
    let hubs = [world.hub.clone(), world.second_hub().await];
    let mut proposals = BTreeSet::new();
    for round in 0..6 {
        let tasks: Vec<_> = (0..24)
            .map(|n| {
                let create_pr = n % 2 == 1;
                let wanted = CommitRequest { create_pr, ..file(&format!("r{round}-{n}.txt")) };
                start(&hubs[(n + round) % 2], &world.alice, &repo, "main", wanted)
            })
            .collect();
        for task in tasks {
            proposals.extend(task.await.unwrap().unwrap().pull_request);
        }
    }
    assert_eq!(proposals, (1..=72).collect());
    assert_eq!(history(&world, &repo, "main").await.len(), 73);
    invariants::check(&world.db, &world.blobs, 0).await;
}

/// An impatient person's clicks, on two replicas.
async fn a_form_that_is_sent_at_once_opens_one_pull_request(world: World) {
    let repo = world.repo("impatient").await;
    let hubs = [world.hub.clone(), world.second_hub().await];
    let send = |n: usize, form: u8, minutes: u64| {
        let (hub, alice, repo) = (hubs[n % 2].clone(), world.alice.clone(), repo.clone());
        world.clock.advance(Duration::from_secs(60 * minutes));
        tokio::spawn(async move {
            let access = hub.commit_access(&alice, MODEL, &repo, "main", true).await.unwrap();
            let wanted = CommitRequest { create_pr: true, ..file("idea.txt") };
            let access = access.for_form(Sha256::new([form; 32]));
            hub.commit_with(access, wanted).await.unwrap()
        })
    };
    let mut made = BTreeSet::new();
    for task in (0..8).map(|n| send(n, 1, 0)).collect::<Vec<_>>() {
        let Committed { oid, pull_request } = task.await.unwrap();
        made.insert((pull_request, oid));
    }
    let oid = world.head(&repo, "refs/pr/1").await;
    assert_eq!(made, BTreeSet::from([(Some(1), oid)]), "all are told of the one");
    assert_eq!(send(0, 1, 9).await.unwrap(), Committed { oid, pull_request: Some(1) });
    assert_eq!(send(1, 2, 0).await.unwrap().pull_request, Some(2), "another form");
    assert_eq!(send(0, 1, 2).await.unwrap().pull_request, Some(3), "meant, after ten minutes");
    invariants::check(&world.db, &world.blobs, 0).await;
}

/// As the cases of `faults.rs`, for commits that land together.
async fn every_call_of_a_group_may_fail(world: World) {
    const FILES: [&str; 6] = ["a.txt", "b.txt", "c.txt", "README.md", "d.txt", "e.txt"];
    let mut checked = 0;
    for moment in [Moment::Before, Moment::After] {
        for n in 1.. {
            assert!(n < 100, "an attempt without faults still fails");
            let repo = world.repo(&format!("group-{moment:?}-{n}").to_lowercase()).await;
            let held = hold(&world, &repo).await;
            let tasks =
                FILES.map(|name| start(&world.hub, &world.alice, &repo, "main", file(name)));
            tokio::time::sleep(Duration::from_millis(60)).await;
            world.db.faults().arm(n, moment);
            drop(held);
            let mut failed = Vec::new();
            for (name, task) in FILES.iter().zip(tasks) {
                match task.await.unwrap() {
                    Ok(_) => {}
                    Err(Error::Unavailable(_)) => failed.push(*name),
                    Err(error) => panic!("call {n} {moment:?}: not a clear answer: {error:?}"),
                }
            }
            let fired = world.db.faults().disarm();
            invariants::check(&world.db, &world.blobs, checked).await;
            for name in FILES.iter().filter(|name| !failed.contains(name)) {
                let found = world.file(&repo, "main", name).await;
                assert_eq!(found.unwrap(), *name, "acknowledged");
            }
            for name in &failed {
                start(&world.hub, &world.alice, &repo, "main", file(name)).await.unwrap().unwrap();
            }
            let commits = history(&world, &repo, "main").await;
            assert_eq!(commits.len(), 1 + FILES.len(), "each commit was made once");
            checked = invariants::check(&world.db, &world.blobs, checked).await;
            if !fired {
                assert!(failed.is_empty() && n > 5, "{n} {failed:?}");
                break;
            }
        }
    }
}

const DIRECTORY: &str = "STEELYARD_GROUP_CRASH_DIRECTORY";
const POINT: &str = "STEELYARD_GROUP_CRASH_POINT";
const WRITERS: usize = 12;

/// Not a test but the victim of those below, which run it in a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the tests of crashes in a group"]
async fn victim() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let directory = Path::new(&directory);
    let world = World::embedded_at(directory, 1).await;
    let repo = world.repo("m").await;
    let held = hold(&world, &repo).await;
    let write = |n: usize| {
        let (hub, alice, repo) = (world.hub.clone(), world.alice.clone(), repo.clone());
        let note = directory.join(format!("acknowledged-{n}"));
        tokio::spawn(async move {
            let wanted = file(&format!("w{n}.txt"));
            let made = hub.commit(&alice, MODEL, &repo, "main", wanted).await.unwrap();
            std::fs::write(note, made.oid.to_string()).unwrap();
        })
    };
    // The first group is one commit alone, which is built and waits for the lock before the others come; they are the
    // second one.
    let mut tasks = vec![write(0)];
    tokio::time::sleep(Duration::from_millis(300)).await;
    tasks.extend((1..WRITERS).map(write));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let point = std::env::var(POINT).unwrap();
    arm_crash(&point, if point == "commit.built" { 1 } else { 2 });
    drop(held);
    for task in tasks {
        task.await.unwrap();
    }
}

async fn a_crash_in_a_group_at(point: &str) {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--include-ignored", "groups::victim"])
        .env(DIRECTORY, directory.path())
        .env(POINT, point)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(6), "the victim must abort at {point}: {text}");
    let world = World::embedded_at(directory.path(), 2).await;
    invariants::check(&world.db, &world.blobs, 0).await;
    let repo = crate::world::id("alice", "m");
    let revision = Revision::parse("main").unwrap();
    let action = steelyard_service::Action::ReadContent;
    let snapshot =
        world.hub.snapshot(&Actor::Anonymous, MODEL, &repo, &revision, action).await.unwrap();
    let commits = snapshot.list_commits(None, Some(1000)).unwrap().items;
    let there: BTreeSet<_> = (0..WRITERS)
        .filter(|n| snapshot.find_entry(&format!("w{n}.txt")).unwrap().is_some())
        .collect();
    assert_eq!(commits.len(), 1 + there.len(), "one commit for each");
    for n in 0..WRITERS {
        let Ok(oid) = std::fs::read_to_string(directory.path().join(format!("acknowledged-{n}")))
        else {
            continue;
        };
        assert!(there.contains(&n), "acknowledged and lost");
        assert!(commits.iter().any(|commit| commit.oid.to_string() == oid));
    }
    // A group is there as a whole or not at all.
    let expected = if point == "commit.after_commit" { WRITERS } else { 1 };
    assert_eq!(there.len(), expected, "{point}");
}

#[tokio::test]
async fn a_crash_before_a_group_is_written_leaves_nothing_of_it() {
    a_crash_in_a_group_at("commit.built").await;
    a_crash_in_a_group_at("commit.before_commit").await;
}

#[tokio::test]
async fn a_crash_after_a_group_is_written_loses_nothing_of_it() {
    a_crash_in_a_group_at("commit.after_commit").await;
}
