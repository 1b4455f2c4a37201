//! Git 2.30, the oldest that the hub promises to serve, from the packages of Debian 11.
//!
//! Optional: a machine without apt-get, or without that mirror, goes without it, and the suites that would run with it
//! say so. Nothing is installed into the system; the package is unpacked into a folder of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use steelyard_testkit::tools;

use super::stamp;
use crate::shell::{probe, run};

const STEP: &str = "git-2.30";
/// Where Debian 11 is; the second for when it has left the first.
const MIRRORS: [&str; 2] = ["http://deb.debian.org/debian", "http://archive.debian.org/debian"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Fetches it unless it is there, and says why it cannot be had.
pub(super) fn ensure() {
    if let Err(error) = fetch() {
        eprintln!("no git 2.30 here, suites with it will be left out: {error:#}");
    }
}

fn fetch() -> Result<()> {
    let folder = tools::oldest_git_folder();
    let recipe = wrapper(&folder);
    if tools::oldest_git().is_some() && stamp::is_fresh(STEP, &recipe) {
        return Ok(());
    }
    for program in ["apt-get", "dpkg"] {
        tools::on_path(program)?;
    }
    if !Path::new(KEYRING).exists() {
        bail!("{KEYRING} is missing");
    }
    eprintln!("git 2.30: the oldest client that is promised to work, into {}", folder.display());
    let scratch = tools::root().join("build").join(STEP);
    let fetched = MIRRORS.iter().find_map(|mirror| download(&scratch, mirror).ok());
    let unpacked =
        fetched.context("no mirror has the package").and_then(|()| unpack(&scratch, &folder));
    if scratch.exists() {
        fs::remove_dir_all(&scratch)
            .with_context(|| format!("cannot remove {}", scratch.display()))?;
    }
    unpacked?;
    let git = folder.join("bin/git");
    write_program(&git, &recipe)?;
    check(&folder, &git)?;
    stamp::write(STEP, &recipe)
}

/// Lets apt check the package as it does for the system, with lists and caches of its own.
fn download(scratch: &Path, mirror: &str) -> Result<()> {
    let lists = scratch.join("lists");
    for folder in ["state/lists/partial", "cache/archives/partial", "package"] {
        fs::create_dir_all(scratch.join(folder))?;
    }
    fs::write(&lists, format!("deb [signed-by={KEYRING}] {mirror} bullseye main\n"))?;
    let apt = |words: &[&str]| {
        let option = |name: &str, path: &Path| format!("{name}={}", path.display());
        let mut command = Command::new("apt-get");
        command.current_dir(scratch.join("package")).arg("--quiet");
        for option in [
            option("Dir::Etc::sourcelist", &lists),
            option("Dir::Etc::sourceparts", Path::new("/dev/null")),
            option("Dir::State", &scratch.join("state")),
            option("Dir::State::status", Path::new("/dev/null")),
            option("Dir::Cache", &scratch.join("cache")),
            // It may not read our folders, and checks signatures all the same.
            "APT::Sandbox::User=root".to_owned(),
            // A release that has left the mirror keeps the date it had.
            "Acquire::Check-Valid-Until=false".to_owned(),
        ] {
            command.args(["--option", &option]);
        }
        run(command.args(words))
    };
    apt(&["update", "--error-on=any"])?;
    apt(&["download", "git"])
}

fn unpack(scratch: &Path, folder: &Path) -> Result<()> {
    let packages = fs::read_dir(scratch.join("package"))?;
    let package = packages.flatten().next().context("apt-get downloaded nothing")?;
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder.join("bin"))?;
    run(Command::new("dpkg").arg("--extract").arg(package.path()).arg(folder))
}

/// Debian's git looks for its parts where the package would have put them.
fn wrapper(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "#!/bin/sh\nexport GIT_EXEC_PATH='{folder}/usr/lib/git-core'\n\
         export GIT_TEMPLATE_DIR='{folder}/usr/share/git-core/templates'\n\
         exec '{folder}/usr/bin/git' \"$@\"\n"
    )
}

fn write_program(at: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(at, text)
        .and_then(|()| fs::set_permissions(at, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {}", at.display()))
}

/// Its libraries are those of this machine, of which newer ones serve as well.
fn check(folder: &Path, git: &Path) -> Result<()> {
    let version = probe(Command::new(git).arg("--version")).unwrap_or_default();
    let over_http = folder.join("usr/lib/git-core/git-remote-http");
    let libraries = probe(Command::new("ldd").arg(over_http)).unwrap_or_default();
    let missing: Vec<&str> = libraries.lines().filter(|line| line.contains("not found")).collect();
    if version.starts_with("git version 2.30.") && missing.is_empty() {
        return Ok(());
    }
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    bail!("it does not run here ({version}{}); is libcurl3-gnutls installed?", missing.join(", "))
}
