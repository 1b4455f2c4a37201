//! The N-th call of the database fails, for every N: what was refused left nothing, what was done is whole.

use steelyard_core::fault::Moment;
use steelyard_service::login::{SignIn, SignUp};

use crate::world::{PASSWORD, World, secret, visitor};

steelyard_testkit::on_every_store!(
    signing_up_survives_every_fault,
    a_code_is_not_lost_with_the_password_it_did_not_set,
);

/// Every call, refused before it is made or lost after it.
fn calls() -> impl Iterator<Item = (u64, Moment)> {
    (1..).flat_map(|n| [(n, Moment::Before), (n, Moment::After)])
}

async fn signing_up_survives_every_fault(world: World) {
    let faults = world.test.db.faults();
    for (n, moment) in calls() {
        let name = format!("user-{n}-{}", moment == Moment::Before);
        let wanted = SignUp {
            name: name.clone(),
            email: None,
            password: secret("words of a newcomer"),
            invitation: None,
        };
        faults.arm(n, moment);
        let answer = world.hub().sign_up(&wanted, &visitor("x")).await;
        let has_failed = faults.disarm();
        if !has_failed {
            answer.unwrap();
            assert!(n > 5, "{n}");
            return;
        }
        // The last call may have landed although its answer was lost.
        match world.hub().profile(&name).await {
            Ok(_) => {
                let answer = world.try_password(&name, "words of a newcomer").await;
                assert!(matches!(answer, SignIn::Done(_)), "{n}: half an account");
            }
            Err(_) => assert!(answer.is_err(), "{n}"),
        }
    }
}

async fn a_code_is_not_lost_with_the_password_it_did_not_set(world: World) {
    let faults = world.test.db.faults();
    for (n, moment) in calls() {
        world.hub().set_password("alice", &secret(PASSWORD)).await.unwrap();
        let code = world.hub().operator_reset_code("alice").await.unwrap();
        let new = secret("quite new words");
        faults.arm(n, moment);
        let answer = world.hub().reset_password(code.expose(), &new, &visitor("x")).await;
        let has_failed = faults.disarm();
        let is_set = matches!(world.try_password("alice", new.expose()).await, SignIn::Done(_));
        if !has_failed {
            answer.unwrap();
            assert!(is_set && n > 5, "{n}");
            return;
        }
        if !is_set {
            assert!(answer.is_err(), "{n}");
            world.hub().reset_password(code.expose(), &new, &visitor("x")).await.unwrap();
        }
    }
}
