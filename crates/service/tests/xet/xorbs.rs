//! Xorbs come in: checked, durable, and known only to those who may know of them.

use std::time::Duration;

use bytes::Bytes;
use steelyard_blob::{Family, Key};
use steelyard_core::Visibility::{Private, Public};
use steelyard_core::XetHash;
use steelyard_db::xet::{self, XorbRow, XorbState};
use steelyard_service::xet::{XetToken, XorbGrant, XorbOffer};
use steelyard_service::{Error, Hub, Missing};
use steelyard_testkit::TestRng;
use steelyard_xet::{BuiltXorb, Compression, xorb_hash};

use crate::client::{pack, pack_with, random, refusal, send_body, send_shard, send_xorb};
use crate::world::{World, on_every_store};

on_every_store!(
    a_xorb_is_durable_before_it_is_known,
    hostile_xorbs_leave_no_trace,
    what_others_have_is_not_told,
    unused_bytes_are_limited,
    a_lost_object_is_put_back,
    a_condemned_xorb_comes_back_under_another_key,
    a_xorb_that_is_being_deleted_is_stored_anew,
    grants_are_bound_to_whom_they_were_given,
);

fn text_xorb(seed: u64) -> BuiltXorb {
    let rng = TestRng::seeded(seed);
    let text: Vec<u8> = (0..400_000).map(|_| b"steelyard "[rng.below(10) as usize]).collect();
    pack_with(&[&text], 8192, Compression::Sampled).xorbs.remove(0)
}

impl World {
    pub async fn xorb_row(&self, hash: &XetHash) -> Option<XorbRow> {
        let mut conn = self.db.read().await.unwrap();
        xet::find_xorbs(&mut conn, &[*hash]).await.unwrap().pop()
    }

    /// What the store has for a xorb that has a row.
    async fn object(&self, row: &XorbRow) -> Option<Bytes> {
        self.blobs.get(&Key::xorb(&row.hash, row.generation)).await.unwrap()
    }

    async fn stored_keys(&self, family: Family) -> Vec<Key> {
        let listed = self.blobs.list(family, None, 1000).await.unwrap();
        listed.into_iter().map(|(key, _)| key).collect()
    }
}

async fn grant(hub: &Hub, token: &XetToken, xorb: &BuiltXorb) -> Result<XorbGrant, Error> {
    let offer = XorbOffer { length: xorb.bytes.len() as u64, crc64nvme: None };
    hub.grant_xorb(token, &xorb.hash, &offer).await
}

async fn a_xorb_is_durable_before_it_is_known(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let xorb = text_xorb(1);
    assert_eq!(grant(&w.hub, &token, &xorb).await.unwrap(), XorbGrant::NotOffered);
    let missing = w.hub.xorb_size(&token, &xorb.hash).await;
    assert!(matches!(missing, Err(Error::NotFound(Missing::Other(_)))), "{missing:?}");
    assert!(send_xorb(&w.hub, &token, &xorb).await.unwrap());
    let row = w.xorb_row(&xorb.hash).await.unwrap();
    assert_eq!(row.state, XorbState::Live);
    assert_eq!(row.n_chunks, xorb.table.len());
    assert_eq!(row.raw_bytes, 400_000);
    assert_eq!(row.stored_bytes, xorb.bytes.len() as u64);
    assert!(row.stored_bytes < row.raw_bytes, "the text is compressed");
    assert_eq!(row.used_at, None);
    assert_eq!(w.object(&row).await.unwrap(), xorb.bytes);
    let mut conn = w.db.read().await.unwrap();
    let tables = xet::xorb_tables(&mut conn, &[row.id]).await.unwrap();
    assert_eq!(&tables[0].1, xorb.table.packed());
    drop(conn);
    assert!(!send_xorb(&w.hub, &token, &xorb).await.unwrap(), "the user has it already");
    assert_eq!(grant(&w.hub, &token, &xorb).await.unwrap(), XorbGrant::Stored);
    assert_eq!(w.hub.xorb_size(&token, &xorb.hash).await.unwrap(), row.stored_bytes);
    assert_eq!(w.stored_keys(Family::Xorbs).await.len(), 1);
}

