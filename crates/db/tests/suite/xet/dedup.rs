//! Chunks by which known content is found again.

use std::collections::HashSet;

use steelyard_core::XetHash;
use steelyard_db::xet;

use super::{file, link, reader, user_and_repo, xorb};
use crate::base::{Base, db_suite};

db_suite!(a_chunk_points_to_the_newer_place, the_newest_files_of_a_xorb_come_first);

fn chunk(n: u16) -> XetHash {
    let mut bytes = [3; 32];
    bytes[..2].copy_from_slice(&n.to_le_bytes());
    XetHash::new(bytes)
}

async fn a_chunk_points_to_the_newer_place(base: Base) {
    let (one, two) = (xorb(&base, 1).await, xorb(&base, 2).await);
    for count in [0, 1, 2, 63, 64, 65, 200] {
        let chunks: Vec<_> = (0..count).map(|n| (chunk(n), one, u32::from(n) + 1)).collect();
        let mut tx = base.write().await;
        xet::insert_dedup(&mut tx, &chunks).await.unwrap();
        tx.commit().await.unwrap();
        let wanted: Vec<_> = (0..count + 3).map(chunk).collect();
        let found = xet::find_dedup(&mut base.read().await, &wanted).await.unwrap();
        assert_eq!(found.len(), usize::from(count));
        assert_eq!(HashSet::<_>::from_iter(found), HashSet::from_iter(chunks));
    }
    let mut tx = base.write().await;
    let newer =
        [(chunk(7), two, 0), (chunk(5), one, 9), (chunk(7), two, 1), (chunk(6), two, u32::MAX)];
    xet::insert_dedup(&mut tx, &newer).await.unwrap();
    tx.commit().await.unwrap();
    let wanted = [chunk(5), chunk(6), chunk(7), chunk(8)];
    let found = xet::find_dedup(&mut base.read().await, &wanted).await.unwrap();
    let expected =
        [(chunk(5), one, 9), (chunk(6), two, u32::MAX), (chunk(7), two, 1), (chunk(8), one, 9)];
    assert_eq!(HashSet::<_>::from_iter(found), HashSet::from(expected), "the last of equal ones");
}

async fn the_newest_files_of_a_xorb_come_first(base: Base) {
    let (user, repo) = user_and_repo(&base, "u").await;
    let (x, other) = (xorb(&base, 1).await, xorb(&base, 2).await);
    let mut files = Vec::new();
    for n in 1..=4 {
        let id = file(&base, n, &[if n == 3 { other } else { x }]).await;
        link(&base, repo, n, id).await;
        files.push(id);
    }
    file(&base, 5, &[x]).await;
    let mut conn = base.read().await;
    let found = xet::readable_files_of_xorb(&mut conn, &reader(user), x, 10).await.unwrap();
    assert_eq!(found, [files[3], files[1], files[0]]);
    let found = xet::readable_files_of_xorb(&mut conn, &reader(user), x, 2).await.unwrap();
    assert_eq!(found, [files[3], files[1]]);
}
