//! How fast full-text search is: builds an index of made-up cards, then asks it from eight threads.
//!
//! `cargo run --release -p steelyard-index --example text_speed -- 1000000 [directory]`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement prints, and a failed step ends it"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use steelyard_index::text::{Matched, TextDocument, TextError, TextIndex, TextPage};

/// Bytes of a card.
const CARD_BYTES: usize = 1500;
/// Different words in all cards.
const WORDS: usize = 200_000;
const POOL_BYTES: usize = 32 << 20;
const THREADS: usize = 8;
const QUERIES_EACH: usize = 400;

/// A small generator (splitmix64), so that every run makes the same cards.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The rank of a word: Zipf's law with exponent 1, by inverting its integral.
    fn rank(&mut self) -> usize {
        ((WORDS as f64).powf(self.fraction()) as usize).min(WORDS - 1)
    }
}

/// The word of a rank: common ones are short.
fn word(rank: usize) -> String {
    let mut chance = Chance(rank as u64 * 7919);
    let length = 2 + (rank as f64).ln_1p() as usize / 2 + (chance.next() % 4) as usize;
    (0..length).map(|_| char::from(b'a' + (chance.next() % 26) as u8)).collect()
}

/// A long run of words, of which every card is a piece; making each anew would take longer than indexing it.
fn pool(words: &[String]) -> String {
    let mut chance = Chance(0x9001);
    let mut pool = String::new();
    while pool.len() < POOL_BYTES {
        pool.push_str(&words[chance.rank()]);
        pool.push(if chance.next().is_multiple_of(12) { '.' } else { ' ' });
    }
    pool
}

fn card<'a>(repo_id: i64, words: &[String], pool: &'a str) -> (String, [String; 4], &'a str) {
    let mut chance = Chance(repo_id as u64 ^ 0x5eed);
    let start = chance.next() as usize % (POOL_BYTES - CARD_BYTES);
    let mut word = || words[chance.rank()].as_str();
    let id = format!("{}/{}-{}-v{}", word(), word(), word(), repo_id % 9);
    let mut tag = |group: &str, many: u64| format!("{group}-{}", chance.next() % many);
    let tags = [tag("task", 50), tag("license", 20), tag("library", 30), tag("language", 60)];
    (id, tags, &pool[start..start + CARD_BYTES])
}

/// Time that this thread has been running, which other processes do not lengthen.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Time that all threads of this process have been running.
fn process_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = statistics.rsplit(')').next().unwrap().split(' ').collect();
    Duration::from_millis(
        10 * (fields[12].parse::<u64>().unwrap() + fields[13].parse::<u64>().unwrap()),
    )
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?").trim().to_owned()
    };
    format!("anonymous {}, mapped files {}, peak {}", of("RssAnon:"), of("RssFile:"), of("VmHWM:"))
}