/// Changes of sound bodies that a hostile client may make, and what is said to them.
fn hostile_bodies(xorb: &BuiltXorb) -> Vec<(&'static str, XetHash, Bytes)> {
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = xorb.bytes.to_vec();
        change(&mut bytes);
        Bytes::from(bytes)
    };
    let first_end = xorb.table.stored_range(0..1).unwrap().end as usize;
    let entries: Vec<_> = xorb.table.entries().collect();
    let pairs = |count: usize| -> Vec<(XetHash, u64)> {
        let length = |range: &std::ops::Range<u32>| u64::from(range.end - range.start);
        entries[..count].iter().map(|entry| (entry.hash, length(&entry.raw))).collect()
    };
    vec![
        ("nothing", xorb.hash, Bytes::new()),
        ("another hash", XetHash::new([7; 32]), xorb.bytes.clone()),
        ("a flipped bit", xorb.hash, changed(&|bytes| bytes[first_end + 100] ^= 1)),
        ("trailing bytes", xorb.hash, changed(&|bytes| bytes.extend([0; 9]))),
        ("cut off", xorb.hash, xorb.bytes.slice(..xorb.bytes.len() - 1)),
        ("one chunk less", xorb.hash, xorb.bytes.slice(..first_end)),
        // The hash says nothing of stored lengths: only whoever inflates notices that this one is too long.
        ("a false raw length", xorb.hash, changed(&|bytes| bytes[5] = bytes[5].wrapping_add(1))),
        ("a false raw length, hashed", xorb_hash(&pairs(1)), {
            let mut bytes = xorb.bytes[..first_end].to_vec();
            bytes[6] = bytes[6].wrapping_add(1);
            bytes.into()
        }),
        ("another version", xorb.hash, changed(&|bytes| bytes[0] = 1)),
        ("an unknown scheme", xorb.hash, changed(&|bytes| bytes[4] = 9)),
    ]
}

async fn hostile_xorbs_leave_no_trace(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    for xorb in [text_xorb(2), pack(&[&random(3, 300_000)], 8192).xorbs.remove(0)] {
        for (name, hash, body) in hostile_bodies(&xorb) {
            let refused = send_body(&w.hub, &token, &hash, body).await;
            assert!(refusal(refused).starts_with("invalid xorb: "), "{name}");
        }
    }
    let too_large = Bytes::from(vec![0; 65 * 1024 * 1024 + 1]);
    let refused = send_body(&w.hub, &token, &XetHash::ZERO, too_large).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    let offer = XorbOffer { length: 65 * 1024 * 1024 + 1, crc64nvme: None };
    let refused = w.hub.grant_xorb(&token, &XetHash::ZERO, &offer).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    assert_eq!(w.count("xorb").await, 0);
    assert_eq!(w.stored_keys(Family::Xorbs).await, []);
}

async fn what_others_have_is_not_told(w: World) {
    let secret = w.repo(&w.alice, "secret", Private).await;
    let bobs = w.repo(&w.bob, "m", Private).await;
    let (alice, bob) = (w.write_token(&w.alice, &secret).await, w.write_token(&w.bob, &bobs).await);
    let packed = pack(&[&random(4, 300_000)], 8192);
    let xorb = &packed.xorbs[0];
    send_xorb(&w.hub, &alice, xorb).await.unwrap();
    send_shard(&w.hub, &alice, &packed.recipes).await.unwrap();
    // To bob everything is as if he were the first.
    assert_eq!(grant(&w.hub, &bob, xorb).await.unwrap(), XorbGrant::NotOffered);
    assert!(w.hub.xorb_size(&bob, &xorb.hash).await.is_err());
    let garbage = send_body(&w.hub, &bob, &xorb.hash, Bytes::from_static(b"garbage")).await;
    assert!(refusal(garbage).starts_with("invalid xorb: "));
    assert!(w.hub.xorb_size(&bob, &xorb.hash).await.is_err(), "garbage proves nothing");
    assert!(send_xorb(&w.hub, &bob, xorb).await.unwrap());
    assert_eq!(w.stored_keys(Family::Xorbs).await.len(), 1, "the copy was thrown away");
    // Now he has proved that he has the bytes.
    assert_eq!(grant(&w.hub, &bob, xorb).await.unwrap(), XorbGrant::Stored);
    assert!(!send_xorb(&w.hub, &bob, xorb).await.unwrap());
    assert!(w.hub.xorb_size(&bob, &xorb.hash).await.is_ok());
    // What he can read anyway is told at once.
    let open = w.repo(&w.alice, "open", Public).await;
    let public = pack(&[&random(5, 300_000)], 8192);
    let token = w.write_token(&w.alice, &open).await;
    send_xorb(&w.hub, &token, &public.xorbs[0]).await.unwrap();
    assert_eq!(grant(&w.hub, &bob, &public.xorbs[0]).await.unwrap(), XorbGrant::NotOffered);
    send_shard(&w.hub, &token, &public.recipes).await.unwrap();
    assert_eq!(grant(&w.hub, &bob, &public.xorbs[0]).await.unwrap(), XorbGrant::Stored);
}

