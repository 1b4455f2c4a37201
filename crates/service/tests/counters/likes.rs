//! Likes: by whom, once, and what they change.

use steelyard_core::{Namespace, RepoKind, Visibility};
use steelyard_db::event;
use steelyard_service::repos::UpdateSettings;
use steelyard_service::{Actor, Error};

use crate::world::{DAY, World, id};

steelyard_testkit::on_every_store!(
    a_like_counts_once_and_can_be_taken_back,
    who_may_not_write_may_not_like,
    what_is_private_is_liked_by_nobody_else,
    the_score_of_a_like_halves_in_a_week,
    lists_go_page_by_page,
);

const MODEL: RepoKind = RepoKind::Model;

/// The likes among the events, in order.
async fn events(world: &World) -> Vec<String> {
    let mut conn = world.db.read().await.unwrap();
    let all = event::list_events(&mut conn, 0, 1000).await.unwrap();
    all.into_iter().map(|event| event.kind).filter(|kind| kind.ends_with("like")).collect()
}

async fn a_like_counts_once_and_can_be_taken_back(world: World) {
    let repo = world.repo(MODEL, "m").await;
    let bob = world.actor("bob").await.unwrap();
    let like = async |actor: &Actor| world.hub.like(actor, MODEL, &id("m")).await.unwrap();
    assert_eq!((like(&bob).await.likes, like(&bob).await.likes), (1, 1));
    assert_eq!(like(&world.alice).await.likes, 2);
    let trend = world.stats(&repo).await.trend;
    world.clock.advance(DAY);
    let gone = world.hub.unlike(&bob, MODEL, &id("m")).await.unwrap();
    assert_eq!((gone.is_liked, gone.likes), (false, 1));
    assert_eq!(world.hub.unlike(&bob, MODEL, &id("m")).await.unwrap().likes, 1);
    let left = world.stats(&repo).await.trend;
    assert!((left * 2.0 - trend).abs() < 1e-9, "it takes its own weight along: {left} of {trend}");
    assert_eq!(events(&world).await, ["repo.like", "repo.like", "repo.unlike"]);
}

async fn who_may_not_write_may_not_like(world: World) {
    world.repo(MODEL, "m").await;
    let nobody = world.hub.like(&Actor::Anonymous, MODEL, &id("m")).await;
    assert!(matches!(nobody, Err(Error::LoginRequired(_))), "{nobody:?}");
    let Actor::User(mut reader) = world.alice.clone() else { panic!("alice is a user") };
    reader.token_role = steelyard_core::TokenRole::Read;
    let reader = Actor::User(reader);
    let refused = world.hub.like(&reader, MODEL, &id("m")).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let refused = world.hub.unlike(&reader, MODEL, &id("m")).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    assert!(events(&world).await.is_empty());
}

async fn what_is_private_is_liked_by_nobody_else(world: World) {
    world.repo(MODEL, "m").await;
    let bob = world.actor("bob").await.unwrap();
    world.hub.like(&bob, MODEL, &id("m")).await.unwrap();
    let hide =
        UpdateSettings { visibility: Some(Visibility::Private), ..UpdateSettings::default() };
    world.hub.update_settings(&world.alice, MODEL, &id("m"), hide).await.unwrap();
    for result in [
        world.hub.like(&bob, MODEL, &id("m")).await.map(drop),
        world.hub.unlike(&bob, MODEL, &id("m")).await.map(drop),
        world.hub.list_likers(&bob, MODEL, &id("m"), None, None).await.map(drop),
        world.hub.usage(&bob, MODEL, &id("m")).await.map(drop),
    ] {
        assert!(matches!(result, Err(Error::NotFound(_))), "{result:?}");
    }
    let name = Namespace::parse("bob").unwrap();
    let seen_by = async |actor: &Actor| {
        world.hub.list_likes(actor, &name, None, None).await.unwrap().items.len()
    };
    assert_eq!((seen_by(&bob).await, seen_by(&Actor::Anonymous).await), (0, 0));
    assert_eq!(seen_by(&world.alice).await, 1);
}

async fn the_score_of_a_like_halves_in_a_week(world: World) {
    world.repo(MODEL, "m").await;
    world.hub.like(&world.alice, MODEL, &id("m")).await.unwrap();
    let mut shown = Vec::new();
    for _ in 0..3 {
        let usage = world.hub.usage(&world.alice, MODEL, &id("m")).await.unwrap();
        shown.push(usage.trending_score);
        world.clock.advance(7 * DAY);
    }
    assert_eq!(shown, [1.0, 0.5, 0.25]);
}

async fn lists_go_page_by_page(world: World) {
    for n in 0..5 {
        world.repo(MODEL, &format!("m{n}")).await;
        world.hub.like(&world.alice, MODEL, &id(&format!("m{n}"))).await.unwrap();
        let fan = world.actor(&format!("fan{n}")).await.unwrap();
        world.hub.like(&fan, MODEL, &id("m0")).await.unwrap();
        // Two of each share a moment.
        if n != 2 {
            world.clock.advance(DAY);
        }
    }
    let alice = Namespace::parse("alice").unwrap();
    let (mut cursor, mut names) = (None, Vec::new());
    loop {
        let page = world
            .hub
            .list_likes(&Actor::Anonymous, &alice, Some(2), cursor.as_ref())
            .await
            .unwrap();
        names.extend(page.items.iter().map(|liked| liked.repo.repo.to_string()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["alice/m4", "alice/m3", "alice/m2", "alice/m1", "alice/m0"]);
    let (mut cursor, mut names) = (None, Vec::new());
    loop {
        let page = world
            .hub
            .list_likers(&Actor::Anonymous, MODEL, &id("m0"), Some(2), cursor.as_ref())
            .await
            .unwrap();
        names.extend(page.items.iter().map(|liker| liker.name.clone()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names.len(), 6);
    assert_eq!(names[0], "fan4");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 6, "each once");
    let none = Namespace::parse("none").unwrap();
    let missing = world.hub.list_likes(&Actor::Anonymous, &none, None, None).await;
    assert!(matches!(missing, Err(Error::NotFound(_))));
}
