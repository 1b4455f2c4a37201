//! The hub under measurement: a release build on SQLite (synchronous FULL) and a directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use steelyard_testkit::{Launch, Process};

use super::Bench;
use super::client::Client;

const USER: &str = "bench";
const JSON: &str = "application/json";

pub(crate) struct Hub {
    process: Process,
    bin: PathBuf,
    data: PathBuf,
    pub(crate) address: String,
    pub(crate) token: String,
    /// From the start of the process until it said that it is ready.
    pub(super) ready_after: Duration,
}

impl Hub {
    /// Starts a hub on fresh stores, with one ordinary user.
    pub(super) fn start(bench: &Bench, name: &str) -> Result<Self> {
        Self::start_in(&bench.bin, &bench.dir.path().join(name), USER)
    }

    /// Starts a hub on fresh stores in this folder; the token is that of `user`.
    pub(crate) fn start_in(bin: &Path, data: &Path, user: &str) -> Result<Self> {
        let mut hub = Self::boot(bin, data)?;
        hub.admin(&["user", "create", user])?;
        let made =
            hub.admin(&["token", "create", user, "--name", "bench", "--role", "write", "--json"])?;
        let made: Value = serde_json::from_str(&made)?;
        made["token"].as_str().context("no token")?.clone_into(&mut hub.token);
        Ok(hub)
    }

    fn boot(bin: &Path, data: &Path) -> Result<Self> {
        let started = Instant::now();
        let mut process = Launch::new("steelyard", bin)
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data"])
            .arg(data)
            .spawn()?;
        let ready = |line: &str| line.contains("is ready at");
        let line = process.wait_for_line("that it is ready", Duration::from_secs(60), ready)?;
        let ready_after = started.elapsed();
        let address = line.rsplit("http://").next().unwrap_or_default().trim().to_owned();
        Ok(Self {
            process,
            bin: bin.to_owned(),
            data: data.to_owned(),
            address,
            token: String::new(),
            ready_after,
        })
    }

    /// Where the database is.
    pub(super) fn database(&self) -> PathBuf {
        self.data.join("steelyard.db")
    }

    /// Stops the hub as an operator does, and starts it on the same data.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.restart_after(|| Ok(()))
    }

    /// As [`Self::restart`], with some work on the data in between.
    pub(super) fn restart_after(&mut self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        self.process.terminate(Duration::from_secs(30))?;
        work()?;
        let token = std::mem::take(&mut self.token);
        *self = Self { token, ..Self::boot(&self.bin, &self.data)? };
        Ok(())
    }

    fn admin(&self, args: &[&str]) -> Result<String> {
        self.run(&[&["admin"], args].concat())
    }

    /// Runs an operator's command on the hub's data, beside the running server.
    pub(crate) fn run(&self, args: &[&str]) -> Result<String> {
        let output = Command::new(&self.bin).args(args).arg("--data").arg(&self.data).output()?;
        if !output.status.success() {
            bail!("{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// A connection as the user.
    pub(super) fn client(&self) -> Result<Client> {
        Client::connect(&self.address, &self.token)
    }

    /// Creates the model `bench/{name}`, public.
    pub(super) fn create_repo(&self, name: &str) -> Result<()> {
        let body = json!({"name": name, "type": "model"}).to_string();
        self.client()?.post("/api/repos/create", JSON, body.as_bytes())?;
        Ok(())
    }

    /// Where git finds `bench/{name}`, with the token.
    pub(super) fn git_url(&self, name: &str) -> String {
        format!("http://{USER}:{}@{}/{USER}/{name}", self.token, self.address)
    }
}

/// Commits `operations`, lines of NDJSON, to the main branch of `bench/{repo}`.
pub(super) fn commit(client: &mut Client, repo: &str, operations: &str) -> Result<()> {
    let body =
        format!("{{\"key\":\"header\",\"value\":{{\"summary\":\"A commit\"}}}}\n{operations}");
    client.post(
        &format!("/api/models/{USER}/{repo}/commit/main"),
        "application/x-ndjson",
        body.as_bytes(),
    )?;
    Ok(())
}

/// The line that puts a text file.
pub(super) fn put_line(path: &str, text: &str) -> String {
    json!({"key": "file", "value": {"path": path, "content": text, "encoding": "utf-8"}})
        .to_string()
        + "\n"
}

/// A text of this length that no other number has.
pub(super) fn text(number: u64, bytes: usize) -> String {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = format!("text {number}\n");
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:x} weights "));
    }
    text.truncate(bytes);
    text
}
