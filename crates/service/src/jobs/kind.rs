//! The kinds of jobs.

use steelyard_core::Sha256;
use steelyard_db::job::JobRow;

use crate::{Error, Hub, Result};

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobKind {
    /// Joins a repository's tail packs.
    GitJoin,
    /// Drops a repository's unreachable objects.
    GitDrop,
    /// Repacks a repository with git.
    GitRepack,
    /// Sweeps large files.
    LfsSweep,
    /// Sweeps stored large files and staged uploads without a row.
    LfsOrphans,
    /// Puts a large file that arrived as it is into xorbs.
    LfsChunk,
    /// Puts in line what waits for that.
    LfsUnchunked,
    /// Sweeps files and xorbs that nothing uses.
    XetSweep,
    /// Reads a file of which a client said what SHA-256 it has.
    XetVerify,
    /// Puts in line what waits for that.
    XetUnverified,
    /// Copies xorbs that are mostly empty without what nobody has.
    XetCompact,
    /// Sweeps stored xorbs without a row.
    XetOrphans,
    /// Sweeps retired packs.
    PacksSweep,
    /// Sweeps stored packs without a row.
    PacksOrphans,
    /// Purges deleted repositories.
    ReposPurge,
    /// Takes old days out of the counters.
    CountersRoll,
    /// Sends somebody a code for a new password.
    MailReset,
    /// Deletes sessions and codes whose time is over.
    LoginsTrim,
    /// Trims the table of jobs.
    JobsTrim,
}

impl JobKind {
    /// All of them.
    pub(crate) const ALL: [Self; 19] = [
        Self::GitJoin,
        Self::GitDrop,
        Self::GitRepack,
        Self::LfsSweep,
        Self::LfsOrphans,
        Self::LfsChunk,
        Self::LfsUnchunked,
        Self::XetSweep,
        Self::XetVerify,
        Self::XetUnverified,
        Self::XetCompact,
        Self::XetOrphans,
        Self::PacksSweep,
        Self::PacksOrphans,
        Self::ReposPurge,
        Self::CountersRoll,
        Self::MailReset,
        Self::LoginsTrim,
        Self::JobsTrim,
    ];

    /// The stored word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::GitJoin => "git.join",
            Self::GitDrop => "git.drop",
            Self::GitRepack => "git.repack",
            Self::LfsSweep => "lfs.sweep",
            Self::LfsOrphans => "lfs.orphans",
            Self::LfsChunk => "lfs.chunk",
            Self::LfsUnchunked => "lfs.unchunked",
            Self::XetSweep => "xet.sweep",
            Self::XetVerify => "xet.verify",
            Self::XetUnverified => "xet.unverified",
            Self::XetCompact => "xet.compact",
            Self::XetOrphans => "xet.orphans",
            Self::PacksSweep => "packs.sweep",
            Self::PacksOrphans => "packs.orphans",
            Self::ReposPurge => "repos.purge",
            Self::CountersRoll => "counters.roll",
            Self::MailReset => "mail.reset",
            Self::LoginsTrim => "logins.trim",
            Self::JobsTrim => "jobs.trim",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Seconds from the end of one run to the next, for jobs about the whole hub.
    pub(crate) fn interval_secs(self) -> Option<i64> {
        match self {
            Self::GitJoin
            | Self::GitDrop
            | Self::GitRepack
            | Self::LfsChunk
            | Self::XetVerify
            | Self::MailReset => None,
            Self::LfsSweep
            | Self::LfsUnchunked
            | Self::XetSweep
            | Self::XetUnverified
            | Self::PacksSweep
            | Self::ReposPurge
            | Self::LoginsTrim
            | Self::JobsTrim => Some(600),
            // A day goes out of the sums within an hour of its end.
            Self::CountersRoll => Some(3600),
            Self::LfsOrphans | Self::XetCompact | Self::XetOrphans | Self::PacksOrphans => {
                Some(24 * 3600)
            }
        }
    }
}

impl Hub {
    /// Does what a job says.
    pub(super) async fn perform(&self, kind: JobKind, job: &JobRow) -> Result<()> {
        match kind {
            JobKind::GitJoin => Box::pin(self.join_packs(key_of(job, "repository")?)).await,
            JobKind::GitDrop => Box::pin(self.drop_unreachable(key_of(job, "repository")?)).await,
            JobKind::GitRepack => Box::pin(self.repack(key_of(job, "repository")?)).await,
            JobKind::LfsSweep => Box::pin(self.sweep_lfs(self.now())).await.map(drop),
            JobKind::LfsOrphans => Box::pin(self.sweep_lfs_orphans(self.now())).await.map(drop),
            JobKind::LfsChunk => Box::pin(self.chunk_content(content_of(job)?)).await,
            JobKind::LfsUnchunked => {
                Box::pin(self.enqueue_unchunked(JobKind::LfsChunk.as_str())).await.map(drop)
            }
            JobKind::XetSweep => Box::pin(self.sweep_xet(self.now())).await.map(drop),
            JobKind::XetVerify => Box::pin(self.verify_xet_file(key_of(job, "file")?)).await,
            JobKind::XetUnverified => {
                Box::pin(self.enqueue_unverified(JobKind::XetVerify.as_str())).await.map(drop)
            }
            JobKind::XetCompact => Box::pin(self.compact_xorbs(self.now())).await.map(drop),
            JobKind::XetOrphans => Box::pin(self.sweep_xet_orphans(self.now())).await.map(drop),
            JobKind::PacksSweep => Box::pin(self.sweep_packs(self.now())).await.map(drop),
            JobKind::PacksOrphans => Box::pin(self.sweep_orphan_packs(self.now())).await.map(drop),
            JobKind::ReposPurge => Box::pin(self.purge_repos(self.now())).await.map(drop),
            JobKind::CountersRoll => Box::pin(self.roll_counters()).await,
            JobKind::MailReset => Box::pin(self.mail_reset(key_of(job, "user")?)).await,
            JobKind::LoginsTrim => {
                Box::pin(self.trim_logins(self.now())).await?;
                Box::pin(self.trim_oauth(self.now())).await.map(drop)
            }
            JobKind::JobsTrim => Box::pin(self.trim_jobs(self.now())).await.map(drop),
        }
    }
}

/// The key that a job's subject is.
fn key_of(job: &JobRow, what: &str) -> Result<i64> {
    let bad = || {
        Error::internal(format!(
            "job {} has the subject {:?}, which is no {what}",
            job.id, job.subject
        ))
    };
    job.subject.parse().map_err(|_| bad())
}

fn content_of(job: &JobRow) -> Result<Sha256> {
    Sha256::parse(&job.subject).map_err(|_| {
        let (id, subject) = (job.id, &job.subject);
        Error::internal(format!("job {id} has the subject {subject:?}, which is no SHA-256"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_distinct_and_parse_back() {
        for kind in JobKind::ALL {
            assert_eq!(JobKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(JobKind::parse("git.unknown"), None);
    }
}
