//! How files and xorbs go.

use steelyard_db::lfs::{self, UploadRow};
use steelyard_db::xet::{self, XorbState};
use steelyard_db::{Conn, check};

use super::{claim, file, hash, link, new_file, new_xorb, user_and_repo, xorb};
use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    a_file_goes_when_nothing_names_it,
    a_registered_file_stays,
    a_file_that_is_named_again_has_its_full_time,
    a_xorb_goes_when_nothing_uses_it,
    a_young_xorb_is_not_condemned,
    a_deletion_that_was_broken_off_goes_on,
);

const DAY: i64 = 86_400;

async fn condemnable_files(conn: &mut Conn) -> Vec<i64> {
    let rows = xet::list_condemnable_files(conn, 0, 10).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

async fn condemnable_xorbs(conn: &mut Conn, now: i64) -> Vec<i64> {
    let rows = xet::list_condemnable_xorbs(conn, at(now), 0, 10).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

async fn state(base: &Base, id: i64) -> Option<XorbState> {
    let rows = xet::find_xorbs_by_id(&mut base.read().await, &[id]).await.unwrap();
    rows.first().map(|row| row.state)
}

async fn a_file_goes_when_nothing_names_it(base: Base) {
    let (user, repo) = user_and_repo(&base, "u").await;
    let x = xorb(&base, 1).await;
    let (linked, claimed, granted, free) = (
        file(&base, 1, &[x]).await,
        file(&base, 2, &[x]).await,
        file(&base, 3, &[x]).await,
        file(&base, 4, &[x]).await,
    );
    link(&base, repo, 1, linked).await;
    claim(&base, repo, 2, claimed, "claim").await;
    let grant = UploadRow {
        id: "grant".to_owned(),
        repo_id: repo,
        user_id: user,
        sha256: sha256(3),
        size_bytes: 3000,
        part_size_bytes: None,
        expires_at: at(9),
        finished_at: None,
        xet_file_id: Some(granted),
    };
    let mut tx = base.write().await;
    lfs::create_finished_upload(&mut tx, &grant, at(1)).await.unwrap();
    assert_eq!(condemnable_files(&mut tx).await, [free]);
    let all = [linked, claimed, granted, free, 999];
    assert_eq!(xet::condemn_files(&mut tx, &all, at(1000)).await.unwrap(), 1);
    assert_eq!(xet::condemn_files(&mut tx, &all, at(2000)).await.unwrap(), 0, "once");
    assert_eq!(condemnable_files(&mut tx).await, Vec::<i64>::new());
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    assert!(xet::list_deletable_files(&mut conn, at(1000), 10).await.unwrap().is_empty());
    assert_eq!(xet::list_deletable_files(&mut conn, at(1001), 10).await.unwrap()[0].id, free);
    drop(conn);
    let mut tx = base.write().await;
    assert!(xet::delete_files(&mut tx, at(1000), 10, at(7)).await.unwrap().is_empty(), "too early");
    assert_eq!(xet::delete_files(&mut tx, at(1001), 10, at(7)).await.unwrap(), [free]);
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    assert!(xet::find_file(&mut conn, &hash(4)).await.unwrap().is_none());
    let edges = check::file_edges(&mut conn, &all).await.unwrap();
    assert_eq!(edges, [(linked, x), (claimed, x), (granted, x)]);
    drop(conn);

    // Without the link the content goes, and only then its file; the others lose what names them at once.
    let mut tx = base.write().await;
    assert!(lfs::delete_link(&mut tx, repo, &format!("{repo}-link-1")).await.unwrap());
    assert!(lfs::delete_link(&mut tx, repo, "claim").await.unwrap());
    lfs::delete_upload(&mut tx, "grant").await.unwrap();
    assert_eq!(condemnable_files(&mut tx).await, [claimed, granted]);
    let unlinked = lfs::list_unlinked(&mut tx, at(1000), &[], 9).await.unwrap();
    assert_eq!(unlinked, [sha256(1)]);
    assert_eq!(lfs::condemn_unlinked(&mut tx, &unlinked, at(1000), at(2000)).await.unwrap(), 1);
    assert!(lfs::delete_condemned(&mut tx, sha256(1), at(3000)).await.unwrap());
    assert_eq!(condemnable_files(&mut tx).await, [linked, claimed, granted]);
    assert_eq!(xet::condemn_files(&mut tx, &all, at(4000)).await.unwrap(), 3);
    assert_eq!(xet::delete_files(&mut tx, at(5000), 2, at(7)).await.unwrap().len(), 2);
    assert_eq!(xet::delete_files(&mut tx, at(5000), 2, at(7)).await.unwrap().len(), 1);
}

async fn a_registered_file_stays(base: Base) {
    let one = file(&base, 1, &[]).await;
    let mut tx = base.write().await;
    xet::condemn_files(&mut tx, &[one], at(10)).await.unwrap();
    assert_eq!(xet::insert_file(&mut tx, &new_file(1, &[]), at(20)).await.unwrap(), (one, false));
    assert!(xet::delete_files(&mut tx, at(99), 10, at(7)).await.unwrap().is_empty());
    assert_eq!(condemnable_files(&mut tx).await, [one]);
}

async fn a_file_that_is_named_again_has_its_full_time(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let (one, other) = (file(&base, 1, &[]).await, file(&base, 2, &[]).await);
    let third = file(&base, 3, &[]).await;
    let all = [one, other, third];
    let mut tx = base.write().await;
    xet::condemn_files(&mut tx, &[one, third], at(10)).await.unwrap();
    tx.commit().await.unwrap();
    for (n, file) in (1..).zip(all) {
        claim(&base, repo, n, file, &format!("claim-{n}")).await;
    }
    let mut tx = base.write().await;
    assert!(xet::list_deletable_files(&mut tx, at(99), 10).await.unwrap().is_empty());
    assert!(xet::delete_files(&mut tx, at(99), 10, at(7)).await.unwrap().is_empty(), "it is named");
    assert_eq!(xet::list_sparable_files(&mut tx, 0, 1).await.unwrap(), [one]);
    assert_eq!(xet::list_sparable_files(&mut tx, one, 9).await.unwrap(), [third]);
    assert!(lfs::delete_link(&mut tx, repo, "claim-3").await.unwrap());
    assert_eq!(xet::spare_files(&mut tx, &all).await.unwrap(), 1, "of one the link went meanwhile");
    assert!(xet::list_sparable_files(&mut tx, 0, 9).await.unwrap().is_empty());
    assert_eq!(xet::delete_files(&mut tx, at(99), 10, at(7)).await.unwrap(), [third]);
    assert!(lfs::delete_link(&mut tx, repo, "claim-1").await.unwrap());
    assert!(
        xet::delete_files(&mut tx, at(99), 10, at(7)).await.unwrap().is_empty(),
        "not condemned"
    );
}

async fn a_xorb_goes_when_nothing_uses_it(base: Base) {
    let user = base.user("u").await;
    let (used, told, free) = (xorb(&base, 1).await, xorb(&base, 2).await, xorb(&base, 3).await);
    let one = file(&base, 1, &[used]).await;
    let all = [used, told, free, 999];
    let mut tx = base.write().await;
    xet::touch_use(&mut tx, user, &[told], at(10 * DAY)).await.unwrap();
    xet::insert_dedup(&mut tx, &[(hash(100), used, 0), (hash(101), free, 0)]).await.unwrap();
    assert_eq!(condemnable_xorbs(&mut tx, 5 * DAY).await, [free]);
    assert_eq!(condemnable_xorbs(&mut tx, 10 * DAY).await, [told, free]);
    assert_eq!(xet::condemn_xorbs(&mut tx, &all, at(5 * DAY)).await.unwrap(), [free]);
    assert_eq!(xet::condemn_xorbs(&mut tx, &all, at(6 * DAY)).await.unwrap(), Vec::<i64>::new());
    let known = xet::find_dedup(&mut tx, &[hash(100), hash(101)]).await.unwrap();
    assert_eq!(known, [(hash(100), used, 0)], "nobody is told of a condemned xorb");
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let deletable = xet::list_deletable_xorbs(&mut conn, at(5 * DAY), 10).await.unwrap();
    assert_eq!(deletable, []);
    let deletable = xet::list_deletable_xorbs(&mut conn, at(5 * DAY + 1), 10).await.unwrap();
    assert_eq!(deletable.iter().map(|row| row.id).collect::<Vec<_>>(), [free]);
    drop(conn);
    let mut tx = base.write().await;
    let claimed = xet::claim_xorbs_to_delete(&mut tx, at(5 * DAY), 10).await.unwrap();
    assert_eq!(claimed, [], "too early");
    let claimed = xet::claim_xorbs_to_delete(&mut tx, at(5 * DAY + 1), 10).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].id), (1, free));
    assert_eq!((claimed[0].state, claimed[0].generation), (XorbState::Deleting, 3));
    assert!(!xet::delete_xorb(&mut tx, used, 1).await.unwrap(), "it is live");
    assert!(!xet::delete_xorb(&mut tx, free, 4).await.unwrap(), "another object");
    assert!(xet::delete_xorb(&mut tx, free, 3).await.unwrap());
    assert!(!xet::delete_xorb(&mut tx, free, 3).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(state(&base, free).await, None);
    assert_eq!(state(&base, used).await, Some(XorbState::Live));

    // When its last file goes, so does the xorb; what somebody was told of once, a day after the promise ended.
    let mut tx = base.write().await;
    xet::condemn_files(&mut tx, &[one], at(20 * DAY)).await.unwrap();
    assert_eq!(condemnable_xorbs(&mut tx, 20 * DAY).await, [told], "a condemned file keeps it");
    xet::delete_files(&mut tx, at(21 * DAY), 10, at(7)).await.unwrap();
    assert_eq!(xet::condemn_xorbs(&mut tx, &all, at(30 * DAY)).await.unwrap(), [used, told]);
    for row in xet::claim_xorbs_to_delete(&mut tx, at(31 * DAY), 10).await.unwrap() {
        assert!(xet::delete_xorb(&mut tx, row.id, row.generation).await.unwrap());
    }
    tx.commit().await.unwrap();
    assert_eq!((state(&base, used).await, state(&base, told).await), (None, None));
}

