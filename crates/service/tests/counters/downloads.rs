//! Which requests are downloads, and which of them are one.

use std::time::Duration;

use steelyard_core::RepoKind;
use steelyard_service::counters;
use tokio_util::sync::CancellationToken;

use crate::world::{Ask, DAY, World, ask, get, id};

steelyard_testkit::on_every_store!(
    of_a_model_the_file_counts_that_stands_for_it,
    the_headers_and_the_file_are_one_download_on_any_replica,
    a_dataset_counts_once_for_an_address_in_five_minutes,
    replicas_count_together,
    spaces_have_no_downloads,
    people_are_counted_once_a_day_and_machines_apart,
    days_leave_the_sum_and_stay_in_the_total,
    downloads_of_a_deleted_repository_go_nowhere,
    the_loop_writes_by_itself,
    usage_tells_days_and_reasons,
);

async fn of_a_model_the_file_counts_that_stands_for_it(world: World) {
    let cases: [(&str, &[&str], u64); 6] = [
        ("", &["config.json", "README.md", "model.safetensors", "sub/config.json"], 1),
        ("", &["a.gguf", "b.gguf", "sub/c.GGUF"], 3),
        ("transformers", &["config.json", "tokenizer.json"], 1),
        ("diffusers", &["model_index.json", "config.json", "unet/config.json"], 1),
        ("adapter-transformers", &["adapter_config.json", "config.json"], 1),
        ("no-such-library", &["params.json", "x.bin"], 1),
    ];
    for (n, (library, files, expected)) in cases.into_iter().enumerate() {
        let repo = world.model_of(&format!("m{n}"), library).await;
        for file in files {
            ask(&world.hub, &repo, get(file));
        }
        let counted = world.downloads(&repo).await;
        assert_eq!(counted, (expected, expected), "{library} {files:?}");
    }
}

async fn the_headers_and_the_file_are_one_download_on_any_replica(world: World) {
    let repo = world.repo(RepoKind::Model, "m").await;
    let other = world.other_replica().await;
    let (file, head) = (get("config.json"), Ask { is_head: true, ..get("config.json") });
    // A client that says so, on two replicas.
    for round in 0..3 {
        let (one, two) = if round % 2 == 0 { (&world.hub, &other) } else { (&other, &world.hub) };
        ask(one, &repo, Ask { counter: Some("1"), ..head });
        ask(two, &repo, Ask { counter: Some("1"), ..file });
    }
    other.flush_downloads().await.unwrap();
    assert_eq!(world.downloads(&repo).await.1, 3);
    // A client that says nothing.
    ask(&world.hub, &repo, head);
    ask(&world.hub, &repo, file);
    assert_eq!(world.downloads(&repo).await.1, 4);
    // The file alone, its rest, and what says that it does not count.
    ask(&world.hub, &repo, file);
    ask(&world.hub, &repo, Ask { is_continued: true, ..file });
    ask(&world.hub, &repo, Ask { counter: Some("0"), ..head });
    assert_eq!(world.downloads(&repo).await.1, 5);
}

async fn a_dataset_counts_once_for_an_address_in_five_minutes(world: World) {
    let repo = world.repo(RepoKind::Dataset, "d").await;
    for n in 0..20 {
        let path = format!("data/{n}.parquet");
        ask(&world.hub, &repo, Ask { is_head: true, ..get(&path) });
        ask(&world.hub, &repo, get(&path));
        // Written in between, as in a slow download.
        if n % 5 == 0 {
            world.hub.flush_downloads().await.unwrap();
        }
        world.clock.advance(Duration::from_secs(10));
    }
    assert_eq!(world.downloads(&repo).await, (1, 1));
    ask(&world.hub, &repo, Ask { address: "10.0.0.2", ..get("a") });
    assert_eq!(world.downloads(&repo).await, (2, 2));
    world.clock.advance(Duration::from_secs(101));
    ask(&world.hub, &repo, get("data/0.parquet"));
    assert_eq!(world.downloads(&repo).await, (3, 3), "five minutes after the first file");
}

async fn replicas_count_together(world: World) {
    let (model, data) =
        (world.repo(RepoKind::Model, "m").await, world.repo(RepoKind::Dataset, "d").await);
    let other = world.other_replica().await;
    for n in 0..10 {
        let hub = if n % 2 == 0 { &world.hub } else { &other };
        ask(hub, &data, get(&format!("{n}")));
        ask(hub, &model, get("config.json"));
    }
    let (one, two) = tokio::join!(world.hub.flush_downloads(), other.flush_downloads());
    one.unwrap();
    two.unwrap();
    assert_eq!(world.downloads(&data).await, (1, 1));
    let stats = world.stats(&model).await;
    assert_eq!((stats.downloads_all, stats.people_30d), (10, 1));
}

async fn spaces_have_no_downloads(world: World) {
    let repo = world.repo(RepoKind::Space, "s").await;
    ask(&world.hub, &repo, get("config.json"));
    ask(&world.hub, &repo, get("a.gguf"));
    assert_eq!(world.downloads(&repo).await, (0, 0));
}

