//! Repositories as records, redirects, discussions, and what fsck asks of them.

use serde_json::json;
use steelyard_core::{OrgRole, RepoKind, RepoName, Visibility};
use steelyard_db::account::{self, AccountKind};
use steelyard_db::discussion::{self, NewDiscussion};
use steelyard_db::repo::{self, ListRepos, NewRepo, RepoSort};
use steelyard_db::{Conn, DbError, check, refs};

use crate::base::{Base, at, branch, db_suite, namespace, oid, repo_id};

const MODEL: RepoKind = RepoKind::Model;

db_suite!(
    every_column_of_a_repository_comes_back,
    names_are_unique_by_kind_owner_and_folded_name,
    moves_leave_redirects,
    redirects_end_where_a_name_is_taken,
    a_deleted_repository_is_gone_and_its_name_free,
    listings_show_what_the_viewer_may_see,
    listings_are_paged_without_gaps,
    searches_take_no_wildcards,
    updates_leave_what_they_do_not_name,
    discussions_are_numbered_by_repository,
    a_form_is_found_again_for_a_while,
    a_repository_is_found_with_its_history,
    many_repositories_are_found_by_key,
    facts_are_replaced_unless_they_changed,
);

async fn find(conn: &mut Conn, namespace: &str, name: &str) -> Option<repo::RepoRow> {
    repo::find_repo(conn, MODEL, &repo_id(namespace, name)).await.unwrap()
}

