//! Large files on their way in: hashed, checked, in one piece or in parts, or adopted.

use bytes::Bytes;
use steelyard_blob::{BlobError, BlobStore, Content, Key, UploadPlan};
use steelyard_core::Sha256;
use uuid::Uuid;

use crate::places::{Place, collect, content_of, fresh_id, on_every_place, random};

const MIB: usize = 1024 * 1024;

on_every_place!(
    uploads_appear_under_their_hash,
    promised_content_is_checked,
    uploads_have_a_limit,
    dropped_uploads_leave_nothing,
    the_same_content_may_be_uploaded_at_once,
    uploading_again_makes_it_new_again,
    parts_are_put_together,
    small_parts_are_put_together,
    a_last_part_may_be_tiny,
    wrong_parts_are_refused,
    assembling_needs_the_bytes_not_the_hash,
    staged_objects_are_adopted_once_checked,
    wrong_staged_objects_are_removed,
);

async fn upload(store: &BlobStore, plan: UploadPlan, data: &Bytes) -> Result<Content, BlobError> {
    let mut upload = store.begin_upload(plan).await?;
    // Odd pieces, so that they fit into no buffer exactly.
    let mut rest = data.clone();
    while !rest.is_empty() {
        let piece = rest.split_to(rest.len().min(70_001));
        upload.write(piece).await?;
    }
    upload.finish().await
}

async fn read(store: &BlobStore, content: &Content) -> Vec<u8> {
    let stream = store.open(&Key::lfs(&content.sha256), 0..content.size).await.unwrap();
    collect(stream.expect("the object is there")).await.unwrap()
}

async fn uploads_appear_under_their_hash(place: Place) {
    for size in [0, 1, MIB, 3 * MIB + 1, 8 * MIB, 30 * MIB + 17] {
        let data = random(size as u64, size);
        let expected = content_of(&data);
        for plan in [UploadPlan::new(fresh_id()), UploadPlan::new(fresh_id()).expecting(expected)] {
            place.store.delete(&Key::lfs(&expected.sha256)).await.unwrap();
            assert_eq!(upload(&place.store, plan, &data).await.unwrap(), expected);
            assert!(read(&place.store, &expected).await == data, "{size} bytes");
        }
        let key = Key::lfs(&expected.sha256);
        assert_eq!(place.keys().await, [key.to_string()]);
        place.store.delete(&key).await.unwrap();
    }
}

async fn promised_content_is_checked(place: Place) {
    for size in [100, 20 * MIB] {
        let data = random(3, size);
        let right = content_of(&data);
        let other = Content { sha256: Sha256::new([9; 32]), ..right };
        let refused =
            upload(&place.store, UploadPlan::new(fresh_id()).expecting(other), &data).await;
        assert!(matches!(refused, Err(BlobError::HashMismatch { expected, actual })
            if expected == other.sha256 && actual == right.sha256));
        for wrong in [right.size + 1, right.size - 1] {
            let plan = UploadPlan::new(fresh_id()).expecting(Content { size: wrong, ..right });
            let refused = upload(&place.store, plan, &data).await;
            assert!(
                matches!(refused, Err(BlobError::SizeMismatch { expected, .. }) if expected == wrong)
            );
        }
        settles_to(&place, &[]).await;
    }
}

async fn uploads_have_a_limit(place: Place) {
    let data = random(4, 2 * MIB);
    let refused =
        upload(&place.store, UploadPlan::new(fresh_id()).at_most(MIB as u64), &data).await;
    assert!(matches!(refused, Err(BlobError::TooLarge { limit }) if limit == MIB as u64));
    let plan = UploadPlan::new(fresh_id()).expecting(content_of(&data)).at_most(MIB as u64);
    assert!(matches!(place.store.begin_upload(plan).await, Err(BlobError::TooLarge { .. })));
    let exact = UploadPlan::new(fresh_id()).at_most(2 * MIB as u64);
    upload(&place.store, exact, &data).await.unwrap();
    let id = fresh_id();
    let mut part = place.store.begin_part(id, 1, 10).await.unwrap();
    let refused = part.write(Bytes::from_static(b"more than ten")).await;
    assert!(matches!(refused, Err(BlobError::TooLarge { limit: 10 })));
    assert!(place.store.begin_part(id, 0, 10).await.is_err());
}

async fn dropped_uploads_leave_nothing(place: Place) {
    let data = random(5, 20 * MIB);
    let mut dropped = place.store.begin_upload(UploadPlan::new(fresh_id())).await.unwrap();
    dropped.write(data.clone()).await.unwrap();
    drop(dropped);
    let mut part = place.store.begin_part(fresh_id(), 1, u64::MAX >> 20).await.unwrap();
    part.write(data).await.unwrap();
    drop(part);
    settles_to(&place, &[]).await;
}

