//! One large file: down against nginx with sendfile, up against `openssl dgst -sha256`.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::json;
use steelyard_testkit::tools;

use crate::bench::Bench;
use crate::bench::client::Client;
use crate::bench::figure::Figure;
use crate::bench::hub::{Hub, commit};
use crate::bench::nginx::Nginx;
use crate::bench::usage::{MemoryWatch, cpu_seconds};
use crate::shell::probe;

const LFS_JSON: &str = "application/vnd.git-lfs+json";
const MEMORY_MIB_MAX: f64 = 64.0;

pub(in crate::bench) fn download(bench: &Bench) -> Result<Vec<Figure>> {
    let hub = Hub::start(bench, "download")?;
    hub.create_repo("download")?;
    let nginx = Nginx::start(bench, "download-nginx")?;
    let file = nginx.root.join("static/weights.bin");
    make_file(&file, bench.file_mib)?;
    let sha256 = sha256_of(&file)?;
    upload_file(&hub, "download", &file, &sha256)?;
    let line = json!({"key": "lfsFile", "value": {"path": "weights.bin", "algo": "sha256", "oid": sha256}});
    commit(&mut hub.client()?, "download", &format!("{line}\n"))?;
    let ours_at = "/bench/download/resolve/main/weights.bin";
    let mut ratio = Figure::new("throughput, against nginx with sendfile", "x").at_least(0.85);
    let mut memory = Figure::new("growth of the server's memory", "MiB").at_most(MEMORY_MIB_MAX);
    let mut ours = Figure::new("LFS file down", "MiB/s");
    let mut theirs = Figure::new("nginx", "MiB/s");
    let mut cpu = Figure::new("server CPU per GiB", "s");
    let mib = bench.file_mib as f64;
    // Not counted: both sides read the file from the disk the first time.
    hub.client()?.drain(ours_at)?;
    Client::connect(&nginx.address, "")?.drain("/static/weights.bin")?;
    for _ in 0..bench.runs {
        let watch = MemoryWatch::start(hub.pid())?;
        let before = cpu_seconds(hub.pid())?;
        let one = mib / seconds(|| hub.client()?.drain(ours_at).map(drop))?;
        cpu.push((cpu_seconds(hub.pid())? - before) * 1024.0 / mib);
        memory.push(watch.finish());
        let other = mib
            / seconds(|| {
                Client::connect(&nginx.address, "")?.drain("/static/weights.bin").map(drop)
            })?;
        ratio.push(one / other);
        ours.push(one);
        theirs.push(other);
    }
    Ok(vec![ratio, memory, ours, theirs, cpu])
}

pub(in crate::bench) fn upload(bench: &Bench) -> Result<Vec<Figure>> {
    let hub = Hub::start(bench, "upload")?;
    hub.create_repo("upload")?;
    let file = bench.dir.path().join("upload.bin");
    make_file(&file, bench.file_mib)?;
    let mut ratio = Figure::new("speed, against openssl dgst -sha256", "x").at_least(0.5);
    let mut memory = Figure::new("growth of the server's memory", "MiB").at_most(MEMORY_MIB_MAX);
    let mut ours = Figure::new("LFS file up, durable when answered", "MiB/s");
    let mut hashing = Figure::new("openssl dgst -sha256", "MiB/s");
    let mut copying = Figure::new("dd conv=fsync of the same file on the same disk", "MiB/s");
    let mut cpu = Figure::new("server CPU per GiB", "s");
    let mib = bench.file_mib as f64;
    for number in 0..bench.runs {
        // Another file each time, or the hub would have it already.
        stamp_file(&file, number as u64)?;
        let mut sha256 = sha256_of(&file)?;
        let hash = mib / seconds(|| sha256_of(&file).map(|found| sha256 = found))?;
        let copy = mib / seconds(|| copy_durably(&file, &bench.dir.path().join("copy.bin")))?;
        let watch = MemoryWatch::start(hub.pid())?;
        let before = cpu_seconds(hub.pid())?;
        let one = mib / seconds(|| upload_file(&hub, "upload", &file, &sha256))?;
        cpu.push((cpu_seconds(hub.pid())? - before) * 1024.0 / mib);
        memory.push(watch.finish());
        ratio.push(one / hash);
        ours.push(one);
        hashing.push(hash);
        copying.push(copy);
    }
    Ok(vec![ratio, memory, ours, hashing, copying, cpu])
}

fn seconds(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed().as_secs_f64())
}

/// Bytes that no file system can leave out or pack.
pub(super) fn make_file(path: &Path, mib: u64) -> Result<()> {
    let mut file = File::create(path)?;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..mib {
        let mut chunk = Vec::with_capacity(1 << 20);
        while chunk.len() < 1 << 20 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            chunk.extend_from_slice(&state.to_le_bytes());
        }
        file.write_all(&chunk)?;
    }
    file.sync_all()?;
    Ok(())
}

/// Makes a file another one by its first bytes.
pub(super) fn stamp_file(path: &Path, number: u64) -> Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&number.to_be_bytes())?;
    Ok(file.sync_all()?)
}

pub(super) fn sha256_of(file: &Path) -> Result<String> {
    let said =
        probe(Command::new(tools::on_path("openssl")?).args(["dgst", "-sha256", "-r"]).arg(file));
    let said = said.context("openssl failed")?;
    Ok(said.split(' ').next().unwrap_or_default().to_owned())
}

fn copy_durably(from: &Path, to: &PathBuf) -> Result<()> {
    let of = |key: &str, path: &Path| format!("{key}={}", path.display());
    let mut dd = Command::new("dd");
    dd.args([
        of("if", from),
        of("of", to),
        "bs=1M".into(),
        "conv=fsync".into(),
        "status=none".into(),
    ]);
    probe(&mut dd).context("dd failed")?;
    std::fs::remove_file(to)?;
    Ok(())
}

/// What git-lfs does: batch, PUT, verify.
pub(super) fn upload_file(hub: &Hub, repo: &str, file: &Path, sha256: &str) -> Result<()> {
    let mut client = hub.client()?;
    let size = std::fs::metadata(file)?.len();
    let object = json!({"oid": sha256, "size": size});
    let batch =
        json!({"operation": "upload", "transfers": ["basic"], "objects": [object]}).to_string();
    let answer = client.post(
        &format!("/bench/{repo}.git/info/lfs/objects/batch"),
        LFS_JSON,
        batch.as_bytes(),
    )?;
    let actions = &answer["objects"][0]["actions"];
    let upload = &actions["upload"];
    let href = upload["href"].as_str().with_context(|| format!("no upload in {answer}"))?;
    let mut headers = String::new();
    for (name, value) in upload["header"].as_object().into_iter().flatten() {
        headers.push_str(&format!("{name}: {}\r\n", value.as_str().unwrap_or_default()));
    }
    client.put_file(path_of(href), &headers, file)?;
    if let Some(href) = actions["verify"]["href"].as_str() {
        let headers = format!("Content-Type: {LFS_JSON}\r\nAccept: {LFS_JSON}\r\n");
        client.send("POST", path_of(href), &headers, object.to_string().as_bytes())?;
    }
    Ok(())
}

fn path_of(url: &str) -> &str {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    rest.find('/').map_or("/", |at| &rest[at..])
}
