//! What administrators look at: jobs, events, counts.

use serde_json::json;
use steelyard_db::account::{self, AccountKind};
use steelyard_db::event::{self, EventFilter};
use steelyard_db::{job, repo};

use crate::base::{Base, at, db_suite};

db_suite!(
    jobs_are_listed_retried_and_hastened,
    events_are_found_by_kind_actor_and_repository,
    accounts_and_repositories_are_counted,
    administrators_are_locked,
);

async fn jobs_are_listed_retried_and_hastened(base: Base) {
    let mut tx = base.write().await;
    for subject in ["1", "2"] {
        job::enqueue(&mut tx, "a", subject, at(1), at(1)).await.unwrap();
    }
    job::enqueue(&mut tx, "b", "", at(50), at(1)).await.unwrap();
    let first = job::claim(&mut tx, "n", at(2), at(9)).await.unwrap().unwrap();
    job::fail(&mut tx, first.id, "n", "broken", None, at(3)).await.unwrap();
    let second = job::claim(&mut tx, "n", at(3), at(9)).await.unwrap().unwrap();
    let running = job::list_jobs(&mut tx, "running", i64::MAX, 10).await.unwrap();
    assert_eq!((running.len(), running[0].lease_owner.as_deref()), (1, Some("n")));
    job::finish(&mut tx, second.id, "n", at(4)).await.unwrap();
    assert_eq!(job::last_successes(&mut tx).await.unwrap(), [("a".to_owned(), at(4))]);
    let all = job::list_jobs(&mut tx, "", i64::MAX, 10).await.unwrap();
    assert_eq!(
        all.iter().map(|line| &*line.state).collect::<Vec<_>>(),
        ["waiting", "done", "failed"]
    );
    let failed = all.last().unwrap();
    assert_eq!((&*failed.kind, &*failed.subject, failed.attempts), ("a", "1", 1));
    assert_eq!((failed.last_error.as_deref(), failed.finished_at), (Some("broken"), Some(at(3))));
    assert_eq!(job::list_jobs(&mut tx, "", all[0].id, 1).await.unwrap()[0].id, all[1].id);
    // A twin that waits does the work.
    job::enqueue(&mut tx, "a", "1", at(50), at(1)).await.unwrap();
    assert_eq!(job::retry(&mut tx, first.id, at(5)).await.unwrap(), None);
    job::hasten(&mut tx, "a", "1", at(5)).await.unwrap();
    let twin = job::claim(&mut tx, "n", at(5), at(9)).await.unwrap().unwrap();
    job::finish(&mut tx, twin.id, "n", at(6)).await.unwrap();
    let retried = job::retry(&mut tx, first.id, at(7)).await.unwrap();
    assert_eq!(retried, Some(("a".to_owned(), "1".to_owned())));
    assert_eq!(job::retry(&mut tx, first.id, at(7)).await.unwrap(), None);
    assert_eq!(job::claim(&mut tx, "n", at(7), at(9)).await.unwrap().unwrap().id, first.id);
    // What is due earlier stays so.
    job::hasten(&mut tx, "b", "", at(60)).await.unwrap();
    let waiting = job::list_jobs(&mut tx, "waiting", i64::MAX, 10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].run_at), (1, at(50)));
}

async fn events_are_found_by_kind_actor_and_repository(base: Base) {
    let mut tx = base.write().await;
    for (kind, actor, repo) in [
        ("repo.create", Some(1), Some(7)),
        ("repo.delete", Some(2), Some(7)),
        ("report", Some(1), None),
        ("account.create", None, None),
    ] {
        event::append_event(&mut tx, kind, actor, repo, &json!({"x": 1}), at(1)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let all = event::find_events(&mut conn, &EventFilter::default(), 10).await.unwrap();
    assert_eq!(
        (all.len(), &*all[0].kind, &all[0].payload),
        (4, "account.create", &json!({"x": 1}))
    );
    let of = |kind: &str, actor_id, repo_id, before| EventFilter {
        kind: kind.to_owned(),
        actor_id,
        repo_id,
        before,
    };
    for (filter, kinds) in [
        (of("repo", None, None, None), "repo.delete repo.create"),
        (of("repo.create", None, None, None), "repo.create"),
        (of("", Some(1), None, None), "report repo.create"),
        (of("", None, Some(7), None), "repo.delete repo.create"),
        (of("", None, Some(7), Some(all[2].id)), "repo.create"),
        (of("re%", None, None, None), ""),
    ] {
        let found = event::find_events(&mut conn, &filter, 10).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|row| row.kind).collect();
        assert_eq!(found.join(" "), kinds, "{filter:?}");
    }
    assert_eq!(event::find_events(&mut conn, &EventFilter::default(), 2).await.unwrap().len(), 2);
}

async fn accounts_and_repositories_are_counted(base: Base) {
    assert_eq!(account::count_accounts(&mut base.read().await).await.unwrap(), (0, 0));
    let user = base.user("u").await;
    base.user("v").await;
    base.account(AccountKind::Org, "o").await;
    assert_eq!(account::count_accounts(&mut base.read().await).await.unwrap(), (2, 1));
    let first = base.repo(("u", user), "a").await;
    let second = base.repo(("u", user), "b").await;
    let mut tx = base.write().await;
    repo::delete_repo(&mut tx, second, at(2)).await.unwrap();
    assert_eq!(repo::count_repos(&mut tx).await.unwrap(), [("model".to_owned(), 1)]);
    for disabled in [true, false] {
        repo::set_repo_disabled(&mut tx, first, disabled).await.unwrap();
        let row = repo::find_repo_by_id(&mut tx, first).await.unwrap().unwrap();
        assert_eq!(row.disabled, disabled);
    }
}

async fn administrators_are_locked(base: Base) {
    let (first, second) = (base.user("u").await, base.user("v").await);
    let mut tx = base.write().await;
    assert!(account::lock_admins(&mut tx).await.unwrap().is_empty());
    account::set_admin(&mut tx, second, true).await.unwrap();
    account::set_admin(&mut tx, first, true).await.unwrap();
    assert_eq!(account::lock_admins(&mut tx).await.unwrap(), [first, second]);
    account::set_disabled(&mut tx, first, Some(at(1))).await.unwrap();
    assert_eq!(account::lock_admins(&mut tx).await.unwrap(), [second]);
}
