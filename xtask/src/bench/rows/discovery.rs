//! Finding repositories: listings, full text and the structured query with 10,000, 100,000 and 1,000,000 of them.
//!
//! The catalogues come from `steelyard dev seed`, one for each size, and are kept for the run (with `--catalogues DIR`, for
//! the next runs too). Each question is asked by eight clients on kept connections, with other values every time. Beside
//! it, the same lists as plain SQL on PostgreSQL with the indexes that suit them best.

pub(super) mod catalogue;
mod freshness;
mod plain_sql;
pub(super) mod queries;
pub(super) mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use steelyard_testkit::{Durability, Postgres, TestDatabase};

use self::catalogue::Catalogue;
use self::queries::QUESTIONS;
use self::server::Server;
use super::resolve::wrk_with;
use crate::bench::Bench;
use crate::bench::client::Client;
use crate::bench::figure::{Figure, median};
use crate::bench::usage::{cpu_seconds, resident_mib};

const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
/// Where the goals hold.
const GOALS_AT: u64 = 1_000_000;

/// On SQLite.
pub(in crate::bench) fn sqlite(bench: &Bench) -> Result<Vec<Figure>> {
    measure(bench, |repos| Catalogue::sqlite(bench, repos))
}

/// On PostgreSQL, with plain SQL beside it.
pub(in crate::bench) fn postgres(bench: &Bench) -> Result<Vec<Figure>> {
    let cluster = match Postgres::from_env() {
        Some(cluster) => cluster,
        None => Postgres::start(Durability::Full)?,
    };
    let mut databases: Vec<TestDatabase> = Vec::new();
    let mut figures = measure(bench, |repos| {
        let database = cluster.fresh_database()?;
        let catalogue = Catalogue::postgres(bench, repos, database.url())?;
        databases.push(database);
        Ok(catalogue)
    })?;
    for (repos, database) in sizes(bench).into_iter().zip(&databases) {
        figures.extend(plain_sql::measure(bench, repos, database)?);
    }
    Ok(figures)
}

fn sizes(bench: &Bench) -> Vec<u64> {
    let mut sizes: Vec<u64> = SIZES.into_iter().filter(|size| *size <= bench.repos).collect();
    if sizes.is_empty() {
        sizes.push(bench.repos);
    }
    sizes
}

fn measure(bench: &Bench, mut open: impl FnMut(u64) -> Result<Catalogue>) -> Result<Vec<Figure>> {
    let (mut figures, mut medians) = (Vec::new(), BTreeMap::<&str, Vec<f64>>::new());
    for repos in sizes(bench) {
        eprintln!("   {} repositories", thousands(repos));
        let catalogue = open(repos)?;
        let server = loaded(bench, &catalogue, &mut figures)?;
        for question in QUESTIONS {
            let urls = (question.urls)(&mut Client::connect(&server.address, "")?)
                .with_context(|| format!("questions for {}", question.what))?;
            let found = ask(bench, &server, question.what, &urls)?;
            medians.entry(question.what).or_default().push(median(&found.medians));
            figures.extend(found.figures(question, repos));
        }
        let label = format!("memory of the process after it answered, {}", of(repos));
        let mut memory = Figure::new(label, "MiB");
        if repos == GOALS_AT {
            memory = memory.at_most(1.2 * 1024.0);
        }
        memory.push(resident_mib(server.pid())?);
        figures.push(memory);
        figures.extend(freshness::measure(bench, &catalogue, &server, &of(repos))?);
    }
    for (what, medians) in medians {
        if let (Some(first), Some(last)) = (medians.first(), medians.last())
            && medians.len() > 1
        {
            let mut growth = Figure::new(format!("{what}: growth of the median"), "x").at_most(4.0);
            growth.push(last / first);
            figures.push(growth);
        }
    }
    Ok(figures)
}

