//! A full clone of a repository of 5,000 objects, against git http-backend behind nginx, in turns.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::bench::Bench;
use crate::bench::figure::Figure;
use crate::bench::git::{self, Import};
use crate::bench::hub::{Hub, text};
use crate::bench::nginx::Nginx;

/// Each commit brings a blob, two trees and itself.
const COMMITS: usize = 1250;

pub(in crate::bench) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let local = bench.dir.path().join("clone-local");
    git::init_bare(&local)?;
    let mut import = Import::default();
    for number in 0..COMMITS {
        import.commit("main", None, number);
        let path = format!("folder-{:02}/file-{:03}.txt", number % 20, number % 400);
        import.file(&path, &text(number as u64, 1500));
    }
    import.run(&local)?;
    let nginx = Nginx::start(bench, "clone-nginx")?;
    git::init_bare(&nginx.root.join("git/clone.git"))?;
    let theirs_at = format!("http://{}/git/clone.git", nginx.address);
    let hub = Hub::start(bench, "clone")?;
    hub.create_repo("clone")?;
    let ours_at = hub.git_url("clone");
    git::run(&local, &["push", "--quiet", &theirs_at, "main:main"]).context("push to nginx")?;
    // The hub made a first commit of its own.
    git::run(&local, &["push", "--quiet", "--force", &ours_at, "main:main"])
        .context("push to the hub")?;
    let mut ratio = Figure::new("time of git clone, against git http-backend", "x").at_most(1.15);
    let mut ours = Figure::new("git clone from the hub", "ms");
    let mut theirs = Figure::new("git clone from http-backend behind nginx", "ms");
    let into = bench.dir.path().join("clone-into");
    clone(&ours_at, &into)?;
    clone(&theirs_at, &into)?;
    for _ in 0..bench.runs.max(5) {
        let one = clone(&ours_at, &into)?;
        let other = clone(&theirs_at, &into)?;
        ratio.push(one / other);
        ours.push(one);
        theirs.push(other);
    }
    Ok(vec![ratio, ours, theirs])
}

/// Milliseconds of a clone with its work tree.
fn clone(url: &str, into: &Path) -> Result<f64> {
    if into.exists() {
        std::fs::remove_dir_all(into)?;
    }
    std::fs::create_dir_all(into)?;
    let started = Instant::now();
    git::run(into, &["clone", "--quiet", url, "clone"])?;
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}
