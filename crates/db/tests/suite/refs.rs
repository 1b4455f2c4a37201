//! Refs, sequence numbers, the log of changes, and the wish to drop.

use steelyard_core::{Oid, RefName};
use steelyard_db::refs::{self, LoggedChange, RefChange};
use steelyard_db::{DbError, pack};

use crate::base::{Base, at, branch, db_suite, oid};

db_suite!(
    every_change_has_a_number,
    an_older_epoch_cannot_advance,
    refs_are_compared_and_swapped,
    several_refs_are_found_at_once,
    refs_are_listed_by_prefix_in_order,
    the_log_tells_what_refs_pointed_to,
    the_log_takes_several_lines_in_order,
    drops_are_planned,
    writers_of_one_repository_line_up,
);

async fn repo(base: &Base) -> i64 {
    let owner = base.user("u").await;
    base.repo(("u", owner), "r").await
}

async fn change(
    base: &Base,
    repo: i64,
    name: &RefName,
    old: Option<Oid>,
    new: Option<Oid>,
) -> bool {
    let mut tx = base.write().await;
    let seq = refs::advance(&mut tx, repo, 0).await.unwrap().unwrap();
    let change = RefChange { name, old, new, peeled: None };
    if !refs::change_ref(&mut tx, repo, seq, &change).await.unwrap() {
        return false;
    }
    let line = LoggedChange { change, actor_id: Some(1), cause: "test", now: at(seq) };
    refs::log_ref_changes(&mut tx, repo, seq, &[line]).await.unwrap();
    tx.commit().await.unwrap();
    true
}

async fn every_change_has_a_number(base: Base) {
    let repo = repo(&base).await;
    let mut tx = base.write().await;
    assert_eq!(refs::advance(&mut tx, repo, 0).await.unwrap(), Some(1));
    assert_eq!(refs::advance(&mut tx, repo, 0).await.unwrap(), Some(2));
    drop(tx);
    let mut tx = base.write().await;
    assert_eq!(refs::advance(&mut tx, repo, 0).await.unwrap(), Some(1), "a rollback leaves no gap");
    let locked = refs::lock_git(&mut tx, repo).await.unwrap().unwrap();
    assert_eq!((locked.seq, locked.gc_epoch, locked.generation), (1, 0, 0));
    assert!(refs::lock_git(&mut tx, repo + 1).await.unwrap().is_none());
    tx.commit().await.unwrap();
    let git = refs::find_git(&mut base.read().await, repo).await.unwrap().unwrap();
    assert_eq!(
        (git.seq, &*git.head_ref, git.tail_packs, git.tail_bytes),
        (1, "refs/heads/main", 0, 0)
    );
    assert!(!git.drop_wanted && git.drop_after.is_none());
    assert!(refs::find_git(&mut base.read().await, repo + 1).await.unwrap().is_none());
}

async fn an_older_epoch_cannot_advance(base: Base) {
    let repo = repo(&base).await;
    let mut tx = base.write().await;
    pack::bump_gc_epoch(&mut tx, repo).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = base.write().await;
    assert_eq!(refs::advance(&mut tx, repo, 0).await.unwrap(), None);
    assert_eq!(refs::advance(&mut tx, repo, 1).await.unwrap(), Some(1));
    assert_eq!(refs::advance(&mut tx, repo + 1, 0).await.unwrap(), None);
}

