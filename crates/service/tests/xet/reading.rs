//! The bytes of a content are the same wherever they are, and nothing is given out that is not them.

use futures_util::StreamExt as _;
use steelyard_core::Visibility::Private;
use steelyard_core::fault::Moment;
use steelyard_db::lfs::Home;
use steelyard_service::xet::ContentStream;
use steelyard_testkit::TestRng;
use steelyard_xet::xorb::StoredChunks;
use steelyard_xet::{Scheme, Term, Terms};

use crate::planted::{Kind, PlantedFile, PlantedXorb, chunks, gather, ranges, sha256, slice};
use crate::world::{World, on_every_store};

on_every_store!(
    every_range_is_exact,
    many_small_terms_are_exact,
    raw_content_is_read_as_before,
    a_content_that_moves_before_it_is_opened_is_found,
    a_content_may_move_under_a_reader,
    damaged_xorbs_are_noticed,
    stores_that_fail_are_noticed,
    a_file_may_be_put_together_anew_under_a_reader,
    what_is_quarantined_is_not_given_out,
);

/// A file of runs of several xorbs, stored in all the ways there are.
async fn mixed(world: &World) -> (Vec<PlantedXorb>, PlantedFile) {
    let mut mixed = chunks(Kind::Random, 10, 12);
    mixed.extend(chunks(Kind::Text, 11, 12));
    mixed.extend(chunks(Kind::Weights, 12, 12));
    let xorbs = [
        world.plant_xorb(chunks(Kind::Random, 1, 40), 1).await,
        world.plant_xorb(chunks(Kind::Text, 2, 40), 0xffff_ffff).await,
        world.plant_xorb(chunks(Kind::Weights, 3, 40), 3).await,
        world.plant_xorb(mixed, 4).await,
        world.plant_xorb(vec![vec![7], vec![8; 2]], 5).await,
    ];
    let [a, b, c, d, e] = &xorbs;
    let file = [
        (a, 0..40),
        (d, 5..30),
        (e, 0..1),
        (b, 39..40),
        (b, 0..39),
        (e, 1..2),
        (c, 3..33),
        (a, 10..11),
        (d, 0..36),
    ];
    let file = world.plant_file(&file).await;
    (xorbs.into(), file)
}

async fn every_range_is_exact(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let (xorbs, file) = mixed(&w).await;
    w.link(&repo, &file).await;
    let mut schemes = Vec::new();
    for xorb in &xorbs {
        let stored = w.blobs.get(&xorb.key()).await.unwrap().unwrap();
        schemes.extend(StoredChunks::new(&stored).map(|chunk| chunk.unwrap().header.scheme));
    }
    for scheme in [Scheme::None, Scheme::Lz4, Scheme::Bg4Lz4] {
        assert!(schemes.contains(&scheme), "the test lacks chunks stored as {scheme:?}");
    }
    assert!(file.size() > 8 << 20, "{}", file.size());
    for range in ranges(file.size(), 1, 24) {
        let read = w.read(&repo, file.sha256, range.clone()).await.unwrap();
        assert!(read == slice(&file.bytes, &range), "{range:?}: {} bytes", read.len());
        let read = gather(w.hub.read_xet_file(file.id, range.clone()).await.unwrap()).await;
        assert!(read.unwrap() == slice(&file.bytes, &range), "{range:?} by its id");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "a caller's mistake")]
    for beyond in [0..file.size() + 1, file.size()..file.size() + 1, 5..4] {
        assert!(w.read(&repo, file.sha256, beyond.clone()).await.is_err(), "{beyond:?}");
    }
    // A hub that knows nothing of it yet.
    let other = w.replica(2).await;
    let link = w.get_link(&repo, file.sha256).await;
    let read = other.open_content(&link, 0..file.size()).await.unwrap();
    assert!(gather(read).await.unwrap() == file.bytes);
}

