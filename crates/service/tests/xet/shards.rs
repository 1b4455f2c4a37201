//! Shards come in: what is registered follows from the hub's own tables, or is refused as a whole.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use steelyard_core::Visibility::{Private, Public};
use steelyard_core::{Sha256, XetHash};
use steelyard_db::lfs::Home;
use steelyard_db::xet;
use steelyard_service::Error;
use steelyard_service::xet::{ShardProgress, XetBody, XetPermit};
use steelyard_xet::is_dedup_eligible;

use crate::client::{
    Packed, Recipe, pack, random, refusal, send, send_shard, send_xorb, shard_of, term,
};
use crate::planted::sha256;
use crate::stores;
use crate::world::{World, on_every_store};

on_every_store!(
    files_are_registered_and_read_back,
    files_may_share_chunks_and_xorbs,
    registering_again_changes_nothing,
    hostile_shards_are_refused_as_a_whole,
    files_are_put_together_only_from_what_one_may_know,
    leave_to_refer_ends,
    a_xorb_that_changes_meanwhile_is_looked_at_again,
    a_condemned_xorb_is_kept_by_the_file_that_uses_it,
    work_on_a_shard_is_told,
);

async fn files_are_registered_and_read_back(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    // Several xorbs for one file, one xorb for several files, and a file of one byte.
    let files: Vec<Vec<u8>> =
        [900_000, 5000, 1, 300_000].iter().zip(1..).map(|(n, seed)| random(seed, *n)).collect();
    let slices: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let packed = pack(&slices, 5);
    assert!(packed.xorbs.len() >= 3 && packed.recipes[0].terms.len() > 1);
    assert!(send(&w.hub, &token, &packed).await.unwrap().is_new);
    let mut conn = w.db.read().await.unwrap();
    for (file, recipe) in files.iter().zip(&packed.recipes) {
        w.assert_content(&repo, file).await;
        let row = xet::find_file(&mut conn, &recipe.hash).await.unwrap().unwrap();
        assert_eq!((row.sha256, row.size_bytes), (Some(sha256(file)), file.len() as u64));
        let link = w.link_of(&repo, sha256(file)).await.unwrap();
        assert_eq!(link.home, Home::Xet { file_id: row.id, hash: recipe.hash });
        // By its first chunk others will find it.
        let first = &recipe.terms[0];
        let xorb = packed.xorbs.iter().find(|xorb| xorb.hash == first.xorb).unwrap();
        let hash = xorb.table.hash(first.chunks.start).unwrap();
        let found = xet::find_dedup(&mut conn, &[hash]).await.unwrap();
        let xorb_id = w.xorb_row(&first.xorb).await.unwrap().id;
        assert_eq!(found, [(hash, xorb_id, first.chunks.start)]);
    }
    for xorb in &packed.xorbs {
        assert!(w.xorb_row(&xorb.hash).await.unwrap().used_at.is_some());
    }
    drop(conn);
    stores::check(&w.db, &w.blobs).await;
}

async fn files_may_share_chunks_and_xorbs(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let first = random(1, 1_500_000);
    let mut second = first.clone();
    second.splice(700_000..700_010, random(2, 5000));
    let both = pack(&[&first, &second], 8192);
    send(&w.hub, &token, &both).await.unwrap();
    assert!(both.recipes[1].terms.len() > 1, "the second uses chunks of the first");
    w.assert_content(&repo, &first).await;
    w.assert_content(&repo, &second).await;
    // Chunks that are found by chance are known, whichever file brought them.
    let table = &both.xorbs[0].table;
    let eligible: Vec<_> = table.entries().map(|e| e.hash).filter(is_dedup_eligible).collect();
    let mut conn = w.db.read().await.unwrap();
    assert_eq!(xet::find_dedup(&mut conn, &eligible).await.unwrap().len(), eligible.len());
    drop(conn);
    // A third file from the xorbs that are there: nothing but a shard is sent.
    let xorb = &both.xorbs[0];
    let range = table.raw_range(2..9).unwrap();
    let third = pack(&[&first], 8192);
    assert_eq!(third.xorbs[0].table.hash(2), xorb.table.hash(2));
    let bytes = &first[range.start as usize..range.end as usize];
    let pairs: Vec<_> =
        (2..9).map(|i| (table.hash(i).unwrap(), u64::from(table.raw_len(i).unwrap()))).collect();
    let recipe = Recipe {
        hash: steelyard_xet::file_hash(&pairs),
        terms: vec![term(xorb, 2..4), term(xorb, 4..9)],
        sha256: Some(sha256(bytes)),
    };
    send_shard(&w.hub, &token, &[recipe]).await.unwrap();
    w.assert_content(&repo, bytes).await;
    stores::check(&w.db, &w.blobs).await;
}

