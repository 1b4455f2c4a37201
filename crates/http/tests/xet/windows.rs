//! Editing a file in place, with what the hub tells of the rest.

use std::ops::Range;

use serde_json::{Value, json};
use steelyard_core::Visibility::{Private, Public};
use steelyard_core::XetHash;
use steelyard_xet::range_hash;
use steelyard_xet::subtree::Subtree;

use crate::client::Packed;
use crate::world::{Answer, CAS, World, on_every_store};

on_every_store!(the_hash_of_an_edited_file_can_be_computed);

async fn ask(w: &World, token: &str, file: &XetHash, dirty: &str) -> Answer {
    let url = format!("{CAS}/v2/file-chunk-hashes/{file}");
    w.call("GET", &url, Some(token), &[("x-range-dirty", dirty)], "").await
}

/// A run of chunks as the protocol writes it.
fn written(tree: &Subtree) -> Value {
    let nodes = tree.nodes().map(|(hash, size)| json!({"hash": hash.to_string(), "size": size}));
    json!({
        "nodes": nodes.collect::<Vec<_>>(),
        "levels": tree.levels().map(|(left, right)| json!([left, right])).collect::<Vec<_>>(),
        "at_start": tree.is_at_start(),
        "at_end": tree.is_at_end(),
    })
}

async fn the_hash_of_an_edited_file_can_be_computed(w: World) {
    w.create_repo("alice", "m", Public).await;
    // In seven runs, so that some are touched and others are not.
    let packed = Packed::noise(5, 2_500_000);
    let last = packed.xorb.table.len();
    assert!(last > 24, "{last}");
    let runs = [0..4, 4..9, 9..13, 13..14, 14..18, 18..22, 22..last];
    let token = w.token("alice/m", "write", "alice").await;
    w.put_xorb(&token, &packed).await.expect(200);
    let file = packed.file_of(&runs);
    assert_eq!(file, packed.file, "the same bytes are the same file");
    w.cas("POST", "/v1/shards", &token, packed.shard_of(&runs, file)).await.expect(200);

    let chunk = packed.xorb.table.entry(10).unwrap().raw;
    let dirty = format!("bytes={}-{}", chunk.start + 1, chunk.end - 2);
    let answer = ask(&w, &token, &file, &dirty).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let told = answer.json();
    assert_eq!(told["totalChunks"], last);
    assert_eq!(told["fileSize"], 2_500_000);
    let [window] = &told["windows"].as_array().unwrap()[..] else { panic!("{told}") };
    let bound = |at: usize| window["dirtyByteRange"][at].as_u64().unwrap();
    let window = bound(0)..bound(1);
    assert!(window.start == u64::from(chunk.start) && window.end > u64::from(chunk.end));

    // Who edits nothing at all finds the hash of the file as it is.
    let chunks_in = |bytes: Range<u64>| {
        let chunks = packed.xorb.table.entries().filter(|chunk| {
            bytes.start <= u64::from(chunk.raw.start) && u64::from(chunk.raw.end) <= bytes.end
        });
        chunks.map(|chunk| (chunk.hash, chunk.raw.len() as u64)).collect::<Vec<_>>()
    };
    let before = Subtree::new(true, chunks_in(0..window.start), false);
    let behind = Subtree::new(false, chunks_in(window.end..2_500_000), true);
    assert_eq!(told["hashRanges"], json!([written(&before), written(&behind)]));
    let whole = before.join(Subtree::new(false, chunks_in(window.clone()), false)).unwrap();
    assert_eq!(whole.join(behind).unwrap().file_hash(), Some(file));
    let all = ask(&w, &token, &file, "bytes=0-2499999").await.expect(200).json();
    assert_eq!(all["hashRanges"], json!([null, null]));
    assert_eq!(all["gapVerification"], json!([]));

    let untouched = runs.iter().filter(|run| {
        let raw = packed.xorb.table.raw_range((*run).clone()).unwrap();
        u64::from(raw.end) <= window.start || window.end <= u64::from(raw.start)
    });
    let hashes = untouched.map(|run| {
        let chunks: Vec<_> = packed.xorb.table.hashes(run.clone()).unwrap().collect();
        range_hash(&chunks).to_string()
    });
    let hashes: Vec<_> = hashes.collect();
    assert!(hashes.len() >= 2 && hashes.len() < runs.len(), "{hashes:?}");
    assert_eq!(told["gapVerification"], Value::from(hashes));
}

#[tokio::test]
async fn what_cannot_be_told_is_refused() {
    let w = World::embedded().await;
    w.create_repo("alice", "m", Private).await;
    w.create_repo("bob", "n", Public).await;
    let packed = Packed::noise(6, 300_000);
    w.upload("alice/m", "alice", &packed).await;
    let token = w.token("alice/m", "read", "alice").await;
    ask(&w, &token, &packed.file, "bytes=5-5").await.expect(200);
    for dirty in ["", "bytes=", "bytes=9-5", "bytes=20-30,10-19", "bytes=300000-300001", "all"] {
        let refused = ask(&w, &token, &packed.file, dirty).await.expect(400);
        assert_eq!(refused.json()["field"], "X-Range-Dirty", "{dirty}");
    }
    ask(&w, &token, &XetHash::new([1; 32]), "bytes=5-5").await.expect(404);
    let bob = w.token("bob/n", "write", "bob").await;
    ask(&w, &bob, &packed.file, "bytes=5-5").await.expect(404);
    let url = format!("{CAS}/v2/file-chunk-hashes/xyz");
    w.call("GET", &url, Some(&token), &[("x-range-dirty", "bytes=5-5")], "").await.expect(400);
}