fn bytes_in(dir: &Path) -> u64 {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn build(index: &TextIndex, words: &[String], count: i64) {
    let pool = pool(words);
    let (started, running) = (Instant::now(), process_time());
    index.begin_bulk().unwrap();
    for repo_id in 0..count {
        let (id, tags, card_text) = card(repo_id, words, &pool);
        index
            .put([TextDocument { repo_id, id: &id, title: None, tags: &tags, card_text }])
            .unwrap();
    }
    let put = started.elapsed();
    index.commit(count).unwrap();
    let (built, running) = (started.elapsed(), process_time() - running);
    println!(
        "built in {built:.1?} (puts {put:.1?}; {running:.1?} of processor time); {}",
        memory()
    );
}

/// Times of one kind of query, from all threads at once.
fn ask(
    index: &TextIndex,
    what: &str,
    threads: usize,
    query: impl Fn(&mut Chance) -> Vec<String> + Sync,
    filter: impl Fn(i64) -> bool + Sync,
) {
    ask_with(what, threads, query, |words| index.search(words, &filter, 20, 0));
}

fn ask_with(
    what: &str,
    threads: usize,
    query: impl Fn(&mut Chance) -> Vec<String> + Sync,
    search: impl Fn(&[String]) -> Result<TextPage, TextError> + Sync,
) {
    let started = Instant::now();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let one = |thread: usize| {
            let (query, search) = (&query, &search);
            move || {
                let mut chance = Chance(thread as u64 + 1);
                let ask = |words: Vec<String>| {
                    let (asked, running) = (Instant::now(), thread_time());
                    let page = search(&words).unwrap();
                    let (wall, running) = (asked.elapsed(), thread_time() - running);
                    Answer {
                        wall,
                        running,
                        total: page.total.count,
                        has_all: page.matched == Matched::AllWords,
                    }
                };
                (0..QUERIES_EACH).map(|_| ask(query(&mut chance))).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(one(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let rate = answers.len() as f64 / started.elapsed().as_secs_f64();
    let times = |time: fn(&Answer) -> Duration| {
        let mut times: Vec<_> = answers.iter().map(time).collect();
        times.sort_unstable();
        let at =
            |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
        format!(
            "p50 {:6.2} p95 {:6.2} p99 {:6.2} max {:6.2} ms",
            at(0.5),
            at(0.95),
            at(0.99),
            at(1.0)
        )
    };
    let total = answers.iter().map(|answer| answer.total).sum::<u64>() / answers.len() as u64;
    let all = answers.iter().filter(|answer| answer.has_all).count() * 100 / answers.len();
    println!("{threads} threads, {what}: {rate:.0}/s; {total} hits, {all}% with all words");
    println!(
        "    wall {}; processor {}",
        times(|answer| answer.wall),
        times(|answer| answer.running)
    );
}

struct Answer {
    wall: Duration,
    running: Duration,
    total: u64,
    has_all: bool,
}

fn main() {
    let count: i64 = std::env::args().nth(1).map_or(100_000, |count| count.parse().unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let dir = std::env::args().nth(2).map_or_else(|| scratch.path().join("text"), Into::into);
    let words: Vec<String> = (0..WORDS).map(word).collect();
    println!("{count} cards; before: {}", memory());
    let index = TextIndex::open(&dir).unwrap();
    if index.is_empty() {
        build(&index, &words, count);
    }
    println!("on disk {} MB", bytes_in(&dir) / 1_000_000);
    drop(index);
    let opening = Instant::now();
    let index = TextIndex::open(&dir).unwrap();
    println!("opened in {:.1?}; {}", opening.elapsed(), memory());
    for threads in [1, THREADS] {
        ask_all(&index, &words, threads);
    }
    change(&index, &words, count);
    let resting = Instant::now();
    index.rest().unwrap();
    println!(
        "rest {:.1?}; on disk {} MB; {}",
        resting.elapsed(),
        bytes_in(&dir) / 1_000_000,
        memory()
    );
}

/// Every kind of query.
fn ask_all(index: &TextIndex, words: &[String], threads: usize) {
    let some = |chance: &mut Chance, count: usize| {
        (0..count).map(|_| words[chance.rank()].clone()).collect::<Vec<_>>()
    };
    let few = |chance: &mut Chance| {
        let count = 1 + chance.next() as usize % 4;
        some(chance, count)
    };
    let common = |chance: &mut Chance| {
        (0..2).map(|_| words[1 + chance.next() as usize % 100].clone()).collect::<Vec<_>>()
    };
    let everything = |_: i64| true;
    ask(index, "one word", threads, |chance| some(chance, 1), everything);
    ask(index, "one to four words", threads, few, everything);
    ask(index, "two of the 100 most common", threads, common, everything);
    ask(index, "a phrase of two", threads, |chance| vec![some(chance, 2).join(" ")], everything);
    ask(
        index,
        "a phrase of two of the 100 most common",
        threads,
        |chance| vec![common(chance).join(" ")],
        everything,
    );
    ask(index, "one to four words, 90% visible", threads, few, |id| id % 10 != 0);
    ask(index, "one to four words, 1% wanted", threads, few, |id| id % 100 == 0);
    ask(index, "one to four words, 0.1% wanted", threads, few, |id| id % 1000 == 0);
    let thousand: Vec<i64> = (0..1000).map(|id| id * 1000).collect();
    let among = |words: &[String]| index.search_among(words, &thousand, 20, 0);
    ask_with("one to four words, among 1000", threads, few, among);
}

/// Changes with a commit each, as the consumer of the event log makes them.
fn change(index: &TextIndex, words: &[String], count: i64) {
    let pool = pool(words);
    let started = Instant::now();
    for repo_id in 0..100 {
        let (id, tags, card_text) = card(repo_id + 1, words, &pool);
        index
            .put([TextDocument { repo_id, id: &id, title: None, tags: &tags, card_text }])
            .unwrap();
        index.commit(count + repo_id).unwrap();
    }
    println!("a change and its commit {:.1?}; {}", started.elapsed() / 100, memory());
}