async fn registering_again_changes_nothing(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let data = random(1, 600_000);
    let packed = pack(&[&data], 8192);
    send(&w.hub, &token, &packed).await.unwrap();
    let link = w.link_of(&repo, sha256(&data)).await.unwrap();
    for _ in 0..2 {
        assert!(!send(&w.hub, &token, &packed).await.unwrap().is_new);
    }
    let counts = [w.count("xorb").await, w.count("xet_file").await, w.count("lfs_upload").await];
    assert_eq!(counts, [1, 1, 1]);
    assert_eq!(w.link_of(&repo, sha256(&data)).await.unwrap().public_id, link.public_id);
    // The same content in other xorbs: the file keeps its terms, and the new xorbs are used by nothing.
    let again = pack(&[&data], 3);
    assert_eq!(again.recipes[0].hash, packed.recipes[0].hash);
    assert!(!send(&w.hub, &token, &again).await.unwrap().is_new);
    assert!(w.xorb_row(&again.xorbs[0].hash).await.unwrap().used_at.is_none());
    // In another repository it is a new link to the same file.
    let other = w.repo(&w.alice, "n", Private).await;
    let token = w.write_token(&w.alice, &other).await;
    assert!(!send_shard(&w.hub, &token, &packed.recipes).await.unwrap().is_new);
    w.assert_content(&other, &data).await;
    stores::check(&w.db, &w.blobs).await;
}

/// What a hostile client may say of a sound file, and a part of the answer.
#[expect(clippy::reversed_empty_ranges, reason = "hostile shards hold such ranges")]
fn lies(good: &Packed) -> Vec<(&'static str, Recipe)> {
    let changed = |change: &dyn Fn(&mut Recipe)| {
        let mut recipe = good.recipes[0].clone();
        change(&mut recipe);
        recipe
    };
    let first = &good.recipes[0].terms[0];
    let xorb = good.xorbs.iter().find(|xorb| xorb.hash == first.xorb).unwrap();
    let count = xorb.table.len();
    let shorter = term(xorb, 1..first.chunks.end);
    vec![
        ("does not exist", changed(&|recipe| recipe.terms[0].xorb = XetHash::new([9; 32]))),
        ("which has", changed(&|recipe| recipe.terms[0].chunks.end = count + 1)),
        ("which has", changed(&|recipe| recipe.terms[0].chunks = count..count + 3)),
        ("the limit is", changed(&|recipe| recipe.terms[0].chunks = 0..u32::MAX)),
        ("is empty", changed(&|recipe| recipe.terms[0].chunks = 2..2)),
        ("is empty", changed(&|recipe| recipe.terms[0].chunks = 3..1)),
        ("but its chunks have", changed(&|recipe| recipe.terms[0].raw_len += 1)),
        ("but its chunks have", changed(&|recipe| recipe.terms[0].raw_len = u32::MAX)),
        ("verification hash", changed(&|recipe| recipe.terms[0].range_hash = XetHash::ZERO)),
        ("another file", changed(&|recipe| recipe.hash = XetHash::new([1; 32]))),
        ("another file", changed(&|recipe| recipe.terms[0] = shorter.clone())),
        ("another file", changed(&|recipe| recipe.terms.push(first.clone()))),
        ("is empty", changed(&|recipe| recipe.terms.clear())),
        ("without its SHA-256", changed(&|recipe| recipe.sha256 = None)),
        ("invalid sha256", changed(&|recipe| recipe.sha256 = Some(Sha256::ZERO))),
        ("invalid sha256", changed(&|recipe| recipe.sha256 = Some(sha256(b"something else")))),
    ]
}

