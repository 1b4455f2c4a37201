//! Clients and the peer of the Xet rows: the same hf_xet wheel against the hub and against the protocol authors' own
//! reference server.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use steelyard_testkit::{HfVersion, Launch, Process, free_port};
use tempfile::TempDir;

use super::Bench;
use super::hub::Hub;
use crate::setup::reference_server;

const DRIVER: &str = include_str!("clients/xet_drive.py");
const WEIGHTS: &str = include_str!("clients/weights.py");

/// The reference server of the crate xet-client, on a directory.
pub(super) struct Reference {
    process: Process,
    address: String,
}

impl Reference {
    pub(super) fn start(bench: &Bench, name: &str) -> Result<Self> {
        let port = free_port()?;
        let data = bench.dir.path().join(name);
        let mut process = Launch::new("local_cas_server", reference_server()?)
            .arg("--data-directory")
            .arg(&data)
            .args(["--port", &port.to_string()])
            .spawn()?;
        process.wait_for_port(([127, 0, 0, 1], port).into(), Duration::from_secs(20))?;
        Ok(Self { process, address: format!("http://127.0.0.1:{port}") })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// A client of this server with an empty cache.
    pub(super) fn driver(&self) -> Result<Driver> {
        Driver::new(format!("cas:{}", self.address), format!("cas:{}", self.address), "")
    }
}

/// A file as the protocol knows it.
#[derive(Debug, Clone)]
pub(super) struct Uploaded {
    pub(super) hash: String,
    pub(super) size: u64,
    pub(super) sha256: String,
}

/// What an upload took.
pub(super) struct Upload {
    pub(super) seconds: f64,
    /// Bytes of blocks and shards that the client sent.
    pub(super) wire_bytes: f64,
    pub(super) files: Vec<Uploaded>,
}

/// A machine with hf_xet whose cache starts empty.
pub(super) struct Driver {
    home: TempDir,
    up: String,
    down: String,
    token: String,
}

impl Driver {
    /// A client of `bench/{repo}` on the hub.
    pub(super) fn of(hub: &Hub, repo: &str) -> Result<Self> {
        let base = format!("http://{}/api/models/bench/{repo}", hub.address);
        Self::new(
            format!("{base}/xet-write-token/main"),
            format!("{base}/xet-read-token/main"),
            &hub.token,
        )
    }

    fn new(up: String, down: String, token: &str) -> Result<Self> {
        let home = TempDir::new()?;
        std::fs::write(home.path().join("xet_drive.py"), DRIVER)?;
        Ok(Self { home, up, down, token: token.to_owned() })
    }

    pub(super) fn upload(&self, files: &[&Path]) -> Result<Upload> {
        let mut args: Vec<&OsStr> = vec!["up".as_ref(), self.up.as_ref()];
        args.extend(files.iter().map(|file| file.as_os_str()));
        let report = self.drive(&args)?;
        let files = report["files"].as_array().context("no files")?.iter().map(uploaded);
        Ok(Upload {
            seconds: report["seconds"].as_f64().context("no seconds")?,
            wire_bytes: report["wire"].as_f64().context("no wire bytes")?,
            files: files.collect::<Result<_>>()?,
        })
    }

    /// Seconds of a download.
    pub(super) fn download(&self, file: &Uploaded, dest: &Path) -> Result<f64> {
        let size = file.size.to_string();
        let args: [&OsStr; 5] = [
            "down".as_ref(),
            self.down.as_ref(),
            file.hash.as_ref(),
            size.as_ref(),
            dest.as_os_str(),
        ];
        self.drive(&args)?["seconds"].as_f64().context("no seconds")
    }

    fn drive(&self, args: &[&OsStr]) -> Result<Value> {
        let output = Command::new(HfVersion::V2_4_0.venv()?.python())
            .arg(self.home.path().join("xet_drive.py"))
            .args(args)
            .env("HF_HOME", self.home.path())
            .env("HF_XET_CACHE", self.home.path().join("xet"))
            .env("HF_TOKEN", &self.token)
            .output()?;
        if !output.status.success() {
            bail!("hf_xet {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

fn uploaded(value: &Value) -> Result<Uploaded> {
    let text =
        |name: &str| Ok::<_, anyhow::Error>(value[name].as_str().context("no text")?.to_owned());
    Ok(Uploaded {
        hash: text("hash")?,
        size: value["size"].as_u64().context("no size")?,
        sha256: text("sha256")?,
    })
}

/// Runs the maker of weights.
pub(super) fn weights(bench: &Bench, args: &[&str]) -> Result<()> {
    let script = bench.dir.path().join("weights.py");
    std::fs::write(&script, WEIGHTS)?;
    let mut command = Command::new(HfVersion::V2_4_0.venv()?.python());
    let output = command.arg(script).args(args).output()?;
    if !output.status.success() {
        bail!("weights.py {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Makes a file of bf16 weights.
pub(super) fn make_weights(bench: &Bench, name: &str, mib: u64, seed: u64) -> Result<PathBuf> {
    let path = bench.dir.path().join(name);
    let text = path.to_str().context("a path that is no text")?;
    weights(bench, &["make", text, &mib.to_string(), &seed.to_string()])?;
    Ok(path)
}
