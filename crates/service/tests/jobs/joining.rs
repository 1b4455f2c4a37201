//! Joins and repacks: fewer packs, the same repository.

use std::time::Duration;

use steelyard_db::job::{self, JobProgress};
use steelyard_db::pack::PackKind;
use steelyard_testkit::{Stores, TestHub};

use crate::world::{World, random, read, snapshot};

steelyard_testkit::on_every_store!(
    a_hundred_commits_become_few_packs,
    a_quiet_tail_is_joined_too,
    packs_stay_few_over_time,
    a_large_history_is_repacked_by_git,
);

async fn a_hundred_commits_become_few_packs(world: World) {
    let repo = world.repo("many").await;
    let key = world.key(&repo).await;
    let mut heads = Vec::new();
    for n in 0..100_u64 {
        // Some large enough to be stored outside the database.
        let size = if n % 20 == 7 { 100_000 } else { 500 };
        heads.push(
            world.commit(&repo, "main", &format!("dir-{}/file-{n}", n % 7), random(n, size)).await,
        );
    }
    let before = world.git(key).await;
    assert_eq!(before.tail_packs, 101);
    world.work().await;
    let after = world.git(key).await;
    assert!(world.packs(key).await.len() <= 16);
    assert!(after.tail_packs < 2 && after.generation > before.generation);
    assert_eq!(
        (after.seq, after.gc_epoch),
        (before.seq, before.gc_epoch),
        "writers are not disturbed"
    );
    let replica = world.replica().await;
    for hub in [&world.hub, &replica] {
        for (n, head) in (0..100_u64).zip(&heads) {
            let size = if n % 20 == 7 { 100_000 } else { 500 };
            let path = format!("dir-{}/file-{n}", n % 7);
            assert!(
                read(hub, &world.alice, &repo, "main", &path).await == random(n, size),
                "{path}"
            );
            assert!(
                read(hub, &world.alice, &repo, &head.to_string(), &path).await == random(n, size)
            );
        }
    }
    // A commit on top of joined packs, by a replica that has seen only those.
    let next = crate::world::commit(&replica, &world.alice, &repo, "main", "dir-0/new", "new")
        .await
        .unwrap();
    let snapshot = snapshot(&world.hub, &world.alice, &repo, "main").await.unwrap();
    assert_eq!(snapshot.commit, next);
    world.assert_clean().await;
}

async fn a_quiet_tail_is_joined_too(world: World) {
    let repo = world.repo("quiet").await;
    let key = world.key(&repo).await;
    world.commit(&repo, "main", "a", "a").await;
    world.work().await;
    assert_eq!(world.git(key).await.tail_packs, 2, "too few and too young");
    world.clock.advance(Duration::from_secs(601));
    world.work().await;
    assert_eq!(world.git(key).await.tail_packs, 0);
    assert_eq!(world.packs(key).await.len(), 1);
    assert_eq!(read(&world.hub, &world.alice, &repo, "main", "a").await, "a");
    world.assert_clean().await;
}

async fn packs_stay_few_over_time(world: World) {
    let repo = world.repo("steady").await;
    let key = world.key(&repo).await;
    for n in 0..160_u64 {
        world.commit(&repo, "main", &format!("file-{}", n % 50), random(n, 3000)).await;
        if n % 16 == 0 {
            world.work().await;
            let packs = world.packs(key).await;
            let joined = packs.iter().filter(|pack| pack.kind != PackKind::Tail).count();
            assert!(joined <= 12 && packs.len() <= 12 + 32, "{packs:#?}");
        }
        if n % 50 == 49 {
            // Replaced packs go a day later, and nothing misses them.
            world.clock.advance(2 * crate::world::DAY);
            world.work().await;
        }
    }
    world.assert_clean().await;
    assert!(read(&world.hub, &world.alice, &repo, "main", "file-9").await == random(159, 3000));
}

async fn a_large_history_is_repacked_by_git(world: World) {
    if world.hub.git().is_none() {
        eprintln!("skipped: no git program");
        return;
    }
    let repo = world.repo("large").await;
    let key = world.key(&repo).await;
    // Each version differs little from the one before, so deltas save nearly everything.
    let mut content = random(1, 500_000).to_vec();
    for n in 0..12_u8 {
        content[usize::from(n) * 1000] = n;
        world.commit(&repo, "main", "weights", content.clone()).await;
    }
    world.branch(&repo, "side").await;
    world.commit(&repo, "side", "side", random(2, 70_000)).await;
    let before: i64 = world.packs(key).await.iter().map(|pack| pack.size_bytes).sum();
    world.work().await;
    let packs = world.packs(key).await;
    let after: i64 = packs.iter().map(|pack| pack.size_bytes).sum();
    assert!(packs.iter().all(|pack| pack.kind == PackKind::Repacked), "{packs:#?}");
    assert!(after < before / 4, "{before} bytes became {after}");
    let replica = world.replica().await;
    assert!(read(&replica, &world.alice, &repo, "main", "weights").await == content);
    assert!(read(&replica, &world.alice, &repo, "side", "side").await == random(2, 70_000));
    world.commit(&repo, "main", "more", "more").await;
    world.assert_clean().await;
    let left = std::fs::read_dir(world.hub.settings().cache_dir.join("git"));
    let left = left.map_or(0, |entries| {
        entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("repack-"))
            .count()
    });
    assert_eq!(left, 0, "the private copy is removed");
}

/// A git that takes its time over a repack.
fn slow_git(folder: &std::path::Path) -> std::path::PathBuf {
    let path = folder.join("git");
    let script =
        "#!/bin/sh\ncase \"$*\" in *repack*) /bin/sleep 5;; esac\nexec /usr/bin/git \"$@\"\n";
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_tells_how_far_it_is() {
    for stores in Stores::available() {
        let folder = tempfile::tempdir().unwrap();
        let setup = TestHub::on(stores).with_git(&slow_git(folder.path()));
        tells_how_far_it_is(World::set_up(setup).await).await;
    }
}

async fn tells_how_far_it_is(world: World) {
    if world.hub.git().is_none() {
        eprintln!("skipped: no git program");
        return;
    }
    let repo = world.repo("large").await;
    let subject = world.key(&repo).await.to_string();
    for n in 0..2 {
        world.commit(&repo, "main", "weights", random(n, 70_000)).await;
    }
    let now = world.hub.now();
    let mut tx = world.db.write().await.unwrap();
    job::enqueue(&mut tx, "git.repack", &subject, now, now).await.unwrap();
    tx.commit().await.unwrap();
    let seen = async |state: &str| {
        let mut conn = world.db.read().await.unwrap();
        let lines = job::list_jobs(&mut conn, state, i64::MAX, 100).await.unwrap();
        let line = lines.into_iter().find(|line| line.kind == "git.repack");
        line.and_then(|line| line.progress)
    };
    let steps = |done| Some(JobProgress { done, total: Some(4), unit: "steps".to_owned() });
    let watching = async {
        for _ in 0..100 {
            if let Some(told) = seen("running").await {
                return Some(told);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
    };
    let (worked, told) = tokio::join!(world.work(), watching);
    assert!(worked.done > 0);
    assert_eq!(told, steps(1), "while git works, the repository was laid out");
    assert_eq!(seen("done").await, steps(4));
}