async fn hostile_shards_are_refused_as_a_whole(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let good = pack(&[&random(1, 700_000)], 4);
    let honest = pack(&[&random(2, 200_000)], 8192);
    for xorb in good.xorbs.iter().chain(&honest.xorbs) {
        send_xorb(&w.hub, &token, xorb).await.unwrap();
    }
    for (expected, lie) in lies(&good) {
        // A file that would be fine alone, before and behind the lie.
        for recipes in
            [[honest.recipes[0].clone(), lie.clone()], [lie.clone(), honest.recipes[0].clone()]]
        {
            let text = refusal(send_shard(&w.hub, &token, &recipes).await);
            assert!(text.contains(expected), "{expected}: {text}");
        }
        for table in ["xet_file", "lfs_link", "lfs_upload", "xet_dedup"] {
            assert_eq!(w.count(table).await, 0, "{table}: {expected}");
        }
    }
    let sound = shard_of(&good.recipes);
    for at in [0, 32, 40, 47] {
        let mut bytes = sound.to_vec();
        bytes[at] ^= 0x55;
        assert!(refusal(send_bytes(&w, &token, bytes).await).starts_with("invalid shard: "));
    }
    for cut in [0, 1, 47, 48, 100, sound.len() - 48, sound.len() - 1] {
        let cut = send_bytes(&w, &token, sound[..cut].to_vec()).await;
        assert!(refusal(cut).starts_with("invalid shard: "));
    }
    let small = w.hub_with(5, |settings| settings.limits.lfs_object_bytes_max = 699_999).await;
    let refused = send_shard(&small, &token, &good.recipes).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    assert_eq!(w.count("xet_file").await, 0);
    send_shard(&w.hub, &token, &good.recipes).await.unwrap();
    stores::check(&w.db, &w.blobs).await;
}

async fn send_bytes(
    w: &World,
    token: &steelyard_service::xet::XetToken,
    bytes: Vec<u8>,
) -> Result<steelyard_service::xet::Registered, Error> {
    let permit = w.hub.xet_memory(XetPermit::shard_cost(bytes.len() as u64)).await.unwrap();
    w.hub.register_shard(token, XetBody { bytes: bytes.into(), permit }, &|_| {}).await
}

async fn files_are_put_together_only_from_what_one_may_know(w: World) {
    let secret = w.repo(&w.alice, "secret", Private).await;
    let bobs = w.repo(&w.bob, "m", Private).await;
    let data = random(1, 400_000);
    let packed = pack(&[&data], 8192);
    let alice = w.write_token(&w.alice, &secret).await;
    send(&w.hub, &alice, &packed).await.unwrap();
    // Bob knows every hash of it, and has not one byte.
    let bob = w.write_token(&w.bob, &bobs).await;
    let forbidden = refusal(send_shard(&w.hub, &bob, &packed.recipes).await);
    let mut missing = packed.recipes.clone();
    missing[0].terms[0].xorb = XetHash::new([9; 32]);
    let missing = refusal(send_shard(&w.hub, &bob, &missing).await);
    let name = packed.recipes[0].terms[0].xorb.to_string();
    let other = XetHash::new([9; 32]).to_string();
    assert_eq!(forbidden.replace(&name, "X"), missing.replace(&other, "X"));
    assert!(w.link_of(&bobs, sha256(&data)).await.is_none());
    // What he can read he may use.
    w.set_visibility(&secret, Public).await;
    send_shard(&w.hub, &bob, &packed.recipes).await.unwrap();
    w.assert_content(&bobs, &data).await;
    // And keeps what he made of it when it is hidden again.
    w.set_visibility(&secret, Private).await;
    w.assert_content(&bobs, &data).await;
    send_shard(&w.hub, &bob, &packed.recipes).await.unwrap();
}

async fn leave_to_refer_ends(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let packed = pack(&[&random(1, 300_000)], 8192);
    send_xorb(&w.hub, &token, &packed.xorbs[0]).await.unwrap();
    w.clock.advance(Duration::from_secs(29 * 24 * 3600));
    let token = w.write_token(&w.alice, &repo).await;
    // A shard of another session, from the client's own memory.
    send_shard(&w.hub, &token, &packed.recipes).await.unwrap();
    let other = pack(&[&random(2, 300_000)], 8192);
    send_xorb(&w.hub, &token, &other.xorbs[0]).await.unwrap();
    w.clock.advance(Duration::from_secs(31 * 24 * 3600));
    let token = w.write_token(&w.alice, &repo).await;
    let refused = refusal(send_shard(&w.hub, &token, &other.recipes).await);
    assert!(refused.contains("does not exist"), "{refused}");
    send_xorb(&w.hub, &token, &other.xorbs[0]).await.unwrap();
    send_shard(&w.hub, &token, &other.recipes).await.unwrap();
}

/// Waits for something where nothing can be awaited.
fn wait(work: impl Future<Output = ()>) {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work));
}

