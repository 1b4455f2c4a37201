//! Counters of repositories: how often they were downloaded and liked.

use steelyard_core::Timestamp;

use crate::batch::{fetch_in, insert_rows, keys};
use crate::conn::args;
use crate::repo::{self, RepoRow};
use crate::{Conn, DbError, Row, Tx, Value};

/// The counters of a repository.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StatsRow {
    /// The repository's key.
    pub repo_id: i64,
    /// Downloads of the last 30 days.
    pub downloads_30d: u64,
    /// Downloads ever.
    pub downloads_all: u64,
    /// Of each of the last 30 days the different downloaders, summed up; without machines that build and test.
    pub people_30d: u64,
    /// Those of the last 30 days' downloads that machines made that build and test.
    pub ci_30d: u64,
    /// Likes.
    pub likes: u64,
    /// The trend weight; see the service on how it is made.
    pub trend: f64,
    /// When any of them last changed.
    pub updated_at: Timestamp,
}

impl StatsRow {
    /// The counters of a repository that nobody used yet.
    pub fn unused(repo_id: i64) -> Self {
        Self {
            repo_id,
            downloads_30d: 0,
            downloads_all: 0,
            people_30d: 0,
            ci_30d: 0,
            likes: 0,
            trend: 0.0,
            updated_at: Timestamp::from_millis(0),
        }
    }
}

/// What [`stats`] reads.
macro_rules! columns {
    () => {
        "repo_id, downloads_30d, downloads_all, people_30d, ci_30d, likes, trend, updated_at"
    };
}
pub(crate) use columns;

pub(crate) fn stats(row: &Row) -> Result<StatsRow, DbError> {
    Ok(StatsRow {
        repo_id: row.int("repo_id")?,
        downloads_30d: row.count("downloads_30d")?,
        downloads_all: row.count("downloads_all")?,
        people_30d: row.count("people_30d")?,
        ci_30d: row.count("ci_30d")?,
        likes: row.count("likes")?,
        trend: row.double("trend")?,
        updated_at: row.timestamp("updated_at")?,
    })
}

/// The counters of a repository.
pub async fn get_stats(conn: &mut Conn, repo_id: i64) -> Result<StatsRow, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM repo_stats WHERE repo_id = $1");
    let row = conn.fetch_optional(sql, args![repo_id]);
    row.await?.as_ref().map_or_else(|| Ok(StatsRow::unused(repo_id)), stats)
}

/// Repositories by key with their counters, in order of key, read in one statement.
pub async fn find_repos_with_stats(
    conn: &mut Conn,
    repo_ids: &[i64],
) -> Result<Vec<(RepoRow, StatsRow)>, DbError> {
    let sql = concat!(
        repo::select!(", ", columns!()),
        "LEFT JOIN repo_stats s ON s.repo_id = r.id \
         WHERE r.id IN {keys} AND r.deleted_at IS NULL ORDER BY r.id"
    );
    let rows = fetch_in(conn, sql, args![], &keys(repo_ids)).await?;
    let with_stats = rows.iter().map(|row| {
        let repo = repo::repo(row)?;
        let counted = match row.opt_int("repo_id")? {
            Some(_) => stats(row)?,
            None => StatsRow::unused(repo.id),
        };
        Ok((repo, counted))
    });
    with_stats.collect()
}

/// Counters that changed after `after` (a moment and, among those that changed then, a key), the earliest first.
///
/// A change becomes visible a moment after the time it carries: a reader that polls starts a minute back each time.
pub async fn list_changed(
    conn: &mut Conn,
    after: (Timestamp, i64),
    limit: i64,
) -> Result<Vec<StatsRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM repo_stats WHERE updated_at > $1 OR (updated_at = $1 AND repo_id > $2) ORDER BY updated_at, repo_id LIMIT $3"
    );
    conn.fetch_all(sql, args![after.0, after.1, limit]).await?.iter().map(stats).collect()
}

/// A change of counters.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StatsChange {
    /// The repository's key.
    pub repo_id: i64,
    /// Of [`StatsRow::downloads_30d`].
    pub downloads_30d: i64,
    /// Of [`StatsRow::downloads_all`].
    pub downloads_all: i64,
    /// Of [`StatsRow::people_30d`].
    pub people_30d: i64,
    /// Of [`StatsRow::ci_30d`].
    pub ci_30d: i64,
    /// Of [`StatsRow::likes`].
    pub likes: i64,
    /// Of [`StatsRow::trend`].
    pub trend: f64,
}

/// Changes counters. Each repository comes once, in order of key, so that transactions do not wait in a circle.
pub async fn change_stats(
    tx: &mut Tx,
    changes: &[StatsChange],
    now: Timestamp,
) -> Result<(), DbError> {
    // No counter falls below zero; a trend could, where a large weight swallowed the digits of a small one.
    let sql = "INSERT INTO repo_stats (repo_id, downloads_30d, downloads_all, people_30d, ci_30d, likes, trend, \
               updated_at) VALUES {rows} ON CONFLICT (repo_id) DO UPDATE SET \
               downloads_30d = repo_stats.downloads_30d + excluded.downloads_30d, \
               downloads_all = repo_stats.downloads_all + excluded.downloads_all, \
               people_30d = repo_stats.people_30d + excluded.people_30d, \
               ci_30d = repo_stats.ci_30d + excluded.ci_30d, \
               likes = repo_stats.likes + excluded.likes, \
               trend = CASE WHEN repo_stats.trend + excluded.trend > 0 \
               THEN repo_stats.trend + excluded.trend ELSE 0 END, \
               updated_at = CASE WHEN excluded.updated_at > repo_stats.updated_at \
               THEN excluded.updated_at ELSE repo_stats.updated_at END";
    let rows: Vec<[Value; 8]> = changes
        .iter()
        .map(|change| {
            [
                change.repo_id.into(),
                change.downloads_30d.into(),
                change.downloads_all.into(),
                change.people_30d.into(),
                change.ci_30d.into(),
                change.likes.into(),
                change.trend.into(),
                now.into(),
            ]
        })
        .collect();
    insert_rows(tx, sql, &rows).await?;
    Ok(())
}
