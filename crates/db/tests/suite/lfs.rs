//! Large files: contents, links, uploads, locks.

use steelyard_db::lfs::{self, UploadRow};
use steelyard_db::{DbError, check, event};

use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    a_link_is_made_once_and_named_often,
    links_are_listed_in_order,
    links_are_shared_with_a_copy,
    uploads_are_found_until_they_end,
    contents_without_a_link_are_condemned,
    a_spared_content_stays,
    contents_are_listed_in_order,
    a_path_is_locked_once,
    deleted_links_are_remembered,
);

async fn repo(base: &Base, name: &str) -> (i64, i64) {
    let owner = base.user(&format!("owner-{name}")).await;
    (base.repo((&format!("owner-{name}"), owner), name).await, owner)
}

/// Stores a content of so many bytes and links it.
async fn link(base: &Base, repo: i64, n: u8, public_id: &str) {
    let mut tx = base.write().await;
    lfs::ensure_object(&mut tx, sha256(n), u64::from(n) * 100, at(10)).await.unwrap();
    lfs::ensure_link(&mut tx, repo, sha256(n), public_id, at(20)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_link_is_made_once_and_named_often(base: Base) {
    let (repo, _) = repo(&base, "r").await;
    link(&base, repo, 1, "first").await;
    link(&base, repo, 1, "second").await;
    let found = lfs::find_link(&mut base.read().await, repo, sha256(1)).await.unwrap().unwrap();
    assert_eq!((&*found.public_id, found.size_bytes, found.linked_at), ("first", 100, at(20)));
    assert_eq!((found.filename, found.ref_name), (None, None));
    for path in ["a", "dir/ü"] {
        let mut tx = base.write().await;
        lfs::name_link(&mut tx, repo, sha256(1), path, "refs/heads/main").await.unwrap();
        lfs::name_link(&mut tx, repo, sha256(2), path, "refs/heads/main").await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut conn = base.read().await;
    let found = lfs::find_link(&mut conn, repo, sha256(1)).await.unwrap().unwrap();
    assert_eq!(
        (found.filename.as_deref(), found.ref_name.as_deref()),
        (Some("dir/ü"), Some("refs/heads/main"))
    );
    assert!(lfs::find_link(&mut conn, repo, sha256(2)).await.unwrap().is_none());
    assert!(lfs::find_link(&mut conn, repo + 1, sha256(1)).await.unwrap().is_none());
    assert_eq!(lfs::find_linked(&mut conn, repo, "first").await.unwrap(), Some(sha256(1)));
    assert_eq!(lfs::find_linked(&mut conn, repo + 1, "first").await.unwrap(), None);
    assert_eq!(lfs::sum_linked_bytes(&mut conn, repo).await.unwrap(), 100);
    assert_eq!(lfs::sum_linked_bytes(&mut conn, repo + 1).await.unwrap(), 0);
    assert_eq!(lfs::sum_stored_bytes(&mut conn, repo).await.unwrap(), 100);
    assert_eq!(lfs::sum_stored_bytes(&mut conn, repo + 1).await.unwrap(), 0);
    // A link to what is not stored cannot be.
    let mut tx = base.write().await;
    let made = lfs::ensure_link(&mut tx, repo, sha256(7), "x", at(1)).await;
    let committed = tx.commit().await;
    assert!(made.is_err() || committed.is_err());
    assert!(lfs::find_link(&mut base.read().await, repo, sha256(7)).await.unwrap().is_none());
}

async fn links_are_listed_in_order(base: Base) {
    let (repo, _) = repo(&base, "r").await;
    for (n, id) in [(1, "b"), (2, "a"), (3, "c")] {
        link(&base, repo, n, id).await;
    }
    let list = async |after: &str, limit| {
        let rows = lfs::list_links(&mut base.read().await, repo, after, limit).await.unwrap();
        rows.into_iter().map(|row| row.public_id).collect::<Vec<_>>()
    };
    assert_eq!(list("", 2).await, ["a", "b"]);
    assert_eq!(list("b", 2).await, ["c"]);
    let mut tx = base.write().await;
    assert!(!lfs::delete_link(&mut tx, repo + 1, "b").await.unwrap());
    assert!(lfs::delete_link(&mut tx, repo, "b").await.unwrap());
    assert!(!lfs::delete_link(&mut tx, repo, "b").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(list("", 9).await, ["a", "c"]);
    assert_eq!(
        lfs::find_object(&mut base.read().await, sha256(1)).await.unwrap(),
        Some(100),
        "the content stays"
    );
}

async fn links_are_shared_with_a_copy(base: Base) {
    let ((one, _), (two, _)) = (repo(&base, "one").await, repo(&base, "two").await);
    link(&base, one, 1, "0123456789abcdef01234567").await;
    link(&base, one, 2, "fedcba9876543210fedcba98").await;
    let mut tx = base.write().await;
    lfs::share_links(&mut tx, one, two, "XXXXXXXX", at(50)).await.unwrap();
    tx.commit().await.unwrap();
    let links = lfs::list_links(&mut base.read().await, two, "", 10).await.unwrap();
    let ids: Vec<_> = links.iter().map(|link| (&*link.public_id, link.linked_at)).collect();
    assert_eq!(ids, [("XXXXXXXX76543210fedcba98", at(50)), ("XXXXXXXX89abcdef01234567", at(50))]);
}

async fn uploads_are_found_until_they_end(base: Base) {
    let (repo, user) = repo(&base, "r").await;
    let upload = |id: &str, part_size_bytes, expires| UploadRow {
        id: id.to_owned(),
        repo_id: repo,
        user_id: user,
        sha256: sha256(1),
        size_bytes: 5_000_000_000,
        part_size_bytes,
        expires_at: at(expires),
        finished_at: None,
        xet_file_id: None,
    };
    let mut tx = base.write().await;
    lfs::create_upload(&mut tx, &upload("u1", None, 100), at(1)).await.unwrap();
    lfs::create_upload(&mut tx, &upload("u2", Some(64), 200), at(2)).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let found = lfs::find_upload(&mut conn, "u2").await.unwrap().unwrap();
    assert_eq!((found.repo_id, found.user_id, found.sha256), (repo, user, sha256(1)));
    assert_eq!((found.size_bytes, found.part_size_bytes), (5_000_000_000, Some(64)));
    assert_eq!((found.expires_at, found.finished_at), (at(200), None));
    let newest_first = lfs::list_uploads(&mut conn, repo, sha256(1)).await.unwrap();
    assert_eq!(newest_first.iter().map(|row| &*row.id).collect::<Vec<_>>(), ["u2", "u1"]);
    assert!(lfs::list_uploads(&mut conn, repo, sha256(2)).await.unwrap().is_empty());
    assert_eq!(lfs::list_expired_uploads(&mut conn, at(150), 10).await.unwrap(), ["u1"]);
    assert_eq!(check::count_stale_uploads(&mut conn, at(150)).await.unwrap(), 1);
    drop(conn);
    let mut tx = base.write().await;
    assert!(lfs::finish_upload(&mut tx, "u1", at(90), at(300)).await.unwrap());
    assert!(!lfs::finish_upload(&mut tx, "u3", at(90), at(300)).await.unwrap());
    lfs::delete_upload(&mut tx, "u2").await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let found = lfs::find_upload(&mut conn, "u1").await.unwrap().unwrap();
    assert_eq!((found.finished_at, found.expires_at), (Some(at(90)), at(300)));
    assert!(lfs::upload_exists(&mut conn, "u1").await.unwrap());
    assert!(!lfs::upload_exists(&mut conn, "u2").await.unwrap());
    assert!(lfs::find_upload(&mut conn, "u2").await.unwrap().is_none());
}

async fn contents_without_a_link_are_condemned(base: Base) {
    let (repo, _) = repo(&base, "r").await;
    link(&base, repo, 1, "linked").await;
    let mut tx = base.write().await;
    lfs::ensure_object(&mut tx, sha256(2), 200, at(10)).await.unwrap();
    lfs::ensure_object(&mut tx, sha256(3), 300, at(90)).await.unwrap();
    assert!(lfs::condemn_orphan(&mut tx, sha256(4), 400, at(50)).await.unwrap());
    assert!(!lfs::condemn_orphan(&mut tx, sha256(3), 300, at(50)).await.unwrap());
    lfs::ensure_object(&mut tx, sha256(5), 500, at(10)).await.unwrap();
    let mut pages = Vec::new();
    for after in [&[][..], sha256(2).as_bytes(), sha256(5).as_bytes()] {
        pages.push(lfs::list_unlinked(&mut tx, at(60), after, 1).await.unwrap());
    }
    assert_eq!(pages, [vec![sha256(2)], vec![sha256(5)], vec![]]);
    // The fifth is not asked for; the others are looked at once more, whatever a list has said.
    let asked = [1, 2, 3, 4, 9].map(sha256);
    assert_eq!(lfs::condemn_unlinked(&mut tx, &asked, at(60), at(100)).await.unwrap(), 1);
    assert_eq!(lfs::list_unlinked(&mut tx, at(60), &[], 9).await.unwrap(), [sha256(5)]);
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let condemned = [false, true, false, true, false];
    for (n, expected) in (1..).zip(condemned) {
        assert_eq!(check::is_condemned(&mut conn, sha256(n)).await.unwrap(), expected, "{n}");
    }
    assert_eq!(lfs::list_condemned(&mut conn, at(101), 10).await.unwrap(), [sha256(4), sha256(2)]);
    assert_eq!(lfs::list_condemned(&mut conn, at(51), 10).await.unwrap(), [sha256(4)]);
    drop(conn);
    let mut tx = base.write().await;
    assert!(!lfs::delete_condemned(&mut tx, sha256(2), at(100)).await.unwrap(), "too early");
    assert!(lfs::delete_condemned(&mut tx, sha256(2), at(101)).await.unwrap());
    assert!(!lfs::delete_condemned(&mut tx, sha256(1), at(999)).await.unwrap(), "linked");
    tx.commit().await.unwrap();
    assert_eq!(lfs::find_object(&mut base.read().await, sha256(2)).await.unwrap(), None);
}

async fn a_spared_content_stays(base: Base) {
    let (repo, _) = repo(&base, "r").await;
    let mut tx = base.write().await;
    for n in 1..=3 {
        assert!(lfs::condemn_orphan(&mut tx, sha256(n), u64::from(n), at(1)).await.unwrap());
    }
    assert_eq!(lfs::spare_object(&mut tx, sha256(1)).await.unwrap(), Some(1));
    assert_eq!(lfs::spare_object(&mut tx, sha256(9)).await.unwrap(), None);
    // Storing it again spares it, too; a link holds even what is still condemned.
    lfs::ensure_object(&mut tx, sha256(2), 2, at(2)).await.unwrap();
    lfs::ensure_link(&mut tx, repo, sha256(3), "held", at(2)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = base.write().await;
    for n in 1..=3 {
        assert!(!lfs::delete_condemned(&mut tx, sha256(n), at(99)).await.unwrap());
    }
}

async fn contents_are_listed_in_order(base: Base) {
    let mut tx = base.write().await;
    for n in [200, 1, 128, 127] {
        lfs::ensure_object(&mut tx, sha256(n), u64::from(n), at(1)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let mut list = async |after: &[u8]| {
        let rows = lfs::list_objects(&mut conn, after, 3).await.unwrap();
        assert!(rows.iter().all(|row| row.has_raw && row.xet.is_none()), "{rows:?}");
        rows.into_iter().map(|row| (row.sha256, row.size_bytes)).collect::<Vec<_>>()
    };
    let first = list(&[]).await;
    assert_eq!(first, [(sha256(1), 1), (sha256(127), 127), (sha256(128), 128)]);
    assert_eq!(list(first[2].0.as_bytes()).await, [(sha256(200), 200)]);
}

async fn a_path_is_locked_once(base: Base) {
    let (repo, owner) = repo(&base, "r").await;
    let mut tx = base.write().await;
    for (id, path) in [("l1", "b"), ("l2", "a")] {
        lfs::create_lock(&mut tx, repo, id, path, owner, Some("refs/heads/main"), at(7))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = base.write().await;
    let taken = lfs::create_lock(&mut tx, repo, "l3", "a", owner, None, at(8)).await;
    assert!(matches!(taken, Err(DbError::Conflict { .. })), "{taken:?}");
    drop(tx);
    let mut conn = base.read().await;
    let lock = lfs::find_lock_by_path(&mut conn, repo, "a").await.unwrap().unwrap();
    assert_eq!((&*lock.id, &*lock.path, lock.owner_id), ("l2", "a", owner));
    assert_eq!((&*lock.owner_name, lock.locked_at), ("owner-r", at(7)));
    assert_eq!(lfs::find_lock(&mut conn, repo, "l1").await.unwrap().unwrap().path, "b");
    assert!(lfs::find_lock(&mut conn, repo + 1, "l1").await.unwrap().is_none());
    let paths: Vec<_> = lfs::list_locks(&mut conn, repo, "", 10)
        .await
        .unwrap()
        .into_iter()
        .map(|lock| lock.path)
        .collect();
    assert_eq!(paths, ["a", "b"]);
    assert_eq!(lfs::list_locks(&mut conn, repo, "a", 10).await.unwrap().len(), 1);
    drop(conn);
    let mut tx = base.write().await;
    assert!(!lfs::delete_lock(&mut tx, repo + 1, "l1").await.unwrap());
    assert!(lfs::delete_lock(&mut tx, repo, "l1").await.unwrap());
    assert!(!lfs::delete_lock(&mut tx, repo, "l1").await.unwrap());
}

async fn deleted_links_are_remembered(base: Base) {
    let (repo, _) = repo(&base, "r").await;
    assert!(!check::has_deleted_links(&mut base.read().await, repo).await.unwrap());
    let mut tx = base.write().await;
    event::append_event(&mut tx, "lfs.delete", None, Some(repo), &serde_json::json!({}), at(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(check::has_deleted_links(&mut base.read().await, repo).await.unwrap());
    assert!(!check::has_deleted_links(&mut base.read().await, repo + 1).await.unwrap());
}
