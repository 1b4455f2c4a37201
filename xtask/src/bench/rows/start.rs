//! A hub with 10,000 repositories: how soon it is ready, and what it holds while idle.

use std::time::Duration;

use anyhow::Result;

use crate::bench::Bench;
use crate::bench::figure::Figure;
use crate::bench::hub::Hub;
use crate::bench::usage::{cpu_seconds, resident_mib};

const REPOS: usize = 10_000;
const CLIENTS: usize = 4;
const IDLE: Duration = Duration::from_secs(3);

pub(in crate::bench) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let mut hub = Hub::start(bench, "start")?;
    std::thread::scope(|scope| {
        let hub = &hub;
        let create = move |first: usize| {
            (first..REPOS)
                .step_by(CLIENTS)
                .try_for_each(|number| hub.create_repo(&format!("repo-{number}")))
        };
        let threads: Vec<_> =
            (0..CLIENTS).map(|first| scope.spawn(move || create(first))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a client does not panic"))
    })?;
    let mut ready = Figure::new("start to ready, 10,000 repositories", "ms").at_most(300.0);
    let mut memory = Figure::new("resident memory when idle", "MiB").at_most(60.0);
    let mut cpu = Figure::new("CPU while idle", "ms/s");
    for _ in 0..bench.runs {
        hub.restart()?;
        ready.push(hub.ready_after.as_secs_f64() * 1000.0);
        hub.client()?.get("/api/models/bench/repo-7")?;
        let before = cpu_seconds(hub.pid())?;
        std::thread::sleep(IDLE);
        cpu.push((cpu_seconds(hub.pid())? - before) * 1000.0 / IDLE.as_secs_f64());
        memory.push(resident_mib(hub.pid())?);
    }
    Ok(vec![ready, memory, cpu])
}
