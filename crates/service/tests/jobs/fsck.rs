//! fsck finds every kind of damage, says where, and says nothing where there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use bytes::Bytes;
use futures_util::stream;
use sha2::Digest as _;
use steelyard_blob::Key;
use steelyard_core::{Oid, RepoId, RepoPath, Sha256};
use steelyard_db::Value;
use steelyard_service::Error;
use steelyard_service::commits::{CommitRequest, Operation};
use steelyard_service::fsck::{FsckOptions, Severity};
use steelyard_service::lfs::{Pointer, UploadAnswer, UploadWays};

use crate::world::{DAY, MODEL, World, random, stored_key};

steelyard_testkit::on_every_store!(
    a_sound_hub_is_clean,
    a_missing_pack_is_found,
    a_flipped_byte_in_a_stored_pack_is_found,
    a_flipped_byte_in_an_inline_pack_is_found,
    another_table_of_contents_is_found,
    a_shortened_pack_is_found,
    a_pack_nobody_names_any_more_is_found,
    a_dangling_ref_is_found,
    a_ref_to_a_file_is_found,
    a_missing_link_is_found,
    a_missing_content_is_found,
    a_content_of_another_size_is_found,
    a_content_with_other_bytes_is_found_when_looking_deep,
    wrong_counters_are_a_warning,
    orphans_are_no_fault,
    one_repository_can_be_checked_alone,
    a_running_hub_is_not_mistaken_for_a_damaged_one,
);

const LARGE: usize = 5000;

/// A repository with an inline pack, a stored pack, a branch and a large file.
async fn repo(world: &World) -> (RepoId, i64, Pointer) {
    let repo = world.repo("checked").await;
    world.commit(&repo, "main", "inline", random(1, 1000)).await;
    world.commit(&repo, "main", "folder/stored", random(2, 100_000)).await;
    world.branch(&repo, "side").await;
    world.commit(&repo, "side", "side", random(3, 1000)).await;
    let pointer = upload(world, &repo, random(4, LARGE)).await;
    let request = CommitRequest {
        summary: "large".to_owned(),
        description: String::new(),
        parent: None,
        operations: vec![Operation::LfsFile {
            path: RepoPath::parse("folder/large.bin").unwrap(),
            sha256: pointer.sha256,
            size: Some(pointer.size),
        }],
        create_pr: false,
    };
    world.hub.commit(&world.alice, MODEL, &repo, "main", request).await.unwrap();
    let key = world.key(&repo).await;
    (repo, key, pointer)
}

async fn upload(world: &World, repo: &RepoId, data: Bytes) -> Pointer {
    let pointer = Pointer {
        sha256: Sha256::new(sha2::Sha256::digest(&data).into()),
        size: data.len() as u64,
    };
    let ways = UploadWays::default();
    let batch = world.hub.grant_uploads(&world.alice, MODEL, repo, ways, &[pointer]).await.unwrap();
    let UploadAnswer::Granted(grant) = &batch.answers[0] else { panic!("{:?}", batch.answers) };
    let body = stream::iter([Ok::<_, Error>(data)]);
    world.hub.receive_upload(&grant.id, Some(pointer.size), body).await.unwrap();
    pointer
}

async fn run(world: &World, sql: &'static str, args: Vec<Value>) {
    let mut tx = world.db.write().await.unwrap();
    assert!(tx.execute(sql, args).await.unwrap() > 0, "{sql} must change something");
    tx.commit().await.unwrap();
}

/// Expects exactly these findings: severity, part of the place, part of what is wrong.
async fn expect(world: &World, deep: bool, expected: &[(Severity, &str, &str)]) {
    let found = world.complaints(deep).await;
    let fits = found.len() == expected.len()
        && expected.iter().all(|(severity, place, what)| {
            found.iter().any(|finding| {
                finding.severity == *severity
                    && finding.place.contains(place)
                    && finding.what.contains(what)
            })
        });
    assert!(fits, "expected {expected:?}, found {found:#?}");
    assert!(found.iter().all(|finding| !finding.hint.is_empty()));
}

async fn a_sound_hub_is_clean(world: World) {
    repo(&world).await;
    world.assert_clean().await;
    world.work().await;
    world.assert_clean().await;
    let found = world.fsck(&FsckOptions { repo: None, deep: true }).await;
    assert_eq!(found, [], "not even notes");
}

async fn a_missing_pack_is_found(world: World) {
    let (_, key, _) = repo(&world).await;
    let stored = world.packs(key).await.into_iter().find(|pack| !pack.is_inline).unwrap();
    world.blobs.delete(&stored_key(&stored)).await.unwrap();
    let expected = [
        (Severity::Error, stored.pack_id.as_str(), "missing from the object store"),
        (Severity::Error, "refs/heads/main", "objects it reaches are missing"),
        (Severity::Error, "refs/heads/side", "objects it reaches are missing"),
    ];
    expect(&world, false, &expected).await;
}

