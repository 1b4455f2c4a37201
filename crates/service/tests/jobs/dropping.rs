//! Drops: what no ref reaches goes in time, and nothing else ever.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use steelyard_core::{Oid, RepoId, Revision};
use steelyard_service::repos::DuplicateRepo;
use steelyard_service::{Error, Hub, Missing};

use crate::world::{DAY, MODEL, World, commit, id, random, read, snapshot};

steelyard_testkit::on_every_store!(
    a_deleted_branch_goes_after_two_weeks,
    squashed_history_goes_after_two_weeks,
    what_another_ref_reaches_stays,
    a_pack_whose_deltas_rest_on_dropped_trees_is_rewritten,
    a_copy_holds_nothing_its_refs_do_not_reach,
    who_relied_on_dropped_objects_starts_again,
    writers_never_lose_what_a_drop_takes,
);

async fn is_gone(hub: &Hub, world: &World, repo: &RepoId, oid: Oid) -> bool {
    match snapshot(hub, &world.alice, repo, &oid.to_string()).await {
        Ok(_) => false,
        Err(Error::NotFound(Missing::Revision(_))) => true,
        Err(error) => panic!("{error:?}"),
    }
}

async fn a_deleted_branch_goes_after_two_weeks(world: World) {
    let repo = world.repo("cut").await;
    let key = world.key(&repo).await;
    let kept = world.commit(&repo, "main", "kept", random(1, 1000)).await;
    world.branch(&repo, "side").await;
    let inline = world.commit(&repo, "side", "secret", random(2, 1000)).await;
    let stored = world.commit(&repo, "side", "large-secret", random(3, 90_000)).await;
    world.commit(&repo, "main", "later", random(4, 1000)).await;
    world.delete_branch(&repo, "side").await;
    world.work().await;
    world.clock.advance(13 * DAY);
    world.work().await;
    for oid in [inline, stored] {
        assert!(!is_gone(&world.hub, &world, &repo, oid).await, "two weeks are not over");
    }
    assert!(world.git(key).await.drop_wanted);
    let epoch = world.git(key).await.gc_epoch;
    world.clock.advance(2 * DAY);
    world.work().await;
    let replica = world.replica().await;
    for hub in [&world.hub, &replica] {
        for oid in [inline, stored] {
            assert!(is_gone(hub, &world, &repo, oid).await);
        }
        assert!(read(hub, &world.alice, &repo, "main", "kept").await == random(1, 1000));
        assert!(read(hub, &world.alice, &repo, &kept.to_string(), "kept").await == random(1, 1000));
        assert!(read(hub, &world.alice, &repo, "main", "later").await == random(4, 1000));
    }
    let state = world.git(key).await;
    assert_eq!((state.gc_epoch, state.drop_wanted), (epoch + 1, false));
    world.assert_clean().await;
    // The stored pack's bytes go a day after.
    world.clock.advance(2 * DAY);
    world.work().await;
    world.assert_clean().await;
    let files = world.stored_files().await;
    assert_eq!(files, world.packs(key).await.iter().filter(|pack| !pack.is_inline).count());
    world.commit(&repo, "main", "secret", random(2, 1000)).await;
    assert!(read(&replica, &world.alice, &repo, "main", "secret").await == random(2, 1000));
}

async fn squashed_history_goes_after_two_weeks(world: World) {
    let repo = world.repo("squashed").await;
    let key = world.key(&repo).await;
    let mut old = Vec::new();
    for n in 0..40 {
        old.push(world.commit(&repo, "main", "file", random(n, 2000)).await);
    }
    world.work().await;
    let before: i64 = world.packs(key).await.iter().map(|pack| pack.size_bytes).sum();
    world.hub.super_squash(&world.alice, MODEL, &repo, "main", None).await.unwrap();
    world.clock.advance(15 * DAY);
    world.work().await;
    for oid in old {
        assert!(is_gone(&world.hub, &world, &repo, oid).await);
    }
    let after: i64 = world.packs(key).await.iter().map(|pack| pack.size_bytes).sum();
    assert!(after < before / 10, "{before} bytes became {after}");
    assert!(read(&world.hub, &world.alice, &repo, "main", "file").await == random(39, 2000));
    world.assert_clean().await;
}

