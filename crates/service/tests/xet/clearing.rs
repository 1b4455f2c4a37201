//! What arrived as plain bytes moves into xorbs; what nobody uses goes, and what anybody uses stays.

use std::time::Duration;

use steelyard_blob::{Family, Key};
use steelyard_core::RepoId;
use steelyard_core::Sha256;
use steelyard_core::Visibility::Private;
use steelyard_db::lfs::{self, Home};
use steelyard_db::xet;
use steelyard_service::Error;
use steelyard_testkit::TestRng;

use crate::client::{pack, random, send};
use crate::planted::{Kind, PlantedFile, chunks, sha256};
use crate::stores;
use crate::world::{World, on_every_store};

const DAY: Duration = Duration::from_secs(24 * 3600);

on_every_store!(
    a_raw_content_moves_into_xorbs,
    a_content_of_any_length_has_the_hash_clients_compute,
    an_edited_content_shares_the_xorbs_of_the_first,
    a_content_that_clients_stored_already_is_not_stored_again,
    damaged_raw_bytes_stay_where_they_are,
    what_nobody_names_goes_after_its_time,
    a_xorb_stays_while_somebody_may_refer_to_it,
    objects_without_a_row_go,
    a_mostly_empty_xorb_is_copied_without_what_nobody_has,
    the_report_tells_what_would_go,
    storage_is_explained_file_by_file,
    uploads_go_on_while_everything_is_cleared,
);

/// Links a raw content and has it put into xorbs by the jobs.
async fn chunked(w: &World, repo: &RepoId, bytes: &[u8]) -> Home {
    w.plant_raw(repo, bytes).await;
    assert_eq!(w.get_link(repo, sha256(bytes)).await.home, Home::Raw);
    // An upload puts the job in line itself; what was planted is found by the next look for such.
    w.clock.advance(Duration::from_secs(700));
    let tally = w.hub.run_jobs_until_idle().await.unwrap();
    assert_eq!(tally.failed, 0);
    let home = w.get_link(repo, sha256(bytes)).await.home;
    assert!(matches!(home, Home::Xet { .. }), "{home:?}");
    home
}

async fn stored_xorb_bytes(w: &World) -> u64 {
    w.hub.hub_usage().await.unwrap().xorbs.bytes
}

async fn raw_is_there(w: &World, sha256: &Sha256) -> bool {
    w.blobs.head(&Key::lfs(sha256)).await.unwrap().is_some()
}

async fn a_raw_content_moves_into_xorbs(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let rng = TestRng::seeded(5);
    // One byte, one chunk, many chunks, and what compresses.
    let contents =
        [vec![7], rng.bytes(100), rng.bytes(9_000_000), chunks(Kind::Weights, 6, 100).concat()];
    for bytes in &contents {
        chunked(&w, &repo, bytes).await;
        let (size, sha256) = (bytes.len() as u64, sha256(bytes));
        assert!(w.read(&repo, sha256, 0..size).await.unwrap() == *bytes);
        assert!(raw_is_there(&w, &sha256).await, "readers who have its address still need it");
    }
    let weights = contents[3].len() as u64;
    let usage = w.hub.hub_usage().await.unwrap();
    assert_eq!((usage.raw.count, usage.left_over.count), (0, 4));
    assert!(usage.xorbs.bytes < 9_000_000 + weights * 97 / 100, "{usage:?}");
    // The store tells the real time.
    let written = w.blobs.head(&Key::lfs(&sha256(&contents[3]))).await.unwrap().unwrap().modified;
    w.clock.set(written.plus_secs(2 * 3600 + 700));
    w.hub.run_jobs_until_idle().await.unwrap();
    for bytes in &contents {
        let (size, sha256) = (bytes.len() as u64, sha256(bytes));
        assert!(!raw_is_there(&w, &sha256).await, "the object it came in is left over");
        assert!(w.read(&repo, sha256, 0..size).await.unwrap() == *bytes);
    }
    // Uploaded once more, it is left over from the start.
    w.plant_raw(&repo, &contents[1]).await;
    w.hub.run_jobs_until_idle().await.unwrap();
    assert_eq!(w.hub.hub_usage().await.unwrap().raw.count, 0);
}

