//! Homes of contents, and what repositories take.

use steelyard_db::lfs::{self, Home};
use steelyard_db::xet::{self, RepoStorage};

use super::{claim, file, hash, link, user_and_repo, xorb};
use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    a_content_moves_from_an_object_into_a_file,
    an_object_that_comes_later_is_left_over,
    what_holds_a_content,
    a_repository_takes_its_own_and_shares_the_rest,
);

async fn raw(base: &Base, repo: i64, n: u8) {
    let mut tx = base.write().await;
    lfs::ensure_object(&mut tx, sha256(n), u64::from(n) * 1000, at(10)).await.unwrap();
    lfs::ensure_link(&mut tx, repo, sha256(n), &format!("{repo}-raw-{n}"), at(10)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_content_moves_from_an_object_into_a_file(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    for n in [0, 1, 2, 3] {
        raw(&base, repo, n).await;
    }
    let mut tx = base.write().await;
    lfs::condemn_orphan(&mut tx, sha256(4), 4000, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let open = lfs::list_raw_only(&mut conn, &[], 2).await.unwrap();
    assert_eq!(open, [(sha256(1), 1000), (sha256(2), 2000)], "without the empty one");
    let rest = lfs::list_raw_only(&mut conn, sha256(2).as_bytes(), 9).await.unwrap();
    assert_eq!(rest, [(sha256(3), 3000)], "without the condemned one");
    drop(conn);
    let one = file(&base, 1, &[]).await;
    let mut tx = base.write().await;
    assert!(lfs::set_xet_home(&mut tx, sha256(1), one, at(50)).await.unwrap());
    assert!(!lfs::set_xet_home(&mut tx, sha256(1), one, at(60)).await.unwrap(), "once");
    assert!(!lfs::set_xet_home(&mut tx, sha256(9), one, at(60)).await.unwrap(), "no content");
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let link = lfs::find_link(&mut conn, repo, sha256(1)).await.unwrap().unwrap();
    assert_eq!(link.home, Home::Xet { file_id: one, hash: hash(1) });
    let content = lfs::find_content(&mut conn, sha256(1)).await.unwrap().unwrap();
    assert_eq!((content.sha256, content.size_bytes), (sha256(1), 1000));
    assert_eq!((content.has_raw, content.raw_retired_at), (false, Some(at(50))));
    assert_eq!(content.xet, Some((one, hash(1))));
    let hashes = lfs::xet_hashes(&mut conn, repo, &[sha256(1), sha256(2)]).await.unwrap();
    assert_eq!(hashes.into_iter().collect::<Vec<_>>(), [(sha256(1), hash(1))]);
    assert!(lfs::list_retired_raw(&mut conn, at(50), 9).await.unwrap().is_empty());
    assert_eq!(lfs::list_retired_raw(&mut conn, at(51), 9).await.unwrap(), [sha256(1)]);
    drop(conn);
    let mut tx = base.write().await;
    assert!(!lfs::forget_retired_raw(&mut tx, sha256(1), at(50)).await.unwrap());
    assert!(lfs::forget_retired_raw(&mut tx, sha256(1), at(51)).await.unwrap());
    assert!(!lfs::forget_retired_raw(&mut tx, sha256(1), at(99)).await.unwrap());
    assert!(!lfs::forget_retired_raw(&mut tx, sha256(2), at(99)).await.unwrap(), "in use");
}

async fn an_object_that_comes_later_is_left_over(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let one = file(&base, 1, &[]).await;
    link(&base, repo, 1, one).await;
    let content = async || {
        let row = lfs::find_content(&mut base.read().await, sha256(1)).await.unwrap().unwrap();
        (row.has_raw, row.raw_retired_at, row.xet.map(|(id, _)| id))
    };
    assert_eq!(content().await, (false, None, Some(one)));
    let mut tx = base.write().await;
    lfs::ensure_object(&mut tx, sha256(1), 1000, at(70)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(content().await, (false, Some(at(70)), Some(one)));
    // A file that is registered for it again, or another one, changes neither.
    let two = file(&base, 2, &[]).await;
    let mut tx = base.write().await;
    lfs::ensure_xet_object(&mut tx, sha256(1), 1000, two, at(80)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(content().await, (false, Some(at(70)), Some(one)));
    let mut tx = base.write().await;
    assert!(lfs::forget_retired_raw(&mut tx, sha256(1), at(99)).await.unwrap());
    // Bytes that a crash left in the store without a word in the row.
    assert!(lfs::condemn_orphan(&mut tx, sha256(1), 1000, at(90)).await.unwrap());
    assert!(!lfs::condemn_orphan(&mut tx, sha256(1), 1000, at(95)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(content().await, (false, Some(at(90)), Some(one)));
    // The other way round: a file for what is in an object.
    raw(&base, repo, 3).await;
    let mut tx = base.write().await;
    lfs::ensure_xet_object(&mut tx, sha256(3), 3000, two, at(80)).await.unwrap();
    let row = lfs::find_content(&mut tx, sha256(3)).await.unwrap().unwrap();
    assert_eq!((row.has_raw, row.raw_retired_at), (false, Some(at(80))));
    assert_eq!(row.xet, Some((two, hash(2))));
}

async fn what_holds_a_content(base: Base) {
    let (user, repo) = user_and_repo(&base, "u").await;
    let one = file(&base, 1, &[]).await;
    claim(&base, repo, 1, one, "claim").await;
    let mut tx = base.write().await;
    for n in [1, 2] {
        lfs::ensure_object(&mut tx, sha256(n), 1, at(1)).await.unwrap();
    }
    let grant = lfs::UploadRow {
        id: "grant".to_owned(),
        repo_id: repo,
        user_id: user,
        sha256: sha256(2),
        size_bytes: 1,
        part_size_bytes: None,
        expires_at: at(9),
        finished_at: None,
        xet_file_id: None,
    };
    lfs::create_upload(&mut tx, &grant, at(1)).await.unwrap();
    lfs::finish_upload(&mut tx, "grant", at(1), at(9)).await.unwrap();
    let both = [1, 2].map(sha256);
    assert_eq!(lfs::list_unlinked(&mut tx, at(5), &[], 9).await.unwrap(), [sha256(1)]);
    assert_eq!(lfs::condemn_unlinked(&mut tx, &both, at(5), at(6)).await.unwrap(), 1);
    assert_eq!(
        lfs::list_condemned(&mut tx, at(7), 9).await.unwrap(),
        [sha256(1)],
        "a claim holds its file, a finished upload its content"
    );
    assert!(lfs::delete_condemned(&mut tx, sha256(1), at(7)).await.unwrap());
    lfs::delete_upload(&mut tx, "grant").await.unwrap();
    assert_eq!(lfs::list_unlinked(&mut tx, at(5), &[], 9).await.unwrap(), [sha256(2)]);
    assert_eq!(lfs::condemn_unlinked(&mut tx, &both, at(5), at(6)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let link = lfs::find_link(&mut base.read().await, repo, sha256(1)).await.unwrap().unwrap();
    assert_eq!(link.home, Home::Claimed { file_id: one, hash: hash(1) });
}

async fn a_repository_takes_its_own_and_shares_the_rest(base: Base) {
    let (_, one) = user_and_repo(&base, "u").await;
    let (_, two) = user_and_repo(&base, "v").await;
    let (own, common, claimed) = (xorb(&base, 1).await, xorb(&base, 2).await, xorb(&base, 3).await);
    link(&base, one, 10, file(&base, 10, &[own, common]).await).await;
    link(&base, two, 11, file(&base, 11, &[common]).await).await;
    claim(&base, one, 12, file(&base, 12, &[own, claimed]).await, "claim").await;
    let lie = file(&base, 13, &[claimed]).await;
    claim(&base, two, 13, lie, "lie").await;
    raw(&base, one, 50).await;
    raw(&base, two, 50).await;
    raw(&base, one, 60).await;
    let storage = async |repo| xet::storage_of_repo(&mut base.read().await, repo).await.unwrap();
    assert_eq!(
        storage(one).await,
        RepoStorage {
            logical_bytes: 10_000 + 12_000 + 50_000 + 60_000,
            unique_bytes: 1000 + 60_000,
            shared_bytes: 2000 + 3000 + 50_000,
        }
    );
    let mut tx = base.write().await;
    xet::confirm_claims(&mut tx, lie, sha256(99), at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let without_lie = RepoStorage {
        logical_bytes: 11_000 + 50_000,
        unique_bytes: 0,
        shared_bytes: 2000 + 50_000,
    };
    assert_eq!(storage(two).await, without_lie);
    assert_eq!(storage(one).await.unique_bytes, 1000 + 3000 + 60_000);
    assert_eq!(storage(999).await, RepoStorage::default());
}
