//! Files are deduplicated against xorbs that are made up here, and put together again from the terms.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::hash::{chunk_hash, file_hash};
use crate::table::TableBuilder;

const LEN: u32 = 1000;

fn hash(number: u32) -> XetHash {
    chunk_hash(&number.to_le_bytes())
}

/// Chunks are numbered; each has [`LEN`] bytes unless the test says otherwise.
fn table(chunks: impl IntoIterator<Item = u32>) -> ChunkTable {
    let mut table = TableBuilder::new();
    chunks.into_iter().for_each(|number| table.push(&hash(number), LEN + 8, LEN).unwrap());
    table.finish()
}

/// What a caller does: it keeps chunks until a step tells what to do with them, and builds xorbs of a few chunks.
struct Upload {
    deduper: FileDeduper,
    pending: Vec<(XetHash, u32)>,
    building: TableBuilder,
    xorb_chunks: u32,
    stored: HashMap<i64, ChunkTable>,
    new_chunks: usize,
    new_xorbs: u32,
}

impl Upload {
    fn new(xorb_chunks: u32, known: &[(i64, ChunkTable)]) -> Self {
        let mut deduper = FileDeduper::default();
        known.iter().for_each(|(id, table)| deduper.learn(*id, table.clone()));
        Self {
            deduper,
            pending: Vec::new(),
            building: TableBuilder::new(),
            xorb_chunks,
            stored: known.iter().cloned().collect(),
            new_chunks: 0,
            new_xorbs: 0,
        }
    }

    /// Carries out the steps; the oldest pending chunks are meant.
    fn follow(&mut self, steps: &[Step]) {
        for step in steps {
            let (Step::Known(count) | Step::New(count)) = *step;
            let chunks: Vec<_> = self.pending.drain(..count as usize).collect();
            if matches!(step, Step::Known(_)) {
                continue;
            }
            for (hash, len) in chunks {
                if self.building.len() == self.xorb_chunks {
                    self.cut();
                }
                self.building.push(&hash, len + 8, len).unwrap();
                self.deduper.placed(&hash, len).unwrap();
                self.new_chunks += 1;
            }
        }
    }

    fn cut(&mut self) {
        let table = std::mem::take(&mut self.building).finish();
        let number = self.deduper.cut(&table).unwrap();
        assert_eq!(number, self.new_xorbs);
        self.new_xorbs += 1;
        self.stored.insert(new_id(number), table);
    }

    /// Uploads a file whose steps are carried out after every so many chunks; the chunks that the terms name, in order.
    fn run(mut self, chunks: &[(XetHash, u32)], batch: usize) -> (DedupedFile, Self) {
        let mut steps = Vec::new();
        for batch in chunks.chunks(batch) {
            for (hash, len) in batch {
                self.pending.push((*hash, *len));
                self.deduper.push(hash, *len, &mut steps);
            }
            self.follow(&std::mem::take(&mut steps));
            assert!(self.pending.len() < RUN_CHUNKS_MIN as usize);
        }
        self.deduper.end(&mut steps);
        self.follow(&steps);
        assert!(self.pending.is_empty());
        if !self.building.is_empty() {
            self.cut();
        }
        let deduper = std::mem::take(&mut self.deduper);
        let file = deduper.finish(new_id).unwrap();
        let pairs: Vec<_> = chunks.iter().map(|(hash, len)| (*hash, u64::from(*len))).collect();
        assert_eq!(file.hash, file_hash(&pairs));
        assert_eq!(file.first_chunk, chunks.first().map(|chunk| chunk.0));
        self.check_terms(&file.terms, chunks);
        (file, self)
    }

    fn check_terms(&self, terms: &Terms, chunks: &[(XetHash, u32)]) {
        let mut found = Vec::new();
        for term in terms.iter() {
            let table = &self.stored[&term.xorb_id];
            assert_eq!(table.stored_range(term.chunks.clone()), Some(term.stored.clone()));
            let raw = table.raw_range(term.chunks.clone()).unwrap();
            assert_eq!(raw.end - raw.start, term.raw_len);
            found.extend(term.chunks.clone().map(|index| table.entry(index).unwrap()));
        }
        let found: Vec<_> =
            found.into_iter().map(|entry| (entry.hash, entry.raw.end - entry.raw.start)).collect();
        assert_eq!(found, chunks);
    }
}