async fn a_content_of_any_length_has_the_hash_clients_compute(w: World) {
    const MIB: usize = 1 << 20;
    let repo = w.repo(&w.alice, "m", Private).await;
    let all = TestRng::seeded(6).bytes(135 * MIB);
    // What is worked on at once has 4 MiB, a full xorb 64.
    for length in [4 * MIB - 1, 4 * MIB, 8 * MIB, 8 * MIB + 1, all.len()] {
        let bytes = &all[all.len() - length..];
        let home = chunked(&w, &repo, bytes).await;
        let expected = pack(&[bytes], 500).recipes[0].hash;
        assert!(matches!(home, Home::Xet { hash, .. } if hash == expected), "{length} bytes");
        let size = length as u64;
        assert!(w.read(&repo, sha256(bytes), 0..size).await.unwrap() == *bytes, "{length} bytes");
    }
}

async fn an_edited_content_shares_the_xorbs_of_the_first(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let first = TestRng::seeded(5).bytes(20_000_000);
    chunked(&w, &repo, &first).await;
    let before = stored_xorb_bytes(&w).await;
    let mut second = first.clone();
    second.splice(10_000_000..10_000_000, *b"in the middle");
    chunked(&w, &repo, &second).await;
    let grown = stored_xorb_bytes(&w).await - before;
    assert!((1..400_000).contains(&grown), "{grown} bytes more");
    for bytes in [&first, &second] {
        let size = bytes.len() as u64;
        assert!(w.read(&repo, sha256(bytes), 0..size).await.unwrap() == *bytes);
    }
}

async fn a_content_that_clients_stored_already_is_not_stored_again(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    // Cut as every client cuts, and packed so that the same chunks lie elsewhere than the hub would put them.
    let bytes = chunks(Kind::Text, 8, 40).concat();
    let mut cut = Vec::new();
    let mut chunker = steelyard_xet::Chunker::new();
    let mut each = |chunk: &[u8]| cut.push(chunk.to_vec());
    chunker.push(&bytes, &mut each);
    chunker.finish(&mut each);
    let count = u32::try_from(cut.len()).unwrap();
    let xorb = w.plant_xorb(cut, 9).await;
    let file = w.plant_file(&[(&xorb, 0..count)]).await;
    w.claim(&repo, &file, file.sha256).await;
    let other = w.repo(&w.bob, "m", Private).await;
    let before = stored_xorb_bytes(&w).await;
    let home = chunked(&w, &other, &bytes).await;
    assert_eq!(home, Home::Xet { file_id: file.id, hash: file.hash });
    assert_eq!(stored_xorb_bytes(&w).await, before);
    // Along the way the hub has seen that alice's claim was right.
    let home = w.get_link(&repo, file.sha256).await.home;
    assert_eq!(home, Home::Xet { file_id: file.id, hash: file.hash });
}

async fn damaged_raw_bytes_stay_where_they_are(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let bytes = TestRng::seeded(5).bytes(300_000);
    w.plant_raw(&repo, &bytes).await;
    let mut damaged = bytes.clone();
    damaged[100_000] ^= 1;
    w.blobs.put(&Key::lfs(&sha256(&bytes)), damaged.into()).await.unwrap();
    let tally = w.hub.run_jobs_until_idle().await.unwrap();
    assert!(tally.failed > 0);
    assert_eq!(w.get_link(&repo, sha256(&bytes)).await.home, Home::Raw);
    assert!(raw_is_there(&w, &sha256(&bytes)).await, "somebody may be able to repair it");
    // Repaired, it is found again.
    w.blobs.put(&Key::lfs(&sha256(&bytes)), bytes.clone().into()).await.unwrap();
    for _ in 0..8 {
        w.clock.advance(Duration::from_secs(1200));
        w.hub.run_jobs_until_idle().await.unwrap();
    }
    assert!(matches!(w.get_link(&repo, sha256(&bytes)).await.home, Home::Xet { .. }));
}

