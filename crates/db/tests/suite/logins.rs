//! Passwords, second factors, codes, sessions, and how often somebody guessed wrong.

use steelyard_core::Sha256;
use steelyard_db::login::{self, CodePurpose, NewCode};
use steelyard_db::session::{self, NewSession};
use steelyard_db::{DbError, account};

use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    a_password_is_replaced_and_the_second_factor_stays,
    a_time_step_is_used_once_and_never_an_older_one,
    recovery_codes_are_good_once,
    codes_are_good_once_for_their_purpose_and_their_time,
    failures_are_counted_by_window,
    sessions_live_until_their_end,
    a_session_of_an_account_out_of_service_is_none,
    time_takes_away_what_is_over,
);

async fn a_password_is_replaced_and_the_second_factor_stays(base: Base) {
    let user = base.user("u").await;
    assert!(login::find_login(&mut base.read().await, user).await.unwrap().is_none());
    let mut tx = base.write().await;
    login::set_password(&mut tx, user, "first", at(1)).await.unwrap();
    login::set_totp_secret(&mut tx, user, Some(b"secret")).await.unwrap();
    let begun = login::find_login(&mut tx, user).await.unwrap().unwrap();
    assert!(begun.totp_secret.is_some() && !begun.has_second_factor());
    assert!(login::use_totp_step(&mut tx, user, 7).await.unwrap());
    login::set_password(&mut tx, user, "second", at(2)).await.unwrap();
    tx.commit().await.unwrap();
    let row = login::find_login(&mut base.read().await, user).await.unwrap().unwrap();
    assert_eq!((row.user_id, &*row.password_hash, row.changed_at), (user, "second", at(2)));
    assert_eq!((row.totp_secret.as_deref(), row.totp_step), (Some(&b"secret"[..]), Some(7)));
    assert!(row.has_second_factor());
    let mut tx = base.write().await;
    login::set_totp_secret(&mut tx, user, None).await.unwrap();
    let row = login::find_login(&mut tx, user).await.unwrap().unwrap();
    assert!(row.totp_secret.is_none() && row.totp_step.is_none());
}

async fn a_time_step_is_used_once_and_never_an_older_one(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    // Without a secret there is nothing to use.
    login::set_password(&mut tx, user, "hash", at(1)).await.unwrap();
    assert!(!login::use_totp_step(&mut tx, user, 5).await.unwrap());
    login::set_totp_secret(&mut tx, user, Some(b"s")).await.unwrap();
    for (step, is_new) in [(5, true), (5, false), (4, false), (6, true)] {
        assert_eq!(login::use_totp_step(&mut tx, user, step).await.unwrap(), is_new, "{step}");
    }
}

async fn recovery_codes_are_good_once(base: Base) {
    let (user, other) = (base.user("u").await, base.user("v").await);
    let mut tx = base.write().await;
    login::set_recovery_codes(&mut tx, user, &[sha256(1), sha256(2)]).await.unwrap();
    assert_eq!(login::count_recovery_codes(&mut tx, user).await.unwrap(), 2);
    assert!(!login::use_recovery_code(&mut tx, other, sha256(1)).await.unwrap());
    assert!(login::use_recovery_code(&mut tx, user, sha256(1)).await.unwrap());
    assert!(!login::use_recovery_code(&mut tx, user, sha256(1)).await.unwrap());
    login::set_recovery_codes(&mut tx, user, &[sha256(3)]).await.unwrap();
    assert!(!login::use_recovery_code(&mut tx, user, sha256(2)).await.unwrap());
    assert_eq!(login::count_recovery_codes(&mut tx, user).await.unwrap(), 1);
}

fn code(hash: Sha256, purpose: CodePurpose, user_id: Option<i64>) -> NewCode<'static> {
    NewCode {
        hash,
        purpose,
        user_id,
        email: Some("a@b.c"),
        created_by: None,
        created_at: at(10),
        expires_at: at(20),
    }
}

async fn codes_are_good_once_for_their_purpose_and_their_time(base: Base) {
    use CodePurpose::{Invitation, Reset};
    let user = base.user("u").await;
    let mut tx = base.write().await;
    login::create_code(&mut tx, &code(sha256(1), Reset, Some(user))).await.unwrap();
    login::create_code(&mut tx, &code(sha256(2), Invitation, None)).await.unwrap();
    login::create_code(&mut tx, &code(sha256(3), Invitation, None)).await.unwrap();
    for (purpose, now) in [(Invitation, 11), (Reset, 20)] {
        assert!(login::use_code(&mut tx, sha256(1), purpose, at(now)).await.unwrap().is_none());
    }
    let used = login::use_code(&mut tx, sha256(1), Reset, at(19)).await.unwrap().unwrap();
    assert_eq!((used.user_id, used.email.as_deref()), (Some(user), Some("a@b.c")));
    assert_eq!((used.created_at, used.expires_at), (at(10), at(20)));
    assert!(login::use_code(&mut tx, sha256(1), Reset, at(19)).await.unwrap().is_none());
    let listed = login::list_codes(&mut tx, Invitation, at(11), 10).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed[0].id > listed[1].id);
    assert!(login::list_codes(&mut tx, Invitation, at(20), 10).await.unwrap().is_empty());
    assert!(login::delete_code(&mut tx, listed[0].id).await.unwrap());
    assert!(!login::delete_code(&mut tx, listed[0].id).await.unwrap());
    login::create_code(&mut tx, &code(sha256(4), Reset, Some(user))).await.unwrap();
    login::delete_reset_codes(&mut tx, user).await.unwrap();
    assert!(login::use_code(&mut tx, sha256(4), Reset, at(11)).await.unwrap().is_none());
    assert_eq!(login::list_codes(&mut tx, Invitation, at(11), 10).await.unwrap().len(), 1);
}

