//! Where the two engines must part.

use crate::Conn;

macro_rules! claim_job {
    ($locking:literal) => {
        concat!(
            "UPDATE job SET state = 'running', attempts = attempts + 1, lease_owner = $2, lease_until = $3 \
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
