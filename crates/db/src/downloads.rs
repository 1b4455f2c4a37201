//! Downloads: what a replica counted in memory becomes rows, a batch at a time.
//!
//! Whether something counts once (a dataset by one address, a downloader of a day) is decided here, because other replicas
//! count too. Rows are always written in the same order: repositories are held, then what was seen, then days, then
//! counters, each in order of key, so that replicas do not wait in a circle.

use std::collections::BTreeMap;

use steelyard_core::Timestamp;

use crate::batch::{fetch_in, insert_rows, keys};
use crate::conn::args;
use crate::stats::{StatsChange, change_stats};
use crate::{Conn, DbError, Tx, Value, dialect};

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 86_400_000;
/// Days that [`record_batch`] and [`roll_days`] keep beside the sum of 30 days.
pub const DAYS_KEPT: i64 = 30;

/// A keyed hash of somebody; nothing else is known of them here.
pub type Who = [u8; 16];

/// What a row of `download_seen` is about.
#[derive(Debug, Clone, Copy)]
enum Scope {
    /// A batch that was recorded.
    Batch = 0,
    /// An address that loads a dataset.
    Window = 1,
    /// A downloader of a day; the day is part of the hash.
    Day = 2,
}

/// Downloads that count each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCount {
    /// The repository's key.
    pub repo_id: i64,
    /// The day, see [`day_of`].
    pub day: i64,
    /// How many.
    pub downloads: i64,
    /// How many of them machines made that build and test.
    pub ci: i64,
}

/// Something that somebody did at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The repository's key.
    pub repo_id: i64,
    /// Who it was.
    pub who: Who,
    /// When it was.
    pub at: Timestamp,
    /// They are a machine that builds and tests.
    pub is_ci: bool,
}

/// What a replica counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DownloadBatch {
    /// Its name, so that it counts once even where nobody knows whether it was recorded.
    pub id: Who,
    /// Downloads that count each.
    pub counts: Vec<DayCount>,
    /// Downloads that count once for each repository, address and window of time.
    pub windows: Vec<Seen>,
    /// Downloaders, which count once for each repository and day. Machines that build and test are not among them.
    pub people: Vec<Seen>,
}

/// The day of a moment: days since 1970, UTC.
pub fn day_of(at: Timestamp) -> i64 {
    at.millis().div_euclid(DAY_MILLIS)
}

/// How the parts of a batch count.
#[derive(Debug, Clone, Copy)]
pub struct Counting {
    /// What a downloader adds to the trend.
    pub person_trend: f64,
    /// Now.
    pub now: Timestamp,
}

/// Records a batch, once; false when it was recorded before. Repositories that are gone are left out.
pub async fn record_batch(
    tx: &mut Tx,
    batch: &DownloadBatch,
    counting: &Counting,
) -> Result<bool, DbError> {
    let named = [Seen { repo_id: 0, who: batch.id, at: counting.now, is_ci: false }];
    if insert_seen(tx, Scope::Batch, &named).await?.is_empty() {
        return Ok(false);
    }
    let repos = hold_repos(tx, batch).await?;
    let here = |repo_id: &i64| repos.binary_search(repo_id).is_ok();
    let seen_here = |seen: &[Seen]| -> Vec<Seen> {
        seen.iter().filter(|seen| here(&seen.repo_id)).copied().collect()
    };
    let mut days: BTreeMap<(i64, i64), Day> = BTreeMap::new();
    for count in batch.counts.iter().filter(|count| here(&count.repo_id)) {
        let day = days.entry((count.repo_id, count.day)).or_default();
        day.downloads += count.downloads;
        day.ci += count.ci;
    }
    let windows = seen_here(&batch.windows);
    for seen in insert_seen(tx, Scope::Window, &windows).await? {
        let day = days.entry((seen.repo_id, day_of(seen.at))).or_default();
        day.downloads += 1;
        day.ci += i64::from(seen.is_ci);
    }
    for seen in insert_seen(tx, Scope::Day, &seen_here(&batch.people)).await? {
        days.entry((seen.repo_id, day_of(seen.at))).or_default().people += 1;
    }
    add_days(tx, &days).await?;
    let mut changes: BTreeMap<i64, StatsChange> = BTreeMap::new();
    for ((repo_id, _), day) in days {
        let change =
            changes.entry(repo_id).or_insert(StatsChange { repo_id, ..StatsChange::default() });
        change.downloads_30d += day.downloads;
        change.downloads_all += day.downloads;
        change.people_30d += day.people;
        change.ci_30d += day.ci;
        for _ in 0..day.people {
            change.trend += counting.person_trend;
        }
    }
    let changes: Vec<_> = changes.into_values().collect();
    change_stats(tx, &changes, counting.now).await?;
    Ok(true)
}

#[derive(Debug, Default)]
struct Day {
    downloads: i64,
    people: i64,
    ci: i64,
}

/// Those of the batch's repositories that exist, in order; they cannot be removed until the transaction ends.
async fn hold_repos(tx: &mut Tx, batch: &DownloadBatch) -> Result<Vec<i64>, DbError> {
    let counted = batch.counts.iter().map(|count| count.repo_id);
    let seen = batch.windows.iter().chain(&batch.people).map(|seen| seen.repo_id);
    let wanted: Vec<i64> = counted.chain(seen).collect();
    let sql = format!(
        "SELECT id FROM repo WHERE id IN {{keys}} AND deleted_at IS NULL ORDER BY id{}",
        dialect::hold_rows(tx)
    );
    let rows = fetch_in(tx, &sql, args![], &keys(&wanted)).await?;
    rows.iter().map(|row| row.int("id")).collect()
}

