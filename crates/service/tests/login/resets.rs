//! Forgotten passwords, and accounts that people make themselves.

use std::time::Duration;

use steelyard_core::Secret;
use steelyard_service::login::{SignIn, SignUp, SignUpRule};
use steelyard_service::{Actor, Error};
use steelyard_testkit::Stores;

use crate::world::{World, secret, visitor};

steelyard_testkit::on_every_store!(
    a_code_by_mail_sets_a_password_once,
    the_answer_tells_nobody_who_has_an_account,
    mail_is_tried_again,
    codes_end_with_their_time,
    an_administrator_hands_out_codes,
    an_open_hub_makes_accounts,
);

/// The code in the newest mail.
fn mailed(world: &World) -> String {
    let mails = world.mailbox.mails.lock();
    let text = &mails.last().expect("a mail").text;
    let code = text.lines().find_map(|line| line.strip_prefix("    ")).expect("a code");
    code.to_owned()
}

async fn work(world: &World) {
    world.hub().run_jobs_until_idle().await.unwrap();
}

async fn a_code_by_mail_sets_a_password_once(world: World) {
    let session = world.sign_in().await;
    world.hub().request_reset("alice", &visitor("x")).await.unwrap();
    // Asked twice at once, sent once.
    world.hub().request_reset("Alice@example.org", &visitor("x")).await.unwrap();
    work(&world).await;
    assert_eq!(world.mailbox.mails.lock().len(), 1);
    assert_eq!(world.mailbox.mails.lock()[0].to, "alice@example.org");
    // A hub that does not know its own address says where to go in words.
    let text = world.mailbox.mails.lock()[0].text.clone();
    assert!(text.contains("choose \"Sign in\"") && !text.contains("/reset"), "{text}");
    let code = mailed(&world);
    let new = secret("quite new words");
    let refused = world.hub().reset_password(&code, &secret("short"), &visitor("x")).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    let typed = code.to_uppercase().replace('-', " ");
    world.hub().reset_password(&typed, &new, &visitor("x")).await.unwrap();
    assert!(world.session(&session).await.is_none());
    assert!(matches!(world.try_password("alice", new.expose()).await, SignIn::Done(_)));
    let again = world.hub().reset_password(&code, &new, &visitor("x")).await;
    assert!(matches!(again, Err(Error::Invalid(_))), "{again:?}");
}

async fn the_answer_tells_nobody_who_has_an_account(world: World) {
    world.test.actor("bob").await.unwrap();
    for name in ["nobody", "bob", "nobody@example.org", "", "a\0b"] {
        world.hub().request_reset(name, &visitor("x")).await.unwrap();
    }
    work(&world).await;
    assert!(world.mailbox.mails.lock().is_empty());
    // Asking costs somebody a mail: it is slow like guessing.
    for _ in 0..30 {
        let _ = world.hub().request_reset("alice", &visitor("y")).await;
    }
    let refused = world.hub().request_reset("alice", &visitor("y")).await;
    assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
}

async fn mail_is_tried_again(world: World) {
    *world.mailbox.failures.lock() = 1;
    world.hub().request_reset("alice", &visitor("x")).await.unwrap();
    work(&world).await;
    assert!(world.mailbox.mails.lock().is_empty());
    world.test.clock.advance(Duration::from_secs(60));
    work(&world).await;
    let new = secret("quite new words");
    world.hub().reset_password(&mailed(&world), &new, &visitor("x")).await.unwrap();
}

async fn codes_end_with_their_time(world: World) {
    world.hub().request_reset("alice", &visitor("x")).await.unwrap();
    work(&world).await;
    world.test.clock.advance(Duration::from_secs(3600));
    let late = world
        .hub()
        .reset_password(&mailed(&world), &secret("quite new words"), &visitor("x"))
        .await;
    assert!(matches!(late, Err(Error::Invalid(_))), "{late:?}");
    // A password that was changed takes older codes back.
    let code = world.hub().operator_reset_code("alice").await.unwrap();
    world.hub().set_password("alice", &secret("still other words")).await.unwrap();
    let new = secret("quite new words");
    assert!(world.hub().reset_password(code.expose(), &new, &visitor("x")).await.is_err());
}

