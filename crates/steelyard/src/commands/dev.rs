//! `steelyard dev seed`.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Result, bail};
use serde_json::json;
use steelyard_core::Timestamp;
use steelyard_service::Hub;
use steelyard_service::seed::{SeedOptions, SeedProgress, Seeded};

use crate::cli::{DevCommand, SeedArgs, SettingFlags};
use crate::config::Config;
use crate::open;

/// Runs a command for those who test and measure.
pub fn run(flags: &SettingFlags, command: &DevCommand) -> Result<()> {
    match command {
        DevCommand::Seed(args) => seed(flags, args),
    }
}

fn seed(flags: &SettingFlags, args: &SeedArgs) -> Result<()> {
    let config = super::load(flags)?.config;
    let options =
        SeedOptions { repos: args.repos, seed: args.seed, into_existing: args.into_existing };
    let text = super::runtime()?.block_on(async {
        check_release(&config).await?;
        let hub = open::open_hub(&config).await?;
        let started = hub.now();
        let screen = io::stderr().is_terminal();
        let result = hub
            .seed(&options, &mut |progress| {
                if screen {
                    show(&hub, started, progress);
                }
            })
            .await;
        if screen {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        let millis = hub.now().millis() - started.millis();
        hub.db().close().await;
        let seeded = result.map_err(|error| explain(error, args.into_existing))?;
        anyhow::Ok(if args.json { as_json(&seeded, millis) } else { as_text(&seeded, millis) })
    })?;
    Ok(super::print(&text)?)
}

/// A new database gets its tables; one of another release is left alone, because a hub may be running on it.
async fn check_release(config: &Config) -> Result<()> {
    let db = open::open_database(config).await?;
    let (known, found) = db.schema_versions().await?;
    db.close().await;
    match found {
        Some(found) if found != known => {
            bail!("the database is at version {found}, this release knows {known}")
        }
        _ => Ok(()),
    }
}

fn explain(error: steelyard_service::Error, into_existing: bool) -> anyhow::Error {
    let hint = match &error {
        steelyard_service::Error::Conflict { .. } if !into_existing => {
            "; --into-existing adds a catalogue to what is there"
        }
        _ => "",
    };
    let text = format!("{error}{hint}");
    anyhow::Error::new(error).context(text)
}

fn show(hub: &Hub, started: Timestamp, progress: SeedProgress) {
    let SeedProgress { done, of } = progress;
    let rate = rate(done, hub.now().millis() - started.millis());
    // A terminal that went away is no reason to stop.
    let _ = write!(io::stderr(), "\r\x1b[K{done} of {of} repositories, {rate} a second");
}

fn rate(done: u64, millis: i64) -> u64 {
    done.saturating_mul(1000) / u64::try_from(millis).unwrap_or(0).max(1)
}

fn as_json(seeded: &Seeded, millis: i64) -> String {
    let mut value = json!(seeded);
    value["millis"] = millis.into();
    format!("{value}\n")
}

fn as_text(seeded: &Seeded, millis: i64) -> String {
    let Seeded { users, organizations, models, datasets, spaces, private, gated, .. } = seeded;
    let Seeded { bases, evals, likes, pack_bytes, .. } = seeded;
    let repos = models + datasets + spaces;
    let rate = rate(repos, millis);
    let (seconds, mebibytes) = (millis / 1000, pack_bytes / (1 << 20));
    format!(
        "{repos} repositories in {seconds} s ({rate} a second): {models} models, {datasets} datasets, {spaces} Spaces; \
         {private} private, {gated} gated\n\
         {users} users and {organizations} organisations, {likes} likes\n\
         {bases} edges of lineages, {evals} results of evaluations, {mebibytes} MiB of packs\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_everything() {
        let seeded = Seeded { models: 7, datasets: 2, spaces: 1, users: 3, ..Seeded::default() };
        let text = as_text(&seeded, 2000);
        assert!(
            text.starts_with("10 repositories in 2 s (5 a second): 7 models, 2 datasets"),
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&as_json(&seeded, 2000)).unwrap();
        assert_eq!((&json["users"], &json["millis"]), (&json!(3), &json!(2000)));
        assert_eq!(rate(10, 0), 10_000);
    }
}
