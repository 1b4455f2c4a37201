//! The event log is read without gaps while others write.

use serde_json::json;
use steelyard_db::feed::Feed;
use steelyard_db::{Conn, Tx, event};

use crate::base::{Base, at, db_suite};

db_suite!(
    a_feed_gives_every_event_once_and_in_order,
    a_feed_begins_with_what_is_not_committed_yet,
    a_feed_is_put_back_by_its_copy,
);

async fn append(tx: &mut Tx, kind: &str) {
    event::append_event(tx, kind, None, Some(7), &json!({}), at(1)).await.unwrap();
}

async fn append_and_commit(base: &Base, kind: &str) {
    let mut tx = base.write().await;
    append(&mut tx, kind).await;
    tx.commit().await.unwrap();
}

async fn kinds(feed: &mut Feed, conn: &mut Conn, limit: i64) -> Vec<String> {
    let events = feed.next(conn, limit).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

async fn a_feed_gives_every_event_once_and_in_order(base: Base) {
    append_and_commit(&base, "before").await;
    let mut conn = base.read().await;
    let mut feed = Feed::begin(&mut conn).await.unwrap();
    assert_eq!(kinds(&mut feed, &mut conn, 10).await, Vec::<String>::new());
    for n in 0..5 {
        append_and_commit(&base, &format!("e{n}")).await;
    }
    assert_eq!(kinds(&mut feed, &mut conn, 2).await, ["e0", "e1"]);
    append_and_commit(&base, "e5").await;
    assert_eq!(kinds(&mut feed, &mut conn, 2).await, ["e2", "e3"]);
    // What was committed while a page was open comes with a later one.
    let mut rest = Vec::new();
    loop {
        let more = kinds(&mut feed, &mut conn, 2).await;
        if more.is_empty() {
            break;
        }
        rest.extend(more);
    }
    assert_eq!(rest, ["e4", "e5"]);
    let last = event::last_event_id(&mut conn).await.unwrap();
    let all = event::list_events(&mut conn, 0, 100).await.unwrap();
    assert_eq!((all.len(), all.last().unwrap().id), (7, last));
}

async fn a_feed_begins_with_what_is_not_committed_yet(base: Base) {
    let mut tx = base.write().await;
    append(&mut tx, "open").await;
    let mut conn = base.read().await;
    let mut feed = Feed::begin(&mut conn).await.unwrap();
    assert_eq!(kinds(&mut feed, &mut conn, 10).await, Vec::<String>::new());
    tx.commit().await.unwrap();
    assert_eq!(kinds(&mut feed, &mut conn, 10).await, ["open"]);
    assert_eq!(kinds(&mut feed, &mut conn, 10).await, Vec::<String>::new());
}

async fn a_feed_is_put_back_by_its_copy(base: Base) {
    let mut conn = base.read().await;
    let mut feed = Feed::begin(&mut conn).await.unwrap();
    append_and_commit(&base, "once").await;
    let mut ahead = feed.clone();
    assert_eq!(kinds(&mut ahead, &mut conn, 10).await, ["once"]);
    assert_eq!(kinds(&mut feed, &mut conn, 10).await, ["once"], "it was read, not worked on");
    assert_eq!(kinds(&mut ahead, &mut conn, 10).await, Vec::<String>::new());
}

/// Only a server lets two transactions write at once: the one that takes the smaller id commits last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_commit_with_a_small_id_is_not_missed() {
    let Some(base) = Base::postgres().await else { return };
    let mut conn = base.read().await;
    let mut feed = Feed::begin(&mut conn).await.unwrap();
    let (mut slow, mut fast) = (base.write().await, base.write().await);
    append(&mut slow, "slow").await;
    append(&mut fast, "fast").await;
    fast.commit().await.unwrap();
    let mut naive = 0;
    assert_eq!(kinds(&mut feed, &mut conn, 10).await, ["fast"], "nobody waits for the slow one");
    naive = event::list_events(&mut conn, naive, 10).await.unwrap().last().unwrap().id;
    // Another one comes and goes meanwhile.
    append_and_commit(&base, "third").await;
    assert_eq!(kinds(&mut feed, &mut conn, 10).await, ["third"]);
    slow.commit().await.unwrap();
    assert_eq!(kinds(&mut feed, &mut conn, 10).await, ["slow"]);
    assert_eq!(kinds(&mut feed, &mut conn, 10).await, Vec::<String>::new());
    // Going by ids alone misses it, which is what this is about.
    let after = event::list_events(&mut conn, naive, 10).await.unwrap();
    assert!(after.iter().all(|event| event.kind != "slow"), "{after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_and_late_commits_together_lose_nothing() {
    let Some(base) = Base::postgres().await else { return };
    let mut conn = base.read().await;
    let mut feed = Feed::begin(&mut conn).await.unwrap();
    let mut open = Vec::new();
    let mut seen = Vec::new();
    for round in 0..12 {
        let mut tx = base.write().await;
        append(&mut tx, &format!("late{round}")).await;
        open.push(tx);
        append_and_commit(&base, &format!("soon{round}")).await;
        // Every third round lets the second oldest go, so that commits are out of order.
        if round % 3 == 2 {
            open.remove(1).commit().await.unwrap();
        }
        seen.extend(kinds(&mut feed, &mut conn, 2).await);
    }
    let dropped = open.pop().unwrap();
    drop(dropped);
    let left = open.len();
    for tx in open {
        tx.commit().await.unwrap();
    }
    loop {
        let more = kinds(&mut feed, &mut conn, 3).await;
        if more.is_empty() {
            break;
        }
        seen.extend(more);
    }
    assert_eq!(seen.len(), 12 + 4 + left, "{seen:?}");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 12 + 4 + left, "each once");
    assert!(!seen.contains(&"late11".to_owned()), "what was rolled back never happened");
}
