//! Every call of a store fails once, before or after its effect, in the middle of a join and of a drop: nothing is lost,
//! and the work is done when it is tried again.

use std::time::Duration;

use steelyard_core::RepoId;
use steelyard_core::fault::Moment;
use steelyard_service::fsck::Severity;

use crate::world::{DAY, World, random, read};

steelyard_testkit::on_every_store!(a_join_survives_every_fault, a_drop_survives_every_fault);

/// More calls than any of the jobs makes.
const CALLS_MAX: u64 = 400;

/// Runs the jobs with the N-th call failing, once for every N until none fails; true when a call was failed.
async fn work_with_fault(world: &World, n: u64, moment: Moment) -> bool {
    world.db.faults().arm(n, moment);
    let result = world.hub.run_jobs_until_idle().await;
    let fired = world.db.faults().disarm();
    if !fired {
        assert_eq!(result.unwrap().failed, 0);
    }
    fired
}

async fn check(world: &World, repo: &RepoId, files: &[(String, u64, usize)]) {
    let mut complaints = world.complaints(false).await;
    // A sweep that was failed leaves replaced packs for longer than they should be there.
    complaints.retain(|finding| finding.severity == Severity::Error);
    assert!(complaints.is_empty(), "{complaints:#?}");
    for (path, seed, size) in files.iter().rev().take(5) {
        assert!(
            read(&world.hub, &world.alice, repo, "main", path).await == random(*seed, *size),
            "{path}"
        );
    }
}

async fn a_join_survives_every_fault(world: World) {
    let repo = world.repo("join").await;
    let key = world.key(&repo).await;
    for moment in [Moment::Before, Moment::After] {
        let mut files: Vec<(String, u64, usize)> = Vec::new();
        for n in 1.. {
            assert!(n < CALLS_MAX, "the jobs never end");
            for part in 0..2_u64 {
                let (path, seed) = (format!("file-{}", (n + part) % 20), 2 * n + part);
                // The second makes the joined pack too large for a row.
                let size = if part == 1 { 40_000 } else { 300 };
                world.commit(&repo, "main", &path, random(seed, size)).await;
                files.retain(|(other, ..)| *other != path);
                files.push((path, seed, size));
            }
            world.clock.advance(Duration::from_secs(2 * 3600));
            let fired = work_with_fault(&world, n, moment).await;
            check(&world, &repo, &files).await;
            world.clock.advance(2 * DAY);
            world.work().await;
            if !fired {
                break;
            }
        }
        let state = world.git(key).await;
        assert!(state.tail_packs < 2, "{state:?}");
        world.assert_clean().await;
    }
}

async fn a_drop_survives_every_fault(world: World) {
    let repo = world.repo("drop").await;
    let key = world.key(&repo).await;
    for moment in [Moment::Before, Moment::After] {
        let mut files: Vec<(String, u64, usize)> = Vec::new();
        for n in 1.. {
            assert!(n < CALLS_MAX, "the jobs never end");
            let name = format!("cut-{n}-{moment:?}");
            world.branch(&repo, &name).await;
            world.commit(&repo, &name, "cut", random(1000 + n, 1000)).await;
            let path = format!("file-{}", n % 20);
            world.commit(&repo, "main", &path, random(n, 10_000)).await;
            files.retain(|(other, ..)| *other != path);
            files.push((path, n, 10_000));
            world.delete_branch(&repo, &name).await;
            world.clock.advance(15 * DAY);
            let fired = work_with_fault(&world, n, moment).await;
            check(&world, &repo, &files).await;
            world.clock.advance(2 * DAY);
            world.work().await;
            if !fired {
                break;
            }
        }
        let state = world.git(key).await;
        assert!(!state.drop_wanted, "{state:?}");
        world.assert_clean().await;
    }
}
