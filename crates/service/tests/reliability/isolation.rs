//! Objects are reached through a repository that has them, and in no other way.

use std::time::Duration;

use steelyard_core::{Oid, Revision, Visibility};
use steelyard_service::lfs::{UploadAnswer, UploadWays};
use steelyard_service::{Action, Actor, Error};

use crate::world::{MODEL, World, id, on_both_stores, path, put, put_large, random, request};

on_both_stores!(
    commits_of_other_repositories_are_unknown,
    a_pointer_alone_gives_nothing,
    a_grant_for_one_repository_serves_no_other,
    a_deleted_repository_serves_nothing,
    dropped_objects_are_gone,
    a_proposal_links_nothing_before_its_commit,
);

async fn sees_commit(
    world: &World,
    actor: &Actor,
    repo: &steelyard_core::RepoId,
    commit: Oid,
) -> bool {
    let full = Revision::Commit(commit);
    let short = Revision::parse(&commit.to_string()[..12]).unwrap();
    let mut seen = Vec::new();
    for revision in [full, short] {
        match world.hub.snapshot(actor, MODEL, repo, &revision, Action::ReadContent).await {
            Ok(snapshot) => {
                assert_eq!(snapshot.commit, commit);
                seen.push(true);
            }
            Err(Error::NotFound(_)) => seen.push(false),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(seen[0], seen[1]);
    seen[0]
}

async fn commits_of_other_repositories_are_unknown(world: World) {
    let mallory = world.user("mallory").await;
    let secret = world.repo_of(&world.alice, "alice", "secret", Visibility::Private).await;
    let commit = world.commit(&secret, vec![put("key.txt", "the key")]).await;
    let blob = world.snapshot(&secret, "main").await.unwrap().get_file("key.txt").unwrap().oid;
    let own = world.repo_of(&mallory, "mallory", "own", Visibility::Public).await;
    assert!(sees_commit(&world, &world.alice, &secret, commit).await);
    assert!(!sees_commit(&world, &mallory, &own, commit).await);
    assert!(!sees_commit(&world, &mallory, &secret, commit).await);
    assert!(!sees_commit(&world, &Actor::Anonymous, &secret, commit).await);
    // Nor can it be built upon, tagged or branched from.
    let parent = steelyard_service::commits::CommitRequest {
        parent: Some(commit.to_string()),
        create_pr: true,
        ..request(vec![put("a", "a")])
    };
    let built = world.hub.commit(&mallory, MODEL, &own, "main", parent).await;
    assert!(matches!(built, Err(Error::NotFound(_))), "{built:?}");
    let start = Revision::Commit(commit);
    let branched = world.hub.create_branch(&mallory, MODEL, &own, "stolen", Some(&start)).await;
    assert!(matches!(branched, Err(Error::NotFound(_))), "{branched:?}");
    let tagged = world.hub.create_tag(&mallory, MODEL, &own, &start, "stolen", None).await;
    assert!(matches!(tagged, Err(Error::NotFound(_))), "{tagged:?}");
    // Writing the same text gives the same id, in a repository of one's own: that is all it gives.
    let main = Revision::parse("main").unwrap();
    world
        .hub
        .commit(&mallory, MODEL, &own, "main", request(vec![put("k", "the key")]))
        .await
        .unwrap();
    let snapshot =
        world.hub.snapshot(&mallory, MODEL, &own, &main, Action::ReadContent).await.unwrap();
    assert_eq!(snapshot.get_file("k").unwrap().oid, blob);
    assert!(!sees_commit(&world, &mallory, &own, commit).await);
}

async fn a_pointer_alone_gives_nothing(world: World) {
    let mallory = world.user("mallory").await;
    let secret = world.repo_of(&world.alice, "alice", "secret", Visibility::Private).await;
    let data = random(1, 20_000);
    let pointer = world.upload(&secret, &data).await.unwrap();
    world.commit(&secret, vec![put_large("w.bin", pointer)]).await;
    let own = world.repo_of(&mallory, "mallory", "own", Visibility::Public).await;
    let own_key = world.hub.repo(&mallory, MODEL, &own, Action::ReadRepo).await.unwrap().id;
    // Asking for it, claiming it in a commit, writing its pointer as a text file.
    let granted = world.hub.grant_downloads(&mallory, MODEL, &own, &[pointer]).await.unwrap();
    assert_eq!(granted, [None]);
    for size in [Some(pointer.size), None] {
        let claim = steelyard_service::commits::Operation::LfsFile {
            path: path("w.bin"),
            sha256: pointer.sha256,
            size,
        };
        let claimed = world.hub.commit(&mallory, MODEL, &own, "main", request(vec![claim])).await;
        assert!(matches!(claimed, Err(Error::Invalid(_))), "{claimed:?}");
    }
    let text = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n",
        pointer.sha256, pointer.size
    );
    let wrote = vec![put("w.bin", text)];
    let wrote = world.hub.commit(&mallory, MODEL, &own, "main", request(wrote)).await;
    assert!(matches!(wrote, Err(Error::Invalid(_))), "{wrote:?}");
    let direct = world.hub.signed_download(own_key, pointer.sha256).await;
    assert!(matches!(direct, Err(Error::NotFound(_))));
    // The upload is granted as if nobody had it: whether it exists is nobody's business.
    let ways = UploadWays::default();
    let batch = world.hub.grant_uploads(&mallory, MODEL, &own, ways, &[pointer]).await.unwrap();
    let UploadAnswer::Granted(grant) = &batch.answers[0] else { panic!("{batch:?}") };
    // A grant without bytes is not a link, whoever asks for it to be finished.
    let verified = world.hub.verify_upload(&grant.id, pointer).await;
    assert!(matches!(verified, Err(Error::NotFound(_))), "{verified:?}");
    let claimed = world
        .hub
        .commit(&mallory, MODEL, &own, "main", request(vec![put_large("w.bin", pointer)]))
        .await;
    assert!(matches!(claimed, Err(Error::Invalid(_))), "{claimed:?}");
    // Whoever has the bytes may link them.
    world.upload_as(&mallory, &own, &data).await.unwrap();
    world.hub.signed_download(own_key, pointer.sha256).await.unwrap();
}

async fn a_grant_for_one_repository_serves_no_other(world: World) {
    let (one, other) = (world.repo("one").await, world.repo("other").await);
    let pointer = world.upload(&one, &random(5, 9000)).await.unwrap();
    let claimed = world
        .hub
        .commit(&world.alice, MODEL, &other, "main", request(vec![put_large("w", pointer)]))
        .await;
    assert!(matches!(claimed, Err(Error::Invalid(_))), "{claimed:?}");
    let key = world.repo_key(&other).await;
    assert!(world.hub.signed_download(key, pointer.sha256).await.is_err());
}

async fn a_deleted_repository_serves_nothing(world: World) {
    let repo = world.repo("gone").await;
    let pointer = world.upload(&repo, &random(6, 9000)).await.unwrap();
    let commit = world.commit(&repo, vec![put_large("w", pointer), put("a", "a")]).await;
    let key = world.repo_key(&repo).await;
    let other = world.second_hub().await;
    let main = Revision::parse("main").unwrap();
    other.snapshot(&world.alice, MODEL, &repo, &main, Action::ReadContent).await.unwrap();
    world.hub.delete_repo(&world.alice, MODEL, &repo).await.unwrap();
    for hub in [&world.hub, &other] {
        for revision in [main.clone(), Revision::Commit(commit)] {
            let seen =
                hub.snapshot(&world.alice, MODEL, &repo, &revision, Action::ReadContent).await;
            assert!(matches!(seen, Err(Error::NotFound(_))));
        }
        assert!(hub.signed_download(key, pointer.sha256).await.is_err());
    }
    // A repository that takes the name takes nothing else.
    let again = world.repo("gone").await;
    assert!(!sees_commit(&world, &world.alice, &again, commit).await);
    assert!(world.hub.signed_download(world.repo_key(&again).await, pointer.sha256).await.is_err());
}

async fn dropped_objects_are_gone(world: World) {
    let repo = world.repo("dropping").await;
    let first = world.commit(&repo, vec![put("a", "a")]).await;
    let main = Revision::parse("main").unwrap();
    world.hub.create_branch(&world.alice, MODEL, &repo, "leak", Some(&main)).await.unwrap();
    let leak = request(vec![put("password.txt", "hunter2")]);
    let leaked = world.hub.commit(&world.alice, MODEL, &repo, "leak", leak).await.unwrap().oid;
    let other = world.second_hub().await;
    other
        .snapshot(&world.alice, MODEL, &repo, &Revision::Commit(leaked), Action::ReadContent)
        .await
        .unwrap();
    world.hub.delete_branch(&world.alice, MODEL, &repo, "leak").await.unwrap();
    world.clock.advance(Duration::from_secs(20 * 24 * 3600));
    let tally = world.hub.run_jobs_until_idle().await.unwrap();
    assert_eq!(tally.failed, 0);
    assert!(!sees_commit(&world, &world.alice, &repo, leaked).await);
    // A replica that had it in memory has forgotten it, too.
    let seen = other
        .snapshot(&world.alice, MODEL, &repo, &Revision::Commit(leaked), Action::ReadContent)
        .await;
    assert!(matches!(seen, Err(Error::NotFound(_))));
    assert!(sees_commit(&world, &world.alice, &repo, first).await);
    let copy = steelyard_service::repos::DuplicateRepo {
        kind: MODEL,
        from: repo,
        to: id("alice", "copy"),
        visibility: None,
    };
    world.hub.duplicate_repo(&world.alice, &copy).await.unwrap();
    assert!(!sees_commit(&world, &world.alice, &copy.to, leaked).await);
}

async fn a_proposal_links_nothing_before_its_commit(world: World) {
    let bob = world.user("bob").await;
    let repo = world.repo("open").await;
    let pointer = world.upload_as(&bob, &repo, &random(7, 9000)).await.unwrap();
    let key = world.repo_key(&repo).await;
    assert!(world.hub.signed_download(key, pointer.sha256).await.is_err());
    let wanted = request(vec![put_large("w", pointer)]);
    let direct = world.hub.commit(&bob, MODEL, &repo, "main", wanted.clone()).await;
    assert!(matches!(direct, Err(Error::Forbidden(_))), "{direct:?}");
    let proposal = steelyard_service::commits::CommitRequest { create_pr: true, ..wanted };
    world.hub.commit(&bob, MODEL, &repo, "main", proposal).await.unwrap();
    world.hub.signed_download(key, pointer.sha256).await.unwrap();
}
