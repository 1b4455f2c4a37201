//! A database that fails, at every call, costs the index nothing but the one search that met it.

use steelyard_core::fault::Moment;

use crate::world::{World, tagged, worded};

steelyard_testkit::on_every_store!(following_survives_every_fault, loading_survives_every_fault);

async fn following_survives_every_fault(world: World) {
    let other = world.other_replica().await;
    assert!(worded(&other, "zebra").await.unwrap().is_empty());
    let mut expected = Vec::new();
    for n in 1..200 {
        let name = format!("m-{n:03}");
        world.model(&name).await;
        world.put_chat_weights(&name).await;
        world.put(&name, "README.md", "---\ntags: [striped]\n---\nA zebra.\n").await;
        expected.push(name);
        other.db().faults().arm(n, Moment::Before);
        let found = worded(&other, "zebra").await;
        let fired = other.db().faults().disarm();
        if let Ok(found) = found {
            assert_eq!(found, expected, "{n}: an answer is a whole one");
        }
        assert_eq!(tagged(&world.hub, "conversational").await.unwrap(), expected, "{n}");
        for tag in ["striped", "conversational"] {
            assert_eq!(tagged(&other, tag).await.unwrap(), expected, "{n} {tag}");
        }
        assert_eq!(worded(&other, "zebra").await.unwrap(), expected, "{n}");
        if !fired {
            assert!(n > 5, "following is more than a few calls");
            return;
        }
    }
    panic!("a search never ends");
}

async fn loading_survives_every_fault(world: World) {
    let expected = ["a", "b", "c"];
    for name in expected {
        world.model(name).await;
        world.put_chat_weights(name).await;
        world.put(name, "README.md", "---\ntags: [striped]\n---\nA zebra.\n").await;
    }
    for n in 1..200 {
        let other = world.other_replica().await;
        other.db().faults().arm(n, Moment::Before);
        let found = worded(&other, "zebra").await;
        let fired = other.db().faults().disarm();
        assert!(!fired || found.is_err() || found.is_ok_and(|found| found == expected), "{n}");
        assert_eq!(worded(&other, "zebra").await.unwrap(), expected, "{n}");
        assert_eq!(tagged(&other, "striped").await.unwrap(), expected, "{n}");
        assert_eq!(tagged(&world.hub, "conversational").await.unwrap(), expected, "{n}");
        if !fired {
            assert!(n > 5, "loading is more than a few calls");
            return;
        }
    }
    panic!("loading never ends");
}
