//! A process dies while it takes uploads in: what it had answered is there, nothing is half there, and all of it can be
//! done again.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use steelyard_core::RepoId;
use steelyard_core::Visibility::Private;
use steelyard_core::fault::arm_crash;
use steelyard_db::lfs::Home;

use crate::client::{pack, random, send};
use crate::planted::sha256;
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
