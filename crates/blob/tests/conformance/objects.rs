//! Single objects: write, read, list, rename, delete.

use bytes::Bytes;
use steelyard_blob::{BlobError, Family, Key};
use steelyard_core::{Sha256, XetHash};
use uuid::Uuid;

use crate::places::{Place, collect, fresh_id, on_every_place, random};

on_every_place!(
    objects_are_written_read_and_deleted,
    empty_objects_are_objects,
    ranges_lie_inside_the_object,
    large_objects_stream_whole_and_in_ranges,
    readers_fill_buffers_to_the_end,
    objects_are_written_piece_by_piece,
    listings_are_in_order_and_in_pages,
    families_do_not_see_each_other,
    generations_of_a_xorb_are_apart,
    renaming_moves_and_may_be_repeated,
    the_probe_succeeds,
);

async fn objects_are_written_read_and_deleted(place: Place) {
    let store = &place.store;
    let key = Key::pack(fresh_id());
    assert_eq!(store.get(&key).await.unwrap(), None);
    assert_eq!(store.head(&key).await.unwrap(), None);
    assert!(store.open(&key, 0..1).await.unwrap().is_none());
    assert_eq!(store.get_range(&key, 0..1).await.unwrap(), None);
    store.delete(&key).await.unwrap();

    store.put(&key, Bytes::from_static(b"first")).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().unwrap(), "first");
    let info = store.head(&key).await.unwrap().unwrap();
    assert_eq!(info.size, 5);
    assert!(info.modified.secs() > 1_700_000_000, "{info:?}");
    assert!(!info.etag.is_empty() && !info.etag.contains('"'), "{info:?}");

    store.put(&key, Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().unwrap(), "second");
    let replaced = store.head(&key).await.unwrap().unwrap();
    assert_ne!(replaced.etag, info.etag);
    assert!(replaced.modified >= info.modified);

    store.delete(&key).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap(), None);
    assert!(place.keys().await.is_empty());
}

async fn readers_fill_buffers_to_the_end(place: Place) {
    let (store, key) = (&place.store, Key::upload(fresh_id()));
    assert!(store.open_reader(&key).await.unwrap().is_none());
    let data = random(7, 3_000_001);
    store.put(&key, data.clone()).await.unwrap();
    for most in [1_000_000, 1_500_001, 3_000_001, 4_000_000] {
        let mut reader = store.open_reader(&key).await.unwrap().unwrap();
        let (mut found, mut buffer) = (Vec::new(), Vec::with_capacity(most / 2));
        loop {
            buffer.clear();
            buffer.extend_from_slice(b"before");
            buffer = reader.read(buffer, most).await.unwrap();
            let piece = buffer.strip_prefix(b"before").unwrap();
            found.extend_from_slice(piece);
            if piece.len() < most {
                break;
            }
        }
        assert!(found == data, "by {most}");
        assert!(reader.read(Vec::new(), most).await.unwrap().is_empty(), "by {most}");
    }
    store.put(&key, Bytes::new()).await.unwrap();
    let mut reader = store.open_reader(&key).await.unwrap().unwrap();
    assert!(reader.read(Vec::new(), 1).await.unwrap().is_empty());
}

async fn objects_are_written_piece_by_piece(place: Place) {
    let store = &place.store;
    let data = random(8, 2_500_001);
    for pieces in [&[0][..], &[1], &[4096, 4096], &[5000, 1_200_000, 0, 1_295_001]] {
        let key = Key::upload(fresh_id());
        let mut writer = store.begin_object().await.unwrap();
        let mut rest = data.clone();
        for length in pieces {
            writer.write(rest.split_to(*length)).await.unwrap();
        }
        assert_eq!(store.head(&key).await.unwrap(), None, "it is not to be seen yet");
        writer.finish(&key).await.unwrap();
        let length: usize = pieces.iter().sum();
        assert!(store.get(&key).await.unwrap().unwrap() == data[..length], "{pieces:?}");
        store.delete(&key).await.unwrap();
    }
    let mut writer = store.begin_object().await.unwrap();
    writer.write(data).await.unwrap();
    drop(writer);
    assert!(place.keys().await.is_empty());
}

async fn empty_objects_are_objects(place: Place) {
    let key = Key::upload(fresh_id());
    place.store.put(&key, Bytes::new()).await.unwrap();
    assert_eq!(place.store.get(&key).await.unwrap().unwrap(), "");
    assert_eq!(place.store.head(&key).await.unwrap().unwrap().size, 0);
    let stream = place.store.open(&key, 0..0).await.unwrap().unwrap();
    assert!(collect(stream).await.unwrap().is_empty());
    let (info, stream) = place.store.open_whole(&key).await.unwrap().unwrap();
    assert_eq!(info.size, 0);
    assert!(collect(stream).await.unwrap().is_empty());
}

