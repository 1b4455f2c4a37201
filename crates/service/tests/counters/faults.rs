//! A database that fails, at every call and in both ways, loses no download and counts none twice.

use steelyard_core::RepoKind;
use steelyard_core::fault::Moment;

use crate::world::{Ask, World, ask, get};

steelyard_testkit::on_every_store!(a_failed_write_loses_nothing_and_counts_nothing_twice);

async fn a_failed_write_loses_nothing_and_counts_nothing_twice(world: World) {
    let (model, data) =
        (world.repo(RepoKind::Model, "m").await, world.repo(RepoKind::Dataset, "d").await);
    let mut expected = 0;
    for moment in [Moment::Before, Moment::After] {
        for n in 1..100 {
            let address = format!("{moment:?}-{n}");
            ask(&world.hub, &model, Ask { address: &address, ..get("config.json") });
            ask(&world.hub, &data, Ask { address: &address, ..get("a") });
            world.db.faults().arm(n, moment);
            let failed = world.hub.flush_downloads().await.is_err();
            let fired = world.db.faults().disarm();
            assert_eq!(failed, fired, "{moment:?} {n}");
            // What comes after the failure waits in a batch of its own.
            ask(&world.hub, &model, Ask { address: &address, ..get("config.json") });
            expected += 2;
            let stats = world.stats(&model).await;
            assert_eq!(stats.downloads_all, expected, "{moment:?} {n}");
            assert_eq!(stats.people_30d, expected / 2, "{moment:?} {n}");
            assert_eq!(world.downloads(&data).await.1, expected / 2, "{moment:?} {n}");
            if !fired {
                assert!(n > 5, "a write is more than a few calls");
                break;
            }
        }
    }
    assert!(expected > 20);
}
