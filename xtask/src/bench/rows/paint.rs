//! A repository's page in a browser: how soon it is painted, and what it loads for that.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::bench::Bench;
use crate::bench::figure::Figure;
use crate::bench::hub::Hub;
use crate::browser;

const REPOS: &str = "1000";
/// Visits in each round.
const VISITS: &str = "5";

pub(in crate::bench) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let hub = Hub::start(bench, "paint")?;
    hub.run(&["dev", "seed", "--repos", REPOS, "--into-existing"])?;
    let home = bench.dir.path().join("paint-home");
    browser::upload_model(&hub.address, &hub.token, "bench/minilm", &home)?;
    let mut figures = [
        Figure::new("largest contentful paint of a model's page, empty cache", "ms").at_most(400.0),
        Figure::new("loaded for the page", "requests").at_most(6.0),
        Figure::new("scripts, before compression", "KB").at_most(30.0),
        Figure::new("styles, before compression", "KB").at_most(30.0),
    ];
    for _ in 0..bench.runs {
        let mut script = browser::script("paint.mjs", &hub.address)?;
        let output = script.args([VISITS, "/bench/minilm"]).output()?;
        let error = || String::from_utf8_lossy(&output.stderr).into_owned();
        let visits: Value = serde_json::from_slice(&output.stdout).with_context(error)?;
        for visit in visits.as_array().with_context(error)? {
            let field = |name: &str| visit[name].as_f64().with_context(|| visit.to_string());
            figures[0].push(field("ms")?);
            figures[1].push(field("requests")?);
            figures[2].push(field("script_bytes")? / 1000.0);
            figures[3].push(field("style_bytes")? / 1000.0);
        }
    }
    Ok(figures.into())
}
