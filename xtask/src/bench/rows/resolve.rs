//! `resolve` of a 2 KiB file against nginx serving the same bytes; wrk, 16 connections that are kept, for both.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use steelyard_testkit::tools;

use crate::bench::Bench;
use crate::bench::figure::Figure;
use crate::bench::hub::{Hub, commit, put_line, text};
use crate::bench::nginx::Nginx;
use crate::bench::usage::cpu_seconds;

const SECONDS: &str = "4s";

/// What one run of wrk says.
pub(super) struct Load {
    pub(super) per_second: f64,
    pub(super) requests: f64,
    pub(super) median_ms: f64,
    pub(super) p99_ms: f64,
}

pub(in crate::bench) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let hub = Hub::start(bench, "resolve")?;
    let body = text(1, 2048);
    hub.create_repo("resolve")?;
    commit(&mut hub.client()?, "resolve", &put_line("config/file.txt", &body))?;
    let nginx = Nginx::start(bench, "resolve-nginx")?;
    std::fs::write(nginx.root.join("static/file.txt"), &body)?;
    let ours_at = format!("http://{}/bench/resolve/resolve/main/config/file.txt", hub.address);
    let theirs_at = format!("http://{}/static/file.txt", nginx.address);
    let mut ratio = Figure::new("requests per second, against nginx", "x").at_least(0.25);
    let mut p99 = Figure::new("99th percentile", "ms").at_most(10.0);
    let mut ours = Figure::new("resolve, anonymous", "/s");
    let mut cpu = Figure::new("server CPU per request", "ms");
    let mut with_token = Figure::new("resolve, with a token", "/s");
    let mut theirs = Figure::new("nginx", "/s");
    let token = format!("Authorization: Bearer {}", hub.token);
    wrk(&ours_at, None)?;
    for _ in 0..bench.runs {
        let before = cpu_seconds(hub.pid())?;
        let one = wrk(&ours_at, None)?;
        cpu.push((cpu_seconds(hub.pid())? - before) * 1000.0 / one.requests);
        let other = wrk(&theirs_at, None)?;
        ratio.push(one.per_second / other.per_second);
        p99.push(one.p99_ms);
        ours.push(one.per_second);
        theirs.push(other.per_second);
        with_token.push(wrk(&ours_at, Some(&token))?.per_second);
    }
    Ok(vec![ratio, p99, ours, cpu, with_token, theirs])
}

fn wrk(url: &str, header: Option<&str>) -> Result<Load> {
    let mut options = vec!["--connections", "16"];
    options.extend(header.into_iter().flat_map(|header| ["--header", header]));
    wrk_with(url, &options)
}

/// Runs wrk with two threads and these options.
pub(super) fn wrk_with(url: &str, options: &[&str]) -> Result<Load> {
    let mut command = Command::new(tools::on_path("wrk")?);
    command.args(["--threads", "2", "--duration", SECONDS, "--latency"]).args(options);
    let output = command.arg(url).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || text.contains("Non-2xx") || text.contains("Socket errors") {
        bail!("wrk {url}: {text}");
    }
    let load = parse(&text).with_context(|| format!("wrk printed something else: {text}"))?;
    if load.requests < 1.0 {
        bail!("wrk {url}: not one request was answered");
    }
    Ok(load)
}

fn parse(text: &str) -> Option<Load> {
    let after =
        |label: &str| text.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim);
    let per_second = after("Requests/sec:")?.parse().ok()?;
    let requests = text
        .lines()
        .find(|line| line.contains("requests in"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()?;
    let (median_ms, p99_ms) = (millis(after("50%")?)?, millis(after("99%")?)?);
    Some(Load { per_second, requests, median_ms, p99_ms })
}

/// `250.00us`, `1.50ms` or `1.02s`.
fn millis(text: &str) -> Option<f64> {
    let (number, factor) = if let Some(number) = text.strip_suffix("us") {
        (number, 0.001)
    } else if let Some(number) = text.strip_suffix("ms") {
        (number, 1.0)
    } else {
        (text.strip_suffix('s')?, 1000.0)
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_output_of_wrk_is_read() {
        let text = "Running 4s test\n  Latency Distribution\n     50%  250.00us\n     99%    1.50ms\n\
                    \x20 41240 requests in 4.10s, 83.2MB read\nRequests/sec:  10058.48\nTransfer/sec:     20.29MB\n";
        let load = super::parse(text).unwrap();
        assert!((load.per_second - 10058.48).abs() < 1e-6);
        assert!((load.p99_ms - 1.5).abs() < 1e-6 && (load.requests - 41240.0).abs() < 1e-6);
        assert!((load.median_ms - 0.25).abs() < 1e-6);
    }
}