/// Waits until the store holds just these keys and no unfinished files: what is dropped is removed in the background.
async fn settles_to(place: &Place, keys: &[String]) {
    let tmp = place.store.local_path(&Key::upload(Uuid::nil()));
    let tmp = tmp.map(|path| path.parent().unwrap().parent().unwrap().join("tmp"));
    let unfinished = || tmp.as_ref().map_or(0, |tmp| std::fs::read_dir(tmp).unwrap().count());
    for _ in 0..500 {
        if place.keys().await == keys && unfinished() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("left behind: {:?} and {} files", place.keys().await, unfinished());
}

async fn the_same_content_may_be_uploaded_at_once(place: Place) {
    let data = random(6, 9 * MIB);
    let expected = content_of(&data);
    let uploads = (0..4).map(|n| {
        let (store, data) = (place.store.clone(), data.clone());
        let plan = UploadPlan::new(fresh_id());
        let plan = if n % 2 == 0 { plan.expecting(expected) } else { plan };
        tokio::spawn(async move { upload(&store, plan, &data).await })
    });
    for task in uploads.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap().unwrap(), expected);
    }
    assert!(read(&place.store, &expected).await == data);
    settles_to(&place, &[Key::lfs(&expected.sha256).to_string()]).await;
}

async fn uploading_again_makes_it_new_again(place: Place) {
    let data = random(7, 1000);
    let key = Key::lfs(&content_of(&data).sha256);
    upload(&place.store, UploadPlan::new(fresh_id()), &data).await.unwrap();
    let first = place.store.head(&key).await.unwrap().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    upload(&place.store, UploadPlan::new(fresh_id()), &data).await.unwrap();
    let second = place.store.head(&key).await.unwrap().unwrap();
    assert!(second.modified > first.modified, "a sweep of old objects must spare it");
}