async fn every_column_of_a_repository_comes_back(base: Base) {
    let (owner, creator) = (base.account(AccountKind::Org, "Org").await, base.user("u").await);
    let mut tx = base.write().await;
    let new = NewRepo {
        public_id: "public".to_owned(),
        kind: RepoKind::Space,
        owner_id: owner,
        name: &RepoName::parse("My.Space_1").unwrap(),
        creator_id: creator,
        visibility: Visibility::Private,
        settings: &json!({"sdk": "static"}),
        facts: &json!({"tags": ["ü"]}),
        now: at(50),
    };
    let id = repo::create_repo(&mut tx, &namespace("Org"), &new).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let row = repo::find_repo(&mut conn, RepoKind::Space, &repo_id("oRG", "my.sPACE_1"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (row.id, &*row.public_id, row.kind, row.owner_id),
        (id, "public", RepoKind::Space, owner)
    );
    assert_eq!(
        (row.owner_kind, row.repo.to_string()),
        (AccountKind::Org, "Org/My.Space_1".to_owned())
    );
    assert_eq!((row.creator_id, row.visibility, &*row.gated), (creator, Visibility::Private, ""));
    assert_eq!((row.disabled, row.created_at, row.last_modified), (false, at(50), at(50)));
    assert_eq!((row.settings, row.facts), (json!({"sdk": "static"}), json!({"tags": ["ü"]})));
    assert_eq!(repo::find_repo_by_id(&mut conn, id).await.unwrap().unwrap().public_id, "public");
    assert!(repo::find_repo_by_id(&mut conn, id + 1).await.unwrap().is_none());
    assert!(find(&mut conn, "Org", "My.Space_1").await.is_none(), "another kind");
    assert!(check::list_ownerless_repos(&mut conn, 10).await.unwrap().is_empty());
}

async fn names_are_unique_by_kind_owner_and_folded_name(base: Base) {
    let (a, b) = (base.user("a").await, base.user("b").await);
    base.repo(("a", a), "name").await;
    base.repo(("b", b), "name").await;
    let mut tx = base.write().await;
    let (settings, facts) = (json!({}), json!({}));
    let mut new = NewRepo {
        public_id: "p".to_owned(),
        kind: RepoKind::Dataset,
        owner_id: a,
        name: &RepoName::parse("NAME").unwrap(),
        creator_id: a,
        visibility: Visibility::Public,
        settings: &settings,
        facts: &facts,
        now: at(1),
    };
    repo::create_repo(&mut tx, &namespace("a"), &new).await.unwrap();
    tx.commit().await.unwrap();
    (new.kind, new.public_id) = (MODEL, "q".to_owned());
    let taken = repo::create_repo(&mut base.write().await, &namespace("a"), &new).await;
    assert!(matches!(taken, Err(DbError::Conflict { .. })), "{taken:?}");
}

async fn moves_leave_redirects(base: Base) {
    let (a, b) = (base.user("a").await, base.user("b").await);
    let id = base.repo(("a", a), "one").await;
    let row = find(&mut base.read().await, "a", "one").await.unwrap();
    let mut tx = base.write().await;
    repo::move_repo(&mut tx, &row, b, &repo_id("b", "Two")).await.unwrap();
    let row = repo::find_repo_by_id(&mut tx, id).await.unwrap().unwrap();
    // A change of case alone is no move.
    repo::move_repo(&mut tx, &row, b, &repo_id("b", "two")).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    assert!(find(&mut conn, "a", "one").await.is_none());
    assert_eq!(find(&mut conn, "b", "TWO").await.unwrap().repo, repo_id("b", "two"));
    let moved =
        repo::find_moved_repo(&mut conn, MODEL, &repo_id("A", "ONE")).await.unwrap().unwrap();
    assert_eq!((moved.id, moved.repo.to_string()), (id, "b/two".to_owned()));
    assert!(
        repo::find_moved_repo(&mut conn, RepoKind::Dataset, &repo_id("a", "one"))
            .await
            .unwrap()
            .is_none()
    );
    assert!(repo::find_moved_repo(&mut conn, MODEL, &repo_id("b", "two")).await.unwrap().is_none());
    assert!(check::list_bad_redirects(&mut conn, 10).await.unwrap().is_empty());
    base.repo(("a", a), "three").await;
    let other = find(&mut base.read().await, "a", "three").await.unwrap();
    let taken = repo::move_repo(&mut base.write().await, &other, b, &repo_id("b", "TWO")).await;
    assert!(matches!(taken, Err(DbError::Conflict { .. })), "{taken:?}");
}

async fn redirects_end_where_a_name_is_taken(base: Base) {
    let a = base.user("a").await;
    let id = base.repo(("a", a), "one").await;
    let row = find(&mut base.read().await, "a", "one").await.unwrap();
    let mut tx = base.write().await;
    repo::move_repo(&mut tx, &row, a, &repo_id("a", "two")).await.unwrap();
    // There and back: the name leads to itself again, and the other one here.
    let row = repo::find_repo_by_id(&mut tx, id).await.unwrap().unwrap();
    repo::move_repo(&mut tx, &row, a, &repo_id("a", "one")).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    assert!(repo::find_moved_repo(&mut conn, MODEL, &repo_id("a", "one")).await.unwrap().is_none());
    assert_eq!(
        repo::find_moved_repo(&mut conn, MODEL, &repo_id("a", "two")).await.unwrap().unwrap().id,
        id
    );
    drop(conn);
    let taker = base.repo(("a", a), "two").await;
    let mut conn = base.read().await;
    assert!(repo::find_moved_repo(&mut conn, MODEL, &repo_id("a", "two")).await.unwrap().is_none());
    assert_eq!(find(&mut conn, "a", "two").await.unwrap().id, taker);
    assert!(check::list_bad_redirects(&mut conn, 10).await.unwrap().is_empty());
}

async fn a_deleted_repository_is_gone_and_its_name_free(base: Base) {
    let a = base.user("a").await;
    let id = base.repo(("a", a), "old").await;
    let row = find(&mut base.read().await, "a", "old").await.unwrap();
    let mut tx = base.write().await;
    repo::move_repo(&mut tx, &row, a, &repo_id("a", "new")).await.unwrap();
    assert!(repo::delete_repo(&mut tx, id, at(10)).await.unwrap());
    assert!(!repo::delete_repo(&mut tx, id, at(11)).await.unwrap());
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    assert!(find(&mut conn, "a", "new").await.is_none());
    assert!(repo::find_moved_repo(&mut conn, MODEL, &repo_id("a", "old")).await.unwrap().is_none());
    assert!(repo::find_repo_by_id(&mut conn, id).await.unwrap().is_none());
    assert!(repo::list_all_repos(&mut conn, 0, 10).await.unwrap().is_empty());
    assert_eq!(repo::list_deleted_repos(&mut conn, at(10), 10).await.unwrap(), Vec::<i64>::new());
    assert_eq!(repo::list_deleted_repos(&mut conn, at(11), 10).await.unwrap(), [id]);
    drop(conn);
    let again = base.user("b").await;
    assert_ne!(base.repo(("b", again), "new").await, id);
    let mut tx = base.write().await;
    repo::purge_repo(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(repo::list_deleted_repos(&mut base.read().await, at(99), 10).await.unwrap().is_empty());
    assert!(refs::find_git(&mut base.read().await, id).await.unwrap().is_none());
}

async fn listings_show_what_the_viewer_may_see(base: Base) {
    let (a, b, org) =
        (base.user("a").await, base.user("b").await, base.account(AccountKind::Org, "o").await);
    let mut tx = base.write().await;
    account::set_member(&mut tx, org, b, OrgRole::Read, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    for (owner, key) in [("a", a), ("b", b), ("o", org)] {
        base.repo((owner, key), "public").await;
        let private = base.repo((owner, key), "private").await;
        let mut tx = base.write().await;
        repo::update_repo(&mut tx, private, Some(Visibility::Private), None, None).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut conn = base.read().await;
    let mut names = async |wanted: ListRepos| {
        let rows = repo::list_repos(&mut conn, &ListRepos { limit: 100, ..wanted }).await.unwrap();
        let mut names: Vec<_> = rows.iter().map(|row| row.repo.to_string()).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names(ListRepos::default()).await, "a/public b/public o/public");
    let viewer = |id| ListRepos { viewer_id: Some(id), ..ListRepos::default() };
    assert_eq!(names(viewer(a)).await, "a/private a/public b/public o/public");
    assert_eq!(names(viewer(b)).await, "a/public b/private b/public o/private o/public");
    let all = ListRepos { sees_all: true, ..ListRepos::default() };
    assert_eq!(names(all).await.split(' ').count(), 6);
    assert_eq!(names(ListRepos { owner_id: Some(org), ..viewer(b) }).await, "o/private o/public");
    assert_eq!(names(ListRepos { kind: Some(RepoKind::Dataset), ..viewer(b) }).await, "");
}

async fn listings_are_paged_without_gaps(base: Base) {
    let a = base.user("a").await;
    for n in 0..7 {
        let id = base.repo(("a", a), &format!("r{n}")).await;
        let mut tx = base.write().await;
        repo::touch_repo(&mut tx, id, at(200 - n / 2), None).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut conn = base.read().await;
    for (sort, expected) in [
        (RepoSort::CreatedAt, "r6 r5 r4 r3 r2 r1 r0"),
        (RepoSort::LastModified, "r1 r0 r3 r2 r5 r4 r6"),
    ] {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let wanted = ListRepos { sort, after, limit: 3, ..ListRepos::default() };
            let page = repo::list_repos(&mut conn, &wanted).await.unwrap();
            let Some(last) = page.last() else { break };
            let value =
                if sort == RepoSort::CreatedAt { last.created_at } else { last.last_modified };
            after = Some((value.millis(), last.id));
            names.extend(page.iter().map(|row| row.repo.name.to_string()));
        }
        assert_eq!(names.join(" "), expected);
    }
    let all = repo::list_all_repos(&mut conn, 0, 4).await.unwrap();
    let rest = repo::list_all_repos(&mut conn, all[3].id, 10).await.unwrap();
    assert_eq!((all.len(), rest.len()), (4, 3));
}

async fn searches_take_no_wildcards(base: Base) {
    let a = base.user("a").await;
    for name in ["bert_base", "bertxbase", "GPT-2"] {
        base.repo(("a", a), name).await;
    }
    let mut conn = base.read().await;
    let mut found = async |text: &[&str]| {
        let search = text.iter().map(|text| (*text).to_owned()).collect();
        let wanted = ListRepos { search, limit: 10, ..ListRepos::default() };
        repo::list_repos(&mut conn, &wanted).await.unwrap().len()
    };
    assert_eq!(found(&["bert_"]).await, 1);
    assert_eq!(found(&["%"]).await, 0);
    assert_eq!(found(&["\\"]).await, 0);
    assert_eq!(found(&["a/gpt"]).await, 1);
    assert_eq!(found(&["bert", "base"]).await, 2);
    assert_eq!(found(&["'; DROP TABLE repo; --"]).await, 0);
}

async fn updates_leave_what_they_do_not_name(base: Base) {
    let a = base.user("a").await;
    let id = base.repo(("a", a), "r").await;
    let mut tx = base.write().await;
    repo::update_repo(&mut tx, id, None, Some("manual"), Some(&json!({"k": 1}))).await.unwrap();
    repo::update_repo(&mut tx, id, Some(Visibility::Private), None, None).await.unwrap();
    repo::touch_repo(&mut tx, id, at(300), Some(&json!({"f": 2}))).await.unwrap();
    repo::touch_repo(&mut tx, id, at(301), None).await.unwrap();
    tx.commit().await.unwrap();
    let row = repo::find_repo_by_id(&mut base.read().await, id).await.unwrap().unwrap();
    assert_eq!(
        (row.visibility, &*row.gated, row.settings),
        (Visibility::Private, "manual", json!({"k": 1}))
    );
    assert_eq!((row.created_at, row.last_modified, row.facts), (at(100), at(301), json!({"f": 2})));
}

async fn discussions_are_numbered_by_repository(base: Base) {
    let a = base.user("a").await;
    let (one, two) = (base.repo(("a", a), "one").await, base.repo(("a", a), "two").await);
    let new = |id: &str| NewDiscussion {
        public_id: id.to_owned(),
        is_pull_request: true,
        title: "Title",
        description: "Text",
        status: "open",
        base_ref: Some("refs/heads/main"),
        author_id: a,
        form_hash: None,
        now: at(5),
    };
    let mut tx = base.write().await;
    assert_eq!(discussion::create_discussion(&mut tx, one, &new("d1")).await.unwrap(), 1);
    assert_eq!(discussion::create_discussion(&mut tx, one, &new("d2")).await.unwrap(), 2);
    assert_eq!(discussion::create_discussion(&mut tx, two, &new("d3")).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let mut tx = base.write().await;
    assert_eq!(discussion::create_discussion(&mut tx, one, &new("d4")).await.unwrap(), 3);
    drop(tx);
    let mut tx = base.write().await;
    assert_eq!(
        discussion::create_discussion(&mut tx, one, &new("d5")).await.unwrap(),
        3,
        "no gap after a rollback"
    );
    drop(tx);
    let row = discussion::find_discussion(&mut base.read().await, one, 2).await.unwrap().unwrap();
    assert_eq!(
        (row.num, row.is_pull_request, &*row.title, &*row.description),
        (2, true, "Title", "Text")
    );
    assert_eq!((&*row.status, row.base_ref.as_deref()), ("open", Some("refs/heads/main")));
    assert_eq!((row.author_id, row.created_at), (a, at(5)));
    assert!(discussion::find_discussion(&mut base.read().await, two, 2).await.unwrap().is_none());
}

async fn a_form_is_found_again_for_a_while(base: Base) {
    let (a, b) = (base.user("a").await, base.user("b").await);
    let (one, two) = (base.repo(("a", a), "one").await, base.repo(("a", a), "two").await);
    let new = NewDiscussion {
        public_id: "d1".to_owned(),
        is_pull_request: true,
        title: "Title",
        description: "",
        status: "open",
        base_ref: None,
        author_id: b,
        form_hash: Some(b"form"),
        now: at(50),
    };
    let mut tx = base.write().await;
    assert_eq!(discussion::create_discussion(&mut tx, one, &new).await.unwrap(), 1);
    for (repo, author, form, since, found) in [
        (one, b, b"form", 49, Some(1)),
        (one, b, b"form", 50, None),
        (one, b, b"FORM", 49, None),
        (one, a, b"form", 49, None),
        (two, b, b"form", 49, None),
    ] {
        let number = discussion::find_by_form(&mut tx, repo, author, form, at(since)).await;
        assert_eq!(number.unwrap(), found);
    }
    tx.commit().await.unwrap();
}

async fn a_repository_is_found_with_its_history(base: Base) {
    let (user, org) = (base.user("u").await, base.account(AccountKind::Org, "o").await);
    let id = base.repo(("o", org), "r").await;
    let mut tx = base.write().await;
    account::set_member(&mut tx, org, user, OrgRole::Write, at(1)).await.unwrap();
    let seq = refs::advance(&mut tx, id, 0).await.unwrap().unwrap();
    let change = refs::RefChange {
        name: &branch("main"),
        old: None,
        new: Some(oid(1)),
        peeled: Some(oid(2)),
    };
    assert!(refs::change_ref(&mut tx, id, seq, &change).await.unwrap());
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let (main, none) = (branch("main"), branch("none"));
    let at_main =
        repo::find_repo_at(&mut conn, MODEL, &repo_id("O", "R"), Some(user), Some(&main)).await;
    let at_main = at_main.unwrap().unwrap();
    assert_eq!((at_main.repo.id, at_main.org_role, at_main.git.seq), (id, Some(OrgRole::Write), 1));
    let reference = at_main.reference.unwrap();
    assert_eq!(
        (&*reference.name, reference.oid, reference.target()),
        ("refs/heads/main", oid(1), oid(2))
    );
    for (who, name) in [(None, None), (Some(org), Some(&none))] {
        let found = repo::find_repo_at(&mut conn, MODEL, &repo_id("o", "r"), who, name)
            .await
            .unwrap()
            .unwrap();
        assert!(
            found.org_role.is_none()
                && found.reference.is_none()
                && found.git.head_ref == "refs/heads/main"
        );
    }
    assert!(
        repo::find_repo_at(&mut conn, MODEL, &repo_id("o", "x"), None, None)
            .await
            .unwrap()
            .is_none()
    );
}

async fn many_repositories_are_found_by_key(base: Base) {
    let user = base.user("u").await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(base.repo(("u", user), &format!("r{n}")).await);
    }
    let mut tx = base.write().await;
    repo::delete_repo(&mut tx, ids[2], at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let wanted = [ids[3], ids[0], ids[2], ids[3], ids[3] + 9];
    let found = repo::find_repos_by_id(&mut base.read().await, &wanted).await.unwrap();
    assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[0], ids[3]]);
}

async fn facts_are_replaced_unless_they_changed(base: Base) {
    let user = base.user("u").await;
    let id = base.repo(("u", user), "r").await;
    let (old, new) = (json!({}), json!({"tags": ["ü"], "n": 1}));
    let mut tx = base.write().await;
    assert!(repo::replace_facts(&mut tx, id, &old, &new).await.unwrap());
    assert!(!repo::replace_facts(&mut tx, id, &old, &json!({"late": true})).await.unwrap());
    tx.commit().await.unwrap();
    let row = repo::find_repo_by_id(&mut base.read().await, id).await.unwrap().unwrap();
    assert_eq!((row.facts, row.last_modified), (new, at(100)));
}
