//! Jobs and their leases.

use std::collections::BTreeSet;

use steelyard_db::job::{self, JobProgress};

use crate::base::{Base, at, db_suite};

db_suite!(
    the_same_job_waits_once,
    jobs_are_claimed_in_the_order_they_are_due,
    a_lease_that_ran_out_is_taken_over,
    the_same_subject_is_never_worked_on_twice_at_once,
    failures_wait_or_end,
    progress_is_told_by_who_holds_the_lease,
    ended_jobs_are_cleared_away,
    replicas_never_claim_the_same_job,
);

async fn enqueue(base: &Base, kind: &str, subject: &str, run_at: i64) {
    let mut tx = base.write().await;
    job::enqueue(&mut tx, kind, subject, at(run_at), at(0)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim(base: &Base, owner: &str, now: i64) -> Option<job::JobRow> {
    let mut tx = base.write().await;
    let claimed = job::claim(&mut tx, owner, at(now), at(now + 60)).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

async fn counts(base: &Base) -> Vec<(String, String, i64)> {
    job::count_jobs(&mut base.read().await).await.unwrap()
}

async fn the_same_job_waits_once(base: Base) {
    for _ in 0..3 {
        enqueue(&base, "k", "s", 1).await;
    }
    enqueue(&base, "k", "other", 1).await;
    assert_eq!(counts(&base).await, [("k".to_owned(), "waiting".to_owned(), 2)]);
    assert!(job::is_pending(&mut base.read().await, "k", "s").await.unwrap());
    assert!(!job::is_pending(&mut base.read().await, "k", "x").await.unwrap());
    let claimed = claim(&base, "n", 5).await.unwrap();
    // While it runs, another may wait for its end; `ensure` does not see a need.
    let mut tx = base.write().await;
    assert!(!job::ensure(&mut tx, "k", &claimed.subject, at(1), at(0), at(5)).await.unwrap());
    job::enqueue(&mut tx, "k", &claimed.subject, at(1), at(5)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(counts(&base).await.iter().map(|(_, _, n)| n).sum::<i64>(), 3);
}

async fn jobs_are_claimed_in_the_order_they_are_due(base: Base) {
    enqueue(&base, "k", "late", 50).await;
    enqueue(&base, "k", "early", 10).await;
    enqueue(&base, "k", "future", 500).await;
    assert!(claim(&base, "n", 9).await.is_none());
    let first = claim(&base, "n", 100).await.unwrap();
    assert_eq!((&*first.kind, &*first.subject, first.attempts), ("k", "early", 1));
    assert_eq!(claim(&base, "n", 100).await.unwrap().subject, "late");
    assert!(claim(&base, "n", 100).await.is_none());
    let mut tx = base.write().await;
    job::finish(&mut tx, first.id, "somebody else", at(101)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(job::is_pending(&mut base.read().await, "k", "early").await.unwrap());
    let mut tx = base.write().await;
    job::finish(&mut tx, first.id, "n", at(101)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!job::is_pending(&mut base.read().await, "k", "early").await.unwrap());
}

async fn a_lease_that_ran_out_is_taken_over(base: Base) {
    enqueue(&base, "k", "s", 0).await;
    let first = claim(&base, "one", 0).await.unwrap();
    assert!(claim(&base, "two", 60).await.is_none());
    let mut tx = base.write().await;
    assert!(job::renew(&mut tx, first.id, "one", at(100)).await.unwrap());
    tx.commit().await.unwrap();
    assert!(claim(&base, "two", 99).await.is_none());
    let again = claim(&base, "two", 101).await.unwrap();
    assert_eq!((again.id, again.attempts), (first.id, 2));
    let mut tx = base.write().await;
    assert!(!job::renew(&mut tx, first.id, "one", at(999)).await.unwrap());
    job::fail(&mut tx, first.id, "one", "late", None, at(102)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(counts(&base).await, [("k".to_owned(), "running".to_owned(), 1)]);
}

async fn the_same_subject_is_never_worked_on_twice_at_once(base: Base) {
    enqueue(&base, "k", "s", 0).await;
    let first = claim(&base, "one", 1).await.unwrap();
    enqueue(&base, "k", "s", 0).await;
    enqueue(&base, "other", "s", 0).await;
    assert_eq!(claim(&base, "two", 1).await.unwrap().kind, "other");
    assert!(claim(&base, "two", 1).await.is_none());
    let mut tx = base.write().await;
    job::finish(&mut tx, first.id, "one", at(2)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(&base, "two", 3).await.unwrap().kind, "k");
}

async fn failures_wait_or_end(base: Base) {
    enqueue(&base, "k", "s", 0).await;
    let job = claim(&base, "n", 1).await.unwrap();
    let mut tx = base.write().await;
    job::fail(&mut tx, job.id, "n", "reason", Some(at(30)), at(2)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(claim(&base, "n", 29).await.is_none());
    let again = claim(&base, "n", 30).await.unwrap();
    assert_eq!((again.id, again.attempts), (job.id, 2));
    let mut tx = base.write().await;
    job::fail(&mut tx, job.id, "n", "reason", None, at(40)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(counts(&base).await, [("k".to_owned(), "failed".to_owned(), 1)]);
    let mut tx = base.write().await;
    assert!(
        !job::ensure(&mut tx, "k", "s", at(50), at(39), at(50)).await.unwrap(),
        "it failed a moment ago"
    );
    assert!(job::ensure(&mut tx, "k", "s", at(50), at(40), at(50)).await.unwrap());
    tx.commit().await.unwrap();
    // A failure beside a waiting twin ends: the twin does the work.
    let job = claim(&base, "n", 51).await.unwrap();
    enqueue(&base, "k", "s", 60).await;
    let mut tx = base.write().await;
    job::fail(&mut tx, job.id, "n", "reason", Some(at(70)), at(52)).await.unwrap();
    tx.commit().await.unwrap();
    let counts = counts(&base).await;
    assert_eq!(
        counts,
        [("k".to_owned(), "failed".to_owned(), 2), ("k".to_owned(), "waiting".to_owned(), 1)]
    );
}

async fn progress_is_told_by_who_holds_the_lease(base: Base) {
    enqueue(&base, "k", "s", 0).await;
    let job = claim(&base, "n", 7).await.unwrap();
    let line = async || job::list_jobs(&mut base.read().await, "", 99, 9).await.unwrap().remove(0);
    assert_eq!((line().await.started_at, line().await.progress), (Some(at(7)), None));
    let half = JobProgress { done: 5, total: Some(10), unit: "bytes".to_owned() };
    let open = JobProgress { done: u64::MAX, total: None, unit: "packs".to_owned() };
    for (owner, told, seen) in [
        ("somebody else", &half, None),
        ("n", &half, Some(half.clone())),
        ("n", &open, Some(JobProgress { done: i64::MAX as u64, ..open.clone() })),
        ("n", &half, Some(half.clone())),
    ] {
        let mut tx = base.write().await;
        job::record_progress(&mut tx, job.id, owner, told).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(line().await.progress, seen);
    }
    let mut tx = base.write().await;
    job::fail(&mut tx, job.id, "n", "reason", Some(at(30)), at(20)).await.unwrap();
    job::record_progress(&mut tx, job.id, "n", &open).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(line().await.progress, Some(half), "what a failed run came to stays to be seen");
    claim(&base, "n", 31).await.unwrap();
    assert_eq!((line().await.started_at, line().await.progress), (Some(at(31)), None));
}

async fn ended_jobs_are_cleared_away(base: Base) {
    for (subject, error) in [("done", None), ("failed", Some("reason"))] {
        enqueue(&base, "k", subject, 0).await;
        let job = claim(&base, "n", 1).await.unwrap();
        let mut tx = base.write().await;
        match error {
            None => job::finish(&mut tx, job.id, "n", at(100)).await.unwrap(),
            Some(error) => job::fail(&mut tx, job.id, "n", error, None, at(100)).await.unwrap(),
        }
        tx.commit().await.unwrap();
    }
    enqueue(&base, "k", "waiting", 0).await;
    let mut tx = base.write().await;
    assert_eq!(job::delete_ended(&mut tx, at(100), at(100)).await.unwrap(), 0);
    assert_eq!(job::delete_ended(&mut tx, at(101), at(100)).await.unwrap(), 1);
    assert_eq!(job::delete_ended(&mut tx, at(101), at(101)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(counts(&base).await, [("k".to_owned(), "waiting".to_owned(), 1)]);
}

async fn replicas_never_claim_the_same_job(base: Base) {
    for n in 0..30 {
        enqueue(&base, "k", &n.to_string(), 0).await;
    }
    let workers: Vec<_> = (0..6)
        .map(|worker| {
            let db = base.db.clone();
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                loop {
                    let mut tx = db.write().await.unwrap();
                    let job =
                        job::claim(&mut tx, &worker.to_string(), at(1), at(100)).await.unwrap();
                    tx.commit().await.unwrap();
                    let Some(job) = job else { return claimed };
                    claimed.push(job.id);
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(all.len(), 30);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 30);
}
