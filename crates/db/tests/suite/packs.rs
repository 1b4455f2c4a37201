//! The pack manifest.

use steelyard_db::pack::{self, JoinThreshold, PackKind};
use steelyard_db::{Db, check, job, refs, repo};

use crate::base::{Base, at, db_suite, inline_pack, oid, stored_pack};

db_suite!(
    every_column_of_a_pack_comes_back,
    packs_are_listed_from_a_change_on,
    tails_are_counted,
    packs_are_retired_once,
    retired_packs_wait_before_they_go,
    shared_packs_stay_while_somebody_names_them,
    joins_are_wanted_by_number_size_and_idleness,
);

async fn repo(base: &Base, name: &str) -> i64 {
    let owner = base.user(&format!("owner-{name}")).await;
    base.repo((&format!("owner-{name}"), owner), name).await
}

async fn insert(db: &Db, repo: i64, new: pack::NewPack, now: i64) -> i64 {
    let mut tx = db.write().await.unwrap();
    let seq = refs::advance(&mut tx, repo, 0).await.unwrap().unwrap();
    pack::insert_pack(&mut tx, repo, seq, new, at(now)).await.unwrap();
    tx.commit().await.unwrap();
    seq
}

async fn ids(base: &Base, repo: i64, after: i64) -> Vec<String> {
    let rows = pack::list_packs(&mut base.read().await, repo, after).await.unwrap();
    rows.into_iter().map(|row| row.pack_id).collect()
}

async fn every_column_of_a_pack_comes_back(base: Base) {
    let repo = repo(&base, "r").await;
    insert(&base.db, repo, inline_pack("p1", PackKind::Tail), 1).await;
    insert(&base.db, repo, stored_pack("p2", PackKind::Repacked), 2).await;
    let mut conn = base.read().await;
    let rows = pack::list_packs(&mut conn, repo, 0).await.unwrap();
    let (one, two) = (&rows[0], &rows[1]);
    assert_eq!(
        (&*one.pack_id, one.kind, one.n_objects, one.size_bytes),
        ("p1", PackKind::Tail, 3, 10)
    );
    assert_eq!((one.trailer, one.seq, one.is_inline), (oid(9), 1, true));
    assert_eq!(
        (two.kind, two.size_bytes, two.seq, two.is_inline),
        (PackKind::Repacked, 1 << 20, 2, false)
    );
    let bytes = pack::find_pack_bytes(&mut conn, "p1").await.unwrap().unwrap();
    assert_eq!((bytes.toc, bytes.inline), (Some(vec![0, 1, 2, 255]), Some(vec![7; 10])));
    let bytes = pack::find_pack_bytes(&mut conn, "p2").await.unwrap().unwrap();
    assert_eq!((bytes.toc, bytes.inline), (None, None));
    assert!(pack::find_pack_bytes(&mut conn, "p3").await.unwrap().is_none());
    assert!(pack::pack_exists(&mut conn, "p2").await.unwrap());
    assert!(!pack::pack_exists(&mut conn, "p3").await.unwrap());
    assert_eq!(pack::sum_bytes(&mut conn, repo).await.unwrap(), (1 << 20) + 10);
    assert_eq!(pack::sum_bytes(&mut conn, repo + 1).await.unwrap(), 0);
    assert!(check::list_rowless_packs(&mut conn, repo).await.unwrap().is_empty());
    let inline = pack::list_inline_bytes(&mut conn, repo, 0).await.unwrap();
    assert_eq!(inline.iter().map(|bytes| &*bytes.pack_id).collect::<Vec<_>>(), ["p1"]);
}

async fn packs_are_listed_from_a_change_on(base: Base) {
    let repo = repo(&base, "r").await;
    for n in 1..=4 {
        assert_eq!(
            insert(&base.db, repo, inline_pack(&format!("p{n}"), PackKind::Tail), n).await,
            n
        );
    }
    assert_eq!(ids(&base, repo, 0).await, ["p1", "p2", "p3", "p4"]);
    assert_eq!(ids(&base, repo, 2).await, ["p3", "p4"]);
    assert_eq!(ids(&base, repo, 4).await, Vec::<String>::new());
    let inline = pack::list_inline_bytes(&mut base.read().await, repo, 3).await.unwrap();
    assert_eq!(inline.len(), 1);
}

async fn tails_are_counted(base: Base) {
    let repo = repo(&base, "r").await;
    let tail = async || {
        let git = refs::find_git(&mut base.read().await, repo).await.unwrap().unwrap();
        (git.tail_packs, git.tail_bytes)
    };
    insert(&base.db, repo, inline_pack("p1", PackKind::Tail), 1).await;
    insert(&base.db, repo, stored_pack("p2", PackKind::Tail), 1).await;
    insert(&base.db, repo, stored_pack("p3", PackKind::Joined), 1).await;
    assert_eq!(tail().await, (2, (1 << 20) + 10));
    let mut tx = base.write().await;
    pack::promote_pack(&mut tx, "p2").await.unwrap();
    pack::count_tail(&mut tx, repo).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(tail().await, (1, 10));
}

async fn packs_are_retired_once(base: Base) {
    let repo = repo(&base, "r").await;
    for id in ["p1", "p2"] {
        insert(&base.db, repo, inline_pack(id, PackKind::Tail), 1).await;
    }
    let mut tx = base.write().await;
    assert!(pack::retire_packs(&mut tx, repo, &["p1".to_owned()], at(5)).await.unwrap());
    tx.commit().await.unwrap();
    let git = refs::find_git(&mut base.read().await, repo).await.unwrap().unwrap();
    assert_eq!((git.generation, git.tail_packs, git.seq), (1, 1, 2));
    assert_eq!(ids(&base, repo, 0).await, ["p2"]);
    for gone in
        [vec!["p1".to_owned()], vec!["p2".to_owned(), "p1".to_owned()], vec!["nothing".to_owned()]]
    {
        let mut tx = base.write().await;
        assert!(!pack::retire_packs(&mut tx, repo, &gone, at(6)).await.unwrap());
    }
    assert_eq!(ids(&base, repo, 0).await, ["p2"], "what was not committed did not happen");
}