async fn unused_bytes_are_limited(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let hub = w.hub_with(3, |settings| settings.xet.unreferenced_bytes_max = 250_000).await;
    let packed: Vec<_> = (10..13).map(|seed| pack(&[&random(seed, 100_000)], 8192)).collect();
    send_xorb(&hub, &token, &packed[0].xorbs[0]).await.unwrap();
    send_xorb(&hub, &token, &packed[1].xorbs[0]).await.unwrap();
    let refused = send_xorb(&hub, &token, &packed[2].xorbs[0]).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    send_xorb(&hub, &token, &packed[0].xorbs[0]).await.unwrap();
    // A file that uses them makes room.
    send_shard(&hub, &token, &packed[0].recipes).await.unwrap();
    send_xorb(&hub, &token, &packed[2].xorbs[0]).await.unwrap();
    // What somebody else has stored costs nothing.
    let bobs = w.repo(&w.bob, "m", Private).await;
    let bob = w.write_token(&w.bob, &bobs).await;
    let none = w.hub_with(4, |settings| settings.xet.unreferenced_bytes_max = 0).await;
    send_xorb(&none, &bob, &packed[2].xorbs[0]).await.unwrap();
    let fresh = send_xorb(&none, &bob, &text_xorb(14)).await;
    assert!(matches!(fresh, Err(Error::TooLarge { .. })), "{fresh:?}");
}

async fn a_lost_object_is_put_back(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let data = text_xorb(20);
    send_xorb(&w.hub, &token, &data).await.unwrap();
    let row = w.xorb_row(&data.hash).await.unwrap();
    let key = Key::xorb(&row.hash, row.generation);
    for damage in [None, Some(data.bytes.slice(..10))] {
        match damage {
            None => w.blobs.delete(&key).await.unwrap(),
            Some(bytes) => w.blobs.put(&key, bytes).await.unwrap(),
        }
        assert_eq!(grant(&w.hub, &token, &data).await.unwrap(), XorbGrant::NotOffered);
        send_xorb(&w.hub, &token, &data).await.unwrap();
        assert_eq!(w.object(&row).await.unwrap(), data.bytes);
        assert_eq!(grant(&w.hub, &token, &data).await.unwrap(), XorbGrant::Stored);
    }
    // The same chunks packed in another way do not lie where files look for them.
    w.blobs.delete(&key).await.unwrap();
    let rng = TestRng::seeded(20);
    let text: Vec<u8> = (0..400_000).map(|_| b"steelyard "[rng.below(10) as usize]).collect();
    let plain = pack(&[&text], 8192).xorbs.remove(0);
    assert_eq!(plain.hash, data.hash);
    let refused = send_xorb(&w.hub, &token, &plain).await;
    assert!(matches!(refused, Err(Error::Internal(_))), "{refused:?}");
    assert!(w.object(&row).await.is_none());
}

