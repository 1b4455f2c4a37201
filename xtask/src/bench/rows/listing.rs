//! Repositories of 100,000 files: a page of their listing, and a commit of one file.

use std::time::Instant;

use anyhow::Result;

use crate::bench::Bench;
use crate::bench::client::Client;
use crate::bench::figure::{Figure, median};
use crate::bench::hub::{Hub, commit, put_line};
use crate::bench::usage::cpu_seconds;

const FILES: usize = 100_000;
const FILES_PER_COMMIT: usize = 25_000;
const TRIES: usize = 20;

pub(in crate::bench) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let mut hub = Hub::start(bench, "listing")?;
    fill(&hub, "flat", flat)?;
    fill(&hub, "nested", nested)?;
    let mut figures = Vec::new();
    let mut first = Figure::new("first page after a restart, flat", "ms");
    let pages = [
        ("a page of 1,000, flat", "/api/models/bench/flat/tree/main"),
        ("a page of 1,000, nested, recursive", "/api/models/bench/nested/tree/main?recursive=true"),
        ("a page of one folder, nested", "/api/models/bench/nested/tree/main/folder-050"),
    ];
    for (what, path) in pages {
        let mut figure = Figure::new(what, "ms").at_most(30.0);
        for _ in 0..bench.runs {
            if path == pages[0].1 {
                hub.restart()?;
                first.push(get_ms(&mut hub.client()?, path)?);
            }
            let mut client = hub.client()?;
            get_ms(&mut client, path)?;
            let times: Result<Vec<f64>> = (0..TRIES).map(|_| get_ms(&mut client, path)).collect();
            figure.push(median(&times?));
        }
        figures.push(figure);
    }
    figures.push(first);
    figures.extend(commits(bench, &hub)?);
    Ok(figures)
}

fn commits(bench: &Bench, hub: &Hub) -> Result<Vec<Figure>> {
    let mut time = Figure::new("commit of one file into the flat folder", "ms").at_most(10.0);
    let mut cpu = Figure::new("server CPU per such commit", "ms");
    let mut client = hub.client()?;
    for round in 0..bench.runs {
        let before = cpu_seconds(hub.pid())?;
        let mut times = Vec::new();
        for step in 0..TRIES {
            let number = round * TRIES + step;
            let started = Instant::now();
            commit(
                &mut client,
                "flat",
                &put_line(&flat(number * 97 % FILES), &format!("changed {number}\n")),
            )?;
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        time.push(median(&times));
        cpu.push((cpu_seconds(hub.pid())? - before) * 1000.0 / TRIES as f64);
    }
    Ok(vec![time, cpu])
}

fn flat(number: usize) -> String {
    format!("data-{number:06}.txt")
}

fn nested(number: usize) -> String {
    format!("folder-{:03}/data-{number:06}.txt", number / 1000)
}

fn fill(hub: &Hub, repo: &str, path: fn(usize) -> String) -> Result<()> {
    hub.create_repo(repo)?;
    let mut client = hub.client()?;
    for start in (0..FILES).step_by(FILES_PER_COMMIT) {
        let lines: String = (start..start + FILES_PER_COMMIT)
            .map(|n| put_line(&path(n), &format!("file {n}\n")))
            .collect();
        commit(&mut client, repo, &lines)?;
    }
    Ok(())
}

fn get_ms(client: &mut Client, path: &str) -> Result<f64> {
    let started = Instant::now();
    client.get(path)?;
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}
