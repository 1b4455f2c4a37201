//! `steelyard fsck`: checks every ref, pack, object and link.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use steelyard_service::fsck::{Finding, FsckEvent, FsckOptions, FsckSummary};

use crate::cli::{FsckArgs, SettingFlags};
use crate::open;

/// Runs the check; ends with an error when it found one.
pub fn run(flags: &SettingFlags, args: &FsckArgs) -> Result<()> {
    let config = super::load(flags)?.config;
    let repo = args.repo.as_deref().map(super::parse_repo).transpose()?;
    let options = FsckOptions { repo, deep: args.deep };
    let mut screen = Screen { json: args.json, progress: io::stderr().is_terminal(), failed: None };
    let summary = super::runtime()?.block_on(async {
        super::check_schema(&config).await?;
        let hub = open::open_hub(&config).await?;
        let summary = hub.fsck(&options, &mut |event| screen.show(&event)).await;
        hub.db().close().await;
        anyhow::Ok(summary?)
    });
    screen.clear();
    let summary = summary.context("the check could not be completed")?;
    if let Some(error) = screen.failed {
        return Err(error).context("cannot write the findings");
    }
    super::print(&summarize(&summary, args.json))?;
    match summary.errors {
        0 => Ok(()),
        1 => bail!("fsck found an error"),
        n => bail!("fsck found {n} errors"),
    }
}

/// Findings go to standard output, progress to standard error.
struct Screen {
    json: bool,
    progress: bool,
    failed: Option<io::Error>,
}

impl Screen {
    fn show(&mut self, event: &FsckEvent) {
        match event {
            FsckEvent::Looking(at) if self.progress => {
                // A terminal that went away is no reason to stop.
                let _ = write!(io::stderr(), "\r\x1b[Kchecking {at}");
            }
            FsckEvent::Looking(_) => {}
            FsckEvent::Found(finding) => {
                self.clear();
                let line =
                    if self.json { json!(finding).to_string() + "\n" } else { describe(finding) };
                if let Err(error) = super::print(&line) {
                    self.failed.get_or_insert(error);
                }
            }
        }
    }

    fn clear(&self) {
        if self.progress {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn describe(finding: &Finding) -> String {
    let repo = finding.repo.as_ref().map(|repo| format!("{repo}: ")).unwrap_or_default();
    format!(
        "{}: {repo}{}: {} ({})\n",
        finding.severity.as_str(),
        finding.place,
        finding.what,
        finding.hint
    )
}

fn summarize(summary: &FsckSummary, as_json: bool) -> String {
    if as_json {
        return format!("{}\n", json!({"summary": summary}));
    }
    let FsckSummary { repos, refs, packs, objects, pointers, .. } = summary;
    let FsckSummary { contents, xorbs, files, errors, warnings, infos, .. } = summary;
    format!(
        "checked {repos} repositories, {refs} refs, {packs} packs, {objects} git objects, {pointers} pointers, \
         {contents} large files as they came, {files} in {xorbs} xorbs: {errors} errors, {warnings} warnings, \
         {infos} notes\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_everything() {
        let summary = FsckSummary { repos: 2, errors: 1, ..FsckSummary::default() };
        assert!(summarize(&summary, false).starts_with("checked 2 repositories, 0 refs"));
        let json: serde_json::Value = serde_json::from_str(&summarize(&summary, true)).unwrap();
        assert_eq!(json["summary"]["errors"], 1);
    }
}
