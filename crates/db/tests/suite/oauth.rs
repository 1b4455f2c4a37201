//! Apps, what users allowed them, and the codes and tokens by which they come.

use steelyard_core::TokenRole;
use steelyard_db::oauth::{self, AuthCode, NewApp, NewDevice, NewGrant, NewGrantedToken};
use steelyard_db::{Tx, account, token};

use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    apps_belong_to_who_registered_them,
    a_grant_ends_with_its_tokens,
    a_code_counts_its_uses,
    a_device_waits_and_is_decided_once,
    a_refresh_token_counts_its_uses,
    granted_tokens_open_what_their_role_says,
    what_ended_long_ago_goes,
);

async fn grant(tx: &mut Tx, user_id: i64, public_id: &str, client_id: &str) -> i64 {
    let new = NewGrant {
        public_id,
        user_id,
        client_id,
        app_name: "App",
        scope: "openid",
        address: "10.0.0.1",
        access_secs: 60,
        created_at: at(1),
    };
    oauth::create_grant(tx, &new).await.unwrap()
}

async fn apps_belong_to_who_registered_them(base: Base) {
    let (user, other) = (base.user("u").await, base.user("v").await);
    let uris = ["https://a/".to_owned(), "http://localhost/".to_owned()];
    let new = NewApp {
        client_id: "c1",
        owner_id: user,
        name: "App",
        website: Some("https://x"),
        secret_hash: Some(sha256(1)),
        redirect_uris: &uris,
        created_at: at(1),
    };
    let mut tx = base.write().await;
    oauth::create_app(&mut tx, &new).await.unwrap();
    let public = NewApp { client_id: "c2", website: None, secret_hash: None, ..new };
    oauth::create_app(&mut tx, &public).await.unwrap();
    let row = oauth::find_app(&mut tx, "c1").await.unwrap().unwrap();
    assert_eq!((row.owner_id, &*row.owner_name, &*row.name), (user, "u", "App"));
    assert_eq!((row.secret_hash, &row.redirect_uris[..]), (Some(sha256(1)), &uris[..]));
    assert_eq!((row.website.as_deref(), row.created_at), (Some("https://x"), at(1)));
    assert!(oauth::find_app(&mut tx, "C1").await.unwrap().is_none());
    let listed = oauth::list_apps(&mut tx, user).await.unwrap();
    assert_eq!(listed.iter().map(|row| &*row.client_id).collect::<Vec<_>>(), ["c2", "c1"]);
    assert!(listed[0].secret_hash.is_none() && listed[0].website.is_none());
    let granted = grant(&mut tx, other, "g1", "c1").await;
    assert!(!oauth::delete_app(&mut tx, other, "c1", at(2)).await.unwrap());
    assert!(oauth::find_grant(&mut tx, granted).await.unwrap().is_some());
    assert!(oauth::delete_app(&mut tx, user, "c1", at(2)).await.unwrap());
    assert!(oauth::find_grant(&mut tx, granted).await.unwrap().is_none());
    account::set_disabled(&mut tx, user, Some(at(3))).await.unwrap();
    assert!(oauth::find_app(&mut tx, "c2").await.unwrap().is_none());
}

fn granted(public_id: &str, user_id: i64, grant_id: i64, number: u8) -> NewGrantedToken<'_> {
    NewGrantedToken {
        public_id,
        user_id,
        grant_id,
        name: public_id,
        role: Some(TokenRole::Write),
        hash: sha256(number),
        created_at: at(1),
        expires_at: at(20),
    }
}

