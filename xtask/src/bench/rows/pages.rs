//! Pages: how soon they begin, and how many of them a second, with 100,000 repositories on the hub.
//!
//! Each page is asked for over 16 kept connections, with other addresses every time. What `wrk` calls the latency ends with
//! the last byte of a page, so the time to its first byte is less. Server and `wrk` share the machine.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::discovery::catalogue::Catalogue;
use super::discovery::queries::{encoded, ids};
use super::discovery::server::Server;
use super::discovery::{lua, of};
use super::resolve::wrk_with;
use crate::bench::Bench;
use crate::bench::client::Client;
use crate::bench::figure::Figure;
use crate::bench::hub::{commit, put_line};
use crate::bench::usage::cpu_seconds;

/// The goals hold for a hub of this size; `--repos` makes it smaller.
const REPOS: u64 = 100_000;
const P99_MS_MAX: f64 = 40.0;
const REPO_PAGES_PER_SECOND: f64 = 1000.0;
const HIGHLIGHT_MS_MAX: f64 = 300.0;
const FOLDER_FILES: usize = 1000;
const SOURCE_BYTES: usize = 2 * 1024 * 1024;

/// What is asked for in turns.
struct Page {
    what: &'static str,
    urls: Vec<String>,
    per_second: Option<f64>,
}

pub(in crate::bench) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let repos = REPOS.min(bench.repos);
    let catalogue = Catalogue::sqlite(bench, repos)?;
    let server = Server::start(bench, &catalogue.data, &catalogue.stores)?;
    server.wait_for_index(repos)?;
    let folder = fill(&server, &catalogue.token)?;
    let mut figures = Vec::new();
    for page in pages(&server, &folder)? {
        figures.extend(measure(bench, &server, &page, &of(repos))?);
    }
    figures.extend(highlighting(bench, &server, &folder)?);
    server.stop()?;
    Ok(figures)
}

fn pages(server: &Server, folder: &str) -> Result<Vec<Page>> {
    let mut client = Client::connect(&server.address, "")?;
    let mut models = Vec::new();
    for list in ["sort=downloads&limit=150", "sort=createdAt&limit=50", "filter=gguf&limit=50"] {
        let found = ids(&mut client, &format!("/api/models?{list}"))?;
        models.extend(found.iter().map(|id| format!("/{id}")));
    }
    let queries = [
        "task:text-classification lang:en license:apache-2.0",
        "task:text-generation params:1B..8B lineage:permissive",
        "task:image-classification library:transformers license:apache-2.0",
        "quant:4bit size:<10GB lineage:permissive",
        "task:token-classification lang:en format:safetensors",
        "task:automatic-speech-recognition size:<1GB lineage:permissive",
    ];
    let lists = queries.iter().map(|query| format!("/models?q={}", encoded(query)));
    let page = |what, urls: Vec<String>| Page { what, urls, per_second: None };
    Ok(vec![
        page("front page", vec!["/".to_owned()]),
        page("list with three filters and its counts", lists.collect()),
        Page { per_second: Some(REPO_PAGES_PER_SECOND), ..page("page of a model", models) },
        page("folder of 1,000 files", vec![format!("{folder}/tree/main/many")]),
    ])
}

fn measure(bench: &Bench, server: &Server, page: &Page, of: &str) -> Result<[Figure; 4]> {
    let Page { what, urls, per_second } = page;
    let script = bench.dir.path().join("pages.lua");
    std::fs::write(&script, lua(urls))?;
    let script = script.to_str().context("a path that is no text")?;
    let options = ["--connections", "16", "--script", script];
    let at = format!("http://{}/", server.address);
    wrk_with(&at, &options).with_context(|| (*what).to_owned())?;
    let p99 = Figure::new(format!("{what}, {of}: 99th percentile, 16 connections"), "ms");
    let mut p99 = p99.at_most(P99_MS_MAX);
    let mut median = Figure::new(format!("{what}: median"), "ms");
    let mut rate = Figure::new(*what, "/s");
    if let Some(goal) = per_second {
        rate = rate.at_least(*goal);
    }
    let mut cpu = Figure::new(format!("{what}: server CPU"), "ms");
    for _ in 0..bench.runs {
        let before = cpu_seconds(server.pid())?;
        let load = wrk_with(&at, &options).with_context(|| (*what).to_owned())?;
        cpu.push((cpu_seconds(server.pid())? - before) * 1000.0 / load.requests);
        p99.push(load.p99_ms);
        median.push(load.median_ms);
        rate.push(load.per_second);
    }
    Ok([p99, median, rate, cpu])
}