/// More terms than are planned at a time, in an order that no read-ahead is made for.
async fn many_small_terms_are_exact(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let mut xorbs = Vec::new();
    for seed in 0..6 {
        let kind = if seed % 2 == 0 { Kind::Random } else { Kind::Text };
        xorbs.push(w.plant_xorb(chunks(kind, 20 + seed, 8), 1).await);
    }
    let rng = TestRng::seeded(5);
    let runs: Vec<_> = (0..120)
        .map(|_| {
            let xorb = &xorbs[usize::try_from(rng.below(6)).unwrap()];
            let start = u32::try_from(rng.below(8)).unwrap();
            let length = 1 + u32::try_from(rng.below(u64::from(8 - start))).unwrap();
            (xorb, start..start + length)
        })
        .collect();
    let file = w.plant_file(&runs).await;
    w.link(&repo, &file).await;
    for range in ranges(file.size(), 2, 8) {
        let read = w.read(&repo, file.sha256, range.clone()).await.unwrap();
        assert!(read == slice(&file.bytes, &range), "{range:?}: {} bytes", read.len());
    }
}

async fn raw_content_is_read_as_before(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let bytes = TestRng::seeded(3).bytes(1_500_000);
    w.plant_raw(&repo, &bytes).await;
    w.plant_raw(&repo, b"").await;
    for range in ranges(bytes.len() as u64, 3, 6) {
        let read = w.read(&repo, sha256(&bytes), range.clone()).await.unwrap();
        assert!(read == slice(&bytes, &range), "{range:?}: {} bytes", read.len());
    }
    assert!(w.read(&repo, sha256(b""), 0..0).await.unwrap().is_empty());
    assert!(w.read(&repo, sha256(&bytes), 0..bytes.len() as u64 + 1).await.is_err());
}

async fn a_content_that_moves_before_it_is_opened_is_found(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let (_, file) = mixed(&w).await;
    w.plant_raw(&repo, &file.bytes).await;
    let before = w.get_link(&repo, file.sha256).await;
    assert_eq!(before.home, Home::Raw);
    w.move_to(&file).await;
    let read = gather(w.hub.open_content(&before, 5..file.size()).await.unwrap()).await.unwrap();
    assert!(read == file.bytes[5..]);
    let home = w.get_link(&repo, file.sha256).await.home;
    assert_eq!(home, Home::Xet { file_id: file.id, hash: file.hash });
}

/// What has begun goes on: the object is kept for hours, and on a directory even an object that is gone is still open.
async fn a_content_may_move_under_a_reader(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let (_, file) = mixed(&w).await;
    w.plant_raw(&repo, &file.bytes).await;
    let link = w.get_link(&repo, file.sha256).await;
    let mut reading = w.hub.open_content(&link, 0..file.size()).await.unwrap();
    let mut read = reading.next().await.unwrap().unwrap().to_vec();
    w.move_to(&file).await;
    while let Some(bytes) = reading.next().await {
        read.extend_from_slice(&bytes.unwrap());
    }
    assert!(read == file.bytes);
}

/// Reads to the end or to an error; what came before the error must be right.
async fn read_until_error(mut stream: ContentStream, right: &[u8]) -> Option<String> {
    let mut at = 0;
    while let Some(bytes) = stream.next().await {
        match bytes {
            Ok(bytes) => {
                assert!(bytes[..] == right[at..at + bytes.len()], "wrong bytes at {at}");
                at += bytes.len();
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                return Some(format!("{error}: {}", cause.unwrap_or_default()));
            }
        }
    }
    assert_eq!(at, right.len(), "the stream ended early and said nothing");
    None
}