async fn a_grant_ends_with_its_tokens(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    let first = grant(&mut tx, user, "g1", "c").await;
    let second = grant(&mut tx, user, "g2", "c").await;
    // One that was allowed and never came for its tokens is nothing to take back.
    grant(&mut tx, user, "g3", "c").await;
    oauth::create_granted_token(&mut tx, &granted("t1", user, first, 1)).await.unwrap();
    oauth::create_refresh(&mut tx, sha256(2), second, at(30)).await.unwrap();
    let names = |rows: Vec<oauth::GrantRow>| {
        rows.into_iter().map(|row| row.public_id).collect::<Vec<_>>().join(" ")
    };
    for (now, live) in [(2, "g2 g1"), (20, "g2"), (30, "")] {
        assert_eq!(names(oauth::list_grants(&mut tx, user, at(now)).await.unwrap()), live);
    }
    let row = oauth::find_grant(&mut tx, first).await.unwrap().unwrap();
    assert_eq!((row.id, row.user_id, &*row.user_name), (first, user, "u"));
    assert_eq!((&*row.client_id, &*row.app_name, &*row.scope), ("c", "App", "openid"));
    assert_eq!((&*row.address, row.access_secs, row.created_at), ("10.0.0.1", 60, at(1)));
    oauth::revoke_grant(&mut tx, first, at(3)).await.unwrap();
    assert!(token::find_token(&mut tx, sha256(1), at(4)).await.unwrap().is_none());
    assert_eq!(names(oauth::list_grants(&mut tx, user, at(4)).await.unwrap()), "g2");
    oauth::revoke_user_grants(&mut tx, user, at(5)).await.unwrap();
    assert!(oauth::find_grant(&mut tx, second).await.unwrap().is_none());
    assert!(oauth::find_refresh(&mut tx, sha256(2)).await.unwrap().is_none());
}

async fn a_code_counts_its_uses(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    let grant_id = grant(&mut tx, user, "g1", "c").await;
    let code = AuthCode {
        grant_id,
        redirect_uri: "https://a/".to_owned(),
        nonce: Some("n".to_owned()),
        auth_time: Some(at(3)),
        challenge: None,
        expires_at: at(9),
    };
    oauth::create_auth_code(&mut tx, sha256(1), &code).await.unwrap();
    for before in 0..3 {
        let (row, used) = oauth::use_auth_code(&mut tx, sha256(1)).await.unwrap().unwrap();
        assert_eq!((row.grant_id, &*row.redirect_uri, used), (grant_id, "https://a/", before));
        assert_eq!((row.nonce.as_deref(), row.challenge, row.expires_at), (Some("n"), None, at(9)));
        assert_eq!(row.auth_time, Some(at(3)));
    }
    assert!(oauth::use_auth_code(&mut tx, sha256(2)).await.unwrap().is_none());
}

async fn a_device_waits_and_is_decided_once(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    let grant_id = grant(&mut tx, user, "g1", "c").await;
    let new = NewDevice {
        device_hash: sha256(1),
        user_code_hash: sha256(2),
        client_id: "c",
        scope: "openid",
        address: "10.0.0.1",
        user_agent: "a program",
        created_at: at(1),
        expires_at: at(20),
    };
    oauth::create_device(&mut tx, &new).await.unwrap();
    assert_eq!(oauth::count_devices(&mut tx, "10.0.0.1", at(19)).await.unwrap(), 1);
    assert_eq!(oauth::count_devices(&mut tx, "10.0.0.2", at(19)).await.unwrap(), 0);
    assert_eq!(oauth::count_devices(&mut tx, "10.0.0.1", at(20)).await.unwrap(), 0);
    let row = oauth::find_device(&mut tx, sha256(2), at(19)).await.unwrap().unwrap();
    assert_eq!((&*row.client_id, &*row.scope, &*row.state), ("c", "openid", "waiting"));
    assert_eq!((&*row.address, &*row.user_agent), ("10.0.0.1", "a program"));
    assert_eq!((row.created_at, row.expires_at, row.polled_before), (at(1), at(20), None));
    assert!(oauth::find_device(&mut tx, sha256(2), at(20)).await.unwrap().is_none());
    for (now, before) in [(3, None), (8, Some(at(3))), (9, Some(at(8)))] {
        let polled = oauth::poll_device(&mut tx, sha256(1), at(now)).await.unwrap().unwrap();
        assert_eq!(polled.polled_before, before);
    }
    assert!(oauth::poll_device(&mut tx, sha256(2), at(9)).await.unwrap().is_none());
    assert!(!oauth::decide_device(&mut tx, row.id, Some(grant_id), at(20)).await.unwrap());
    assert!(oauth::decide_device(&mut tx, row.id, Some(grant_id), at(10)).await.unwrap());
    assert!(!oauth::decide_device(&mut tx, row.id, None, at(10)).await.unwrap());
    let polled = oauth::poll_device(&mut tx, sha256(1), at(11)).await.unwrap().unwrap();
    assert_eq!((&*polled.state, polled.grant_id), ("allowed", Some(grant_id)));
    assert!(oauth::find_device(&mut tx, sha256(2), at(11)).await.unwrap().is_none());
    assert!(oauth::delete_device(&mut tx, row.id).await.unwrap());
    assert!(!oauth::delete_device(&mut tx, row.id).await.unwrap());
}

