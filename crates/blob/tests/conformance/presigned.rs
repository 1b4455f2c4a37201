//! Addresses that clients use without us, tried with a plain HTTP client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use steelyard_blob::{BlobError, BlobStore, Key, PresignedGet, S3Settings};
use steelyard_core::fault::{FaultPlan, Moment};
use steelyard_core::{Secret, XetHash};
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
    assert_eq!(place.store.presign_put_checked(&key, TTL, 1).await.unwrap(), None);
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

/// Bit by bit, from the polynomial's definition.
fn crc64nvme(data: &[u8]) -> u64 {
    let shift =
        |crc: u64, _| if crc & 1 == 1 { (crc >> 1) ^ 0x9A6C_9329_AC4B_C9B5 } else { crc >> 1 };
    !data.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u64::from(*byte), shift))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checksum_is_held_to() {
    assert_eq!(crc64nvme(b"123456789"), 0xAE8B_1486_0A79_9888, "the catalogue's check value");
    let Some(place) = Place::s3() else { return };
    let (key, data) = (Key::upload(fresh_id()), random(3, 10_000));
    let put = place.store.presign_put_checked(&key, TTL, crc64nvme(&data)).await.unwrap().unwrap();
    let [(name, value)] = &put.headers[..] else { panic!("{put:?}") };
    let header = format!("{name}: {value}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let send = |body: &[u8], with_header: bool| {
        std::fs::write(file.path(), body).unwrap();
        let mut args = vec!["--upload-file", file.path().to_str().unwrap(), &put.url];
        if with_header {
            args.extend(["--header", &header]);
        }
        curl(&args).0
    };
    assert_eq!(send(&random(4, 10_000), true), 400, "other bytes");
    assert!(matches!(send(&data, false), 400 | 403), "without the header");
    assert_eq!(place.store.get(&key).await.unwrap(), None);
    assert_eq!(send(&data, true), 200);
    assert_eq!(place.store.get(&key).await.unwrap().unwrap(), data);
}

/// A server that takes everything and never looks at a signature.
fn careless_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut stored = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            // The client closes, or reuses nothing: each answer ends its connection.
            answer(stream, &mut stored).ok();
        }
    });
    address
}

fn answer(stream: TcpStream, stored: &mut Vec<u8>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let head = head.to_lowercase();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let (status, body) = if head.starts_with("put") {
        *stored = vec![0; field("content-length: ").unwrap().parse().unwrap()];
        reader.read_exact(stored)?;
        ("200 OK", Vec::new())
    } else {
        let range = field("range: bytes=").and_then(|range| range.split_once('-'));
        let bounds =
            range.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
        let (first, last): (usize, usize) = bounds.unwrap_or((0, stored.len() - 1));
        ("206 Partial Content", stored[first..=last].to_vec())
    };
    let length = body.len();
    let stream = reader.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status}\r\netag: \"x\"\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    )?;
    stream.write_all(&body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_careless_server_is_found_out() {
    let url = format!("s3://bucket?endpoint={}", careless_server());
    let settings = S3Settings::from_url(&url, Secret::new("key"), Secret::new("secret")).unwrap();
    let store = BlobStore::open_s3(settings).unwrap();
    assert!(!store.honours_signed_ranges(fresh_id()).await.unwrap());
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