fn new_id(number: u32) -> i64 {
    1000 + i64::from(number)
}

fn numbered(numbers: impl IntoIterator<Item = u32>) -> Vec<(XetHash, u32)> {
    numbers.into_iter().map(|number| (hash(number), LEN)).collect()
}

fn runs(file: &DedupedFile) -> Vec<(i64, Range<u32>)> {
    file.terms.iter().map(|term| (term.xorb_id, term.chunks)).collect()
}

/// A file of numbered chunks against one xorb of the chunks 0 to 99, with the id 1.
fn against_hundred(numbers: impl IntoIterator<Item = u32>) -> Vec<(i64, Range<u32>)> {
    let upload = Upload::new(100, &[(1, table(0..100))]);
    runs(&upload.run(&numbered(numbers), 1).0)
}

#[test]
fn a_known_file_needs_no_new_chunk() {
    assert_eq!(against_hundred(0..100), [(1, 0..100)]);
    assert_eq!(against_hundred([7]), [(1, 7..8)]);
    assert_eq!(against_hundred([7, 8, 9]), [(1, 7..10)]);
}

#[test]
fn an_unknown_file_is_one_run_for_each_xorb() {
    let upload = Upload::new(10, &[]);
    let (file, upload) = upload.run(&numbered(200..225), 1);
    assert_eq!(runs(&file), [(1000, 0..10), (1001, 0..10), (1002, 0..5)]);
    assert_eq!((upload.new_chunks, upload.new_xorbs), (25, 3));
}

#[test]
fn an_insertion_costs_only_itself() {
    let numbers = (0..50).chain(200..203).chain(50..100);
    assert_eq!(against_hundred(numbers), [(1, 0..50), (1000, 0..3), (1, 50..100)]);
}

#[test]
fn short_runs_behind_new_chunks_are_not_worth_it() {
    let with_run = |len: u32| against_hundred((200..220).chain(30..30 + len).chain(220..230));
    assert_eq!(with_run(1), [(1000, 0..31)]);
    assert_eq!(with_run(7), [(1000, 0..37)]);
    assert_eq!(with_run(8), [(1000, 0..20), (1, 30..38), (1000, 20..30)]);
    // At the end of the file, too, a short run would be a request more.
    assert_eq!(against_hundred((200..220).chain(30..37)), [(1000, 0..27)]);
}

#[test]
fn runs_at_the_start_and_behind_a_taken_run_may_be_shorter() {
    assert_eq!(against_hundred((30..33).chain(200..220)), [(1000, 0..23)]);
    assert_eq!(against_hundred((30..34).chain(200..220)), [(1, 30..34), (1000, 0..20)]);
    let behind = |len: u32| against_hundred((0..10).chain(50..50 + len).chain(200..210));
    assert_eq!(behind(3), [(1, 0..10), (1000, 0..13)]);
    assert_eq!(behind(4), [(1, 0..10), (1, 50..54), (1000, 0..10)]);
    // The rest of the file is taken however short it is.
    assert_eq!(against_hundred((0..10).chain([50])), [(1, 0..10), (1, 50..51)]);
}

#[test]
fn few_long_chunks_are_a_long_run() {
    let mut table = TableBuilder::new();
    (0..10).for_each(|number| table.push(&hash(number), 131_080, 131_072).unwrap());
    let upload = Upload::new(100, &[(1, table.finish())]);
    let long = (3..7).map(|number| (hash(number), 131_072));
    let chunks: Vec<_> =
        numbered(200..220).into_iter().chain(long).chain(numbered(220..240)).collect();
    let (file, _) = upload.run(&chunks, 1);
    assert_eq!(runs(&file), [(1000, 0..20), (1, 3..7), (1000, 20..40)]);
}

