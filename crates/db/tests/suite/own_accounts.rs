//! What people and administrators change of accounts: profiles, tokens, keys, members.

use steelyard_core::{OrgRole, TokenRole};
use steelyard_db::account::{self, AccountKind, ProfileText};
use steelyard_db::ssh_key::{self, SshKeyRow};
use steelyard_db::{DbError, token};

use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    a_profile_is_changed_whole,
    users_are_found_by_their_mail_address,
    administrators_are_counted_in_service,
    tokens_are_listed_used_and_revoked,
    a_token_ends_with_its_time_and_its_account,
    keys_belong_to_one_user,
    members_leave_their_organisation,
);

async fn a_profile_is_changed_whole(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    let row = account::find_account_by_id(&mut tx, user).await.unwrap().unwrap();
    assert_eq!((row.about, row.website, row.disabled_at), (None, None, None));
    let text = ProfileText {
        full_name: "Ünï",
        email: Some("a@b.c"),
        about: Some("words"),
        website: Some("https://x"),
    };
    account::set_profile(&mut tx, user, &text).await.unwrap();
    let row = account::find_account_by_id(&mut tx, user).await.unwrap().unwrap();
    assert_eq!((&*row.full_name, row.email.as_deref()), ("Ünï", Some("a@b.c")));
    assert_eq!((row.about.as_deref(), row.website.as_deref()), (Some("words"), Some("https://x")));
    let text = ProfileText { email: None, about: None, website: None, ..text };
    account::set_profile(&mut tx, user, &text).await.unwrap();
    let row = account::find_account_by_id(&mut tx, user).await.unwrap().unwrap();
    assert_eq!((row.email, row.about, row.website), (None, None, None));
}

async fn users_are_found_by_their_mail_address(base: Base) {
    let (first, second) = (base.user("u").await, base.user("v").await);
    let org = base.account(AccountKind::Org, "o").await;
    let mut tx = base.write().await;
    for id in [second, first, org] {
        let text = ProfileText { full_name: "", email: Some("A@b.c"), about: None, website: None };
        account::set_profile(&mut tx, id, &text).await.unwrap();
    }
    let found = account::find_user_by_email(&mut tx, "a@B.C").await.unwrap().unwrap();
    assert_eq!(found.id, first);
    assert!(account::find_user_by_email(&mut tx, "a%").await.unwrap().is_none());
}

async fn administrators_are_counted_in_service(base: Base) {
    let (first, second) = (base.user("u").await, base.user("v").await);
    let mut tx = base.write().await;
    assert_eq!(account::lock_admins(&mut tx).await.unwrap().len(), 0);
    account::set_admin(&mut tx, first, true).await.unwrap();
    account::set_admin(&mut tx, second, true).await.unwrap();
    account::set_disabled(&mut tx, second, Some(at(3))).await.unwrap();
    assert_eq!(account::lock_admins(&mut tx).await.unwrap().len(), 1);
    let row = account::find_account_by_id(&mut tx, second).await.unwrap().unwrap();
    assert_eq!((row.is_admin, row.disabled_at), (true, Some(at(3))));
    account::set_admin(&mut tx, first, false).await.unwrap();
    assert_eq!(account::lock_admins(&mut tx).await.unwrap().len(), 0);
}

async fn tokens_are_listed_used_and_revoked(base: Base) {
    let (user, other) = (base.user("u").await, base.user("v").await);
    let mut tx = base.write().await;
    for (id, user, hash) in [("t1", user, 1), ("t2", user, 2), ("t3", other, 3)] {
        token::create_token(&mut tx, id, user, id, TokenRole::Write, sha256(hash), at(1))
            .await
            .unwrap();
    }
    let listed = token::list_tokens(&mut tx, user, at(2)).await.unwrap();
    assert_eq!(listed.iter().map(|line| &*line.public_id).collect::<Vec<_>>(), ["t2", "t1"]);
    assert_eq!((&*listed[1].name, listed[1].role), ("t1", TokenRole::Write));
    assert_eq!((listed[1].created_at, listed[1].used_at), (at(1), None));
    // Replicas write when they can: an older use changes nothing.
    for (used, kept) in [(9, 9), (7, 9), (11, 11)] {
        token::touch_token(&mut tx, listed[1].id, at(used)).await.unwrap();
        let now = token::list_tokens(&mut tx, user, at(12)).await.unwrap();
        assert_eq!(now[1].used_at, Some(at(kept)));
    }
    assert_eq!(token::revoke_tokens(&mut tx, user, at(13)).await.unwrap(), 2);
    assert!(token::list_tokens(&mut tx, user, at(14)).await.unwrap().is_empty());
    assert!(token::find_token(&mut tx, sha256(1), at(14)).await.unwrap().is_none());
    assert!(token::find_token(&mut tx, sha256(3), at(14)).await.unwrap().is_some());
}

