//! Addresses that clients use without us, tried with a plain HTTP client.

use std::time::Duration;

use bytes::Bytes;
use steelyard_blob::{BlobStore, Key, PresignedGet};
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
