//! Background jobs: rows with a lease, worked by any replica.

use steelyard_core::Timestamp;

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, dialect};

/// A job somebody holds the lease of.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// Internal key.
    pub id: i64,
    /// What to do.
    pub kind: String,
    /// To what; empty for jobs about the whole hub.
    pub subject: String,
    /// How often it was started, this time included.
    pub attempts: i64,
}

fn job(row: &Row) -> Result<JobRow, DbError> {
    Ok(JobRow {
        id: row.int("id")?,
        kind: row.text("kind")?,
        subject: row.text("subject")?,
        attempts: row.int("attempts")?,
    })
}

/// Puts a job in line unless the same one waits already.
pub async fn enqueue(
    tx: &mut Tx,
    kind: &str,
    subject: &str,
    run_at: Timestamp,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO job (kind, subject, state, run_at, attempts, created_at) VALUES ($1, $2, 'waiting', $3, 0, $4) \
         ON CONFLICT (kind, subject) WHERE state = 'waiting' DO NOTHING",
        args![kind, subject, run_at, now],
    )
    .await?;
    Ok(())
}

/// Puts a job in line unless the same one waits or runs, or has failed for good after `failed_since`; true when it did.
pub async fn ensure(
    tx: &mut Tx,
    kind: &str,
    subject: &str,
    run_at: Timestamp,
    failed_since: Timestamp,
    now: Timestamp,
) -> Result<bool, DbError> {
    let sql = "INSERT INTO job (kind, subject, state, run_at, attempts, created_at) \
               SELECT $1, $2, 'waiting', $3, 0, $4 WHERE NOT EXISTS (SELECT 1 FROM job j \
               WHERE j.kind = $1 AND j.subject = $2 \
               AND (j.state IN ('waiting', 'running') OR (j.state = 'failed' AND j.finished_at > $5))) \
               ON CONFLICT (kind, subject) WHERE state = 'waiting' DO NOTHING";
    Ok(tx.execute(sql, args![kind, subject, run_at, now, failed_since]).await? > 0)
}

/// True when the same job waits or runs.
pub async fn is_pending(conn: &mut Conn, kind: &str, subject: &str) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS one FROM job WHERE kind = $1 AND subject = $2 AND state IN ('waiting', 'running')";
    Ok(conn.fetch_optional(sql, args![kind, subject]).await?.is_some())
}

/// Takes the lease of the job that is due longest; jobs whose lease ran out count as due.
/// Two replicas never hold the same job, nor two jobs of the same kind and subject.
pub async fn claim(
    tx: &mut Tx,
    owner: &str,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Option<JobRow>, DbError> {
    let sql = dialect::claim_job_sql(tx);
    tx.fetch_optional(sql, args![now, owner, lease_until]).await?.as_ref().map(job).transpose()
}

/// Prolongs a lease; false when somebody else has taken it over.
pub async fn renew(
    tx: &mut Tx,
    id: i64,
    owner: &str,
    lease_until: Timestamp,
) -> Result<bool, DbError> {
    let sql =
        "UPDATE job SET lease_until = $3 WHERE id = $1 AND lease_owner = $2 AND state = 'running'";
    Ok(tx.execute(sql, args![id, owner, lease_until]).await? > 0)
}

/// How far a job has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobProgress {
    /// How many of something are done.
    pub done: u64,
    /// Of how many, where that is known before.
    pub total: Option<u64>,
    /// Of what; `bytes`, or a word in the plural.
    pub unit: String,
}

/// Records how far a job has come, unless somebody else has taken it over.
pub async fn record_progress(
    tx: &mut Tx,
    id: i64,
    owner: &str,
    progress: &JobProgress,
) -> Result<(), DbError> {
    let sql = "UPDATE job SET progress_done = $3, progress_total = $4, progress_unit = $5 \
               WHERE id = $1 AND lease_owner = $2 AND state = 'running'";
    let int = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (done, total) = (int(progress.done), progress.total.map(int));
    tx.execute(sql, args![id, owner, done, total, &*progress.unit]).await?;
    Ok(())
}

/// Records success.
pub async fn finish(tx: &mut Tx, id: i64, owner: &str, now: Timestamp) -> Result<(), DbError> {
    let sql = "UPDATE job SET state = 'done', finished_at = $3, lease_owner = NULL, lease_until = NULL \
               WHERE id = $1 AND lease_owner = $2";
    tx.execute(sql, args![id, owner, now]).await?;
    Ok(())
}

/// Records failure; the job runs again at `retry_at`, or stays failed when that is `None`.
pub async fn fail(
    tx: &mut Tx,
    id: i64,
    owner: &str,
    error: &str,
    retry_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), DbError> {
    // A retry must not stand beside a waiting twin: then the twin does the work and this row is history.
    let sql = "UPDATE job SET last_error = $3, lease_owner = NULL, lease_until = NULL, finished_at = $5, \
               run_at = COALESCE($4, run_at), state = CASE WHEN $4 IS NULL OR EXISTS (SELECT 1 FROM job twin \
               WHERE twin.kind = job.kind AND twin.subject = job.subject AND twin.state = 'waiting') \
               THEN 'failed' ELSE 'waiting' END WHERE id = $1 AND lease_owner = $2";
    tx.execute(sql, args![id, owner, error, retry_at, now]).await?;
    Ok(())
}

