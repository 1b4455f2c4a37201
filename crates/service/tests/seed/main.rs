//! A seeded hub: sound, the same every time, and as good as one whose repositories were committed one by one.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;

use serde_json::Value;
use steelyard_core::{RefName, RepoKind, Revision, Visibility};
use steelyard_db::catalogue::{self, IndexRow};
use steelyard_db::{likes, refs, stats};
use steelyard_service::fsck::{FsckEvent, FsckOptions};
use steelyard_service::seed::{SeedOptions, SeedProgress, Seeded};
use steelyard_service::{Action, Actor, Error};
use steelyard_testkit::{Stores, TestHub};

const REPOS: u64 = 400;

fn options(repos: u64, seed: u64) -> SeedOptions {
    SeedOptions { repos: NonZeroU64::new(repos).unwrap(), seed, into_existing: false }
}

async fn seeded(stores: Stores) -> (TestHub, Seeded) {
    let world = TestHub::start(stores).await.unwrap();
    let mut last = None;
    let made =
        world.hub.seed(&options(REPOS, 7), &mut |progress| last = Some(progress)).await.unwrap();
    assert_eq!(last, Some(SeedProgress { done: REPOS, of: REPOS }));
    (world, made)
}

async fn rows(world: &TestHub) -> Vec<IndexRow> {
    let mut conn = world.db.read().await.unwrap();
    catalogue::list_for_index(&mut conn, 0, 100_000).await.unwrap()
}

