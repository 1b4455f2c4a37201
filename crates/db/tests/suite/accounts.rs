//! Accounts, memberships, tokens, settings, events.

use serde_json::json;
use steelyard_core::{OrgRole, TokenRole, Visibility};
use steelyard_db::account::{self, AccountKind, NewAccount};
use steelyard_db::{DbError, event, setting, token};

use crate::base::{Base, at, db_suite, namespace, new_account, sha256};

db_suite!(
    accounts_share_one_space_of_names,
    every_column_of_an_account_comes_back,
    accounts_are_listed_by_name,
    accounts_are_found_by_a_part_of_their_name,
    members_have_one_role,
    tokens_are_found_by_their_hash_until_revoked,
    a_setting_is_made_once,
    events_are_read_in_order,
);

async fn accounts_share_one_space_of_names(base: Base) {
    base.user("Alice").await;
    for (kind, name) in [(AccountKind::User, "alice"), (AccountKind::Org, "ALICE")] {
        let name = namespace(name);
        let mut tx = base.write().await;
        let new = NewAccount { public_id: format!("other-{name}"), ..new_account(kind, &name) };
        let taken = account::create_account(&mut tx, &new).await;
        assert!(matches!(taken, Err(DbError::Conflict { .. })), "{taken:?}");
    }
    let mut conn = base.read().await;
    assert_eq!(
        account::find_account(&mut conn, &namespace("aLiCe")).await.unwrap().unwrap().name,
        "Alice"
    );
    assert!(account::find_account(&mut conn, &namespace("bob")).await.unwrap().is_none());
    assert_eq!(account::count_users(&mut conn).await.unwrap(), 1);
}

async fn every_column_of_an_account_comes_back(base: Base) {
    let name = namespace("_x_");
    let new = NewAccount {
        public_id: "p".to_owned(),
        kind: AccountKind::Org,
        name: &name,
        full_name: "Ünï 中",
        email: Some("a@b.c"),
        is_admin: true,
        default_visibility: Visibility::Private,
        created_at: at(-5),
    };
    let mut tx = base.write().await;
    let id = account::create_account(&mut tx, &new).await.unwrap();
    // It is visible inside the transaction, and outside only after it.
    assert!(account::find_account_by_id(&mut tx, id).await.unwrap().is_some());
    assert!(account::find_account_by_id(&mut base.read().await, id).await.unwrap().is_none());
    tx.commit().await.unwrap();
    let row = account::find_account_by_id(&mut base.read().await, id).await.unwrap().unwrap();
    assert_eq!((row.id, &*row.public_id, row.kind, &*row.name), (id, "p", AccountKind::Org, "_x_"));
    assert_eq!(
        (&*row.full_name, row.email.as_deref(), row.is_admin),
        ("Ünï 中", Some("a@b.c"), true)
    );
    assert_eq!((row.default_visibility, row.created_at), (Visibility::Private, at(-5)));
    assert_eq!(account::count_users(&mut base.read().await).await.unwrap(), 0);
}

async fn accounts_are_listed_by_name(base: Base) {
    for name in ["b", "_", "A", "Z", "a-b", "a.b", "a1"] {
        base.user(name).await;
    }
    base.account(AccountKind::Org, "aa").await;
    let mut conn = base.read().await;
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let page = account::list_accounts(&mut conn, AccountKind::User, &after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.name.to_ascii_lowercase();
        names.extend(page.into_iter().map(|row| row.name));
    }
    // Bytewise by the folded name, on both engines.
    assert_eq!(names, ["_", "A", "a-b", "a.b", "a1", "b", "Z"]);
}

async fn members_have_one_role(base: Base) {
    let (user, org) = (base.user("u").await, base.account(AccountKind::Org, "o").await);
    let other = base.account(AccountKind::Org, "N").await;
    let mut tx = base.write().await;
    account::set_member(&mut tx, org, user, OrgRole::Read, at(1)).await.unwrap();
    account::set_member(&mut tx, org, user, OrgRole::Admin, at(2)).await.unwrap();
    account::set_member(&mut tx, other, user, OrgRole::Contributor, at(2)).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    assert_eq!(account::find_role(&mut conn, org, user).await.unwrap(), Some(OrgRole::Admin));
    assert_eq!(account::find_role(&mut conn, user, org).await.unwrap(), None);
    let orgs = account::list_memberships(&mut conn, user).await.unwrap();
    let orgs: Vec<_> = orgs.iter().map(|(row, role)| (&*row.name, *role)).collect();
    assert_eq!(orgs, [("N", OrgRole::Contributor), ("o", OrgRole::Admin)]);
}

