//! Counters: downloads, likes, and the trend they make.
//!
//! **Downloads.** A request for a file counts by the Hub's rules: of a model the one file that stands for the whole of it
//! ([`steelyard_card::counting`]), every GGUF file; of a dataset every file, but an address counts once in five
//! minutes. [`Hub::count_download`] takes no longer than a few hashes: it adds to a tally in memory, and [`run`] writes
//! the tally every few seconds. What two replicas counted is put together by the database, which alone decides what counts
//! once. A process that is killed loses the few seconds it had not written yet; one that is stopped writes first; a
//! database that cannot be reached is tried again until the tally is full.
//!
//! Beside the Hub's number stand two that answer other questions: how many *different* people downloaded it each day, and how
//! many of the downloads were made by machines that build and test. People are told apart by a keyed hash of their account
//! or address and the day, which means nothing two days later.
//!
//! **Trend.** See [`trend`].

mod download;
mod flush;
mod likes;
mod roll;
mod tally;
pub mod trend;

pub use download::Download;
pub use flush::run;
pub use likes::{LikedRepo, Liking};
pub use steelyard_db::downloads::DayRow;
pub use steelyard_db::likes::Liker;
pub use steelyard_db::stats::StatsRow;

pub(crate) use tally::Counters;

use steelyard_core::{RepoId, RepoKind};
use steelyard_db::downloads::{self, DAYS_KEPT, day_of};
use steelyard_db::{lfs, likes as likes_db, stats};

use crate::{Action, Actor, Hub, Result};

/// The days that the reasons of a trend look back.
const REASON_DAYS: i64 = 7;

/// How a repository is used, and why it trends.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// The counters.
    pub stats: StatsRow,
    /// The trend as it is shown now.
    pub trending_score: f64,
    /// Likes of the last seven days that still stand.
    pub likes_7d: u64,
    /// Different downloaders of each of the last seven days, summed up.
    pub people_7d: u64,
    /// The last 30 days on which somebody downloaded it.
    pub days: Vec<DayRow>,
}

/// The figures of a repository's page.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The counters.
    pub stats: StatsRow,
    /// The last 30 days on which somebody downloaded it.
    pub days: Vec<DayRow>,
    /// Bytes that its packs and large files take.
    pub stored_bytes: u64,
}

impl Hub {
    /// The figures of a repository that the caller was given.
    pub async fn figures_of(&self, repo_id: i64) -> Result<Figures> {
        let mut conn = self.db().read().await?;
        let first = day_of(self.now()) - DAYS_KEPT + 1;
        Ok(Figures {
            stats: stats::get_stats(&mut conn, repo_id).await?,
            days: downloads::list_days(&mut conn, repo_id, first).await?,
            stored_bytes: lfs::sum_stored_bytes(&mut conn, repo_id).await?,
        })
    }

    /// The counters of a repository whose key the caller was given.
    pub async fn stats_of(&self, repo_id: i64) -> Result<StatsRow> {
        Ok(stats::get_stats(&mut self.db().read().await?, repo_id).await?)
    }

    /// How a repository is used, day by day, and why it trends.
    pub async fn usage(&self, actor: &Actor, kind: RepoKind, id: &RepoId) -> Result<Usage> {
        let mut conn = self.db().read().await?;
        let row = self.repo_on(&mut conn, actor, kind, id, Action::ReadRepo).await?;
        let now = self.now();
        let stats = stats::get_stats(&mut conn, row.id).await?;
        let first = day_of(now) - DAYS_KEPT + 1;
        let days = downloads::list_days(&mut conn, row.id, first).await?;
        let since = now.plus_secs(-REASON_DAYS * 24 * 3600);
        let likes_7d = likes_db::count_since(&mut conn, row.id, since).await?;
        let recent = days.iter().filter(|day| day.day > day_of(now) - REASON_DAYS);
        Ok(Usage {
            trending_score: trend::score(stats.trend, now),
            likes_7d: likes_7d.unsigned_abs(),
            people_7d: recent.map(|day| day.people).sum(),
            stats,
            days,
        })
    }
}
