//! Large files are copied between repositories by those who may read the one and change the other.

use steelyard_core::Visibility::{Private, Public};
use steelyard_core::{RepoId, RepoPath, Sha256, XetHash};
use steelyard_db::lfs::Home;
use steelyard_service::commits::{CommitRequest, Operation};
use steelyard_service::xet::{DuplicateFile, FailedFile};
use steelyard_service::{Actor, Error};

use crate::client::{Packed, pack, random, send};
use crate::planted::sha256;
use crate::stores;
use crate::world::{MODEL, World, on_every_store};

on_every_store!(
    files_are_copied_with_their_homes,
    what_the_source_does_not_have_is_not_copied,
    both_repositories_are_asked,
    a_copy_for_a_proposal_is_linked_by_its_commit,
);

async fn duplicate(
    w: &World,
    actor: &Actor,
    from: &RepoId,
    to: &RepoId,
    files: &[(Option<XetHash>, Sha256)],
) -> Result<Vec<FailedFile>, Error> {
    let files: Vec<_> = files
        .iter()
        .map(|(xet_hash, sha256)| DuplicateFile { xet_hash: *xet_hash, sha256: *sha256 })
        .collect();
    w.hub.duplicate_lfs_files(actor, (MODEL, from), (MODEL, to), &files).await
}

fn names(packed: &Packed) -> Vec<(Option<XetHash>, Sha256)> {
    packed.recipes.iter().map(|recipe| (Some(recipe.hash), recipe.sha256.unwrap())).collect()
}

async fn files_are_copied_with_their_homes(w: World) {
    let (from, to) = (w.repo(&w.alice, "a", Private).await, w.repo(&w.alice, "b", Private).await);
    let token = w.write_token(&w.alice, &from).await;
    let (proven, claimed, raw) = (random(1, 300_000), random(2, 300_000), random(3, 300_000));
    let proven_files = pack(&[&proven], 8192);
    send(&w.hub, &token, &proven_files).await.unwrap();
    let believing = w.hub_with(7, |settings| settings.xet.verify_now_bytes_max = 0).await;
    let claimed_files = pack(&[&claimed], 8192);
    send(&believing, &token, &claimed_files).await.unwrap();
    w.plant_raw(&from, &raw).await;
    let mut wanted = names(&proven_files);
    wanted.extend(names(&claimed_files));
    wanted.push((None, sha256(&raw)));
    for _ in 0..2 {
        assert_eq!(duplicate(&w, &w.alice, &from, &to, &wanted).await.unwrap(), []);
        for data in [&proven, &claimed, &raw] {
            w.assert_content(&to, data).await;
        }
    }
    let home = |link: Option<steelyard_db::lfs::LinkRow>| link.unwrap().home;
    assert!(matches!(home(w.link_of(&to, sha256(&proven)).await), Home::Xet { .. }));
    assert!(matches!(home(w.link_of(&to, sha256(&claimed)).await), Home::Claimed { .. }));
    assert_eq!(w.hub.run_jobs_until_idle().await.unwrap().failed, 0);
    assert!(matches!(home(w.link_of(&to, sha256(&claimed)).await), Home::Xet { .. }));
    stores::check(&w.db, &w.blobs).await;
}