async fn retired_packs_wait_before_they_go(base: Base) {
    let repo = repo(&base, "r").await;
    insert(&base.db, repo, inline_pack("inline", PackKind::Tail), 1).await;
    insert(&base.db, repo, stored_pack("stored", PackKind::Tail), 1).await;
    insert(&base.db, repo, inline_pack("live", PackKind::Tail), 1).await;
    let mut tx = base.write().await;
    let old = ["inline".to_owned(), "stored".to_owned()];
    assert!(pack::retire_packs(&mut tx, repo, &old, at(100)).await.unwrap());
    tx.commit().await.unwrap();
    let due = async |inline, stored| {
        let mut due =
            pack::list_retired(&mut base.read().await, at(inline), at(stored), 10).await.unwrap();
        due.sort();
        due.into_iter().map(|(of, id)| (assert_eq!(of, repo), id).1).collect::<Vec<_>>()
    };
    assert_eq!(due(100, 100).await, Vec::<String>::new());
    assert_eq!(due(101, 50).await, ["inline"]);
    assert_eq!(due(200, 150).await, ["inline", "stored"]);
    assert_eq!(check::count_stale_retired(&mut base.read().await, at(101)).await.unwrap(), 2);
    let mut tx = base.write().await;
    pack::detach_pack(&mut tx, repo, "live").await.unwrap();
    pack::detach_pack(&mut tx, repo, "stored").await.unwrap();
    pack::detach_pack(&mut tx, repo, "inline").await.unwrap();
    assert!(!pack::delete_unnamed(&mut tx, "live").await.unwrap(), "it is in use");
    assert!(!pack::delete_unnamed(&mut tx, "inline").await.unwrap(), "it has no bytes elsewhere");
    assert!(pack::delete_unnamed(&mut tx, "stored").await.unwrap());
    assert!(!pack::delete_unnamed(&mut tx, "stored").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(ids(&base, repo, 0).await, ["live"]);
    assert!(!pack::pack_exists(&mut base.read().await, "inline").await.unwrap());
}

async fn shared_packs_stay_while_somebody_names_them(base: Base) {
    let (one, two) = (repo(&base, "one").await, repo(&base, "two").await);
    insert(&base.db, one, stored_pack("shared", PackKind::Tail), 1).await;
    insert(&base.db, one, stored_pack("retired", PackKind::Tail), 1).await;
    let mut tx = base.write().await;
    assert!(pack::retire_packs(&mut tx, one, &["retired".to_owned()], at(1)).await.unwrap());
    let seq = refs::advance(&mut tx, two, 0).await.unwrap().unwrap();
    pack::share_packs(&mut tx, one, two, seq).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ids(&base, two, 0).await, ["shared"]);
    let git = refs::find_git(&mut base.read().await, two).await.unwrap().unwrap();
    assert_eq!((git.tail_packs, git.tail_bytes), (1, 1 << 20));
    let mut tx = base.write().await;
    assert!(repo::delete_repo(&mut tx, one, at(2)).await.unwrap());
    let mut detached = pack::detach_all(&mut tx, one).await.unwrap();
    detached.sort();
    assert_eq!(detached, ["retired", "shared"]);
    assert_eq!(pack::list_unnamed(&mut tx, "", 10).await.unwrap(), ["retired"]);
    assert_eq!(pack::list_unnamed(&mut tx, "retired", 10).await.unwrap(), Vec::<String>::new());
    assert!(!pack::delete_unnamed(&mut tx, "shared").await.unwrap());
    assert!(pack::delete_unnamed(&mut tx, "retired").await.unwrap());
    repo::purge_repo(&mut tx, one).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ids(&base, two, 0).await, ["shared"]);
}

async fn joins_are_wanted_by_number_size_and_idleness(base: Base) {
    let (few, many, large) =
        (repo(&base, "few").await, repo(&base, "many").await, repo(&base, "large").await);
    for n in 0..2 {
        insert(&base.db, few, inline_pack(&format!("few{n}"), PackKind::Tail), 1000).await;
        insert(&base.db, large, stored_pack(&format!("large{n}"), PackKind::Tail), 1000).await;
    }
    for n in 0..5 {
        insert(&base.db, many, inline_pack(&format!("many{n}"), PackKind::Tail), 1000).await;
    }
    let wanting = async |packs, bytes, idle| {
        let threshold = JoinThreshold { packs, bytes, idle_before: at(idle) };
        pack::list_wanting_join(&mut base.read().await, &threshold, at(0), 10).await.unwrap()
    };
    assert_eq!(wanting(5, 1 << 40, 0).await, [many]);
    assert_eq!(wanting(99, 1 << 21, 0).await, [large]);
    assert_eq!(wanting(99, 1 << 40, 1000).await, Vec::<i64>::new());
    assert_eq!(wanting(99, 1 << 40, 1001).await[0], many, "longest first");
    assert_eq!(wanting(99, 1 << 40, 1001).await.len(), 3);
    // Not while a job is on it, and not right after one failed for good.
    let mut tx = base.write().await;
    assert!(
        job::ensure(&mut tx, "git.join", &many.to_string(), at(0), at(0), at(0)).await.unwrap()
    );
    tx.commit().await.unwrap();
    assert_eq!(wanting(5, 1 << 40, 0).await, Vec::<i64>::new());
}
