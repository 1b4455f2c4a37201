//! Leases, retries and the loop that a server runs.

use std::time::Duration;

use steelyard_db::job;
use tokio_util::sync::CancellationToken;

use crate::world::World;

steelyard_testkit::on_every_store!(
    a_failing_job_is_tried_five_times_and_then_left_for_an_hour,
    a_job_of_a_dead_replica_is_taken_over,
    two_replicas_do_not_double_the_work,
    the_loop_works_and_stops_at_once,
);

async fn enqueue(world: &World, kind: &str, subject: &str) {
    let now = steelyard_core::Clock::now(&*world.clock);
    let mut tx = world.db.write().await.unwrap();
    job::enqueue(&mut tx, kind, subject, now, now).await.unwrap();
    tx.commit().await.unwrap();
}

/// Kind, state and attempts of every job about a repository.
async fn jobs(world: &World) -> Vec<(String, String, i64)> {
    let sql = "SELECT kind, state, attempts FROM job WHERE subject <> '' ORDER BY id";
    let rows = world.db.read().await.unwrap().fetch_all(sql, Vec::new()).await.unwrap();
    let text = |row: &steelyard_db::Row, column| row.text(column).unwrap();
    rows.iter()
        .map(|row| (text(row, "kind"), text(row, "state"), row.int("attempts").unwrap()))
        .collect()
}

async fn a_failing_job_is_tried_five_times_and_then_left_for_an_hour(world: World) {
    enqueue(&world, "git.join", "nonsense").await;
    for (attempt, pause) in (1..=5).zip([11, 41, 161, 641, 0]) {
        let tally = world.hub.run_jobs_until_idle().await.unwrap();
        assert_eq!(tally.failed, 1, "attempt {attempt}");
        let state = if attempt == 5 { "failed" } else { "waiting" };
        assert_eq!(jobs(&world).await, [("git.join".to_owned(), state.to_owned(), attempt)]);
        assert_eq!(world.hub.run_jobs_until_idle().await.unwrap().failed, 0, "not before its time");
        world.clock.advance(Duration::from_secs(pause));
    }
    let errors = world.job_errors().await;
    assert!(errors[0].contains("is no repository"), "{errors:?}");
    let now = steelyard_core::Clock::now(&*world.clock);
    for (since, is_new) in [(-1800, false), (1, true)] {
        let mut tx = world.db.write().await.unwrap();
        let done = job::ensure(&mut tx, "git.join", "nonsense", now, now.plus_secs(since), now)
            .await
            .unwrap();
        assert_eq!(done, is_new);
    }
    world.hub.record_gauges().await.unwrap();
    // A week later nobody remembers.
    world.clock.advance(8 * crate::world::DAY);
    world.work().await;
    assert_eq!(jobs(&world).await, []);
}

async fn a_job_of_a_dead_replica_is_taken_over(world: World) {
    let repo = world.repo("lease").await;
    let key = world.key(&repo).await;
    world.commit(&repo, "main", "a", "a").await;
    enqueue(&world, "git.join", &key.to_string()).await;
    let now = steelyard_core::Clock::now(&*world.clock).plus_secs(1);
    let mut tx = world.db.write().await.unwrap();
    let claimed = job::claim(&mut tx, "dead", now, now.plus_secs(60)).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claimed.subject, key.to_string());
    world.work().await;
    assert_eq!(world.git(key).await.tail_packs, 2, "the lease is respected");
    world.clock.advance(Duration::from_secs(62));
    world.work().await;
    assert_eq!(world.git(key).await.tail_packs, 0);
    assert_eq!(jobs(&world).await, [("git.join".to_owned(), "done".to_owned(), 2)]);
    let mut tx = world.db.write().await.unwrap();
    assert!(!job::renew(&mut tx, claimed.id, "dead", now.plus_secs(900)).await.unwrap());
}

async fn two_replicas_do_not_double_the_work(world: World) {
    let repo = world.repo("both").await;
    let key = world.key(&repo).await;
    for n in 0..40 {
        world.commit(&repo, "main", &format!("{n}"), format!("{n}")).await;
    }
    let other = world.replica().await;
    let (one, two) = tokio::join!(world.hub.run_jobs_until_idle(), other.run_jobs_until_idle());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.failed, two.failed), (0, 0));
    let sql = "SELECT COUNT(*) AS n FROM job WHERE subject = '' AND state = 'done'";
    let row = world.db.read().await.unwrap().fetch_one(sql, Vec::new()).await.unwrap();
    assert_eq!(row.int("n").unwrap(), 13, "one run of each kind about the whole hub");
    // A scan that read before the join ended may ask for another, which finds nothing to do.
    assert_eq!(world.git(key).await.generation, 1, "the tail was joined once");
    world.assert_clean().await;
}

async fn the_loop_works_and_stops_at_once(world: World) {
    let repo = world.repo("loop").await;
    let key = world.key(&repo).await;
    for n in 0..40 {
        world.commit(&repo, "main", &format!("{n}"), format!("{n}")).await;
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(steelyard_service::jobs::run(world.hub.clone(), stop.clone()));
    for _ in 0..400 {
        if world.git(key).await.tail_packs < 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(world.git(key).await.tail_packs < 2);
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
    world.assert_clean().await;
}