async fn put_part(store: &BlobStore, id: Uuid, number: u32, data: &[u8]) -> (u32, String) {
    let mut part = store.begin_part(id, number, data.len() as u64).await.unwrap();
    for piece in data.chunks(300_007) {
        part.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    (number, part.finish().await.unwrap())
}

async fn put_parts(
    store: &BlobStore,
    id: Uuid,
    data: &[u8],
    part_bytes: usize,
) -> Vec<(u32, String)> {
    let mut parts = Vec::new();
    for (number, part) in (1..).zip(data.chunks(part_bytes)) {
        parts.push(put_part(store, id, number, part).await);
    }
    parts
}

async fn parts_are_put_together(place: Place) {
    let (store, id) = (&place.store, fresh_id());
    let data = random(8, 22 * MIB);
    let expected = content_of(&data);
    // Sent out of order, and one of them twice.
    let last = put_part(store, id, 9, &data[20 * MIB..]).await;
    put_part(store, id, 2, b"not this").await;
    let first = put_part(store, id, 1, &data[..5 * MIB]).await;
    let second = put_part(store, id, 2, &data[5 * MIB..20 * MIB]).await;
    let parts = [first, second, last];
    let listed = store.list_parts(id).await.unwrap();
    assert_eq!(
        listed.iter().map(|part| part.size).collect::<Vec<_>>(),
        [5, 15, 2].map(|n| n * MIB as u64)
    );
    assert_eq!(listed.into_iter().map(|part| (part.number, part.etag)).collect::<Vec<_>>(), parts);
    assert!(parts.iter().all(|(_, etag)| !etag.is_empty()));

    let other = fresh_id();
    put_part(store, other, 1, b"of another upload").await;
    // The answer got lost, so it is asked for twice.
    for _ in 0..2 {
        store.assemble(id, &parts, expected).await.unwrap();
        assert!(read(store, &expected).await == data);
        assert!(store.list_parts(id).await.unwrap().is_empty());
    }
    assert_eq!(store.list_parts(other).await.unwrap().len(), 1);
    store.abort_parts(other).await.unwrap();
    store.abort_parts(id).await.unwrap();
    assert_eq!(place.keys().await, [Key::lfs(&expected.sha256).to_string()]);
}

async fn small_parts_are_put_together(place: Place) {
    let (store, id) = (&place.store, fresh_id());
    let data = random(9, 1_000_000);
    let expected = content_of(&data);
    let parts = put_parts(store, id, &data, 99_999).await;
    // Quotes around the tags are as the client got them in a header.
    let quoted: Vec<_> = parts.iter().map(|(n, etag)| (*n, format!("\"{etag}\""))).collect();
    store.assemble(id, &quoted, expected).await.unwrap();
    assert!(read(store, &expected).await == data);
}

async fn a_last_part_may_be_tiny(place: Place) {
    let store = &place.store;
    for (n, sizes) in [&[3][..], &[5 * MIB, 3], &[5 * MIB, 70_000], &[1]].into_iter().enumerate() {
        let id = fresh_id();
        let data = random(20 + u64::try_from(n).unwrap(), sizes.iter().sum());
        let (mut rest, mut parts) = (&data[..], Vec::new());
        for (number, size) in (1..).zip(sizes) {
            parts.push(put_part(store, id, number, &rest[..*size]).await);
            rest = &rest[*size..];
        }
        let expected = content_of(&data);
        store.assemble(id, &parts, expected).await.unwrap();
        assert!(read(store, &expected).await == data, "{sizes:?}");
        assert!(store.list_parts(id).await.unwrap().is_empty());
    }
}

async fn wrong_parts_are_refused(place: Place) {
    let (store, id) = (&place.store, fresh_id());
    let data = random(10, 11 * MIB);
    let expected = content_of(&data);
    let parts = put_parts(store, id, &data, 5 * MIB).await;
    let (one, two, three) = (parts[0].clone(), parts[1].clone(), parts[2].clone());
    let assemble = async |parts: &[(u32, String)], expected| {
        store.assemble(id, parts, expected).await.unwrap_err()
    };
    let named = [one.clone(), two.clone(), three.clone()];
    assert!(matches!(assemble(&[], expected).await, BlobError::Invalid(_)));
    assert!(matches!(
        assemble(&[two.clone(), one.clone(), three.clone()], expected).await,
        BlobError::Invalid(_)
    ));
    assert!(matches!(assemble(&[one.clone(), one.clone()], expected).await, BlobError::Invalid(_)));
    assert!(matches!(
        assemble(&[one.clone(), two.clone()], expected).await,
        BlobError::SizeMismatch { .. }
    ));
    let missing = [one.clone(), two.clone(), (4, three.1.clone())];
    assert!(matches!(assemble(&missing, expected).await, BlobError::BadPart { number: 4, .. }));
    let other_tag = [one, (2, "other".to_owned()), three];
    assert!(matches!(assemble(&other_tag, expected).await, BlobError::BadPart { number: 2, .. }));
    let other = Content { sha256: Sha256::new([1; 32]), ..expected };
    assert!(matches!(assemble(&named, other).await, BlobError::HashMismatch { .. }));
    assert!(store.head(&Key::lfs(&other.sha256)).await.unwrap().is_none());
    assert!(store.head(&Key::lfs(&expected.sha256)).await.unwrap().is_none());
    // None of this did any harm.
    store.assemble(id, &named, expected).await.unwrap();
}

async fn assembling_needs_the_bytes_not_the_hash(place: Place) {
    let store = &place.store;
    let data = random(11, 1000);
    let theirs = upload(store, UploadPlan::new(fresh_id()), &data).await.unwrap();
    let id = fresh_id();
    let claimed = store.assemble(id, &[(1, "x".to_owned())], theirs).await;
    assert!(matches!(claimed, Err(BlobError::BadPart { .. })), "{claimed:?}");
    let claimed = store.adopt(id, theirs).await;
    assert!(matches!(claimed, Err(BlobError::NotFound { .. })), "{claimed:?}");
}

async fn staged_objects_are_adopted_once_checked(place: Place) {
    let store = &place.store;
    for size in [0, 10, 6 * MIB] {
        let (id, data) = (fresh_id(), random(12, size));
        let expected = content_of(&data);
        let missing = store.adopt(id, expected).await;
        assert!(matches!(missing, Err(BlobError::NotFound { .. })), "{missing:?}");
        store.put(&Key::upload(id), data.clone()).await.unwrap();
        // The answer got lost, so it is asked for twice.
        for _ in 0..2 {
            store.adopt(id, expected).await.unwrap();
            assert!(read(store, &expected).await == data);
            assert!(store.head(&Key::upload(id)).await.unwrap().is_none());
        }
        // Who asks with another promise has shown nothing.
        let other = Content { sha256: Sha256::new([1; 32]), ..expected };
        assert!(store.adopt(id, other).await.is_err());
    }
}

async fn wrong_staged_objects_are_removed(place: Place) {
    let store = &place.store;
    let data = random(13, 1000);
    let right = content_of(&data);
    let size = Content { size: 999, ..right };
    let hash = Content { sha256: Sha256::new([3; 32]), ..right };
    for wrong in [size, hash] {
        let id = fresh_id();
        store.put(&Key::upload(id), data.clone()).await.unwrap();
        let refused = store.adopt(id, wrong).await.unwrap_err();
        assert!(matches!(refused, BlobError::SizeMismatch { .. } | BlobError::HashMismatch { .. }));
        assert!(place.keys().await.is_empty());
    }
}
