//! Addresses that clients use without us, tried with a plain HTTP client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use steelyard_blob::{BlobError, BlobStore, Key, PresignedGet};
use steelyard_core::XetHash;
use steelyard_core::fault::{FaultPlan, Moment};
use steelyard_testkit::{Launch, tools};

use crate::places::{Place, content_of, fresh_id, random, s3_settings};

const TTL: Duration = Duration::from_secs(60);

/// Status, headers and body.
fn curl(args: &[&str]) -> (u16, String, Vec<u8>) {
    let headers = tempfile::NamedTempFile::new().unwrap();
    let output = Launch::new("curl", tools::curl().unwrap())
        .args(["--silent", "--dump-header", headers.path().to_str().unwrap()])
        .args(args)
        .run()
        .unwrap();
    let headers = std::fs::read_to_string(headers.path()).unwrap();
    let status = headers.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).next_back();
    (status.unwrap()[..3].parse().unwrap(), headers.to_lowercase(), output.stdout)
}

#[tokio::test]
async fn directories_have_no_addresses() {
    let place = Place::local().await;
    let key = Key::upload(fresh_id());
    let wanted = PresignedGet { ttl: TTL, ..Default::default() };
    assert_eq!(place.store.presign_get(&key, &wanted).await.unwrap(), None);
    assert_eq!(place.store.presign_put(&key, TTL).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_puts_we_adopt_a_client_gets() {
    let Some(place) = Place::s3() else { return };
    let (id, data) = (fresh_id(), random(1, 100_000));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &data).unwrap();

    let url = place.store.presign_put(&Key::upload(id), TTL).await.unwrap().unwrap();
    let (status, _, body) = curl(&["--upload-file", file.path().to_str().unwrap(), &url]);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    place.store.adopt(id, content_of(&data)).await.unwrap();

    let key = Key::lfs(&content_of(&data).sha256);
    let wanted = PresignedGet {
        ttl: TTL,
        content_disposition: Some(
            "inline; filename*=UTF-8''r%C3%A9sum%C3%A9+1.bin; filename=\"r 1.bin\";",
        ),
        content_type: Some("text/plain; charset=utf-8"),
        range: None,
    };
    let url = place.store.presign_get(&key, &wanted).await.unwrap().unwrap();
    let (status, headers, body) = curl(&[&url]);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    assert!(body == data);
    assert!(headers.contains("content-type: text/plain; charset=utf-8\r\n"), "{headers}");
    assert!(
        headers.contains("content-disposition: inline; filename*=utf-8''r%c3%a9sum%c3%a9+1.bin; filename=\"r 1.bin\";\r\n"),
        "{headers}"
    );
    let (status, _, body) = curl(&["--range", "10-19", &url]);
    assert_eq!((status, &body[..]), (206, &data[10..20]));

    let plain = PresignedGet { ttl: TTL, ..Default::default() };
    let url = place.store.presign_get(&key, &plain).await.unwrap().unwrap();
    assert_eq!(curl(&[&url]).0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_good_for_one_thing_and_a_while() {
    let Some(place) = Place::s3() else { return };
    let (key, other) = (Key::upload(fresh_id()), Key::upload(fresh_id()));
    for key in [&key, &other] {
        place.store.put(key, Bytes::from_static(b"secret")).await.unwrap();
    }
    let wanted = PresignedGet { ttl: Duration::from_secs(2), ..Default::default() };
    let url = place.store.presign_get(&key, &wanted).await.unwrap().unwrap();
    assert_eq!(curl(&[&url]).0, 200);
    assert_eq!(curl(&["--request", "DELETE", &url]).0, 403);
    assert_eq!(curl(&[&url.replace(&key.to_string(), &other.to_string())]).0, 403);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(matches!(curl(&[&url]).0, 400 | 403));
    assert!(place.store.get(&key).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_may_know_the_server_by_another_name() {
    let Some(mut settings) = s3_settings() else { return };
    let endpoint = settings.endpoint.clone().unwrap();
    let port = endpoint.rsplit(':').next().unwrap();
    settings.public_endpoint = Some(format!("http://objects.example.com:{port}"));
    let store = BlobStore::open_s3(settings).unwrap();
    let key = Key::upload(fresh_id());
    store.put(&key, Bytes::from_static(b"data")).await.unwrap();
    let wanted = PresignedGet { ttl: TTL, ..Default::default() };
    let url = store.presign_get(&key, &wanted).await.unwrap().unwrap();
    assert!(url.starts_with("http://objects.example.com:"), "{url}");
    let resolve = format!("objects.example.com:{port}:127.0.0.1");
    assert_eq!(curl(&["--resolve", &resolve, &url]).0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_a_range_gives_those_bytes_alone() {
    let Some(place) = Place::s3() else { return };
    assert!(place.store.honours_signed_ranges(fresh_id()).await.unwrap());
    assert!(place.keys().await.is_empty(), "the probe is removed");
    let key = Key::xorb(&XetHash::new([5; 32]), 7);
    place.store.put(&key, random(2, 1000)).await.unwrap();
    let data = place.store.get(&key).await.unwrap().unwrap();
    let wanted = PresignedGet { ttl: TTL, range: Some(100..200), ..Default::default() };
    let url = place.store.presign_get(&key, &wanted).await.unwrap().unwrap();
    let (status, headers, body) = curl(&["--range", "100-199", &url]);
    assert_eq!(status, 206, "{}", String::from_utf8_lossy(&body));
    assert!(body == data[100..200]);
    assert!(headers.contains("content-range: bytes 100-199/1000\r\n"), "{headers}");
    for range in ["100-200", "99-199", "0-", "100-199,0-999", "-900"] {
        let (status, ..) = curl(&["--range", range, &url]);
        assert!(matches!(status, 400 | 403), "{range}: {status}");
    }
    assert!(matches!(curl(&[&url]).0, 400 | 403), "no range at all");
    for doubled in [["100-199", "0-999"], ["0-999", "100-199"]] {
        let doubled = doubled.map(|range| format!("range: bytes={range}"));
        let (status, _, body) = curl(&["--header", &doubled[0], "--header", &doubled[1], &url]);
        assert!(status >= 400 || body == data[100..200], "{doubled:?}: {status}");
    }
    let unsigned = url.replace("%3Brange", "").replace("range%3B", "");
    assert_ne!(unsigned, url);
    assert_eq!(curl(&["--range", "0-999", &unsigned]).0, 403);
    let empty = PresignedGet { ttl: TTL, range: Some(100..100), ..Default::default() };
    assert!(matches!(place.store.presign_get(&key, &empty).await, Err(BlobError::BadRange { .. })));
}

#[tokio::test]
async fn a_directory_honours_no_signed_ranges() {
    let place = Place::local().await;
    assert!(!place.store.honours_signed_ranges(fresh_id()).await.unwrap());
    assert!(place.keys().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_is_asked_again() {
    let Some(place) = Place::s3() else { return };
    let plan = Arc::new(FaultPlan::default());
    let mut failures = 0;
    for n in 1.. {
        // Each one finds out for itself.
        let store = place.store.with_faults(Arc::clone(&plan)).unwrap();
        plan.arm(n, Moment::Before);
        let found = store.honours_signed_ranges(fresh_id()).await;
        let failed = plan.disarm();
        match found {
            Err(error) => assert!(failed && error.is_retryable(), "call {n}: {error:?}"),
            Ok(found) => assert!(found, "call {n}"),
        }
        failures += u32::from(failed);
        assert!(store.honours_signed_ranges(fresh_id()).await.unwrap(), "after call {n}");
        if !failed {
            break;
        }
    }
    assert!(failures >= 9, "a put, the right range, six wrong ones, a deletion: {failures}");
    assert!(place.keys().await.len() <= 1, "at most the probe whose deletion failed is left");
}
