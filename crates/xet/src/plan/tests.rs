//! Plans are carried out on a small store whose chunks are not compressed: a header of eight bytes, then the raw bytes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use steelyard_core::XetHash;

use super::*;
use crate::table::TableBuilder;

/// A xorb of chunks of these lengths.
#[derive(Debug)]
struct Xorb {
    table: ChunkTable,
    stored: Vec<u8>,
    raw: Vec<u8>,
}

#[derive(Debug)]
struct Store {
    xorbs: Vec<Xorb>,
    terms: Terms,
    file: Vec<u8>,
}

fn xorb(number: usize, lengths: &[u32]) -> Xorb {
    let mut table = TableBuilder::new();
    let (mut stored, mut raw) = (Vec::new(), Vec::new());
    for len in lengths {
        table.push(&XetHash::ZERO, len + 8, *len).unwrap();
        stored.extend_from_slice(&u64::from(*len).to_le_bytes());
        for _ in 0..*len {
            let byte = ((raw.len() * 31 + number * 101) % 251) as u8;
            stored.push(byte);
            raw.push(byte);
        }
    }
    Xorb { table: table.finish(), stored, raw }
}

fn decode(mut stored: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    while let Some((header, rest)) = stored.split_first_chunk() {
        let (chunk, rest) = rest.split_at(u64::from_le_bytes(*header) as usize);
        raw.extend_from_slice(chunk);
        stored = rest;
    }
    assert!(stored.is_empty());
    raw
}

fn usize_range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

impl Store {
    /// A file of runs of chunks: which xorb, and two numbers that choose the run.
    fn new(lengths: &[Vec<u32>], runs: &[(usize, usize, usize)]) -> Self {
        let xorbs: Vec<Xorb> =
            lengths.iter().enumerate().map(|(number, lengths)| xorb(number, lengths)).collect();
        let mut file = Vec::new();
        let terms: Vec<Term> = runs
            .iter()
            .map(|(number, start, len)| {
                let number = number % xorbs.len();
                let Xorb { table, raw, .. } = &xorbs[number];
                let start = (start % table.len() as usize) as u32;
                let end = (start + 1 + *len as u32).min(table.len());
                let range = table.raw_range(start..end).unwrap();
                file.extend_from_slice(&raw[usize_range(&range)]);
                Term {
                    xorb_id: number as i64 + 1,
                    chunks: start..end,
                    raw_len: range.end - range.start,
                    stored: table.stored_range(start..end).unwrap(),
                }
            })
            .collect();
        Self { xorbs, terms: Terms::pack(terms).unwrap(), file }
    }

    fn xorb(&self, id: i64) -> &Xorb {
        &self.xorbs[id as usize - 1]
    }

    fn table(&self, id: i64) -> Option<&ChunkTable> {
        Some(&self.xorb(id).table)
    }

    /// The bytes of the file in a range that may go beyond its end.
    fn expected(&self, range: &Range<u64>) -> &[u8] {
        let end = (range.end as usize).min(self.file.len());
        self.file.get(range.start as usize..end).unwrap_or_default()
    }

    /// Fetches what the plan lists and puts its terms together, as a client does.
    fn reconstruct(&self, plan: &Reconstruction) -> Vec<u8> {
        let fetches: BTreeMap<i64, &XorbFetch> =
            plan.fetches.iter().map(|fetch| (fetch.xorb_id, fetch)).collect();
        assert_eq!(fetches.len(), plan.fetches.len());
        let mut out = Vec::new();
        for term in &plan.terms {
            let xorb = self.xorb(term.xorb_id);
            let holds = |range: &&FetchRange| {
                range.chunks.start <= term.chunks.start && term.chunks.end <= range.chunks.end
            };
            let range = fetches[&term.xorb_id].ranges.iter().find(holds).unwrap();
            let fetched = decode(&xorb.stored[usize_range(&range.stored)]);
            let all = xorb.table.raw_range(range.chunks.clone()).unwrap();
            assert_eq!(fetched.len(), usize_range(&all).len());
            let raw = xorb.table.raw_range(term.chunks.clone()).unwrap();
            assert_eq!(raw.end - raw.start, term.raw_len);
            let start = (raw.start - all.start) as usize;
            out.extend_from_slice(&fetched[start..start + term.raw_len as usize]);
        }
        out
    }