async fn refs_are_compared_and_swapped(base: Base) {
    let repo = repo(&base).await;
    let name = branch("b");
    assert!(!change(&base, repo, &name, Some(oid(1)), Some(oid(2))).await, "there is none");
    assert!(change(&base, repo, &name, None, Some(oid(1))).await);
    assert!(!change(&base, repo, &name, None, Some(oid(2))).await, "it exists");
    assert!(!change(&base, repo, &name, Some(oid(3)), Some(oid(2))).await, "it is elsewhere");
    assert!(change(&base, repo, &name, Some(oid(1)), Some(oid(2))).await);
    assert!(!change(&base, repo, &name, Some(oid(1)), None).await);
    let found = refs::find_ref(&mut base.read().await, repo, &name).await.unwrap().unwrap();
    assert_eq!((found.oid, found.peeled, found.target()), (oid(2), None, oid(2)));
    let (git, found) =
        refs::find_ref_with_git(&mut base.read().await, repo, &name).await.unwrap().unwrap();
    assert_eq!((git.seq, found.unwrap().oid), (2, oid(2)));
    assert!(change(&base, repo, &name, Some(oid(2)), None).await);
    assert!(refs::find_ref(&mut base.read().await, repo, &name).await.unwrap().is_none());
    let (git, found) =
        refs::find_ref_with_git(&mut base.read().await, repo, &name).await.unwrap().unwrap();
    assert!(git.seq == 3 && found.is_none());
    assert!(
        refs::find_ref_with_git(&mut base.read().await, repo + 1, &name).await.unwrap().is_none()
    );
}

async fn several_refs_are_found_at_once(base: Base) {
    let repo = repo(&base).await;
    let names = ["a", "b", "c", "d"].map(branch);
    let find = async |repo: i64, wanted: &[&RefName]| {
        let mut conn = base.read().await;
        let found = refs::find_refs_with_git(&mut conn, repo, wanted).await.unwrap();
        found.map(|(git, rows)| {
            let mut rows: Vec<_> = rows.into_iter().map(|row| (row.name, row.oid)).collect();
            rows.sort();
            (git.seq, rows)
        })
    };
    assert_eq!(find(repo, &[&names[0], &names[1]]).await, Some((0, Vec::new())));
    for (name, number) in names.iter().zip(1..) {
        assert!(change(&base, repo, name, None, Some(oid(number))).await);
    }
    let row = |index: usize| (names[index].as_str().to_owned(), oid(index as u8 + 1));
    assert_eq!(find(repo, &[&names[2]]).await, Some((4, vec![row(2)])));
    let missing = branch("missing");
    let found = find(repo, &[&names[3], &missing, &names[0]]).await;
    assert_eq!(found, Some((4, vec![row(0), row(3)])));
    assert_eq!(find(repo + 1, &[&names[0], &names[1]]).await, None);
}

async fn refs_are_listed_by_prefix_in_order(base: Base) {
    let repo = repo(&base).await;
    assert_eq!(
        refs::list_refs_with_git(&mut base.read().await, repo).await.unwrap().unwrap().1,
        []
    );
    let names = [
        "refs/heads/b",
        "refs/heads/B",
        "refs/heads/a/b",
        "refs/heads/a-b",
        "refs/heads/ü",
        "refs/tags/v1",
        "refs/pr/10",
    ];
    for name in names {
        assert!(change(&base, repo, &RefName::parse(name).unwrap(), None, Some(oid(1))).await);
    }
    let mut conn = base.read().await;
    let mut list = async |prefix: &str| {
        let rows = refs::list_refs(&mut conn, repo, prefix).await.unwrap();
        rows.into_iter().map(|row| row.name).collect::<Vec<_>>()
    };
    let heads =
        ["refs/heads/B", "refs/heads/a-b", "refs/heads/a/b", "refs/heads/b", "refs/heads/ü"];
    assert_eq!(list("refs/heads/").await, heads, "bytewise on both engines");
    assert_eq!(list("refs/heads/a/").await, ["refs/heads/a/b"]);
    assert_eq!(list("refs/pr/").await, ["refs/pr/10"]);
    assert_eq!(list("refs/").await.len(), names.len());
    let (git, all) = refs::list_refs_with_git(&mut base.read().await, repo).await.unwrap().unwrap();
    assert_eq!((git.seq, all.len()), (7, 7));
    assert!(all.is_sorted_by(|a, b| a.name < b.name));
    assert!(refs::list_refs_with_git(&mut base.read().await, repo + 1).await.unwrap().is_none());
}

