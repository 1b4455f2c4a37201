//! Where the two engines must part.

use crate::conn::args;
use crate::{Conn, DbError, Row};

macro_rules! claim_job {
    ($locking:literal) => {
        concat!(
            "UPDATE job SET state = 'running', attempts = attempts + 1, lease_owner = $2, lease_until = $3, \
             started_at = $1, progress_done = NULL, progress_total = NULL, progress_unit = NULL \
             WHERE id = (SELECT j.id FROM job j WHERE ((j.state = 'waiting' AND j.run_at <= $1) \
             OR (j.state = 'running' AND j.lease_until < $1)) \
             AND NOT EXISTS (SELECT 1 FROM job other WHERE other.kind = j.kind AND other.subject = j.subject \
             AND other.id <> j.id AND other.state = 'running' AND other.lease_until >= $1) \
             ORDER BY j.run_at, j.id LIMIT 1",
            $locking,
            ") RETURNING id, kind, subject, attempts"
        )
    };
}

/// The statement that claims a job: PostgreSQL skips rows other replicas are claiming, SQLite has one writer anyway.
pub(crate) fn claim_job_sql(conn: &Conn) -> &'static str {
    if conn.is_postgres() { claim_job!(" FOR UPDATE SKIP LOCKED") } else { claim_job!("") }
}

/// What locks the rows a statement returns until the transaction ends: SQLite has one writer anyway.
/// Rows that only refer to a locked one can still be written.
pub(crate) fn lock_rows(conn: &Conn) -> &'static str {
    if conn.is_postgres() { " FOR NO KEY UPDATE" } else { "" }
}

/// As [`lock_rows`], for rows that are to go: nobody can refer to them either, and those that others hold are left out.
pub(crate) fn lock_doomed_rows(conn: &Conn) -> &'static str {
    if conn.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" }
}

/// What keeps the rows a statement returns as they are until the transaction ends; several may hold them so.
pub(crate) fn share_rows(conn: &Conn) -> &'static str {
    if conn.is_postgres() { " FOR SHARE" } else { "" }
}

/// What keeps the rows a statement returns from being deleted until the transaction ends.
pub(crate) fn hold_rows(conn: &Conn) -> &'static str {
    if conn.is_postgres() { " FOR KEY SHARE" } else { "" }
}

/// What PostgreSQL's statements see now, as text.
pub(crate) async fn snapshot(conn: &mut Conn) -> Result<String, DbError> {
    conn.fetch_one("SELECT pg_current_snapshot()::text AS snapshot", args![])
        .await?
        .text("snapshot")
}

/// Events that PostgreSQL's snapshot `to` sees and `from` does not, with ids after `after`, in order of id.
pub(crate) async fn events_between(
    conn: &mut Conn,
    from: &str,
    to: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Row>, DbError> {
    // Transactions before the oldest one that ran at `from` had ended by then, and none from the first that had not begun at `to`
    // on is seen by it; the index finds those between. Without the upper end, the prepared plan walks through all events by id.
    let sql = "SELECT id, at, kind, actor_id, repo_id, payload FROM event \
               WHERE tx > 0 AND tx >= pg_snapshot_xmin($1::text::pg_snapshot)::text::bigint \
               AND tx < pg_snapshot_xmax($2::text::pg_snapshot)::text::bigint \
               AND NOT pg_visible_in_snapshot(tx::text::xid8, $1::text::pg_snapshot) \
               AND pg_visible_in_snapshot(tx::text::xid8, $2::text::pg_snapshot) \
               AND id > $3 ORDER BY id LIMIT $4";
    conn.fetch_all(sql, args![from, to, after, limit]).await
}
