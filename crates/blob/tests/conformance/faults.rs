//! Every step fails once, before or after its effect: nothing wrong ever becomes visible, and a retry succeeds.

use std::sync::Arc;

use bytes::Bytes;
use steelyard_blob::{BlobError, BlobStore, Content, Key, UploadPlan};
use steelyard_core::fault::{FaultPlan, Moment};
use uuid::Uuid;

use crate::places::{Place, assert_whole_or_absent, content_of, fresh_id, on_every_place, random};

/// More steps than any operation has: beyond it, the loop itself is broken.
const STEPS_MAX: u64 = 200;

on_every_place!(
    writing_survives_every_fault,
    small_uploads_survive_every_fault,
    large_uploads_survive_every_fault,
    staged_uploads_survive_every_fault,
    adopting_survives_every_fault,
    assembling_survives_every_fault,
    renaming_survives_every_fault,
    reading_reports_every_fault,
);

/// Runs `attempt` with its N-th step failing, for N from 1 until nothing fails; after every failure `check` looks at
/// the healthy store, and a second, undisturbed attempt must succeed.
async fn for_every_fault(
    store: &BlobStore,
    prepare: impl AsyncFn(&BlobStore),
    attempt: impl AsyncFn(&BlobStore) -> Result<(), BlobError>,
    check: impl AsyncFn(&BlobStore, bool),
) {
    let plan = Arc::new(FaultPlan::default());
    let faulty = store.with_faults(Arc::clone(&plan)).unwrap();
    for moment in [Moment::Before, Moment::After] {
        let mut n = 0;
        loop {
            n += 1;
            assert!(n < STEPS_MAX, "an attempt without faults still fails");
            prepare(store).await;
            plan.arm(n, moment);
            let result = attempt(&faulty).await;
            let fired = plan.disarm();
            if let Err(error) = &result {
                assert!(fired, "failed without a fault: {error:?}");
                assert!(error.is_retryable(), "step {n} {moment:?}: {error:?}");
            }
            check(store, result.is_ok()).await;
            attempt(&faulty)
                .await
                .unwrap_or_else(|error| panic!("retry after step {n} {moment:?}: {error:?}"));
            check(store, true).await;
            if !fired {
                break;
            }
        }
        assert!(n > 1, "no step was failed");
    }
}

async fn upload(store: &BlobStore, plan: UploadPlan, data: &Bytes) -> Result<(), BlobError> {
    let mut upload = store.begin_upload(plan).await?;
    for piece in data.chunks(400_000) {
        upload.write(data.slice_ref(piece)).await?;
    }
    upload.finish().await.map(drop)
}

async fn upload_survives(place: Place, data: Bytes, plan: impl Fn(Content) -> UploadPlan) {
    let content = content_of(&data);
    let key = Key::lfs(&content.sha256);
    for_every_fault(
        &place.store,
        async |store| store.delete(&key).await.unwrap(),
        async |store| upload(store, plan(content), &data).await,
        async |store, done| {
            assert!(assert_whole_or_absent(store, &content, &data).await || !done);
        },
    )
    .await;
}

async fn small_uploads_survive_every_fault(place: Place) {
    upload_survives(place, random(1, 3000), |_| UploadPlan::new(fresh_id())).await;
}

async fn large_uploads_survive_every_fault(place: Place) {
    let plan = |content| UploadPlan::new(fresh_id()).expecting(content);
    upload_survives(place, random(2, 9_000_000), plan).await;
}

async fn staged_uploads_survive_every_fault(place: Place) {
    upload_survives(place, random(3, 9_000_000), |_| UploadPlan::new(fresh_id())).await;
}

async fn writing_survives_every_fault(place: Place) {
    let key = Key::pack(fresh_id());
    for_every_fault(
        &place.store,
        async |store| store.delete(&key).await.unwrap(),
        async |store| store.put(&key, Bytes::from_static(b"data")).await,
        async |store, done| {
            let found = store.get(&key).await.unwrap();
            assert!(found.is_some() || !done);
            assert!(found.is_none_or(|found| found == "data"));
        },
    )
    .await;
}

async fn renaming_survives_every_fault(place: Place) {
    let (from, to) = (Key::upload(fresh_id()), Key::pack(fresh_id()));
    for_every_fault(
        &place.store,
        async |store| {
            store.delete(&to).await.unwrap();
            store.put(&from, Bytes::from_static(b"data")).await.unwrap();
        },
        async |store| store.rename(&from, &to).await,
        async |store, done| {
            let old = store.get(&from).await.unwrap();
            let new = store.get(&to).await.unwrap();
            assert!(old.is_some() || new.is_some(), "the object is gone");
            assert!(!done || (old.is_none() && new.as_deref() == Some(b"data")));
        },
    )
    .await;
}

async fn adopting_survives_every_fault(place: Place) {
    let (id, data) = (fresh_id(), random(4, 700_000));
    let content = content_of(&data);
    for_every_fault(
        &place.store,
        async |store| {
            store.abort_parts(id).await.unwrap();
            store.delete(&Key::lfs(&content.sha256)).await.unwrap();
            store.put(&Key::upload(id), data.clone()).await.unwrap();
        },
        async |store| store.adopt(id, content).await,
        async |store, done| {
            assert!(assert_whole_or_absent(store, &content, &data).await || !done);
        },
    )
    .await;
}

async fn assembling_survives_every_fault(place: Place) {
    let (id, data) = (fresh_id(), random(5, 11_000_000));
    let content = content_of(&data);
    let parts = std::sync::Mutex::new(Vec::new());
    for_every_fault(
        &place.store,
        async |store| {
            store.abort_parts(id).await.unwrap();
            store.delete(&Key::lfs(&content.sha256)).await.unwrap();
            *parts.lock().unwrap() = put_parts(store, id, &data).await;
        },
        async |store| {
            let parts = parts.lock().unwrap().clone();
            store.assemble(id, &parts, content).await
        },
        async |store, done| {
            assert!(assert_whole_or_absent(store, &content, &data).await || !done);
        },
    )
    .await;
}

async fn put_parts(store: &BlobStore, id: Uuid, data: &Bytes) -> Vec<(u32, String)> {
    let mut parts = Vec::new();
    for (number, piece) in (1..).zip(data.chunks(5_300_000)) {
        let mut part = store.begin_part(id, number, 5_300_000).await.unwrap();
        part.write(data.slice_ref(piece)).await.unwrap();
        parts.push((number, part.finish().await.unwrap()));
    }
    parts
}

async fn reading_reports_every_fault(place: Place) {
    let (key, data) = (Key::pack(fresh_id()), random(6, 1_700_000));
    place.store.put(&key, data.clone()).await.unwrap();
    for_every_fault(
        &place.store,
        async |_| {},
        async |store| {
            let stream = store.open(&key, 1..1_600_000).await?.expect("it is there");
            assert!(crate::places::collect(stream).await? == data[1..1_600_000]);
            assert!(store.get(&key).await?.expect("it is there") == data);
            store.get_range(&key, 5..10).await?.expect("it is there");
            store.head(&key).await?.expect("it is there");
            assert_eq!(store.list(key.family(), None, 10).await?.len(), 1);
            store.probe().await
        },
        async |_, _| {},
    )
    .await;
}