async fn the_log_takes_several_lines_in_order(base: Base) {
    let repo = repo(&base).await;
    let name = branch("b");
    let steps: Vec<_> = (1..8).map(|number| (oid(number), oid(number + 1))).collect();
    let lines: Vec<_> = (1..)
        .zip(&steps)
        .map(|(number, (old, new))| {
            let change = RefChange { name: &name, old: Some(*old), new: Some(*new), peeled: None };
            LoggedChange { change, actor_id: Some(number), cause: "test", now: at(number) }
        })
        .collect();
    let mut tx = base.write().await;
    refs::log_ref_changes(&mut tx, repo, 3, &lines).await.unwrap();
    refs::log_ref_changes(&mut tx, repo, 4, &[]).await.unwrap();
    tx.commit().await.unwrap();
    let sql =
        "SELECT seq, old_oid, new_oid, actor_id, at FROM git_reflog WHERE repo_id = $1 ORDER BY id";
    let rows = base.read().await.fetch_all(sql, vec![repo.into()]).await.unwrap();
    let found: Vec<_> = rows
        .iter()
        .map(|row| {
            assert_eq!(row.int("seq").unwrap(), 3);
            assert_eq!(row.timestamp("at").unwrap(), at(row.int("actor_id").unwrap()));
            (row.oid("old_oid").unwrap(), row.oid("new_oid").unwrap())
        })
        .collect();
    assert_eq!(found, steps);
}

async fn the_log_tells_what_refs_pointed_to(base: Base) {
    let repo = repo(&base).await;
    let name = branch("b");
    for (old, new) in [(None, Some(1)), (Some(1), Some(2)), (Some(2), Some(1)), (Some(1), None)] {
        assert!(change(&base, repo, &name, old.map(oid), new.map(oid)).await);
    }
    let mut conn = base.read().await;
    let mut recent = refs::list_recent_old_oids(&mut conn, repo, at(0)).await.unwrap();
    recent.sort();
    // Each with the last change that took a ref away from it.
    assert_eq!(recent, [(oid(1), at(4)), (oid(2), at(3))]);
    assert_eq!(
        refs::list_recent_old_oids(&mut conn, repo, at(4)).await.unwrap(),
        [(oid(1), at(4))]
    );
    assert_eq!(refs::list_recent_old_oids(&mut conn, repo, at(5)).await.unwrap(), []);
    assert_eq!(refs::list_recent_old_oids(&mut conn, repo + 1, at(0)).await.unwrap(), []);
}

async fn drops_are_planned(base: Base) {
    let repo = repo(&base).await;
    let wanting = async |now| {
        pack::list_wanting_drop(&mut base.read().await, at(now), at(0), 10).await.unwrap()
    };
    assert_eq!(wanting(1000).await, Vec::<i64>::new());
    let mut tx = base.write().await;
    refs::want_drop(&mut tx, repo).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(wanting(0).await, [repo]);
    let mut tx = base.write().await;
    refs::plan_drop(&mut tx, repo, Some(at(500))).await.unwrap();
    // A later wish does not bring the look forward: what was cut off now is kept longer anyway.
    refs::want_drop(&mut tx, repo).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((wanting(499).await, wanting(500).await), (vec![], vec![repo]));
    let mut tx = base.write().await;
    refs::plan_drop(&mut tx, repo, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(wanting(9999).await, Vec::<i64>::new());
}

/// Two transactions advance the same repository: the second waits, and sees the first.
async fn writers_of_one_repository_line_up(base: Base) {
    let repo = repo(&base).await;
    let writers: Vec<_> = (0..20)
        .map(|_| {
            let db = base.db.clone();
            tokio::spawn(async move {
                let mut tx = db.write().await?;
                let seq = refs::advance(&mut tx, repo, 0).await?.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                assert_eq!(refs::find_git(&mut tx, repo).await?.unwrap().seq, seq);
                tx.commit().await?;
                Ok::<_, DbError>(seq)
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for writer in writers {
        numbers.push(writer.await.unwrap().unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
}
