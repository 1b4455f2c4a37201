//! What a client says of a file's SHA-256 is a claim: good for its repository, until somebody has looked.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use steelyard_core::Visibility::{Private, Public};
use steelyard_core::{RepoId, RepoPath, Sha256};
use steelyard_db::lfs::Home;
use steelyard_db::xet;
use steelyard_service::commits::{CommitRequest, Committed, Operation};
use steelyard_service::lfs::{Pointer, UploadAnswer, UploadWay, UploadWays};
use steelyard_service::{Actor, Error, Hub};

use crate::client::{pack, random, refusal, send, send_shard, send_xorb};
use crate::planted::sha256;
use crate::stores;
use crate::world::{MODEL, World, on_every_store};

on_every_store!(
    a_right_claim_becomes_an_ordinary_link,
    a_false_claim_is_quarantined_and_may_be_mended,
    the_first_claim_of_a_repository_stands,
    claims_are_for_one_repository,
    a_claim_is_nothing_to_git_lfs,
    a_proposal_is_linked_by_its_commit,
    a_proven_upload_goes_before_a_claim,
    what_the_hub_knows_elsewhere_is_not_told,
    a_registered_file_waits_three_days_for_its_commit,
    a_raw_content_moves_into_a_registered_file,
    a_claim_whose_job_is_lost_is_found_again,
);

/// A hub that believes every SHA-256 until its job has read the file.
async fn believing(w: &World) -> Hub {
    w.hub_with(7, |settings| settings.xet.verify_now_bytes_max = 0).await
}

async fn work(w: &World) {
    let tally = w.hub.run_jobs_until_idle().await.unwrap();
    assert_eq!(tally.failed, 0);
}

async fn commit(
    w: &World,
    actor: &Actor,
    repo: &RepoId,
    file: (Sha256, usize),
    create_pr: bool,
) -> Result<Committed, Error> {
    let (sha256, size) = file;
    let path = RepoPath::parse("weights.bin").unwrap();
    let request = CommitRequest {
        summary: "weights".to_owned(),
        description: String::new(),
        parent: None,
        operations: vec![Operation::LfsFile { path, sha256, size: Some(size as u64) }],
        create_pr,
    };
    w.hub.commit(actor, MODEL, repo, "main", request).await
}

/// Uploads a content as git-lfs does; false when the hub says that it is there.
async fn upload_raw(w: &World, actor: &Actor, repo: &RepoId, data: &[u8]) -> bool {
    let pointer = Pointer { sha256: sha256(data), size: data.len() as u64 };
    let ways = UploadWays::default();
    let batch = w.hub.grant_uploads(actor, MODEL, repo, ways, &[pointer]).await.unwrap();
    let grant = match &batch.answers[0] {
        UploadAnswer::Present => return false,
        UploadAnswer::Granted(grant) => grant,
        other => panic!("{other:?}"),
    };
    match &grant.way {
        UploadWay::Hub => {
            let body = stream::iter([Ok::<_, Error>(Bytes::copy_from_slice(data))]);
            w.hub.receive_upload(&grant.id, Some(pointer.size), body).await.unwrap();
        }
        UploadWay::Store { .. } => {
            let key = steelyard_blob::Key::upload(uuid::Uuid::parse_str(&grant.id).unwrap());
            w.blobs.put(&key, Bytes::copy_from_slice(data)).await.unwrap();
        }
        other @ UploadWay::Parts { .. } => panic!("{other:?}"),
    }
    w.hub.verify_upload(&grant.id, pointer).await.unwrap();
    true
}

async fn home(w: &World, repo: &RepoId, sha256: Sha256) -> Option<Home> {
    w.link_of(repo, sha256).await.map(|link| link.home)
}

async fn a_right_claim_becomes_an_ordinary_link(w: World) {
    let hub = believing(&w).await;
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let data = random(1, 500_000);
    let packed = pack(&[&data], 4);
    send(&hub, &token, &packed).await.unwrap();
    let claimed = home(&w, &repo, sha256(&data)).await;
    assert!(matches!(claimed, Some(Home::Claimed { hash, .. }) if hash == packed.recipes[0].hash));
    // It can be read and committed at once.
    w.assert_content(&repo, &data).await;
    commit(&w, &w.alice, &repo, (sha256(&data), data.len()), false).await.unwrap();
    stores::check(&w.db, &w.blobs).await;
    work(&w).await;
    let proven = home(&w, &repo, sha256(&data)).await;
    assert!(matches!(proven, Some(Home::Xet { hash, .. }) if hash == packed.recipes[0].hash));
    w.assert_content(&repo, &data).await;
    stores::check(&w.db, &w.blobs).await;
    // From now on the file is known, whatever its size and wherever it is registered.
    let other = w.repo(&w.alice, "n", Private).await;
    let token = w.write_token(&w.alice, &other).await;
    send_shard(&hub, &token, &packed.recipes).await.unwrap();
    assert_eq!(home(&w, &other, sha256(&data)).await, proven);
    let mut lie = packed.recipes.clone();
    lie[0].sha256 = Some(Sha256::ZERO);
    let refused = refusal(send_shard(&hub, &token, &lie).await);
    assert!(refused.starts_with("invalid sha256: "), "{refused}");
}

