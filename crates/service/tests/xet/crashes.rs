//! A process dies while it takes uploads in: what it had answered is there, nothing is half there, and all of it can be
//! done again.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use steelyard_blob::{Family, Key};
use steelyard_core::RepoId;
use steelyard_core::Visibility::Private;
use steelyard_core::fault::arm_crash;
use steelyard_db::lfs::Home;

use crate::client::{pack, random, send};
use crate::planted::{Kind, chunks, sha256};
use crate::stores;
use crate::world::{World, id};

const DIRECTORY: &str = "STEELYARD_CRASH_DIRECTORY";
const POINT: &str = "STEELYARD_CRASH_POINT";

fn repo() -> RepoId {
    id("alice", "m")
}

/// A file that is checked at once, and one whose SHA-256 is a claim until a job has read it.
fn files(round: u64) -> [Vec<u8>; 2] {
    [random(round * 10, 300_000), random(round * 10 + 1, 200_000)]
}

/// Uploads, registers and verifies.
async fn work(w: &World, round: u64) {
    let believing = w.hub_with(7, |settings| settings.xet.verify_now_bytes_max = 0).await;
    let token = w.write_token(&w.alice, &repo()).await;
    let [checked, claimed] = files(round);
    send(&w.hub, &token, &pack(&[&checked], 3)).await.unwrap();
    send(&believing, &token, &pack(&[&claimed], 8192)).await.unwrap();
    // A leftover lease has run out by now.
    w.clock.advance(Duration::from_secs(300));
    assert_eq!(w.hub.run_jobs_until_idle().await.unwrap().failed, 0);
}

async fn assert_there(w: &World, round: u64) {
    for data in files(round) {
        let link = w.link_of(&repo(), sha256(&data)).await.unwrap();
        assert!(matches!(link.home, Home::Xet { .. }), "{link:?}");
        w.assert_content(&repo(), &data).await;
    }
}

/// Not a test but the victim of the one below, which runs it in a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the tests of this file"]
async fn victim() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let w = World::embedded_at(Path::new(&directory)).await;
    w.repo(&w.alice, "m", Private).await;
    work(&w, 1).await;
    arm_crash(&std::env::var(POINT).unwrap(), 1);
    work(&w, 2).await;
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
    let w = World::embedded_at(directory.path()).await;
    w.clock.advance(Duration::from_secs(3600));
    stores::check(&w.db, &w.blobs).await;
    assert_there(&w, 1).await;
    work(&w, 2).await;
    stores::check(&w.db, &w.blobs).await;
    assert_there(&w, 1).await;
    assert_there(&w, 2).await;
    assert_eq!(w.count("xet_file").await, 4, "{point}: nothing is registered twice");
}

macro_rules! crash_tests {
    ($($name:ident => $point:literal),* $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            a_crash_at($point).await;
        })*
    };
}

// `tests/tests/crash.rs` checks that every fail point of the sources is in a list like this.
crash_tests! {
    xorb_durable => "xet.xorb.durable",
    xorb_before_commit => "xet.xorb.before_commit",
    xorb_after_commit => "xet.xorb.after_commit",
    shard_checked => "xet.shard.checked",
    shard_xorbs_held => "xet.shard.xorbs_held",
    shard_before_commit => "xet.shard.before_commit",
    shard_after_commit => "xet.shard.after_commit",
    verify_read => "xet.verify.read",
    verify_before_commit => "xet.verify.before_commit",
    verify_after_commit => "xet.verify.after_commit",
}

/// A content that waits to be put into xorbs, and garbage of every kind beside things that are in use.
async fn leave_garbage(w: &World) {
    let repo = repo();
    w.plant_raw(&repo, &random(50, 2_000_000)).await;
    let kept = w.plant_xorb(chunks(Kind::Random, 1, 12), 1).await;
    let dropped = w.plant_xorb(chunks(Kind::Random, 2, 12), 2).await;
    w.plant_xorb(chunks(Kind::Random, 3, 4), 3).await;
    let small = w.plant_file(&[(&kept, 2..4)]).await;
    w.link(&repo, &small).await;
    w.plant_file(&[(&kept, 0..12), (&dropped, 0..12)]).await;
    w.blobs.put(&Key::xorb(&kept.hash, 77), random(51, 100).into()).await.unwrap();
}

fn small() -> Vec<u8> {
    chunks(Kind::Random, 1, 12)[2..4].concat()
}

/// Months go by after the real time, which is what the store tells, with the jobs of each week.
async fn months(w: &World) {
    let stored = w.blobs.list(Family::Xorbs, None, 100).await.unwrap();
    let written = stored.iter().map(|(_, info)| info.modified).max().unwrap();
    w.clock.set(w.hub.now().max(written));
    for _ in 0..20 {
        w.clock.advance(Duration::from_secs(7 * 24 * 3600));
        assert_eq!(w.hub.run_jobs_until_idle().await.unwrap().failed, 0);
    }
}

async fn assert_kept(w: &World) {
    stores::check(&w.db, &w.blobs).await;
    for data in [random(50, 2_000_000), small()] {
        w.assert_content(&repo(), &data).await;
    }
}

/// The victim of the tests below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the tests of this file"]
async fn clearing_victim() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let w = World::embedded_at(Path::new(&directory)).await;
    w.repo(&w.alice, "m", Private).await;
    leave_garbage(&w).await;
    arm_crash(&std::env::var(POINT).unwrap(), 1);
    months(&w).await;
}

async fn a_crash_while_clearing_at(point: &str) {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--include-ignored", "crashes::clearing_victim"])
        .env(DIRECTORY, directory.path())
        .env(POINT, point)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(6), "the victim must abort at {point}: {text}");
    let w = World::embedded_at(directory.path()).await;
    assert_kept(&w).await;
    w.clock.advance(Duration::from_secs(200 * 24 * 3600));
    months(&w).await;
    assert_kept(&w).await;
    assert_eq!(w.count("xet_file").await, 2, "{point}: what nobody names is gone");
    let left = w.blobs.list(Family::Xorbs, None, 100).await.unwrap();
    assert_eq!(left.len(), usize::try_from(w.count("xorb").await).unwrap(), "{point}: {left:?}");
    assert_eq!(left.len(), 2, "{point}: one of the content, one with what is left of another");
    let raw = w.blobs.list(Family::Lfs, None, 100).await.unwrap();
    assert!(raw.is_empty(), "{point}: the object that is left over is gone");
}

macro_rules! clearing_crash_tests {
    ($($name:ident => $point:literal),* $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            a_crash_while_clearing_at($point).await;
        })*
    };
}

clearing_crash_tests! {
    own_xorb_durable => "xet.own_xorb.durable",
    chunk_stored => "xet.chunk.stored",
    chunk_before_commit => "xet.chunk.before_commit",
    chunk_after_commit => "xet.chunk.after_commit",
    left_over_gone => "lfs.sweep.left_over_gone",
    gc_files_gone => "xet.gc.files_gone",
    gc_condemned => "xet.gc.condemned",
    gc_claimed => "xet.gc.claimed",
    gc_object_gone => "xet.gc.object_gone",
    gc_orphan_gone => "xet.gc.orphan_gone",
    compact_stored => "xet.compact.stored",
    compact_before_commit => "xet.compact.before_commit",
}
