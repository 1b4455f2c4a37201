//! Large files in blocks, driven by hf_xet: beside the reference server, edited, fine-tuned, and read over plain HTTP.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::large::{sha256_of, upload_file};
use crate::bench::Bench;
use crate::bench::client::Client;
use crate::bench::figure::Figure;
use crate::bench::hub::{Hub, commit};
use crate::bench::nginx::Nginx;
use crate::bench::usage::cpu_seconds;
use crate::bench::xet::{Driver, Reference, Uploaded, make_weights, weights};

const MIB: f64 = 1024.0 * 1024.0;
const TUNED_MIB: u64 = 90;
const TUNES: u64 = 10;

/// 1 GiB of bf16 weights up and down, in turns with the reference server.
pub(in crate::bench) fn transfer(bench: &Bench) -> Result<Vec<Figure>> {
    let hub = Hub::start(bench, "xet")?;
    hub.create_repo("xet")?;
    let reference = Reference::start(bench, "xet-reference")?;
    let mut up =
        Figure::new("1 GiB of bf16 up, wall time against the reference server", "x").at_most(1.1);
    let mut down =
        Figure::new("down with a cold cache, against the reference server", "x").at_most(1.0);
    let mut shown = Shown::default();
    let dest = bench.dir.path().join("down.bin");
    let gib = bench.file_mib as f64 / 1024.0;
    for number in 0..bench.runs {
        // Another content each time, or the servers would have it already.
        let file = make_weights(bench, "weights.bin", bench.file_mib, number as u64)?;
        let (ours, cpu_ours) = measured(hub.pid(), || Driver::of(&hub, "xet")?.upload(&[&file]))?;
        let (theirs, cpu_theirs) =
            measured(reference.pid(), || reference.driver()?.upload(&[&file]))?;
        up.push(ours.seconds / theirs.seconds);
        shown.up.push((ours.seconds, theirs.seconds, cpu_ours / gib, cpu_theirs / gib));
        let content = &ours.files[0];
        let (ours, cpu_ours) =
            measured(hub.pid(), || Driver::of(&hub, "xet")?.download(content, &dest))?;
        ensure!(sha256_of(&dest)? == content.sha256, "what came down is not what went up");
        let (theirs, cpu_theirs) =
            measured(reference.pid(), || reference.driver()?.download(content, &dest))?;
        down.push(ours / theirs);
        shown.down.push((ours, theirs, cpu_ours / gib, cpu_theirs / gib));
    }
    let mut figures = vec![up, down];
    figures.extend(shown.figures());
    Ok(figures)
}

/// Seconds and CPU of both sides: (ours, theirs, our CPU per GiB, their CPU per GiB).
#[derive(Default)]
struct Shown {
    up: Vec<(f64, f64, f64, f64)>,
    down: Vec<(f64, f64, f64, f64)>,
}

impl Shown {
    fn figures(self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for (way, samples) in [("up", self.up), ("down", self.down)] {
            let mut four = [
                Figure::new(format!("{way}: hub"), "s"),
                Figure::new(format!("{way}: reference server"), "s"),
                Figure::new(format!("{way}: CPU of the hub per GiB"), "s"),
                Figure::new(format!("{way}: CPU of the reference server per GiB"), "s"),
            ];
            for (a, b, c, d) in samples {
                four.iter_mut().zip([a, b, c, d]).for_each(|(figure, sample)| figure.push(sample));
            }
            figures.extend(four);
        }
        figures
    }
}

/// The result of some work and the CPU seconds that a server used meanwhile.
fn measured<T>(pid: u32, work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let before = cpu_seconds(pid)?;
    let result = work()?;
    Ok((result, cpu_seconds(pid)? - before))
}

/// 1 GiB again with 9,000 bytes inserted in its middle.
pub(in crate::bench) fn edit(bench: &Bench) -> Result<Vec<Figure>> {
    let hub = Hub::start(bench, "xet-edit")?;
    hub.create_repo("edit")?;
    let mut wire =
        Figure::new("sent again after 9 KB were inserted in the middle", "KB").at_most(200.0);
    let mut stored = Figure::new("stored for it", "KB").at_most(1000.0);
    for number in 0..bench.runs {
        let file = make_weights(bench, "edited.bin", bench.file_mib, 100 + number as u64)?;
        let driver = Driver::of(&hub, "edit")?;
        driver.upload(&[&file])?;
        let before = stored_bytes(&hub)?;
        let middle = (bench.file_mib << 19).to_string();
        weights(bench, &["insert", text(&file)?, &middle, "9000", &number.to_string()])?;
        wire.push(driver.upload(&[&file])?.wire_bytes / 1000.0);
        stored.push((stored_bytes(&hub)? - before) / 1000.0);
    }
    Ok(vec![wire, stored])
}

/// Ten fine-tunes of one model, each with 5 % of its weights changed, from machines with empty caches.
pub(in crate::bench) fn fine_tunes(bench: &Bench) -> Result<Vec<Figure>> {
    let hub = Hub::start(bench, "xet-tunes")?;
    let mut ratio =
        Figure::new("stored for a model and ten fine-tunes, against one copy", "x").at_most(1.6);
    for number in 0..bench.runs.min(3) as u64 {
        let before = stored_bytes(&hub)?;
        let base = make_weights(bench, "base.bin", TUNED_MIB, 1000 * (number + 1))?;
        for tune in 0..=TUNES {
            let repo = format!("tune-{number}-{tune}");
            hub.create_repo(&repo)?;
            let file = bench.dir.path().join("tuned.bin");
            let share = if tune == 0 { "0" } else { "0.05" };
            if tune == 0 {
                std::fs::copy(&base, &file)?;
            } else {
                weights(bench, &["tune", text(&base)?, text(&file)?, share, &tune.to_string()])?;
            }
            Driver::of(&hub, &repo)?.upload(&[&file])?;
        }
        ratio.push((stored_bytes(&hub)? - before) / (TUNED_MIB as f64 * MIB));
    }
    Ok(vec![ratio])
}