async fn failures_are_counted_by_window(base: Base) {
    let mut tx = base.write().await;
    assert_eq!(login::find_failures(&mut tx, "a").await.unwrap(), None);
    // The window's start, now, and what is counted then.
    for (start, now, count) in [(0, 10, 1), (0, 11, 2), (9, 12, 3), (10, 13, 1), (10, 14, 2)] {
        let counted = login::count_failure(&mut tx, "a", at(start), at(now)).await.unwrap();
        assert_eq!(counted, count, "{start} {now}");
    }
    assert_eq!(login::find_failures(&mut tx, "a").await.unwrap(), Some((2, at(13))));
    assert_eq!(login::count_failure(&mut tx, "b", at(0), at(14)).await.unwrap(), 1);
    login::clear_failures(&mut tx, "a").await.unwrap();
    assert_eq!(login::find_failures(&mut tx, "a").await.unwrap(), None);
    assert!(login::find_failures(&mut tx, "b").await.unwrap().is_some());
}

fn new_session(public_id: &str, user_id: i64, hash: Sha256) -> NewSession<'_> {
    NewSession {
        public_id,
        user_id,
        hash,
        awaits_code: false,
        address: "10.0.0.1",
        user_agent: "a browser",
        created_at: at(10),
        expires_at: at(20),
    }
}

async fn sessions_live_until_their_end(base: Base) {
    let (user, other) = (base.user("u").await, base.user("v").await);
    let mut tx = base.write().await;
    session::create_session(&mut tx, &new_session("s1", user, sha256(1))).await.unwrap();
    session::create_session(&mut tx, &new_session("s2", user, sha256(2))).await.unwrap();
    let waiting = NewSession { awaits_code: true, ..new_session("s3", user, sha256(3)) };
    session::create_session(&mut tx, &waiting).await.unwrap();
    session::create_session(&mut tx, &new_session("s4", other, sha256(4))).await.unwrap();
    let row = session::find_session(&mut tx, sha256(1), at(19)).await.unwrap().unwrap();
    assert_eq!((&*row.public_id, row.user_id, &*row.user_name), ("s1", user, "u"));
    assert_eq!((row.user_is_admin, row.awaits_code), (false, false));
    assert_eq!((&*row.address, &*row.user_agent), ("10.0.0.1", "a browser"));
    assert_eq!((row.created_at, row.seen_at, row.expires_at), (at(10), at(10), at(20)));
    assert!(session::find_session(&mut tx, sha256(1), at(20)).await.unwrap().is_none());
    assert!(session::find_session(&mut tx, sha256(3), at(19)).await.unwrap().unwrap().awaits_code);
    session::touch_session(&mut tx, row.id, at(15), at(40)).await.unwrap();
    let touched = session::find_session(&mut tx, sha256(1), at(30)).await.unwrap().unwrap();
    assert_eq!((touched.seen_at, touched.expires_at), (at(15), at(40)));
    // What waits for its second factor is none of the user's browsers yet.
    let listed = session::list_sessions(&mut tx, user, at(19)).await.unwrap();
    assert_eq!(listed.iter().map(|row| &*row.public_id).collect::<Vec<_>>(), ["s2", "s1"]);
    assert!(!session::delete_session(&mut tx, user, "s4").await.unwrap());
    assert!(session::delete_session(&mut tx, user, "s2").await.unwrap());
    assert_eq!(session::delete_sessions(&mut tx, user, Some(row.id)).await.unwrap(), 1);
    assert!(session::find_session(&mut tx, sha256(1), at(30)).await.unwrap().is_some());
    assert_eq!(session::delete_sessions(&mut tx, user, None).await.unwrap(), 1);
    assert!(session::find_session(&mut tx, sha256(4), at(19)).await.unwrap().is_some());
}

async fn a_session_of_an_account_out_of_service_is_none(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    session::create_session(&mut tx, &new_session("s1", user, sha256(1))).await.unwrap();
    account::set_disabled(&mut tx, user, Some(at(12))).await.unwrap();
    assert!(session::find_session(&mut tx, sha256(1), at(13)).await.unwrap().is_none());
    account::set_disabled(&mut tx, user, None).await.unwrap();
    assert!(session::find_session(&mut tx, sha256(1), at(13)).await.unwrap().is_some());
    // Two browsers never share a secret.
    let twice = session::create_session(&mut tx, &new_session("s2", user, sha256(1))).await;
    assert!(matches!(twice, Err(DbError::Conflict { .. })), "{twice:?}");
}

async fn time_takes_away_what_is_over(base: Base) {
    let user = base.user("u").await;
    let mut tx = base.write().await;
    session::create_session(&mut tx, &new_session("s1", user, sha256(1))).await.unwrap();
    login::create_code(&mut tx, &code(sha256(1), CodePurpose::Reset, Some(user))).await.unwrap();
    login::count_failure(&mut tx, "a", at(0), at(10)).await.unwrap();
    login::count_failure(&mut tx, "b", at(0), at(15)).await.unwrap();
    assert_eq!(login::trim_logins(&mut tx, at(19), at(10)).await.unwrap(), 0);
    assert_eq!(login::trim_logins(&mut tx, at(20), at(12)).await.unwrap(), 3);
    assert!(login::find_failures(&mut tx, "b").await.unwrap().is_some());
}