async fn a_false_claim_is_quarantined_and_may_be_mended(w: World) {
    let hub = believing(&w).await;
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let (good, evil) = (random(1, 400_000), random(2, 400_000));
    for mended_by_git_lfs in [false, true] {
        let mut packed = pack(&[&evil], 8192);
        packed.recipes[0].sha256 = Some(sha256(&good));
        send(&hub, &token, &packed).await.unwrap();
        commit(&w, &w.alice, &repo, (sha256(&good), good.len()), false).await.unwrap();
        work(&w).await;
        assert_eq!(home(&w, &repo, sha256(&good)).await, Some(Home::Quarantined));
        assert!(w.content(&repo, sha256(&good)).await.is_err(), "it is never given out");
        let refused = commit(&w, &w.alice, &repo, (sha256(&good), good.len()), false).await;
        assert!(refused.is_err(), "nor committed again");
        // The lie is known now.
        let refused = refusal(send_shard(&hub, &token, &packed.recipes).await);
        assert!(refused.starts_with("invalid sha256: "), "{refused}");
        stores::check(&w.db, &w.blobs).await;
        // Whoever has the right bytes mends it.
        if mended_by_git_lfs {
            assert!(upload_raw(&w, &w.alice, &repo, &good).await);
            assert_eq!(home(&w, &repo, sha256(&good)).await, Some(Home::Raw));
        } else {
            send(&hub, &token, &pack(&[&good], 8192)).await.unwrap();
            assert!(matches!(
                home(&w, &repo, sha256(&good)).await,
                Some(Home::Claimed { .. } | Home::Xet { .. })
            ));
        }
        w.assert_content(&repo, &good).await;
        work(&w).await;
        w.assert_content(&repo, &good).await;
        stores::check(&w.db, &w.blobs).await;
        // Once more, with nothing known of either.
        w.execute("DELETE FROM lfs_link", Vec::new()).await;
        w.execute("DELETE FROM lfs_upload", Vec::new()).await;
        w.execute("DELETE FROM lfs_object", Vec::new()).await;
        w.execute("UPDATE xet_file SET sha256 = NULL", Vec::new()).await;
    }
}

async fn the_first_claim_of_a_repository_stands(w: World) {
    let hub = believing(&w).await;
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let (first, second) = (random(1, 400_000), random(2, 400_000));
    let (honest, mut liar) = (pack(&[&first], 8192), pack(&[&second], 8192));
    liar.recipes[0].sha256 = honest.recipes[0].sha256;
    send(&hub, &token, &honest).await.unwrap();
    let refused = refusal(send(&hub, &token, &liar).await);
    assert!(refused.contains("another file"), "{refused}");
    w.assert_content(&repo, &first).await;
    // The other way round a truth that can be seen at once wins.
    let other = w.repo(&w.alice, "n", Private).await;
    let token = w.write_token(&w.alice, &other).await;
    send(&hub, &token, &liar).await.unwrap();
    let refused = refusal(send(&hub, &token, &honest).await);
    assert!(refused.contains("another file"), "{refused}");
    send(&w.hub, &token, &honest).await.unwrap();
    w.assert_content(&other, &first).await;
    work(&w).await;
    w.assert_content(&other, &first).await;
    w.assert_content(&repo, &first).await;
    stores::check(&w.db, &w.blobs).await;
}

