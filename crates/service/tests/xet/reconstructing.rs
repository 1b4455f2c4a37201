//! What clients are told to fetch gives the file, and nothing of anybody else's.

use std::collections::HashMap;
use std::ops::Range;

use futures_util::TryStreamExt as _;
use steelyard_core::Visibility::{Private, Public};
use steelyard_core::{RepoId, XetHash};
use steelyard_service::xet::{FetchRange, FetchWay, Reconstruction, XetToken};
use steelyard_service::{Error, Missing};
use steelyard_testkit::{Launch, TestRng, tools};
use steelyard_xet::Decompressor;
use steelyard_xet::xorb::StoredChunks;

use crate::planted::{Kind, PlantedFile, PlantedXorb, chunks, ranges, sha256, slice};
use crate::world::{World, on_every_store};

on_every_store!(
    a_client_gets_exactly_the_range,
    several_files_are_told_of_at_once,
    nothing_lies_behind_the_end,
    addresses_cover_no_neighbour,
    a_hash_gives_nothing_through_another_repository,
    rights_are_asked_for_each_time,
    a_claim_is_good_until_it_is_found_wrong,
    a_file_in_pieces_has_a_limit,
);

struct Planted {
    repo: RepoId,
    xorbs: Vec<PlantedXorb>,
    file: PlantedFile,
}

async fn planted(w: &World) -> Planted {
    let repo = w.repo(&w.alice, "m", Private).await;
    let kinds = [Kind::Random, Kind::Text, Kind::Weights];
    let mut xorbs = Vec::new();
    for (kind, seed) in kinds.into_iter().zip(1..) {
        xorbs.push(w.plant_xorb(chunks(kind, seed, 20), 0xabc).await);
    }
    let [a, b, c] = &xorbs[..] else { unreachable!() };
    let runs = [(a, 0..6), (b, 2..20), (a, 6..9), (c, 1..19), (a, 12..13), (b, 0..1), (a, 12..14)];
    let file = w.plant_file(&runs).await;
    w.link(&repo, &file).await;
    Planted { repo, xorbs, file }
}

/// One range of a xorb, as a client fetches it; `None` when it is refused.
async fn fetch(w: &World, xorb: &XetHash, way: &FetchWay, bytes: Range<u64>) -> Option<Vec<u8>> {
    match way {
        FetchWay::Hub { generation } => {
            let stream = w.hub.open_xorb(xorb, *generation, bytes).await.unwrap();
            let parts: Vec<_> = stream.try_collect().await.unwrap();
            Some(parts.concat())
        }
        FetchWay::Store { url } => {
            let (dir, range) =
                (tempfile::tempdir().unwrap(), format!("{}-{}", bytes.start, bytes.end - 1));
            let out = dir.path().join("out");
            let curl = Launch::new("curl", tools::curl().unwrap())
                .args(["--silent", "--write-out", "%{http_code}", "--range", &range])
                .args(["--output", out.to_str().unwrap(), url]);
            let ran = curl.run().unwrap();
            match &ran.stdout[..] {
                b"206" => Some(std::fs::read(out).unwrap()),
                b"403" => None,
                other => panic!("{}", String::from_utf8_lossy(other)),
            }
        }
    }
}

/// Does what a client does, and believes nothing that it need not.
async fn put_together(w: &World, plan: &Reconstruction) -> Vec<u8> {
    let mut have: HashMap<(XetHash, u32), Vec<u8>> = HashMap::new();
    for one in &plan.xorbs {
        assert!(!one.ranges.is_empty());
        for FetchRange { chunks, bytes } in &one.ranges {
            let stored = fetch(w, &one.xorb, &one.way, bytes.clone()).await.unwrap();
            assert_eq!(stored.len() as u64, bytes.end - bytes.start);
            let mut decompressor = Decompressor::new();
            let mut count = 0;
            for (chunk, index) in StoredChunks::new(&stored).zip(chunks.start..) {
                let raw = chunk.unwrap().raw(&mut decompressor).unwrap().to_vec();
                assert!(have.insert((one.xorb, index), raw).is_none(), "a chunk is told of twice");
                count += 1;
            }
            assert_eq!(count, chunks.len(), "the bytes are exactly the chunks");
        }
    }
    let mut file = Vec::new();
    for term in &plan.terms {
        let is_within = plan.xorbs.iter().filter(|one| one.xorb == term.xorb).any(|one| {
            one.ranges.iter().any(|range| {
                range.chunks.start <= term.chunks.start && term.chunks.end <= range.chunks.end
            })
        });
        assert!(is_within, "a term must lie in one range");
        let before = file.len();
        term.chunks.clone().for_each(|index| file.extend_from_slice(&have[&(term.xorb, index)]));
        assert_eq!(file.len() - before, term.unpacked_length as usize);
    }
    file
}

