//! What people change of their own account.

use std::time::Duration;

use steelyard_core::TokenRole;
use steelyard_core::fault::Moment;
use steelyard_service::accounts::{OwnToken, ProfileChange};
use steelyard_service::{Actor, Error};

use crate::world::World;

steelyard_testkit::on_every_store!(
    a_token_of_ones_own_is_made_used_and_revoked,
    a_token_changes_no_account,
    a_profile_is_shown_as_it_was_saved,
    keys_are_kept_once,
);

async fn a_token_of_ones_own_is_made_used_and_revoked(world: World) {
    let (alice, hub) = (world.alice().await, world.hub());
    let wanted = OwnToken { name: " laptop ".to_owned(), role: TokenRole::Read };
    let token = hub.create_own_token(&alice, &wanted).await.unwrap();
    let again = hub.create_own_token(&alice, &wanted).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    let used = async || {
        let tokens = hub.list_own_tokens(&alice).await.unwrap();
        tokens.into_iter().find(|line| line.name == "laptop").unwrap().used_at
    };
    assert_eq!(used().await, None);
    let Actor::User(user) = hub.authenticate(token.expose(), "x").await.unwrap() else { panic!() };
    assert_eq!((&*user.name, user.token_role, user.session), ("alice", TokenRole::Read, None));
    hub.flush_token_uses().await.unwrap();
    let first = used().await.unwrap();
    assert_eq!(first, hub.now());
    // Noted once an hour, by whichever replica.
    world.test.clock.advance(Duration::from_secs(60));
    hub.authenticate(token.expose(), "x").await.unwrap();
    hub.flush_token_uses().await.unwrap();
    assert_eq!(used().await, Some(first));
    world.test.clock.advance(Duration::from_secs(3600));
    hub.authenticate(token.expose(), "x").await.unwrap();
    world.test.db.faults().arm(1, Moment::Before);
    assert!(hub.flush_token_uses().await.is_err());
    assert!(world.test.db.faults().disarm());
    hub.flush_token_uses().await.unwrap();
    assert_eq!(used().await, Some(hub.now()));
    let id = hub.list_own_tokens(&alice).await.unwrap()[0].public_id.clone();
    hub.revoke_own_token(&alice, &id).await.unwrap();
    assert!(matches!(hub.revoke_own_token(&alice, &id).await, Err(Error::NotFound(_))));
    assert!(hub.authenticate(token.expose(), "x").await.is_err());
}

async fn a_token_changes_no_account(world: World) {
    let hub = world.hub();
    let token = hub.authenticate(&world.token, "x").await.unwrap();
    let wanted = OwnToken { name: "more".to_owned(), role: TokenRole::Write };
    for (actor, is_known) in [(&token, true), (&Actor::Anonymous, false)] {
        for refused in [
            hub.create_own_token(actor, &wanted).await.map(drop),
            hub.list_own_tokens(actor).await.map(drop),
            hub.change_profile(actor, &ProfileChange::default()).await,
            hub.add_ssh_key(actor, "", "").await,
            hub.begin_second_factor(actor).await.map(drop),
            hub.own_account(actor).await.map(drop),
        ] {
            let is_right = match refused {
                Err(Error::Forbidden(_)) => is_known,
                Err(Error::LoginRequired(_)) => !is_known,
                _ => false,
            };
            assert!(is_right, "{actor:?} {refused:?}");
        }
    }
}

async fn a_profile_is_shown_as_it_was_saved(world: World) {
    let (alice, hub) = (world.alice().await, world.hub());
    let change = ProfileChange {
        full_name: " Alice Liddell ".to_owned(),
        email: "alice@wonderland.org".to_owned(),
        about: "Down the hole.\nAnd up.".to_owned(),
        website: "https://wonderland.org/~alice".to_owned(),
    };
    hub.change_profile(&alice, &change).await.unwrap();
    let profile = hub.profile("alice").await.unwrap();
    assert_eq!(profile.full_name, "Alice Liddell");
    assert_eq!(profile.about.as_deref(), Some("Down the hole.\nAnd up."));
    assert_eq!(profile.website.as_deref(), Some("https://wonderland.org/~alice"));
    let with = |field: &str, value: &str| {
        let mut bad = change.clone();
        match field {
            "full name" => bad.full_name = value.to_owned(),
            "email" => bad.email = value.to_owned(),
            "about" => bad.about = value.to_owned(),
            _ => bad.website = value.to_owned(),
        }
        bad
    };
    let long = "x".repeat(1001);
    for (field, value) in [
        ("full name", &*long),
        ("full name", "a\u{7}b"),
        ("email", "nobody"),
        ("email", "a b@c"),
        ("about", &long),
        ("about", "a\0b"),
        ("website", "javascript:alert(1)"),
        ("website", "https://x/\"onload=\""),
        ("website", "//x"),
    ] {
        let refused = hub.change_profile(&alice, &with(field, value)).await;
        let Err(Error::Invalid(invalid)) = refused else { panic!("{value:?}: {refused:?}") };
        assert_eq!(invalid.field, field, "{value:?}");
    }
    hub.change_profile(&alice, &ProfileChange::default()).await.unwrap();
    let profile = hub.profile("alice").await.unwrap();
    assert_eq!((&*profile.full_name, profile.about, profile.website), ("alice", None, None));
}

async fn keys_are_kept_once(world: World) {
    let (alice, hub) = (world.alice().await, world.hub());
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDsc7cEI6FFtTMF0RhUtkPG6mTzCrOy1aCfGBDVZSwWR me@laptop";
    hub.add_ssh_key(&alice, "", key).await.unwrap();
    let listed = hub.list_ssh_keys(&alice).await.unwrap();
    assert_eq!((listed.len(), &*listed[0].title), (1, "me@laptop"));
    assert!(matches!(hub.add_ssh_key(&alice, "x", key).await, Err(Error::Conflict { .. })));
    hub.delete_ssh_key(&alice, &listed[0].public_id).await.unwrap();
    let gone = hub.delete_ssh_key(&alice, &listed[0].public_id).await;
    assert!(matches!(gone, Err(Error::NotFound(_))));
    hub.add_ssh_key(&alice, "again", key).await.unwrap();
}