async fn people_are_counted_once_a_day_and_machines_apart(world: World) {
    let repo = world.repo(RepoKind::Model, "m").await;
    let file = get("config.json");
    let bob = world.actor("bob").await.unwrap();
    let asks = [
        file,
        file,
        Ask { address: "10.0.0.2", ..file },
        Ask { actor: &world.alice, ..file },
        Ask { actor: &world.alice, address: "10.9.9.9", ..file },
        Ask { actor: &bob, ..file },
        Ask {
            address: "10.0.0.7",
            user_agent: "unknown/None; hf_hub/2.4.0; is_ci/true",
            is_head: true,
            ..file
        },
        // The same client's second request, on whichever replica.
        Ask { address: "10.0.0.7", user_agent: "unknown/None; hf_hub/2.4.0; is_ci/true", ..file },
        Ask { address: "10.0.0.8", user_agent: "GitHub-Actions-runner", ..file },
        // Not what the model counts by.
        Ask { address: "10.0.0.9", ..get("README.md") },
    ];
    for one in asks {
        ask(&world.hub, &repo, one);
    }
    let stats = world.stats(&repo).await;
    assert_eq!((stats.downloads_30d, stats.people_30d, stats.ci_30d), (8, 4, 2));
    let first = stats.trend;
    assert!(first > 0.0);
    ask(&world.hub, &repo, file);
    assert_eq!(world.stats(&repo).await.trend, first, "the same person on the same day");
    world.clock.advance(DAY);
    ask(&world.hub, &repo, file);
    let stats = world.stats(&repo).await;
    assert_eq!((stats.downloads_30d, stats.people_30d, stats.ci_30d), (10, 5, 2));
    assert!(stats.trend > first);
    // What is stored names nobody: 16 bytes, other ones each day.
    let sql = "SELECT who FROM download_seen WHERE scope = 2";
    let rows = world.db.read().await.unwrap().fetch_all(sql, Vec::new()).await.unwrap();
    let mut who: Vec<_> = rows.iter().map(|row| row.bytes("who").unwrap()).collect();
    assert!(who.iter().all(|who| who.len() == 16));
    who.sort();
    who.dedup();
    assert_eq!(who.len(), 5, "nobody can be followed from day to day");
}

async fn days_leave_the_sum_and_stay_in_the_total(world: World) {
    let repo = world.repo(RepoKind::Model, "m").await;
    for day in 1..=45_u64 {
        for _ in 0..day {
            ask(&world.hub, &repo, get("config.json"));
        }
        world.hub.flush_downloads().await.unwrap();
        world.hub.run_jobs_until_idle().await.unwrap();
        let first = day.saturating_sub(29).max(1);
        let expected = ((first..=day).sum::<u64>(), (1..=day).sum::<u64>());
        assert_eq!(world.downloads(&repo).await, expected, "on day {day}");
        world.clock.advance(DAY);
    }
    let stats = world.stats(&repo).await;
    assert_eq!(stats.people_30d, 30);
    let sql = "SELECT COUNT(*) AS n FROM download_seen";
    let left = world.db.read().await.unwrap().fetch_one(sql, Vec::new()).await.unwrap();
    assert!(left.int("n").unwrap() < 8, "what was seen is forgotten");
}

async fn downloads_of_a_deleted_repository_go_nowhere(world: World) {
    let gone = world.repo(RepoKind::Model, "gone").await;
    let repo = world.repo(RepoKind::Model, "m").await;
    ask(&world.hub, &gone, get("config.json"));
    ask(&world.hub, &repo, get("config.json"));
    world.hub.delete_repo(&world.alice, RepoKind::Model, &id("gone")).await.unwrap();
    assert_eq!(world.downloads(&repo).await, (1, 1));
    assert_eq!(world.downloads(&gone).await, (0, 0));
}

async fn the_loop_writes_by_itself(world: World) {
    let repo = world.repo(RepoKind::Model, "m").await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(counters::run(world.hub.clone(), stop.clone()));
    ask(&world.hub, &repo, get("config.json"));
    let mut seen = 0;
    for _ in 0..200 {
        seen = world.hub.stats_of(repo.id).await.unwrap().downloads_all;
        if seen > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(seen, 1);
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
    // What comes while the process stops is written by whoever stops it.
    ask(&world.hub, &repo, get("config.json"));
    assert_eq!(world.downloads(&repo).await.1, 2);
}

async fn usage_tells_days_and_reasons(world: World) {
    let repo = world.repo(RepoKind::Model, "m").await;
    ask(&world.hub, &repo, get("config.json"));
    ask(&world.hub, &repo, get("config.json"));
    world.hub.flush_downloads().await.unwrap();
    world.clock.advance(8 * DAY);
    ask(&world.hub, &repo, Ask { user_agent: "is_ci/true", ..get("config.json") });
    ask(&world.hub, &repo, get("config.json"));
    world.hub.flush_downloads().await.unwrap();
    world.hub.like(&world.alice, RepoKind::Model, &id("m")).await.unwrap();
    let usage = world.hub.usage(&world.alice, RepoKind::Model, &id("m")).await.unwrap();
    let days: Vec<_> = usage.days.iter().map(|day| (day.downloads, day.people, day.ci)).collect();
    assert_eq!(days, [(2, 1, 0), (2, 1, 1)]);
    assert_eq!((usage.likes_7d, usage.people_7d, usage.stats.people_30d), (1, 1, 2));
    // A like of now, a person of now, and a person of eight days ago: 1 + 0.05 + 0.05 / 2^(8/7).
    assert_eq!(usage.trending_score, 1.07);
}