fn text(value: &str) -> Value {
    serde_json::from_str(value).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seeded_hub_is_sound_on_every_pair_of_stores() {
    for stores in Stores::available() {
        let (world, made) = seeded(stores).await;
        let mut found = Vec::new();
        let options = FsckOptions { repo: None, deep: true };
        let summary = world
            .hub
            .fsck(&options, &mut |event| {
                if let FsckEvent::Found(finding) = event {
                    found.push(format!("{finding:?}"));
                }
            })
            .await
            .unwrap();
        assert_eq!(found, Vec::<String>::new());
        assert_eq!((summary.repos, summary.refs), (REPOS, REPOS));
        assert_eq!(made.models + made.datasets + made.spaces, REPOS);
        assert!(made.models > 200 && made.datasets > 30 && made.spaces > 10, "{made:?}");
        assert!(made.bases > 50 && made.evals > 10 && made.likes > 0, "{made:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_makes_the_same_hub_on_every_pair_of_stores() {
    let mut first: Option<Vec<String>> = None;
    for stores in [Stores::Embedded].into_iter().chain(Stores::available()) {
        let (world, _) = seeded(stores).await;
        let mut shown: Vec<String> = Vec::new();
        let mut conn = world.db.read().await.unwrap();
        for row in rows(&world).await {
            let head = RefName::branch("main").unwrap();
            let at = refs::find_ref(&mut conn, row.repo_id, &head).await.unwrap().unwrap();
            let IndexRow { public_id, repo, kind, facts, weights, stats, bases, evals, .. } = row;
            let stats = (stats.downloads_30d, stats.downloads_all, stats.likes, stats.trend);
            shown.push(format!(
                "{public_id} {kind} {repo} {} {stats:?} {bases:?} {evals:?} {} {weights:?}",
                at.oid,
                text(&facts)
            ));
        }
        assert_eq!(shown.len() as u64, REPOS);
        match &first {
            None => first = Some(shown),
            Some(first) => assert!(*first == shown, "{stores:?} holds another catalogue"),
        }
    }
}

/// What is told of weights as if they were there; without it, facts are those of the files.
fn without_imagined(facts: &Value) -> Value {
    let mut facts = facts.clone();
    let entries = facts.as_object_mut().unwrap();
    for name in [
        "weight_bytes",
        "weight_files",
        "gguf_quants",
        "model_type",
        "context_tokens",
        "apps",
        "with_header",
    ] {
        entries.remove(name);
    }
    facts
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_a_repository_is_what_its_files_say() {
    let (world, _) = seeded(Stores::Embedded).await;
    let (mut read, mut sized, mut hidden) = (0, 0, 0);
    let main = RefName::branch("main").unwrap();
    for row in rows(&world).await {
        let (id, kind, actor) = (&row.repo, row.kind, Actor::Anonymous);
        let mut conn = world.db.read().await.unwrap();
        let at = refs::find_ref(&mut conn, row.repo_id, &main).await.unwrap().unwrap().oid;
        drop(conn);
        let revision = Revision::Commit(at);
        let found = world.hub.snapshot(&actor, kind, id, &revision, Action::ReadContent).await;
        let Ok(snapshot) = found else {
            assert!(row.visibility == Visibility::Private || !row.gated.is_empty());
            hidden += 1;
            continue;
        };
        // Reached by its id, a commit's facts are derived anew from the stored objects.
        assert!(!snapshot.is_head);
        let (told, derived) = (text(&row.facts), world.hub.facts_of(&snapshot).unwrap());
        assert_eq!(without_imagined(&told), without_imagined(&derived), "{id}");
        let card = snapshot.blob(snapshot.get_file("README.md").unwrap().oid).unwrap();
        assert!(std::str::from_utf8(&card).unwrap().ends_with(&row.card.unwrap()), "{id}");
        assert!(snapshot.get_file(".gitattributes").is_ok());
        read += 1;
        if let Some(bytes) = told.get("weight_bytes").and_then(Value::as_u64) {
            sized += u32::from(bytes > 1_000_000);
            let known = told["weight_files"].as_array().unwrap();
            assert!(known.iter().any(|file| file["size_bytes"].as_u64() == Some(bytes)), "{told}");
        }
    }
    assert!(read > 350 && sized > 150 && hidden > 5, "{read} {sized} {hidden}");
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_the_sums_of_their_rows() {
    let (world, made) = seeded(Stores::Embedded).await;
    let mut conn = world.db.read().await.unwrap();
    let (mut all_likes, mut used) = (0, 0);
    for row in rows(&world).await {
        let known = stats::get_stats(&mut conn, row.repo_id).await.unwrap();
        let likers = likes::list_likers(&mut conn, row.repo_id, None, 100_000).await.unwrap();
        let different: HashSet<i64> = likers.iter().map(|liker| liker.user_id).collect();
        assert_eq!((likers.len() as u64, different.len()), (known.likes, likers.len()));
        let days = steelyard_db::downloads::list_days(&mut conn, row.repo_id, 0).await.unwrap();
        assert_eq!(days.iter().map(|day| day.downloads).sum::<u64>(), known.downloads_30d);
        assert!(known.people_30d + known.ci_30d <= known.downloads_30d);
        assert!(known.downloads_30d <= known.downloads_all && known.trend.is_finite());
        assert_eq!(known.trend > 0.0, known.likes > 0 || known.people_30d > 0);
        all_likes += known.likes;
        used += u32::from(known.downloads_30d > 0);
    }
    assert_eq!(all_likes, made.likes);
    assert!((150..400).contains(&used), "{used}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edges_of_lineages_lead_to_models_that_are_there() {
    let (world, made) = seeded(Stores::Embedded).await;
    let rows = rows(&world).await;
    let ids: HashMap<String, RepoKind> =
        rows.iter().map(|row| (row.repo.to_string(), row.kind)).collect();
    let (mut here, mut elsewhere) = (0, 0);
    for base in rows.iter().flat_map(|row| &row.bases) {
        match ids.get(&base.base_id) {
            Some(kind) => {
                assert_eq!(*kind, RepoKind::Model);
                here += 1;
            }
            None => {
                assert!(base.base_id.starts_with("elsewhere/"), "{base:?}");
                elsewhere += 1;
            }
        }
    }
    assert_eq!(here + elsewhere, made.bases);
    assert!(here > 50 && elsewhere > 0, "{here} {elsewhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_with_repositories_is_left_alone() {
    let (world, _) = seeded(Stores::Embedded).await;
    let mut nothing = |_| {};
    let refused = world.hub.seed(&options(10, 8), &mut nothing).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    let again = SeedOptions { into_existing: true, ..options(REPOS, 7) };
    let refused = world.hub.seed(&again, &mut nothing).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    assert_eq!(rows(&world).await.len() as u64, REPOS);
    let beside = SeedOptions { into_existing: true, ..options(10, 8) };
    world.hub.seed(&beside, &mut nothing).await.unwrap();
    assert_eq!(rows(&world).await.len() as u64, REPOS + 10);
}