async fn claims_are_for_one_repository(w: World) {
    let hub = believing(&w).await;
    let (mine, bobs) = (w.repo(&w.alice, "m", Public).await, w.repo(&w.bob, "m", Private).await);
    let (good, evil) = (random(1, 400_000), random(2, 400_000));
    let mut lie = pack(&[&evil], 8192);
    lie.recipes[0].sha256 = Some(sha256(&good));
    send(&hub, &w.write_token(&w.alice, &mine).await, &lie).await.unwrap();
    // Bob's upload of the right bytes knows nothing of it.
    assert!(upload_raw(&w, &w.bob, &bobs, &good).await);
    w.assert_content(&bobs, &good).await;
    assert!(w.content(&mine, sha256(&good)).await.unwrap() == evil);
    work(&w).await;
    assert_eq!(home(&w, &mine, sha256(&good)).await, Some(Home::Quarantined));
    w.assert_content(&bobs, &good).await;
    stores::check(&w.db, &w.blobs).await;
}

async fn a_claim_is_nothing_to_git_lfs(w: World) {
    let hub = believing(&w).await;
    let repo = w.repo(&w.alice, "m", Public).await;
    let (good, evil) = (random(1, 400_000), random(2, 300_000));
    // Somebody who may only propose changes says that the content is something else.
    let mut lie = pack(&[&evil], 8192);
    lie.recipes[0].sha256 = Some(sha256(&good));
    send(&hub, &w.proposal_token(&w.bob, &repo).await, &lie).await.unwrap();
    commit(&w, &w.bob, &repo, (sha256(&good), evil.len()), true).await.unwrap();
    assert!(matches!(home(&w, &repo, sha256(&good)).await, Some(Home::Claimed { .. })));
    // The owner's push is not told that it is there, nor that its size is wrong.
    assert!(upload_raw(&w, &w.alice, &repo, &good).await);
    assert_eq!(home(&w, &repo, sha256(&good)).await, Some(Home::Raw));
    w.assert_content(&repo, &good).await;
    work(&w).await;
    w.assert_content(&repo, &good).await;
    assert!(!upload_raw(&w, &w.alice, &repo, &good).await, "now it is there");
    stores::check(&w.db, &w.blobs).await;
}

async fn a_proposal_is_linked_by_its_commit(w: World) {
    let repo = w.repo(&w.alice, "m", Public).await;
    for (hub, seed) in [(w.hub.clone(), 1), (believing(&w).await, 2)] {
        let data = random(seed, 400_000);
        let packed = pack(&[&data], 8192);
        let token = w.proposal_token(&w.bob, &repo).await;
        send(&hub, &token, &packed).await.unwrap();
        assert_eq!(home(&w, &repo, sha256(&data)).await, None);
        let early = commit(&w, &w.bob, &repo, (sha256(&data), data.len()), false).await;
        assert!(matches!(early, Err(Error::Forbidden(_))), "{early:?}");
        commit(&w, &w.bob, &repo, (sha256(&data), data.len()), true).await.unwrap();
        w.assert_content(&repo, &data).await;
        work(&w).await;
        assert!(matches!(home(&w, &repo, sha256(&data)).await, Some(Home::Xet { .. })));
    }
    // What was registered for one repository is nothing to another.
    let other = w.repo(&w.bob, "n", Public).await;
    let data = random(1, 400_000);
    let refused = commit(&w, &w.bob, &other, (sha256(&data), data.len()), false).await;
    assert!(refused.is_err());
    stores::check(&w.db, &w.blobs).await;
}

async fn a_proven_upload_goes_before_a_claim(w: World) {
    let hub = believing(&w).await;
    let repo = w.repo(&w.alice, "m", Public).await;
    let (good, evil) = (random(1, 400_000), random(2, 400_000));
    let token = w.proposal_token(&w.root, &repo).await;
    let mut lie = pack(&[&evil], 8192);
    lie.recipes[0].sha256 = Some(sha256(&good));
    // The newest upload is a lie, an older one is not; nobody is a writer.
    let bobs = w.proposal_token(&w.bob, &repo).await;
    send(&w.hub, &bobs, &pack(&[&good], 8192)).await.unwrap();
    let eve = Actor::User(steelyard_service::access::UserActor {
        is_admin: false,
        ..w.root.user().unwrap().clone()
    });
    w.execute("UPDATE account SET is_admin = $1 WHERE name = 'root'", vec![false.into()]).await;
    w.clock.advance(Duration::from_secs(60));
    send(&hub, &token, &lie).await.unwrap();
    commit(&w, &eve, &repo, (sha256(&good), good.len()), true).await.unwrap();
    w.assert_content(&repo, &good).await;
    work(&w).await;
    w.assert_content(&repo, &good).await;
    stores::check(&w.db, &w.blobs).await;
}