/// Deletes the rows of jobs that succeeded before `done_before` or failed for good before `failed_before`.
pub async fn delete_ended(
    tx: &mut Tx,
    done_before: Timestamp,
    failed_before: Timestamp,
) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM job WHERE (state = 'done' AND finished_at < $1) OR (state = 'failed' AND finished_at < $2)",
        args![done_before, failed_before],
    )
    .await
}

/// How many jobs there are per kind and state; for the metrics page.
pub async fn count_jobs(conn: &mut Conn) -> Result<Vec<(String, String, i64)>, DbError> {
    let sql =
        "SELECT kind, state, COUNT(*) AS n FROM job GROUP BY kind, state ORDER BY kind, state";
    let rows = conn.fetch_all(sql, args![]).await?;
    rows.iter().map(|row| Ok((row.text("kind")?, row.text("state")?, row.int("n")?))).collect()
}

/// A job as an administrator sees it.
#[derive(Debug, Clone)]
pub struct JobLine {
    /// Internal key.
    pub id: i64,
    /// What to do.
    pub kind: String,
    /// To what.
    pub subject: String,
    /// `waiting`, `running`, `done` or `failed`.
    pub state: String,
    /// When it is due.
    pub run_at: Timestamp,
    /// How often it was started.
    pub attempts: i64,
    /// The process that works on it.
    pub lease_owner: Option<String>,
    /// Why the last run failed.
    pub last_error: Option<String>,
    /// When its last run began.
    pub started_at: Option<Timestamp>,
    /// How far that came, if it told.
    pub progress: Option<JobProgress>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

fn progress(row: &Row) -> Result<Option<JobProgress>, DbError> {
    let (done, unit) = (row.opt_int("progress_done")?, row.opt_text("progress_unit")?);
    let total = row.opt_int("progress_total")?.map(i64::unsigned_abs);
    Ok(done.zip(unit).map(|(done, unit)| JobProgress { done: done.unsigned_abs(), total, unit }))
}

/// Jobs with ids before `before`, newest first; of one state unless `state` is empty.
pub async fn list_jobs(
    conn: &mut Conn,
    state: &str,
    before: i64,
    limit: i64,
) -> Result<Vec<JobLine>, DbError> {
    let sql = "SELECT id, kind, subject, state, run_at, attempts, lease_owner, last_error, started_at, progress_done, \
               progress_total, progress_unit, finished_at FROM job \
               WHERE id < $2 AND ($1 = '' OR state = $1) ORDER BY id DESC LIMIT $3";
    let line = |row: &Row| {
        Ok(JobLine {
            id: row.int("id")?,
            kind: row.text("kind")?,
            subject: row.text("subject")?,
            state: row.text("state")?,
            run_at: row.timestamp("run_at")?,
            attempts: row.int("attempts")?,
            lease_owner: row.opt_text("lease_owner")?,
            last_error: row.opt_text("last_error")?,
            started_at: row.opt_timestamp("started_at")?,
            progress: progress(row)?,
            finished_at: row.opt_timestamp("finished_at")?,
        })
    };
    conn.fetch_all(sql, args![state, before, limit]).await?.iter().map(line).collect()
}

/// Lets a job that failed for good run again; its kind and subject, or `None` when it did not fail or its twin waits.
pub async fn retry(
    tx: &mut Tx,
    id: i64,
    now: Timestamp,
) -> Result<Option<(String, String)>, DbError> {
    let sql = "UPDATE job SET state = 'waiting', attempts = 0, run_at = $2, finished_at = NULL \
               WHERE id = $1 AND state = 'failed' AND NOT EXISTS (SELECT 1 FROM job twin \
               WHERE twin.kind = job.kind AND twin.subject = job.subject AND twin.state = 'waiting') \
               RETURNING kind, subject";
    let row = tx.fetch_optional(sql, args![id, now]).await?;
    row.map(|row| Ok((row.text("kind")?, row.text("subject")?))).transpose()
}

/// Makes a job due now that waits for later.
pub async fn hasten(tx: &mut Tx, kind: &str, subject: &str, now: Timestamp) -> Result<(), DbError> {
    let sql = "UPDATE job SET run_at = $3 WHERE kind = $1 AND subject = $2 AND state = 'waiting' AND run_at > $3";
    tx.execute(sql, args![kind, subject, now]).await?;
    Ok(())
}

/// When a job of each kind last succeeded, as far as rows of it are left.
pub async fn last_successes(conn: &mut Conn) -> Result<Vec<(String, Timestamp)>, DbError> {
    let sql = "SELECT kind, MAX(finished_at) AS at FROM job WHERE state = 'done' AND finished_at IS NOT NULL \
               GROUP BY kind ORDER BY kind";
    let rows = conn.fetch_all(sql, args![]).await?;
    rows.iter().map(|row| Ok((row.text("kind")?, row.timestamp("at")?))).collect()
}
