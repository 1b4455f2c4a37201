//! Commits over HTTP against pushes of the same commits to git http-backend behind nginx.
//!
//! Both sides: a repository of 1,000 files, two of them replaced per commit (2 KiB of text and a pointer-sized text), 8
//! clients at once. Ours all commit to one branch. Theirs push to a branch each, because eight pushers of one branch
//! would mostly be refused; the commits are made beforehand and only the push is timed.

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::bench::Bench;
use crate::bench::figure::Figure;
use crate::bench::git::{self, Import};
use crate::bench::hub::{Hub, commit, put_line, text};
use crate::bench::nginx::Nginx;
use crate::bench::usage::cpu_seconds;

const CLIENTS: usize = 8;
const COMMITS_PER_CLIENT: usize = 100;
const PUSHES_PER_CLIENT: usize = 5;
const FILES: usize = 1000;

pub(in crate::bench) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let hub = Hub::start(bench, "commits")?;
    hub.create_repo("commits")?;
    let files: String = (0..FILES).map(|n| put_line(&path(n), &text(n as u64, 300))).collect();
    commit(&mut hub.client()?, "commits", &files)?;
    let peer = Peer::start(bench)?;
    let mut ratio = Figure::new("commits per second, against git push", "x").at_least(20.0);
    let mut cpu = Figure::new("server CPU per commit", "ms").at_most(0.6);
    let mut ours = Figure::new("commits over HTTP, 8 clients, one branch", "/s");
    let mut theirs = Figure::new("git push to http-backend behind nginx, 8 clients", "/s");
    // Not counted: the first commits fill caches.
    round_of_commits(&hub, u64::MAX / 2)?;
    for number in 0..bench.runs {
        let (one, cpu_ms) = round_of_commits(&hub, number as u64 + 1)?;
        let other = peer.round(number)?;
        ratio.push(one / other);
        cpu.push(cpu_ms);
        ours.push(one);
        theirs.push(other);
    }
    Ok(vec![ratio, cpu, ours, theirs])
}

fn path(number: usize) -> String {
    format!("folder-{:02}/file-{:04}.txt", number / 20 % 50, number % FILES)
}

/// The two files of a commit.
fn files_of(round: u64, client: usize, step: usize) -> [(String, String); 2] {
    let seed = round.wrapping_mul(1_000_003) ^ (client * 1000 + step) as u64;
    let number = client * 131 + step * 7;
    [(path(number % FILES), text(seed, 2048)), (path((number + 500) % FILES), text(!seed, 130))]
}

/// Commits per second, and milliseconds of the server's CPU for each.
fn round_of_commits(hub: &Hub, round: u64) -> Result<(f64, f64)> {
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let bodies: Vec<String> = (0..COMMITS_PER_CLIENT)
            .map(|step| {
                files_of(round, number, step)
                    .iter()
                    .map(|(path, text)| put_line(path, text))
                    .collect()
            })
            .collect();
        clients.push((hub.client()?, bodies));
    }
    let (cpu, started) = (cpu_seconds(hub.pid())?, Instant::now());
    std::thread::scope(|scope| {
        let threads: Vec<_> = clients
            .iter_mut()
            .map(|(client, bodies)| {
                scope.spawn(|| bodies.iter().try_for_each(|body| commit(client, "commits", body)))
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a client does not panic"))
    })?;
    let count = (CLIENTS * COMMITS_PER_CLIENT) as f64;
    let per_second = count / started.elapsed().as_secs_f64();
    Ok((per_second, (cpu_seconds(hub.pid())? - cpu) * 1000.0 / count))
}

/// nginx, and the commits to push to it.
struct Peer {
    nginx: Nginx,
    local: std::path::PathBuf,
}

impl Peer {
    fn start(bench: &Bench) -> Result<Self> {
        let nginx = Nginx::start(bench, "commits-nginx")?;
        let local = bench.dir.path().join("commits-local");
        git::init_bare(&local)?;
        let mut import = Import::default();
        import.commit("main", None, 0);
        for number in 0..FILES {
            import.file(&path(number), &text(number as u64, 300));
        }
        for client in 0..CLIENTS {
            for step in 0..bench.runs * PUSHES_PER_CLIENT {
                let branch = format!("c{client}-{step}");
                let from = if step == 0 {
                    "refs/heads/main".to_owned()
                } else {
                    format!("refs/heads/c{client}-{}", step - 1)
                };
                import.commit(&branch, Some(&from), step + 1);
                for (path, text) in files_of(0, client, step) {
                    import.file(&path, &text);
                }
            }
        }
        import.run(&local)?;
        let remote = nginx.root.join("git/commits.git");
        git::init_bare(&remote)?;
        let peer = Self { nginx, local };
        git::run(&peer.local, &["push", "--quiet", &peer.url(), "main:main"])
            .context("the first push")?;
        Ok(peer)
    }

    fn url(&self) -> String {
        format!("http://{}/git/commits.git", self.nginx.address)
    }

    /// Pushes per second.
    fn round(&self, number: usize) -> Result<f64> {
        let (started, url) = (Instant::now(), self.url());
        let push = |client: usize| {
            (number * PUSHES_PER_CLIENT..(number + 1) * PUSHES_PER_CLIENT).try_for_each(|step| {
                let refs = format!("c{client}-{step}:refs/heads/c{client}");
                git::run(&self.local, &["push", "--quiet", &url, &refs]).map(drop)
            })
        };
        std::thread::scope(|scope| {
            let push = &push;
            let threads: Vec<_> =
                (0..CLIENTS).map(|client| scope.spawn(move || push(client))).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("a client does not panic"))
        })?;
        Ok((CLIENTS * PUSHES_PER_CLIENT) as f64 / started.elapsed().as_secs_f64())
    }
}