async fn a_flipped_byte_in_a_stored_pack_is_found(world: World) {
    let (_, key, _) = repo(&world).await;
    let stored = world.packs(key).await.into_iter().find(|pack| !pack.is_inline).unwrap();
    let mut bytes = world.blobs.get(&stored_key(&stored)).await.unwrap().unwrap().to_vec();
    bytes[50_000] ^= 1;
    world.blobs.put(&stored_key(&stored), bytes.into()).await.unwrap();
    let expected = [
        (Severity::Error, stored.pack_id.as_str(), "is damaged: "),
        (Severity::Error, "refs/heads/main", "objects it reaches are missing"),
        (Severity::Error, "refs/heads/side", "objects it reaches are missing"),
    ];
    expect(&world, false, &expected).await;
}

async fn a_flipped_byte_in_an_inline_pack_is_found(world: World) {
    let (_, key, _) = repo(&world).await;
    let pack = world
        .packs(key)
        .await
        .into_iter()
        .find(|pack| pack.is_inline && pack.size_bytes > 1000)
        .unwrap();
    let mut conn = world.db.read().await.unwrap();
    let bytes =
        steelyard_db::pack::find_pack_bytes(&mut conn, &pack.pack_id).await.unwrap().unwrap();
    drop(conn);
    let mut inline = bytes.inline.unwrap();
    inline[500] ^= 0x40;
    let args = vec![Value::from(pack.pack_id.as_str()), Value::from(inline)];
    run(&world, "UPDATE git_pack SET inline_bytes = $2 WHERE pack_id = $1", args).await;
    let found = world.complaints(false).await;
    assert!(
        found.iter().any(
            |finding| finding.place.contains(&pack.pack_id) && finding.what.contains("damaged")
        ),
        "{found:#?}"
    );
}

async fn another_table_of_contents_is_found(world: World) {
    let (_, key, _) = repo(&world).await;
    let pack = world.packs(key).await.into_iter().find(|pack| pack.n_objects > 2).unwrap();
    let mut conn = world.db.read().await.unwrap();
    let bytes =
        steelyard_db::pack::find_pack_bytes(&mut conn, &pack.pack_id).await.unwrap().unwrap();
    drop(conn);
    let mut toc = bytes.toc.unwrap();
    toc[21] ^= 1;
    let args = vec![Value::from(pack.pack_id.as_str()), Value::from(toc)];
    run(&world, "UPDATE git_pack SET toc = $2 WHERE pack_id = $1", args).await;
    let found = world.complaints(false).await;
    let what = "its table of contents tells of other objects";
    assert!(
        found.iter().any(|finding| finding.place.contains(&pack.pack_id) && finding.what == what),
        "{found:#?}"
    );
}

async fn a_shortened_pack_is_found(world: World) {
    let (_, key, _) = repo(&world).await;
    let stored = world.packs(key).await.into_iter().find(|pack| !pack.is_inline).unwrap();
    let bytes = world.blobs.get(&stored_key(&stored)).await.unwrap().unwrap();
    world.blobs.put(&stored_key(&stored), bytes.slice(..bytes.len() / 2)).await.unwrap();
    let expected = [
        (Severity::Error, stored.pack_id.as_str(), "bytes instead of"),
        (Severity::Error, "refs/heads/main", "objects it reaches are missing"),
        (Severity::Error, "refs/heads/side", "objects it reaches are missing"),
    ];
    expect(&world, false, &expected).await;
}

async fn a_pack_nobody_names_any_more_is_found(world: World) {
    let (_, key, _) = repo(&world).await;
    let pack = world.packs(key).await.into_iter().find(|pack| !pack.is_inline).unwrap();
    let args = vec![Value::from(pack.pack_id.as_str())];
    run(&world, "DELETE FROM git_repo_pack WHERE pack_id = $1", args).await;
    let expected = [
        (Severity::Error, "refs/heads/main", "objects it reaches are missing"),
        (Severity::Error, "refs/heads/side", "objects it reaches are missing"),
        (Severity::Warning, "git_repo", "tail packs"),
        (Severity::Warning, pack.pack_id.as_str(), "no repository names it"),
    ];
    expect(&world, false, &expected).await;
}

async fn a_dangling_ref_is_found(world: World) {
    let (_, key, _) = repo(&world).await;
    let args = vec![Value::from(key), Value::from(Oid::new([7; 20]))];
    run(
        &world,
        "UPDATE git_ref SET oid = $2 WHERE repo_id = $1 AND name = 'refs/heads/side'",
        args,
    )
    .await;
    let expected = [(Severity::Error, "refs/heads/side", "which does not exist")];
    expect(&world, false, &expected).await;
}

async fn a_ref_to_a_file_is_found(world: World) {
    let (repo, key, _) = repo(&world).await;
    let snapshot = crate::world::snapshot(&world.hub, &world.alice, &repo, "main").await.unwrap();
    let file = snapshot.get_file("inline").unwrap().oid;
    let args = vec![Value::from(key), Value::from(file)];
    run(
        &world,
        "UPDATE git_ref SET oid = $2 WHERE repo_id = $1 AND name = 'refs/heads/side'",
        args,
    )
    .await;
    let expected = [(Severity::Error, "refs/heads/side", "neither a commit nor a tag")];
    expect(&world, false, &expected).await;
}

