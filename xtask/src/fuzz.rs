//! `cargo xtask fuzz`: libFuzzer on everything that parses what comes from outside, led by what the code covers.
//!
//! It needs no nightly compiler: coverage is asked of LLVM by flags that the stable one takes. What it leaves out is the
//! address sanitizer, which has little to find here, because the crates forbid unsafe code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::shell::{cargo, probe, root, run as execute, target_dir};

/// What `cargo fuzz` asks for, without a sanitizer.
const FLAGS: [&str; 8] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Ccodegen-units=1",
];
/// Memory of one input at which it counts as a fault: what the property tests allow, and what the program itself takes.
const MEMORY_MIB: u32 = 1024;
/// Seconds of one input at which it counts as a fault.
const SECONDS_MAX: u32 = 10;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Targets, as `fuzz/fuzz_targets` names them; all when none is named.
    targets: Vec<String>,
    /// Seconds for each.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Builds the targets and runs one after the other. What a run has learnt is kept beside the build, for the next one.
pub(crate) fn run(options: &Options) -> Result<()> {
    let known = known()?;
    if let Some(unknown) = options.targets.iter().find(|name| !known.contains(name)) {
        bail!("there is no target {unknown}; there are {}", known.join(", "));
    }
    let chosen = if options.targets.is_empty() { &known } else { &options.targets };
    let folder = target_dir().join("fuzz");
    let programs = build(chosen, &folder)?;
    let mut failed = Vec::new();
    for name in chosen {
        if let Err(error) = fuzz(name, &programs.join(name), &folder, options.seconds) {
            eprintln!("{name}: {error:#}");
            failed.push(name.as_str());
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => bail!(
            "found something: {}; the inputs lie in {}",
            failed.join(", "),
            folder.join("found").display()
        ),
    }
}

fn known() -> Result<Vec<String>> {
    let entries = fs::read_dir(root().join("fuzz/fuzz_targets"))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Returns where the programs are.
fn build(targets: &[String], folder: &Path) -> Result<PathBuf> {
    // The versions that are shipped are the ones to look at.
    fs::copy(root().join("Cargo.lock"), root().join("fuzz/Cargo.lock"))?;
    let host = probe(Command::new("rustc").args(["--print", "host-tuple"]));
    let host = host.context("rustc does not say what it builds for")?;
    let mut command = cargo();
    // With a target named, programs that only build are not led by coverage.
    command.args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host]);
    command.env("CARGO_TARGET_DIR", folder).env("RUSTFLAGS", FLAGS.join(" "));
    for name in targets {
        command.args(["--bin", name]);
    }
    execute(&mut command)?;
    Ok(folder.join(host).join("release"))
}

fn fuzz(name: &str, program: &Path, folder: &Path, seconds: u32) -> Result<()> {
    let (corpus, found) = (folder.join("corpus").join(name), folder.join("found").join(name));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&found)?;
    sow(name, &corpus)?;
    let mut command = Command::new(program);
    command.current_dir(&found);
    command.args([
        format!("-max_total_time={seconds}"),
        format!("-rss_limit_mb={MEMORY_MIB}"),
        format!("-timeout={SECONDS_MAX}"),
        "-print_final_stats=1".to_owned(),
        "-print_funcs=0".to_owned(),
        "-verbosity=0".to_owned(),
    ]);
    command.arg(&corpus);
    command.args(real(name));
    execute(&mut command)
}

/// Input of real clients.
fn real(name: &str) -> Option<PathBuf> {
    let folder = match name {
        "xorb" => "crates/xet/tests/suite/xorbs",
        "shard" => "crates/xet/tests/shard/clients",
        _ => return None,
    };
    Some(root().join(folder))
}

/// Sound input to begin with.
fn sow(name: &str, corpus: &Path) -> Result<()> {
    if name == "query" {
        let query = "task:text-classification lang:en license:apache-2.0 lineage:permissive size:<100MB params:1B..8B \
                     quant:4bit context:>=32k eval:mnli.f1>0.9 base:ns/m newer:12mo -tag:\"a b\" words";
        fs::write(corpus.join("seed"), query)?;
    }
    if !["card", "evals"].contains(&name) {
        return Ok(());
    }
    for entry in fs::read_dir(root().join("crates/card/tests/corpus/repos"))? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let card = text.split("%%% README.md\n").nth(1).unwrap_or_default();
        let card = card.split("%%% ").next().unwrap_or_default();
        let seed = path.file_stem().context("a file of the corpus has no name")?;
        fs::write(corpus.join(seed), card)?;
    }
    Ok(())
}
