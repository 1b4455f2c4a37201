//! A server on a catalogue, with its metrics at hand.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use steelyard_testkit::{Launch, Process};

use crate::bench::Bench;
use crate::bench::client::Client;

/// How long a catalogue may take to be indexed.
const INDEX_TIMEOUT: Duration = Duration::from_secs(900);

/// A started server.
pub(in crate::bench::rows) struct Server {
    process: Process,
    started: Instant,
    admin: String,
    pub(in crate::bench::rows) address: String,
}

impl Server {
    pub(in crate::bench::rows) fn start(
        bench: &Bench,
        data: &Path,
        stores: &[String],
    ) -> Result<Self> {
        let admin = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let started = Instant::now();
        let mut process = Launch::new("steelyard", &bench.bin)
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", &admin, "--data"])
            .arg(data)
            .args(stores)
            .spawn()?;
        let ready = |line: &str| line.contains("is ready at");
        let line = process.wait_for_line("that it is ready", Duration::from_secs(60), ready)?;
        let address = line.rsplit("http://").next().unwrap_or_default().trim().to_owned();
        Ok(Self { process, started, admin, address })
    }

    pub(in crate::bench::rows) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(in crate::bench::rows) fn stop(mut self) -> Result<()> {
        self.process.terminate(Duration::from_secs(60))?;
        Ok(())
    }

    /// Waits until the index holds the catalogue and the words of its cards, which may be taken in only when somebody
    /// looks for some; how long that was since the process started.
    pub(in crate::bench::rows) fn wait_for_index(&self, repos: u64) -> Result<Duration> {
        self.wait_for_columns(repos)?;
        // One answer may say that the words are being loaded.
        while let Err(error) =
            Client::connect(&self.address, "")?.get("/api/search/full-text?q=license&limit=1")
        {
            if self.started.elapsed() > INDEX_TIMEOUT {
                return Err(error.context("the words of cards are not found"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(self.started.elapsed())
    }

    fn wait_for_columns(&self, repos: u64) -> Result<()> {
        loop {
            let after = self.started.elapsed();
            let metrics = Client::connect(&self.admin, "")?.get("/metrics")?;
            let metrics = String::from_utf8(metrics)?;
            if metric(&metrics, "steelyard_index_ready") == Some(1.0) {
                let found = metric(&metrics, "steelyard_index_repos").context("no count")?;
                if found < repos as f64 {
                    bail!("the index holds {found} of {repos} repositories");
                }
                return Ok(());
            }
            if after > INDEX_TIMEOUT {
                bail!("no index after {INDEX_TIMEOUT:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn metric(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn metrics_are_read_by_their_whole_names() {
        let text = "# TYPE a gauge\na_more 7\na 1\n";
        assert_eq!(super::metric(text, "a"), Some(1.0));
        assert_eq!(super::metric(text, "a_mo"), None);
    }
}
