//! A process dies in the middle of background work: the next one finds everything whole and does the work again.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use steelyard_blob::Key;
use steelyard_core::fault::arm_crash;
use steelyard_core::{RepoId, Revision};
use steelyard_service::lfs::UploadWays;
use steelyard_service::{Action, Actor};

use crate::invariants;
use crate::world::{MODEL, World, id, put, put_large, random};

const DIRECTORY: &str = "STEELYARD_CRASH_DIRECTORY";
const POINT: &str = "STEELYARD_CRASH_POINT";

fn kept() -> RepoId {
    id("alice", "kept")
}

/// Leaves work of every kind behind: a tail to join, history to drop, large files and repositories to sweep.
async fn leave_work(world: &World) {
    let kept = world.repo("kept").await;
    for n in 0..40 {
        world.commit(&kept, vec![put(&format!("file-{n}"), random(n, 20_000))]).await;
    }
    // Enough to be worth a repack, once it is joined.
    for n in 200..210 {
        world.commit(&kept, vec![put(&format!("file-{n}"), random(n, 600_000))]).await;
    }
    let large = world.upload(&kept, &random(100, 5000)).await.unwrap();
    world.commit(&kept, vec![put_large("kept.bin", large)]).await;
    let main = Revision::parse("main").unwrap();
    world.hub.create_branch(&world.alice, MODEL, &kept, "cut", Some(&main)).await.unwrap();
    let cut = crate::world::request(vec![put("cut.txt", random(101, 20_000))]);
    world.hub.commit(&world.alice, MODEL, &kept, "cut", cut).await.unwrap();
    world.hub.delete_branch(&world.alice, MODEL, &kept, "cut").await.unwrap();
    let gone = world.repo("gone").await;
    let lost = world.upload(&gone, &random(102, 5000)).await.unwrap();
    world
        .commit(&gone, vec![put_large("lost.bin", lost), put("stored.bin", random(103, 90_000))])
        .await;
    // A pack whose transaction never came, and a grant that nobody uses.
    let orphan = Key::pack(uuid::Uuid::from_u128(1));
    world.blobs.put(&orphan, random(104, 100)).await.unwrap();
    let unused = crate::world::pointer_of(b"never sent");
    let ways = UploadWays::default();
    world.hub.grant_uploads(&world.alice, MODEL, &gone, ways, &[unused]).await.unwrap();
    world.hub.delete_repo(&world.alice, MODEL, &gone).await.unwrap();
}

/// Months go by, with background work now and then.
async fn work(world: &World) {
    for _ in 0..8 {
        world.clock.advance(Duration::from_secs(15 * 24 * 3600));
        let tally = world.hub.run_jobs_until_idle().await.unwrap();
        assert_eq!(tally.failed, 0);
    }
}

/// Not a test but the victim of the one below, which runs it in a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by a_crash_in_background_work_loses_nothing"]
async fn victim() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let world = World::embedded_at(Path::new(&directory), 1).await;
    leave_work(&world).await;
    arm_crash(&std::env::var(POINT).unwrap(), 1);
    work(&world).await;
}

async fn a_crash_at(point: &str) {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--include-ignored", "crashes::victim"])
        .env(DIRECTORY, directory.path())
        .env(POINT, point)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(6), "the victim must abort at {point}: {text}");
    let world = World::embedded_at(directory.path(), 2).await;
    invariants::check(&world.db, &world.blobs, 0).await;
    check_kept(&world).await;
    // A leftover lease has run out by now, and the work is done.
    world.clock.advance(Duration::from_secs(200 * 24 * 3600));
    work(&world).await;
    invariants::check(&world.db, &world.blobs, 0).await;
    check_kept(&world).await;
    let mut conn = world.db.read().await.unwrap();
    let left = conn.fetch_all("SELECT id FROM repo", Vec::new()).await.unwrap();
    assert_eq!(left.len(), 1, "{point}: the deleted repository is purged");
    let key = left[0].int("id").unwrap();
    let state = steelyard_db::refs::find_git(&mut conn, key).await.unwrap().unwrap();
    assert!(!state.drop_wanted && state.tail_packs < 2, "{point}: {state:?}");
    let objects = steelyard_db::lfs::list_objects(&mut conn, &[], 10).await.unwrap();
    assert_eq!(objects.len(), 1, "{point}: the other content is swept");
    let orphan = Key::pack(uuid::Uuid::from_u128(1));
    assert!(world.blobs.head(&orphan).await.unwrap().is_none(), "{point}: the orphan is swept");
}

async fn check_kept(world: &World) {
    // The repository is public.
    let nobody = Actor::Anonymous;
    let main = Revision::parse("main").unwrap();
    let snapshot =
        world.hub.snapshot(&nobody, MODEL, &kept(), &main, Action::ReadContent).await.unwrap();
    for n in (0..40).chain(200..210) {
        let entry = snapshot.get_file(&format!("file-{n}")).unwrap();
        let size = if n < 200 { 20_000 } else { 600_000 };
        assert!(snapshot.blob(entry.oid).unwrap() == random(n, size));
    }
    let large = crate::world::pointer_of(&random(100, 5000));
    world.hub.get_link(&snapshot, "kept.bin", large.sha256).await.unwrap();
}

macro_rules! crash_tests {
    ($($name:ident => $point:literal),* $(,)?) => {
        $(#[tokio::test]
        async fn $name() {
            a_crash_at($point).await;
        })*
    };
}

// `tests/tests/crash.rs` checks that every fail point of the sources is in this list or in its own.
crash_tests! {
    drop_stored => "drop.stored",
    drop_before_commit => "drop.before_commit",
    drop_after_commit => "drop.after_commit",
    join_stored => "join.stored",
    join_before_commit => "join.before_commit",
    join_after_commit => "join.after_commit",
    repack_stored => "repack.stored",
    lfs_sweep_staged_gone => "lfs.sweep.staged_gone",
    lfs_sweep_bytes_gone => "lfs.sweep.bytes_gone",
    sweep_before_commit => "sweep.before_commit",
    sweep_rows_gone => "sweep.rows_gone",
    sweep_orphan_gone => "sweep.orphan_gone",
}