/// Does something to the stores in the moment in which a checked shard is about to be recorded.
async fn register_while(
    w: &World,
    packed: &Packed,
    token: &steelyard_service::xet::XetToken,
    meanwhile: &(dyn Fn(u32) + Send + Sync),
) -> (Result<steelyard_service::xet::Registered, Error>, u32) {
    let rounds = AtomicU32::new(0);
    let bytes = shard_of(&packed.recipes);
    let permit = w.hub.xet_memory(XetPermit::shard_cost(bytes.len() as u64)).await.unwrap();
    let progress = |step: ShardProgress| {
        if step == ShardProgress::Committing {
            let round = rounds.fetch_add(1, SeqCst) + 1;
            meanwhile(round);
        }
    };
    let result = w.hub.register_shard(token, XetBody { bytes, permit }, &progress).await;
    (result, rounds.into_inner())
}

async fn a_xorb_that_changes_meanwhile_is_looked_at_again(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let data = random(1, 300_000);
    let packed = pack(&[&data], 8192);
    let hash = packed.xorbs[0].hash;
    send_xorb(&w.hub, &token, &packed.xorbs[0]).await.unwrap();
    // It is condemned, deleted, and uploaded again by the same user.
    let replace = |round: u32| {
        wait(async {
            if round == 1 {
                w.execute("UPDATE xorb SET state = 2, condemned_at = 1", Vec::new()).await;
                send_xorb(&w.hub, &token, &packed.xorbs[0]).await.unwrap();
            }
        });
    };
    let before = w.xorb_row(&hash).await.unwrap();
    let (result, rounds) = register_while(&w, &packed, &token, &replace).await;
    assert!(result.unwrap().is_new);
    assert_eq!(rounds, 2);
    assert_ne!(w.xorb_row(&hash).await.unwrap().generation, before.generation);
    w.assert_content(&repo, &data).await;
    // It is deleted for good.
    let other = pack(&[&random(2, 300_000)], 8192);
    send_xorb(&w.hub, &token, &other.xorbs[0]).await.unwrap();
    let id = w.xorb_row(&other.xorbs[0].hash).await.unwrap().id;
    let doom = "UPDATE xorb SET state = 2, condemned_at = 1 WHERE id = $1";
    let delete = |_| wait(w.execute(doom, vec![id.into()]));
    let (result, rounds) = register_while(&w, &other, &token, &delete).await;
    assert!(refusal(result).contains("does not exist"));
    assert_eq!(rounds, 1);
    // It changes all the time.
    send_xorb(&w.hub, &token, &other.xorbs[0]).await.unwrap();
    let change = |_| {
        wait(async {
            w.execute(doom, vec![id.into()]).await;
            send_xorb(&w.hub, &token, &other.xorbs[0]).await.unwrap();
        });
    };
    let (result, rounds) = register_while(&w, &other, &token, &change).await;
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    assert_eq!(rounds, 3);
    stores::check(&w.db, &w.blobs).await;
}

async fn a_condemned_xorb_is_kept_by_the_file_that_uses_it(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let data = random(1, 300_000);
    let packed = pack(&[&data], 8192);
    send_xorb(&w.hub, &token, &packed.xorbs[0]).await.unwrap();
    w.execute("UPDATE xorb SET state = 1, condemned_at = 1", Vec::new()).await;
    send_shard(&w.hub, &token, &packed.recipes).await.unwrap();
    let row = w.xorb_row(&packed.xorbs[0].hash).await.unwrap();
    assert_eq!(row.state, xet::XorbState::Live);
    w.assert_content(&repo, &data).await;
}

async fn work_on_a_shard_is_told(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let token = w.write_token(&w.alice, &repo).await;
    let files: Vec<Vec<u8>> = (0..6).map(|seed| random(seed, 50_000)).collect();
    let slices: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let packed = pack(&slices, 8192);
    for xorb in &packed.xorbs {
        send_xorb(&w.hub, &token, xorb).await.unwrap();
    }
    let steps = Mutex::new(Vec::new());
    let bytes = shard_of(&packed.recipes);
    let permit = w.hub.xet_memory(XetPermit::shard_cost(bytes.len() as u64)).await.unwrap();
    let progress = |step| steps.lock().unwrap().push(step);
    w.hub.register_shard(&token, XetBody { bytes, permit }, &progress).await.unwrap();
    let steps = steps.into_inner().unwrap();
    assert_eq!(steps.first(), Some(&ShardProgress::Validating { verified: 0, total: 6 }));
    assert!(steps.contains(&ShardProgress::Validating { verified: 6, total: 6 }));
    assert_eq!(steps.last(), Some(&ShardProgress::Committing));
}