/// A large source file, another one each time, alone and while others ask for the front page.
fn highlighting(bench: &Bench, server: &Server, folder: &str) -> Result<[Figure; 2]> {
    let mut alone =
        Figure::new("source file of 2 MiB, highlighted", "ms").at_most(HIGHLIGHT_MS_MAX);
    let mut beside =
        Figure::new("front page while such files are asked for: 99th percentile", "ms");
    beside = beside.at_most(P99_MS_MAX);
    let mut client = Client::connect(&server.address, "")?;
    for round in 0..bench.runs {
        let started = Instant::now();
        client.get(&format!("{folder}/blob/main/source/{}.rs", round % 3))?;
        alone.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    let (done, at) = (AtomicBool::new(false), format!("http://{}/", server.address));
    std::thread::scope(|scope| -> Result<()> {
        let readers = (0..4).map(|number| {
            let done = &done;
            scope.spawn(move || -> Result<()> {
                let mut client = Client::connect(&server.address, "")?;
                while !done.load(Ordering::Relaxed) {
                    client.get(&format!("{folder}/blob/main/source/{}.rs", number % 3))?;
                }
                Ok(())
            })
        });
        let readers: Vec<_> = readers.collect();
        let loads: Result<Vec<_>> =
            (0..bench.runs).map(|_| wrk_with(&at, &["--connections", "16"])).collect();
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().map_err(|_| anyhow::anyhow!("a reader panicked"))??;
        }
        loads?.iter().for_each(|load| beside.push(load.p99_ms));
        Ok(())
    })?;
    Ok([alone, beside])
}

/// A repository with a large folder that has a history, and large sources; its address.
fn fill(server: &Server, token: &str) -> Result<String> {
    let mut client = Client::connect(&server.address, token)?;
    // A name that no earlier run took.
    let name = format!("pages-{}", std::process::id());
    let body = json!({"name": name, "type": "model"}).to_string();
    client.post("/api/repos/create", "application/json", body.as_bytes())?;
    let file = |number: usize, text: &str| {
        put_line(&format!("many/part-{number:04}.txt"), &format!("{text} {number}\n"))
    };
    let all: String = (0..FOLDER_FILES).map(|number| file(number, "first")).collect();
    commit(&mut client, &name, &all)?;
    for round in 1..20 {
        let some: String =
            (0..FOLDER_FILES).step_by(round * 7).map(|number| file(number, "again")).collect();
        let own = put_line("README.md", &format!("# Round {round}\n"));
        commit(&mut client, &name, &(some + &own))?;
    }
    for number in 0..3 {
        commit(&mut client, &name, &put_line(&format!("source/{number}.rs"), &source(number)))?;
    }
    Ok(format!("/bench/{name}"))
}

/// Code with strings, comments, numbers and words, of which no two lines are the same.
fn source(number: usize) -> String {
    let mut text = String::with_capacity(SOURCE_BYTES + 200);
    let mut line = 0_usize;
    while text.len() < SOURCE_BYTES {
        line += 1;
        text.push_str(&format!(
            "/// Adds what {line} of {number} weighs.\npub fn weigh_{line}(value: &[u64]) -> Option<u64> {{\n    \
             let total = value.iter().sum::<u64>() + {line} * 0x{line:x}; // in grams\n    \
             (total > 0).then(|| total + \"of {line}\\n\".len() as u64)\n}}\n\n"
        ));
    }
    text.truncate(SOURCE_BYTES);
    text
}
