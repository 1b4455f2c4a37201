//! What clients are told is stored already: what they can read, and nothing else.

use std::collections::HashMap;

use bytes::Bytes;
use steelyard_core::Visibility::{Private, Public};
use steelyard_core::{Timestamp, XetHash};
use steelyard_db::xet;
use steelyard_service::Actor;
use steelyard_service::xet::{XetScope, XetToken};
use steelyard_xet::keyed;

use crate::planted::{Kind, PlantedXorb, chunks, sha256};
use crate::world::{World, on_every_store};

on_every_store!(
    what_follows_is_told_too,
    chunks_of_unreadable_files_are_masked,
    a_chunk_that_nobody_may_know_of_is_unknown,
    an_answer_is_a_promise,
    access_that_ends_ends_answers,
    claims_count_until_they_are_found_wrong,
    an_answer_has_a_limit,
);

const DAY: i64 = 24 * 3600;

/// An answer as a client reads it.
struct Answer {
    /// Hidden hash and raw length of each chunk, for each xorb in order.
    xorbs: Vec<(XetHash, Vec<(XetHash, u32)>)>,
    key: [u8; 32],
    created: i64,
    expires: i64,
}

impl Answer {
    /// By the layout of `MDBShardFileFooter` and `XorbChunkSequence*` in xet-core-structures 1.8.0.
    fn parse(shard: &Bytes) -> Self {
        let word = |at: usize| u64::from_le_bytes(shard[at..at + 8].try_into().unwrap());
        let number = |at: usize| u32::from_le_bytes(shard[at..at + 4].try_into().unwrap());
        let hash = |at: usize| XetHash::from_slice(&shard[at..at + 32]).unwrap();
        let footer = shard.len() - 200;
        assert_eq!((word(footer), word(shard.len() - 8)), (1, footer as u64));
        let mut at = usize::try_from(word(footer + 16)).unwrap();
        let mut xorbs = Vec::new();
        while shard[at..at + 32] != [0xff; 32] {
            let (xorb, count) = (hash(at), number(at + 36));
            let mut chunks = Vec::new();
            for _ in 0..count {
                at += 48;
                chunks.push((hash(at), number(at + 36)));
            }
            xorbs.push((xorb, chunks));
            at += 48;
        }
        let key = shard[footer + 72..footer + 104].try_into().unwrap();
        let seconds = |at| i64::try_from(word(at)).unwrap();
        Self { xorbs, key, created: seconds(footer + 104), expires: seconds(footer + 112) }
    }

    /// Which chunks of a xorb somebody finds who has them.
    fn found(&self, xorb: &PlantedXorb) -> Vec<u32> {
        let listed = self.xorbs.iter().find(|(hash, _)| *hash == xorb.hash);
        let Some((_, chunks)) = listed else { return Vec::new() };
        assert_eq!(chunks.len(), xorb.chunks.len(), "positions count");
        let hidden: HashMap<XetHash, usize> =
            chunks.iter().enumerate().map(|(at, (hash, _))| (*hash, at)).collect();
        let mut found = Vec::new();
        for (index, chunk) in (0..).zip(&xorb.chunks) {
            if let Some(at) = hidden.get(&keyed(&xorb.chunk_hash(index), &self.key)) {
                assert_eq!(
                    (*at, chunks[*at].1),
                    (index as usize, u32::try_from(chunk.len()).unwrap())
                );
                found.push(index);
            }
        }
        found
    }
}

async fn ask(w: &World, token: &XetToken, chunk: XetHash) -> Option<Answer> {
    let answer = w.hub.find_dedup_shard(token, &chunk).await.unwrap();
    answer.as_ref().map(Answer::parse)
}

async fn xorbs(w: &World, count: u64) -> Vec<PlantedXorb> {
    let mut xorbs = Vec::new();
    for seed in 0..count {
        xorbs.push(w.plant_xorb(chunks(Kind::Text, 100 + seed, 10), 1).await);
    }
    xorbs
}

async fn what_follows_is_told_too(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let xorbs = xorbs(&w, 5).await;
    let [a, b, c, d, e] = &xorbs[..] else { unreachable!() };
    let file = w.plant_file(&[(a, 0..10), (b, 0..10), (c, 0..10), (b, 2..3), (d, 0..10)]).await;
    w.link(&repo, &file).await;
    let other = w.plant_file(&[(e, 0..10), (b, 0..4), (a, 0..1)]).await;
    w.link(&repo, &other).await;
    let token = w.token(&w.alice, &repo, XetScope::Write).await;
    let answer = ask(&w, &token, b.chunk_hash(0)).await.unwrap();
    let order: Vec<XetHash> = answer.xorbs.iter().map(|(hash, _)| *hash).collect();
    assert_eq!(order[0], b.hash, "the xorb of the chunk comes first");
    let mut rest = order[1..].to_vec();
    rest.sort_unstable();
    let mut following = [a.hash, c.hash, d.hash];
    following.sort_unstable();
    assert_eq!(
        rest, following,
        "what follows in the files that have it, and nothing that comes before"
    );
    for xorb in [b, c, d] {
        assert_eq!(answer.found(xorb), (0..10).collect::<Vec<_>>());
    }
    let all_in_order = ask(&w, &token, a.chunk_hash(0)).await.unwrap();
    let order: Vec<XetHash> = all_in_order.xorbs.iter().map(|(hash, _)| *hash).collect();
    assert_eq!(order, [a.hash, b.hash, c.hash, d.hash]);
    // Read tokens may ask, too.
    let reading = w.read_token(&w.alice, &repo).await;
    assert!(ask(&w, &reading, a.chunk_hash(0)).await.is_some());
}