async fn what_another_ref_reaches_stays(world: World) {
    let repo = world.repo("shared").await;
    world.branch(&repo, "one").await;
    let common = world.commit(&repo, "one", "common", random(1, 1000)).await;
    let from = Revision::parse("one").unwrap();
    world.hub.create_branch(&world.alice, MODEL, &repo, "two", Some(&from)).await.unwrap();
    let only = world.commit(&repo, "one", "only", random(2, 1000)).await;
    world.delete_branch(&repo, "one").await;
    world.clock.advance(15 * DAY);
    world.work().await;
    assert!(is_gone(&world.hub, &world, &repo, only).await);
    assert!(
        read(&world.hub, &world.alice, &repo, &common.to_string(), "common").await
            == random(1, 1000)
    );
    assert!(read(&world.hub, &world.alice, &repo, "two", "common").await == random(1, 1000));
    let key = world.key(&repo).await;
    assert!(!world.git(key).await.drop_wanted, "there is nothing left to wait for");
    world.assert_clean().await;
}

async fn a_pack_whose_deltas_rest_on_dropped_trees_is_rewritten(world: World) {
    let repo = world.repo("deltas").await;
    for n in 0..200 {
        world.commit(&repo, "main", &format!("file-{n}"), format!("{n}")).await;
    }
    world.work().await;
    // Each tree is a delta against the one before; the squashed head keeps only the last.
    for n in 0..10 {
        world.commit(&repo, "main", "changing", format!("{n}")).await;
    }
    world.hub.super_squash(&world.alice, MODEL, &repo, "main", None).await.unwrap();
    world.clock.advance(15 * DAY);
    world.work().await;
    let replica = world.replica().await;
    for n in 0..200 {
        assert_eq!(
            read(&replica, &world.alice, &repo, "main", &format!("file-{n}")).await,
            format!("{n}")
        );
    }
    assert_eq!(read(&replica, &world.alice, &repo, "main", "changing").await, "9");
    world.assert_clean().await;
}

async fn a_copy_holds_nothing_its_refs_do_not_reach(world: World) {
    let repo = world.repo("original").await;
    world.commit(&repo, "main", "kept", random(1, 1000)).await;
    world.branch(&repo, "side").await;
    let cut = world.commit(&repo, "side", "cut", random(2, 1000)).await;
    world.delete_branch(&repo, "side").await;
    let wanted =
        DuplicateRepo { kind: MODEL, from: repo.clone(), to: id("copy"), visibility: None };
    world.hub.duplicate_repo(&world.alice, &wanted).await.unwrap();
    world.work().await;
    assert!(is_gone(&world.hub, &world, &id("copy"), cut).await);
    assert!(!is_gone(&world.hub, &world, &repo, cut).await, "the original still waits");
    for name in ["original", "copy"] {
        assert!(read(&world.hub, &world.alice, &id(name), "main", "kept").await == random(1, 1000));
    }
    world.assert_clean().await;
}