/// An administrator in a session.
async fn root(world: &World) -> Actor {
    world.test.admin("root").await.unwrap();
    world.hub().set_password("root", &secret("the root of it all")).await.unwrap();
    let SignIn::Done(session) = world.try_password("root", "the root of it all").await else {
        panic!("root cannot sign in");
    };
    world.session(&session).await.unwrap().actor
}

async fn an_administrator_hands_out_codes(world: World) {
    let root = root(&world).await;
    let alice = world.alice().await;
    let refused = world.hub().create_reset_code(&alice, "root").await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let code = world.hub().create_reset_code(&root, "alice").await.unwrap();
    let new = secret("quite new words");
    world.hub().reset_password(code.expose(), &new, &visitor("x")).await.unwrap();
    assert!(matches!(world.try_password("alice", new.expose()).await, SignIn::Done(_)));
}

fn wanted(name: &str, invitation: Option<&Secret>) -> SignUp {
    SignUp {
        name: name.to_owned(),
        email: None,
        password: secret("words of a newcomer"),
        invitation: invitation.map(|code| code.expose().to_owned()),
    }
}

async fn an_open_hub_makes_accounts(world: World) {
    let hub = world.hub();
    let session = hub.sign_up(&wanted("carol", None), &visitor("x")).await.unwrap();
    let carol = world.session(&session).await.unwrap().actor;
    assert_eq!(carol.user().unwrap().name, "carol");
    assert!(!carol.user().unwrap().is_admin);
    for (name, password) in [
        ("carol", "words of a newcomer"),
        ("ALICE", "words of a newcomer"),
        ("settings", "words of a newcomer"),
        ("a/b", "words of a newcomer"),
        ("dave", "short"),
        ("dave-the-diver", "dave-the-diver"),
    ] {
        let wanted = SignUp { password: secret(password), ..wanted(name, None) };
        let refused = hub.sign_up(&wanted, &visitor("x")).await;
        let is_told = matches!(refused, Err(Error::Invalid(_) | Error::Conflict { .. }));
        assert!(is_told, "{name}: {refused:?}");
    }
    let bad = SignUp { email: Some("no address".to_owned()), ..wanted("dave", None) };
    assert!(matches!(hub.sign_up(&bad, &visitor("x")).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_closed_hub_makes_none() {
    let world = World::with(Stores::Embedded, SignUpRule::Closed).await;
    let refused = world.hub().sign_up(&wanted("carol", None), &visitor("x")).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
}

#[tokio::test]
async fn an_invitation_makes_one_account() {
    let world = World::with(Stores::Embedded, SignUpRule::Invitation).await;
    let root = root(&world).await;
    let hub = world.hub();
    for code in [None, Some(secret("made-up"))] {
        let refused = hub.sign_up(&wanted("carol", code.as_ref()), &visitor("x")).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    let code = hub.create_invitation(&root, Some("carol@example.org")).await.unwrap();
    // A name that is taken does not use the invitation up.
    assert!(hub.sign_up(&wanted("alice", Some(&code)), &visitor("x")).await.is_err());
    hub.sign_up(&wanted("carol", Some(&code)), &visitor("x")).await.unwrap();
    assert!(hub.sign_up(&wanted("dave", Some(&code)), &visitor("x")).await.is_err());
    let code = hub.create_invitation(&root, None).await.unwrap();
    let listed = hub.list_invitations(&root).await.unwrap();
    assert_eq!(listed.len(), 1);
    hub.revoke_invitation(&root, listed[0].id).await.unwrap();
    assert!(hub.sign_up(&wanted("dave", Some(&code)), &visitor("x")).await.is_err());
    let alice = world.alice().await;
    assert!(matches!(hub.create_invitation(&alice, None).await, Err(Error::Forbidden(_))));
    assert!(matches!(hub.list_invitations(&alice).await, Err(Error::Forbidden(_))));
    assert!(matches!(hub.revoke_invitation(&alice, 1).await, Err(Error::Forbidden(_))));
}