async fn a_token_ends_with_its_time_and_its_account(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    token::create_token(&mut tx, "t1", user, "t1", TokenRole::Read, sha256(1), at(1))
        .await
        .unwrap();
    tx.execute("UPDATE token SET expires_at = 20000", Vec::new()).await.unwrap();
    assert!(token::find_token(&mut tx, sha256(1), at(19)).await.unwrap().is_some());
    assert_eq!(
        token::list_tokens(&mut tx, user, at(19)).await.unwrap()[0].expires_at,
        Some(at(20))
    );
    assert!(token::find_token(&mut tx, sha256(1), at(20)).await.unwrap().is_none());
    assert!(token::list_tokens(&mut tx, user, at(20)).await.unwrap().is_empty());
    account::set_disabled(&mut tx, user, Some(at(2))).await.unwrap();
    assert!(token::find_token(&mut tx, sha256(1), at(19)).await.unwrap().is_none());
}

async fn keys_belong_to_one_user(base: Base) {
    let (user, other) = (base.user("u").await, base.user("v").await);
    let key = SshKeyRow {
        public_id: "k1".to_owned(),
        title: "laptop".to_owned(),
        fingerprint: "SHA256:x".to_owned(),
        public_key: "ssh-ed25519 x".to_owned(),
        created_at: at(1),
    };
    let mut tx = base.write().await;
    ssh_key::create_ssh_key(&mut tx, user, &key).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = base.write().await;
    let again = SshKeyRow { public_id: "k2".to_owned(), ..key.clone() };
    let taken = ssh_key::create_ssh_key(&mut tx, other, &again).await;
    assert!(matches!(taken, Err(DbError::Conflict { .. })), "{taken:?}");
    drop(tx);
    let mut tx = base.write().await;
    let listed = ssh_key::list_ssh_keys(&mut tx, user).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&*listed[0].title, &*listed[0].fingerprint), ("laptop", "SHA256:x"));
    assert_eq!((&*listed[0].public_key, listed[0].created_at), ("ssh-ed25519 x", at(1)));
    assert!(!ssh_key::delete_ssh_key(&mut tx, other, "k1").await.unwrap());
    assert!(ssh_key::delete_ssh_key(&mut tx, user, "k1").await.unwrap());
    assert!(ssh_key::list_ssh_keys(&mut tx, user).await.unwrap().is_empty());
}

async fn members_leave_their_organisation(base: Base) {
    let org = base.account(AccountKind::Org, "o").await;
    let (first, second) = (base.user("b").await, base.user("A").await);
    let mut tx = base.write().await;
    account::set_member(&mut tx, org, first, OrgRole::Read, at(1)).await.unwrap();
    account::set_member(&mut tx, org, second, OrgRole::Admin, at(1)).await.unwrap();
    let members = account::list_members(&mut tx, org).await.unwrap();
    let members: Vec<_> = members.iter().map(|(row, role)| (&*row.name, *role)).collect();
    assert_eq!(members, [("A", OrgRole::Admin), ("b", OrgRole::Read)]);
    assert!(account::remove_member(&mut tx, org, first).await.unwrap());
    assert!(!account::remove_member(&mut tx, org, first).await.unwrap());
    assert_eq!(account::list_members(&mut tx, org).await.unwrap().len(), 1);
}