async fn what_the_source_does_not_have_is_not_copied(w: World) {
    let (from, to) = (w.repo(&w.alice, "a", Private).await, w.repo(&w.alice, "b", Private).await);
    let elsewhere = w.repo(&w.alice, "c", Private).await;
    let (here, there) = (pack(&[&random(1, 300_000)], 8192), pack(&[&random(2, 300_000)], 8192));
    send(&w.hub, &w.write_token(&w.alice, &from).await, &here).await.unwrap();
    send(&w.hub, &w.write_token(&w.alice, &elsewhere).await, &there).await.unwrap();
    let false_name = (Some(there.recipes[0].hash), here.sha256(0));
    let unknown = (None, Sha256::ZERO);
    let wanted = [names(&there)[0], false_name, unknown, names(&here)[0]];
    let failed = duplicate(&w, &w.alice, &from, &to, &wanted).await.unwrap();
    let failed: Vec<_> = failed.iter().map(|file| file.sha256).collect();
    assert_eq!(failed, [there.sha256(0), here.sha256(0), Sha256::ZERO]);
    assert!(w.link_of(&to, there.sha256(0)).await.is_none());
    assert!(w.link_of(&to, here.sha256(0)).await.is_some(), "the last one was right");
    // What is quarantined is not there.
    w.execute(
        "UPDATE lfs_link SET claimed_file_id = (SELECT MIN(id) FROM xet_file), quarantined_at = 1 \
         WHERE repo_id = $1",
        vec![w.key(&from).await.into()],
    )
    .await;
    let failed = duplicate(&w, &w.alice, &from, &elsewhere, &names(&here)).await.unwrap();
    assert_eq!(failed.len(), 1);
    let many = vec![(None, Sha256::ZERO); 1001];
    let refused = duplicate(&w, &w.alice, &from, &to, &many).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
}

async fn both_repositories_are_asked(w: World) {
    let (secret, open) =
        (w.repo(&w.alice, "secret", Private).await, w.repo(&w.alice, "open", Public).await);
    let bobs = w.repo(&w.bob, "b", Private).await;
    let packed = pack(&[&random(1, 300_000)], 8192);
    for repo in [&secret, &open] {
        send(&w.hub, &w.write_token(&w.alice, repo).await, &packed).await.unwrap();
    }
    let files = names(&packed);
    let hidden = duplicate(&w, &w.bob, &secret, &bobs, &files).await;
    assert!(matches!(hidden, Err(Error::NotFound(_))), "{hidden:?}");
    let hidden = duplicate(&w, &w.alice, &open, &bobs, &files).await;
    assert!(matches!(hidden, Err(Error::NotFound(_))), "{hidden:?}");
    let nobody = duplicate(&w, &Actor::Anonymous, &open, &open, &files).await;
    assert!(matches!(nobody, Err(Error::LoginRequired(_))), "{nobody:?}");
    assert_eq!(duplicate(&w, &w.bob, &open, &bobs, &files).await.unwrap(), []);
    assert!(w.link_of(&bobs, packed.sha256(0)).await.is_some());
}

async fn a_copy_for_a_proposal_is_linked_by_its_commit(w: World) {
    let (from, to) = (w.repo(&w.bob, "a", Private).await, w.repo(&w.alice, "b", Public).await);
    let token = w.write_token(&w.bob, &from).await;
    let (proven, claimed) = (random(1, 300_000), random(2, 300_000));
    let proven_files = pack(&[&proven], 8192);
    send(&w.hub, &token, &proven_files).await.unwrap();
    let believing = w.hub_with(7, |settings| settings.xet.verify_now_bytes_max = 0).await;
    let claimed_files = pack(&[&claimed], 8192);
    send(&believing, &token, &claimed_files).await.unwrap();
    let mut wanted = names(&proven_files);
    wanted.extend(names(&claimed_files));
    assert_eq!(duplicate(&w, &w.bob, &from, &to, &wanted).await.unwrap(), []);
    for data in [&proven, &claimed] {
        assert!(w.link_of(&to, sha256(data)).await.is_none(), "bob may not write there");
        let path = RepoPath::parse("copy.bin").unwrap();
        let (sha256, size) = (sha256(data), Some(data.len() as u64));
        let request = CommitRequest {
            summary: "a copy".to_owned(),
            description: String::new(),
            parent: None,
            operations: vec![Operation::LfsFile { path, sha256, size }],
            create_pr: true,
        };
        w.hub.commit(&w.bob, MODEL, &to, "main", request).await.unwrap();
        w.assert_content(&to, data).await;
    }
    stores::check(&w.db, &w.blobs).await;
}