    /// Reads and decodes pieces, as the hub does.
    fn read(&self, pieces: &[Piece]) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in pieces {
            let raw = decode(&self.xorb(piece.xorb_id).stored[usize_range(&piece.stored)]);
            assert_eq!(raw.len(), piece.raw_len as usize);
            assert!(piece.take > 0);
            let start = piece.skip as usize;
            out.extend_from_slice(&raw[start..start + piece.take as usize]);
        }
        out
    }
}

fn stores() -> impl Strategy<Value = Store> {
    let lengths = prop::collection::vec(prop::collection::vec(1_u32..30, 1..12), 1..4);
    let runs = prop::collection::vec((0..4_usize, 0..12_usize, 0..6_usize), 0..12);
    (lengths, runs).prop_map(|(lengths, runs)| Store::new(&lengths, &runs))
}

fn ranges() -> impl Strategy<Value = Range<u64>> {
    let any = (0..900_u64, 0..900_u64).prop_map(|(start, len)| start..start + len);
    prop_oneof![8 => any, 1 => Just(0..u64::MAX), 1 => Just(u64::MAX - 1..u64::MAX)]
}

/// The ranges list each chunk that a term needs, once, and no other.
fn check_fetches(plan: &Reconstruction) {
    let mut needed: BTreeMap<i64, BTreeSet<u32>> = BTreeMap::new();
    for term in &plan.terms {
        needed.entry(term.xorb_id).or_default().extend(term.chunks.clone());
    }
    let mut first_use: Vec<i64> = Vec::new();
    for term in &plan.terms {
        if !first_use.contains(&term.xorb_id) {
            first_use.push(term.xorb_id);
        }
    }
    let order: Vec<i64> = plan.fetches.iter().map(|fetch| fetch.xorb_id).collect();
    assert_eq!(order, first_use);
    for fetch in &plan.fetches {
        assert!(fetch.ranges.is_sorted_by(|one, next| {
            one.chunks.end < next.chunks.start && one.stored.end < next.stored.start
        }));
        let listed: Vec<u32> = fetch.ranges.iter().flat_map(|range| range.chunks.clone()).collect();
        let needed: Vec<u32> = needed[&fetch.xorb_id].iter().copied().collect();
        assert_eq!(listed, needed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reconstruction_gives_the_range(store in stores(), range in ranges()) {
        let expected = store.expected(&range);
        let Some(cut) = Cut::range(&store.terms, range.clone()) else {
            prop_assert!(expected.is_empty());
            return Ok(());
        };
        let open = cut.xorbs_to_open();
        prop_assert!(open.len() <= 2);
        let plan = cut
            .reconstruction(|id| open.contains(&id).then(|| store.table(id)).flatten())
            .unwrap();
        check_fetches(&plan);
        let bytes = store.reconstruct(&plan);
        let start = plan.offset_into_first_range as usize;
        prop_assert_eq!(&bytes[start..start + expected.len()], expected);
        // No chunk is fetched in vain: the first holds the range's first byte, the last its last.
        let first = &plan.terms[0];
        let table = store.table(first.xorb_id).unwrap();
        prop_assert!(plan.offset_into_first_range < u64::from(table.raw_len(first.chunks.start).unwrap()));
        let last = plan.terms.last().unwrap();
        let table = store.table(last.xorb_id).unwrap();
        let behind = bytes.len() - start - expected.len();
        prop_assert!(behind < table.raw_len(last.chunks.end - 1).unwrap() as usize);
    }

    #[test]
    fn pieces_give_the_range(
        store in stores(),
        range in ranges(),
        stored_bytes in 38_u32..200,
        raw_bytes in 30_u32..200,
    ) {
        let expected = store.expected(&range);
        let Some(cut) = Cut::range(&store.terms, range.clone()) else {
            return Ok(());
        };
        let limits = PieceLimits { stored_bytes, raw_bytes };
        let small = pieces_within(cut.spans(), &limits, |id| store.table(id)).unwrap();
        prop_assert_eq!(store.read(&small), expected);
        for piece in &small {
            prop_assert!(piece.stored.end - piece.stored.start <= stored_bytes);
            prop_assert!(piece.raw_len <= raw_bytes);
        }
        // With the real bounds whole terms need no table.
        let open: Vec<i64> =
            cut.spans().filter(Span::needs_table).map(|span| span.xorb_id()).collect();
        let large =
            pieces(cut.spans(), |id| open.contains(&id).then(|| store.table(id)).flatten()).unwrap();
        prop_assert_eq!(store.read(&large), expected);
        prop_assert!(large.len() <= small.len());
        prop_assert!(open.len() <= 2);
    }

    #[test]
    fn a_whole_file_needs_no_table(store in stores()) {
        let cut = Cut::whole(&store.terms);
        prop_assert!(cut.xorbs_to_open().is_empty());
        let plan = cut.reconstruction(|_| None).unwrap();
        check_fetches(&plan);
        prop_assert_eq!(plan.terms.len(), store.terms.len());
        prop_assert_eq!(plan.offset_into_first_range, 0);
        prop_assert_eq!(store.reconstruct(&plan), &store.file[..]);
        let pieces = pieces(cut.spans(), |_| None).unwrap();
        prop_assert_eq!(store.read(&pieces), &store.file[..]);
    }
}

/// Two xorbs of ten chunks of ten bytes; the file is the first one's chunks 0..4, 2..8, the second's 5..6, and 4..8 again.
fn small() -> Store {
    let lengths = vec![vec![10; 10]; 2];
    Store::new(&lengths, &[(0, 0, 3), (0, 2, 5), (1, 5, 0), (0, 4, 3)])
}

#[test]
fn ranges_of_a_xorb_are_merged() {
    let store = small();
    let plan = Cut::whole(&store.terms).reconstruction(|_| None).unwrap();
    let ranges = |index: usize| plan.fetches[index].ranges.clone();
    assert_eq!(ranges(0), [FetchRange { chunks: 0..8, stored: 0..144 }]);
    assert_eq!(ranges(1), [FetchRange { chunks: 5..6, stored: 90..108 }]);
    let term = |xorb_id, chunks, raw_len| ReconstructionTerm { xorb_id, chunks, raw_len };
    let expected = [term(1, 0..4, 40), term(1, 2..8, 60), term(2, 5..6, 10), term(1, 4..8, 40)];
    assert_eq!(plan.terms, expected);
}

#[test]
fn chunks_outside_the_range_are_left_out() {
    let store = small();
    let cut = Cut::range(&store.terms, 15..105).unwrap();
    assert_eq!(cut.xorbs_to_open(), [1, 2]);
    assert_eq!(cut.reconstruction(|_| None), Err(PlanError::NoTable(1)));
    let plan = cut.reconstruction(|id| store.table(id)).unwrap();
    let terms: Vec<_> = plan.terms.iter().map(|term| (term.chunks.clone(), term.raw_len)).collect();
    assert_eq!(terms, [(1..4, 30), (2..8, 60), (5..6, 10)]);
    assert_eq!(plan.offset_into_first_range, 5);
    // A range that ends where chunks end is cut there, too; one that begins and ends with terms needs no table.
    let plan = Cut::range(&store.terms, 40..60).unwrap().reconstruction(|id| store.table(id));
    assert_eq!(plan.unwrap().terms[0].chunks, 2..4);
    let cut = Cut::range(&store.terms, 40..110).unwrap();
    assert!(cut.xorbs_to_open().is_empty());
    // Both ends in one term.
    let cut = Cut::range(&store.terms, 51..52).unwrap();
    assert_eq!(cut.xorbs_to_open(), [1]);
    let plan = cut.reconstruction(|id| store.table(id)).unwrap();
    assert_eq!((plan.terms[0].chunks.clone(), plan.offset_into_first_range), (3..4, 1));
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "clients send such ranges")]
fn a_range_without_a_byte_of_the_file_is_no_cut() {
    let store = small();
    assert_eq!(store.file.len(), 150);
    for range in [150..151, 150..u64::MAX, 10..10, 10..5, u64::MAX..0, u64::MAX - 1..u64::MAX] {
        assert!(Cut::range(&store.terms, range).is_none());
    }
    assert!(Cut::range(&store.terms, 149..u64::MAX).is_some());
    let empty = Terms::default();
    assert!(Cut::range(&empty, 0..1).is_none());
    let plan = Cut::whole(&empty).reconstruction(|_| None).unwrap();
    assert_eq!(plan, Reconstruction::default());
    assert_eq!(Cut::whole(&empty).spans().count(), 0);
}

#[test]
fn a_table_of_another_xorb_is_an_error() {
    let store = small();
    let cut = Cut::range(&store.terms, 15..25).unwrap();
    for lengths in [vec![10; 3], vec![11; 10]] {
        let other = xorb(0, &lengths).table;
        assert_eq!(cut.reconstruction(|_| Some(&other)), Err(PlanError::Table(1)));
        assert_eq!(pieces(cut.spans(), |_| Some(&other)), Err(PlanError::Table(1)));
    }
    assert_eq!(pieces(cut.spans(), |_| None), Err(PlanError::NoTable(1)));
}

/// Spans that a caller chose: what is left out between two terms is not read as if it were wanted.
#[test]
fn only_what_follows_closely_is_read_together() {
    let store = Store::new(&[vec![10; 10]], &[(0, 0, 1), (0, 2, 1)]);
    let read = |first: Range<u32>, second: Range<u32>| {
        let span = |index, part| Span::new(store.terms.get(index).unwrap(), part).unwrap();
        let spans = [span(0, first.clone()), span(1, second.clone())];
        let pieces = pieces(spans, |id| store.table(id)).unwrap();
        let expected = [
            &store.file[usize_range(&first)],
            &store.file[20 + second.start as usize..20 + second.end as usize],
        ];
        assert_eq!(store.read(&pieces), expected.concat());
        pieces.len()
    };
    assert_eq!(read(0..20, 0..20), 1);
    assert_eq!(read(5..20, 0..15), 1);
    assert_eq!(read(0..15, 0..20), 2);
    assert_eq!(read(0..20, 5..20), 2);
    assert_eq!(read(0..10, 0..20), 2);
    assert!(Span::new(store.terms.get(0).unwrap(), 5..5).is_none());
    assert!(Span::new(store.terms.get(0).unwrap(), 5..21).is_none());
}

/// A term that is a whole xorb of 64 MiB, hardly or highly compressed.
#[test]
fn long_terms_are_read_in_pieces() {
    for (stored_len, pieces_expected) in [(131_080, 17), (600, 8)] {
        let mut table = TableBuilder::new();
        (0..512).for_each(|_| table.push(&XetHash::ZERO, stored_len, 131_072).unwrap());
        let table = table.finish();
        let term = Term {
            xorb_id: 1,
            chunks: 0..512,
            raw_len: table.raw_bytes(),
            stored: 0..table.stored_bytes(),
        };
        let terms = Terms::pack([term]).unwrap();
        let cut = Cut::whole(&terms);
        assert!(cut.spans().all(|span| span.needs_table()));
        assert_eq!(pieces(cut.spans(), |_| None), Err(PlanError::NoTable(1)));
        let pieces = pieces(cut.spans(), |_| Some(&table)).unwrap();
        assert_eq!(pieces.len(), pieces_expected);
        let mut stored_end = 0;
        for piece in &pieces {
            assert_eq!(
                (piece.stored.start, piece.skip, piece.take),
                (stored_end, 0, piece.raw_len)
            );
            assert!(piece.stored.end - piece.stored.start <= PIECE_STORED_BYTES_MAX);
            assert!(piece.raw_len <= PIECE_RAW_BYTES_MAX);
            stored_end = piece.stored.end;
        }
        assert_eq!(stored_end, table.stored_bytes());
        // A few bytes of it: no more than the two chunks that hold them.
        let cut = Cut::range(&terms, 131_071..131_073).unwrap();
        let few = super::pieces(cut.spans(), |_| Some(&table)).unwrap();
        let stored = 0..2 * stored_len;
        let expected = Piece { xorb_id: 1, stored, skip: 131_071, take: 2, raw_len: 262_144 };
        assert_eq!(few, [expected]);
    }
}
