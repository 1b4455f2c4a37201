//! `cargo xtask test`: the one command that says whether the project is in order.

mod servers;
mod space;
mod steps;

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;
use steelyard_testkit::tools;

use self::servers::Servers;
use self::steps::Steps;
use crate::shell::{cargo, claim_target_dir, root, run as execute, target_dir};
use crate::{floors, openapi, setup};

/// Tests in a module `slow` take minutes: `--fast` leaves them out.
const NOT_SLOW: &str = "not test(/(^|::)slow::/)";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The inner loop: no set-up, no clippy or deny, SQLite and directories only, no slow suites.
    #[arg(long)]
    fast: bool,
    /// Also checks for published advisories; needs the network.
    #[arg(long)]
    advisories: bool,
    /// Runs only tests whose name contains one of these.
    filter: Vec<String>,
}

/// Runs one command beside the real servers.
pub(crate) fn with_servers(command: &[String]) -> Result<()> {
    let [program, arguments @ ..] = command else { bail!("name a command") };
    let servers = Servers::start()?;
    let mut command = Command::new(program);
    command.args(arguments);
    servers.export(&mut command);
    execute(&mut command)
}

/// Runs every step, goes on after a failed check so that one run tells all, and ends with the list.
pub(crate) fn run(options: &Options) -> Result<()> {
    claim_target_dir()?;
    let mut steps = Steps::default();
    if !options.fast && !steps.run("room", space::check) {
        steps.print();
        bail!("there is too little room on the disk");
    }
    if !options.fast && !steps.run("setup", setup::run) {
        steps.print();
        bail!("setup failed");
    }
    checks(options, &mut steps);
    if steps.run("build", build) {
        if root().join("docs/openapi.json").exists() {
            steps.run("openapi", || openapi::run(true));
        }
        steps.run("tests", || tests(options, &mut runner(options, &[])));
        match tools::oldest_git() {
            _ if options.fast => {}
            Some(git) => {
                steps.run("git 2.30", || tests(options, &mut git_suites(options, &git)));
            }
            None => steps.leave_out("git 2.30", "setup could not get it"),
        }
    }
    steps.print();
    let failed = steps.failed();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn checks(options: &Options, steps: &mut Steps) {
    steps.run("fmt", || execute(cargo().args(["fmt", "--all", "--check"])));
    steps.run("floors", floors::run);
    if options.fast {
        return;
    }
    steps.run("deny", || deny(options.advisories));
    steps.run("clippy", || {
        execute(cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]))
    });
}

/// Without the advisories this asks no host but crates.io, for crates of platforms that nobody here builds for.
fn deny(advisories: bool) -> Result<()> {
    let mut command = Command::new(tools::built("cargo-deny")?);
    command.current_dir(root());
    command.args([
        "--log-level",
        "error",
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ]);
    if advisories {
        command.arg("advisories");
    }
    execute(&mut command)
}

fn build() -> Result<()> {
    execute(cargo().args(["build", "--package", "steelyard"]))
}

fn tests(options: &Options, command: &mut Command) -> Result<()> {
    let servers = if options.fast { None } else { Some(Servers::start()?) };
    command
        .env("STEELYARD_BIN", target_dir().join("debug/steelyard"))
        .env("STEELYARD_TOOLS", tools::root());
    match &servers {
        Some(servers) => servers.export(command),
        None => Servers::hide(command),
    }
    execute(command)
}

/// The suites whose client is git, once more with another one. The hub they talk to keeps the git it found.
fn git_suites(options: &Options, git: &Path) -> Command {
    let mut command = runner(options, &["git_http", "git_lfs", "transport"]);
    command.env("STEELYARD_TEST_GIT", git);
    command
}

/// Runs the tests of these suites, or all. With nextest where it is installed, because it gives every test a process of
/// its own; with cargo's own runner elsewhere.
fn runner(options: &Options, suites: &[&str]) -> Command {
    let mut command = cargo();
    let targets = suites.iter().flat_map(|suite| ["--test", suite]);
    if crate::shell::probe(cargo().args(["nextest", "--version"])).is_some() {
        command.args(["nextest", "run", "--workspace", "--profile", "all"]).args(targets);
        if !suites.is_empty() {
            // What the user asks for may be in other suites.
            command.args(["--no-tests", "pass"]);
        }
        if options.fast {
            command.args(["--filterset", NOT_SLOW]);
        }
        command.args(&options.filter);
        return command;
    }
    command.args(["test", "--workspace", "--no-fail-fast"]).args(targets).arg("--");
    if options.fast {
        command.args(["--skip", "slow::"]);
    }
    command.args(&options.filter);
    command
}
