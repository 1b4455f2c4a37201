//! Packs that a replica has to fetch from the object store first, because it has nothing: whatever befalls the
//! download, nothing is lost, nothing is taken for damaged, nothing stays behind, and the work is done when it is tried
//! again.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use steelyard_core::RepoId;
use steelyard_core::fault::Moment;
use steelyard_db::job;
use steelyard_db::pack::PackKind;
use steelyard_service::fsck::{Finding, FsckEvent, FsckOptions, Severity};
use steelyard_service::{Error, Hub};
use steelyard_testkit::{FaultProxy, Garage, Stores, TestHub};

use crate::world::{DAY, World, random, read};

/// More requests than any of the jobs makes.
const CALLS_MAX: u64 = 400;
/// Times the connection is cut, evenly over what passes.
const CUTS: u64 = 12;
/// Too large for a row of the database.
const STORED_BYTES: usize = 100_000;

/// The work of one round: what has to be there for it to do, and what it must not lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Join,
    Drop,
    Repack,
}

/// A world on S3, whose replicas reach the store through a proxy.
struct Scene {
    world: World,
    proxy: FaultProxy,
    repo: RepoId,
    key: i64,
    round: u64,
}

impl Scene {
    /// `None`, which is said, where there is no S3 server.
    async fn start() -> Option<Self> {
        let stores = Stores::scaled_out()?;
        let endpoint = Garage::from_env().unwrap().endpoint().to_owned();
        let server: SocketAddr = endpoint.trim_start_matches("http://").parse().unwrap();
        let proxy = FaultProxy::new(server).unwrap();
        let world = World::set_up(TestHub::on(stores).with_store_at(proxy.address())).await;
        let repo = world.repo("cold").await;
        let key = world.key(&repo).await;
        Some(Self { world, proxy, repo, key, round: 0 })
    }

    /// Makes something to do, and packs that have to be fetched for it.
    async fn prepare(&mut self, work: Work) {
        self.round += 1;
        let (world, repo, round) = (&self.world, &self.repo, self.round);
        if work == Work::Drop {
            let name = format!("cut-{round}");
            world.branch(repo, &name).await;
            world.commit(repo, &name, "cut", random(1_000_000 + round, STORED_BYTES)).await;
            world.delete_branch(repo, &name).await;
            world.clock.advance(15 * DAY);
        }
        for part in [0, 1] {
            world.commit(repo, "main", &path(2 * round + part), content(2 * round + part)).await;
        }
        if work == Work::Repack {
            let mut tx = world.db.write().await.unwrap();
            let now = world.hub.now();
            job::enqueue(&mut tx, "git.repack", &self.key.to_string(), now, now).await.unwrap();
            tx.commit().await.unwrap();
        } else {
            world.clock.advance(Duration::from_secs(2 * 3600));
        }
    }

    /// A replica that has nothing.
    async fn cold(&self) -> Hub {
        self.world.replica().await
    }

    /// What must hold after work was disturbed: everything is readable by who has nothing, and the work gets done.
    async fn check(&self, worker: &Hub) {
        let world = &self.world;
        let reader = self.cold().await;
        let newest = 2 * self.round + 1;
        for number in newest.saturating_sub(5).max(2)..=newest {
            let found = read(&reader, &world.alice, &self.repo, "main", &path(number)).await;
            assert!(found == content(number), "{number}");
        }
        assert_nothing_behind(worker);
        world.clock.advance(2 * DAY);
        world.work().await;
    }
}

fn path(number: u64) -> String {
    format!("file-{}", number % 20)
}

fn content(number: u64) -> bytes::Bytes {
    random(number, STORED_BYTES)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().collect());
    let entries: Vec<std::fs::DirEntry> = entries.unwrap_or_default();
    entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// No half-written copy is where somebody could take it for a whole one, and no private copy is left.
fn assert_nothing_behind(hub: &Hub) {
    let cache = &hub.settings().cache_dir;
    let parts: Vec<String> =
        names(&cache.join("packs")).into_iter().filter(|name| !name.ends_with(".pack")).collect();
    assert_eq!(parts, [""; 0]);
    assert_eq!(names(&cache.join("fsck")), [""; 0]);
}

/// What fsck of one replica finds wrong; an error when it could not look.
async fn complaints(hub: &Hub) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    let mut tell = |event| {
        if let FsckEvent::Found(finding) = event {
            found.push(finding);
        }
    };
    hub.fsck(&FsckOptions { repo: None, deep: true }, &mut tell).await?;
    found.retain(|finding| finding.severity == Severity::Error);
    Ok(found)
}