async fn a_missing_link_is_found(world: World) {
    let (repo, key, _) = repo(&world).await;
    run(&world, "DELETE FROM lfs_link WHERE repo_id = $1", vec![Value::from(key)]).await;
    let expected = [(Severity::Error, "refs/heads/main:folder/large.bin", "no link to")];
    expect(&world, false, &expected).await;
    // Only in history now.
    let request = CommitRequest {
        summary: "without".to_owned(),
        description: String::new(),
        parent: None,
        operations: vec![Operation::DeleteFile(RepoPath::parse("folder/large.bin").unwrap())],
        create_pr: false,
    };
    world.hub.commit(&world.alice, MODEL, &repo, "main", request).await.unwrap();
    expect(&world, false, &[]).await;
    expect(&world, true, &[(Severity::Error, "of an earlier commit", "no link to")]).await;
}

async fn a_missing_content_is_found(world: World) {
    let (_, _, pointer) = repo(&world).await;
    world.blobs.delete(&Key::lfs(&pointer.sha256)).await.unwrap();
    let place = pointer.sha256.to_string();
    expect(&world, false, &[(Severity::Error, &place, "is missing from the object store")]).await;
}

async fn a_content_of_another_size_is_found(world: World) {
    let (_, _, pointer) = repo(&world).await;
    world.blobs.put(&Key::lfs(&pointer.sha256), random(4, LARGE - 1)).await.unwrap();
    let place = pointer.sha256.to_string();
    expect(&world, false, &[(Severity::Error, &place, "4999 bytes instead of 5000")]).await;
}

async fn a_content_with_other_bytes_is_found_when_looking_deep(world: World) {
    let (_, _, pointer) = repo(&world).await;
    world.blobs.put(&Key::lfs(&pointer.sha256), random(5, LARGE)).await.unwrap();
    expect(&world, false, &[]).await;
    let place = pointer.sha256.to_string();
    expect(&world, true, &[(Severity::Error, &place, "holds other bytes")]).await;
}

async fn wrong_counters_are_a_warning(world: World) {
    let (_, key, _) = repo(&world).await;
    run(&world, "UPDATE git_repo SET tail_packs = 77 WHERE repo_id = $1", vec![Value::from(key)])
        .await;
    expect(&world, false, &[(Severity::Warning, "git_repo", "counts 77 tail packs")]).await;
    world.work().await;
    expect(&world, false, &[]).await;
}

async fn orphans_are_no_fault(world: World) {
    repo(&world).await;
    let data = random(9, 100);
    let sha256 = Sha256::new(sha2::Sha256::digest(&data).into());
    world.blobs.put(&Key::lfs(&sha256), data).await.unwrap();
    expect(&world, true, &[]).await;
    let found = world.fsck(&FsckOptions::default()).await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].severity, found[0].place.as_str()),
        (Severity::Info, Key::lfs(&sha256).to_string().as_str())
    );
}

async fn one_repository_can_be_checked_alone(world: World) {
    let (_, _, pointer) = repo(&world).await;
    let other = world.repo("other").await;
    world.blobs.delete(&Key::lfs(&pointer.sha256)).await.unwrap();
    let alone = |id: RepoId| FsckOptions { repo: Some((MODEL, id)), deep: true };
    assert_eq!(world.fsck(&alone(other)).await, []);
    let found = world.fsck(&alone(crate::world::id("checked"))).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].repo.as_deref(), Some("models/alice/checked"));
    let missing = world.hub.fsck(&alone(crate::world::id("nowhere")), &mut |_| {}).await;
    assert!(matches!(missing, Err(Error::NotFound(_))));
}

async fn a_running_hub_is_not_mistaken_for_a_damaged_one(world: World) {
    let world = Arc::new(world);
    let repo = world.repo("busy").await;
    let done = Arc::new(AtomicBool::new(false));
    let commits = Arc::new(AtomicU64::new(0));
    let writer = {
        let (world, repo) = (Arc::clone(&world), repo.clone());
        let (done, commits) = (Arc::clone(&done), Arc::clone(&commits));
        tokio::spawn(async move {
            while !done.load(SeqCst) {
                let n = commits.fetch_add(1, SeqCst);
                let size = if n % 5 == 0 { 70_000 } else { 1000 };
                world.commit(&repo, "main", &format!("file-{}", n % 9), random(n, size)).await;
                if n % 10 == 0 {
                    let name = format!("cut-{n}");
                    world.branch(&repo, &name).await;
                    world.commit(&repo, &name, "cut", random(n, 1000)).await;
                    world.delete_branch(&repo, &name).await;
                    world.clock.advance(15 * DAY);
                    world.work().await;
                }
            }
        })
    };
    while commits.load(SeqCst) < 100 {
        let mut found = world.complaints(false).await;
        found.retain(|finding| finding.severity == Severity::Error);
        assert!(found.is_empty(), "{found:#?}");
    }
    done.store(true, SeqCst);
    writer.await.unwrap();
    world.assert_clean().await;
}