async fn a_condemned_xorb_comes_back_under_another_key(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let packed = pack(&[&random(30, 300_000)], 8192);
    let xorb = &packed.xorbs[0];
    send_xorb(&w.hub, &token, xorb).await.unwrap();
    let before = w.xorb_row(&xorb.hash).await.unwrap();
    w.clock.advance(Duration::from_secs(31 * 24 * 3600));
    let mut tx = w.db.write().await.unwrap();
    let condemned = xet::condemn_xorbs(&mut tx, &[before.id], w.hub.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(condemned, [before.id]);
    let token = w.write_token(&w.alice, &repo).await;
    assert_eq!(grant(&w.hub, &token, xorb).await.unwrap(), XorbGrant::NotOffered);
    assert!(send_xorb(&w.hub, &token, xorb).await.unwrap());
    let after = w.xorb_row(&xorb.hash).await.unwrap();
    assert_eq!((after.state, after.id), (XorbState::Live, before.id));
    assert_ne!(after.generation, before.generation);
    assert_eq!(w.object(&after).await.unwrap(), xorb.bytes);
    send_shard(&w.hub, &token, &packed.recipes).await.unwrap();
}

async fn a_xorb_that_is_being_deleted_is_stored_anew(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let packed = pack(&[&random(31, 300_000)], 8192);
    let xorb = &packed.xorbs[0];
    send_xorb(&w.hub, &token, xorb).await.unwrap();
    let before = w.xorb_row(&xorb.hash).await.unwrap();
    w.execute("UPDATE xorb SET state = 2, condemned_at = 1 WHERE id = $1", vec![before.id.into()])
        .await;
    let missing = refusal(send_shard(&w.hub, &token, &packed.recipes).await);
    assert!(missing.contains("does not exist"), "{missing}");
    assert_eq!(grant(&w.hub, &token, xorb).await.unwrap(), XorbGrant::NotOffered);
    send_xorb(&w.hub, &token, xorb).await.unwrap();
    let after = w.xorb_row(&xorb.hash).await.unwrap();
    // The deletion that was under way comes late.
    w.blobs.delete(&Key::xorb(&before.hash, before.generation)).await.unwrap();
    let mut tx = w.db.write().await.unwrap();
    assert!(!xet::delete_xorb(&mut tx, before.id, before.generation).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(w.object(&after).await.unwrap(), xorb.bytes);
    send_shard(&w.hub, &token, &packed.recipes).await.unwrap();
}

/// On S3 a client puts the bytes into the store itself; on a directory it is told to send them to the hub.
async fn grants_are_bound_to_whom_they_were_given(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let bobs = w.repo(&w.bob, "m", Private).await;
    let (alice, bob) = (w.write_token(&w.alice, &repo).await, w.write_token(&w.bob, &bobs).await);
    let xorb = text_xorb(40);
    let offer = XorbOffer { length: xorb.bytes.len() as u64, crc64nvme: Some(7) };
    let granted = w.hub.grant_xorb(&alice, &xorb.hash, &offer).await.unwrap();
    let XorbGrant::Put { id, url, headers } = granted else {
        assert_eq!(granted, XorbGrant::NotOffered);
        assert!(w.blobs.local_path(&Key::upload(uuid::Uuid::nil())).is_some());
        return;
    };
    assert!(url.starts_with("http") && headers.iter().any(|(name, _)| name.contains("crc64nvme")));
    let is_missing = |result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::NotFound(Missing::Other(_)))), "{result:?}");
    };
    is_missing(w.hub.commit_xorb(&alice, &xorb.hash, &id).await);
    let upload = uuid::Uuid::try_parse(&id[..32]).unwrap();
    let staged = Key::upload(upload);
    w.blobs.put(&staged, xorb.bytes.clone()).await.unwrap();
    is_missing(w.hub.commit_xorb(&bob, &xorb.hash, &id).await);
    is_missing(w.hub.commit_xorb(&alice, &XetHash::ZERO, &id).await);
    let flipped = if id.ends_with('0') { "1" } else { "0" };
    is_missing(w.hub.commit_xorb(&alice, &xorb.hash, &format!("{}{flipped}", &id[..63])).await);
    for id in ["", "x", &id[..32], &format!("{}{}", &id[..32], "é".repeat(16))] {
        is_missing(w.hub.commit_xorb(&alice, &xorb.hash, id).await);
    }
    w.hub.commit_xorb(&alice, &xorb.hash, &id).await.unwrap();
    w.hub.commit_xorb(&alice, &xorb.hash, &id).await.unwrap();
    let row = w.xorb_row(&xorb.hash).await.unwrap();
    assert_eq!(w.object(&row).await.unwrap(), xorb.bytes);
    assert_eq!(w.stored_keys(Family::Uploads).await, [], "what was staged is gone");
    // Garbage is refused and does not stay.
    let other = text_xorb(41);
    let granted = w.hub.grant_xorb(&alice, &other.hash, &offer).await.unwrap();
    let XorbGrant::Put { id, .. } = granted else { panic!("{granted:?}") };
    let staged = Key::upload(uuid::Uuid::try_parse(&id[..32]).unwrap());
    w.blobs.put(&staged, xorb.bytes.clone()).await.unwrap();
    let refused = refusal(w.hub.commit_xorb(&alice, &other.hash, &id).await);
    assert!(refused.starts_with("invalid xorb: "), "{refused}");
    assert_eq!(w.stored_keys(Family::Uploads).await, []);
    assert!(w.xorb_row(&other.hash).await.is_none());
}