async fn who_relied_on_dropped_objects_starts_again(world: World) {
    let world = Arc::new(world);
    let repo = world.repo("epoch").await;
    let key = world.key(&repo).await;
    world.commit(&repo, "main", "kept", random(1, 1000)).await;
    world.branch(&repo, "side").await;
    let before = world.git(key).await.seq;
    let cut = world.commit(&repo, "side", "cut", random(2, 1000)).await;
    world.delete_branch(&repo, "side").await;
    let packs = world.packs(key).await;
    let dropped = packs.iter().find(|pack| pack.seq > before).unwrap().pack_id.clone();
    let replica = world.replica().await;
    // A drop's transaction holds the repository's lock.
    let mut tx = world.db.write().await.unwrap();
    steelyard_db::refs::lock_git(&mut tx, key).await.unwrap().unwrap();
    // Meanwhile two writers have looked at the repository and wait for the lock.
    let revival = {
        let (world, repo) = (Arc::clone(&world), repo.clone());
        tokio::spawn(async move {
            let start = Revision::Commit(cut);
            world.hub.create_branch(&world.alice, MODEL, &repo, "revived", Some(&start)).await
        })
    };
    let writing = {
        let (world, repo) = (Arc::clone(&world), repo.clone());
        tokio::spawn(async move {
            commit(&replica, &world.alice, &repo, "main", "later", random(3, 1000)).await
        })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    let now = steelyard_core::Clock::now(&*world.clock);
    assert!(steelyard_db::pack::retire_packs(&mut tx, key, &[dropped], now).await.unwrap());
    steelyard_db::pack::bump_gc_epoch(&mut tx, key).await.unwrap();
    tx.commit().await.unwrap();
    let refused = revival.await.unwrap().unwrap_err();
    // It waited for the lock, lost, looked again, and what it was to start from is gone.
    let is_gone_for_it = matches!(refused, Error::NotFound(Missing::Revision(_)));
    assert!(is_gone_for_it, "{refused:?}");
    writing.await.unwrap().unwrap();
    assert!(is_gone(&world.hub, &world, &repo, cut).await);
    assert!(read(&world.hub, &world.alice, &repo, "main", "later").await == random(3, 1000));
    world.assert_clean().await;
}

/// Contents that writers and the branches to be dropped have in common.
const CONTENTS: u64 = 5;

async fn writers_never_lose_what_a_drop_takes(world: World) {
    let world = Arc::new(world);
    let repo = world.repo("race").await;
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..3_u64)
        .map(|number| {
            tokio::spawn(write(Arc::clone(&world), repo.clone(), number, Arc::clone(&done)))
        })
        .collect();
    let dropper = world.replica().await;
    let key = world.key(&repo).await;
    let epoch = world.git(key).await.gc_epoch;
    for round in 0..25_u64 {
        let name = format!("cut-{round}");
        world.branch(&repo, &name).await;
        let cut = commit(
            &dropper,
            &world.alice,
            &repo,
            &name,
            "shared/content",
            random(round % CONTENTS, 800),
        );
        let cut = cut.await.unwrap();
        world.delete_branch(&repo, &name).await;
        world.clock.advance(15 * DAY);
        // Sometimes somebody remembers the commit and makes a branch of it while it is being dropped.
        let revival = {
            let (world, repo) = (Arc::clone(&world), repo.clone());
            tokio::spawn(async move {
                let (start, name) = (Revision::Commit(cut), format!("revived-{round}"));
                tokio::time::sleep(Duration::from_millis(round % 8)).await;
                round % 3 == 0
                    && world
                        .hub
                        .create_branch(&world.alice, MODEL, &repo, &name, Some(&start))
                        .await
                        .is_ok()
            })
        };
        dropper.run_jobs_until_idle().await.unwrap();
        if revival.await.unwrap() {
            let content =
                read(&dropper, &world.alice, &repo, &format!("revived-{round}"), "shared/content")
                    .await;
            assert!(content == random(round % CONTENTS, 800));
        }
    }
    done.store(true, SeqCst);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    let drops = world.git(key).await.gc_epoch - epoch;
    assert!(drops > 5, "{drops} drops, {:?}", world.job_errors().await);
    assert!(acknowledged.len() > 30, "{} commits", acknowledged.len());
    assert_eq!(world.job_errors().await, Vec::<String>::new());
    let history = history_of(&world, &repo).await;
    for oid in &acknowledged {
        assert!(history.contains(oid), "commit {oid} was acknowledged and is not in the history");
    }
    world.assert_clean().await;
}

/// Commits contents that dropped branches have, too, on a replica of its own, and checks each.
async fn write(world: Arc<World>, repo: RepoId, number: u64, done: Arc<AtomicBool>) -> Vec<Oid> {
    let hub = world.replica().await;
    let mut acknowledged = Vec::new();
    let mut n = 0;
    while !done.load(SeqCst) {
        n += 1;
        let (seed, path) = ((n + number) % CONTENTS, format!("writer-{number}/file-{}", n % 4));
        match commit(&hub, &world.alice, &repo, "main", &path, random(seed, 800)).await {
            Ok(oid) => {
                assert!(
                    read(&hub, &world.alice, &repo, &oid.to_string(), &path).await
                        == random(seed, 800)
                );
                acknowledged.push(oid);
            }
            // Under this load a writer may be told to come back.
            Err(Error::Unavailable(_) | Error::Stale) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    acknowledged
}

async fn history_of(world: &World, repo: &RepoId) -> HashSet<Oid> {
    let head = snapshot(&world.hub, &world.alice, repo, "main").await.unwrap();
    let mut found = HashSet::new();
    let mut cursor = Some(head.commit);
    let set = world.pack_set(repo).await;
    while let Some(oid) = cursor {
        found.insert(oid);
        cursor = steelyard_git::read::get_commit(&set, &oid).unwrap().parents.first().copied();
    }
    found
}
