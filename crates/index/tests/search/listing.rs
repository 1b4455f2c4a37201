//! Random histories: what the index says is what a scan says; pages neither skip nor repeat.

use std::collections::BTreeSet;

use steelyard_core::Timestamp;
use steelyard_core::page::Cursor;
use steelyard_index::{
    Change, Direction, Index, IndexError, Loader, Matching, SearchRequest, Sort, TextHit,
};

use crate::naive::Naive;
use crate::random::Random;
use crate::world::{NOW, condition, counters, document, pattern, request};

struct Pair {
    index: Index,
    naive: Naive,
    names: u64,
    millis: i64,
    next_id: i64,
}

impl Pair {
    fn loaded(random: &mut Random, repos: i64, names: u64) -> Self {
        let mut pair = Self {
            index: Index::new(),
            naive: Naive::default(),
            names,
            millis: NOW.millis(),
            next_id: 0,
        };
        let mut loader = Loader::new();
        for _ in 0..repos {
            let document = pair.new_document(random);
            let counters = counters(random);
            loader.push(&document, &counters);
            pair.naive.all.insert(document.repo_id, (document, counters));
        }
        pair.index.replace(loader, NOW);
        pair
    }

    /// A document of a repository that is not there, whose id nobody else has.
    fn new_document(&mut self, random: &mut Random) -> steelyard_index::Document {
        self.next_id += 1;
        let mut new = document(random, self.next_id, self.names);
        self.make_unique(&mut new);
        new
    }

    fn make_unique(&self, new: &mut steelyard_index::Document) {
        let taken = |id: &str| {
            self.naive.all.values().any(|(other, _)| {
                other.kind == new.kind
                    && other.repo_id != new.repo_id
                    && other.id.eq_ignore_ascii_case(id)
            })
        };
        // Of a large world every name is made unique without looking; lineages are then not dense.
        if self.names > 1000 || taken(&new.id) {
            new.id = format!("{}.{}", new.id, new.repo_id);
        }
    }

    fn change(&mut self, random: &mut Random) {
        self.millis += random.below(3) as i64;
        let at = Timestamp::from_millis(self.millis);
        let known: Vec<i64> = self.naive.all.keys().copied().collect();
        match if known.is_empty() { 1 } else { random.below(8) } {
            0 if known.len() > 20 => {
                let gone = *random.pick(&known);
                self.naive.all.remove(&gone);
                self.index.apply(vec![Change::Remove(gone)], at);
            }
            0 | 1 => {
                let new = self.new_document(random);
                self.index.apply(vec![Change::Put(Box::new(new.clone()))], at);
                self.naive.all.insert(new.repo_id, (new, Default::default()));
            }
            2..5 => {
                let repo_id = *random.pick(&known);
                let mut new = document(random, repo_id, self.names);
                let old = &self.naive.all[&repo_id];
                if random.one_in(2) {
                    (new.kind, new.id) = (old.0.kind, old.0.id.clone());
                } else {
                    self.make_unique(&mut new);
                }
                let counters = self.naive.all[&repo_id].1;
                self.naive.all.insert(repo_id, (new.clone(), counters));
                self.index.apply(vec![Change::Put(Box::new(new))], at);
            }
            _ => {
                let some: Vec<_> = (0..random.below(6))
                    .map(|_| (*random.pick(&known), counters(random)))
                    .collect();
                for (repo_id, counters) in &some {
                    self.naive.all.get_mut(repo_id).unwrap().1 = *counters;
                }
                self.index.set_counters(&some, at);
            }
        }
    }

    fn compare(&self, request: &SearchRequest) {
        let all = self.naive.hits(request);
        let mut request = request.clone();
        let mut found = Vec::new();
        let mut pages = 0;
        loop {
            let page = self.index.search(&request).unwrap();
            assert!(page.hits.len() <= request.limit);
            found.extend(page.hits.iter().map(|hit| hit.repo_id));
            assert_eq!(page.total, request.with_total.then_some(all.len() as u64), "{request:?}");
            for ((facet, counted), (wanted, limit)) in page.facets.iter().zip(&request.facets) {
                assert_eq!(facet, wanted);
                let counted: Vec<(String, u64)> =
                    counted.iter().map(|count| (count.word.clone(), count.count)).collect();
                assert_eq!(counted, self.naive.facet(&all, *facet, *limit), "{request:?}");
            }
            pages += 1;
            request.cursor = page.next;
            if request.cursor.is_none() || pages == 12 {
                break;
            }
        }
        let shown = &all[..found.len().min(all.len())];
        assert_eq!(found, shown, "{request:?}");
        assert!(request.cursor.is_some() || found.len() == all.len(), "{request:?}");
    }
}