async fn what_the_hub_knows_elsewhere_is_not_told(w: World) {
    let secret = w.repo(&w.alice, "secret", Private).await;
    let bobs = w.repo(&w.bob, "m", Private).await;
    let (data, other) = (random(1, 400_000), random(2, 400_000));
    upload_raw(&w, &w.alice, &secret, &data).await;
    let token = w.write_token(&w.bob, &bobs).await;
    // Whether the hub has the content that bob names or not, he is told the same of his own.
    let mut lie = pack(&[&other], 8192);
    let mut answers = Vec::new();
    for claimed in [sha256(&data), sha256(b"nobody has this")] {
        lie.recipes[0].sha256 = Some(claimed);
        for xorb in &lie.xorbs {
            send_xorb(&w.hub, &token, xorb).await.unwrap();
        }
        let text = refusal(send_shard(&w.hub, &token, &lie.recipes).await);
        answers.push(text.replace(&claimed.to_string(), "X"));
    }
    assert_eq!(answers[0], answers[1]);
    let hub = believing(&w).await;
    lie.recipes[0].sha256 = Some(sha256(&data));
    send_shard(&hub, &token, &lie.recipes).await.unwrap();
    assert!(w.content(&bobs, sha256(&data)).await.unwrap() == other, "his own lie is all he gets");
    work(&w).await;
    assert_eq!(home(&w, &bobs, sha256(&data)).await, Some(Home::Quarantined));
    w.assert_content(&secret, &data).await;
}

async fn a_registered_file_waits_three_days_for_its_commit(w: World) {
    let repo = w.repo(&w.alice, "m", Public).await;
    let data = random(1, 400_000);
    let packed = pack(&[&data], 8192);
    let finish = |hub: Hub, key: i64| async move {
        hub.finish_upload_for_commit(key, packed.recipes[0].sha256.unwrap()).await.unwrap()
    };
    let key = w.key(&repo).await;
    let packed = pack(&[&data], 8192);
    send(&w.hub, &w.proposal_token(&w.bob, &repo).await, &packed).await.unwrap();
    w.clock.advance(Duration::from_secs(3 * 24 * 3600 + 60));
    assert_eq!(finish(w.hub.clone(), key).await, None, "it came too late");
    send(&w.hub, &w.proposal_token(&w.bob, &repo).await, &packed).await.unwrap();
    w.clock.advance(Duration::from_secs(3 * 24 * 3600 - 60));
    let size = w.hub.finish_upload_for_commit(key, sha256(&data)).await.unwrap();
    assert_eq!(size, Some(400_000));
    w.assert_content(&repo, &data).await;
}

async fn a_raw_content_moves_into_a_registered_file(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    for (hub, seed) in [(w.hub.clone(), 1), (believing(&w).await, 2)] {
        let data = random(seed, 400_000);
        w.plant_raw(&repo, &data).await;
        let packed = pack(&[&data], 8192);
        send(&hub, &token, &packed).await.unwrap();
        w.assert_content(&repo, &data).await;
        work(&w).await;
        let found = home(&w, &repo, sha256(&data)).await;
        assert!(matches!(found, Some(Home::Xet { hash, .. }) if hash == packed.recipes[0].hash));
        w.assert_content(&repo, &data).await;
        let mut conn = w.db.read().await.unwrap();
        let row = xet::find_file(&mut conn, &packed.recipes[0].hash).await.unwrap().unwrap();
        assert_eq!(row.sha256, Some(sha256(&data)));
    }
    stores::check(&w.db, &w.blobs).await;
}

async fn a_claim_whose_job_is_lost_is_found_again(w: World) {
    let hub = believing(&w).await;
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let data = random(1, 300_000);
    let packed = pack(&[&data], 8192);
    send(&hub, &token, &packed).await.unwrap();
    // The object is damaged, and the job gives up.
    let row = w.xorb_row(&packed.xorbs[0].hash).await.unwrap();
    let key = steelyard_blob::Key::xorb(&row.hash, row.generation);
    w.blobs.delete(&key).await.unwrap();
    for _ in 0..8 {
        w.hub.run_jobs_until_idle().await.unwrap();
        w.clock.advance(Duration::from_secs(2000));
    }
    assert!(matches!(home(&w, &repo, sha256(&data)).await, Some(Home::Claimed { .. })));
    w.execute("DELETE FROM job WHERE kind = 'xet.verify'", Vec::new()).await;
    w.blobs.put(&key, packed.xorbs[0].bytes.clone()).await.unwrap();
    w.clock.advance(Duration::from_secs(700));
    work(&w).await;
    assert!(matches!(home(&w, &repo, sha256(&data)).await, Some(Home::Xet { .. })));
    w.assert_content(&repo, &data).await;
}
