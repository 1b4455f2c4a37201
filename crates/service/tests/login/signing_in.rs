//! Passwords and sessions.

use std::time::Duration;

use steelyard_service::login::{Attempt, SignIn};
use steelyard_service::{Actor, Error};

use crate::world::{PASSWORD, World, secret, visitor};

steelyard_testkit::on_every_store!(
    a_name_or_a_mail_address_and_the_password_begin_a_session,
    wrong_names_and_wrong_passwords_are_answered_alike,
    guessing_one_account_is_slow_on_every_replica,
    guessing_from_one_address_is_slow,
    a_session_lives_while_it_is_used,
    sessions_are_listed_and_ended,
    a_new_password_ends_the_other_sessions,
    a_session_counts_on_every_replica,
);

async fn a_name_or_a_mail_address_and_the_password_begin_a_session(world: World) {
    for name in ["alice", "ALICE", " alice ", "alice@example.org", "Alice@Example.org"] {
        let SignIn::Done(secret) = world.try_password(name, PASSWORD).await else {
            panic!("{name}");
        };
        let session = world.session(&secret).await.unwrap();
        let Actor::User(user) = session.actor else { panic!("{name}") };
        assert_eq!((&*user.name, user.session), ("alice", Some(session.row.id)));
        assert_eq!(session.row.address, "10.0.0.1");
    }
    assert!(world.session(&secret("made up")).await.is_none());
}

async fn wrong_names_and_wrong_passwords_are_answered_alike(world: World) {
    world.test.actor("bob").await.unwrap();
    let long = "x".repeat(2000);
    for (name, password) in [
        ("alice", "something else"),
        ("alice", ""),
        ("alice", &*long),
        // bob has no password; the others do not exist.
        ("bob", ""),
        ("nobody", PASSWORD),
        ("nobody@example.org", PASSWORD),
        ("a/b\0", PASSWORD),
        ("", ""),
    ] {
        let answer = world.try_password(name, password).await;
        assert!(matches!(answer, SignIn::Refused), "{name}: {answer:?}");
    }
}

async fn guessing_one_account_is_slow_on_every_replica(world: World) {
    let other = world.test.replica().await.unwrap();
    for n in 0..20 {
        // From everywhere, on both replicas in turn.
        let attempt = Attempt { name: "alice".to_owned(), password: secret("guess") };
        let hub = if n % 2 == 0 { world.hub() } else { &other };
        let answer = hub.sign_in(&attempt, &visitor(&format!("10.0.1.{n}"))).await.unwrap();
        assert!(matches!(answer, SignIn::Refused));
    }
    let right = Attempt { name: "alice".to_owned(), password: secret(PASSWORD) };
    for hub in [world.hub(), &other] {
        let refused = hub.sign_in(&right, &visitor("10.0.2.1")).await;
        assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
    }
    // Tokens go on.
    world.hub().authenticate(&world.token, "10.0.2.1").await.unwrap();
    world.test.clock.advance(Duration::from_secs(15 * 60));
    let answer = other.sign_in(&right, &visitor("10.0.2.1")).await.unwrap();
    assert!(matches!(answer, SignIn::Done(_)));
    // The right one has made the count begin anew.
    for _ in 0..5 {
        assert!(matches!(world.try_password("alice", "guess").await, SignIn::Refused));
    }
    world.sign_in().await;
}

async fn guessing_from_one_address_is_slow(world: World) {
    for n in 0..30 {
        let attempt = Attempt { name: format!("user-{n}"), password: secret("guess") };
        world.hub().sign_in(&attempt, &visitor("10.9.9.9")).await.unwrap();
    }
    let attempt = Attempt { name: "alice".to_owned(), password: secret(PASSWORD) };
    let refused = world.hub().sign_in(&attempt, &visitor("10.9.9.9")).await;
    assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
    world.sign_in().await;
}

async fn a_session_lives_while_it_is_used(world: World) {
    let day = Duration::from_secs(24 * 3600);
    let (used, unused) = (world.sign_in().await, world.sign_in().await);
    for _ in 0..3 {
        world.test.clock.advance(day * 20);
        assert!(world.session(&used).await.is_some());
    }
    assert!(world.session(&unused).await.is_none());
    world.test.clock.advance(day * 30);
    assert!(world.session(&used).await.is_none());
    // What is over goes.
    world.hub().run_jobs_until_idle().await.unwrap();
    let mut conn = world.test.db.read().await.unwrap();
    let left = conn.fetch_one("SELECT COUNT(*) AS n FROM session", Vec::new()).await.unwrap();
    assert_eq!(left.int("n").unwrap(), 0);
}

async fn sessions_are_listed_and_ended(world: World) {
    let secrets = [world.sign_in().await, world.sign_in().await, world.sign_in().await];
    let first = world.session(&secrets[0]).await.unwrap();
    let listed = world.hub().list_sessions(&first.actor).await.unwrap();
    assert_eq!(listed.len(), 3);
    world.hub().revoke_session(&first.actor, &listed[0].public_id).await.unwrap();
    assert!(world.session(&secrets[2]).await.is_none());
    let again = world.hub().revoke_session(&first.actor, &listed[0].public_id).await;
    assert!(matches!(again, Err(Error::NotFound(_))));
    assert_eq!(world.hub().revoke_other_sessions(&first.actor).await.unwrap(), 1);
    assert!(world.session(&secrets[1]).await.is_none());
    world.hub().sign_out(&first).await.unwrap();
    world.hub().sign_out(&first).await.unwrap();
    assert!(world.session(&secrets[0]).await.is_none());
    // Somebody else's session is nobody's to end; a token ends none.
    world.test.actor("bob").await.unwrap();
    world.hub().set_password("bob", &secret("some other words")).await.unwrap();
    let SignIn::Done(bobs) = world.try_password("bob", "some other words").await else { panic!() };
    let bob = world.session(&bobs).await.unwrap();
    let alice = world.alice().await;
    let refused = world.hub().revoke_session(&alice, &bob.row.public_id).await;
    assert!(matches!(refused, Err(Error::NotFound(_))));
    let token = world.hub().authenticate(&world.token, "x").await.unwrap();
    let refused = world.hub().list_sessions(&token).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
}

async fn a_new_password_ends_the_other_sessions(world: World) {
    let (this, other) = (world.sign_in().await, world.sign_in().await);
    let alice = world.session(&this).await.unwrap().actor;
    let hub = world.hub();
    let new = secret("quite new words");
    for (old, new, field) in [
        ("wrong", "quite new words", "current password"),
        (PASSWORD, "short", "password"),
        (PASSWORD, "alice@example.org", "password"),
    ] {
        let refused = hub.change_password(&alice, &secret(old), &secret(new), "x").await;
        let Err(Error::Invalid(invalid)) = refused else { panic!("{refused:?}") };
        assert_eq!(invalid.field, field);
    }
    hub.change_password(&alice, &secret(PASSWORD), &new, "x").await.unwrap();
    assert!(world.session(&this).await.is_some());
    assert!(world.session(&other).await.is_none());
    assert!(matches!(world.try_password("alice", PASSWORD).await, SignIn::Refused));
    assert!(matches!(world.try_password("alice", new.expose()).await, SignIn::Done(_)));
}

async fn a_session_counts_on_every_replica(world: World) {
    let other = world.test.replica().await.unwrap();
    let secret = world.sign_in().await;
    let session = other.browser_session(&secret).await.unwrap().unwrap();
    other.sign_out(&session).await.unwrap();
    assert!(world.session(&secret).await.is_none());
}
