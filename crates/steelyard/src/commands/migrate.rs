//! `steelyard migrate`: brings the database's tables up to this release.

use anyhow::Result;
use serde_json::json;

use crate::cli::{MigrateArgs, SettingFlags};
use crate::open;

/// Runs the migrations, or tells which would run.
pub fn run(flags: &SettingFlags, args: &MigrateArgs) -> Result<()> {
    let config = super::load(flags)?.config;
    let (known, before) = super::runtime()?.block_on(async {
        let db = open::open_database(&config).await?;
        let versions = db.schema_versions().await?;
        if !args.dry_run {
            db.migrate().await?;
        }
        db.close().await;
        anyhow::Ok(versions)
    })?;
    let from = before.unwrap_or(0);
    let text = if args.json {
        format!("{}\n", json!({"from": from, "to": known, "applied": !args.dry_run}))
    } else if from == known {
        format!("the database is at version {known}, the newest\n")
    } else if args.dry_run {
        format!("would bring the database from version {from} to {known}\n")
    } else {
        format!("brought the database from version {from} to {known}\n")
    };
    Ok(super::print(&text)?)
}
