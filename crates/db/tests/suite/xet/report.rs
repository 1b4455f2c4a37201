//! What takes how much room.

use steelyard_db::lfs;
use steelyard_db::xet::{self, HubStorage, LinkStorage, Tally};

use super::{claim, file, hash, link, user_and_repo, xorb};
use crate::base::{Base, at, db_suite, sha256};

db_suite!(the_hub_is_counted, each_link_is_counted);

fn tally(count: u64, bytes: u64) -> Tally {
    Tally { count, bytes }
}

/// Two repositories: one xorb of their own each, one in common, one unused; a content as an object, one left over.
async fn planted(base: &Base) -> (i64, i64) {
    let (_, one) = user_and_repo(base, "u").await;
    let (_, two) = user_and_repo(base, "v").await;
    let (own, common, others) = (xorb(base, 1).await, xorb(base, 2).await, xorb(base, 3).await);
    xorb(base, 4).await;
    link(base, one, 10, file(base, 10, &[own, common]).await).await;
    link(base, two, 11, file(base, 11, &[common]).await).await;
    claim(base, two, 12, file(base, 12, &[others]).await, "claim").await;
    let lie = file(base, 13, &[others]).await;
    claim(base, one, 13, lie, "lie").await;
    let mut tx = base.write().await;
    xet::confirm_claims(&mut tx, lie, sha256(99), at(1)).await.unwrap();
    for (n, repo) in [(50, one), (51, two)] {
        lfs::ensure_object(&mut tx, sha256(n), u64::from(n), at(1)).await.unwrap();
        lfs::ensure_link(&mut tx, repo, sha256(n), &format!("raw-{n}"), at(1)).await.unwrap();
    }
    lfs::ensure_object(&mut tx, sha256(10), 10_000, at(1)).await.unwrap();
    lfs::ensure_link(&mut tx, two, sha256(50), "raw-again", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    (one, two)
}

async fn the_hub_is_counted(base: Base) {
    let empty = xet::storage_of_hub(&mut base.read().await).await.unwrap();
    assert_eq!(empty, HubStorage::default());
    planted(&base).await;
    let hub = xet::storage_of_hub(&mut base.read().await).await.unwrap();
    let expected = HubStorage {
        linked: tally(6, 10_000 + 11_000 + 12_000 + 50 + 51 + 50),
        raw: tally(2, 50 + 51),
        left_over: tally(1, 10_000),
        xorbs: tally(4, 10_000),
        xorb_raw_bytes: 20_000,
        unused: tally(1, 4000),
    };
    assert_eq!(hub, expected);
}

async fn each_link_is_counted(base: Base) {
    let (one, two) = planted(&base).await;
    let mut conn = base.read().await;
    let links = xet::list_link_storage(&mut conn, one, &[], 9).await.unwrap();
    let of = |n, size_bytes, file, stored_bytes, freed_bytes, repos| LinkStorage {
        sha256: sha256(n),
        filename: None,
        size_bytes,
        file,
        stored_bytes,
        freed_bytes,
        repos,
    };
    let first = of(10, 10_000, Some(hash(10)), 3000, 1000, 1);
    assert_eq!(links, [first, of(50, 50, None, 50, 0, 2)], "what is quarantined is left out");
    let rest = xet::list_link_storage(&mut conn, two, sha256(11).as_bytes(), 2).await.unwrap();
    // The xorb of the claim is in the file of the lie, too.
    assert_eq!(rest, [of(12, 12_000, Some(hash(12)), 3000, 0, 1), of(50, 50, None, 50, 0, 2)]);
}