async fn a_client_gets_exactly_the_range(w: World) {
    let Planted { repo, file, .. } = planted(&w).await;
    let token = w.read_token(&w.alice, &repo).await;
    let plan = w.hub.reconstruct_file(&token, &file.hash, None).await.unwrap().unwrap();
    assert_eq!((plan.terms.len(), plan.offset_into_first_range), (7, 0));
    assert!(put_together(&w, &plan).await == file.bytes);
    assert_eq!(w.hub.file_size(&token, &file.hash).await.unwrap(), file.size());
    let is_some = |range: &Range<u64>| range.start < range.end;
    for range in ranges(file.size(), 4, 16).into_iter().filter(is_some) {
        let asked = Some(range.clone());
        let plan = w.hub.reconstruct_file(&token, &file.hash, asked).await.unwrap().unwrap();
        let together = put_together(&w, &plan).await;
        let (skip, length) = (plan.offset_into_first_range, range.end - range.start);
        assert!(skip < 128 * 1024, "whole chunks before the range are left out");
        assert!(together.len() as u64 - skip - length < 128 * 1024, "and behind it");
        assert!(
            slice(&together, &(skip..skip + length)) == slice(&file.bytes, &range),
            "{range:?}"
        );
    }
}

async fn several_files_are_told_of_at_once(w: World) {
    let Planted { repo, xorbs, file } = planted(&w).await;
    let second = w.plant_file(&[(&xorbs[2], 3..4), (&xorbs[0], 0..1)]).await;
    let stranger = w.plant_file(&[(&xorbs[2], 4..5)]).await;
    w.link(&repo, &second).await;
    let token = w.read_token(&w.alice, &repo).await;
    let plans = w.hub.reconstruct_files(&token, &[second.hash, file.hash]).await.unwrap();
    for ((hash, plan), file) in plans.iter().zip([&second, &file]) {
        assert_eq!(*hash, file.hash);
        assert!(put_together(&w, plan).await == file.bytes);
    }
    for hashes in [[file.hash, stranger.hash], [XetHash::new([1; 32]), file.hash]] {
        let refused = w.hub.reconstruct_files(&token, &hashes).await.unwrap_err();
        assert!(matches!(refused, Error::NotFound(Missing::Other("file"))), "{refused:?}");
    }
    assert!(w.hub.reconstruct_files(&token, &[]).await.unwrap().is_empty());
}

async fn nothing_lies_behind_the_end(w: World) {
    let Planted { repo, file, .. } = planted(&w).await;
    let token = w.read_token(&w.alice, &repo).await;
    let ask = |range| w.hub.reconstruct_file(&token, &file.hash, Some(range));
    assert!(ask(file.size()..file.size() + 1).await.unwrap().is_none());
    assert!(ask(file.size()..u64::MAX).await.unwrap().is_none());
    assert!(ask(u64::MAX..u64::MAX).await.unwrap().is_none());
    assert!(ask(5..5).await.unwrap().is_none());
    let plan = ask(file.size() - 1..u64::MAX).await.unwrap().unwrap();
    let together = put_together(&w, &plan).await;
    let skip = usize::try_from(plan.offset_into_first_range).unwrap();
    assert_eq!(together[skip..], file.bytes[file.bytes.len() - 1..]);
}

/// A xorb is shared with files that others may not read, so what an address gives ends with the file's own chunks.
async fn addresses_cover_no_neighbour(w: World) {
    let Planted { xorbs, .. } = planted(&w).await;
    let mine = w.repo(&w.bob, "own", Private).await;
    let xorb = &xorbs[0];
    let file = w.plant_file(&[(xorb, 4..6), (xorb, 9..10), (xorb, 5..7)]).await;
    w.link(&mine, &file).await;
    let token = w.read_token(&w.bob, &mine).await;
    let plan = w.hub.reconstruct_file(&token, &file.hash, None).await.unwrap().unwrap();
    assert!(put_together(&w, &plan).await == file.bytes);
    let mut told: Vec<_> = plan.xorbs.iter().flat_map(|one| one.ranges.clone()).collect();
    told.sort_by_key(|range| range.chunks.start);
    let right = [4..7, 9..10].map(|run| {
        let bytes = xorb.table.stored_range(run.clone()).unwrap();
        FetchRange { chunks: run, bytes: bytes.start.into()..bytes.end.into() }
    });
    assert_eq!(told, right);
    for one in plan.xorbs.iter().filter(|one| matches!(one.way, FetchWay::Store { .. })) {
        let FetchRange { bytes, .. } = &one.ranges[0];
        assert_eq!(one.ranges.len(), 1, "clients send one range, and the store allows one");
        for other in [0..bytes.end, bytes.start..bytes.end + 1, bytes.start - 1..bytes.end, 0..1] {
            assert_eq!(fetch(&w, &one.xorb, &one.way, other.clone()).await, None, "{other:?}");
        }
    }
}