/// Each request of a replica that has nothing fails once.
async fn every_request_fails_once(work: Work) {
    let Some(mut scene) = Scene::start().await else { return };
    for moment in [Moment::Before, Moment::After] {
        let mut failures = 0;
        for n in 1.. {
            assert!(n < CALLS_MAX, "the jobs never end");
            scene.prepare(work).await;
            let worker = scene.cold().await;
            scene.world.blob_faults.arm(n, moment);
            let result = worker.run_jobs_until_idle().await;
            let fired = scene.world.blob_faults.disarm();
            if !fired {
                assert_eq!(result.unwrap().failed, 0);
                assert!(!names(&worker.settings().cache_dir.join("packs")).is_empty());
            }
            scene.check(&worker).await;
            failures += u64::from(fired);
            if !fired {
                break;
            }
        }
        // Two packs at least were fetched, and one was stored.
        assert!(failures > 2, "{failures} requests");
    }
    scene.world.assert_clean().await;
}

/// The connection breaks in the middle of what passes, and works again at once.
async fn every_connection_breaks_once(work: Work) {
    let Some(mut scene) = Scene::start().await else { return };
    scene.prepare(work).await;
    let start = scene.proxy.bytes();
    assert_eq!(scene.cold().await.run_jobs_until_idle().await.unwrap().failed, 0);
    let all = scene.proxy.bytes() - start;
    assert!(all > 2 * STORED_BYTES as u64, "{all} bytes passed");
    for cut in 0..CUTS {
        scene.prepare(work).await;
        let worker = scene.cold().await;
        scene.proxy.cut_after_bytes(1 + cut * all / CUTS);
        // The client of the store tries again by itself, most often with success.
        let tally = worker.run_jobs_until_idle().await.unwrap();
        scene.proxy.heal();
        assert!(tally.failed < 2, "{tally:?} {:?}", scene.world.job_errors().await);
        scene.check(&worker).await;
    }
    scene.world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_survives_every_failed_request() {
    every_request_fails_once(Work::Join).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_survives_every_failed_request() {
    every_request_fails_once(Work::Drop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repack_survives_every_failed_request() {
    every_request_fails_once(Work::Repack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_survives_every_broken_connection() {
    every_connection_breaks_once(Work::Join).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_survives_every_broken_connection() {
    every_connection_breaks_once(Work::Drop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repack_survives_every_broken_connection() {
    every_connection_breaks_once(Work::Repack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repack_of_fetched_packs_is_taken_over() {
    let Some(mut scene) = Scene::start().await else { return };
    scene.prepare(Work::Repack).await;
    let worker = scene.cold().await;
    if worker.git().is_none() {
        eprintln!("skipped: no git program");
        return;
    }
    assert_eq!(worker.run_jobs_until_idle().await.unwrap().failed, 0);
    let packs = scene.world.packs(scene.key).await;
    assert_eq!(packs.iter().map(|pack| pack.kind).collect::<Vec<_>>(), [PackKind::Repacked]);
    scene.check(&worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fsck_takes_no_failed_request_for_damage() {
    let Some(mut scene) = Scene::start().await else { return };
    scene.prepare(Work::Join).await;
    for moment in [Moment::Before, Moment::After] {
        for n in 1.. {
            assert!(n < CALLS_MAX, "fsck never ends");
            let hub = scene.cold().await;
            scene.world.blob_faults.arm(n, moment);
            let found = complaints(&hub).await;
            let fired = scene.world.blob_faults.disarm();
            assert_nothing_behind(&hub);
            match found {
                Ok(found) => assert_eq!(found, []),
                Err(error) => {
                    assert!(fired && matches!(error, Error::Unavailable(_)), "{error:?}");
                }
            }
            if !fired {
                assert!(n > 4, "{n} requests");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fsck_takes_no_broken_connection_for_damage() {
    let Some(mut scene) = Scene::start().await else { return };
    scene.prepare(Work::Join).await;
    let start = scene.proxy.bytes();
    assert_eq!(complaints(&scene.cold().await).await.unwrap(), []);
    let all = scene.proxy.bytes() - start;
    assert!(all > 2 * STORED_BYTES as u64, "{all} bytes passed");
    for cut in 0..CUTS {
        let hub = scene.cold().await;
        scene.proxy.cut_after_bytes(1 + cut * all / CUTS);
        let found = complaints(&hub).await;
        scene.proxy.heal();
        assert_nothing_behind(&hub);
        match found {
            Ok(found) => assert_eq!(found, []),
            Err(error) => assert!(matches!(error, Error::Unavailable(_)), "{error:?}"),
        }
    }
    // The store is gone altogether: that is said, and not that packs are missing from it.
    let hub = scene.cold().await;
    scene.proxy.refuse();
    let error = complaints(&hub).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert_nothing_behind(&hub);
    scene.proxy.heal();
    assert_eq!(complaints(&hub).await.unwrap(), []);
}