#[test]
fn what_the_file_repeats_is_found_in_its_own_xorbs() {
    let numbers = || (200..220).chain(300..303);
    let chunks = numbered(numbers().chain(numbers()).chain([400]));
    // The second time all of it is in the xorb under construction, or partly in one that is cut at that moment.
    for (xorb_chunks, new_chunks) in [(100, 24), (24, 24), (23, 24), (22, 25), (20, 27)] {
        for batch in [1, 3] {
            let (_, upload) = Upload::new(xorb_chunks, &[]).run(&chunks, batch);
            assert_eq!(upload.new_chunks, new_chunks, "{xorb_chunks} {batch}");
        }
    }
}

#[test]
fn a_run_may_wait_while_its_xorb_is_cut() {
    let mut upload = Upload::new(8, &[]);
    let chunks = numbered((0..8).chain([100]).chain(0..8));
    let mut steps = Vec::new();
    for (index, (hash, len)) in chunks.iter().enumerate() {
        upload.pending.push((*hash, *len));
        upload.deduper.push(hash, *len, &mut steps);
        // The first xorb is full; the ninth chunk will cut it, and is placed only after the repetition was found.
        if index < 8 {
            upload.follow(&std::mem::take(&mut steps));
        }
    }
    assert_eq!(steps, [Step::New(1), Step::Known(8)]);
    upload.deduper.end(&mut steps);
    upload.follow(&steps);
    upload.cut();
    let file = std::mem::take(&mut upload.deduper).finish(new_id).unwrap();
    upload.check_terms(&file.terms, &chunks);
    assert_eq!(runs(&file), [(1000, 0..8), (1001, 0..1), (1000, 0..8)]);
}

#[test]
fn equal_chunks_repeat_in_runs() {
    let (file, upload) = Upload::new(100, &[]).run(&numbered([5; 1000]), 1);
    // The first eight of them; 992 are 124 such runs.
    assert_eq!(upload.new_chunks, 8);
    assert!(file.terms.len() <= 126, "{} terms", file.terms.len());
}

#[test]
fn what_is_too_much_to_remember_is_forgotten() {
    let mut deduper = FileDeduper::new(25);
    deduper.learn(1, table(0..10));
    deduper.learn(2, table(10..20));
    assert!(deduper.knows_xorb(1) && deduper.knows_xorb(2));
    assert!(!deduper.wants_lookup(0, &hash(3)));
    deduper.learn(3, table(5..15));
    assert!(!deduper.knows_xorb(1) && deduper.knows_xorb(2) && deduper.knows_xorb(3));
    assert!(deduper.wants_lookup(0, &hash(3)));
    assert!(!deduper.wants_lookup(0, &hash(5)) && !deduper.wants_lookup(0, &hash(19)));
    // Chunks of a forgotten xorb that another one has are still known.
    let mut overlapping = FileDeduper::new(25);
    overlapping.learn(1, table(0..10));
    overlapping.learn(2, table(5..15));
    overlapping.learn(3, table(20..30));
    assert!(!overlapping.knows_xorb(1));
    assert!(overlapping.wants_lookup(0, &hash(4)) && !overlapping.wants_lookup(0, &hash(5)));
    // A run that has begun is not lost with its xorb.
    let mut steps = Vec::new();
    for number in 16..20 {
        deduper.push(&hash(number), LEN, &mut steps);
    }
    assert_eq!(steps, [Step::Known(4)]);
    deduper.learn(4, table(100..120));
    assert!(!deduper.knows_xorb(2));
    deduper.push(&hash(20), LEN, &mut steps);
    assert_eq!(steps, [Step::Known(4), Step::New(1)]);
}

#[test]
fn the_first_chunk_and_one_in_a_thousand_are_looked_up() {
    let deduper = FileDeduper::default();
    let wanted: Vec<u32> =
        (0..20_000).filter(|number| deduper.wants_lookup(9, &hash(*number))).collect();
    assert!((8..40).contains(&wanted.len()), "{wanted:?}");
    assert!(wanted.iter().all(|number| is_dedup_eligible(&hash(*number))));
    assert!(deduper.wants_lookup(0, &hash(1)));
}