async fn a_young_xorb_is_not_condemned(base: Base) {
    let mut tx = base.write().await;
    let new = new_xorb(1, 1, None, &[0; 40]);
    let inserted = xet::insert_xorb(&mut tx, &new, at(5 * DAY)).await.unwrap();
    let xet::XorbInsert::Inserted(id) = inserted else { panic!("{inserted:?}") };
    assert_eq!(condemnable_xorbs(&mut tx, 6 * DAY).await, Vec::<i64>::new());
    assert!(xet::condemn_xorbs(&mut tx, &[id], at(6 * DAY)).await.unwrap().is_empty());
    assert_eq!(condemnable_xorbs(&mut tx, 6 * DAY + 1).await, [id]);
    assert_eq!(xet::condemn_xorbs(&mut tx, &[id], at(6 * DAY + 1)).await.unwrap(), [id]);
}

async fn a_deletion_that_was_broken_off_goes_on(base: Base) {
    let (one, two) = (xorb(&base, 1).await, xorb(&base, 2).await);
    let mut tx = base.write().await;
    xet::condemn_xorbs(&mut tx, &[one, two], at(5 * DAY)).await.unwrap();
    let claimed = xet::claim_xorbs_to_delete(&mut tx, at(6 * DAY), 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claimed.len(), 1);
    // Nobody called delete_xorb: both are for the next sweep.
    let mut tx = base.write().await;
    let mut again = xet::claim_xorbs_to_delete(&mut tx, at(6 * DAY), 10).await.unwrap();
    again.sort_by_key(|row| row.id);
    assert_eq!(again.iter().map(|row| row.id).collect::<Vec<_>>(), [one, two]);
    assert!(again.iter().all(|row| row.state == XorbState::Deleting));
}
