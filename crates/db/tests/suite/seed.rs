//! Many repositories at once: the same rows as one by one.

use serde_json::json;
use steelyard_core::{Namespace, RepoKind, RepoName, Visibility};
use steelyard_db::account::{self, AccountKind};
use steelyard_db::downloads::{self, DayCount};
use steelyard_db::evals::Eval;
use steelyard_db::lineage::BaseRow;
use steelyard_db::pack::PackKind;
use steelyard_db::refs;
use steelyard_db::seed::{self, Inhabitants, SeedRepo};
use steelyard_db::{DbError, catalogue, likes};

use crate::base::{Base, at, branch, db_suite, inline_pack, namespace, new_account, oid};

db_suite!(
    accounts_are_made_or_found,
    repositories_come_with_everything_that_belongs_to_them,
    likes_and_days_are_recorded,
);

async fn accounts(db: &Base, names: &[(&str, AccountKind)]) -> Result<Vec<i64>, DbError> {
    let spaces: Vec<Namespace> = names.iter().map(|(name, _)| namespace(name)).collect();
    let pairs = names.iter().zip(&spaces);
    let new: Vec<_> = pairs.map(|((_, kind), name)| new_account(*kind, name)).collect();
    let mut tx = db.write().await;
    let ids = seed::ensure_accounts(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(ids)
}

async fn accounts_are_made_or_found(db: Base) {
    let known = db.user("known").await;
    let wanted = [("Known", AccountKind::User), ("fresh", AccountKind::Org)];
    let ids = accounts(&db, &wanted).await.unwrap();
    assert_eq!(ids[0], known);
    assert_eq!(accounts(&db, &wanted).await.unwrap(), ids);
    let wrong = accounts(&db, &[("fresh", AccountKind::User)]).await;
    assert!(matches!(wrong, Err(DbError::Conflict { .. })), "{wrong:?}");
    let mut tx = db.write().await;
    let members = [(ids[1], known, "write")];
    seed::ensure_members(&mut tx, &members, at(1)).await.unwrap();
    seed::ensure_members(&mut tx, &[(ids[1], known, "read")], at(2)).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.read().await;
    let role = account::find_role(&mut conn, ids[1], known).await.unwrap();
    assert_eq!(role.map(steelyard_core::OrgRole::as_str), Some("write"), "the first word counts");
    let there = seed::count_inhabitants(&mut conn).await.unwrap();
    assert_eq!(there, Inhabitants { repos: 0, accounts: 2 });
}

async fn repositories(db: &Base, owner: i64, names: &[&str]) -> Result<Vec<i64>, DbError> {
    let names: Vec<RepoName> = names.iter().map(|name| RepoName::parse(name).unwrap()).collect();
    let (head, settings) = (branch("main"), json!({}));
    let facts = json!({"tags": ["bert"]});
    let bases = [BaseRow { base_id: "o/base".to_owned(), relation: "finetune".to_owned() }];
    let evals = [Eval {
        source: "model-index".to_owned(),
        dataset: "squad".to_owned(),
        metric: "f1".to_owned(),
        value: 0.5,
        origin: "self".to_owned(),
        ..Eval::default()
    }];
    let new: Vec<SeedRepo<'_>> = names
        .iter()
        .map(|name| SeedRepo {
            public_id: format!("id-of-{name}"),
            kind: RepoKind::Model,
            owner_id: owner,
            name,
            creator_id: owner,
            visibility: Visibility::Public,
            gated: "",
            created_at: at(5),
            last_modified: at(6),
            settings: &settings,
            facts: &facts,
            head: (&head, oid(7)),
            pack: inline_pack(name.as_str(), PackKind::Tail),
            bases: &bases,
            evals: &evals,
            card: Some("words"),
            weights: Some(json!({"total": 3})),
        })
        .collect();
    let mut tx = db.write().await;
    let ids = seed::insert_repos(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(ids)
}

async fn repositories_come_with_everything_that_belongs_to_them(db: Base) {
    let owner = db.user("u").await;
    let ids = repositories(&db, owner, &["one", "two"]).await.unwrap();
    let mut conn = db.read().await;
    let rows = catalogue::find_for_index(&mut conn, &ids).await.unwrap();
    assert_eq!(rows.len(), 2);
    for (row, (id, name)) in rows.iter().zip(ids.iter().zip(["u/one", "u/two"])) {
        assert_eq!((row.repo_id, row.repo.to_string().as_str()), (*id, name));
        assert_eq!((row.created_at, row.last_modified), (at(5), at(6)));
        assert_eq!((row.card.as_deref(), row.weights.is_some()), (Some("words"), true));
        assert_eq!((row.bases.len(), row.evals.len()), (1, 1));
        let found = refs::find_ref(&mut conn, *id, &branch("main")).await.unwrap().unwrap();
        assert_eq!(found.oid, oid(7));
    }
    drop(conn);
    let taken = repositories(&db, owner, &["three", "ONE"]).await;
    assert!(matches!(taken, Err(DbError::Conflict { .. })), "{taken:?}");
    let there = seed::count_inhabitants(&mut db.read().await).await.unwrap();
    assert_eq!(there.repos, 2, "all or none");
}

async fn likes_and_days_are_recorded(db: Base) {
    let user = db.user("u").await;
    let repo = db.repo(("u", user), "m").await;
    let day = DayCount { repo_id: repo, day: 20_000, downloads: 9, ci: 2 };
    let mut tx = db.write().await;
    seed::insert_likes(&mut tx, &[(repo, user, at(3))]).await.unwrap();
    seed::insert_days(&mut tx, &[(day, 4)]).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = db.read().await;
    let likers = likes::list_likers(&mut conn, repo, None, 10).await.unwrap();
    assert_eq!(likers.len(), 1);
    let days = downloads::list_days(&mut conn, repo, 0).await.unwrap();
    assert_eq!(days.len(), 1);
    assert_eq!((days[0].day, days[0].downloads, days[0].people, days[0].ci), (20_000, 9, 4, 2));
}
