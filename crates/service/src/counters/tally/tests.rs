use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn request(repo_id: i64, kind: Kind) -> Request {
    Request { repo_id, day: 11, kind, is_ci: false, person: None }
}

/// Downloads that count each, of all batches.
fn counted(batches: &[DownloadBatch]) -> i64 {
    batches.iter().flat_map(|batch| &batch.counts).map(|count| count.downloads).sum()
}

/// Requests: whether it is a HEAD, who asks, and when.
type Asks<'a> = &'a [(bool, u8, i64)];

#[test]
fn the_headers_and_the_file_are_one_download() {
    let client = |n: u8| [n; 16];
    // Each request: whether it asks for the headers, by whom, after how many seconds.
    let cases: [(Asks<'_>, i64); 7] = [
        (&[(true, 1, 0), (false, 1, 1)], 1),
        (&[(true, 1, 0)], 1),
        (&[(false, 1, 0)], 1),
        (&[(false, 1, 0), (false, 1, 1)], 2),
        (&[(true, 1, 0), (true, 1, 0), (false, 1, 1), (false, 1, 1), (false, 1, 1)], 3),
        (&[(true, 1, 0), (false, 2, 1)], 2),
        (&[(true, 1, 0), (false, 1, PAIR_SECS)], 2),
    ];
    for (requests, expected) in cases {
        let mut tally = Tally::default();
        for (is_head, who, secs) in requests {
            let kind = if *is_head { Kind::Head(client(*who)) } else { Kind::Get(client(*who)) };
            assert!(tally.add(&request(1, kind), at(*secs)));
        }
        assert_eq!(counted(&tally.take()), expected, "{requests:?}");
        assert!(tally.take().is_empty());
    }
}

#[test]
fn pairs_outlive_a_flush() {
    let mut tally = Tally::default();
    tally.add(&request(1, Kind::Head([1; 16])), at(0));
    assert_eq!(counted(&tally.take()), 1);
    tally.add(&request(1, Kind::Get([1; 16])), at(1));
    assert_eq!(counted(&tally.take()), 0);
}

#[test]
fn an_address_is_one_row_until_its_window_ends() {
    let mut tally = Tally::default();
    for secs in [0, 10, 299, 300, 310] {
        tally.add(&request(1, Kind::Window([1; 16])), at(secs));
    }
    let batches = tally.take();
    assert_eq!(counted(&batches), 1, "the window that ended");
    let windows: Vec<_> = batches.iter().flat_map(|batch| &batch.windows).collect();
    assert_eq!(windows.len(), 1);
    assert_eq!(windows[0].at, at(300));
}

#[test]
fn memory_is_bounded_and_says_what_it_drops() {
    let mut tally = Tally::default();
    let total = i64::try_from(ENTRIES_MAX).unwrap() + 10;
    let mut dropped = 0;
    for repo in 0..total {
        let mut who = [0; 16];
        who[..8].copy_from_slice(&repo.to_le_bytes());
        let full = Request { person: Some(who), ..request(repo, Kind::Head(who)) };
        dropped += i64::from(!tally.add(&full, at(0)));
        tally.add(&request(repo, Kind::Window(who)), at(0));
    }
    assert_eq!(dropped, 10);
    assert!(tally.heads.len() <= ENTRIES_MAX);
    // What is there already still counts.
    assert!(tally.add(&request(1, Kind::Each), at(0)));
    let batches = tally.take();
    assert_eq!(counted(&batches), total - 10 + 1);
    assert_eq!(batches.len(), ENTRIES_MAX / BATCH_ROWS_MAX);
    for batch in &batches {
        assert!(batch.counts.len() <= BATCH_ROWS_MAX && batch.people.len() <= BATCH_ROWS_MAX);
    }
    let people: usize = batches.iter().map(|batch| batch.people.len()).sum();
    let windows: usize = batches.iter().map(|batch| batch.windows.len()).sum();
    assert_eq!((people, windows), (ENTRIES_MAX, ENTRIES_MAX));
}

#[test]
fn machines_that_build_and_test_stand_apart() {
    let mut tally = Tally::default();
    tally.add(&Request { is_ci: true, ..request(1, Kind::Each) }, at(0));
    tally.add(&Request { person: Some([3; 16]), ..request(1, Kind::Each) }, at(0));
    let batches = tally.take();
    assert_eq!((batches[0].counts[0].downloads, batches[0].counts[0].ci), (2, 1));
    assert_eq!(batches[0].people.len(), 1);
}