/// Files that arrive as plain LFS and are put into blocks by the hub, per core.
pub(in crate::bench) fn chunking(bench: &Bench) -> Result<Vec<Figure>> {
    let hub = Hub::start(bench, "xet-chunking")?;
    hub.create_repo("chunking")?;
    let mut noise =
        Figure::new("chunking of an LFS upload that does not compress, per core", "MB/s")
            .at_least(500.0);
    let mut bf16 =
        Figure::new("chunking of an LFS upload with compression, per core", "MB/s").at_least(250.0);
    for number in 0..bench.runs as u64 {
        for (figure, is_noise) in [(&mut noise, true), (&mut bf16, false)] {
            let file = if is_noise {
                let file = bench.dir.path().join("noise.bin");
                super::large::make_file(&file, bench.file_mib)?;
                super::large::stamp_file(&file, number)?;
                file
            } else {
                make_weights(bench, "chunked.bin", bench.file_mib, 500 + number)?
            };
            figure.push(chunk_one(&hub, &file, &format!("{number}-{is_noise}"))?);
        }
    }
    Ok(vec![noise, bf16])
}

/// MB per CPU second of turning one uploaded file into blocks.
fn chunk_one(hub: &Hub, file: &Path, name: &str) -> Result<f64> {
    let sha256 = sha256_of(file)?;
    upload_file(hub, "chunking", file, &sha256)?;
    let before = cpu_seconds(hub.pid())?;
    let line = json!({"key": "lfsFile", "value": {"path": name, "algo": "sha256", "oid": sha256}});
    commit(&mut hub.client()?, "chunking", &format!("{line}\n"))?;
    let deadline = Instant::now() + Duration::from_secs(300);
    while entry(hub, "chunking", name)?["xetHash"].is_null() {
        if Instant::now() > deadline {
            bail!("the file was never put into blocks");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let bytes = std::fs::metadata(file)?.len() as f64;
    Ok(bytes / 1e6 / (cpu_seconds(hub.pid())? - before))
}

/// A 1 GiB file read out of blocks by a client that knows nothing of them, against nginx sending the raw file.
pub(in crate::bench) fn plain_read(bench: &Bench) -> Result<Vec<Figure>> {
    let hub = Hub::start(bench, "xet-read")?;
    hub.create_repo("read")?;
    let nginx = Nginx::start(bench, "xet-read-nginx")?;
    let file = nginx.root.join("static/weights.bin");
    super::large::make_file(&file, bench.file_mib)?;
    put(&hub, "read", &file)?;
    let mut ratio =
        Figure::new("plain HTTP out of blocks, against nginx with sendfile", "x").at_least(0.6);
    let mut per_core =
        Figure::new("plain HTTP out of blocks, per core of the server", "MB/s").at_least(1000.0);
    let (mut ours, mut theirs) =
        (Figure::new("out of blocks", "MiB/s"), Figure::new("nginx", "MiB/s"));
    let at = "/bench/read/resolve/main/weights.bin";
    hub.client()?.drain(at)?;
    Client::connect(&nginx.address, "")?.drain("/static/weights.bin")?;
    let mib = bench.file_mib as f64;
    for _ in 0..bench.runs {
        let started = Instant::now();
        let (_, cpu) = measured(hub.pid(), || hub.client()?.drain(at))?;
        let one = mib / started.elapsed().as_secs_f64();
        let started = Instant::now();
        Client::connect(&nginx.address, "")?.drain("/static/weights.bin")?;
        let other = mib / started.elapsed().as_secs_f64();
        ratio.push(one / other);
        per_core.push(mib * MIB / 1e6 / cpu);
        ours.push(one);
        theirs.push(other);
    }
    Ok(vec![ratio, per_core, ours, theirs])
}

/// Uploads a file by hf_xet and commits it under its name.
fn put(hub: &Hub, repo: &str, file: &Path) -> Result<Uploaded> {
    let uploaded = Driver::of(hub, repo)?.upload(&[file])?.files.remove(0);
    let name = file.file_name().and_then(|name| name.to_str()).context("a file without a name")?;
    let value =
        json!({"path": name, "algo": "sha256", "oid": uploaded.sha256, "size": uploaded.size});
    let line = json!({"key": "lfsFile", "value": value});
    commit(&mut hub.client()?, repo, &format!("{line}\n"))?;
    Ok(uploaded)
}

fn entry(hub: &Hub, repo: &str, path: &str) -> Result<Value> {
    let listing = hub.client()?.get(&format!("/api/models/bench/{repo}/tree/main"))?;
    let listing: Value = serde_json::from_slice(&listing)?;
    let found = listing.as_array().and_then(|all| all.iter().find(|entry| entry["path"] == path));
    found.cloned().with_context(|| format!("{path} is not listed"))
}

/// Bytes of blocks and raw large files in the store, as the operator's command counts them.
fn stored_bytes(hub: &Hub) -> Result<f64> {
    let told: Value = serde_json::from_str(&hub.run(&["storage", "explain", "--json"])?)?;
    told["storedBytes"].as_f64().context("no storedBytes")
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}
