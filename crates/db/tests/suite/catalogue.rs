//! Lineage, results, texts of cards, and everything the index asks for at once.

use serde_json::json;
use steelyard_core::{OrgRole, RepoId, RepoKind, Visibility};
use steelyard_db::account::{self, AccountKind};
use steelyard_db::catalogue::{self, IndexRow};
use steelyard_db::discussion::{self, NewDiscussion};
use steelyard_db::evals::{self, Eval};
use steelyard_db::lineage::{self, BaseRow, ListChildren};
use steelyard_db::stats::{self, StatsChange};
use steelyard_db::{Viewer, likes, repo};

use crate::base::{Base, at, db_suite, oid, repo_id};

db_suite!(
    bases_come_back_in_the_order_of_the_card,
    a_renamed_base_keeps_its_children_and_nobody_is_their_own,
    children_are_counted_by_relation_and_private_ones_hidden,
    every_column_of_a_result_comes_back,
    results_of_pull_requests_stand_apart,
    a_proposed_result_lasts_until_it_is_taken_over_or_closed,
    a_dataset_lists_the_results_the_viewer_may_see,
    cards_and_weights_are_kept_replaced_and_removed,
    a_copy_has_what_was_derived,
    the_index_gets_everything_page_by_page,
    a_purged_repository_leaves_no_row,
);

fn base(id: &str, relation: &str) -> BaseRow {
    BaseRow { base_id: id.to_owned(), relation: relation.to_owned() }
}

async fn set_bases(db: &Base, repo_id: i64, bases: &[BaseRow]) {
    let mut tx = db.write().await;
    lineage::replace_bases(&mut tx, repo_id, bases).await.unwrap();
    tx.commit().await.unwrap();
}

async fn hide(db: &Base, repo_id: i64) {
    let mut tx = db.write().await;
    repo::update_repo(&mut tx, repo_id, Some(Visibility::Private), None, None).await.unwrap();
    tx.commit().await.unwrap();
}

async fn bases_come_back_in_the_order_of_the_card(db: Base) {
    let user = db.user("u").await;
    let (one, two) = (db.repo(("u", user), "one").await, db.repo(("u", user), "two").await);
    let merged = [base("z/Last", "merge"), base("a/First", "merge"), base("Z/last", "merge")];
    set_bases(&db, one, &merged).await;
    set_bases(&db, two, &[base("bert\0-base", "finetune")]).await;
    let mut conn = db.read().await;
    let expected = [base("z/Last", "merge"), base("a/First", "merge")];
    assert_eq!(lineage::list_bases(&mut conn, one).await.unwrap(), expected);
    let both = lineage::find_bases_of(&mut conn, &[two, one, one + 99]).await.unwrap();
    let expected = [
        (one, base("z/Last", "merge")),
        (one, base("a/First", "merge")),
        (two, base("bert-base", "finetune")),
    ];
    assert_eq!(both, expected);
    drop(conn);
    set_bases(&db, one, &[base("only", "adapter")]).await;
    let mut conn = db.read().await;
    assert_eq!(lineage::list_bases(&mut conn, one).await.unwrap(), [base("only", "adapter")]);
    drop(conn);
    set_bases(&db, one, &[]).await;
    assert!(lineage::list_bases(&mut db.read().await, one).await.unwrap().is_empty());
}

async fn a_renamed_base_keeps_its_children_and_nobody_is_their_own(db: Base) {
    let user = db.user("u").await;
    let (root, early, late) = (
        db.repo(("u", user), "root").await,
        db.repo(("u", user), "early").await,
        db.repo(("u", user), "late").await,
    );
    let named = [base("U/Root", "finetune"), base("else/x\0", "merge"), base("u/EARLY", "merge")];
    set_bases(&db, early, &named).await;
    let mut tx = db.write().await;
    let row = repo::find_repo_by_id(&mut tx, root).await.unwrap().unwrap();
    repo::move_repo(&mut tx, &row, user, &repo_id("u", "Trunk")).await.unwrap();
    let renamed = lineage::rename_base(&mut tx, &row.repo, &repo_id("u", "Trunk")).await.unwrap();
    assert_eq!(renamed, [early]);
    tx.commit().await.unwrap();
    // Whoever still writes the old name means the same model.
    set_bases(&db, late, &[base("u/root", "adapter")]).await;
    let mut conn = db.read().await;
    let bases = lineage::list_bases(&mut conn, early).await.unwrap();
    assert_eq!(bases, [base("u/Trunk", "finetune"), base("else/x", "merge")]);
    assert_eq!(lineage::list_bases(&mut conn, late).await.unwrap(), [base("u/Trunk", "adapter")]);
    let count = lineage::count_children(&mut conn, "u/trunk", Viewer::ALL).await.unwrap();
    assert_eq!(count, [("adapter".to_owned(), 1), ("finetune".to_owned(), 1)]);
    drop(conn);
    // Until somebody else takes it.
    let taker = db.repo(("u", user), "Root").await;
    set_bases(&db, late, &[base("u/root", "adapter")]).await;
    let bases = lineage::list_bases(&mut db.read().await, late).await.unwrap();
    assert_eq!(bases, [base("u/root", "adapter")], "{taker} has the name now");
}

