//! How contents and left-over objects go.

use steelyard_core::{Sha256, Timestamp};

use crate::batch::{fetch_in, keys};
use crate::conn::args;
use crate::{Conn, DbError, Tx, Value, dialect};

/// True when neither a link nor a finished upload holds a content. A claim for its SHA-256 leads to a file, not to it.
macro_rules! unlinked {
    () => {
        "NOT EXISTS (SELECT 1 FROM lfs_link l WHERE l.sha256 = lfs_object.sha256 AND l.claimed_file_id IS NULL) \
         AND NOT EXISTS (SELECT 1 FROM lfs_upload u WHERE u.sha256 = lfs_object.sha256 AND u.finished_at IS NOT NULL)"
    };
}

/// Contents without a link that are older than `before` and not condemned, in order of hash, after `after`: what
/// [`condemn_unlinked`] is for. A finished upload holds its content until it is swept.
pub async fn list_unlinked(
    conn: &mut Conn,
    before: Timestamp,
    after: &[u8],
    limit: i64,
) -> Result<Vec<Sha256>, DbError> {
    let sql = concat!(
        "SELECT sha256 FROM lfs_object WHERE sha256 > $2 AND condemned_at IS NULL AND created_at < $1 AND ",
        unlinked!(),
        " ORDER BY sha256 LIMIT $3"
    );
    let rows = conn.fetch_all(sql, args![before, after, limit]).await?;
    rows.iter().map(|row| row.sha256("sha256")).collect()
}

/// Condemns those of these contents that have no link and are older than `before`; returns how many. They go when nobody
/// links to them until then.
pub async fn condemn_unlinked(
    tx: &mut Tx,
    asked: &[Sha256],
    before: Timestamp,
    now: Timestamp,
) -> Result<u64, DbError> {
    let sql = concat!(
        "UPDATE lfs_object SET condemned_at = $2 WHERE sha256 IN {keys} AND condemned_at IS NULL \
         AND created_at < $1 AND ",
        unlinked!(),
        " RETURNING sha256"
    );
    Ok(fetch_in(tx, sql, args![before, now], &keys(asked)).await?.len() as u64)
}

/// Takes a stored content off the condemned list and keeps it off until the transaction ends; its size, or `None`
/// when there is no such content.
///
/// Waits for a transaction that is deleting the content, so that whoever stores its bytes again does so afterwards.
pub async fn spare_object(tx: &mut Tx, sha256: Sha256) -> Result<Option<u64>, DbError> {
    let sql = "UPDATE lfs_object SET condemned_at = NULL WHERE sha256 = $1 RETURNING size_bytes";
    let row = tx.fetch_optional(sql, args![sha256]).await?;
    row.map(|row| row.count("size_bytes")).transpose()
}

/// Records bytes that lie in the object store without a row, condemned from the start, so that they go as others do.
/// Where a file holds the content, they are left over ([`list_retired_raw`]). False when their row says already
/// that they are there.
pub async fn condemn_orphan(
    tx: &mut Tx,
    sha256: Sha256,
    size_bytes: u64,
    now: Timestamp,
) -> Result<bool, DbError> {
    let sql = "INSERT INTO lfs_object (sha256, size_bytes, created_at, condemned_at) VALUES ($1, $2, $3, $3) \
               ON CONFLICT (sha256) DO UPDATE SET raw_retired_at = excluded.created_at \
               WHERE NOT lfs_object.has_raw AND lfs_object.raw_retired_at IS NULL";
    Ok(tx.execute(sql, args![sha256, Value::count(size_bytes), now]).await? > 0)
}

/// Contents that were condemned before `before`.
pub async fn list_condemned(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Sha256>, DbError> {
    let sql =
        "SELECT sha256 FROM lfs_object WHERE condemned_at < $1 ORDER BY condemned_at LIMIT $2";
    let rows = conn.fetch_all(sql, args![before, limit]).await?;
    rows.iter().map(|row| row.sha256("sha256")).collect()
}

/// Deletes a content that was condemned before `before` and still has no link; false when it was spared meanwhile.
/// Until the transaction ends nobody can store or link it, so its bytes are deleted before the commit: the object, also
/// one that is left over. A file that held it is released, and goes when nothing else names it.
pub async fn delete_condemned(
    tx: &mut Tx,
    sha256: Sha256,
    before: Timestamp,
) -> Result<bool, DbError> {
    let sql = format!(
        "SELECT 1 AS one FROM lfs_object WHERE sha256 = $1 AND condemned_at < $2{}",
        dialect::lock_doomed_rows(tx)
    );
    if tx.fetch_dynamic(sql, args![sha256, before]).await?.is_empty() {
        return Ok(false);
    }
    // A statement of its own sees the links that were committed before the row was locked.
    let sql =
        concat!("DELETE FROM lfs_object WHERE sha256 = $1 AND condemned_at < $2 AND ", unlinked!());
    Ok(tx.execute(sql, args![sha256, before]).await? > 0)
}

/// Contents whose object is left over since before `before`.
pub async fn list_retired_raw(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Sha256>, DbError> {
    let sql = "SELECT sha256 FROM lfs_object WHERE raw_retired_at < $1 AND NOT has_raw \
               ORDER BY raw_retired_at LIMIT $2";
    let rows = conn.fetch_all(sql, args![before, limit]).await?;
    rows.iter().map(|row| row.sha256("sha256")).collect()
}

/// Notes that a content's left-over object is gone; false when it is not, or not since before `before`. Until the
/// transaction ends nobody can store it, so the object is deleted before the commit.
pub async fn forget_retired_raw(
    tx: &mut Tx,
    sha256: Sha256,
    before: Timestamp,
) -> Result<bool, DbError> {
    let sql = "UPDATE lfs_object SET raw_retired_at = NULL \
               WHERE sha256 = $1 AND raw_retired_at < $2 AND NOT has_raw AND xet_file_id IS NOT NULL";
    Ok(tx.execute(sql, args![sha256, before]).await? > 0)
}
