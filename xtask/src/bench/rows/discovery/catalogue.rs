//! The catalogues that are searched, one for each size.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::bench::Bench;

/// The seed of every catalogue that is measured.
const SEED: &str = "1";
const USER: &str = "bench";

/// A hub's data with a catalogue in it.
pub(in crate::bench::rows) struct Catalogue {
    pub(in crate::bench::rows) repos: u64,
    /// Where its server keeps what it can make again, and on SQLite everything.
    pub(in crate::bench::rows) data: PathBuf,
    /// The flags that name both stores.
    pub(in crate::bench::rows) stores: Vec<String>,
    /// A token of a user who may write.
    pub(in crate::bench::rows) token: String,
}

impl Catalogue {
    /// A catalogue on SQLite: a kept one, or one that is made now.
    pub(in crate::bench::rows) fn sqlite(bench: &Bench, repos: u64) -> Result<Self> {
        let parent = bench.catalogues.as_deref().unwrap_or(bench.dir.path());
        let data = parent.join(format!("catalogue-{repos}"));
        let stores = stores(&data.join("steelyard.db").display().to_string(), &data);
        Self::open(bench, repos, data, stores)
    }

    /// A catalogue in an empty database of PostgreSQL.
    pub(in crate::bench::rows) fn postgres(bench: &Bench, repos: u64, url: &str) -> Result<Self> {
        let data = bench.dir.path().join(format!("catalogue-postgres-{repos}"));
        let stores = stores(url, &data);
        Self::open(bench, repos, data, stores)
    }

    fn open(bench: &Bench, repos: u64, data: PathBuf, stores: Vec<String>) -> Result<Self> {
        // Written last: without it, the catalogue may be half of one.
        let mark = data.join("catalogue.json");
        if !mark.exists() {
            if data.exists() {
                std::fs::remove_dir_all(&data)?;
            }
            std::fs::create_dir_all(&data)?;
            let count = repos.to_string();
            let seed = ["dev", "seed", "--repos", &count, "--seed", SEED, "--json"];
            let seeded = run(&bench.bin, &data, &stores, &seed)?;
            eprintln!("   seeded: {}", seeded.trim());
            run(&bench.bin, &data, &stores, &["admin", "user", "create", USER])?;
            std::fs::write(&mark, seeded)?;
        }
        let name = format!("bench-{}", std::process::id());
        let token =
            ["admin", "token", "create", USER, "--name", &name, "--role", "write", "--json"];
        let made: Value = serde_json::from_str(&run(&bench.bin, &data, &stores, &token)?)?;
        let token = made["token"].as_str().context("no token")?.to_owned();
        Ok(Self { repos, data, stores, token })
    }
}

fn stores(database: &str, data: &Path) -> Vec<String> {
    let objects = data.join("objects").display().to_string();
    ["--database", database, "--storage", &objects].map(str::to_owned).to_vec()
}

fn run(bin: &Path, data: &Path, stores: &[String], args: &[&str]) -> Result<String> {
    let output = Command::new(bin).args(args).arg("--data").arg(data).args(stores).output()?;
    if !output.status.success() {
        bail!("{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
