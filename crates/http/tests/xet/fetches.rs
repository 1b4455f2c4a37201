//! Addresses of the hub itself give exactly what they were signed for.

use std::time::Duration;

use bytes::Bytes;
use steelyard_core::Visibility::Public;

use crate::client::{Fetch, Packed, fetches_of};
use crate::world::{CAS, ORIGIN, World};

/// A file whose chunks lie in three places of its xorb, and what to fetch for it: three ranges behind one address.
async fn scattered(w: &World) -> (Packed, Vec<Fetch>) {
    w.create_repo("alice", "m", Public).await;
    let packed = Packed::noise(1, 2_000_000);
    w.upload("alice/m", "alice", &packed).await;
    let runs = [0..1, 4..6, 10..11];
    let file = packed.file_of(&runs);
    let write = w.token("alice/m", "write", "alice").await;
    w.cas("POST", "/v1/shards", &write, packed.shard_of(&runs, file)).await.expect(200);
    let plan = w.plan(&write, &file, None).await.expect(200).json();
    let fetches = fetches_of(&plan);
    assert_eq!(fetches.len(), 3);
    assert!(fetches.iter().all(|fetch| fetch.url == fetches[0].url));
    (packed, fetches)
}

fn numbers(range: &str) -> (usize, usize) {
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    (first.parse().unwrap(), last.parse().unwrap())
}

async fn status(w: &World, url: &str, headers: &[(&str, &str)]) -> u16 {
    w.call("GET", url, None, headers, "").await.status.as_u16()
}

#[tokio::test]
async fn single_ranges_are_given() {
    let w = World::embedded().await;
    let (packed, fetches) = scattered(&w).await;
    for Fetch { url, range, .. } in &fetches {
        let answer = w.call("GET", url, None, &[("range", range)], "").await.expect(206);
        let (first, last) = numbers(range);
        assert!(answer.body == packed.xorb.bytes[first..=last]);
        assert_eq!(answer.header("content-range"), format!("bytes {first}-{last}/*"));
        assert_eq!(answer.header("content-length"), (last - first + 1).to_string());
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn several_ranges_come_in_parts() {
    let w = World::embedded().await;
    let (packed, fetches) = scattered(&w).await;
    let ranges: Vec<_> = fetches.iter().map(|fetch| &fetch.range["bytes=".len()..]).collect();
    for (order, separator) in [(vec![0, 1, 2], ","), (vec![2, 0], ", ")] {
        let wanted: Vec<_> = order.iter().map(|at| ranges[*at]).collect();
        let range = format!("bytes={}", wanted.join(separator));
        let answer =
            w.call("GET", &fetches[0].url, None, &[("range", &range)], "").await.expect(206);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
        let boundary =
            answer.header("content-type").strip_prefix("multipart/byteranges; boundary=");
        let parts = parts_of(&answer.body, boundary.unwrap());
        let expected: Vec<_> = wanted
            .iter()
            .map(|range| {
                let (first, last) = numbers(&format!("bytes={range}"));
                (format!("bytes {range}/*"), packed.xorb.bytes.slice(first..=last))
            })
            .collect();
        assert!(parts == expected, "{range}");
    }
}

/// Content-Range and body of each part, by RFC 2046: a delimiter is CRLF, two dashes and the boundary.
fn parts_of(body: &Bytes, boundary: &str) -> Vec<(String, Bytes)> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let starts: Vec<usize> = body
        .windows(delimiter.len())
        .enumerate()
        .filter(|(_, w)| *w == delimiter)
        .map(|(at, _)| at)
        .collect();
    assert_eq!(starts[0], 0);
    assert_eq!(body.slice(starts[starts.len() - 1] + delimiter.len()..), "--\r\n");
    let parts = starts.windows(2).map(|pair| body.slice(pair[0] + delimiter.len()..pair[1]));
    parts
        .map(|part| {
            let end = part.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
            let head = String::from_utf8(part[..end].to_vec()).unwrap().to_lowercase();
            assert!(head.contains("\r\ncontent-type: application/octet-stream"), "{head}");
            let range = head.lines().find_map(|line| line.strip_prefix("content-range: "));
            (range.unwrap().to_owned(), part.slice(end + 4..))
        })
        .collect()
}

#[tokio::test]
async fn nothing_else_is_given() {
    let w = World::embedded().await;
    let (packed, fetches) = scattered(&w).await;
    let Fetch { url, range, .. } = &fetches[1];
    let (first, last) = numbers(range);
    for other in [
        format!("bytes={}-{last}", first - 1),
        format!("bytes={first}-{}", last + 1),
        format!("bytes={first}-{}", last - 1),
        format!("bytes={first}-"),
        format!("bytes=-{}", packed.xorb.bytes.len()),
        "bytes=0-".to_owned(),
        format!("{range},0-0"),
        format!("{range},{first}-{last}"),
        format!("bytes=0-{}", packed.xorb.bytes.len() - 1),
        "bytes=".to_owned(),
        "nonsense".to_owned(),
    ] {
        assert_eq!(status(&w, url, &[("range", &other)]).await, 403, "{other}");
    }
    assert_eq!(status(&w, url, &[]).await, 403, "no range is everything");
    let twice = [("range", &**range), ("range", "bytes=0-")];
    assert_eq!(status(&w, url, &twice).await, 403);

    let (path, query) = url.split_once('?').unwrap();
    let widened = query.replacen("r=", "r=0-99_", 1);
    assert_ne!(widened, query);
    let generation = path.rsplit('.').next().unwrap();
    let elsewhere = path.replace(generation, "00000000");
    let hash = packed.xorb.hash.to_string();
    let other_xorb = path.replace(&hash, &"0".repeat(64));
    for changed in [
        path.to_owned(),
        format!("{path}?{}", &query[..query.len() - 1]),
        format!("{path}?{query}&x=1"),
        format!("{path}?{widened}"),
        format!("{elsewhere}?{query}"),
        format!("{other_xorb}?{query}"),
    ] {
        assert_eq!(status(&w, &changed, &[("range", range)]).await, 403, "{changed}");
        assert_eq!(status(&w, &changed, &[("range", "bytes=0-99")]).await, 403, "{changed}");
    }
    assert_eq!(status(&w, url, &[("range", range)]).await, 206);
}

#[tokio::test]
async fn addresses_end_after_an_hour() {
    let w = World::embedded().await;
    let (_, fetches) = scattered(&w).await;
    let Fetch { url, range, .. } = &fetches[0];
    assert!(url.starts_with(&format!("{ORIGIN}{CAS}/x/")));
    w.clock.advance(Duration::from_secs(3599));
    assert_eq!(status(&w, url, &[("range", range)]).await, 206);
    w.clock.advance(Duration::from_secs(1));
    let ended = w.call("GET", url, None, &[("range", range)], "").await.expect(403);
    assert!(ended.header("x-error-message").contains("expired"));
}