/// Status, code and words are those of a file that does not exist.
async fn assert_unknown(w: &World, token: &XetToken, hash: &XetHash) {
    let unknown = XetHash::new([0x5a; 32]);
    let missing = Error::NotFound(Missing::Other("file")).to_string();
    for hash in [hash, &unknown] {
        let errors = [
            w.hub.reconstruct_file(token, hash, None).await.map(drop).unwrap_err(),
            w.hub.reconstruct_file(token, hash, Some(0..1)).await.map(drop).unwrap_err(),
            w.hub.reconstruct_files(token, &[*hash]).await.map(drop).unwrap_err(),
            w.hub.file_size(token, hash).await.map(drop).unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.code(), error.to_string()), ("not_found", missing.clone()));
        }
    }
}

async fn a_hash_gives_nothing_through_another_repository(w: World) {
    let Planted { repo, file, .. } = planted(&w).await;
    let other = w.repo(&w.alice, "other", Private).await;
    let public = w.repo(&w.alice, "public", Public).await;
    let bobs = w.repo(&w.bob, "bobs", Private).await;
    // Not even its owner's, through a repository that does not have it.
    assert_unknown(&w, &w.read_token(&w.alice, &other).await, &file.hash).await;
    assert_unknown(&w, &w.read_token(&w.bob, &bobs).await, &file.hash).await;
    let nobody = w.read_token(&steelyard_service::Actor::Anonymous, &public).await;
    assert_unknown(&w, &nobody, &file.hash).await;
    // A token that somebody made up for a repository that they may not read is worth nothing.
    let mut forged = w.read_token(&w.bob, &bobs).await;
    forged.repo_id = w.key(&repo).await;
    let refused = w.hub.reconstruct_file(&forged, &file.hash, None).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound(Missing::Repo { .. })), "{refused:?}");
    w.link(&public, &file).await;
    assert!(w.hub.reconstruct_file(&nobody, &file.hash, None).await.unwrap().is_some());
}

async fn rights_are_asked_for_each_time(w: World) {
    let Planted { repo, file, .. } = planted(&w).await;
    w.set_visibility(&repo, Public).await;
    let (alices, bobs) = (w.read_token(&w.alice, &repo).await, w.read_token(&w.bob, &repo).await);
    let ask = async |token: &XetToken| w.hub.reconstruct_file(token, &file.hash, None).await;
    assert!(ask(&alices).await.is_ok() && ask(&bobs).await.is_ok());
    w.set_visibility(&repo, Private).await;
    let refused = ask(&bobs).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound(Missing::Repo { .. })), "{refused:?}");
    assert!(ask(&alices).await.is_ok());
    w.delete_repo(&w.alice, &repo).await;
    let refused = ask(&alices).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound(Missing::Repo { .. })), "{refused:?}");
}

async fn a_claim_is_good_until_it_is_found_wrong(w: World) {
    let Planted { repo, xorbs, .. } = planted(&w).await;
    let token = w.read_token(&w.alice, &repo).await;
    let right = w.plant_file(&[(&xorbs[1], 4..8)]).await;
    let wrong = w.plant_file(&[(&xorbs[1], 5..9)]).await;
    w.claim(&repo, &right, right.sha256).await;
    w.claim(&repo, &wrong, sha256(b"something else")).await;
    for file in [&right, &wrong] {
        let plan = w.hub.reconstruct_file(&token, &file.hash, None).await.unwrap().unwrap();
        assert!(put_together(&w, &plan).await == file.bytes);
    }
    w.verify(&right).await;
    w.verify(&wrong).await;
    assert!(w.hub.reconstruct_file(&token, &right.hash, None).await.unwrap().is_some());
    assert_unknown(&w, &token, &wrong.hash).await;
}

/// One chunk for each term, as no client would register it.
async fn a_file_in_pieces_has_a_limit(w: World) {
    let repo = w.repo(&w.alice, "m", Private).await;
    let small: Vec<Vec<u8>> = (0..250_u8).map(|byte| vec![byte]).collect();
    let xorb = w.plant_xorb(small, 1).await;
    let rng = TestRng::seeded(8);
    let run = || {
        let at = u32::try_from(rng.below(250)).unwrap();
        (&xorb, at..at + 1)
    };
    let runs: Vec<_> = (0..(1 << 18) + 1).map(|_| run()).collect();
    let file = w.plant_file(&runs).await;
    w.link(&repo, &file).await;
    let token = w.read_token(&w.alice, &repo).await;
    let refused = w.hub.reconstruct_file(&token, &file.hash, None).await.unwrap_err();
    assert!(matches!(&refused, Error::Invalid(rule) if rule.field == "Range"), "{refused:?}");
    let refused = w.hub.reconstruct_files(&token, &[file.hash]).await.unwrap_err();
    assert!(matches!(refused, Error::Invalid(_)), "{refused:?}");
    let asked = Some(1000..3000);
    let plan = w.hub.reconstruct_file(&token, &file.hash, asked).await.unwrap().unwrap();
    assert_eq!(plan.terms.len(), 2000);
    assert!(put_together(&w, &plan).await == file.bytes[1000..3000]);
    assert!(w.read(&repo, file.sha256, 0..5000).await.unwrap() == file.bytes[..5000]);
}
