//! Checks both stores against each other and says what is wrong and where. Changes nothing.
//!
//! Works beside a running hub: a repository that changed while it was looked at, and seemed damaged, is looked at again
//! before anything is said. Findings are told as they are made; memory is bounded by the largest repository's list of
//! object ids.

mod finding;
mod links;
mod packs;
mod refs;
mod repository;
mod stores;
mod xet;

use steelyard_core::{RepoId, RepoKind};
use steelyard_db::repo::{self, RepoRow};

pub use finding::{Finding, Severity};

use crate::{Error, Hub, Missing, Result};

/// Repositories read from the database at a time.
const PAGE: i64 = 200;

/// What to check.
#[derive(Debug, Clone, Default)]
pub struct FsckOptions {
    /// Only this repository and what it names; everything when absent.
    pub repo: Option<(RepoKind, RepoId)>,
    /// Also reads all of history for pointers, and every byte of every large file.
    pub deep: bool,
}

/// What a check tells while it runs.
#[derive(Debug)]
pub enum FsckEvent {
    /// What is looked at now.
    Looking(String),
    /// Something is wrong, or worth knowing.
    Found(Finding),
}

/// What was checked, and what was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FsckSummary {
    /// Repositories.
    pub repos: u64,
    /// Refs.
    pub refs: u64,
    /// Packs.
    pub packs: u64,
    /// Reachable git objects.
    pub objects: u64,
    /// Large files that commits name.
    pub pointers: u64,
    /// Stored contents of large files that are objects of their own.
    pub contents: u64,
    /// Xorbs.
    pub xorbs: u64,
    /// Files put together from xorbs.
    pub files: u64,
    /// Findings that mean lost or unreachable data.
    pub errors: u64,
    /// Findings that somebody should look at.
    pub warnings: u64,
    /// Findings that are no fault.
    pub infos: u64,
}

/// Where events go, and what was counted.
struct Report<'a> {
    tell: &'a mut (dyn FnMut(FsckEvent) + Send),
    summary: FsckSummary,
}

impl Report<'_> {
    fn looking(&mut self, at: impl Into<String>) {
        (self.tell)(FsckEvent::Looking(at.into()));
    }

    fn found(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Error => self.summary.errors += 1,
            Severity::Warning => self.summary.warnings += 1,
            Severity::Info => self.summary.infos += 1,
        }
        (self.tell)(FsckEvent::Found(finding));
    }
}

impl Hub {
    /// Checks every ref, pack, object and link, or those of one repository.
    pub async fn fsck(
        &self,
        options: &FsckOptions,
        tell: &mut (dyn FnMut(FsckEvent) + Send),
    ) -> Result<FsckSummary> {
        let mut report = Report { tell, summary: FsckSummary::default() };
        if let Some((kind, id)) = &options.repo {
            let mut conn = self.db().read().await?;
            let row = repo::find_repo(&mut conn, *kind, id).await?;
            drop(conn);
            let row = row.ok_or(Error::NotFound(Missing::Repo { anonymous: false }))?;
            Box::pin(self.fsck_repo(&row, options.deep, &mut report)).await?;
            Box::pin(self.fsck_linked_contents(&row, options.deep, &mut report)).await?;
            return Ok(report.summary);
        }
        let mut after = 0;
        loop {
            let mut conn = self.db().read().await?;
            let rows = repo::list_all_repos(&mut conn, after, PAGE).await?;
            drop(conn);
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in &rows {
                Box::pin(self.fsck_repo(row, options.deep, &mut report)).await?;
            }
        }
        Box::pin(self.fsck_stores(options.deep, &mut report)).await?;
        Box::pin(self.fsck_xet(options.deep, &mut report)).await?;
        Ok(report.summary)
    }
}

/// `models/alice/bert`.
fn label(row: &RepoRow) -> String {
    format!("{}/{}", row.kind.plural(), row.repo)
}