/// Starts the statement that records what was seen.
macro_rules! insert_seen {
    ($conflict:literal) => {
        concat!(
            "INSERT INTO download_seen (scope, repo_id, who, at) VALUES {rows} \
             ON CONFLICT (scope, repo_id, who) ",
            $conflict,
            " RETURNING repo_id, who"
        )
    };
}

/// Records what was seen; returns what counts.
async fn insert_seen(tx: &mut Tx, scope: Scope, seen: &[Seen]) -> Result<Vec<Seen>, DbError> {
    // One row for each key: a statement must not change a row twice.
    let mut by_key: BTreeMap<(i64, Who), Seen> = BTreeMap::new();
    for one in seen {
        let first = by_key.entry((one.repo_id, one.who)).or_insert(*one);
        if one.at < first.at {
            *first = *one;
        }
    }
    let rows: Vec<[Value; 4]> = by_key
        .values()
        .map(|seen| {
            let who = seen.who.to_vec();
            [(scope as i64).into(), seen.repo_id.into(), who.into(), seen.at.into()]
        })
        .collect();
    let sql = match scope {
        Scope::Batch | Scope::Day => insert_seen!("DO NOTHING"),
        // What came within five minutes of the last one that counted does not count.
        Scope::Window => insert_seen!(
            "DO UPDATE SET at = excluded.at WHERE download_seen.at <= excluded.at - 300000"
        ),
    };
    let mut new = Vec::new();
    for row in insert_rows(tx, sql, &rows).await? {
        let who = row.bytes("who")?.try_into();
        let who: Who = who.map_err(|_| DbError::Inconsistent { column: "who" })?;
        new.extend(by_key.get(&(row.int("repo_id")?, who)).copied());
    }
    Ok(new)
}

async fn add_days(tx: &mut Tx, days: &BTreeMap<(i64, i64), Day>) -> Result<(), DbError> {
    let sql = "INSERT INTO download_day (repo_id, day, downloads, people, ci) VALUES {rows} \
               ON CONFLICT (repo_id, day) DO UPDATE SET downloads = download_day.downloads + excluded.downloads, \
               people = download_day.people + excluded.people, ci = download_day.ci + excluded.ci";
    let rows: Vec<[Value; 5]> = days
        .iter()
        .map(|((repo_id, day), sum)| {
            [
                (*repo_id).into(),
                (*day).into(),
                sum.downloads.into(),
                sum.people.into(),
                sum.ci.into(),
            ]
        })
        .collect();
    insert_rows(tx, sql, &rows).await?;
    Ok(())
}

/// A day of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayRow {
    /// Days since 1970, UTC.
    pub day: i64,
    /// Downloads.
    pub downloads: u64,
    /// Different downloaders that are no machines that build and test.
    pub people: u64,
    /// Downloads by machines that build and test.
    pub ci: u64,
}

/// The days from `first` on on which somebody downloaded a repository.
pub async fn list_days(conn: &mut Conn, repo_id: i64, first: i64) -> Result<Vec<DayRow>, DbError> {
    let sql = "SELECT day, downloads, people, ci FROM download_day WHERE repo_id = $1 AND day >= $2 ORDER BY day";
    let rows = conn.fetch_all(sql, args![repo_id, first]).await?;
    rows.iter()
        .map(|row| {
            Ok(DayRow {
                day: row.int("day")?,
                downloads: row.count("downloads")?,
                people: row.count("people")?,
                ci: row.count("ci")?,
            })
        })
        .collect()
}

/// Takes the days up to `last` of a few repositories out of the sum of 30 days, and their rows with them; returns of
/// how many repositories, so that 0 is the end.
pub async fn roll_days(
    tx: &mut Tx,
    last: i64,
    limit: i64,
    now: Timestamp,
) -> Result<usize, DbError> {
    let sql = "SELECT DISTINCT repo_id FROM download_day WHERE day <= $1 ORDER BY repo_id LIMIT $2";
    let rows = tx.fetch_all(sql, args![last, limit]).await?;
    let repos = rows.iter().map(|row| row.int("repo_id")).collect::<Result<Vec<_>, _>>()?;
    let sql = "DELETE FROM download_day WHERE day <= $1 AND repo_id IN {keys} \
               RETURNING repo_id, downloads, people, ci";
    let mut changes: BTreeMap<i64, StatsChange> = BTreeMap::new();
    for row in fetch_in(tx, sql, args![last], &keys(&repos)).await? {
        let repo_id = row.int("repo_id")?;
        let change =
            changes.entry(repo_id).or_insert(StatsChange { repo_id, ..StatsChange::default() });
        change.downloads_30d -= row.int("downloads")?;
        change.people_30d -= row.int("people")?;
        change.ci_30d -= row.int("ci")?;
    }
    let changes: Vec<_> = changes.into_values().collect();
    change_stats(tx, &changes, now).await?;
    Ok(repos.len())
}

/// Forgets what was seen before `before`; returns how much that was, so that less than `limit` is the end.
pub async fn delete_seen(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, DbError> {
    let sql = "DELETE FROM download_seen WHERE (scope, repo_id, who) IN \
               (SELECT scope, repo_id, who FROM download_seen WHERE at < $1 ORDER BY at LIMIT $2)";
    tx.execute(sql, args![before, limit]).await
}
