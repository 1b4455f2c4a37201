//! Background work.

use serde_json::json;
use steelyard_core::Timestamp;
use steelyard_db::job::{self, JobLine};
use steelyard_db::repo::{self, RepoRow};

use super::PAGE;
use crate::access::administrator;
use crate::jobs::JobKind;
use crate::{Actor, Error, Hub, Result};

/// What can be put in line at will: each clears something away, and what it means to clear it checks again.
pub const SWEEPS: [(&str, &str); 8] = [
    ("lfs.sweep", "large files that no repository links to"),
    ("lfs.orphans", "stored bytes of large files that never got a row"),
    ("xet.sweep", "files and blocks that nothing uses"),
    ("xet.compact", "blocks that are mostly empty"),
    ("xet.orphans", "stored blocks that never got a row"),
    ("packs.sweep", "packs that were replaced"),
    ("packs.orphans", "stored packs that never got a row"),
    ("repos.purge", "repositories that were deleted a week ago"),
];

/// The repository that a job is about.
fn repo_key(line: &JobLine) -> Option<i64> {
    line.kind.starts_with("git.").then(|| line.subject.parse().ok()).flatten()
}

impl Hub {
    /// Jobs before `before`, newest first, of one state or of all, each with the repository that it is about; one more than a
    /// page when there is more.
    pub async fn admin_jobs(
        &self,
        actor: &Actor,
        state: &str,
        before: Option<i64>,
    ) -> Result<Vec<(JobLine, Option<RepoRow>)>> {
        administrator(actor)?;
        if !["", "waiting", "running", "done", "failed"].contains(&state) {
            return Err(Error::invalid("state", "must be waiting, running, done or failed"));
        }
        let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
        let mut conn = self.db().read().await?;
        let lines = job::list_jobs(&mut conn, state, before.unwrap_or(i64::MAX), limit).await?;
        let keys: Vec<i64> = lines.iter().filter_map(repo_key).collect();
        let repos = repo::find_repos_by_id(&mut conn, &keys).await?;
        let repo_of = |line: &JobLine| {
            let key = repo_key(line)?;
            repos.iter().find(|repo| repo.id == key).cloned()
        };
        let with_repo = lines.into_iter().map(|line| {
            let repo = repo_of(&line);
            (line, repo)
        });
        Ok(with_repo.collect())
    }

    /// Lets a job that failed for good run again.
    pub async fn retry_job(&self, actor: &Actor, id: i64) -> Result<()> {
        administrator(actor)?;
        let mut tx = self.db().write().await?;
        let Some((kind, subject)) = job::retry(&mut tx, id, self.now()).await? else {
            return Err(Error::conflict("this job did not fail for good, or the same one waits"));
        };
        let payload = json!({"job_id": id, "kind": kind, "subject": subject});
        self.note_act(&mut tx, "admin.job.retry", actor, None, &payload).await?;
        Ok(tx.commit().await?)
    }

    /// Puts one of [`SWEEPS`] in line, to run as soon as a worker is free.
    pub async fn sweep_now(&self, actor: &Actor, kind: &str) -> Result<()> {
        administrator(actor)?;
        let is_sweep = SWEEPS.iter().any(|(known, _)| *known == kind);
        let known = JobKind::parse(kind).filter(|_| is_sweep);
        let kind =
            known.ok_or_else(|| Error::invalid("kind", "must be one of the sweeps"))?.as_str();
        let (mut tx, now) = (self.db().write().await?, self.now());
        job::enqueue(&mut tx, kind, "", now, now).await?;
        job::hasten(&mut tx, kind, "", now).await?;
        self.note_act(&mut tx, "admin.sweep", actor, None, &json!({"kind": kind})).await?;
        Ok(tx.commit().await?)
    }

    /// When each kind of job last succeeded, as far as that is still known.
    pub async fn last_successes(&self, actor: &Actor) -> Result<Vec<(String, Timestamp)>> {
        administrator(actor)?;
        let mut conn = self.db().read().await?;
        Ok(job::last_successes(&mut conn).await?)
    }
}
