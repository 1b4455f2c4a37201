//! From the answer of a commit until its repository is in the listing: of the same server, and of another replica.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::catalogue::Catalogue;
use super::server::Server;
use crate::bench::Bench;
use crate::bench::client::Client;
use crate::bench::figure::Figure;
use crate::bench::hub::{commit, put_line};

const ROUNDS: usize = 10;
const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) fn measure(
    bench: &Bench,
    catalogue: &Catalogue,
    server: &Server,
    of: &str,
) -> Result<[Figure; 2]> {
    let folder = bench.dir.path().join(format!("replica-{}", catalogue.repos));
    let replica = Server::start(bench, &folder, &catalogue.stores)?;
    replica.wait_for_index(catalogue.repos)?;
    let mut here = Client::connect(&server.address, &catalogue.token)?;
    let mut there = Client::connect(&replica.address, &catalogue.token)?;
    let mut same =
        Figure::new(format!("commit to visible, same server, {of}"), "ms").at_most(1000.0);
    let mut other =
        Figure::new(format!("commit to visible, another replica, {of}"), "ms").at_most(2000.0);
    for round in 0..ROUNDS {
        // A name that no earlier run took either.
        let name = format!("fresh-{}-{round}", std::process::id());
        let body = json!({"name": name, "type": "model"}).to_string();
        here.post("/api/repos/create", "application/json", body.as_bytes())?;
        let card = format!("---\ntags:\n- {name}\n---\n\nFresh.\n");
        commit(&mut here, &name, &put_line("README.md", &card))?;
        let committed = Instant::now();
        let (asked, figure) =
            if round % 2 == 0 { (&mut here, &mut same) } else { (&mut there, &mut other) };
        figure.push(wait_for(asked, &name, committed)?.as_secs_f64() * 1000.0);
    }
    replica.stop()?;
    Ok([same, other])
}

fn wait_for(client: &mut Client, tag: &str, since: Instant) -> Result<Duration> {
    loop {
        let list: Vec<Value> =
            serde_json::from_slice(&client.get(&format!("/api/models?filter={tag}&limit=5"))?)?;
        if !list.is_empty() {
            return Ok(since.elapsed());
        }
        if since.elapsed() > TIMEOUT {
            bail!("{tag} is in no list after {TIMEOUT:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
