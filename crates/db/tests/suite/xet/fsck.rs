//! What fsck asks. Damage is made by statements that no code of the hub has.

use steelyard_core::XetHash;
use steelyard_db::xet;
use steelyard_db::{Value, check, lfs};

use super::{claim, file, hash, link, user_and_repo, xorb};
use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    xorbs_and_files_come_in_pages,
    a_page_of_files_is_bounded_by_their_terms,
    damage_is_found,
    links_without_a_home_are_found,
);

async fn damage(base: &Base, sql: &'static str, args: Vec<Value>) {
    let mut tx = base.write().await;
    assert!(tx.execute(sql, args).await.unwrap() > 0, "{sql}");
    tx.commit().await.unwrap();
}

async fn xorbs_and_files_come_in_pages(base: Base) {
    let (one, two) = (xorb(&base, 1).await, xorb(&base, 2).await);
    let (a, b) = (file(&base, 1, &[one]).await, file(&base, 2, &[two, one]).await);
    let mut conn = base.read().await;
    let page = check::list_xorbs(&mut conn, 0, 1).await.unwrap();
    assert_eq!((page.len(), page[0].id, page[0].hash), (1, one, hash(1)));
    assert_eq!(check::list_xorbs(&mut conn, one, 9).await.unwrap()[0].id, two);
    assert!(check::list_xorbs(&mut conn, two, 9).await.unwrap().is_empty());
    let page = check::list_files(&mut conn, 0, 1).await.unwrap();
    assert_eq!((page.len(), page[0].0.id), (1, a));
    assert_eq!(page[0].1, b"twenty-eight bytes of a term");
    assert_eq!(check::list_files(&mut conn, a, 9).await.unwrap()[0].0.id, b);
    assert!(check::list_files(&mut conn, b, 9).await.unwrap().is_empty());
    let edges = check::file_edges(&mut conn, &[b, a]).await.unwrap();
    assert_eq!(edges, [(a, one), (b, one), (b, two)]);
}

async fn a_page_of_files_is_bounded_by_their_terms(base: Base) {
    let mut tx = base.write().await;
    for n in 1..=4 {
        let new = xet::NewFile {
            hash: hash(n),
            size_bytes: 1,
            n_terms: 600_000,
            terms: &[],
            xorb_ids: &[],
        };
        xet::insert_file(&mut tx, &new, at(1)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let (mut after, mut pages) = (0, Vec::new());
    loop {
        let page = check::list_files(&mut base.read().await, after, 9).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = last.id;
        pages.push(page.len());
    }
    assert_eq!(pages, [1, 1, 1, 1]);
}

async fn damage_is_found(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let (one, two) = (xorb(&base, 1).await, xorb(&base, 2).await);
    let (good, bad) = (file(&base, 1, &[one]).await, file(&base, 2, &[one, two]).await);
    link(&base, repo, 1, good).await;
    link(&base, repo, 2, bad).await;
    let mut tx = base.write().await;
    let chunks = [(hash(9), two, 0), (hash(8), one, 0), (hash(7), one, 1), (hash(10), two, 1)];
    xet::insert_dedup(&mut tx, &chunks).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    assert!(check::list_xorbs_without_table(&mut conn, 0, 9).await.unwrap().is_empty());
    assert!(check::list_bad_edges(&mut conn, (0, 0), 9).await.unwrap().is_empty());
    assert!(check::list_wrong_homes(&mut conn, &[], 9).await.unwrap().is_empty());
    assert!(check::list_homeless_contents(&mut conn, &[], 9).await.unwrap().is_empty());
    let behind_its_end = check::list_bad_dedup(&mut conn, &[], 9).await.unwrap();
    assert_eq!(behind_its_end, [hash(7)]);
    drop(conn);
    damage(&base, "UPDATE xorb SET state = 2 WHERE id = $1", vec![two.into()]).await;
    damage(&base, "DELETE FROM xorb_chunks WHERE xorb_id = $1", vec![one.into()]).await;
    damage(&base, "UPDATE xet_file SET size_bytes = 3 WHERE id = $1", vec![bad.into()]).await;
    let mut conn = base.read().await;
    assert_eq!(check::list_xorbs_without_table(&mut conn, 0, 9).await.unwrap(), [one]);
    assert!(check::list_xorbs_without_table(&mut conn, one, 9).await.unwrap().is_empty());
    assert_eq!(check::list_bad_edges(&mut conn, (0, 0), 9).await.unwrap(), [(bad, two)]);
    assert_eq!(check::list_bad_edges(&mut conn, (bad, one), 9).await.unwrap(), [(bad, two)]);
    assert!(check::list_bad_edges(&mut conn, (bad, two), 9).await.unwrap().is_empty());
    let found = check::list_bad_dedup(&mut conn, &[], 9).await.unwrap();
    assert_eq!(found, [hash(7), hash(9), hash(10)]);
    let rest = check::list_bad_dedup(&mut conn, hash(7).as_bytes(), 1).await.unwrap();
    assert_eq!(rest, [hash(9)]);
    assert_eq!(check::list_wrong_homes(&mut conn, &[], 9).await.unwrap(), [(sha256(2), bad)]);
    drop(conn);
    damage(&base, "UPDATE xet_file SET sha256 = $1", vec![XetHash::ZERO.into()]).await;
    let mut conn = base.read().await;
    let found = check::list_wrong_homes(&mut conn, &[], 9).await.unwrap();
    assert_eq!(found, [(sha256(1), good), (sha256(2), bad)]);
    let rest = check::list_wrong_homes(&mut conn, sha256(1).as_bytes(), 9).await.unwrap();
    assert_eq!(rest, [(sha256(2), bad)]);
}

async fn links_without_a_home_are_found(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let one = file(&base, 1, &[]).await;
    link(&base, repo, 1, one).await;
    claim(&base, repo, 3, file(&base, 3, &[]).await, "claim").await;
    let mut tx = base.write().await;
    for n in [4, 5, 6] {
        lfs::ensure_object(&mut tx, sha256(n), 1, at(1)).await.unwrap();
        lfs::ensure_link(&mut tx, repo, sha256(n), &format!("raw-{n}"), at(1)).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert!(check::list_homeless_links(&mut base.read().await, "", 9).await.unwrap().is_empty());
    damage(&base, "DELETE FROM lfs_object WHERE sha256 = $1", vec![sha256(4).into()]).await;
    damage(&base, "DELETE FROM lfs_object WHERE sha256 = $1", vec![sha256(5).into()]).await;
    damage(
        &base,
        "UPDATE lfs_object SET has_raw = $2 WHERE sha256 = $1",
        vec![sha256(6).into(), false.into()],
    )
    .await;
    let mut conn = base.read().await;
    let found = check::list_homeless_links(&mut conn, "", 9).await.unwrap();
    let found: Vec<_> = found.iter().map(|link| (link.repo_id, link.sha256)).collect();
    assert_eq!(found, [(repo, sha256(4)), (repo, sha256(5))]);
    let rest = check::list_homeless_links(&mut conn, "raw-4", 9).await.unwrap();
    assert_eq!((rest.len(), &*rest[0].public_id), (1, "raw-5"));
    assert!(lfs::find_link(&mut conn, repo, sha256(4)).await.unwrap().is_none(), "not served");
    assert_eq!(check::list_homeless_contents(&mut conn, &[], 9).await.unwrap(), [sha256(6)]);
    let rest = check::list_homeless_contents(&mut conn, sha256(6).as_bytes(), 9).await.unwrap();
    assert!(rest.is_empty());
}
