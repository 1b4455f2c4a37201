//! Putting files together from what the hub tells.

use serde_json::json;
use steelyard_core::Visibility::Public;

use crate::client::{Packed, assemble, fetches_of, fetches_of_v1};
use crate::world::{CAS, ORIGIN, World, on_every_store};

on_every_store!(
    every_version_tells_how_a_file_is_put_together,
    ranges_are_put_together_from_what_they_need,
    files_share_xorbs,
    known_chunks_are_told,
);

async fn uploaded(w: &World, seed: u64, count: usize) -> (Packed, String) {
    w.create_repo("alice", "m", Public).await;
    let packed = Packed::noise(seed, count);
    w.upload("alice/m", "alice", &packed).await;
    w.commit("alice/m", "alice", "a.bin", &packed).await.expect(200);
    let token = w.token("alice/m", "read", "").await;
    (packed, token)
}

async fn every_version_tells_how_a_file_is_put_together(w: World) {
    let (packed, token) = uploaded(&w, 1, 1_000_000).await;
    let file = packed.file.to_string();

    let answer = w.plan(&token, &packed.file, None).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-type"), "application/json");
    let plan = answer.json();
    let fetches = fetches_of(&plan);
    for fetch in &fetches {
        let is_hub = fetch.url.starts_with(&format!("{ORIGIN}{CAS}/x/"));
        assert_eq!(is_hub, !w.is_direct, "{}", fetch.url);
    }
    let fetched = w.fetch_all(fetches).await;
    let whole = assemble(&plan["offset_into_first_range"], &plan["terms"], &fetched);
    assert!(whole == packed.data);

    let v1 = w.cas("GET", &format!("/v1/reconstructions/{file}"), &token, "").await.expect(200);
    let v1 = v1.json();
    assert_eq!(v1["terms"], plan["terms"]);
    let fetched = w.fetch_all(fetches_of_v1(&v1)).await;
    assert!(assemble(&v1["offset_into_first_range"], &v1["terms"], &fetched) == packed.data);

    let path = format!("/v1/reconstructions?file_id={file}&file_id={file}");
    let got = w.cas("GET", &path, &token, "").await.expect(200).json();
    let body = json!([{"prefix": "default", "hash": file}]).to_string();
    let posted = w.cas("POST", "/v1/reconstructions", &token, body).await.expect(200).json();
    for batch in [got, posted] {
        assert_eq!(batch["files"], json!({&file: plan["terms"]}));
        let fetched = w.fetch_all(fetches_of_v1(&batch)).await;
        assert!(assemble(&json!(0), &batch["files"][&file], &fetched) == packed.data);
    }

    let head = w.cas("HEAD", &format!("/v1/files/{file}"), &token, "").await.expect(200);
    assert_eq!(head.header("content-length"), "1000000");
    assert!(head.body.is_empty());
}

async fn ranges_are_put_together_from_what_they_need(w: World) {
    let (packed, token) = uploaded(&w, 2, 1_000_000).await;
    for (range, bytes) in [
        ("bytes=0-999999", 0..1_000_000),
        ("bytes=0-0", 0..1),
        ("bytes=500000-500000", 500_000..500_001),
        ("bytes=123456-654321", 123_456..654_322),
        ("bytes=900000-", 900_000..1_000_000),
        ("bytes=999999-99999999999", 999_999..1_000_000),
    ] {
        let plan = w.plan(&token, &packed.file, Some(range)).await.expect(200).json();
        let fetched = w.fetch_all(fetches_of(&plan)).await;
        let all = assemble(&plan["offset_into_first_range"], &plan["terms"], &fetched);
        assert!(all.len() >= bytes.len(), "{range}");
        assert!(all[..bytes.len()] == packed.data[bytes.clone()], "{range}");
        // At most a chunk before and a chunk behind.
        let transferred: usize = fetched.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(transferred < bytes.len() + 3 * 128 * 1024, "{range}: {transferred}");
    }
    // So older clients find the end of a file.
    for range in ["bytes=1000000-1000001", "bytes=99999999999-", "bytes=18446744073709551615-"] {
        for version in ["v1", "v2"] {
            let url = format!("{CAS}/{version}/reconstructions/{}", packed.file);
            let end = w.call("GET", &url, Some(&token), &[("range", range)], "").await.expect(416);
            assert!(end.json()["error"].is_string() && !end.header("x-error-message").is_empty());
        }
    }
    for range in ["bytes=5-4", "bytes=-5", "bytes=0-1,5-6", "lines=0-1"] {
        w.plan(&token, &packed.file, Some(range)).await.expect(400);
    }
    w.cas("GET", "/v2/reconstructions/xyz", &token, "").await.expect(400);
    w.cas("HEAD", "/v1/files/xyz", &token, "").await.expect(400);
}

/// A file out of pieces of a xorb that another one brought.
async fn files_share_xorbs(w: World) {
    let (packed, token) = uploaded(&w, 3, 2_000_000).await;
    let last = packed.xorb.table.len();
    assert!(last > 12, "{last}");
    let runs = [last - 2..last, 0..1, 4..6, 10..11, 5..6];
    let file = packed.file_of(&runs);
    let write = w.token("alice/m", "write", "alice").await;
    w.cas("POST", "/v1/shards", &write, packed.shard_of(&runs, file)).await.expect(200);
    let plan = w.plan(&token, &file, None).await.expect(200).json();
    let fetches = fetches_of(&plan);
    let fetched = w.fetch_all(fetches.clone()).await;
    let whole = assemble(&plan["offset_into_first_range"], &plan["terms"], &fetched);
    assert!(whole == packed.data_of(&runs));
    // One address for all of them, or one for each where the store gives them out.
    let entries = plan["xorbs"][packed.xorb.hash.to_string()].as_array().unwrap().len();
    assert_eq!(entries, if w.is_direct { fetches.len() } else { 1 });
    assert!(fetches.len() >= 4, "{plan}");
}

async fn known_chunks_are_told(w: World) {
    let (packed, _) = uploaded(&w, 4, 500_000).await;
    let token = w.token("alice/m", "read", "bob").await;
    let chunk = packed.xorb.table.hash(0).unwrap();
    let answer = w.cas("GET", &format!("/v1/chunks/default/{chunk}"), &token, "").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.body.starts_with(b"HFRepoMetaData\0"));
    let plain = chunk.as_bytes();
    assert!(!answer.body.windows(32).any(|window| window == plain), "hashes are under a key");
    let unknown = packed.xorb.hash;
    w.cas("GET", &format!("/v1/chunks/default/{unknown}"), &token, "").await.expect(404);
    w.cas("GET", "/v1/chunks/default/xyz", &token, "").await.expect(400);
}
