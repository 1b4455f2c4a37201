//! What to fetch for a file of 160 terms, asked by eight clients of a hub that has a million files.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use steelyard_testkit::HfVersion;

use super::resolve::wrk_with;
use crate::bench::Bench;
use crate::bench::figure::Figure;
use crate::bench::hub::Hub;
use crate::bench::usage::cpu_seconds;

const SEED: &str = include_str!("../clients/seed_files.py");
const FILES: u32 = 1_000_000;
const NAME: &str = "recipes";

pub(in crate::bench) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let mut hub = Hub::start(bench, "xet-recipes")?;
    hub.create_repo(NAME)?;
    let database = hub.database();
    hub.restart_after(|| seed(bench, &database))?;
    let size = std::fs::metadata(&database)?.len();
    let token = hub.client()?.get(&format!("/api/models/bench/{NAME}/xet-read-token/main"))?;
    let token: Value = serde_json::from_slice(&token)?;
    let token = token["accessToken"].as_str().context("no token")?.to_owned();
    let script = bench.dir.path().join("recipes.lua");
    let hashes: Vec<String> =
        serde_json::from_slice(&std::fs::read(bench.dir.path().join("recipes.json"))?)?;
    std::fs::write(&script, lua(&hashes))?;
    let at = format!("http://{}/", hub.address);
    let header = format!("Authorization: Bearer {token}");
    let script = script.to_str().context("a path that is no text")?;
    let mut p99 =
        Figure::new("160 terms, a million files, 8 clients: 99th percentile", "ms").at_most(5.0);
    let mut rate = Figure::new("recipes", "/s");
    let mut cpu = Figure::new("server CPU per recipe", "ms");
    let mut bytes = Figure::new("database per file of one term", "bytes");
    bytes.push(size as f64 / f64::from(FILES));
    wrk_with(&at, &["--connections", "8", "--script", script, "--header", &header])?;
    for _ in 0..bench.runs {
        let before = cpu_seconds(hub.pid())?;
        let load = wrk_with(&at, &["--connections", "8", "--script", script, "--header", &header])?;
        cpu.push((cpu_seconds(hub.pid())? - before) * 1000.0 / load.requests);
        p99.push(load.p99_ms);
        rate.push(load.per_second);
    }
    Ok(vec![p99, rate, cpu, bytes])
}

fn seed(bench: &Bench, database: &std::path::Path) -> Result<()> {
    let script = bench.dir.path().join("seed_files.py");
    std::fs::write(&script, SEED)?;
    let mut command = Command::new(HfVersion::V2_4_0.venv()?.python());
    let output = command.arg(script).arg(database).args([NAME, &FILES.to_string()]).output()?;
    if !output.status.success() {
        bail!("seed_files.py: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(std::fs::write(bench.dir.path().join("recipes.json"), output.stdout)?)
}

/// Asks for one file after the other, so that no answer is the last one's.
fn lua(hashes: &[String]) -> String {
    let list: Vec<String> = hashes.iter().map(|hash| format!("{hash:?}")).collect();
    format!(
        "local hashes = {{{}}}\nlocal n = 0\n\
         request = function()\n n = n + 1\n\
         return wrk.format('GET', '/api/xet/v2/reconstructions/' .. hashes[n % #hashes + 1])\nend\n",
        list.join(",")
    )
}