async fn children_are_counted_by_relation_and_private_ones_hidden(db: Base) {
    let (user, other) = (db.user("u").await, db.user("o").await);
    let mut children = Vec::new();
    for (n, relation) in ["finetune", "adapter", "finetune", "finetune"].iter().enumerate() {
        let id = db.repo(("u", user), &format!("m{n}")).await;
        set_bases(&db, id, &[base("Org/Base", relation), base("else", "merge")]).await;
        children.push(id);
    }
    hide(&db, children[2]).await;
    let mut tx = db.write().await;
    repo::delete_repo(&mut tx, children[3], at(9)).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.read().await;
    let folded = lineage::fold("ORG/base");
    let counts =
        async |conn: &mut _, viewer| lineage::count_children(conn, &folded, viewer).await.unwrap();
    let two = vec![("adapter".to_owned(), 1), ("finetune".to_owned(), 2)];
    let one = vec![("adapter".to_owned(), 1), ("finetune".to_owned(), 1)];
    let as_user = |id| Viewer { user_id: Some(id), sees_all: false };
    assert_eq!(counts(&mut conn, Viewer::ALL).await, two);
    assert_eq!(counts(&mut conn, as_user(user)).await, two);
    assert_eq!(counts(&mut conn, as_user(other)).await, one);
    assert_eq!(counts(&mut conn, Viewer::default()).await, one);
    let wanted = ListChildren {
        base_folded: &folded,
        viewer: as_user(other),
        limit: 10,
        ..ListChildren::default()
    };
    let listed = async |conn: &mut _, wanted: &ListChildren<'_>| {
        let rows = lineage::list_children(conn, wanted).await.unwrap();
        rows.into_iter().map(|(row, relation)| (row.id, relation)).collect::<Vec<_>>()
    };
    let (finetune, adapter) = ("finetune".to_owned(), "adapter".to_owned());
    assert_eq!(
        listed(&mut conn, &wanted).await,
        [(children[0], finetune.clone()), (children[1], adapter)]
    );
    let all = ListChildren {
        viewer: as_user(user),
        relation: Some("finetune"),
        after: children[0],
        ..wanted.clone()
    };
    assert_eq!(listed(&mut conn, &all).await, [(children[2], finetune)]);
    assert!(listed(&mut conn, &ListChildren { limit: 0, ..wanted }).await.is_empty());
}

/// A result with a value in every column.
fn full_eval() -> Eval {
    let text = |text: &str| Some(text.to_owned());
    Eval {
        source: ".eval_results/a.yaml".to_owned(),
        pull_request: None,
        task: text("text-classification"),
        dataset: "NYU-mll/GLUE".to_owned(),
        dataset_name: text("GLUE MNLI"),
        config: text("mnli"),
        split: text("validation_matched"),
        dataset_revision: text("abc"),
        metric: "f1".to_owned(),
        metric_name: text("F1 ü"),
        shots: Some(5),
        prompt_format: text("chat"),
        harness: text("lm-eval 0.4"),
        value: 0.912_345_678_901_234_5,
        origin: "third-party".to_owned(),
        verify_token: text("token"),
        source_name: text("Paper"),
        source_url: text("https://example.org"),
        source_user: text("u"),
        source_org: text("o"),
        date: text("2026-01-02"),
        notes: text("a note"),
    }
}

fn short_eval(dataset: &str, metric: &str, value: f64) -> Eval {
    Eval {
        source: "model-index".to_owned(),
        dataset: dataset.to_owned(),
        metric: metric.to_owned(),
        value,
        origin: "self".to_owned(),
        ..Eval::default()
    }
}