#[test]
fn a_caller_that_errs_is_told() {
    let mut steps = Vec::new();
    let mut deduper = FileDeduper::default();
    assert_eq!(deduper.placed(&hash(1), LEN), Err(DedupError::Unasked(0)));
    let mut deduper2 = FileDeduper::default();
    deduper2.push(&hash(1), LEN, &mut steps);
    deduper2.push(&hash(2), LEN, &mut steps);
    deduper2.placed(&hash(1), LEN).unwrap();
    assert_eq!(deduper2.cut(&table([2])), Err(DedupError::Table(0)));
    assert_eq!(deduper2.cut(&table([1, 2])), Err(DedupError::Table(0)));
    assert_eq!(deduper2.cut(&table([1])), Ok(0));
    // The second chunk is missing.
    assert_eq!(deduper2.finish(new_id), Err(DedupError::Uncut(1)));
    deduper = FileDeduper::default();
    deduper.push(&hash(1), LEN, &mut steps);
    deduper.placed(&hash(1), LEN).unwrap();
    assert_eq!(deduper.finish(new_id), Err(DedupError::Uncut(0)));
    let mut wrong = TableBuilder::new();
    wrong.push(&hash(1), 108, 100).unwrap();
    let mut deduper = FileDeduper::default();
    deduper.push(&hash(1), LEN, &mut steps);
    deduper.placed(&hash(1), LEN).unwrap();
    assert_eq!(deduper.cut(&wrong.finish()), Err(DedupError::Table(0)));
    let empty = FileDeduper::default().finish(new_id).unwrap();
    assert_eq!((empty.hash, empty.terms.len(), empty.first_chunk), (XetHash::ZERO, 0, None));
}

/// Files made of pieces of known xorbs, of new chunks, and of repetitions of itself.
fn files() -> impl Strategy<Value = Vec<u32>> {
    let piece = prop_oneof![
        (0_u32..100, 1_u32..30).prop_map(|(start, len)| (start..start + len).collect::<Vec<_>>()),
        (1000_u32..1040, 1_u32..12).prop_map(|(start, len)| (start..start + len).collect()),
        (0_u32..1100, 1_usize..12).prop_map(|(number, count)| vec![number; count]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn terms_give_the_file(
        numbers in files(),
        xorb_chunks in 1_u32..40,
        tables in prop::collection::vec((0_u32..100, 1_u32..60), 0..4),
    ) {
        let known: Vec<_> =
            (1..).zip(tables).map(|(id, (start, len))| (id, table(start..start + len))).collect();
        let upload = Upload::new(xorb_chunks, &known);
        // `run` compares the chunks that the terms name with the file's.
        let (file, upload) = upload.run(&numbered(numbers.clone()), 1);
        prop_assert!(upload.new_chunks <= numbers.len());
        // Fragmentation is bounded: a run behind a new chunk has eight chunks, and only a taken run, the start or a new
        // chunk comes before a run; a run behind a taken one has four but at the end.
        let most = 2 + upload.new_xorbs as usize + numbers.len() / 2;
        prop_assert!(file.terms.len() <= most, "{} terms of {} chunks", file.terms.len(), numbers.len());
    }

    #[test]
    fn steps_may_be_carried_out_late(numbers in files(), xorb_chunks in 1_u32..40, batch in 1_usize..50) {
        let known = [(1, table(0..60))];
        let mut upload = Upload::new(xorb_chunks, &known);
        let chunks = numbered(numbers);
        let mut steps = Vec::new();
        for batch in chunks.chunks(batch) {
            for (hash, len) in batch {
                upload.pending.push((*hash, *len));
                upload.deduper.push(hash, *len, &mut steps);
            }
            upload.follow(&std::mem::take(&mut steps));
        }
        upload.deduper.end(&mut steps);
        upload.follow(&steps);
        if !upload.building.is_empty() {
            upload.cut();
        }
        let file = std::mem::take(&mut upload.deduper).finish(new_id).unwrap();
        upload.check_terms(&file.terms, &chunks);
    }
}