async fn tokens_are_found_by_their_hash_until_revoked(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    token::create_token(&mut tx, "t1", user, "laptop", TokenRole::Write, sha256(1), at(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let found = token::find_token(&mut base.read().await, sha256(1), at(5)).await.unwrap().unwrap();
    assert_eq!((found.user_id, &*found.user_name, found.user_is_admin), (user, "u", false));
    assert_eq!((&*found.name, found.role), ("laptop", TokenRole::Write));
    assert!(token::find_token(&mut base.read().await, sha256(2), at(5)).await.unwrap().is_none());
    // Neither the name nor the value is free while it lives.
    for (id, name, hash) in [("t2", "laptop", 2), ("t3", "other", 1)] {
        let mut tx = base.write().await;
        let made =
            token::create_token(&mut tx, id, user, name, TokenRole::Read, sha256(hash), at(2))
                .await;
        assert!(matches!(made, Err(DbError::Conflict { .. })), "{made:?}");
    }
    let mut tx = base.write().await;
    assert!(token::revoke_token(&mut tx, user, "laptop", at(3)).await.unwrap());
    assert!(!token::revoke_token(&mut tx, user, "laptop", at(3)).await.unwrap());
    token::create_token(&mut tx, "t4", user, "laptop", TokenRole::Read, sha256(4), at(4))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(token::find_token(&mut base.read().await, sha256(1), at(5)).await.unwrap().is_none());
    assert!(token::find_token(&mut base.read().await, sha256(4), at(5)).await.unwrap().is_some());
}

async fn a_setting_is_made_once(base: Base) {
    for fresh in ["first", "second"] {
        let mut tx = base.write().await;
        assert_eq!(setting::ensure_setting(&mut tx, "key", fresh).await.unwrap(), "first");
        tx.commit().await.unwrap();
    }
}

async fn events_are_read_in_order(base: Base) {
    let mut tx = base.write().await;
    for n in 0..5 {
        let payload = json!({"n": n, "text": "ünï\u{0}".trim_end_matches('\0')});
        event::append_event(&mut tx, "kind", (n > 2).then_some(7), Some(n), &payload, at(n))
            .await
            .unwrap();
    }
    let several: Vec<_> = (5..12)
        .map(|n| event::NewEvent {
            kind: "kind",
            actor_id: Some(7),
            repo_id: Some(n),
            payload: json!({"n": n}),
            now: at(n),
        })
        .collect();
    event::append_events(&mut tx, &several).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let first = event::list_events(&mut conn, 0, 3).await.unwrap();
    let rest = event::list_events(&mut conn, first[2].id, 10).await.unwrap();
    let all: Vec<_> = first.iter().chain(&rest).collect();
    assert_eq!(all.len(), 12);
    for (n, event) in (0..).zip(all) {
        assert_eq!((event.at, &*event.kind, event.repo_id), (at(n), "kind", Some(n)));
        assert_eq!((event.actor_id, &event.payload["n"]), ((n > 2).then_some(7), &json!(n)));
    }
}

async fn accounts_are_found_by_a_part_of_their_name(base: Base) {
    for name in ["zed-lab", "lab-two", "a_b", "Lab1", "axb"] {
        base.user(name).await;
    }
    base.account(AccountKind::Org, "labs").await;
    let mut conn = base.read().await;
    for (kind, text, limit, expected) in [
        (AccountKind::User, "LAB", 9, vec!["lab-two", "Lab1", "zed-lab"]),
        (AccountKind::User, "lab", 2, vec!["lab-two", "Lab1"]),
        (AccountKind::Org, "lab", 9, vec!["labs"]),
        (AccountKind::User, "a_b", 9, vec!["a_b"]),
        (AccountKind::User, "%", 9, vec![]),
        (AccountKind::User, "l\0ab", 9, vec![]),
    ] {
        let found = account::find_accounts_like(&mut conn, kind, text, limit).await.unwrap();
        let names: Vec<_> = found.iter().map(|row| &*row.name).collect();
        assert_eq!(names, expected, "{text}");
    }
}
