//! Codes that change every half minute, and recovery codes.

use std::time::Duration;

use steelyard_service::login::{SecondFactor, SignIn};
use steelyard_service::{Actor, Error};
use totp_rs::{Algorithm, Secret as Base32, TOTP};

use crate::world::{PASSWORD, World, secret, visitor};

steelyard_testkit::on_every_store!(
    signing_in_takes_a_code_once_it_is_on,
    a_code_is_used_once,
    guessing_codes_is_slow,
    the_wait_for_a_code_ends,
    it_is_begun_once_and_taken_away_with_the_password,
);

/// What the app on the phone shows now.
fn code(world: &World, factor: &SecondFactor) -> String {
    let key = Base32::Encoded(factor.secret.expose().to_owned()).to_bytes().unwrap();
    let totp = TOTP::new(Algorithm::SHA1, 6, 1, 30, key).unwrap();
    totp.generate(u64::try_from(world.hub().now().secs()).unwrap())
}

fn next_step(world: &World) {
    world.test.clock.advance(Duration::from_secs(30));
}

/// alice with a second factor, and her recovery codes.
async fn with_factor(world: &World) -> (Actor, SecondFactor, Vec<String>) {
    let alice = world.alice().await;
    let factor = world.hub().begin_second_factor(&alice).await.unwrap();
    let now = code(world, &factor);
    let codes = world.hub().confirm_second_factor(&alice, &now, "x").await.unwrap();
    next_step(world);
    (alice, factor, codes.iter().map(|code| code.expose().to_owned()).collect())
}

async fn enter(world: &World, code: &str) -> SignIn {
    let SignIn::CodeNeeded(waiting) = world.try_password("alice", PASSWORD).await else {
        panic!("no code was asked for");
    };
    let waiting = world.session(&waiting).await.unwrap();
    assert_eq!(waiting.actor, Actor::Anonymous);
    world.hub().sign_in_with_code(&waiting, code, &visitor("10.0.0.1")).await.unwrap()
}

async fn signing_in_takes_a_code_once_it_is_on(world: World) {
    let alice = world.alice().await;
    assert_eq!(world.hub().second_factor(&alice).await.unwrap(), None);
    let (alice, factor, codes) = with_factor(&world).await;
    assert_eq!(world.hub().second_factor(&alice).await.unwrap(), Some(10));
    assert!(factor.address.expose().starts_with("otpauth://totp/Steelyard%20%28"));
    assert!(matches!(enter(&world, "000000").await, SignIn::Refused));
    let now = code(&world, &factor);
    let spaced = format!("{} {}", &now[..3], &now[3..]);
    let SignIn::Done(session) = enter(&world, &spaced).await else { panic!() };
    assert!(!world.session(&session).await.unwrap().actor.is_anonymous());
    // A recovery code stands for it, however it is typed, once.
    let typed = codes[3].to_uppercase();
    let typed = format!("{}-{}", &typed[..8], &typed[8..]);
    assert!(matches!(enter(&world, &typed).await, SignIn::Done(_)));
    assert!(matches!(enter(&world, &typed).await, SignIn::Refused));
    assert_eq!(world.hub().second_factor(&alice).await.unwrap(), Some(9));
}

async fn a_code_is_used_once(world: World) {
    let (_, factor, _) = with_factor(&world).await;
    let now = code(&world, &factor);
    assert!(matches!(enter(&world, &now).await, SignIn::Done(_)));
    // Whoever looked over the shoulder comes too late, also within the half minute, and with the code before it.
    assert!(matches!(enter(&world, &now).await, SignIn::Refused));
    next_step(&world);
    assert!(matches!(enter(&world, &now).await, SignIn::Refused));
    // A clock may be late by one step.
    next_step(&world);
    let late = code(&world, &factor);
    next_step(&world);
    assert!(matches!(enter(&world, &late).await, SignIn::Done(_)));
}

async fn guessing_codes_is_slow(world: World) {
    let (_, factor, _) = with_factor(&world).await;
    let SignIn::CodeNeeded(waiting) = world.try_password("alice", PASSWORD).await else { panic!() };
    let waiting = world.session(&waiting).await.unwrap();
    for n in 0..20 {
        let visitor = visitor(&format!("10.0.3.{n}"));
        let answer = world.hub().sign_in_with_code(&waiting, "123123", &visitor).await.unwrap();
        assert!(matches!(answer, SignIn::Refused));
    }
    let now = code(&world, &factor);
    let refused = world.hub().sign_in_with_code(&waiting, &now, &visitor("10.0.4.1")).await;
    assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
}

async fn the_wait_for_a_code_ends(world: World) {
    let (alice, ..) = with_factor(&world).await;
    let SignIn::CodeNeeded(waiting) = world.try_password("alice", PASSWORD).await else { panic!() };
    // It is none of alice's browsers, and good for nothing but the code.
    assert_eq!(world.hub().list_sessions(&alice).await.unwrap().len(), 1);
    world.test.clock.advance(Duration::from_secs(600));
    assert!(world.session(&waiting).await.is_none());
}

async fn it_is_begun_once_and_taken_away_with_the_password(world: World) {
    let alice = world.alice().await;
    let hub = world.hub();
    let first = hub.begin_second_factor(&alice).await.unwrap();
    let again = hub.begin_second_factor(&alice).await.unwrap();
    assert_eq!(first.secret, again.secret);
    let refused = hub.confirm_second_factor(&alice, "000000", "x").await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    // Until it is confirmed, signing in needs none.
    world.sign_in().await;
    let now = code(&world, &first);
    hub.confirm_second_factor(&alice, &now, "x").await.unwrap();
    for refused in [
        hub.begin_second_factor(&alice).await.map(drop),
        hub.confirm_second_factor(&alice, &now, "x").await.map(drop),
    ] {
        assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    }
    assert!(hub.remove_second_factor(&alice, &secret("wrong"), "x").await.is_err());
    hub.remove_second_factor(&alice, &secret(PASSWORD), "x").await.unwrap();
    assert_eq!(hub.second_factor(&alice).await.unwrap(), None);
    world.sign_in().await;
    let fresh = hub.begin_second_factor(&alice).await.unwrap();
    assert_ne!(fresh.secret, first.secret);
}