async fn ranges_lie_inside_the_object(place: Place) {
    let store = &place.store;
    let key = Key::upload(fresh_id());
    store.put(&key, Bytes::from_static(b"0123456789")).await.unwrap();
    for (range, expected) in
        [(0..10, "0123456789"), (3..5, "34"), (9..10, "9"), (4..4, ""), (10..10, "")]
    {
        let read = store.get_range(&key, range.clone()).await.unwrap().unwrap();
        assert_eq!(read, expected, "{range:?}");
        let streamed = store.open(&key, range.clone()).await.unwrap().unwrap();
        assert_eq!(collect(streamed).await.unwrap(), expected.as_bytes(), "{range:?}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "a range from outside may be anything")]
    for range in [0..11, 9..12, 10..11, 20..30, 11..11, 5..4] {
        let read = store.get_range(&key, range.clone()).await;
        assert!(matches!(read, Err(BlobError::BadRange { .. })), "{range:?}: {read:?}");
        let opened = store.open(&key, range.clone()).await;
        assert!(matches!(opened, Err(BlobError::BadRange { .. })), "{range:?}: {opened:?}");
    }
}

async fn large_objects_stream_whole_and_in_ranges(place: Place) {
    let store = &place.store;
    let data = random(1, 3_000_001);
    let key = Key::pack(fresh_id());
    store.put(&key, data.clone()).await.unwrap();
    let size = data.len() as u64;
    for range in [0..size, 1..size - 1, 524_287..524_289, 0..524_288, 0..1_048_576, 2_999_990..size]
    {
        let streamed = store.open(&key, range.clone()).await.unwrap().unwrap();
        let (start, end) = (range.start as usize, range.end as usize);
        assert!(collect(streamed).await.unwrap() == data[start..end], "{range:?}");
    }
    let (info, stream) = store.open_whole(&key).await.unwrap().unwrap();
    assert_eq!(info, store.head(&key).await.unwrap().unwrap());
    assert!(collect(stream).await.unwrap() == data);
}

async fn listings_are_in_order_and_in_pages(place: Place) {
    let store = &place.store;
    for family in Family::ALL {
        let mut keys: Vec<Key> = (0..25).map(|n| key_of(family, n)).collect();
        for key in &keys {
            store.put(key, Bytes::from(key.to_string())).await.unwrap();
        }
        keys.sort();
        for limit in [1, 7, 25, 1000] {
            let mut listed = Vec::new();
            loop {
                let after = listed.last().copied();
                let page = store.list(family, after, limit).await.unwrap();
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                assert!(page.iter().all(|(key, info)| info.size == key.to_string().len() as u64));
                listed.extend(page.into_iter().map(|(key, _)| key));
            }
            assert_eq!(listed, keys, "{family:?} by {limit}");
        }
        // The key to go on from need not exist any more.
        store.delete(&keys[3]).await.unwrap();
        let page = store.list(family, Some(keys[3]), 2).await.unwrap();
        assert_eq!(page.iter().map(|(key, _)| *key).collect::<Vec<_>>(), keys[4..6]);
        assert!(store.list(family, None, 0).await.unwrap().is_empty());
    }
}

fn key_of(family: Family, n: u8) -> Key {
    let id = Uuid::from_u128(u128::from(n / 5) << 64);
    match (family, n % 5) {
        (Family::Packs, _) if n.is_multiple_of(2) => Key::pack(Uuid::from_u128(u128::from(n) << 7)),
        (Family::Packs, _) => Key::pack_toc(Uuid::from_u128(u128::from(n) << 7)),
        // Few first and second bytes, so that folders hold several files and folders.
        (Family::Lfs, _) => {
            let mut bytes = [n; 32];
            (bytes[0], bytes[1]) = (n % 3, n % 2);
            Key::lfs(&Sha256::new(bytes))
        }
        // The text of a hash begins with its eighth byte; the same xorb has several generations.
        (Family::Xorbs, _) => {
            let mut bytes = [n / 5; 32];
            bytes[7] = n / 5 % 2;
            Key::xorb(&XetHash::new(bytes), u32::from(n % 5) << 28)
        }
        (Family::Uploads, 0) => Key::upload(id),
        (Family::Uploads, 4) => Key::upload_done(id),
        (Family::Uploads, part) => Key::upload_part(id, u32::from(part)).unwrap(),
    }
}

async fn families_do_not_see_each_other(place: Place) {
    let id = fresh_id();
    place.store.put(&Key::pack(id), Bytes::from_static(b"x")).await.unwrap();
    place.store.put(&Key::upload(id), Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(place.store.list(Family::Packs, None, 10).await.unwrap().len(), 1);
    assert_eq!(place.store.list(Family::Lfs, None, 10).await.unwrap().len(), 0);
    assert_eq!(place.store.list(Family::Uploads, None, 10).await.unwrap().len(), 1);
    assert!(place.store.local_path(&Key::pack(id)).is_none_or(|path| path.is_file()));
    assert_eq!(place.store.local_path(&Key::pack(id)).is_some(), place.is_local());
}

async fn generations_of_a_xorb_are_apart(place: Place) {
    let store = &place.store;
    let key = |generation| Key::xorb(&XetHash::new([9; 32]), generation);
    for generation in [1, 2] {
        store.put(&key(generation), Bytes::from(vec![generation as u8; 10])).await.unwrap();
    }
    store.delete(&key(1)).await.unwrap();
    assert_eq!(store.get(&key(1)).await.unwrap(), None);
    assert_eq!(store.get_range(&key(2), 3..5).await.unwrap().unwrap(), &[2, 2][..]);
    let (_, stream) = store.open_whole(&key(2)).await.unwrap().unwrap();
    assert_eq!(collect(stream).await.unwrap(), [2; 10]);
    let listed = store.list(Family::Xorbs, None, 10).await.unwrap();
    assert_eq!(
        listed.iter().map(|(key, info)| (*key, info.size)).collect::<Vec<_>>(),
        [(key(2), 10)]
    );
    // What was uploaded past us is given its place by renaming it.
    let staged = Key::upload(fresh_id());
    store.put(&staged, Bytes::from_static(b"staged")).await.unwrap();
    store.rename(&staged, &key(3)).await.unwrap();
    assert_eq!(store.get(&key(3)).await.unwrap().unwrap(), "staged");
}

async fn renaming_moves_and_may_be_repeated(place: Place) {
    let store = &place.store;
    let (from, to) = (Key::upload(fresh_id()), Key::lfs(&Sha256::new([7; 32])));
    let missing = store.rename(&from, &to).await;
    assert!(matches!(missing, Err(BlobError::NotFound { key }) if key == from));
    store.put(&from, Bytes::from_static(b"data")).await.unwrap();
    for _ in 0..2 {
        store.rename(&from, &to).await.unwrap();
        assert_eq!(store.get(&to).await.unwrap().unwrap(), "data");
        assert_eq!(store.get(&from).await.unwrap(), None);
    }
}

async fn the_probe_succeeds(place: Place) {
    place.store.probe().await.unwrap();
}

mod broken {
    use super::*;
    use crate::places::s3_settings;
    use steelyard_blob::BlobStore;
    use steelyard_core::Secret;

    #[tokio::test]
    async fn the_probe_notices_a_missing_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let store = BlobStore::open_directory(&path).await.unwrap();
        std::fs::remove_dir_all(&path).unwrap();
        assert!(store.probe().await.is_err());
    }

    #[tokio::test]
    async fn the_probe_notices_a_missing_bucket_a_wrong_key_and_a_dead_server() {
        let Some(good) = s3_settings() else { return };
        let mut no_bucket = good.clone();
        no_bucket.bucket = "no-such-bucket".to_owned();
        assert!(BlobStore::open_s3(no_bucket).unwrap().probe().await.is_err());
        let mut wrong_key = good.clone();
        wrong_key.secret_key = Secret::new("wrong");
        let probed = BlobStore::open_s3(wrong_key).unwrap().probe().await;
        assert!(matches!(probed, Err(BlobError::Io { .. })), "{probed:?}");
        let mut dead = good;
        dead.endpoint = Some("http://127.0.0.1:9".to_owned());
        let probed = BlobStore::open_s3(dead).unwrap().probe().await;
        assert!(probed.is_err_and(|error| error.is_retryable()));
    }

    #[tokio::test]
    async fn opening_removes_what_a_dead_process_left() {
        let directory = tempfile::tempdir().unwrap();
        let left = directory.path().join("tmp/left");
        let store = BlobStore::open_directory(directory.path()).await.unwrap();
        std::fs::write(&left, b"half").unwrap();
        let second = BlobStore::open_directory(directory.path()).await.unwrap();
        assert!(left.exists(), "the first may still be writing it");
        drop((store, second));
        BlobStore::open_directory(directory.path()).await.unwrap();
        assert!(!left.exists());
    }
}

/// Handlers run on any thread, so every future must be `Send`; checked by the compiler.
#[expect(dead_code, reason = "it only has to compile")]
fn every_future_is_send(store: &'static steelyard_blob::BlobStore, key: &'static Key) {
    use steelyard_blob::{Content, PresignedGet, UploadPlan};

    fn send<T: Send + 'static>(_: T) {}
    let content = Content { sha256: Sha256::ZERO, size: 0 };
    send(store.put(key, Bytes::new()));
    send(store.get(key));
    send(store.get_range(key, 0..1));
    send(store.head(key));
    send(store.delete(key));
    send(store.rename(key, key));
    send(store.list(Family::Lfs, None, 1));
    send(store.open(key, 0..1));
    send(store.open_whole(key));
    send(async { collect(store.open(key, 0..1).await?.expect("")).await });
    send(store.probe());
    send(store.honours_signed_ranges(Uuid::nil()));
    send(store.presign_put(key, std::time::Duration::ZERO));
    send(async { store.presign_get(key, &PresignedGet::default()).await });
    send(async {
        let mut upload = store.begin_upload(UploadPlan::new(Uuid::nil())).await?;
        upload.write(Bytes::new()).await?;
        upload.finish().await
    });
    send(async {
        let mut part = store.begin_part(Uuid::nil(), 1, 1).await?;
        part.write(Bytes::new()).await?;
        part.finish().await
    });
    send(store.list_parts(Uuid::nil()));
    send(store.abort_parts(Uuid::nil()));
    send(store.assemble(Uuid::nil(), &[], content));
    send(store.adopt(Uuid::nil(), content));
}