/// Lets days go by, with the sweeps of each.
async fn days(w: &World, count: u32) {
    for _ in 0..count {
        w.clock.advance(DAY);
        w.hub.sweep_lfs(w.hub.now()).await.unwrap();
        w.hub.sweep_xet(w.hub.now()).await.unwrap();
    }
}

async fn file_is_there(w: &World, file: &PlantedFile) -> bool {
    let mut conn = w.db.read().await.unwrap();
    xet::find_file_by_id(&mut conn, file.id).await.unwrap().is_some()
}

async fn unlink(w: &World, repo: &RepoId, file: &PlantedFile) {
    let key = w.key(repo).await;
    let link = w.get_link(repo, file.sha256).await;
    let mut tx = w.db.write().await.unwrap();
    assert!(lfs::delete_link(&mut tx, key, &link.public_id).await.unwrap());
    tx.commit().await.unwrap();
}

async fn what_nobody_names_goes_after_its_time(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let shared = w.plant_xorb(chunks(Kind::Random, 1, 10), 1).await;
    let own = w.plant_xorb(chunks(Kind::Random, 2, 10), 2).await;
    let kept = w.plant_file(&[(&shared, 0..5)]).await;
    let gone = w.plant_file(&[(&shared, 3..9), (&own, 0..10)]).await;
    w.link(&repo, &kept).await;
    w.link(&repo, &gone).await;
    days(&w, 60).await;
    assert!(file_is_there(&w, &gone).await, "what is linked stays for ever");
    unlink(&w, &repo, &gone).await;
    // A week and a day for the content, thirty days for the file.
    days(&w, 30).await;
    assert!(file_is_there(&w, &gone).await, "it is only condemned");
    days(&w, 12).await;
    assert!(!file_is_there(&w, &gone).await);
    days(&w, 3).await;
    assert!(w.blobs.head(&own.key()).await.unwrap().is_none(), "nothing used it any more");
    assert!(w.blobs.head(&shared.key()).await.unwrap().is_some());
    assert!(w.read(&repo, kept.sha256, 0..kept.size()).await.unwrap() == kept.bytes);
}

async fn a_xorb_stays_while_somebody_may_refer_to_it(w: World) {
    let xorb = w.plant_xorb(chunks(Kind::Random, 1, 10), 1).await;
    let user = w.alice.user().unwrap().id;
    let mut tx = w.db.write().await.unwrap();
    let until = w.hub.now().plus_secs(30 * 24 * 3600);
    xet::touch_use(&mut tx, user, &[xorb.id], until).await.unwrap();
    tx.commit().await.unwrap();
    days(&w, 29).await;
    assert!(w.blobs.head(&xorb.key()).await.unwrap().is_some());
    let mut conn = w.db.read().await.unwrap();
    let row = xet::find_xorbs_by_id(&mut conn, &[xorb.id]).await.unwrap().remove(0);
    drop(conn);
    assert_eq!(row.state, xet::XorbState::Live, "it is not even condemned");
    days(&w, 4).await;
    assert!(w.blobs.head(&xorb.key()).await.unwrap().is_none());
}

async fn objects_without_a_row_go(w: World) {
    let xorb = w.plant_xorb(chunks(Kind::Random, 1, 3), 7).await;
    let bytes = w.blobs.get(&xorb.key()).await.unwrap().unwrap();
    // A duplicate that could not be removed, and a xorb whose record never came.
    let other = Key::xorb(&xorb.hash, 8);
    let unknown = Key::xorb(&xorb.chunk_hash(0), 1);
    w.blobs.put(&other, bytes.clone()).await.unwrap();
    w.blobs.put(&unknown, bytes).await.unwrap();
    // What is young may be about to be recorded. Stores tell the real time.
    let written = w.blobs.head(&other).await.unwrap().unwrap().modified;
    let swept = w.hub.sweep_xet_orphans(written.plus_secs(6 * 24 * 3600)).await.unwrap();
    assert_eq!(swept, 0);
    let swept = w.hub.sweep_xet_orphans(written.plus_secs(8 * 24 * 3600)).await.unwrap();
    assert_eq!(swept, 2);
    let left = w.blobs.list(Family::Xorbs, None, 10).await.unwrap();
    assert_eq!(left.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [xorb.key()]);
}