async fn chunks_of_unreadable_files_are_masked(w: World) {
    let (alices, bobs) = (w.repo(&w.alice, "m", Private).await, w.repo(&w.bob, "m", Private).await);
    let xorbs = xorbs(&w, 2).await;
    let [shared, next] = &xorbs[..] else { unreachable!() };
    let secret = w.plant_file(&[(shared, 0..4), (shared, 8..10), (next, 0..10)]).await;
    w.link(&alices, &secret).await;
    let known = w.plant_file(&[(shared, 3..6), (shared, 7..8), (next, 5..6)]).await;
    w.link(&bobs, &known).await;
    w.index_chunk(shared, 5).await;
    let token = w.token(&w.bob, &bobs, XetScope::Write).await;
    let answer = ask(&w, &token, shared.chunk_hash(5)).await.unwrap();
    assert_eq!(answer.found(shared), [3, 4, 5, 7]);
    assert_eq!(answer.found(next), [5]);
    // Under no key and in no length does anything tell of the others.
    for (xorb, listed) in &answer.xorbs {
        let planted = if *xorb == shared.hash { shared } else { next };
        let known: &[u32] = if *xorb == shared.hash { &[3, 4, 5, 7] } else { &[5] };
        for (index, (hash, length)) in (0..).zip(listed) {
            if known.contains(&index) {
                continue;
            }
            assert_eq!(*length, 64 * 1024, "chunk {index} of {xorb}");
            for other in 0..10 {
                let raw = planted.chunk_hash(other);
                assert!(
                    *hash != raw && *hash != keyed(&raw, &answer.key),
                    "chunk {other} of {xorb}"
                );
            }
        }
    }
    // Asking again tells nothing more, however often: what is made up stays the same.
    let again = ask(&w, &token, shared.chunk_hash(5)).await.unwrap();
    assert_eq!(again.xorbs, answer.xorbs);
    // Whoever may read both files knows all that either has; whoever administers the hub, too.
    let token = w.token(&w.root, &bobs, XetScope::Write).await;
    let answer = ask(&w, &token, shared.chunk_hash(5)).await.unwrap();
    assert_eq!(answer.found(shared), [0, 1, 2, 3, 4, 5, 7, 8, 9]);
    assert_ne!(answer.key, again.key, "each user has a key of their own");
}

async fn a_chunk_that_nobody_may_know_of_is_unknown(w: World) {
    let (alices, bobs) = (w.repo(&w.alice, "m", Private).await, w.repo(&w.bob, "m", Private).await);
    let public = w.repo(&w.alice, "public", Public).await;
    let xorbs = xorbs(&w, 3).await;
    let [shared, unused, open] = &xorbs[..] else { unreachable!() };
    let secret = w.plant_file(&[(shared, 0..4)]).await;
    w.link(&alices, &secret).await;
    let known = w.plant_file(&[(shared, 5..6)]).await;
    w.link(&bobs, &known).await;
    let seen = w.plant_file(&[(open, 0..10)]).await;
    w.link(&public, &seen).await;
    let bob = w.token(&w.bob, &bobs, XetScope::Write).await;
    assert!(ask(&w, &bob, XetHash::new([1; 32])).await.is_none(), "nobody has it");
    assert!(ask(&w, &bob, unused.chunk_hash(0)).await.is_none(), "no file has it");
    let secret_chunk = shared.chunk_hash(0);
    assert!(
        ask(&w, &bob, secret_chunk).await.is_none(),
        "in a xorb he knows, in a file he does not"
    );
    assert!(ask(&w, &bob, open.chunk_hash(0)).await.is_some(), "everybody may read it");
    let nobody = w.read_token(&Actor::Anonymous, &public).await;
    assert!(
        ask(&w, &nobody, open.chunk_hash(0)).await.is_none(),
        "there is nobody to promise it to"
    );
    let alice = w.token(&w.alice, &alices, XetScope::Write).await;
    assert!(ask(&w, &alice, secret_chunk).await.is_some());
}

