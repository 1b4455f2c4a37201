//! Programs from Debian's packages.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use steelyard_testkit::tools;

use crate::shell::{probe, run};

/// A package, what it is for, and how to see that it (or its like from elsewhere) is there.
struct Package {
    name: &'static str,
    why: &'static str,
    is_there: fn() -> bool,
}

const PACKAGES: &[Package] = &[
    Package {
        name: "git",
        why: "git transport, and a client to test it with",
        is_there: || on_path("git"),
    },
    Package {
        name: "git-lfs",
        why: "the LFS client of the tests",
        is_there: || on_path("git-lfs"),
    },
    Package { name: "curl", why: "a plain client of the tests", is_there: || on_path("curl") },
    Package {
        name: "openssl",
        why: "hashing speed to compare uploads with",
        is_there: || on_path("openssl"),
    },
    Package { name: "postgresql", why: "the real database of the tests", is_there: has_postgres },
    Package {
        name: "nginx-light",
        why: "the server that benchmarks compare with",
        is_there: || on_path("nginx"),
    },
    Package {
        name: "fcgiwrap",
        why: "git http-backend behind nginx, for benchmarks",
        is_there: || on_path("fcgiwrap"),
    },
    Package { name: "wrk", why: "load on servers, for benchmarks", is_there: || on_path("wrk") },
    Package {
        name: "nodejs",
        why: "runs the JavaScript client of the tests",
        is_there: || on_path("node"),
    },
    Package { name: "npm", why: "installs the JavaScript client", is_there: || on_path("npm") },
    Package {
        name: "chromium",
        why: "the browser that reads the pages in the tests",
        is_there: || on_path("chromium"),
    },
    Package {
        name: "python3-venv",
        why: "environments for the pinned Hub clients",
        is_there: has_venv,
    },
];

/// Installs the packages whose programs are missing.
pub(super) fn ensure() -> Result<()> {
    let missing: Vec<&Package> = PACKAGES.iter().filter(|package| !(package.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("Debian packages to install:");
    for package in &missing {
        eprintln!("  {:<14} {}", package.name, package.why);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    let Some(mut apt) = apt_get() else {
        bail!(
            "these need root; run this and start again:\n  sudo apt-get update && sudo apt-get install --yes {}",
            names.join(" ")
        );
    };
    run(apt().arg("update"))?;
    run(apt().args(["install", "--yes", "--no-install-recommends"]).args(&names))?;
    let left = missing.iter().filter(|package| !(package.is_there)()).map(|package| package.name);
    let left: Vec<&str> = left.collect();
    if !left.is_empty() {
        bail!("apt-get has run, but the programs of {} are still not to be found", left.join(", "));
    }
    Ok(())
}

/// How to run apt-get here: as root, or by sudo that asks for no password.
fn apt_get() -> Option<impl FnMut() -> Command> {
    tools::on_path("apt-get").ok()?;
    let root = probe(Command::new("id").arg("-u"))? == "0";
    if !root {
        probe(Command::new("sudo").args(["--non-interactive", "true"]))?;
    }
    Some(move || {
        let mut command = Command::new(if root { "env" } else { "sudo" });
        if !root {
            command.args(["--non-interactive", "env"]);
        }
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]);
        command
    })
}

fn on_path(program: &str) -> bool {
    // Debian keeps servers in sbin, which an ordinary user's PATH leaves out.
    tools::on_path(program).is_ok() || Path::new("/usr/sbin").join(program).exists()
}

fn has_postgres() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    on_path("initdb") && on_path("psql")
        || versions.into_iter().any(|version| version.path().join("bin/initdb").exists())
}

fn has_venv() -> bool {
    super::venv::all_fresh()
        || probe(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_some()
}