async fn a_mostly_empty_xorb_is_copied_without_what_nobody_has(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let mut mixed = chunks(Kind::Random, 1, 30);
    mixed.extend(chunks(Kind::Text, 2, 30));
    let old = w.plant_xorb(mixed, 1).await;
    let whole = w.plant_file(&[(&old, 0..60)]).await;
    let parts = w.plant_file(&[(&old, 2..5), (&old, 40..44), (&old, 3..4)]).await;
    let other = w.plant_file(&[(&old, 4..6)]).await;
    for file in [&whole, &parts, &other] {
        w.link(&repo, file).await;
    }
    w.index_chunk(&old, 41).await;
    w.index_chunk(&old, 50).await;
    days(&w, 1).await;
    assert_eq!(w.hub.compact_xorbs(w.hub.now()).await.unwrap(), 0, "all of it is in use");
    unlink(&w, &repo, &whole).await;
    days(&w, 45).await;
    let saved = w.hub.compact_xorbs(w.hub.now()).await.unwrap();
    assert!(saved > u64::from(old.table.stored_bytes()) / 2, "{saved}");
    for file in [&parts, &other] {
        // A reader who has seen the old terms, and one who comes fresh.
        let fresh = w.replica(9).await;
        let link = w.get_link(&repo, file.sha256).await;
        let stream = fresh.open_content(&link, 0..file.size()).await.unwrap();
        assert!(crate::planted::gather(stream).await.unwrap() == file.bytes);
        assert!(w.read(&repo, file.sha256, 0..file.size()).await.unwrap() == file.bytes);
    }
    let mut conn = w.db.read().await.unwrap();
    let found =
        xet::find_dedup(&mut conn, &[old.chunk_hash(41), old.chunk_hash(50)]).await.unwrap();
    drop(conn);
    let [(hash, moved_to, index)] = found[..] else { panic!("{found:?}") };
    assert_eq!((hash, index), (old.chunk_hash(41), 5), "2..6 come first, then 40..44");
    assert_ne!(moved_to, old.id);
    days(&w, 4).await;
    assert!(w.blobs.head(&old.key()).await.unwrap().is_none(), "the old one is not used any more");
    assert!(w.read(&repo, parts.sha256, 0..parts.size()).await.unwrap() == parts.bytes);
    assert_eq!(w.hub.compact_xorbs(w.hub.now()).await.unwrap(), 0, "there is nothing left to do");
}

async fn the_report_tells_what_would_go(w: World) {
    let unused = w.plant_xorb(chunks(Kind::Random, 1, 3), 7).await;
    let used = w.plant_xorb(chunks(Kind::Random, 2, 3), 7).await;
    let file = w.plant_file(&[(&used, 0..3)]).await;
    let find = |steps: &[steelyard_service::xet::GcStep], name: &str| {
        let step = steps.iter().find(|step| step.step == name).unwrap();
        (step.amount.count, step.hashes.clone())
    };
    w.clock.advance(2 * DAY);
    let steps = w.hub.explain_gc(w.hub.now()).await.unwrap();
    assert_eq!(find(&steps, "condemnFiles"), (1, vec![file.hash.to_string()]));
    assert_eq!(find(&steps, "condemnXorbs"), (1, vec![unused.hash.to_string()]));
    assert!(w.blobs.head(&unused.key()).await.unwrap().is_some(), "telling changes nothing");
    let swept = w.hub.sweep_xet(w.hub.now()).await.unwrap();
    assert_eq!((swept.files_condemned, swept.xorbs_condemned, swept.xorbs_deleted), (1, 1, 0));
    let steps = w.hub.explain_gc(w.hub.now()).await.unwrap();
    assert_eq!(find(&steps, "waitFiles").0, 1);
    assert_eq!(find(&steps, "waitXorbs").0, 1);
    w.clock.advance(2 * DAY);
    let steps = w.hub.explain_gc(w.hub.now()).await.unwrap();
    assert_eq!(find(&steps, "deleteXorbs"), (1, vec![unused.hash.to_string()]));
    let swept = w.hub.sweep_xet(w.hub.now()).await.unwrap();
    assert_eq!(
        (swept.xorbs_deleted, swept.bytes_deleted),
        (1, u64::from(unused.table.stored_bytes()))
    );
}

