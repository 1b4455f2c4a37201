//! Stores that fail in the middle of a push.

use std::path::Path;

use steelyard_core::fault::{FaultPlan, Moment};
use steelyard_testkit::Stores;

use crate::world::{MODEL, World, commit, noise, ref_of};

/// Pushes with the N-th call failing, for every N until no call is left to fail. Whatever fails: the branch is where it
/// was or where it should be, everything it needs can be fetched, and pushing again works.
async fn push_through_faults(world: &World, plan: &FaultPlan, moment: Moment, file_bytes: usize) {
    let hub = &world.test.hub;
    let id = world.row(MODEL).await.id;
    let name = format!("{moment:?}{file_bytes}");
    let work = world.clone(MODEL, &name, &[]);
    let witness = world.clone(MODEL, &format!("witness{name}"), &[]);
    for n in 1..200 {
        let old = world.run(&work, &["rev-parse", "HEAD"]);
        let new = commit(world, &work, &[("data.bin", &noise(file_bytes, n))]);
        plan.arm(n, moment);
        let said = world.git(&work, &["push", "-q", "origin", "main"]);
        let fired = plan.disarm();
        let found = ref_of(hub, id, "refs/heads/main").await.unwrap().oid.to_string();
        assert!(found == new || (found == old && !said.ok), "call {n}: {}", said.err);
        check(world, &witness, &found);
        world.run(&work, &["push", "-q", "origin", "main"]);
        check(world, &witness, &new);
        if !fired {
            assert!(said.ok, "{}", said.err);
            assert!(n > 1, "the plan was not asked");
            world.run(&witness, &["fsck", "--full", "--strict"]);
            return;
        }
    }
    panic!("a push makes more calls than it should");
}

fn check(world: &World, witness: &Path, head: &str) {
    world.run(witness, &["fetch", "-q", "origin"]);
    assert_eq!(world.run(witness, &["rev-parse", "origin/main"]), head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_database_call_leaves_the_old_or_the_new() {
    for stores in Stores::available() {
        let world = World::start_on(stores).await;
        let plan = world.test.hub.db().faults();
        for moment in [Moment::Before, Moment::After] {
            push_through_faults(&world, plan, moment, 2000).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_object_store_call_leaves_the_old_or_the_new() {
    for stores in Stores::available() {
        let world = World::start_on(stores).await;
        let plan = std::sync::Arc::clone(&world.test.blob_faults);
        for moment in [Moment::Before, Moment::After] {
            // Too large for a row: the pack goes to the object store first.
            push_through_faults(&world, &plan, moment, 200_000).await;
        }
    }
}