#[test]
fn every_question_is_answered_as_a_scan_would() {
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let loaded = *random.pick(&[0, 40, 250]);
        let mut pair = Pair::loaded(&mut random, loaded, 12);
        for _ in 0..60 {
            for _ in 0..random.below(12) + 1 {
                pair.change(&mut random);
            }
            for _ in 0..6 {
                pair.compare(&request(&mut random, 12));
            }
        }
        assert_eq!(pair.index.len(), pair.naive.all.len() as u64);
    }
}

#[test]
fn each_condition_alone_is_answered_as_a_scan_would() {
    let mut random = Random::new(77);
    let mut pair = Pair::loaded(&mut random, 200, 6);
    for _ in 0..600 {
        pair.change(&mut random);
        let condition = condition(&mut random, 6);
        let mut request = request(&mut random, 6);
        (request.conditions, request.limit) = (vec![condition], 1000);
        request.query.terms.clear();
        pair.compare(&request);
    }
}

#[test]
fn words_are_answered_as_a_scan_would() {
    for (seed, repos, names) in [(21, 0, 12), (22, 60, 12), (23, 300, 12), (24, 9000, 1_000_000)] {
        let mut random = Random::new(seed);
        let mut pair = Pair::loaded(&mut random, repos, names);
        for _ in 0..if names > 1000 { 12 } else { 200 } {
            pair.change(&mut random);
            let mut request = request(&mut random, names);
            request.query.words = (0..random.below(3) + 1).map(|_| pattern(&mut random)).collect();
            // What the full-text side found, among it what is there no longer and what nothing else fits.
            let hit = |random: &mut Random| TextHit {
                repo_id: random.below(pair.next_id as u64 + 3) as i64,
                score: random.below(20) as f32,
            };
            if random.one_in(2) {
                request.text = Some((0..random.below(40)).map(|_| hit(&mut random)).collect());
            }
            if request.sort == Sort::Relevance {
                request.sort = Sort::Likes;
            }
            pair.compare(&request);
        }
    }
}

#[test]
fn words_are_looked_for_among_what_meets_the_rest() {
    let mut random = Random::new(31);
    let mut pair = Pair::loaded(&mut random, 700, 1_000_000);
    let (mut few, mut many) = (0, 0);
    for round in 0..200 {
        if round == 150 {
            // Keys from here on lie too far from the others for one set of bits.
            pair.next_id = 1 << 40;
        }
        pair.change(&mut random);
        let mut request = request(&mut random, 1_000_000);
        let wanted: BTreeSet<i64> = pair.naive.hits(&request).into_iter().collect();
        request.query.words = vec!["nobody-has-it".to_owned()];
        let found: BTreeSet<i64> = pair.index.with_matching(&request, |matching| match matching {
            Matching::Few(ids) => {
                few += 1;
                ids.into_iter().collect()
            }
            Matching::Many(meets) => {
                many += 1;
                let known = pair.naive.all.keys().copied();
                known.chain([i64::MIN, -1, 5000, i64::MAX]).filter(|id| meets(*id)).collect()
            }
        });
        assert_eq!(found, wanted, "{request:?}");
    }
    assert!(few > 20 && many > 20, "{few} and {many}");
}

#[test]
fn large_results_are_answered_as_a_scan_would() {
    let mut random = Random::new(5);
    let mut pair = Pair::loaded(&mut random, 26_000, 1_000_000);
    for round in 0..4 {
        for _ in 0..8 {
            let mut request = request(&mut random, 1_000_000);
            request.query.terms.retain(|term| term.is_negated || round % 2 == 0);
            pair.compare(&request);
        }
        let plain =
            SearchRequest { limit: 3, sort: Sort::Likes, ..request(&mut random, 1_000_000) };
        pair.compare(&SearchRequest {
            query: Default::default(),
            tags: vec![],
            name_contains: vec![],
            ..plain
        });
        for _ in 0..400 {
            pair.change(&mut random);
        }
    }
}

