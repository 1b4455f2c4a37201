//! `steelyard gc` and `steelyard storage explain`.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::json;
use steelyard_service::lfs::LfsSwept;
use steelyard_service::xet::{Amount, GcStep, HubUsage, RepoUsage, XetSwept};

use super::{check_schema, parse_repo};
use crate::cli::{ExplainArgs, GcArgs, SettingFlags, StorageCommand};
use crate::open;

/// Clears away what nothing uses, or tells what that would be.
pub fn gc(flags: &SettingFlags, args: &GcArgs) -> Result<()> {
    let config = super::load(flags)?.config;
    let text = super::runtime()?.block_on(async {
        check_schema(&config).await?;
        let hub = open::open_hub(&config).await?;
        let text = if args.dry_run {
            let steps = hub.explain_gc(hub.now()).await?;
            if args.json { format!("{}\n", json!(steps)) } else { plan(&steps) }
        } else {
            let (lfs, xet) = (hub.sweep_lfs(hub.now()).await?, hub.sweep_xet(hub.now()).await?);
            if args.json { format!("{}\n", swept_json(&lfs, &xet)) } else { swept(&lfs, &xet) }
        };
        hub.db().close().await;
        anyhow::Ok(text)
    })?;
    Ok(super::print(&text)?)
}

/// Tells what large files take.
pub fn storage(flags: &SettingFlags, command: &StorageCommand) -> Result<()> {
    let StorageCommand::Explain(ExplainArgs { repo, json }) = command;
    let config = super::load(flags)?.config;
    let repo = repo.as_deref().map(parse_repo).transpose()?;
    let text = super::runtime()?.block_on(async {
        check_schema(&config).await?;
        let hub = open::open_hub(&config).await?;
        let text = match repo {
            Some((kind, id)) => {
                let usage = hub.repo_usage(kind, &id).await?;
                if *json { format!("{}\n", json!(usage)) } else { of_repo(&usage) }
            }
            None => {
                let usage = hub.hub_usage().await?;
                if *json { format!("{}\n", json!(usage)) } else { of_hub(&usage) }
            }
        };
        hub.db().close().await;
        anyhow::Ok(text)
    })?;
    Ok(super::print(&text)?)
}

fn plan(steps: &[GcStep]) -> String {
    let mut text = String::new();
    for GcStep { step, why, goes, amount, .. } in steps.iter().filter(|step| step.amount.count > 0)
    {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{step}: {}\n  why:  {why}\n  goes: {goes}", told(amount));
    }
    if text.is_empty() { "nothing to clear away\n".to_owned() } else { text }
}

fn swept_json(lfs: &LfsSwept, xet: &XetSwept) -> serde_json::Value {
    json!({
        "uploads": lfs.uploads, "contentsCondemned": lfs.condemned, "contentsDeleted": lfs.deleted,
        "leftOverDeleted": lfs.left_over, "xet": xet,
    })
}

fn swept(lfs: &LfsSwept, xet: &XetSwept) -> String {
    format!(
        "unfinished uploads: {} forgotten\n\
         contents: {} condemned, {} deleted, {} left-over objects deleted\n\
         files in xorbs: {} condemned, {} deleted\n\
         xorbs: {} condemned, {} deleted ({})\n",
        lfs.uploads,
        lfs.condemned,
        lfs.deleted,
        lfs.left_over,
        xet.files_condemned,
        xet.files_deleted,
        xet.xorbs_condemned,
        xet.xorbs_deleted,
        size(xet.bytes_deleted),
    )
}

fn of_hub(usage: &HubUsage) -> String {
    let HubUsage { linked, stored_bytes, raw, left_over, xorbs, xorb_raw_bytes, unused } = usage;
    let ratio = if *stored_bytes > 0 { linked.bytes as f64 / *stored_bytes as f64 } else { 1.0 };
    format!(
        "large files as readers see them  {}\n\
         stored for them                  {} ({ratio:.2} bytes served for each byte stored)\n\
         \x20 in xorbs                       {} ({} before compression)\n\
         \x20 of which no file uses          {}\n\
         \x20 as they came                   {}\n\
         \x20 left over, gone within hours   {}\n",
        told(linked),
        size(*stored_bytes),
        told(xorbs),
        size(*xorb_raw_bytes),
        told(unused),
        told(raw),
        told(left_over),
    )
}

fn of_repo(usage: &RepoUsage) -> String {
    let mut text = format!(
        "{}\n  as readers see it      {}\n  stored, only for it    {} (what deleting it frees)\n  stored, shared         {}\n\n\
         {:>10}  {:>10}  {:>5}  {:<28}  path\n",
        usage.repo,
        size(usage.logical_bytes),
        size(usage.unique_bytes),
        size(usage.shared_bytes),
        "size",
        "frees",
        "repos",
        "held by",
    );
    for file in &usage.files {
        let held = match (&*file.refs, file.ref_count) {
            ([], _) => "no branch or tag".to_owned(),
            ([one], _) => short(one).to_owned(),
            ([first, ..], count) => format!("{} and {} more", short(first), count - 1),
        };
        let path = file.path.clone().unwrap_or_else(|| file.sha256.to_string());
        let _ = writeln!(
            text,
            "{:>10}  {:>10}  {:>5}  {held:<28}  {path}",
            size(file.size),
            size(file.freed_bytes),
            file.repos,
        );
    }
    text
}

fn short(name: &str) -> &str {
    name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/")).unwrap_or(name)
}

fn told(amount: &Amount) -> String {
    format!("{}, {}", amount.count, size(amount.bytes))
}

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    for unit in UNITS {
        if value < 999.95 || unit == "PB" {
            return format!("{value:.1} {unit}");
        }
        value /= 1000.0;
    }
    unreachable!("the loop ends with the largest unit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        let told = [0, 999, 1000, 1_500_000, 999_960, 91_000_000_000].map(size);
        assert_eq!(told, ["0 B", "999 B", "1.0 KB", "1.5 MB", "1.0 MB", "91.0 GB"]);
    }

    #[test]
    fn a_plan_names_what_goes_and_why() {
        let step = GcStep {
            step: "deleteXorbs",
            why: "nothing uses them",
            goes: "now",
            amount: Amount { count: 2, bytes: 3000 },
            hashes: Vec::new(),
        };
        let empty = GcStep { amount: Amount::default(), ..step.clone() };
        assert_eq!(plan(std::slice::from_ref(&empty)), "nothing to clear away\n");
        let text = plan(&[empty, step]);
        assert_eq!(text, "deleteXorbs: 2, 3.0 KB\n  why:  nothing uses them\n  goes: now\n");
    }
}
