//! Locks on files.

use steelyard_core::Timestamp;

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx};

/// A file somebody locked.
#[derive(Debug, Clone)]
pub struct LockRow {
    /// UUID.
    pub id: String,
    /// The file.
    pub path: String,
    /// Who holds it.
    pub owner_id: i64,
    /// Their name.
    pub owner_name: String,
    /// Since when.
    pub locked_at: Timestamp,
}

fn lock(row: &Row) -> Result<LockRow, DbError> {
    Ok(LockRow {
        id: row.text("id")?,
        path: row.text("path")?,
        owner_id: row.int("owner_id")?,
        owner_name: row.text("owner_name")?,
        locked_at: row.timestamp("locked_at")?,
    })
}

macro_rules! select_lock {
    () => {
        "SELECT l.id, l.path, l.owner_id, a.name AS owner_name, l.locked_at FROM lfs_lock l \
         JOIN account a ON a.id = l.owner_id "
    };
}

/// Locks a path; [`DbError::Conflict`] when it is locked.
pub async fn create_lock(
    tx: &mut Tx,
    repo_id: i64,
    id: &str,
    path: &str,
    owner_id: i64,
    ref_name: Option<&str>,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "INSERT INTO lfs_lock (id, repo_id, path, owner_id, ref_name, locked_at) VALUES ($1, $2, $3, $4, $5, $6)";
    tx.execute(sql, args![id, repo_id, path, owner_id, ref_name, now]).await?;
    Ok(())
}

/// The lock on a path.
pub async fn find_lock_by_path(
    conn: &mut Conn,
    repo_id: i64,
    path: &str,
) -> Result<Option<LockRow>, DbError> {
    let sql = concat!(select_lock!(), "WHERE l.repo_id = $1 AND l.path = $2");
    conn.fetch_optional(sql, args![repo_id, path]).await?.as_ref().map(lock).transpose()
}

/// The lock with that id.
pub async fn find_lock(
    conn: &mut Conn,
    repo_id: i64,
    id: &str,
) -> Result<Option<LockRow>, DbError> {
    let sql = concat!(select_lock!(), "WHERE l.repo_id = $1 AND l.id = $2");
    conn.fetch_optional(sql, args![repo_id, id]).await?.as_ref().map(lock).transpose()
}

/// Locks in order of path, after `after`.
pub async fn list_locks(
    conn: &mut Conn,
    repo_id: i64,
    after: &str,
    limit: i64,
) -> Result<Vec<LockRow>, DbError> {
    let sql =
        concat!(select_lock!(), "WHERE l.repo_id = $1 AND l.path > $2 ORDER BY l.path LIMIT $3");
    conn.fetch_all(sql, args![repo_id, after, limit]).await?.iter().map(lock).collect()
}

/// Releases a lock.
pub async fn delete_lock(tx: &mut Tx, repo_id: i64, id: &str) -> Result<bool, DbError> {
    let sql = "DELETE FROM lfs_lock WHERE repo_id = $1 AND id = $2";
    Ok(tx.execute(sql, args![repo_id, id]).await? > 0)
}
