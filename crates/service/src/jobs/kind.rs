//! The kinds of jobs.

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
    /// Sweeps retired packs.
    PacksSweep,
    /// Sweeps stored packs without a row.
    PacksOrphans,
    /// Purges deleted repositories.
    ReposPurge,
    /// Trims the table of jobs.
    JobsTrim,
}

impl JobKind {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::GitJoin,
        Self::GitDrop,
        Self::GitRepack,
        Self::LfsSweep,
        Self::LfsOrphans,
        Self::PacksSweep,
        Self::PacksOrphans,
        Self::ReposPurge,
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
            Self::PacksSweep => "packs.sweep",
            Self::PacksOrphans => "packs.orphans",
            Self::ReposPurge => "repos.purge",
            Self::JobsTrim => "jobs.trim",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Seconds from the end of one run to the next, for jobs about the whole hub.
    pub(crate) fn interval_secs(self) -> Option<i64> {
        match self {
            Self::GitJoin | Self::GitDrop | Self::GitRepack => None,
            Self::LfsSweep | Self::PacksSweep | Self::ReposPurge | Self::JobsTrim => Some(600),
            Self::LfsOrphans | Self::PacksOrphans => Some(24 * 3600),
        }
    }
}

impl Hub {
    /// Does what a job says.
    pub(super) async fn perform(&self, kind: JobKind, job: &JobRow) -> Result<()> {
        match kind {
            JobKind::GitJoin => Box::pin(self.join_packs(repo_of(job)?)).await,
            JobKind::GitDrop => Box::pin(self.drop_unreachable(repo_of(job)?)).await,
            JobKind::GitRepack => Box::pin(self.repack(repo_of(job)?)).await,
            JobKind::LfsSweep => Box::pin(self.sweep_lfs(self.now())).await.map(drop),
            JobKind::LfsOrphans => Box::pin(self.sweep_lfs_orphans(self.now())).await.map(drop),
            JobKind::PacksSweep => Box::pin(self.sweep_packs(self.now())).await.map(drop),
            JobKind::PacksOrphans => Box::pin(self.sweep_orphan_packs(self.now())).await.map(drop),
            JobKind::ReposPurge => Box::pin(self.purge_repos(self.now())).await.map(drop),
            JobKind::JobsTrim => Box::pin(self.trim_jobs(self.now())).await.map(drop),
        }
    }
}

fn repo_of(job: &JobRow) -> Result<i64> {
    let bad = || {
        Error::internal(format!(
            "job {} has the subject {:?}, which is no repository",
            job.id, job.subject
        ))
    };
    job.subject.parse().map_err(|_| bad())
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