async fn a_refresh_token_counts_its_uses(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    let grant_id = grant(&mut tx, user, "g1", "c").await;
    oauth::create_refresh(&mut tx, sha256(1), grant_id, at(9)).await.unwrap();
    for before in 0..2 {
        let row = oauth::use_refresh(&mut tx, sha256(1)).await.unwrap().unwrap();
        assert_eq!((row.grant_id, row.expires_at, row.used), (grant_id, at(9), before));
    }
    assert_eq!(oauth::find_refresh(&mut tx, sha256(1)).await.unwrap().unwrap().used, 2);
    assert!(oauth::use_refresh(&mut tx, sha256(2)).await.unwrap().is_none());
}

async fn granted_tokens_open_what_their_role_says(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    let grant_id = grant(&mut tx, user, "g1", "c").await;
    oauth::create_granted_token(&mut tx, &granted("t1", user, grant_id, 1)).await.unwrap();
    let identity = NewGrantedToken { role: None, ..granted("t2", user, grant_id, 2) };
    oauth::create_granted_token(&mut tx, &identity).await.unwrap();
    token::create_token(&mut tx, "t3", user, "own", TokenRole::Read, sha256(3), at(1))
        .await
        .unwrap();
    let found = token::find_token(&mut tx, sha256(1), at(2)).await.unwrap().unwrap();
    assert_eq!((&*found.name, found.role), ("t1", TokenRole::Write));
    assert!(token::find_token(&mut tx, sha256(2), at(2)).await.unwrap().is_none());
    for (number, of) in [(1, Some(grant_id)), (2, Some(grant_id)), (3, None)] {
        let bearer = oauth::find_bearer(&mut tx, sha256(number), at(2)).await.unwrap();
        assert_eq!(bearer, Some((user, of)));
    }
    assert_eq!(oauth::find_bearer(&mut tx, sha256(2), at(20)).await.unwrap(), None);
    // Those of apps are listed with what apps were allowed.
    assert_eq!(token::list_tokens(&mut tx, user, at(2)).await.unwrap().len(), 1);
    assert!(oauth::is_token_name_taken(&mut tx, user, "t1").await.unwrap());
    oauth::revoke_granted_tokens(&mut tx, grant_id, at(3)).await.unwrap();
    assert!(!oauth::is_token_name_taken(&mut tx, user, "t1").await.unwrap());
    assert!(token::find_token(&mut tx, sha256(3), at(4)).await.unwrap().is_some());
}

async fn what_ended_long_ago_goes(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    let grant_id = grant(&mut tx, user, "g1", "c").await;
    oauth::create_refresh(&mut tx, sha256(1), grant_id, at(9)).await.unwrap();
    assert_eq!(oauth::trim_oauth(&mut tx, at(9)).await.unwrap(), 0);
    assert_eq!(oauth::trim_oauth(&mut tx, at(10)).await.unwrap(), 1);
}