async fn damaged_xorbs_are_noticed(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let (xorbs, file) = mixed(&w).await;
    w.link(&repo, &file).await;
    let stream = || async { w.hub.read_xet_file(file.id, 0..file.size()).await.unwrap() };
    for (xorb, name) in [(&xorbs[0], "plain"), (&xorbs[1], "compressed")] {
        let sound = w.blobs.get(&xorb.key()).await.unwrap().unwrap();
        let third = xorb.table.stored_range(3..4).unwrap();
        let (start, end) = (third.start as usize, third.end as usize);
        let with = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = sound.to_vec();
            change(&mut bytes);
            bytes
        };
        let damaged = [
            ("is cut off", with(&|bytes| bytes.truncate(end - 1))),
            ("is empty", Vec::new()),
            (
                "has a longer chunk",
                with(&|bytes| bytes[start + 1] = bytes[start + 1].wrapping_add(1)),
            ),
            ("has an unknown version", with(&|bytes| bytes[start] = 1)),
            ("has an unknown scheme", with(&|bytes| bytes[start + 4] = 9)),
            ("lacks a chunk", with(&|bytes| drop(bytes.drain(start..end)))),
        ];
        for (what, bytes) in damaged {
            w.blobs.put(&xorb.key(), bytes.into()).await.unwrap();
            let error = read_until_error(stream().await, &file.bytes).await;
            assert!(error.is_some(), "nobody noticed that the {name} xorb {what}");
        }
        // A frame that inflates to something else, where its checks cannot tell, must at least have the right length.
        w.blobs.put(&xorb.key(), sound).await.unwrap();
        assert_eq!(read_until_error(stream().await, &file.bytes).await, None);
    }
    w.blobs.delete(&xorbs[1].key()).await.unwrap();
    let error = read_until_error(stream().await, &file.bytes).await.unwrap();
    assert!(error.contains(&xorbs[1].key().to_string()), "{error}");
}

/// Whichever call fails: what was given out before is right, and the end is not mistaken for the end of the file.
async fn stores_that_fail_are_noticed(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let (_, file) = mixed(&w).await;
    w.link(&repo, &file).await;
    let link = w.get_link(&repo, file.sha256).await;
    for call in 1.. {
        let moment = if call % 2 == 0 { Moment::Before } else { Moment::After };
        let hub = w.replica(call).await;
        w.db.faults().arm(call, moment);
        let error = match hub.open_content(&link, 0..file.size()).await {
            Ok(stream) => read_until_error(stream, &file.bytes).await,
            Err(error) => Some(error.to_string()),
        };
        if !w.db.faults().disarm() {
            assert_eq!(error, None);
            assert!(call > 10, "{call} calls are fewer than there are pieces");
            break;
        }
        // What fails only after its effect may be a look at something that nobody needs.
        assert!(
            error.is_some() || moment == Moment::After,
            "nobody noticed that call {call} failed"
        );
    }
}

/// The terms of a file are replaced by others with the same bytes, and the old xorb goes, while somebody reads slowly.
async fn a_file_may_be_put_together_anew_under_a_reader(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let old = w.plant_xorb(chunks(Kind::Random, 30, 60), 1).await;
    let file = w.plant_file(&[(&old, 0..60)]).await;
    w.link(&repo, &file).await;
    let mut reading = w.hub.read_xet_file(file.id, 1..file.size()).await.unwrap();
    let mut read = reading.next().await.unwrap().unwrap().to_vec();
    // Other cuts, so that no piece of the new terms begins where one of the old ones did.
    let cuts: Vec<Vec<u8>> = file.bytes.chunks(50_000).map(<[u8]>::to_vec).collect();
    let new = w.plant_xorb(cuts.clone(), 2).await;
    let runs = [0..7, 7..30, 30..u32::try_from(cuts.len()).unwrap()];
    let terms = Terms::pack(runs.map(|run| -> Term { new.term(run) })).unwrap();
    let mut tx = w.db.write().await.unwrap();
    let sql = "UPDATE xet_file SET terms = $2, n_terms = $3 WHERE id = $1";
    let args = vec![file.id.into(), terms.packed().to_vec().into(), 3_i64.into()];
    tx.execute(sql, args).await.unwrap();
    tx.commit().await.unwrap();
    w.blobs.delete(&old.key()).await.unwrap();
    while let Some(bytes) = reading.next().await {
        read.extend_from_slice(&bytes.unwrap());
    }
    assert!(read == file.bytes[1..], "{} bytes of {}", read.len(), file.size());
}

async fn what_is_quarantined_is_not_given_out(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let (_, file) = mixed(&w).await;
    w.claim(&repo, &file, sha256(b"something else")).await;
    let claimed = sha256(b"something else");
    let link = w.get_link(&repo, claimed).await;
    assert_eq!(link.home, Home::Claimed { file_id: file.id, hash: file.hash });
    assert!(w.read(&repo, claimed, 0..file.size()).await.unwrap() == file.bytes, "nobody knows");
    w.verify(&file).await;
    let refused = w.read(&repo, claimed, 0..file.size()).await.unwrap_err();
    assert_eq!(refused.code(), "not_found");
}