async fn an_answer_is_a_promise(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let xorbs = xorbs(&w, 2).await;
    let [a, b] = &xorbs[..] else { unreachable!() };
    let file = w.plant_file(&[(a, 0..10), (b, 0..10)]).await;
    w.link(&repo, &file).await;
    let token = w.token(&w.alice, &repo, XetScope::Write).await;
    let alice = w.alice.id().unwrap();
    let promised = async |at: i64| {
        let mut conn = w.db.read().await.unwrap();
        let at = Timestamp::from_secs(at);
        xet::usable_xorbs(&mut conn, alice, &[a.id, b.id], at).await.unwrap().len()
    };
    let answer = ask(&w, &token, a.chunk_hash(0)).await.unwrap();
    let now = w.hub.now().secs();
    assert!((now - 5..=now).contains(&answer.created));
    assert!(answer.expires > now + 6 * DAY - 5 && answer.expires <= now + 7 * DAY);
    assert_eq!(promised(answer.expires + DAY - 1).await, 2, "kept for a day longer than told");
    assert_eq!(promised(answer.expires + DAY).await, 0);
    // The next day's answer renews it.
    w.clock.advance(std::time::Duration::from_secs(24 * 3600));
    let token = w.token(&w.alice, &repo, XetScope::Write).await;
    let later = ask(&w, &token, a.chunk_hash(0)).await.unwrap();
    assert_eq!(later.expires, answer.expires + DAY);
    assert_eq!(promised(later.expires + DAY - 1).await, 2);
    // What is being deleted is promised to nobody.
    let mut tx = w.db.write().await.unwrap();
    let sql = "UPDATE xorb SET state = 2 WHERE id = $1";
    tx.execute(sql, vec![b.id.into()]).await.unwrap();
    tx.commit().await.unwrap();
    w.clock.advance(std::time::Duration::from_secs(24 * 3600));
    let token = w.token(&w.alice, &repo, XetScope::Write).await;
    let answer = ask(&w, &token, a.chunk_hash(0)).await.unwrap();
    assert_eq!(answer.xorbs.len(), 1);
    assert!(ask(&w, &token, b.chunk_hash(0)).await.is_none());
}

async fn access_that_ends_ends_answers(w: World) {
    let (repo, bobs) = (w.repo(&w.alice, "m", Public).await, w.repo(&w.bob, "m", Private).await);
    let xorbs = xorbs(&w, 1).await;
    let file = w.plant_file(&[(&xorbs[0], 0..10)]).await;
    w.link(&repo, &file).await;
    let token = w.token(&w.bob, &bobs, XetScope::Write).await;
    let chunk = xorbs[0].chunk_hash(0);
    assert!(ask(&w, &token, chunk).await.is_some());
    w.set_visibility(&repo, Private).await;
    assert!(ask(&w, &token, chunk).await.is_none());
    w.set_visibility(&repo, Public).await;
    assert!(ask(&w, &token, chunk).await.is_some());
    w.delete_repo(&w.alice, &repo).await;
    assert!(ask(&w, &token, chunk).await.is_none());
}

async fn claims_count_until_they_are_found_wrong(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let xorbs = xorbs(&w, 1).await;
    let file = w.plant_file(&[(&xorbs[0], 0..10)]).await;
    w.claim(&repo, &file, sha256(b"something else")).await;
    let token = w.token(&w.alice, &repo, XetScope::Write).await;
    let chunk = xorbs[0].chunk_hash(0);
    assert_eq!(ask(&w, &token, chunk).await.unwrap().found(&xorbs[0]).len(), 10);
    w.verify(&file).await;
    assert!(ask(&w, &token, chunk).await.is_none());
}

async fn an_answer_has_a_limit(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.token(&w.alice, &repo, XetScope::Write).await;
    let mut xorbs = Vec::new();
    for number in 0..70_u8 {
        xorbs.push(w.plant_xorb(vec![vec![1, number]], 1).await);
    }
    let file = w.plant_file(&xorbs.iter().map(|xorb| (xorb, 0..1)).collect::<Vec<_>>()).await;
    w.link(&repo, &file).await;
    let answer = ask(&w, &token, xorbs[3].chunk_hash(0)).await.unwrap();
    let order: Vec<XetHash> = answer.xorbs.iter().map(|(hash, _)| *hash).collect();
    let right: Vec<XetHash> = xorbs[3..67].iter().map(|xorb| xorb.hash).collect();
    assert_eq!(order, right, "64 xorbs, from the one asked for on");
    // Full xorbs: as many as fit in 3 MiB, and one in any case.
    let mut full = Vec::new();
    for number in 0..8_u32 {
        let chunks = (0..8192_u32).map(|chunk| (chunk * 8 + number).to_le_bytes().to_vec());
        full.push(w.plant_xorb(chunks.collect(), 1).await);
    }
    let file = w.plant_file(&full.iter().map(|xorb| (xorb, 0..8192)).collect::<Vec<_>>()).await;
    w.link(&repo, &file).await;
    let shard = w.hub.find_dedup_shard(&token, &full[0].chunk_hash(0)).await.unwrap().unwrap();
    let answer = Answer::parse(&shard);
    assert_eq!(answer.xorbs.len(), 6);
    assert!(shard.len() < 4 << 20, "{}", shard.len());
    assert_eq!(answer.found(&full[5]).len(), 8192);
    // Only what was told is promised.
    let alice = w.alice.id().unwrap();
    let ids: Vec<i64> = full.iter().map(|xorb| xorb.id).collect();
    let mut conn = w.db.read().await.unwrap();
    let promised = xet::usable_xorbs(&mut conn, alice, &ids, w.hub.now()).await.unwrap();
    assert_eq!(promised, ids[..6].iter().copied().collect());
}
