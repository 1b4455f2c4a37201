//! Sweeps: what nobody needs goes, what somebody shares stays.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use steelyard_blob::Key;
use steelyard_core::Timestamp;
use steelyard_service::repos::DuplicateRepo;

use crate::world::{DAY, MODEL, World, id, random, read};

steelyard_testkit::on_every_store!(
    replaced_packs_go_after_their_time,
    a_purged_repository_leaves_what_its_copy_shares,
    old_orphans_go_and_young_ones_stay,
);

async fn rows(world: &World, sql: &'static str) -> i64 {
    world.db.read().await.unwrap().fetch_one(sql, Vec::new()).await.unwrap().int("n").unwrap()
}

async fn replaced_packs_go_after_their_time(world: World) {
    let repo = world.repo("swept").await;
    for n in 0..39 {
        world.commit(&repo, "main", &format!("{n}"), random(n, 100)).await;
    }
    world.commit(&repo, "main", "stored", random(100, 100_000)).await;
    world.work().await;
    let key = world.key(&repo).await;
    assert_eq!(world.packs(key).await.len(), 1);
    assert_eq!(rows(&world, "SELECT COUNT(*) AS n FROM git_pack").await, 42);
    world.clock.advance(Duration::from_secs(3500));
    world.work().await;
    assert_eq!(rows(&world, "SELECT COUNT(*) AS n FROM git_pack").await, 42);
    world.clock.advance(Duration::from_secs(700));
    world.work().await;
    assert_eq!(
        rows(&world, "SELECT COUNT(*) AS n FROM git_pack").await,
        2,
        "the joined one and the stored one"
    );
    world.clock.advance(DAY);
    world.work().await;
    assert_eq!(rows(&world, "SELECT COUNT(*) AS n FROM git_pack").await, 1);
    assert_eq!(world.stored_files().await, 1);
    assert!(read(&world.hub, &world.alice, &repo, "main", "stored").await == random(100, 100_000));
    assert_eq!(
        rows(&world, "SELECT COUNT(*) AS n FROM job WHERE state = 'done' AND kind = 'git.join'")
            .await,
        0
    );
    world.assert_clean().await;
}

async fn a_purged_repository_leaves_what_its_copy_shares(world: World) {
    let repo = world.repo("purged").await;
    world.commit(&repo, "main", "inline", random(1, 1000)).await;
    world.commit(&repo, "main", "stored", random(2, 100_000)).await;
    let wanted =
        DuplicateRepo { kind: MODEL, from: repo.clone(), to: id("copy"), visibility: None };
    world.hub.duplicate_repo(&world.alice, &wanted).await.unwrap();
    world.commit(&repo, "main", "own", random(3, 100_000)).await;
    world.hub.delete_repo(&world.alice, MODEL, &repo).await.unwrap();
    world.clock.advance(6 * DAY);
    world.work().await;
    assert_eq!(
        rows(&world, "SELECT COUNT(*) AS n FROM repo").await,
        2,
        "it could still be brought back"
    );
    world.clock.advance(2 * DAY);
    world.work().await;
    assert_eq!(rows(&world, "SELECT COUNT(*) AS n FROM repo").await, 1);
    assert_eq!(rows(&world, "SELECT COUNT(*) AS n FROM git_repo").await, 1);
    let replica = world.replica().await;
    assert!(read(&replica, &world.alice, &id("copy"), "main", "inline").await == random(1, 1000));
    assert!(
        read(&replica, &world.alice, &id("copy"), "main", "stored").await == random(2, 100_000)
    );
    world.assert_clean().await;
    // The copy's own join comes first, then the shared packs go with their last owner.
    world.hub.delete_repo(&world.alice, MODEL, &id("copy")).await.unwrap();
    world.clock.advance(8 * DAY);
    world.work().await;
    assert_eq!(rows(&world, "SELECT COUNT(*) AS n FROM git_pack").await, 0);
    assert_eq!(world.stored_files().await, 0);
    world.assert_clean().await;
}

async fn old_orphans_go_and_young_ones_stay(world: World) {
    let repo = world.repo("orphans").await;
    world.commit(&repo, "main", "stored", random(1, 100_000)).await;
    let orphan = Key::parse("git/packs/01990000-0000-7000-8000-000000000001.pack").unwrap();
    world.blobs.put(&orphan, Bytes::from_static(b"left by a crash")).await.unwrap();
    // The age of stored objects is the file system's.
    #[expect(clippy::disallowed_methods, reason = "files have the real time")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Timestamp::from_secs(i64::try_from(now.as_secs()).unwrap());
    world.clock.set(now.plus_secs(6 * 24 * 3600));
    assert_eq!(world.hub.sweep_orphan_packs(now.plus_secs(6 * 24 * 3600)).await.unwrap(), 0);
    assert_eq!(world.hub.sweep_orphan_packs(now.plus_secs(8 * 24 * 3600)).await.unwrap(), 1);
    assert!(world.blobs.head(&orphan).await.unwrap().is_none());
    assert!(
        read(&world.replica().await, &world.alice, &repo, "main", "stored").await
            == random(1, 100_000)
    );
    world.assert_clean().await;
}
