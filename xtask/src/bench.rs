//! `cargo xtask bench`: how fast the hub is, beside the programs it is compared with, in one run.
//!
//! The other program of each row runs on the same machine, on the same bytes, in turns with the hub, so that noise
//! hits both; what counts are ratios and medians. `docs/benchmarks.md` keeps the results.

mod client;
mod figure;
mod git;
pub(crate) mod hub;
mod nginx;
mod rows;
mod usage;
mod xet;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use tempfile::TempDir;

use self::figure::Figure;
use crate::shell::{cargo, claim_target_dir, probe, run as execute, target_dir};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Rows to measure; all when none is named.
    names: Vec<String>,
    /// Rounds per row; the median counts.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Prints the figures as JSON.
    #[arg(long)]
    json: bool,
    /// Where servers keep their data while they are measured: the disk matters.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Size of the large file, in MiB.
    #[arg(long, default_value_t = 1024)]
    file_mib: u64,
    /// Repositories of the largest catalogue that is searched.
    #[arg(long, default_value_t = 1_000_000)]
    repos: u64,
    /// Where catalogues on SQLite are kept, and found again by the next run.
    #[arg(long)]
    catalogues: Option<PathBuf>,
    /// Measures this server instead of a fresh release build.
    #[arg(long)]
    bin: Option<PathBuf>,
}

/// What every row works with.
struct Bench {
    dir: TempDir,
    bin: PathBuf,
    runs: usize,
    file_mib: u64,
    repos: u64,
    catalogues: Option<PathBuf>,
}

type Row = fn(&Bench) -> Result<Vec<Figure>>;

const ROWS: &[(&str, Row)] = &[
    ("commits", rows::commits::run),
    ("resolve", rows::resolve::run),
    ("download", rows::large::download),
    ("upload", rows::large::upload),
    ("clone", rows::clone::run),
    ("listing", rows::listing::run),
    ("start", rows::start::run),
    ("paint", rows::paint::run),
    ("xet", rows::xet::transfer),
    ("xet-edit", rows::xet::edit),
    ("xet-tunes", rows::xet::fine_tunes),
    ("xet-chunking", rows::xet::chunking),
    ("xet-read", rows::xet::plain_read),
    ("xet-recipes", rows::xet_recipes::run),
    ("pages", rows::pages::run),
    ("discovery", rows::discovery::sqlite),
    ("discovery-postgres", rows::discovery::postgres),
];

/// Measures the rows one after another; a row that fails is named and the others go on.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(unknown) =
        options.names.iter().find(|name| ROWS.iter().all(|(known, _)| known != name))
    {
        let known: Vec<&str> = ROWS.iter().map(|(name, _)| *name).collect();
        bail!("there is no row {unknown}; the rows are {}", known.join(", "));
    }
    let bench = Bench {
        dir: match &options.dir {
            Some(dir) => {
                TempDir::new_in(dir).with_context(|| format!("cannot use {}", dir.display()))?
            }
            None => TempDir::new()?,
        },
        bin: options.bin.clone().map_or_else(build, Ok)?,
        runs: options.runs.max(1),
        file_mib: options.file_mib.max(1),
        repos: options.repos.max(1),
        catalogues: options.catalogues.clone(),
    };
    let (mut figures, mut failed) = (Vec::new(), Vec::new());
    for (name, row) in ROWS {
        if !options.names.is_empty() && !options.names.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("== {name}");
        match row(&bench) {
            Ok(found) => {
                figures.extend(found.into_iter().map(|figure| (*name, figure)));
            }
            Err(error) => {
                eprintln!("error in {name}: {error:#}");
                failed.push(*name);
            }
        }
    }
    figure::print(&machine(), &figures, options.json)?;
    if failed.is_empty() { Ok(()) } else { bail!("not measured: {}", failed.join(", ")) }
}

fn build() -> Result<PathBuf> {
    claim_target_dir()?;
    execute(cargo().args(["build", "--release", "--package", "steelyard"]))?;
    Ok(target_dir().join("release/steelyard"))
}

/// The machine in a line.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cpu = field(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    let kernel = probe(Command::new("uname").arg("-r")).unwrap_or_default();
    let date = probe(Command::new("date").args(["-u", "+%F %H:%M UTC"])).unwrap_or_default();
    format!("{date}, {cores} cores of {cpu}, {memory} of memory, Linux {kernel}, load {load}")
}