#[test]
fn a_listing_stays_as_it_was_when_it_began() {
    for seed in 100..140 {
        let mut random = Random::new(seed);
        let mut pair = Pair::loaded(&mut random, 150, 1_000_000);
        for _ in 0..200 {
            pair.change(&mut random);
        }
        let mut request = request(&mut random, 1_000_000);
        request.query.terms.clear();
        request = SearchRequest {
            viewer: steelyard_index::Viewer::All,
            limit: random.below(12) as usize + 1,
            sort: request.sort,
            direction: request.direction,
            with_total: request.with_total,
            ..SearchRequest::default()
        };
        let began = pair.naive.hits(&request);
        let (mut found, mut gone) = (Vec::new(), BTreeSet::new());
        loop {
            let page = pair.index.search(&request).unwrap();
            found.extend(page.hits.iter().map(|hit| hit.repo_id));
            request.cursor = page.next;
            if request.cursor.is_none() {
                break;
            }
            for _ in 0..random.below(25) {
                pair.change(&mut random);
            }
            gone.extend(
                began.iter().copied().filter(|repo_id| !pair.naive.all.contains_key(repo_id)),
            );
        }
        let place = |repo_id: &i64| {
            began.iter().position(|other| other == repo_id).expect("it was there at first")
        };
        let places: Vec<usize> = found.iter().map(place).collect();
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}: {places:?}");
        let shown: BTreeSet<i64> = found.into_iter().collect();
        assert!(
            began.iter().all(|repo_id| shown.contains(repo_id) || gone.contains(repo_id)),
            "seed {seed}"
        );
    }
}

#[test]
fn cursors_of_other_orders_and_forged_ones_are_refused_or_harmless() {
    let mut random = Random::new(9);
    let pair = Pair::loaded(&mut random, 100, 1_000_000);
    let request = SearchRequest { limit: 7, sort: Sort::Likes, ..SearchRequest::default() };
    let next = pair.index.search(&request).unwrap().next.unwrap();
    let with = |cursor: Cursor, sort: Sort, direction: Direction| {
        pair.index.search(&SearchRequest {
            cursor: Some(cursor),
            sort,
            direction,
            ..request.clone()
        })
    };
    assert!(with(next.clone(), Sort::Likes, Direction::Descending).is_ok());
    assert_eq!(with(next.clone(), Sort::Downloads, Direction::Descending), Err(IndexError::Cursor));
    assert_eq!(with(next.clone(), Sort::Likes, Direction::Ascending), Err(IndexError::Cursor));
    for _ in 0..2000 {
        let mut bytes = next.as_bytes().to_vec();
        match random.below(3) {
            0 => bytes.truncate(random.below(30) as usize),
            1 => bytes = (0..random.below(60)).map(|_| random.next() as u8).collect(),
            _ => {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << random.below(8);
            }
        }
        assert_eq!(
            with(Cursor::after(bytes), Sort::Likes, Direction::Descending),
            Err(IndexError::Cursor)
        );
    }
    for number in [0_u64, 1, u64::MAX, 1 << 63] {
        for moment in [i64::MIN, -1, 0, i64::MAX] {
            let forged = forge(&next, number, moment);
            assert!(with(forged, Sort::Likes, Direction::Descending).is_ok());
        }
    }
}

/// A cursor with a right checksum and wrong contents.
fn forge(like: &Cursor, number: u64, moment: i64) -> Cursor {
    let mut bytes = like.as_bytes().to_vec();
    bytes[2..10].copy_from_slice(&number.to_be_bytes());
    bytes[10..18].copy_from_slice(&number.to_be_bytes());
    bytes[18..26].copy_from_slice(&moment.to_be_bytes());
    let hash = bytes[..26]
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    bytes[26..].copy_from_slice(&hash.to_be_bytes());
    Cursor::after(bytes)
}