async fn storage_is_explained_file_by_file(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let other = w.repo(&w.bob, "m", Private).await;
    let shared = w.plant_xorb(chunks(Kind::Random, 1, 10), 1).await;
    let own = w.plant_xorb(chunks(Kind::Random, 2, 10), 2).await;
    let both = w.plant_file(&[(&shared, 0..10)]).await;
    let mine = w.plant_file(&[(&shared, 0..2), (&own, 0..10)]).await;
    w.link(&repo, &both).await;
    w.link(&repo, &mine).await;
    w.link(&other, &both).await;
    let usage = w.hub.repo_usage(crate::world::MODEL, &repo).await.unwrap();
    assert_eq!(usage.logical_bytes, both.size() + mine.size());
    assert_eq!(usage.unique_bytes, u64::from(own.table.stored_bytes()));
    assert_eq!(usage.shared_bytes, u64::from(shared.table.stored_bytes()));
    let [first, second] = &usage.files[..] else { panic!("{:?}", usage.files) };
    assert_eq!((first.sha256, first.repos), (mine.sha256, 1));
    assert_eq!(first.freed_bytes, u64::from(own.table.stored_bytes()));
    assert_eq!((second.sha256, second.repos, second.freed_bytes), (both.sha256, 2, 0));
    assert_eq!(first.ref_count, 0, "no commit names it");
    let hub = w.hub.hub_usage().await.unwrap();
    assert_eq!(hub.linked.bytes, 2 * both.size() + mine.size());
    let stored = shared.table.stored_bytes() + own.table.stored_bytes();
    assert_eq!(hub.stored_bytes, u64::from(stored));
}

async fn uploads_go_on_while_everything_is_cleared(w: World) {
    const ROUNDS: u64 = 12;
    let repo = w.repo(&w.alice, "m", Private).await;
    let other = w.replica(2).await;
    let is_done = std::sync::atomic::AtomicBool::new(false);
    // A clock far ahead, so that whatever no file uses goes in the moment in which it is seen.
    let sweep = async {
        let mut swept = 0;
        while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
            // What one replica condemns, the other one deletes.
            for (hub, days) in [(&w.hub, 40), (&other, 50)] {
                let far = hub.now().plus_secs(days * 24 * 3600);
                swept += hub.sweep_xet(far).await.unwrap().xorbs_deleted;
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        }
        swept
    };
    let upload = async {
        let mut refused = 0;
        for round in 0..ROUNDS {
            // Half of each is what an earlier round stored, or a sweep has deleted since.
            let data = [random(round % 3, 300_000), random(100 + round, 200_000)].concat();
            let token = w.write_token(&w.alice, &repo).await;
            for attempt in 0.. {
                assert!(attempt < 300, "round {round} never got through");
                match send(&w.hub, &token, &pack(&[&data], 3)).await {
                    Ok(_) => break,
                    // A xorb went between its upload and the registration: clients send it again.
                    Err(Error::Invalid { .. } | Error::Unavailable(_)) => refused += 1,
                    Err(error) => panic!("{error:?}"),
                }
            }
            let size = data.len() as u64;
            assert!(w.read(&repo, sha256(&data), 0..size).await.unwrap() == data, "round {round}");
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        refused
    };
    let (swept, refused) = tokio::join!(sweep, upload);
    eprintln!("{swept} xorbs were deleted meanwhile, {refused} uploads were refused and repeated");
    for round in 0..ROUNDS {
        let data = [random(round % 3, 300_000), random(100 + round, 200_000)].concat();
        let size = data.len() as u64;
        assert!(w.read(&repo, sha256(&data), 0..size).await.unwrap() == data, "round {round}");
    }
    stores::check(&w.db, &w.blobs).await;
}