/// Starts a server without an index and waits until it has one.
fn loaded(bench: &Bench, catalogue: &Catalogue, figures: &mut Vec<Figure>) -> Result<Server> {
    let repos = catalogue.repos;
    let mut time = Figure::new(format!("start to index ready, built anew, {}", of(repos)), "s");
    let mut again =
        Figure::new(format!("start to index ready, full text there, {}", of(repos)), "s");
    if repos == GOALS_AT {
        time = time.at_most(90.0);
    }
    let cache = catalogue.data.join("cache/search");
    if cache.exists() {
        std::fs::remove_dir_all(&cache).context("the old index stays")?;
    }
    let server = Server::start(bench, &catalogue.data, &catalogue.stores)?;
    time.push(server.wait_for_index(repos)?.as_secs_f64());
    let mut memory =
        Figure::new(format!("memory of the process, index loaded, {}", of(repos)), "MiB");
    memory.push(resident_mib(server.pid())?);
    // The full text is written out behind what is found by it.
    std::thread::sleep(Duration::from_secs(3));
    server.stop()?;
    let mut disk = Figure::new(format!("index on disk, {}", of(repos)), "MiB");
    disk.push(folder_bytes(&cache)? as f64 / f64::from(1 << 20));
    let server = Server::start(bench, &catalogue.data, &catalogue.stores)?;
    again.push(server.wait_for_index(repos)?.as_secs_f64());
    figures.extend([time, again, memory, disk]);
    Ok(server)
}

/// What eight clients saw.
struct Answers {
    medians: Vec<f64>,
    p99s: Vec<f64>,
    rates: Vec<f64>,
    cpus: Vec<f64>,
}

fn ask(bench: &Bench, server: &Server, what: &str, urls: &[String]) -> Result<Answers> {
    if urls.is_empty() {
        bail!("no questions for {what}");
    }
    let script = bench.dir.path().join("questions.lua");
    std::fs::write(&script, lua(urls))?;
    let script = script.to_str().context("a path that is no text")?;
    let options = ["--connections", "8", "--script", script];
    let at = format!("http://{}/", server.address);
    wrk_with(&at, &options).with_context(|| what.to_owned())?;
    let mut answers =
        Answers { medians: Vec::new(), p99s: Vec::new(), rates: Vec::new(), cpus: Vec::new() };
    for _ in 0..bench.runs {
        let before = cpu_seconds(server.pid())?;
        let load = wrk_with(&at, &options).with_context(|| what.to_owned())?;
        answers.cpus.push((cpu_seconds(server.pid())? - before) * 1000.0 / load.requests);
        answers.medians.push(load.median_ms);
        answers.p99s.push(load.p99_ms);
        answers.rates.push(load.per_second);
    }
    Ok(answers)
}

impl Answers {
    fn figures(self, question: &queries::Question, repos: u64) -> [Figure; 4] {
        let (what, of) = (question.what, of(repos));
        let mut p99 = Figure::new(format!("{what}, {of}: 99th percentile, 8 clients"), "ms");
        if repos == GOALS_AT {
            p99 = p99.at_most(question.p99_ms_max);
        }
        let mut median = Figure::new(format!("{what}, {of}: median"), "ms");
        let mut rate = Figure::new(format!("{what}, {of}"), "/s");
        let mut cpu = Figure::new(format!("{what}, {of}: server CPU"), "ms");
        self.p99s.into_iter().for_each(|sample| p99.push(sample));
        self.medians.into_iter().for_each(|sample| median.push(sample));
        self.rates.into_iter().for_each(|sample| rate.push(sample));
        self.cpus.into_iter().for_each(|sample| cpu.push(sample));
        [p99, median, rate, cpu]
    }
}

/// Asks one question after the other, each thread from a place of its own.
pub(super) fn lua(urls: &[String]) -> String {
    let list: Vec<String> = urls.iter().map(|url| format!("{url:?}")).collect();
    format!(
        "local urls = {{{}}}\nlocal threads = 0\nfunction setup(thread)\n thread:set('n', threads * 37)\n \
         threads = threads + 1\nend\nrequest = function()\n n = n + 1\n \
         return wrk.format('GET', urls[n % #urls + 1])\nend\n",
        list.join(",")
    )
}

fn folder_bytes(folder: &std::path::Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { folder_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

pub(super) fn of(repos: u64) -> String {
    format!("{} repos", thousands(repos))
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|part| std::str::from_utf8(part).unwrap_or_default())
        .collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_readable() {
        let shown = [7, 10_000, 1_000_000].map(super::thousands);
        assert_eq!(shown, ["7", "10,000", "1,000,000"]);
    }
}
