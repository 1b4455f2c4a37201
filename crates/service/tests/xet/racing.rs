//! Two replicas do the same at the same time.

use std::time::Duration;

use steelyard_blob::Family;
use steelyard_core::Visibility::Private;
use steelyard_db::xet;

use crate::client::{pack, random, send, send_shard, send_xorb};
use crate::planted::sha256;
use crate::stores;
use crate::world::{World, on_every_store};

on_every_store!(
    the_same_xorb_is_stored_once,
    the_same_shard_is_registered_once,
    shards_with_the_same_files_do_not_wait_in_a_circle,
    a_xorb_is_condemned_or_used_but_not_both,
    the_same_file_is_verified_twice,
);

/// Rounds of each race.
const ROUNDS: u64 = 12;

async fn the_same_xorb_is_stored_once(w: World) {
    let other = w.replica(2).await;
    let (mine, bobs) = (w.repo(&w.alice, "m", Private).await, w.repo(&w.bob, "m", Private).await);
    let (alice, bob) = (w.write_token(&w.alice, &mine).await, w.write_token(&w.bob, &bobs).await);
    for seed in 0..ROUNDS {
        let packed = pack(&[&random(seed, 200_000)], 8192);
        let xorb = &packed.xorbs[0];
        let (first, second) =
            tokio::join!(send_xorb(&w.hub, &alice, xorb), send_xorb(&other, &bob, xorb));
        assert!(first.unwrap() && second.unwrap(), "nobody is told of the other");
        send_shard(&other, &alice, &packed.recipes).await.unwrap();
        send_shard(&w.hub, &bob, &packed.recipes).await.unwrap();
    }
    let listed = w.blobs.list(Family::Xorbs, None, 1000).await.unwrap();
    assert_eq!(listed.len() as u64, ROUNDS, "the copies were thrown away");
    stores::check(&w.db, &w.blobs).await;
}

async fn the_same_shard_is_registered_once(w: World) {
    let other = w.replica(2).await;
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    for seed in 0..ROUNDS {
        let (a, b) = (random(seed, 300_000), random(seed + 100, 300_000));
        let packed = pack(&[&a, &b], 3);
        let (first, second) =
            tokio::join!(send(&w.hub, &token, &packed), send(&other, &token, &packed));
        let news = [first.unwrap().is_new, second.unwrap().is_new];
        assert_eq!(news.iter().filter(|is_new| **is_new).count(), 1, "one of them was first");
        w.assert_content(&repo, &a).await;
        w.assert_content(&repo, &b).await;
    }
    let files = w.count("xet_file").await;
    assert_eq!((files, w.count("lfs_link").await), (2 * ROUNDS as i64, 2 * ROUNDS as i64));
    assert_eq!(w.count("lfs_upload").await, 2 * ROUNDS as i64);
    stores::check(&w.db, &w.blobs).await;
}

async fn shards_with_the_same_files_do_not_wait_in_a_circle(w: World) {
    let other = w.replica(2).await;
    let (mine, bobs) = (w.repo(&w.alice, "m", Private).await, w.repo(&w.bob, "m", Private).await);
    let (alice, bob) = (w.write_token(&w.alice, &mine).await, w.write_token(&w.bob, &bobs).await);
    for seed in 0..ROUNDS {
        let (a, b) = (random(seed, 150_000), random(seed + 100, 150_000));
        // The same files, in the other order and in other xorbs.
        let (forwards, backwards) = (pack(&[&a, &b], 2), pack(&[&b, &a], 3));
        let (first, second) =
            tokio::join!(send(&w.hub, &alice, &forwards), send(&other, &bob, &backwards));
        first.unwrap();
        second.unwrap();
        for repo in [&mine, &bobs] {
            w.assert_content(repo, &a).await;
            w.assert_content(repo, &b).await;
        }
    }
    stores::check(&w.db, &w.blobs).await;
}

async fn a_xorb_is_condemned_or_used_but_not_both(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    for seed in 0..ROUNDS {
        let token = w.write_token(&w.alice, &repo).await;
        let data = random(seed, 150_000);
        let packed = pack(&[&data], 8192);
        send_xorb(&w.hub, &token, &packed.xorbs[0]).await.unwrap();
        let id = w.xorb_row(&packed.xorbs[0].hash).await.unwrap().id;
        // Its time ends in this moment.
        w.clock.advance(Duration::from_secs(40 * 24 * 3600));
        let token = w.write_token(&w.alice, &repo).await;
        w.execute(
            "UPDATE xorb_use SET until = $2 WHERE xorb_id = $1",
            vec![id.into(), (w.hub.now().plus_secs(1)).into()],
        )
        .await;
        let sweep = async {
            let now = w.hub.now().plus_secs(10);
            let mut tx = w.db.write().await.unwrap();
            xet::condemn_xorbs(&mut tx, &[id], now).await.unwrap();
            tx.commit().await.unwrap();
            let mut tx = w.db.write().await.unwrap();
            let doomed = xet::claim_xorbs_to_delete(&mut tx, now.plus_secs(10), 100).await.unwrap();
            tx.commit().await.unwrap();
            doomed.iter().any(|row| row.id == id)
        };
        let (registered, is_doomed) =
            tokio::join!(send_shard(&w.hub, &token, &packed.recipes), sweep);
        assert_eq!(registered.is_ok(), !is_doomed, "{registered:?}");
        assert_eq!(w.link_of(&repo, sha256(&data)).await.is_some(), !is_doomed);
    }
    stores::check(&w.db, &w.blobs).await;
}

async fn the_same_file_is_verified_twice(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let believing = w.hub_with(7, |settings| settings.xet.verify_now_bytes_max = 0).await;
    let other = w.replica(2).await;
    for seed in 0..ROUNDS {
        let data = random(seed, 150_000);
        let packed = pack(&[&data], 8192);
        send(&believing, &token, &packed).await.unwrap();
        // The job reads it while somebody registers it who does not wait for the job.
        let (work, again) =
            tokio::join!(other.run_jobs_until_idle(), send(&w.hub, &token, &packed));
        assert_eq!(work.unwrap().failed, 0);
        again.unwrap();
        w.assert_content(&repo, &data).await;
    }
    assert_eq!(other.run_jobs_until_idle().await.unwrap().failed, 0);
    stores::check(&w.db, &w.blobs).await;
}