async fn set_evals(db: &Base, repo_id: i64, pull_request: Option<i64>, list: &[Eval]) {
    let mut tx = db.write().await;
    evals::replace(&mut tx, repo_id, pull_request, list).await.unwrap();
    tx.commit().await.unwrap();
}

/// Pull requests with the numbers from 1 on.
async fn open_pull_requests(db: &Base, repo_id: i64, author_id: i64, count: i64) {
    let mut tx = db.write().await;
    for number in 0..count {
        let new = NewDiscussion {
            public_id: format!("{repo_id}-{number}"),
            is_pull_request: true,
            title: "Results",
            description: "",
            status: "open",
            base_ref: Some("refs/heads/main"),
            author_id,
            form_hash: None,
            now: at(1),
        };
        discussion::create_discussion(&mut tx, repo_id, &new).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn every_column_of_a_result_comes_back(db: Base) {
    let user = db.user("u").await;
    let id = db.repo(("u", user), "m").await;
    let odd = [
        full_eval(),
        short_eval("squad", "em", -1e300),
        short_eval("squad", "nan", f64::NAN),
        short_eval("squad", "inf", f64::INFINITY),
        Eval { notes: Some("a\0b".to_owned()), ..short_eval("squad", "zero", 0.0) },
    ];
    set_evals(&db, id, None, &odd).await;
    let back = evals::list_of_repo(&mut db.read().await, id).await.unwrap();
    let zero = Eval { notes: Some("ab".to_owned()), ..short_eval("squad", "zero", 0.0) };
    assert_eq!(back, [full_eval(), short_eval("squad", "em", -1e300), zero]);
}

async fn results_of_pull_requests_stand_apart(db: Base) {
    let user = db.user("u").await;
    let id = db.repo(("u", user), "m").await;
    open_pull_requests(&db, id, user, 4).await;
    set_evals(&db, id, None, &[short_eval("d", "head", 1.0)]).await;
    set_evals(&db, id, Some(3), &[short_eval("d", "three", 2.0)]).await;
    set_evals(&db, id, Some(4), &[short_eval("d", "four", 3.0)]).await;
    set_evals(&db, id, Some(3), &[]).await;
    set_evals(&db, id, None, &[short_eval("d", "again", 4.0)]).await;
    let back = evals::list_of_repo(&mut db.read().await, id).await.unwrap();
    let seen: Vec<_> = back.iter().map(|eval| (&*eval.metric, eval.pull_request)).collect();
    assert_eq!(seen, [("again", None), ("four", Some(4))]);
}

async fn a_proposed_result_lasts_until_it_is_taken_over_or_closed(db: Base) {
    let user = db.user("u").await;
    let id = db.repo(("u", user), "m").await;
    open_pull_requests(&db, id, user, 2).await;
    let (one, two) = (short_eval("d", "one", 1.0), short_eval("d", "two", 2.0));
    set_evals(&db, id, Some(1), std::slice::from_ref(&one)).await;
    set_evals(&db, id, Some(2), std::slice::from_ref(&two)).await;
    let seen = async || {
        let mut conn = db.read().await;
        let of_repo = evals::list_of_repo(&mut conn, id).await.unwrap();
        let listed = evals::list_of_dataset(&mut conn, "d", Viewer::default(), 10).await.unwrap();
        let listed: Vec<_> = listed.into_iter().map(|row| row.eval).collect();
        assert_eq!(of_repo, listed);
        listed.into_iter().map(|eval| (eval.value, eval.pull_request)).collect::<Vec<_>>()
    };
    assert_eq!(seen().await, [(1.0, Some(1)), (2.0, Some(2))]);
    // Taken over, but with another value: both stand.
    set_evals(&db, id, None, &[short_eval("d", "one", 1.5)]).await;
    assert_eq!(seen().await, [(1.5, None), (1.0, Some(1)), (2.0, Some(2))]);
    set_evals(&db, id, None, &[one]).await;
    assert_eq!(seen().await, [(1.0, None), (2.0, Some(2))]);
    let mut tx = db.write().await;
    tx.execute("UPDATE discussion SET status = 'closed' WHERE num = 2", Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(seen().await, [(1.0, None)]);
}

async fn a_dataset_lists_the_results_the_viewer_may_see(db: Base) {
    let (user, org) = (db.user("u").await, db.account(AccountKind::Org, "Org").await);
    let member = db.user("member").await;
    let mut tx = db.write().await;
    account::set_member(&mut tx, org, member, OrgRole::Read, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let (open, secret) =
        (db.repo(("u", user), "open").await, db.repo(("Org", org), "secret").await);
    hide(&db, secret).await;
    set_evals(&db, open, None, &[short_eval("Org/Bench", "f1", 0.5), full_eval()]).await;
    open_pull_requests(&db, open, user, 2).await;
    set_evals(&db, open, Some(2), &[short_eval("org/bench", "f1", 0.6)]).await;
    set_evals(&db, secret, None, &[short_eval("ORG/bench", "em", 0.7)]).await;
    let mut conn = db.read().await;
    let nobody =
        evals::list_of_dataset(&mut conn, "org/BENCH", Viewer::default(), 10).await.unwrap();
    let seen: Vec<_> = nobody.iter().map(|row| (row.repo_id, row.eval.value)).collect();
    assert_eq!(seen, [(open, 0.5), (open, 0.6)]);
    assert_eq!((nobody[0].repo.clone(), nobody[0].kind), (repo_id("u", "open"), RepoKind::Model));
    let as_member = Viewer { user_id: Some(member), sees_all: false };
    let all = evals::list_of_dataset(&mut conn, "org/bench", as_member, 10).await.unwrap();
    let seen: Vec<_> = all.iter().map(|row| (row.repo_id, &*row.eval.metric)).collect();
    assert_eq!(seen, [(secret, "em"), (open, "f1"), (open, "f1")]);
    assert_eq!((all[0].owner_kind, &*all[0].owner_full_name), (AccountKind::Org, "Full Name"));
    let first = evals::list_of_dataset(&mut conn, "org/bench", as_member, 1).await.unwrap();
    assert_eq!(first, all[..1]);
}

async fn cards_and_weights_are_kept_replaced_and_removed(db: Base) {
    let user = db.user("u").await;
    let id = db.repo(("u", user), "m").await;
    for body in [Some("first"), Some("second\0 ü"), None] {
        let mut tx = db.write().await;
        catalogue::save_card(&mut tx, id, body).await.unwrap();
        tx.commit().await.unwrap();
        let kept = catalogue::find_card(&mut db.read().await, id).await.unwrap();
        assert_eq!(kept, body.map(|text| text.replace('\0', "")));
    }
    assert!(catalogue::find_weights(&mut db.read().await, id).await.unwrap().is_none());
    for n in [1, 2] {
        let mut tx = db.write().await;
        catalogue::save_weights(&mut tx, id, oid(n), &json!({"n": n})).await.unwrap();
        tx.commit().await.unwrap();
        let kept = catalogue::find_weights(&mut db.read().await, id).await.unwrap();
        assert_eq!(kept, Some((oid(n), json!({"n": n}))));
    }
}

/// Fills every table that hangs on a repository.
async fn fill(db: &Base, id: i64, user: i64) {
    set_bases(db, id, &[base("b/one", "merge"), base("b/two", "merge")]).await;
    set_evals(db, id, None, &[full_eval(), short_eval("x", "y", 1.5)]).await;
    set_evals(db, id, Some(1), &[short_eval("pr", "y", 2.5)]).await;
    let mut tx = db.write().await;
    catalogue::save_card(&mut tx, id, Some("body")).await.unwrap();
    catalogue::save_weights(&mut tx, id, oid(5), &json!({"total": 9})).await.unwrap();
    assert!(likes::insert_like(&mut tx, id, user, at(3)).await.unwrap());
    let change = StatsChange {
        repo_id: id,
        downloads_30d: 3,
        downloads_all: 30,
        people_30d: 2,
        ci_30d: 1,
        likes: 1,
        trend: 0.25,
    };
    stats::change_stats(&mut tx, &[change], at(7)).await.unwrap();
    let day =
        "INSERT INTO download_day (repo_id, day, downloads, people, ci) VALUES ($1, 1, 1, 1, 1)";
    tx.execute(day, vec![id.into()]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_copy_has_what_was_derived(db: Base) {
    let user = db.user("u").await;
    let (from, to) = (db.repo(("u", user), "from").await, db.repo(("u", user), "to").await);
    fill(&db, from, user).await;
    let mut tx = db.write().await;
    catalogue::copy_derived(&mut tx, from, to).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.read().await;
    let rows = catalogue::find_for_index(&mut conn, &[from, to]).await.unwrap();
    assert_eq!(rows[0].bases, rows[1].bases);
    assert_eq!(rows[0].evals, rows[1].evals);
    assert_eq!((&rows[0].card, &rows[0].weights), (&rows[1].card, &rows[1].weights));
    assert_eq!(rows[1].evals, [full_eval(), short_eval("x", "y", 1.5)]);
    assert_eq!((rows[0].stats.likes, rows[1].stats.likes), (1, 0), "nobody has used the copy");
    assert_eq!(evals::list_of_repo(&mut conn, to).await.unwrap().len(), 2, "no pull request's");
}

fn name_of(row: &IndexRow) -> RepoId {
    row.repo.clone()
}

async fn the_index_gets_everything_page_by_page(db: Base) {
    let user = db.user("u").await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(db.repo(("u", user), &format!("m{n}")).await);
    }
    fill(&db, ids[1], user).await;
    fill(&db, ids[5], user).await;
    hide(&db, ids[5]).await;
    let mut tx = db.write().await;
    repo::delete_repo(&mut tx, ids[3], at(9)).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.read().await;
    let mut found = Vec::new();
    loop {
        let after = found.last().map_or(0, |row: &IndexRow| row.repo_id);
        let page = catalogue::list_for_index(&mut conn, after, 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let keys: Vec<_> = found.iter().map(|row| row.repo_id).collect();
    assert_eq!(keys, [ids[0], ids[1], ids[2], ids[4], ids[5], ids[6]]);
    let one = catalogue::list_for_index(&mut conn, ids[2], 1).await.unwrap();
    assert_eq!(one[0].repo_id, ids[4], "a page of nothing but deleted ones is passed over");
    let full = &found[4];
    assert_eq!((name_of(full), full.visibility), (repo_id("u", "m5"), Visibility::Private));
    assert_eq!((full.kind, full.owner_id, &*full.gated), (RepoKind::Model, user, ""));
    assert_eq!((full.created_at, full.last_modified, full.disabled), (at(100), at(100), false));
    assert_eq!((&*full.settings, &*full.facts, &*full.public_id), ("{}", "{}", "u-m5"));
    assert_eq!(full.card.as_deref(), Some("body"));
    assert_eq!(full.weights.as_deref(), Some(r#"{"total":9}"#));
    assert_eq!(full.bases, [base("b/one", "merge"), base("b/two", "merge")]);
    assert_eq!(full.evals, [full_eval(), short_eval("x", "y", 1.5)]);
    let stats = full.stats;
    assert_eq!((stats.repo_id, stats.downloads_30d, stats.downloads_all), (ids[5], 3, 30));
    assert_eq!((stats.likes, stats.trend, stats.updated_at), (1, 0.25, at(7)));
    let bare = &found[0];
    assert!(bare.card.is_none() && bare.weights.is_none() && bare.evals.is_empty());
    assert_eq!((bare.bases.len(), bare.stats.downloads_all), (0, 0));
    let some = catalogue::find_for_index(&mut conn, &[ids[5], ids[3], ids[0]]).await.unwrap();
    assert_eq!(some.iter().map(|row| row.repo_id).collect::<Vec<_>>(), [ids[0], ids[5]]);
    assert_eq!(format!("{:?}", some[1]), format!("{full:?}"), "both ways say the same");
}

async fn a_purged_repository_leaves_no_row(db: Base) {
    let user = db.user("u").await;
    let id = db.repo(("u", user), "m").await;
    fill(&db, id, user).await;
    let mut tx = db.write().await;
    repo::delete_repo(&mut tx, id, at(9)).await.unwrap();
    repo::purge_repo(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.read().await;
    for table in [
        "SELECT COUNT(*) AS n FROM model_base",
        "SELECT COUNT(*) AS n FROM eval_result",
        "SELECT COUNT(*) AS n FROM repo_card",
        "SELECT COUNT(*) AS n FROM repo_weights",
        "SELECT COUNT(*) AS n FROM repo_stats",
        "SELECT COUNT(*) AS n FROM download_day",
        "SELECT COUNT(*) AS n FROM repo_like",
        "SELECT COUNT(*) AS n FROM repo",
    ] {
        let row = conn.fetch_one(table, Vec::new()).await.unwrap();
        assert_eq!(row.int("n").unwrap(), 0, "{table}");
    }
}
